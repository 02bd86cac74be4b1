//! The verb: a thread follows a database into a repository, and restores go to points of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stonekeep::engine::follow::{FollowEvent, FollowObserver, FollowOptions, FollowStatus, Looking};
use stonekeep::engine::restore::{PointTarget, RestorePoint};
use stonekeep::engine::{BackupEngine, BackupEngineOptions, RestoreOptions};
use stonekeep::store::Store;
use stonekeep::{ErrorKind, Quiet, RestoreReport, Result, WhichBackup};
use stonekeep_format::ColumnFamilyId;
use stonekeep_format::file_name::DbFileName;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use super::scene::{database, length, source};
use crate::support::scene::memory;

/// A follower in a thread, which a test stops and waits for.
#[derive(Default)]
pub(crate) struct Told {
    stop: AtomicBool,
    events: Mutex<Vec<String>>,
    status: Mutex<FollowStatus>,
}

impl FollowObserver for Told {
    fn happened(&self, event: &FollowEvent<'_>, status: &FollowStatus) {
        let word = match event {
            FollowEvent::Began { reason, .. } => format!("began {reason:?}"),
            FollowEvent::Resumed { .. } => "resumed".to_owned(),
            FollowEvent::Broken { .. } => "broken".to_owned(),
            FollowEvent::Base { backup_id } => format!("base {backup_id}"),
            FollowEvent::BaseFailed { error, .. } => format!("base failed: {error}"),
            FollowEvent::Failed { error, .. } => format!("failed: {error}"),
            FollowEvent::NoWal => "no WAL".to_owned(),
            _ => String::new(),
        };
        if !word.is_empty() {
            self.events.lock().unwrap().push(word);
        }
        *self.status.lock().unwrap() = status.clone();
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Told {
    pub(crate) fn events(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }

    pub(crate) fn status(&self) -> FollowStatus {
        self.status.lock().unwrap().clone()
    }

    /// Waits for something that the follower does by itself.
    pub(crate) fn wait(&self, what: &str, is_there: impl Fn(&FollowStatus) -> bool) {
        let began = Instant::now();
        while !is_there(&self.status()) {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{what}: {:?} {:?}",
                self.events(),
                self.status()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }
}

pub(crate) fn engine(store: &Store) -> BackupEngine {
    BackupEngine::open(BackupEngineOptions::default(), store.clone()).unwrap()
}

pub(crate) fn options() -> FollowOptions {
    FollowOptions::default()
        .with_interval(Duration::from_millis(5))
        .with_looking(Looking::Listings)
}

/// Follows a database while `work` runs, then stops.
pub(crate) fn following(
    engine: &BackupEngine,
    database: &mut FakeDatabase,
    options: &FollowOptions,
    work: impl FnOnce(&mut FakeDatabase, &Told),
) -> (Result<FollowStatus>, Told) {
    let (told, directory) = (Told::default(), source(database.path()));
    let outcome = thread::scope(|scope| {
        let follower = scope.spawn(|| engine.follow(&directory, options, &told));
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(database, &told)));
        told.stop.store(true, Ordering::Relaxed);
        let outcome = follower.join().unwrap();
        assert!(worked.is_ok(), "{outcome:?} {:?}", told.events());
        outcome
    });
    (outcome, told)
}

pub(crate) fn restore(engine: &BackupEngine, target: &Path, at: PointTarget) -> Result<RestoreReport> {
    let options = RestoreOptions::default().with_point(RestorePoint::new(at));
    engine.restore_db_from_backup(WhichBackup::Latest, target, &options, &Quiet)
}

/// The WALs of a database directory, and how long they are.
pub(crate) fn wals_in(directory: &Path) -> BTreeMap<u64, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let wals = entries.filter_map(|entry| match DbFileName::parse(entry.file_name().to_str()?) {
        Some(DbFileName::Wal(number)) => Some((number.0, fs::read(entry.path()).unwrap())),
        _ => None,
    });
    wals.filter(|(_, bytes)| !bytes.is_empty()).collect()
}

