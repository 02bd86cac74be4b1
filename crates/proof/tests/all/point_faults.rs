//! What a restore to a point must refuse: segments that are missing or changed, and writes that are in no WAL.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rocksdb::{DB, Options, WriteOptions};
use stonekeep::engine::follow::FollowOptions;
use stonekeep::engine::restore::{PointTarget, RestorePoint};
use stonekeep::engine::{BackupEngine, BackupEngineOptions, RestoreOptions};
use stonekeep::store::memory::MemoryStore;
use stonekeep::{Directory, ErrorKind, Quiet, RestoreReport, SourceKind, WhichBackup};
use stonekeep_proof::points::followed::Followed;
use stonekeep_proof::points::told::Told;

use crate::followed_wals::archiving;
use crate::point_controls::points;

/// The segments of the only stream, in order.
fn segments(repository: &Path) -> Vec<PathBuf> {
    let streams = fs::read_dir(repository.join("stonekeep/wal")).unwrap();
    let streams: Vec<PathBuf> = streams.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(streams.len(), 1, "{streams:?}");
    let names = fs::read_dir(&streams[0])
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_segment = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("0");
    let mut segments: Vec<PathBuf> = names.filter(is_segment).collect();
    segments.sort();
    segments
}

fn ordinal(segment: &Path) -> u64 {
    let name = segment.file_name().unwrap().to_str().unwrap();
    name.split('-').next().unwrap().parse().unwrap()
}

/// Changes the repository, restores the end of the stream, and takes the change back: the words of the refusal.
fn refusal(followed: &Followed<'_>, segments: &[PathBuf], change: impl FnOnce(&[PathBuf])) -> String {
    let before: Vec<Vec<u8>> = segments.iter().map(|path| fs::read(path).unwrap()).collect();
    change(segments);
    let first = WhichBackup::Id(followed.bases[0].0);
    let image = followed.image();
    let refused = followed.restore(first, PointTarget::Latest, &image).unwrap_err();
    assert!(
        matches!(refused.kind(), ErrorKind::Corrupt | ErrorKind::Refused),
        "{refused}"
    );
    assert!(
        !image.join("CURRENT").exists(),
        "a database was restored: {refused}"
    );
    if image.exists() {
        fs::remove_dir_all(&image).unwrap();
    }
    for (path, bytes) in segments.iter().zip(before) {
        fs::write(path, bytes).unwrap();
    }
    refused.to_string()
}

#[test]
fn segments_that_are_not_what_they_were_are_refused_by_name() {
    let points = points("followed: archived WALs", 2);
    let followed = points.follow().unwrap();
    let all = segments(&followed.repository());
    assert!(all.len() > 8, "{} segments", all.len());
    let image = followed.image();
    let first = WhichBackup::Id(followed.bases[0].0);
    let whole = followed.restore(first, PointTarget::Latest, &image).unwrap();
    fs::remove_dir_all(&image).unwrap();
    for at in [all.len() / 3, all.len() / 2, all.len() - 2] {
        let (here, two) = (&all[at..=at], &all[at..=at + 1]);
        let name = ordinal(&all[at]).to_string();
        let said = [
            refusal(&followed, here, |paths| fs::remove_file(&paths[0]).unwrap()),
            refusal(&followed, two, |paths| {
                let bytes: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
                fs::write(&paths[0], &bytes[1]).unwrap();
                fs::write(&paths[1], &bytes[0]).unwrap();
            }),
            refusal(&followed, here, |paths| {
                let bytes = fs::read(&paths[0]).unwrap();
                fs::write(&paths[0], &bytes[..bytes.len() - 1]).unwrap();
            }),
            refusal(&followed, here, |paths| {
                let mut bytes = fs::read(&paths[0]).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&paths[0], bytes).unwrap();
            }),
            refusal(&followed, here, |paths| {
                let mut bytes = fs::read(&paths[0]).unwrap();
                let last = bytes.len() - 5;
                bytes[last] ^= 1;
                fs::write(&paths[0], bytes).unwrap();
            }),
        ];
        for words in said {
            assert!(words.contains(&name), "segment {name}: {words}");
        }
    }
    let again = followed.restore(first, PointTarget::Latest, &image).unwrap();
    assert_eq!(again.point, whole.point);
    followed
        .judge
        .judge(PointTarget::Latest, &again.point.unwrap(), &image)
        .unwrap();
}

/// A database of this process that is followed.
struct Unlogged {
    directory: tempfile::TempDir,
    engine: BackupEngine,
}

