//! WALs that are read while they grow.

use proptest::collection::vec;
use proptest::prelude::*;
use stonekeep_format::log::PredecessorWal;
use stonekeep_format::wal::{FollowedRecord, Replay, SequenceBreak, WalScanner, WalTail};
use stonekeep_format::{FileNumber, Result, SequenceNumber};
use stonekeep_format_testkit::log::LogBuilder;

use crate::wal_batch::{BEGIN_PREPARE, Batch, COMMIT, DELETION, END_PREPARE};

const NUMBER: FileNumber = FileNumber(7);

fn wal_of(number: FileNumber, recyclable: bool, batches: &[Batch]) -> Vec<u8> {
    let mut writer = if recyclable {
        LogBuilder::recyclable(number)
    } else {
        LogBuilder::new()
    };
    batches.iter().for_each(|batch| writer.write(&batch.bytes()));
    writer.take_bytes()
}

fn tail() -> WalTail {
    WalTail::new(NUMBER, Replay::default(), None)
}

/// Where the records end, and the gaps before them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    ends: Vec<(u64, u64)>,
    gaps: Vec<SequenceBreak>,
}

impl Seen {
    fn take(&mut self, record: &FollowedRecord<'_>) -> Result<()> {
        self.ends.push((record.offset, record.end_offset));
        self.gaps.extend(record.gap);
        Ok(())
    }
}

/// Reads what is behind the last complete record, as a follower does.
fn look(tail: &mut WalTail, file: &[u8], seen: &mut Seen) -> stonekeep_format::log::LogEnd {
    let from = tail.valid_bytes() as usize;
    tail.push(&file[from..], &mut |record| seen.take(record)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the file grows, and whatever an older log has left behind its end.
    #[test]
    fn each_record_is_seen_once(
        sizes in vec(prop_oneof![4 => 0..60usize, 1 => 0..70_000usize], 1..20),
        recyclable: bool,
        cuts in vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut next = 1;
        let batches: Vec<Batch> = sizes.iter().map(|size| {
            let batch = Batch::at(next).record(DELETION, 0, &[&vec![7; *size]]);
            next += 1;
            batch
        }).collect();
        let whole = wal_of(NUMBER, recyclable, &batches);
        let old = wal_of(FileNumber(3), true, &[batches.clone(), batches].concat());
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).collect();
        cuts.push(whole.len());
        cuts.sort_unstable();
        let (mut tail, mut seen) = (tail(), Seen::default());
        let mut end = None;
        for cut in cuts {
            let behind: &[u8] = if recyclable { &old[cut..] } else { &[] };
            end = Some(look(&mut tail, &[&whole[..cut], behind].concat(), &mut seen));
        }
        let mut expected = Vec::new();
        let mut replay = Replay::default();
        let mut scanner = WalScanner::new(NUMBER, &mut replay);
        scanner.push_each(&whole, &mut |offset, _| expected.push(offset)).unwrap();
        let summary = scanner.finish();
        prop_assert_eq!(seen.ends.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), expected);
        prop_assert_eq!(seen.ends.last().unwrap().1, whole.len() as u64);
        prop_assert_eq!(seen.gaps, []);
        prop_assert_eq!(tail.last_sequence(), summary.last_sequence);
        prop_assert!(end.unwrap().is_complete());
    }
}

#[test]
fn half_of_a_record_is_waited_for() {
    let whole = wal_of(NUMBER, false, &[Batch::at(1).keys(2), Batch::at(3).keys(1)]);
    let (mut tail, mut seen) = (tail(), Seen::default());
    let end = look(&mut tail, &whole[..whole.len() - 1], &mut seen);
    assert!(!end.is_complete() && seen.ends.len() == 1);
    assert_eq!(tail.valid_bytes(), seen.ends[0].1);
    assert!(look(&mut tail, &whole, &mut seen).is_complete());
    assert_eq!(seen.ends.len(), 2);
}

fn gaps(batches: &[Batch]) -> Vec<(u64, u64, bool)> {
    let (mut tail, mut seen) = (tail(), Seen::default());
    look(&mut tail, &wal_of(NUMBER, false, batches), &mut seen);
    let gaps = seen.gaps.iter();
    gaps.map(|gap| (gap.last.highest.0, gap.found.0, gap.goes_back()))
        .collect()
}

#[test]
fn missing_numbers_are_a_gap_and_repeated_ones_go_back() {
    let batches = |second: u64| {
        [
            Batch::at(10).keys(3),
            Batch::at(second).keys(2),
            Batch::at(second + 2),
        ]
    };
    assert_eq!(gaps(&batches(13)), []);
    assert_eq!(gaps(&batches(14)), [(12, 14, false)]);
    assert_eq!(gaps(&batches(12)), [(12, 12, true)]);
    assert_eq!(gaps(&batches(10)), [(12, 10, true)]);
    let text = |second| {
        let (mut tail, mut seen) = (tail(), Seen::default());
        look(&mut tail, &wal_of(NUMBER, false, &batches(second)), &mut seen);
        seen.gaps[0].to_string()
    };
    assert!(text(14).starts_with("sequence number 14 comes where 13 is expected"));
    assert_eq!(text(12), "sequence number 12 follows 12: the numbers go back");
}