/// Requires that a restored database has the bytes of the followed one, up to the end of the newest WAL.
fn require_wals(restored: &Path, database: &FakeDatabase, number: u64, end: u64) {
    let (found, live) = (wals_in(restored), wals_in(database.path()));
    let mut expected = live;
    expected.retain(|wal, _| *wal <= number);
    if let Some(newest) = expected.get_mut(&number) {
        newest.truncate(end as usize);
    }
    let lengths = |wals: &BTreeMap<u64, Vec<u8>>| {
        let lengths = wals.iter().map(|(number, bytes)| (*number, bytes.len()));
        lengths.collect::<Vec<_>>()
    };
    assert_eq!(lengths(&found), lengths(&expected));
    assert!(found == expected);
}

#[test]
fn every_record_is_a_point() {
    let (directory, mut database) = database(DatabaseBuilder::new());
    let engine = engine(&memory());
    let mut ends = Vec::new();
    database.add_tables(2, 3_000);
    database.write(3);
    let (status, told) = following(&engine, &mut database, &options(), |database, told| {
        told.wait("the first base", |status| status.bases == 1);
        for round in 0..20_u32 {
            database.write(1 + round % 3);
            let number = database.wal_number();
            ends.push((
                database.sequence_number().0,
                number.0,
                length(&database.wal_path(number)),
            ));
            if round % 6 == 5 {
                database.switch_wal();
            }
            if round % 4 == 3 {
                let last = database.sequence_number();
                told.wait("a segment", |status| status.last_sequence == Some(last));
            }
        }
    });
    let status = status.unwrap();
    assert_eq!(told.events(), ["began None", "base 1"]);
    assert_eq!(status.last_sequence, Some(database.sequence_number()));
    assert_eq!((status.breaks, status.failures, status.bases), (0, 0, 1));
    for (sequence, number, end) in &ends {
        let target = directory.path().join(format!("restored-{sequence}"));
        let report = restore(&engine, &target, PointTarget::Sequence(*sequence)).unwrap();
        let point = report.point.unwrap();
        assert_eq!((point.sequence_number, point.wal_number), (*sequence, *number));
        assert_eq!(point.wal_offset, *end);
        assert_eq!(point.prepared_transactions.unwrap_or_default(), 0);
        require_wals(&target, &database, *number, *end);
    }
    let target = directory.path().join("latest");
    let report = restore(&engine, &target, PointTarget::Latest).unwrap();
    let (last, number, end) = ends.last().unwrap();
    assert_eq!(report.point.unwrap().sequence_number, *last);
    require_wals(&target, &database, *number, *end);
    let beyond = restore(
        &engine,
        &directory.path().join("no"),
        PointTarget::Sequence(last + 1),
    )
    .unwrap_err();
    assert_eq!(beyond.kind(), ErrorKind::Refused);
    let before = restore(&engine, &directory.path().join("no"), PointTarget::Sequence(1)).unwrap_err();
    assert_eq!(before.kind(), ErrorKind::Refused);
    assert!(
        before.to_string().contains("before the end of the oldest base"),
        "{before}"
    );
    assert!(!directory.path().join("no").exists());
}

#[test]
fn a_follower_that_is_started_again_goes_on() {
    let (directory, mut database) = database(DatabaseBuilder::new());
    let engine = engine(&memory());
    database.write(3);
    let mut streams = Vec::new();
    for round in 0..4 {
        let (status, told) = following(&engine, &mut database, &options(), |database, told| {
            told.wait("a base", |status| status.newest_base.is_some());
            database.write(2);
            database.switch_wal();
            database.write(1);
        });
        let begun = if round == 0 {
            vec!["began None", "base 1"]
        } else {
            vec!["resumed"]
        };
        assert_eq!(told.events(), begun);
        streams.push(status.unwrap().stream);
        // What is written while nobody follows is found later.
        database.write(1);
    }
    streams.dedup();
    assert_eq!(streams.len(), 1);
    let (status, _) = following(&engine, &mut database, &options(), |_, told| {
        told.wait("a stream", |status| status.stream.is_some());
    });
    status.unwrap();
    let target = directory.path().join("restored");
    let report = restore(&engine, &target, PointTarget::Latest).unwrap();
    let number = database.wal_number();
    let end = length(&database.wal_path(number));
    assert_eq!(
        report.point.unwrap().sequence_number,
        database.sequence_number().0
    );
    require_wals(&target, &database, number.0, end);
}

