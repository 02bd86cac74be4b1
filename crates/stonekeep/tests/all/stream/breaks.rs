//! What no restore may cross: breaks, and pieces that do not continue each other.

use stonekeep::format::FileNumber;
use stonekeep::format::wal::SequenceBounds;
use stonekeep::repo::stream::encode::encode;
use stonekeep::repo::stream::put::put_segment;
use stonekeep::repo::stream::segment_header::{
    Break, BreakKind, BreakPlace, ManifestPosition, SegmentHeader,
};
use stonekeep::repo::stream::segment_name::{Ordinal, SegmentName};
use stonekeep::repo::stream::sequence_cut::SequenceCut;
use stonekeep::repo::stream::target::{Base, Target};
use stonekeep::{ErrorKind, Store};
use stonekeep_format_testkit::log::LogBuilder;

use super::maker::{Maker, at, sequence, store};
use super::points::{base_of, find, find_sequence, refusal};

fn manifest(offset: u64) -> ManifestPosition {
    ManifestPosition {
        number: FileNumber(5),
        offset,
    }
}

fn broken(kind: BreakKind, place: BreakPlace, last_sequence: Option<u64>) -> Break {
    Break {
        kind,
        place,
        last_sequence: last_sequence.map(sequence),
        text: "something happened".to_owned(),
    }
}

/// Requires that none of these can be reached, because of a break with this last point before it.
fn require_refused(store: &Store, base: &Base, targets: &[Target], last_point: &str) {
    for target in targets {
        let (kind, reason) = refusal(store, base, *target);
        assert_eq!(kind, ErrorKind::Refused, "{target:?}: {reason}");
        let told = reason.contains("something happened") && reason.contains(last_point);
        assert!(told, "{target:?}: {reason}");
    }
}

/// Writes without a WAL: numbers 5 to 9, in the middle of a segment.
fn with_gap(store: &Store, kind: BreakKind) -> (Maker, Base) {
    let mut maker = Maker::new();
    maker.write(1).put(store);
    let base = base_of(&maker);
    maker.write(2).write(1);
    maker.add_break(broken(kind, BreakPlace::Wal(maker.end()), Some(4)));
    maker.sequence = 9;
    maker.write(2).write(1).put(store);
    (maker, base)
}

#[test]
fn points_before_a_gap_are_good_and_those_behind_it_refused() {
    let store = store();
    let (mut maker, base) = with_gap(&store, BreakKind::SequenceGap);
    for (number, record) in [(3, 1), (4, 2)] {
        let found = find_sequence(&store, &base, number).unwrap();
        assert_eq!(found.end, maker.ends[record].0);
    }
    let (kind, reason) = refusal(&store, &base, Target::AtSequence(sequence(7)));
    assert_eq!(kind, ErrorKind::Refused);
    assert!(
        reason.contains("sequence number 7 is in no WAL of the stream: 10 follows 4"),
        "{reason}"
    );
    let behind = [11, 12].map(|number| Target::AtSequence(sequence(number)));
    let last_point = "the last point before it is sequence number 4";
    require_refused(&store, &base, &behind, last_point);
    require_refused(
        &store,
        &base,
        &[Target::Latest, Target::AtTime(maker.wall_ms)],
        last_point,
    );
    assert_eq!(
        find(&store, &base, Target::AtTime(maker.wall_ms - 2000))
            .unwrap()
            .end,
        base.end
    );
    // A base behind it is good only if what was in memory then is in its tables.
    let after = base_of(&maker);
    maker.write(1).put(&store);
    require_refused(
        &store,
        &after,
        &[Target::Latest],
        "no point after the end of the base can be reached",
    );
    assert_eq!(find_sequence(&store, &after, 12).unwrap(), after.position());
    maker.switch().write(1).put(&store);
    let flushed = base_of(&maker);
    assert_eq!(flushed.lowest_log_number, FileNumber(14));
    maker.write(1).put(&store);
    assert_eq!(find(&store, &flushed, Target::Latest).unwrap().end, maker.end());
}

#[test]
fn a_base_behind_any_other_break_goes_on() {
    for kind in [BreakKind::SequenceBack, BreakKind::WalEnd] {
        let store = store();
        let (mut maker, base) = with_gap(&store, kind);
        let after = base_of(&maker);
        maker.write(1).put(&store);
        require_refused(&store, &base, &[Target::Latest], "sequence number 4");
        assert_eq!(find(&store, &after, Target::Latest).unwrap().end, maker.end());
    }
}

#[test]
fn a_break_of_a_manifest_lies_behind_the_segment_before() {
    let (store, mut maker) = (store(), Maker::new());
    maker.write(1).put(&store);
    let base = base_of(&maker);
    maker.write(2).put(&store);
    let ingest = |offset| broken(BreakKind::Ingest, BreakPlace::Manifest(manifest(offset)), None);
    // The base has the first one.
    maker.write(1).add_break(ingest(1000)).put(&store);
    let before = maker.wall_ms - 1000;
    maker.write(1).add_break(ingest(1001)).put(&store);
    maker.write(1).put(&store);
    assert_eq!(find_sequence(&store, &base, 4).unwrap().ordinal.0, 2);
    assert_eq!(
        find(&store, &base, Target::AtTime(before + 500))
            .unwrap()
            .ordinal
            .0,
        2
    );
    let behind = [5, 6].map(|number| Target::AtSequence(sequence(number)));
    let last_point = "the last point before it is sequence number 4";
    require_refused(&store, &base, &behind, last_point);
    require_refused(
        &store,
        &base,
        &[Target::Latest, Target::AtTime(before + 1000)],
        last_point,
    );
    let after = Base {
        manifest: manifest(1001),
        ..base
    };
    assert_eq!(find(&store, &after, Target::Latest).unwrap().end, maker.end());
}

