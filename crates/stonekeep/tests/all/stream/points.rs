//! Points of a stream: each target is the record that it has to be, in whichever form the segments are.

use proptest::prelude::*;
use stonekeep::format::FileNumber;
use stonekeep::repo::stream::chain::Chain;
use stonekeep::repo::stream::content::SegmentContent;
use stonekeep::repo::stream::content_item::ContentItem;
use stonekeep::repo::stream::position::{resolve, settle};
use stonekeep::repo::stream::segment_header::{ManifestPosition, WalPosition};
use stonekeep::repo::stream::segment_name::Ordinal;
use stonekeep::repo::stream::sequence_cut::SequenceCut;
use stonekeep::repo::stream::target::{Base, InsidePiece, Position, Resolved, Target};
use stonekeep::{ErrorKind, Result, Store};

use super::chains::{join, read, remove};
use super::maker::{Maker, sequence, store};

/// A backup that is made now.
pub(crate) fn base_of(maker: &Maker) -> Base {
    Base {
        ordinal: Ordinal(maker.next - 1),
        end: maker.end(),
        last_sequence: sequence(maker.sequence),
        manifest: ManifestPosition {
            number: FileNumber(5),
            offset: 1000,
        },
        lowest_log_number: maker.end().number,
    }
}

/// Cuts a piece: reads all that the stream has up to it.
fn cut(store: &Store, chain: &Chain, base: &Base, inside: &InsidePiece) -> Result<Position> {
    let (mut cut, mut bytes) = (SequenceCut::new(inside.wanted), Vec::new());
    for segment in chain.runs.iter().flat_map(|run| &run.segments) {
        let mut content = SegmentContent::open(store, segment)?;
        while let Some(item) = content.next(&mut bytes)? {
            match item {
                ContentItem::Piece(ordinal, piece) if ordinal <= inside.ordinal => {
                    cut.push(piece.wal, &bytes)?
                }
                _ => {}
            }
        }
    }
    settle(chain, base, inside, cut.finish()?)
}

/// The point of a target.
pub(crate) fn find(store: &Store, base: &Base, target: Target) -> Result<Position> {
    let chain = read(store);
    match resolve(&chain, base, target)? {
        Resolved::At(position) => Ok(position),
        Resolved::Inside(inside) => cut(store, &chain, base, &inside),
    }
}

pub(crate) fn find_sequence(store: &Store, base: &Base, number: u64) -> Result<Position> {
    find(store, base, Target::AtSequence(sequence(number)))
}

/// The error of a target that cannot be reached.
pub(crate) fn refusal(store: &Store, base: &Base, target: Target) -> (ErrorKind, String) {
    let error = find(store, base, target).unwrap_err();
    (error.kind(), error.one_line())
}

/// The last record that is not beyond a sequence number.
fn expected(maker: &Maker, number: u64) -> WalPosition {
    let mut ends = maker.ends.iter().filter(|(_, sequence)| *sequence <= number);
    ends.next_back().unwrap().0
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Write(u32),
    Switch,
    Put,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![4 => (1..6u32).prop_map(Act::Write), 1 => Just(Act::Switch), 2 => Just(Act::Put)];
    proptest::collection::vec(act, 1..40)
}

fn run(maker: &mut Maker, store: &Store, acts: &[Act]) {
    for act in acts {
        match act {
            Act::Write(keys) => drop(maker.write(*keys)),
            Act::Switch => drop(maker.switch()),
            Act::Put => drop(maker.put(store)),
        }
    }
    maker.put(store);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each number from the base on, whatever is written after it, and in joined segments.
    #[test]
    fn each_sequence_number_is_a_record(before in acts(), after in acts(), join_them: bool) {
        let (store, mut maker) = (store(), Maker::new());
        maker.write(1);
        run(&mut maker, &store, &before);
        let base = base_of(&maker);
        run(&mut maker, &store, &after);
        if join_them && maker.next > 2 {
            join(&store, (0, maker.next - 2));
        }
        for number in base.last_sequence.0..=maker.sequence {
            let found = find_sequence(&store, &base, number).unwrap();
            prop_assert_eq!(found.end, expected(&maker, number).max(base.end), "{}", number);
            prop_assert!(found.last_sequence.exact().unwrap().0 <= number);
        }
        let latest = find(&store, &base, Target::Latest).unwrap();
        let end = maker.ends.last().unwrap().0.max(base.end);
        prop_assert_eq!((latest.end, latest.ordinal.0), (end, maker.next - 1));
    }
}

#[test]
fn what_is_before_the_base_or_behind_the_end_is_refused() {
    let (store, mut maker) = (store(), Maker::new());
    maker.write(5).put(&store);
    let base = base_of(&maker);
    maker.write(5).put(&store);
    let target = |number| Target::AtSequence(sequence(number));
    let (kind, reason) = refusal(&store, &base, target(4));
    assert_eq!(kind, ErrorKind::Refused);
    assert!(
        reason.contains("the lowest point that can be reached from it is sequence number 5"),
        "{reason}"
    );
    assert_eq!(find_sequence(&store, &base, 5).unwrap(), base.position());
    // 6 to 9 are inside the batch that ends with 10.
    assert_eq!(find_sequence(&store, &base, 9).unwrap(), base.position());
    assert_eq!(find_sequence(&store, &base, 10).unwrap().end, maker.end());
    let (kind, reason) = refusal(&store, &base, target(11));
    assert_eq!(kind, ErrorKind::Refused);
    assert!(
        reason.contains("the stream ends at sequence number 10, before 11"),
        "{reason}"
    );
}

