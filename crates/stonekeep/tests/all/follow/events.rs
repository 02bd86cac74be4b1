//! Files that are opened when the system reports them.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use stonekeep::image::follow::{Begun, Follower, Looking, Start, Watch};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use super::batches::puts;
use super::scene::{self, Copy, breaks, database, in_wal, kinds, source, tick};

/// Longer than any report takes; nothing waits that long.
const LONG: Duration = Duration::from_secs(60);

fn follow(database: &FakeDatabase) -> Follower {
    let watch = Watch::open(&source(database.path()), Looking::Events, &Quiet).unwrap();
    match watch.begin(Start::Now, &Quiet).unwrap() {
        Begun::Following(follower) => *follower,
        Begun::Impossible { reason, .. } => panic!("{reason}"),
    }
}

/// Waits until a WAL was opened.
fn wait_for_wal(follower: &mut Follower) {
    while !follower.wait(LONG).unwrap() {}
}

#[test]
fn a_wal_that_is_gone_at_the_next_tick_is_not_missed() {
    let other = tempfile::tempdir().unwrap();
    for builder in [
        DatabaseBuilder::new(),
        DatabaseBuilder::new().wal_dir(&other.path().join("wals")),
    ] {
        let (_directory, mut database) = database(builder);
        let mut follower = follow(&database);
        database.write(2);
        let mut copy = Copy::default();
        for _ in 0..3 {
            database.switch_wal();
            wait_for_wal(&mut follower);
            database.write(1);
        }
        database.flush_wals();
        wait_for_wal(&mut follower);
        database.write(1);
        copy.take_all(&mut follower);
        assert_eq!((copy.records, copy.finals.len()), (5, 4));
    }
}

#[test]
fn what_appears_before_a_follower_begins_is_not_missed() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let position = tick(&mut scene::follow(&database)).position;
    let watch = Watch::open(&source(database.path()), Looking::Events, &Quiet).unwrap();
    database.write(2);
    database.flush_wals();
    database.write(1);
    let Begun::Following(mut follower) = watch.begin(Start::Resumed(position), &Quiet).unwrap() else {
        panic!("the WAL of the position is open");
    };
    let mut copy = Copy::default();
    while copy.records < 2 {
        copy.take_all(&mut follower);
    }
    assert_eq!(copy.finals.len(), 1);
}

#[test]
fn a_wal_that_vanished_before_it_was_opened_is_a_break() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    database.write(1);
    Copy::default().take_all(&mut follower);
    let missed = database.take_number();
    // A name that leads nowhere cannot be opened, like one that is gone.
    symlink("nowhere", database.wal_path(missed)).unwrap();
    wait_for_wal(&mut follower);
    assert_eq!(breaks(&tick(&mut follower)), [("missed-wal", in_wal(missed, 0))]);
    assert_eq!(kinds(&tick(&mut follower)), [] as [&str; 0]);
}

#[test]
fn a_wal_that_was_archived_before_it_was_opened_is_not_missed() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    database.write(1);
    let number = database.take_number();
    let path = database.wal_path(number);
    let archive = database.wal_dir().join("archive");
    fs::create_dir(&archive).unwrap();
    let mut log = stonekeep_format_testkit::log::LogBuilder::new();
    log.write(&puts(2, 1));
    fs::write(archive.join(path.file_name().unwrap()), log.take_bytes()).unwrap();
    symlink("nowhere", &path).unwrap();
    wait_for_wal(&mut follower);
    let mut copy = Copy::default();
    copy.take_all(&mut follower);
    assert_eq!(copy.records, 2);
}

#[test]
fn each_new_manifest_is_read() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    tick(&mut follower);
    for name in ["one", "two", "three"] {
        database.create_column_family(name);
        database.roll_manifest();
        assert!(!follower.wait(LONG).unwrap(), "a MANIFEST is no WAL");
        let last = tick(&mut follower);
        assert_eq!((last.edits.len(), kinds(&last).len()), (1, 0));
    }
}

#[test]
fn the_thread_ends_with_its_follower() {
    let (_directory, database) = database(DatabaseBuilder::new());
    // Dropping waits for the thread.
    drop(follow(&database));
    let mut follower = follow(&database);
    fs::remove_dir_all(database.path()).unwrap();
    let error = follower.tick(&Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    drop(follower);
}
