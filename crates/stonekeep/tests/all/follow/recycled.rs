//! WALs that are written over older ones (`recycle_log_file_num`).

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use stonekeep_format::log::PredecessorWal;
use stonekeep_format::{FileNumber, SequenceNumber};
use stonekeep_format_testkit::log::LogBuilder;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use super::batches::puts;
use super::scene::{Copy, breaks, database, follow, in_wal, kinds, tick};

/// A WAL with a batch of one key for each of these sequence numbers.
fn wal(number: FileNumber, predecessor: Option<&PredecessorWal>, sequences: &[u64]) -> Vec<u8> {
    let mut writer = LogBuilder::recyclable(number);
    if let Some(predecessor) = predecessor {
        writer.predecessor_wal(predecessor);
    }
    sequences
        .iter()
        .for_each(|sequence| writer.write(&puts(*sequence, 1)));
    writer.take_bytes()
}

fn builder(allow_2pc: bool) -> DatabaseBuilder {
    DatabaseBuilder::new()
        .database_option("recycle_log_file_num", "2")
        .database_option("allow_2pc", if allow_2pc { "true" } else { "false" })
}

/// Renames a WAL and writes another one over it.
fn recycle(database: &FakeDatabase, old: FileNumber, new: FileNumber, bytes: &[u8]) {
    fs::rename(database.wal_path(old), database.wal_path(new)).unwrap();
    let file = File::options().write(true).open(database.wal_path(new)).unwrap();
    file.write_all_at(bytes, 0).unwrap();
}

#[test]
fn what_an_older_log_left_is_no_record() {
    let (_directory, mut database) = database(builder(false));
    let mut follower = follow(&database);
    let [old, first, second] = [(); 3].map(|()| database.take_number());
    let good = wal(first, None, &[1, 2]);
    let rest = wal(old, None, &[7; 200]);
    let bytes = |good: &[u8]| [good, &rest[good.len()..]].concat();
    fs::write(database.wal_path(first), bytes(&good)).unwrap();
    let mut copy = Copy::default();
    copy.take_all(&mut follower);
    assert_eq!(copy.wals[&first], good);
    let longer = wal(first, None, &[1, 2, 3]);
    fs::write(database.wal_path(first), bytes(&longer)).unwrap();
    // Just renamed: nothing of it is its own.
    fs::write(database.wal_path(second), &rest).unwrap();
    copy.take_all(&mut follower);
    assert_eq!((&copy.wals[&first], copy.finals.get(&first)), (&longer, None));
    fs::write(database.wal_path(second), bytes(&wal(second, None, &[4]))).unwrap();
    copy.take_all(&mut follower);
    assert_eq!(copy.finals[&first], longer.len() as u64);
    assert_eq!(copy.records, 4);
}

/// A WAL of which the follower has read the first batch is overwritten by the next one. Gives the names of the breaks.
fn overwritten(allow_2pc: bool, unread: &[u64], says_size: bool) -> Vec<&'static str> {
    let (_directory, mut database) = database(builder(allow_2pc));
    let mut follower = follow(&database);
    let [first, second] = [(); 2].map(|()| database.take_number());
    let read = wal(first, None, &[1]);
    fs::write(database.wal_path(first), &read).unwrap();
    Copy::default().take_all(&mut follower);
    let sequences = [&[1][..], unread].concat();
    let whole = wal(first, None, &sequences);
    fs::write(database.wal_path(first), &whole).unwrap();
    let predecessor = PredecessorWal {
        number: first,
        size_bytes: whole.len() as u64,
        last_sequence: SequenceNumber(sequences.len() as u64),
    };
    let next = sequences.len() as u64 + 1;
    let bytes = wal(
        second,
        Some(&predecessor).filter(|_| says_size),
        &[next, next + 1],
    );
    recycle(&database, first, second, &bytes);
    let last = tick(&mut follower);
    assert_eq!(last.pieces.iter().map(|piece| piece.records).sum::<u64>(), 2);
    kinds(&last)
}

#[test]
fn an_overwritten_wal_must_be_shown_to_have_been_read() {
    assert_eq!(
        overwritten(false, &[], false),
        [] as [&str; 0],
        "the numbers go on"
    );
    assert_eq!(
        overwritten(true, &[], false),
        ["overwritten"],
        "it may have prepared something"
    );
    assert_eq!(
        overwritten(true, &[], true),
        [] as [&str; 0],
        "its successor says its size"
    );
    assert_eq!(
        overwritten(false, &[2, 3], false),
        ["sequence-gap", "overwritten"]
    );
    assert_eq!(overwritten(false, &[2, 3], true), ["sequence-gap", "unclean-end"]);
}

#[test]
fn a_wal_that_was_overwritten_before_it_was_opened_was_missed() {
    let (_directory, mut database) = database(builder(false));
    let mut follower = follow(&database);
    let [first, second] = [(); 2].map(|()| database.take_number());
    fs::write(database.wal_path(first), wal(first, None, &[1, 2])).unwrap();
    let bytes = wal(second, None, &[3]);
    recycle(&database, first, second, &bytes);
    let last = tick(&mut follower);
    assert_eq!(breaks(&last), [("sequence-gap", in_wal(second, 0))]);
}

#[test]
fn an_overwritten_wal_is_noticed_where_no_record_of_the_other_one_begins() {
    let (_directory, mut database) = database(builder(true));
    let mut follower = follow(&database);
    let [first, second] = [(); 2].map(|()| database.take_number());
    fs::write(database.wal_path(first), wal(first, None, &[1])).unwrap();
    Copy::default().take_all(&mut follower);
    let mut writer = LogBuilder::recyclable(second);
    writer.write(&puts(2, 9));
    recycle(&database, first, second, &writer.take_bytes());
    assert_eq!(kinds(&tick(&mut follower)), ["overwritten"]);
}
