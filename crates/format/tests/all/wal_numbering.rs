//! The last sequence number under every write policy of transactions.

use stonekeep_format::SequenceNumber;
use stonekeep_format::wal::{BatchSummary, BatchWalker, Replay, SequenceBounds};

use crate::wal_batch::{
    BEGIN_PERSISTED_PREPARE, BEGIN_PREPARE, Batch, COMMIT, END_PREPARE, LOG_DATA, NOOP, ROLLBACK,
};

fn try_walk(replay: &mut Replay, batch: &Batch) -> stonekeep_format::Result<BatchSummary> {
    let mut walker = BatchWalker::new(0, replay);
    walker.push(&batch.bytes())?;
    walker.finish()
}

/// The bounds of the last sequence number after a batch.
fn bounds(replay: &mut Replay, batch: Batch) -> (u64, u64) {
    let summary = try_walk(replay, &batch).unwrap();
    let SequenceBounds { lowest, highest } = summary.last_sequence(replay);
    (lowest.0, highest.0)
}

/// A prepared section as WriteCommitted transactions write it.
fn prepared(sequence: u64, keys: usize, name: &str) -> Batch {
    let begun = Batch::at(sequence).marker(BEGIN_PREPARE);
    begun.keys(keys).named(END_PREPARE, name)
}

#[test]
fn plain_batches_number_their_keys() {
    let mut replay = Replay::default();
    assert_eq!(bounds(&mut replay, Batch::at(10).keys(5)), (14, 14));
    assert_eq!(bounds(&mut replay, Batch::at(15).marker(NOOP).keys(1)), (15, 15));
    assert_eq!(bounds(&mut replay, Batch::at(16)), (15, 15));
    let only_log_data = Batch::at(16).record(LOG_DATA, 0, &[b"blob"]);
    assert_eq!(bounds(&mut replay, only_log_data), (15, 15));
    assert_eq!(bounds(&mut Replay::default(), Batch::at(0)), (0, 0));
}

#[test]
fn prepared_keys_get_numbers_when_committed() {
    let mut replay = Replay::default();
    assert_eq!(bounds(&mut replay, prepared(10, 4, "a")), (9, 9));
    assert_eq!(bounds(&mut replay, prepared(10, 3, "b")), (9, 9));
    assert_eq!(replay.prepared_transactions(), 2);
    assert_eq!(bounds(&mut replay, Batch::at(10).keys(2)), (11, 11));
    // Keys that are written by the commit itself come on top.
    assert_eq!(
        bounds(&mut replay, Batch::at(12).keys(1).named(COMMIT, "a")),
        (16, 16)
    );
    assert_eq!(bounds(&mut replay, Batch::at(17).named(ROLLBACK, "b")), (16, 16));
    assert_eq!(replay.prepared_transactions(), 0);
    let unknown = Batch::at(17).named(COMMIT, "from a WAL that is gone");
    assert_eq!(bounds(&mut replay, unknown), (16, 16));
}

#[test]
fn several_writers_share_a_batch() {
    let mut replay = Replay::default();
    bounds(&mut replay, prepared(1, 5, "a"));
    bounds(&mut replay, prepared(1, 6, "b"));
    let group = Batch::at(1)
        .keys(2)
        .named(COMMIT, "b")
        .marker(BEGIN_PREPARE)
        .keys(9);
    let group = group.named(END_PREPARE, "c").named(COMMIT, "a");
    assert_eq!(bounds(&mut replay, group), (13, 13));
    assert_eq!(replay.prepared_transactions(), 1);
}

#[test]
fn batch_numbering_gives_bounds() {
    let mut replay = Replay::default();
    let section = Batch::at(10).marker(BEGIN_PERSISTED_PREPARE).keys(4);
    // One number if no key repeats, four if all are the same.
    assert_eq!(bounds(&mut replay, section.named(END_PREPARE, "a")), (10, 13));
    assert_eq!(bounds(&mut replay, Batch::at(11).named(COMMIT, "a")), (11, 11));
    assert_eq!(bounds(&mut replay, Batch::at(12).keys(1).marker(NOOP)), (12, 12));
    assert_eq!(
        bounds(&mut replay, Batch::at(13).marker(NOOP).keys(2).marker(NOOP)),
        (13, 14)
    );
}

#[test]
fn an_unknown_numbering_gives_bounds_for_both() {
    let mut replay = Replay::default();
    let undecided = Batch::at(10).keys(3).marker(NOOP);
    assert_eq!(bounds(&mut replay, undecided.clone()), (10, 12));
    assert_eq!(bounds(&mut replay, Batch::at(10).named(COMMIT, "gone")), (9, 10));
    // A key that no marker follows proves that keys are numbered.
    bounds(&mut replay, Batch::at(11).keys(1));
    assert_eq!(bounds(&mut replay, undecided), (12, 12));
}

#[test]
fn bounds_are_exact_or_not() {
    let exact = SequenceBounds {
        lowest: SequenceNumber(3),
        highest: SequenceNumber(3),
    };
    assert_eq!(exact.exact(), Some(SequenceNumber(3)));
    let wide = SequenceBounds {
        highest: SequenceNumber(4),
        ..exact
    };
    assert_eq!(wide.exact(), None);
}

#[test]
fn sections_of_a_transaction_must_be_complete() {
    for batch in [
        Batch::at(1).marker(BEGIN_PREPARE).keys(1),
        Batch::at(1).keys(1).named(END_PREPARE, "a"),
        Batch::at(1)
            .marker(BEGIN_PREPARE)
            .marker(BEGIN_PREPARE)
            .named(END_PREPARE, "a"),
    ] {
        assert!(try_walk(&mut Replay::default(), &batch).is_err());
    }
}

#[test]
fn markers_are_counted() {
    let batch = prepared(1, 1, "a").named(COMMIT, "a").named(ROLLBACK, "b");
    let batch = batch.record(0x15, 0, &[b"timestamp", b"c"]);
    let summary = try_walk(&mut Replay::default(), &batch).unwrap();
    assert_eq!(
        (summary.prepared, summary.committed, summary.rolled_back),
        (1, 2, 1)
    );
}

/// The timestamp of a commit is not part of the name.
#[test]
fn a_commit_with_timestamp_ends_its_transaction() {
    let mut replay = Replay::default();
    bounds(&mut replay, prepared(1, 4, "a"));
    let commit = Batch::at(1).record(0x15, 0, &[b"timestamp", b"a"]);
    assert_eq!(bounds(&mut replay, commit), (4, 4));
}
