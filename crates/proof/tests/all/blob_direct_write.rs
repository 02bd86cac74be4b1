//! Databases with `enable_blob_direct_write` whose process was killed: WALs point into blob files that no MANIFEST names.

use std::fs;
use std::path::Path;

use rocksdb::DB;
use stonekeep::engine::{CreateBackupOptions, RestoreOptions};
use stonekeep::image::closed::ClosedDirectory;
use stonekeep::{Quiet, WarningName};
use stonekeep_proof::DatabaseContents;
use stonekeep_proof::oracle::{self, OpenOptions};

use crate::judge;
use crate::ours;
use crate::restoring::restore;

fn options() -> OpenOptions {
    OpenOptions {
        more: "enable_blob_files=true;enable_blob_direct_write=true;min_blob_size=100;blob_file_size=32768;\
               allow_concurrent_memtable_write=false"
            .to_owned(),
        ..OpenOptions::default()
    }
}

fn value(n: u32, round: u32) -> Vec<u8> {
    format!("{n}/{round} ").into_bytes().repeat(40 + n as usize % 7)
}

/// Writes a database and copies it before it is closed: what a process leaves that is killed. Gives the path of the copy
/// with what was acknowledged.
fn killed(root: &Path) -> (std::path::PathBuf, DatabaseContents) {
    let (path, copy) = (root.join("db"), root.join("killed"));
    let mut rocksdb = options().to_rocksdb().unwrap();
    rocksdb.create_if_missing(true);
    let db = DB::open(&rocksdb, &path).unwrap();
    let mut contents = DatabaseContents::default();
    contents.add_family("default");
    let mut put = |n: u32, round: u32| {
        let (key, value) = (format!("k{n:05}"), value(n, round));
        db.put(&key, &value).unwrap();
        contents.put("default", key.as_bytes(), &value);
    };
    (0..200).for_each(|n| put(n, 1));
    db.flush().unwrap();
    (100..400).for_each(|n| put(n, 2));
    fs::create_dir(&copy).unwrap();
    for name in judge::names(&path) {
        fs::copy(path.join(&name), copy.join(&name)).unwrap();
    }
    (copy, contents)
}

fn copy_of(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in judge::names(from) {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

#[test]
fn every_key_is_in_the_backup_of_a_killed_database() {
    let root = tempfile::tempdir().unwrap();
    let (killed, contents) = killed(root.path());
    let recovered = root.path().join("recovered");
    copy_of(&killed, &recovered);
    let found = oracle::examine(&recovered, &options()).unwrap();
    oracle::equal(&contents, &found.contents, "RocksDB recovers every key").unwrap();

    let repository = root.path().join("repo");
    let report = ours::engine(&repository)
        .create_new_backup(
            &ClosedDirectory::new(&killed),
            &CreateBackupOptions::default(),
            &Quiet,
        )
        .unwrap();
    let warned: Vec<WarningName> = report.warnings.iter().map(|warning| warning.name).collect();
    assert_eq!(warned, [], "{:?}", report.warnings);
    let own = root.path().join("by-stonekeep");
    restore(&repository, 1, &own, &RestoreOptions::default());
    let theirs = root.path().join("by-rocksdb");
    judge::rocksdb(&repository)
        .restore(
            1,
            &theirs,
            &theirs,
            &stonekeep_proof::engine::RestoreOptions::default(),
        )
        .unwrap();
    for (db, who) in [(own, "restored by Stonekeep"), (theirs, "restored by RocksDB")] {
        let found = oracle::examine(&db, &options()).unwrap();
        oracle::equal(&contents, &found.contents, who).unwrap();
    }
}

/// The control: the blob files that the MANIFEST does not name are what makes the keys readable.
#[test]
fn without_those_blob_files_keys_are_lost() {
    let root = tempfile::tempdir().unwrap();
    let (killed, contents) = killed(root.path());
    let image = ours::image(&killed);
    let unnamed: Vec<String> = image
        .files
        .iter()
        .filter(|file| file.name.to_string().ends_with(".blob") && !file.in_manifest)
        .map(|file| file.name.to_string())
        .collect();
    assert!(!unnamed.is_empty(), "{:?}", judge::names(&killed));
    for name in &unnamed {
        fs::remove_file(killed.join(name)).unwrap();
    }
    let whole = oracle::examine(&killed, &options());
    let whole = whole.is_ok_and(|found| contents.difference(&found.contents).is_none());
    assert!(!whole, "all keys are there without {unnamed:?}");
}