#[test]
fn a_base_that_is_ahead_of_the_stream_is_met_inside_a_piece() {
    let (store, mut maker) = (store(), Maker::new());
    maker.write(2).put(&store);
    maker.write(2);
    let base = base_of(&maker);
    maker.write(3).write(1).put(&store);
    for (number, end) in [
        (4, base.end),
        (6, base.end),
        (7, maker.ends[2].0),
        (8, maker.end()),
    ] {
        assert_eq!(find_sequence(&store, &base, number).unwrap().end, end, "{number}");
    }
    let (kind, reason) = refusal(&store, &base, Target::AtTime(maker.wall_ms - 2000));
    assert_eq!(kind, ErrorKind::Refused);
    assert!(reason.contains("before the end of the base"), "{reason}");
}

#[test]
fn a_time_is_the_end_of_the_last_segment_that_was_measured_before() {
    let (store, mut maker) = (store(), Maker::new());
    maker.write(1).put(&store);
    let base = base_of(&maker);
    let mut ends = vec![(maker.wall_ms - 1000, maker.end(), 0)];
    for at in 1..6 {
        // One segment in between has no bytes.
        if at != 3 {
            maker.write(2);
        }
        maker.put(&store);
        ends.push((maker.wall_ms - 1000, maker.end(), at));
    }
    for (at, (wall_ms, end, ordinal)) in ends.iter().enumerate() {
        for later in [0, 1, 999] {
            let found = find(&store, &base, Target::AtTime(wall_ms + later)).unwrap();
            assert_eq!((found.end, found.ordinal.0), (*end, *ordinal));
            assert_eq!(found.measured_ms, Some(*wall_ms).filter(|_| at < ends.len()));
        }
    }
    let far = find(&store, &base, Target::AtTime(i64::MAX)).unwrap();
    assert_eq!((far.end, far.ordinal.0), (maker.end(), 5));
    let (kind, reason) = refusal(&store, &base, Target::AtTime(ends[0].0 - 1));
    assert_eq!(kind, ErrorKind::Refused);
    assert!(
        reason.contains("that time is before the end of the base"),
        "{reason}"
    );
}

#[test]
fn a_time_that_comes_twice_is_refused() {
    let (store, mut maker) = (store(), Maker::new());
    maker.write(1).put(&store);
    let base = base_of(&maker);
    let start = maker.wall_ms;
    for _ in 0..3 {
        maker.write(1).put(&store);
    }
    // Measured at start, + 1000, + 2000, then at + 500, + 1500, + 2500.
    maker.wall_ms = start + 500;
    for _ in 0..3 {
        maker.write(1).put(&store);
    }
    let at = |ms| Target::AtTime(start + ms);
    assert_eq!(find(&store, &base, at(499)).unwrap().ordinal.0, 1);
    assert_eq!(find(&store, &base, at(2500)).unwrap().ordinal.0, 6);
    assert_eq!(find(&store, &base, at(2000)).unwrap().ordinal.0, 5);
    for (ms, first, last) in [
        (
            500,
            "segment 1 (sequence number 2)",
            "segment 4 (sequence number 5)",
        ),
        (
            1000,
            "segment 2 (sequence number 3)",
            "segment 4 (sequence number 5)",
        ),
        (
            1999,
            "segment 2 (sequence number 3)",
            "segment 5 (sequence number 6)",
        ),
    ] {
        let (kind, reason) = refusal(&store, &base, at(ms));
        assert_eq!(kind, ErrorKind::Refused);
        assert!(
            reason.contains("comes twice") && reason.contains(first),
            "{ms}: {reason}"
        );
        assert!(reason.contains(last), "{ms}: {reason}");
    }
}

#[test]
fn a_hole_is_crossed_by_no_target() {
    let (store, mut maker) = (store(), Maker::new());
    maker.write(1).put(&store);
    let base = base_of(&maker);
    let names: Vec<_> = (0..6).map(|_| maker.write(2).put(&store).name).collect();
    let after = base_of(&maker);
    remove(&store, names[3]);
    let start = maker.wall_ms - 7000;
    // Segments 1 to 3 end with sequence numbers 3, 5, 7.
    assert_eq!(find_sequence(&store, &base, 7).unwrap().ordinal.0, 3);
    assert_eq!(
        find(&store, &base, Target::AtTime(start + 2500))
            .unwrap()
            .ordinal
            .0,
        2
    );
    let beyond = [8, 9, 13].map(|number| Target::AtSequence(sequence(number)));
    let times = [3000, 4000, 6000].map(|ms| Target::AtTime(start + ms));
    for target in beyond.into_iter().chain(times).chain([Target::Latest]) {
        let (kind, reason) = refusal(&store, &base, target);
        assert_eq!(kind, ErrorKind::Corrupt, "{target:?}: {reason}");
        assert!(reason.contains("segment 4 is missing"), "{target:?}: {reason}");
    }
    // A base behind it is not concerned.
    maker.write(1).put(&store);
    assert_eq!(find(&store, &after, Target::Latest).unwrap().end, maker.end());
    let lost = Base {
        ordinal: Ordinal(4),
        ..base
    };
    assert!(
        refusal(&store, &lost, Target::Latest)
            .1
            .contains("segment 4 is missing")
    );
}