impl Unlogged {
    fn new() -> Unlogged {
        let options = BackupEngineOptions::default().with_sync(false);
        Unlogged {
            directory: tempfile::tempdir().unwrap(),
            engine: BackupEngine::open(options, MemoryStore::new()).unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("db")
    }

    /// Follows while something is done.
    fn follow(&self, base_every: Option<Duration>, work: impl FnOnce(&Told)) {
        let source = Directory::new(self.path(), SourceKind::Hot).of_other_processes();
        let options = FollowOptions::default()
            .with_interval(Duration::from_millis(10))
            .with_base_every(base_every);
        let told = Told::default();
        thread::scope(|scope| {
            let follower = scope.spawn(|| self.engine.follow(&source, &options, &told));
            let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&told)));
            told.stop();
            follower.join().unwrap().unwrap();
            assert!(worked.is_ok(), "{:?}", told.said());
        });
    }

    fn restore(&self, which: WhichBackup, at: PointTarget) -> stonekeep::Result<RestoreReport> {
        let target = self.directory.path().join("restored");
        if target.exists() {
            fs::remove_dir_all(&target).unwrap();
        }
        let options = RestoreOptions::default().with_point(RestorePoint::new(at));
        self.engine
            .restore_db_from_backup(which, &target, &options, &Quiet)
    }

    /// The keys of a restored database.
    fn keys(&self) -> Vec<Vec<u8>> {
        let db = DB::open(&Options::default(), self.directory.path().join("restored")).unwrap();
        let entries = db.iterator(rocksdb::IteratorMode::Start);
        entries.map(|entry| entry.unwrap().0.into_vec()).collect()
    }
}

fn wait(told: &Told, what: &str, is_there: impl Fn(&Told) -> bool) {
    let began = Instant::now();
    while !is_there(told) {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{what}: {:?}",
            told.said()
        );
        thread::sleep(Duration::from_millis(2));
    }
}

fn put(db: &DB, key: &str, is_logged: bool) {
    let mut options = WriteOptions::default();
    options.disable_wal(!is_logged);
    db.put_opt(key, b"value", &options).unwrap();
}

/// Waits until what was written is in the repository.
fn shipped(told: &Told, db: &DB) {
    let last = db.latest_sequence_number();
    wait(told, "a segment", |told| {
        told.status()
            .last_sequence
            .is_some_and(|sequence| sequence.0 == last)
    });
}

/// Follows a database with a write that is in no WAL, and restores before, across and behind it.
fn is_not_crossed(base_every: Option<Duration>) {
    let scene = Unlogged::new();
    let db = DB::open(&archiving(), scene.path()).unwrap();
    let mut numbers = Vec::new();
    let mut reach = |told: &Told| {
        shipped(told, &db);
        numbers.push(db.latest_sequence_number());
    };
    scene.follow(base_every, |told| {
        wait(told, "the first base", |told| told.said().bases > 0);
        put(&db, "before", true);
        reach(told);
        put(&db, "unlogged", false);
        put(&db, "after", true);
        reach(told);
    });
    // What the first follower knew is in the stream.
    scene.follow(base_every, |told| {
        if base_every.is_some() {
            // These are captured before the write is in a table, and do not have it.
            let before = told.said().bases;
            wait(told, "two more bases", |told| told.said().bases >= before + 2);
        }
        put(&db, "late", true);
        reach(told);
        let refused = scene
            .restore(WhichBackup::Latest, PointTarget::Latest)
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
        db.flush().unwrap();
        wait(told, "a base with the unlogged write", |_| {
            scene.restore(WhichBackup::Latest, PointTarget::Latest).is_ok()
        });
        put(&db, "last", true);
        reach(told);
    });
    let first = WhichBackup::Id(stonekeep::BackupId::new(1).unwrap());
    let before = scene.restore(first, PointTarget::Sequence(numbers[0])).unwrap();
    assert_eq!(before.point.unwrap().sequence_number, numbers[0]);
    assert_eq!(scene.keys(), [b"before".to_vec()]);
    for at in [
        PointTarget::Sequence(numbers[1]),
        PointTarget::Sequence(numbers[2]),
        PointTarget::Sequence(numbers[3]),
        PointTarget::Latest,
    ] {
        let refused = scene.restore(first, at).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
        assert!(refused.to_string().contains("break of the stream"), "{refused}");
    }
    let end = scene.restore(WhichBackup::Latest, PointTarget::Latest).unwrap();
    assert_eq!(end.point.unwrap().sequence_number, numbers[3]);
    let all: Vec<Vec<u8>> = ["after", "before", "last", "late", "unlogged"]
        .map(Into::into)
        .into();
    assert_eq!(scene.keys(), all);
}

#[test]
fn no_restore_goes_across_writes_that_are_in_no_wal() {
    is_not_crossed(None);
}

#[test]
fn no_restore_begins_with_a_base_that_lacks_writes_that_are_in_no_wal() {
    is_not_crossed(Some(Duration::from_millis(1)));
}

#[test]
fn no_restore_begins_with_a_first_base_that_lacks_writes_that_are_in_no_wal() {
    let scene = Unlogged::new();
    let db = DB::open(&archiving(), scene.path()).unwrap();
    put(&db, "before", true);
    put(&db, "unlogged", false);
    put(&db, "after", true);
    scene.follow(None, |told| {
        wait(told, "the first base", |told| told.said().bases > 0);
        put(&db, "late", true);
        shipped(told, &db);
        let refused = scene
            .restore(WhichBackup::Latest, PointTarget::Latest)
            .unwrap_err();
        assert_ne!(refused.kind(), ErrorKind::Corrupt, "{refused}");
        db.flush().unwrap();
        wait(told, "the second base", |told| told.said().bases > 1);
    });
    scene.restore(WhichBackup::Latest, PointTarget::Latest).unwrap();
    let all: Vec<Vec<u8>> = ["after", "before", "late", "unlogged"].map(Into::into).into();
    assert_eq!(scene.keys(), all);
}
