//! What RocksDB writes past its WALs is seen by a follower, and what it writes into them is not taken for that.

use std::path::Path;

use rocksdb::{DB, Options, SstFileWriter, WriteOptions};
use stonekeep::Quiet;
use stonekeep::image::follow::{Follower, Looking, Start};
use tempfile::TempDir;

use crate::followed_wals::{archiving, follow};

/// A database with tables, followed by listings.
struct Scene {
    directory: TempDir,
    db: DB,
    follower: Follower,
}

impl Scene {
    fn new(options: &Options) -> Scene {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let db = DB::open(options, &path).unwrap();
        // So that nothing is missed between two listings.
        db.disable_file_deletions().unwrap();
        let follower = follow(path, Looking::Listings, Start::Now);
        let mut scene = Scene {
            directory,
            db,
            follower,
        };
        for _ in 0..3 {
            scene.write();
            scene.db.flush().unwrap();
        }
        assert_eq!(scene.breaks(), [] as [&str; 0]);
        scene
    }

    fn write(&self) {
        for key in 0..100_u8 {
            self.db.put([key], [key; 100]).unwrap();
        }
    }

    /// The names of the breaks until nothing more comes.
    fn breaks(&mut self) -> Vec<&'static str> {
        let mut names = Vec::new();
        loop {
            let tick = self.follower.tick(&Quiet).unwrap();
            self.follower.kept();
            names.extend(tick.breaks.iter().map(|found| found.kind.as_str()));
            if tick.is_empty() {
                return names;
            }
        }
    }

    /// Does something; the breaks up to now, and after further writes.
    fn breaks_by(options: &Options, act: impl FnOnce(&DB, &Path)) -> (Vec<&'static str>, Vec<&'static str>) {
        let mut scene = Scene::new(options);
        act(&scene.db, scene.directory.path());
        let mut at_once = scene.breaks();
        // What the MANIFEST says is compared with the WALs of the tick after.
        at_once.extend(scene.breaks());
        scene.write();
        scene.db.flush().unwrap();
        scene.write();
        (at_once, scene.breaks())
    }
}

fn ingest(db: &DB, directory: &Path, key: &[u8]) {
    let options = Options::default();
    let mut writer = SstFileWriter::create(&options);
    let path = directory.join("ingested.sst");
    writer.open(&path).unwrap();
    writer.put(key, b"ingested").unwrap();
    writer.finish().unwrap();
    db.ingest_external_file(vec![path]).unwrap();
}

#[test]
fn ingested_files_are_one_break_each() {
    // One overlaps with what is there and takes a sequence number, the other does not.
    for key in [&[50][..], &[200]] {
        let found = Scene::breaks_by(&archiving(), |db, directory| ingest(db, directory, key));
        assert_eq!(found, (vec!["ingestion"], vec![]), "{key:?}");
    }
}

#[test]
fn writes_without_wal_are_a_gap() {
    let found = Scene::breaks_by(&archiving(), |db, _| {
        let mut without_wal = WriteOptions::default();
        without_wal.disable_wal(true);
        db.put_opt(b"unlogged", b"value", &without_wal).unwrap();
    });
    assert_eq!(found, (vec![], vec!["sequence-gap"]));
}

#[test]
fn flushed_writes_without_wal_are_in_the_manifest() {
    let found = Scene::breaks_by(&archiving(), |db, _| {
        let mut without_wal = WriteOptions::default();
        without_wal.disable_wal(true);
        db.put_opt(b"unlogged", b"value", &without_wal).unwrap();
        db.flush().unwrap();
    });
    // The last look compares with what the one before it had read of the MANIFEST.
    assert_eq!(
        [found.0, found.1].concat(),
        ["writes-without-wal", "sequence-gap"]
    );
}

#[test]
fn files_that_are_deleted_by_their_range_are_a_break() {
    let found = Scene::breaks_by(&archiving(), |db, _| {
        db.compact_range(None::<&[u8]>, None::<&[u8]>);
        db.delete_file_in_range([0], [255]).unwrap();
    });
    assert_eq!(found, (vec!["tables-dropped"], vec![]));
}

#[test]
fn compactions_and_settings_are_no_breaks() {
    let found = Scene::breaks_by(&archiving(), |db, _| {
        db.compact_range(None::<&[u8]>, None::<&[u8]>);
        db.set_options(&[("disable_auto_compactions", "true")]).unwrap();
    });
    assert_eq!(found, (vec![], vec![]));
}

#[test]
fn each_new_manifest_continues_the_one_before() {
    let mut options = archiving();
    options.set_max_manifest_file_size(1);
    let mut scene = Scene::new(&options);
    let first = scene.follower.tick(&Quiet).unwrap().position.manifest.number;
    for _ in 0..3 {
        scene.write();
        scene.db.flush().unwrap();
    }
    scene.db.compact_range(None::<&[u8]>, None::<&[u8]>);
    assert_eq!(scene.breaks(), [] as [&str; 0]);
    ingest(&scene.db, scene.directory.path(), &[50]);
    assert_eq!(scene.breaks(), ["ingestion"]);
    let last = scene.follower.tick(&Quiet).unwrap().position.manifest.number;
    assert!(last.0 > first.0 + 5, "MANIFEST {first}, then {last}");
}