/// A segment that is put after a change to its header, with the raw bytes as they are.
fn put_with(maker: &mut Maker, store: &Store, change: impl FnOnce(&mut SegmentHeader)) {
    let segment = maker.segment_with(change);
    assert!(put_segment(store, "run", &segment).unwrap());
}

#[test]
fn pieces_that_do_not_continue_each_other_are_refused() {
    let tried = |write: &dyn Fn(&mut Maker, &Store)| {
        let (store, mut maker) = (store(), Maker::new());
        maker.write(1).put(&store);
        let base = base_of(&maker);
        maker.write(1).put(&store);
        write(&mut maker, &store);
        let good = find_sequence(&store, &base, 2).unwrap();
        assert_eq!(good.ordinal.0, 1);
        let (kind, reason) = refusal(&store, &base, Target::Latest);
        assert_eq!(kind, ErrorKind::Corrupt, "{reason}");
        reason
    };
    let skipped = tried(&|maker, store| {
        maker.write(1).header();
        maker.write(1).put(store);
    });
    assert!(
        skipped.contains("segment 2: bytes") && skipped.contains("do not continue at byte"),
        "{skipped}"
    );
    let unfinished = tried(&|maker, store| {
        maker.switch().write(1);
        put_with(maker, store, |header| header.parts[0].finals.clear());
    });
    assert!(
        unfinished.contains("not known to be the end of that WAL"),
        "{unfinished}"
    );
    let longer = tried(&|maker, store| {
        maker.switch().write(1);
        put_with(maker, store, |header| header.parts[0].finals[0].offset += 7);
    });
    assert!(longer.contains("WAL 12 ends at byte"), "{longer}");
    let beginning = tried(&|maker, store| {
        maker.switch().write(1).header();
        maker.write(1).put(store);
    });
    assert!(beginning.contains("do not begin with the WAL"), "{beginning}");
    let twice = tried(&|maker, store| {
        let (mut header, raw) = maker.write(1).header();
        for ordinal in [2, 3].map(Ordinal) {
            header.name = SegmentName::new(ordinal, ordinal, maker.token).unwrap();
            header.parts[0].ordinal = ordinal;
            header.previous_crc32c = maker.previous;
            let segment = encode(&header, &mut &*raw).unwrap();
            assert!(put_segment(store, "run", &segment).unwrap());
            maker.previous = Some(segment.crc32c);
        }
    });
    assert!(
        twice.contains("segment 3: bytes") && twice.contains("do not continue at byte"),
        "{twice}"
    );
}

#[test]
fn a_break_explains_why_pieces_do_not_continue() {
    let (store, mut maker) = (store(), Maker::new());
    maker.write(1).put(&store);
    let base = base_of(&maker);
    maker.write(1).put(&store);
    maker.write(1).header();
    let lost = broken(BreakKind::WalEnd, BreakPlace::Wal(at(14, 0)), Some(2));
    maker.switch().write(1).add_break(lost);
    put_with(&mut maker, &store, |header| header.parts[0].finals.clear());
    assert_eq!(find_sequence(&store, &base, 2).unwrap().ordinal.0, 1);
    require_refused(
        &store,
        &base,
        &[Target::Latest],
        "the last point before it is sequence number 2",
    );
}

#[test]
fn a_cut_needs_whole_records_and_known_numbers() {
    let mut maker = Maker::new();
    maker.write(2).write(2);
    let wal = &maker.wals[&12];
    let cut = |bytes: &[u8], number| {
        let mut cut = SequenceCut::new(sequence(number));
        cut.push(FileNumber(12), bytes)?;
        cut.finish()
    };
    let found = cut(wal, 3).unwrap().unwrap();
    assert_eq!((found.end, found.next), (maker.ends[0].0, Some(sequence(3))));
    assert_eq!(cut(wal, 1).unwrap(), None);
    let error = cut(&wal[..wal.len() - 1], 3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.to_string().contains("its last complete record at byte"),
        "{error}"
    );
    // A prepared section of WritePrepared: three keys, which have one number or three.
    let mut batch = [5u64.to_le_bytes().as_slice(), &3u32.to_le_bytes(), &[0x12]].concat();
    for key in 0..3 {
        batch.extend([1, 1, key, 1, key]);
    }
    batch.extend([0xa, 1, b'x']);
    let mut log = LogBuilder::new();
    log.write(&batch);
    let wal = log.take_bytes();
    let error = cut(&wal, 6).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("between 5 and 7"), "{error}");
    let bounds = |low, high| SequenceBounds {
        lowest: sequence(low),
        highest: sequence(high),
    };
    assert_eq!(cut(&wal, 7).unwrap().unwrap().last_sequence, bounds(5, 7));
    assert_eq!(cut(&wal, 4).unwrap(), None);
}