#[test]
fn the_numbers_go_on_from_wal_to_wal() {
    let (mut tail, mut seen) = (tail(), Seen::default());
    let prepare = Batch::at(5).marker(BEGIN_PREPARE).keys(3).named(END_PREPARE, "a");
    look(
        &mut tail,
        &wal_of(NUMBER, false, &[Batch::at(1).keys(4), prepare]),
        &mut seen,
    );
    assert_eq!(tail.prepared_transactions(), 1);
    tail.go_on(FileNumber(9));
    assert_eq!((tail.number(), tail.valid_bytes()), (FileNumber(9), 0));
    // The keys of the section have their numbers from the commit, in another WAL.
    let commit = Batch::at(5).named(COMMIT, "a");
    look(
        &mut tail,
        &wal_of(FileNumber(9), true, &[commit, Batch::at(8).keys(1)]),
        &mut seen,
    );
    assert_eq!(seen.gaps, []);
    assert_eq!(tail.last_sequence().unwrap().exact(), Some(SequenceNumber(8)));
    tail.go_on(FileNumber(11));
    look(
        &mut tail,
        &wal_of(FileNumber(11), false, &[Batch::at(10).keys(1)]),
        &mut seen,
    );
    assert_eq!(seen.gaps.len(), 1);
    assert_eq!(seen.gaps[0].found, SequenceNumber(10));
}

#[test]
fn what_the_first_wal_must_follow_may_be_known() {
    let before = {
        let (mut tail, mut seen) = (tail(), Seen::default());
        look(
            &mut tail,
            &wal_of(NUMBER, false, &[Batch::at(1).keys(4)]),
            &mut seen,
        );
        tail.last_sequence()
    };
    for (first, gaps) in [(5, 0), (6, 1)] {
        let mut tail = WalTail::new(FileNumber(8), Replay::default(), before);
        let mut seen = Seen::default();
        look(
            &mut tail,
            &wal_of(FileNumber(8), false, &[Batch::at(first).keys(1)]),
            &mut seen,
        );
        assert_eq!(seen.gaps.len(), gaps, "{first}");
    }
}

/// The batches of two transactions, one committed in the second WAL, and of one that was prepared in no WAL.
fn two_wals() -> [Vec<u8>; 2] {
    let prepare = |name, keys| {
        Batch::at(5)
            .marker(BEGIN_PREPARE)
            .keys(keys)
            .named(END_PREPARE, name)
    };
    let first = [Batch::at(1).keys(4), prepare("a", 3), prepare("b", 2)];
    let second = [
        Batch::at(5).named(COMMIT, "a"),
        Batch::at(8).keys(1),
        Batch::at(9).named(COMMIT, "unknown"),
        Batch::at(9).keys(2),
        Batch::at(11).named(COMMIT, "b"),
        Batch::at(13).keys(1),
    ];
    [
        wal_of(NUMBER, false, &first),
        wal_of(FileNumber(9), false, &second),
    ]
}

#[test]
fn a_reader_continues_in_the_middle_of_a_wal() {
    let [first, second] = two_wals();
    let (mut tail, mut seen) = (tail(), Seen::default());
    look(&mut tail, &first, &mut seen);
    tail.go_on(FileNumber(9));
    let mut ends = Seen::default();
    look(&mut tail, &second, &mut ends);
    for cut in ends.ends.iter().map(|(_, end)| *end as usize) {
        let (mut tail, mut seen) = (self::tail(), Seen::default());
        look(&mut tail, &first, &mut seen);
        tail.go_on(FileNumber(9));
        look(&mut tail, &second[..cut], &mut seen);
        let (state, last) = (tail.replay().state(), tail.last_sequence());
        let mut continued = WalTail::new(FileNumber(9), state.clone().into(), None);
        look(&mut continued, &second[..cut], &mut Seen::default());
        assert_eq!(
            (continued.replay().state(), continued.valid_bytes()),
            (state, cut as u64)
        );
        continued.set_last_sequence(last);
        look(&mut continued, &second, &mut seen);
        assert_eq!((&seen.gaps, seen.ends.len()), (&Vec::new(), 9), "{cut}");
        assert_eq!(
            continued.last_sequence().unwrap().exact(),
            Some(SequenceNumber(13))
        );
    }
}

#[test]
fn a_commit_without_its_prepared_section_is_reported() {
    let [first, second] = two_wals();
    let mut unknown = Vec::new();
    let mut tail = tail();
    for (number, wal) in [(NUMBER, first), (FileNumber(9), second)] {
        if number != NUMBER {
            tail.go_on(number);
        }
        let pushed = tail.push(&wal, &mut |record| {
            unknown.extend((record.batch.unknown_commits > 0).then_some(record.batch.sequence.0));
            Ok(())
        });
        pushed.unwrap();
    }
    assert_eq!(unknown, [9]);
    assert!(!tail.replay().numbers_per_batch());
}

#[test]
fn a_wal_says_which_one_it_follows() {
    let facts = PredecessorWal {
        number: FileNumber(5),
        size_bytes: 100,
        last_sequence: SequenceNumber(0),
    };
    let mut writer = LogBuilder::new();
    writer.predecessor_wal(&facts);
    let mut tail = tail();
    assert_eq!(tail.predecessor(), None);
    look(&mut tail, &writer.take_bytes(), &mut Seen::default());
    assert_eq!(tail.predecessor(), Some(facts));
}
