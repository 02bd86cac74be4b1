//! Sequence numbers that do not go on, and transactions.

use stonekeep_format::SequenceNumber;
use stonekeep_testkit::database::DatabaseBuilder;

use super::batches::{BEGIN_PREPARE, commit, prepare, puts};
use super::scene::{Copy, breaks, database, follow, in_wal, kinds, length, tick};

#[test]
fn writes_without_wal_are_a_gap_at_the_next_record() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    database.write(2);
    let end = length(&database.wal_path(database.wal_number()));
    let before = database.sequence_number();
    database.write_without_wal(5);
    database.write(1);
    database.write(1);
    let last = tick(&mut follower);
    assert_eq!(
        breaks(&last),
        [("sequence-gap", in_wal(database.wal_number(), end))]
    );
    assert_eq!(last.breaks[0].last_sequence, Some(before));
    assert_eq!(last.pieces[0].records, 3);
}

#[test]
fn a_writer_that_lost_its_tail_goes_back() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    database.write(5);
    Copy::default().take_all(&mut follower);
    database.switch_wal();
    database.go_back_to(SequenceNumber(4));
    database.write(1);
    let last = tick(&mut follower);
    assert_eq!(kinds(&last), ["sequence-went-back"]);
}

#[test]
fn a_database_that_is_opened_again_goes_on() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    let mut copy = Copy::default();
    database.write(5);
    copy.take_all(&mut follower);
    database.flush_wals();
    database.reopen();
    database.write(1);
    copy.take_all(&mut follower);
    assert_eq!(copy.records, 2);
}

#[test]
fn prepared_keys_get_their_numbers_at_the_commit() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    database.write(1);
    database.write_batch(&prepare(2, 3, BEGIN_PREPARE, "a"), 0);
    let mut copy = Copy::default();
    copy.take_all(&mut follower);
    database.switch_wal();
    database.write_batch(&commit(2, "a"), 3);
    database.write_batch(&puts(5, 1), 1);
    copy.take_all(&mut follower);
    assert_eq!(copy.records, 4);
}

#[test]
fn a_commit_without_its_prepared_section_is_a_break() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    database.write(1);
    let end = length(&database.wal_path(database.wal_number()));
    database.write_batch(&commit(2, "unknown"), 0);
    database.write_batch(&puts(2, 1), 1);
    let last = tick(&mut follower);
    assert_eq!(
        breaks(&last),
        [("unknown-commit", in_wal(database.wal_number(), end))]
    );
}