#[test]
fn a_break_is_closed_by_a_base() {
    let (directory, mut database) = database(DatabaseBuilder::new());
    let engine = engine(&memory());
    database.write(3);
    let mut sequences = Vec::new();
    let (status, told) = following(&engine, &mut database, &options(), |database, told| {
        told.wait("the first base", |status| status.bases == 1);
        database.write(2);
        let last = database.sequence_number();
        sequences.push(last.0);
        told.wait("a segment", |status| status.last_sequence == Some(last));
        database.ingest(false);
        database.write(2);
        told.wait("the second base", |status| status.bases == 2);
        database.write(2);
        sequences.push(database.sequence_number().0);
    });
    assert_eq!(status.unwrap().breaks, 1);
    let events = told.events();
    assert_eq!(events, ["began None", "base 1", "broken", "base 2"]);
    for (number, base) in [(sequences[0], 1), (sequences[1], 2)] {
        let target = directory.path().join(format!("restored-{number}"));
        let report = restore(&engine, &target, PointTarget::Sequence(number)).unwrap();
        assert_eq!(report.backup_id.get(), base);
        assert_eq!(report.point.unwrap().sequence_number, number);
    }
    let timelines = engine.as_read_only().timeline().unwrap();
    let [timeline] = timelines.as_slice() else {
        panic!("{timelines:?}");
    };
    let ranges = timeline.ranges.iter();
    let ranges: Vec<_> = ranges
        .map(|range| (range.from_sequence, range.to_sequence, range.ends.is_some()))
        .collect();
    assert_eq!(ranges.len(), 2, "{ranges:?}");
    assert_eq!(ranges[0], (3, sequences[0], true));
    assert_eq!((ranges[1].1, ranges[1].2), (sequences[1], false));
    assert_eq!((timeline.breaks.len(), timeline.bases.len()), (1, 2));
    assert!(timeline.breaks[0].reason.contains("ingested"));
    let options = RestoreOptions::default().with_point(RestorePoint::new(PointTarget::Latest));
    let first = WhichBackup::Id(stonekeep::BackupId::new(1).unwrap());
    let error = engine
        .restore_db_from_backup(first, &directory.path().join("no"), &options, &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("ingested"), "{error}");
}

/// Drops a column family and makes it again, with a write before and one after, between two looks; then it stops.
struct MadeAgain<'a> {
    database: Mutex<&'a mut FakeDatabase>,
    family: ColumnFamilyId,
    sequences: Mutex<Vec<u64>>,
}

impl FollowObserver for MadeAgain<'_> {
    fn happened(&self, event: &FollowEvent<'_>, status: &FollowStatus) {
        let mut sequences = self.sequences.lock().unwrap();
        // The second segment names the base.
        let is_time = (status.bases, status.segments) == (1, 2) && sequences.is_empty();
        if matches!(event, FollowEvent::Ticked) && is_time {
            let mut database = self.database.lock().unwrap();
            database.write(1);
            sequences.push(database.sequence_number().0);
            database.drop_column_family(self.family);
            database.create_column_family("again");
            database.write(1);
            sequences.push(database.sequence_number().0);
        }
    }

    fn should_stop(&self) -> bool {
        !self.sequences.lock().unwrap().is_empty()
    }
}

#[test]
fn a_column_family_that_is_made_again_in_a_segment_has_no_point_within_it() {
    let (directory, mut database) = database(DatabaseBuilder::new());
    let engine = engine(&memory());
    database.write(3);
    let (family, source) = (database.create_column_family("again"), source(database.path()));
    let made_again = MadeAgain {
        database: Mutex::new(&mut database),
        family,
        sequences: Mutex::default(),
    };
    let status = engine.follow(&source, &options(), &made_again).unwrap();
    assert_eq!(status.segments, 3);
    let sequences = made_again.sequences.into_inner().unwrap();
    let target = directory.path().join("restored");
    let refused = restore(&engine, &target, PointTarget::Sequence(sequences[0])).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert!(
        refused.to_string().contains("column family \"again\""),
        "{refused}"
    );
    let report = restore(&engine, &target, PointTarget::Sequence(sequences[1])).unwrap();
    assert_eq!(report.point.unwrap().column_family_changes, 2);
}
