//! Followers that continue where another one was.

use std::fs;

use stonekeep::Quiet;
use stonekeep::image::follow::{Begun, Position, Start};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use super::batches::{BEGIN_PREPARE, commit, prepare};
use super::scene::{Copy, begin, database, follow, follow_from, kinds, length, tick};

/// Why nothing begins there.
fn impossible(database: &FakeDatabase, start: Start) -> String {
    match begin(database, start) {
        Begun::Impossible { reason, .. } => reason,
        Begun::Following(follower) => panic!("{follower:?}"),
    }
}

/// Follows a database up to now, with a transaction prepared in an older WAL.
fn followed() -> (tempfile::TempDir, FakeDatabase, Copy, Position) {
    let (directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    let mut copy = Copy::default();
    database.write(2);
    database.write_batch(&prepare(3, 4, BEGIN_PREPARE, "a"), 0);
    database.switch_wal();
    database.write(4_000);
    copy.take_all(&mut follower);
    let position = tick(&mut follower).position;
    (directory, database, copy, position)
}

#[test]
fn a_follower_continues_where_another_one_was() {
    let (_directory, mut database, mut copy, position) = followed();
    assert_eq!(position.replay.prepared.len(), 1);
    assert_eq!(position.wal.recent.bytes, 64 << 10);
    let second = database.wal_number();
    database.write(1);
    let next = database.sequence_number().0 + 1;
    database.write_batch(&commit(next, "a"), 4);
    let third = database.switch_wal();
    database.write(2);
    let mut follower = follow_from(&database, Start::Resumed(position.clone()));
    assert_eq!(copy.take_all(&mut follower), 1);
    for number in [second, third] {
        assert_eq!(copy.wals[&number], fs::read(database.wal_path(number)).unwrap());
    }
    assert_eq!((copy.records, copy.finals.len()), (6, 2));
    // Nothing that was kept comes again.
    let position = tick(&mut follower).position;
    let mut again = follow_from(&database, Start::Resumed(position.clone()));
    let last = tick(&mut again);
    assert!(last.is_empty(), "{last:?}");
    assert_eq!(last.position, position);
}

#[test]
fn a_gap_while_nobody_followed_is_seen() {
    let (_directory, mut database, _, position) = followed();
    database.write_without_wal(1);
    database.write(1);
    let mut follower = follow_from(&database, Start::Resumed(position));
    assert_eq!(kinds(&tick(&mut follower)), ["sequence-gap"]);
}

#[test]
fn a_wal_with_other_bytes_is_another_history() {
    let (_directory, database, _, position) = followed();
    let path = database.wal_path(database.wal_number());
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - (64 << 10);
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let reason = impossible(&database, Start::Resumed(position.clone()));
    assert!(reason.contains("is not the one that was followed"), "{reason}");
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    impossible(&database, Start::Resumed(position));
}

#[test]
fn the_wal_of_the_position_must_be_there_or_in_the_archive() {
    let (_directory, mut database, mut copy, position) = followed();
    let old = database.wal_number();
    let path = database.wal_path(old);
    let archive = database.wal_dir().join("archive");
    fs::create_dir(&archive).unwrap();
    database.write(1);
    let between = database.switch_wal();
    database.write(1);
    database.switch_wal();
    database.write(1);
    for number in [old, between] {
        let path = database.wal_path(number);
        fs::rename(&path, archive.join(path.file_name().unwrap())).unwrap();
    }
    let mut follower = follow_from(&database, Start::Resumed(position.clone()));
    copy.take_all(&mut follower);
    assert_eq!((copy.records, copy.finals.len()), (6, 3));
    fs::remove_file(archive.join(path.file_name().unwrap())).unwrap();
    let Begun::Impossible { reason, watch } = begin(&database, Start::Resumed(position)) else {
        panic!("its WAL is gone");
    };
    assert_eq!(reason, format!("WAL {old} is gone"));
    // The directory is still under watch.
    let begun = watch.begin(Start::Now, &Quiet).unwrap();
    assert!(matches!(begun, Begun::Following(_)), "{begun:?}");
}

#[test]
fn a_manifest_that_is_gone_is_a_break() {
    let (_directory, mut database, _, position) = followed();
    database.create_column_family("new");
    database.roll_manifest();
    let mut follower = follow_from(&database, Start::Resumed(position));
    assert_eq!(kinds(&tick(&mut follower)), ["missed-manifest"]);
    assert_eq!(kinds(&tick(&mut follower)), [] as [&str; 0]);
}

#[test]
fn edits_while_nobody_followed_are_new() {
    let (_directory, mut database, _, position) = followed();
    database.create_column_family("new");
    database.ingest(false);
    let mut follower = follow_from(&database, Start::Resumed(position));
    let last = tick(&mut follower);
    assert_eq!(
        (last.edits.len(), kinds(&last).as_slice()),
        (1, &["ingestion"][..])
    );
}

#[test]
fn what_a_base_holds_is_not_handed_out_and_counts() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.write(2);
    database.write_batch(&prepare(3, 4, BEGIN_PREPARE, "a"), 0);
    database.switch_wal();
    database.write(1);
    let begin = length(&database.wal_path(database.wal_number()));
    let mut follower = follow(&database);
    let next = database.sequence_number().0 + 1;
    database.write_batch(&commit(next, "a"), 4);
    database.write(1);
    let last = tick(&mut follower);
    assert_eq!(
        (last.pieces.len(), last.pieces[0].from, kinds(&last).len()),
        (1, begin, 0)
    );
}
