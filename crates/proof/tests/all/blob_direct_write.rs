//! Databases with `enable_blob_direct_write` whose process was killed: WALs point into blob files that no MANIFEST names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rocksdb::DB;
use stonekeep::engine::{CreateBackupOptions, RestoreOptions};
use stonekeep::image::{Directory, SourceKind};
use stonekeep::{Quiet, WarningName};
use stonekeep_proof::oracle::{self, OpenOptions};

use crate::judge;
use crate::ours;
use crate::restoring::restore;

/// With blob files of this size.
fn options(blob_file_size: u64) -> OpenOptions {
    OpenOptions {
        more: format!(
            "enable_blob_files=true;enable_blob_direct_write=true;min_blob_size=100;blob_file_size={blob_file_size};\
             allow_concurrent_memtable_write=false"
        ),
        ..OpenOptions::default()
    }
}

/// What is written after the last flush is in one blob file.
const LARGE: u64 = 256 << 20;
/// It is in several.
const SMALL: u64 = 32 << 10;

fn value(n: u32, round: u32) -> Vec<u8> {
    format!("{n}/{round} ").into_bytes().repeat(40 + n as usize % 7)
}

/// Writes a database and copies it before it is closed: what a process leaves that is killed. Gives the path of the copy
/// with what was acknowledged.
fn killed(root: &Path, options: &OpenOptions) -> (PathBuf, BTreeMap<String, Vec<u8>>) {
    let (path, copy) = (root.join("db"), root.join("killed"));
    let mut rocksdb = options.to_rocksdb().unwrap();
    rocksdb.create_if_missing(true);
    let db = DB::open(&rocksdb, &path).unwrap();
    let mut contents = BTreeMap::new();
    let mut put = |n: u32, round: u32| {
        let (key, value) = (format!("k{n:05}"), value(n, round));
        db.put(&key, &value).unwrap();
        contents.insert(key, value);
    };
    (0..200).for_each(|n| put(n, 1));
    db.flush().unwrap();
    (100..400).for_each(|n| put(n, 2));
    copy_of(&path, &copy);
    (copy, contents)
}

fn copy_of(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in judge::names(from) {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

/// Opens a database for writing, which recovers it, and reads these keys: those that can be read.
fn readable(db: &Path, options: &OpenOptions, keys: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let db = oracle::open(db, options).unwrap();
    let read = |key: &String| Some((key.clone(), db.get(key).ok().flatten()?));
    keys.keys().filter_map(read).collect()
}

fn back_up(db: &Path, repository: &Path) -> Vec<WarningName> {
    let source = Directory::new(db, SourceKind::Closed);
    let report = ours::engine(repository)
        .create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    report.warnings.iter().map(|warning| warning.name).collect()
}

/// The newest backup, restored by both engines.
fn restored(root: &Path, repository: &Path, id: u32) -> [PathBuf; 2] {
    let (own, theirs) = (root.join(format!("own-{id}")), root.join(format!("theirs-{id}")));
    restore(repository, id, &own, &RestoreOptions::default());
    let options = stonekeep_proof::engine::RestoreOptions::default();
    judge::rocksdb(repository)
        .restore(id, &theirs, &theirs, &options)
        .unwrap();
    [own, theirs]
}

#[test]
fn every_key_is_in_the_backup_of_a_killed_database() {
    let (root, options) = (tempfile::tempdir().unwrap(), options(LARGE));
    let (killed, contents) = killed(root.path(), &options);
    let repository = root.path().join("repo");
    assert_eq!(back_up(&killed, &repository), []);
    for db in restored(root.path(), &repository, 1) {
        assert_eq!(readable(&db, &options, &contents), contents, "{}", db.display());
    }
    // RocksDB recovers the database itself. Its MANIFEST goes on without the blob file, which a table points into now.
    assert_eq!(readable(&killed, &options, &contents), contents);
    assert_eq!(back_up(&killed, &repository), []);
    for db in restored(root.path(), &repository, 2) {
        assert_eq!(readable(&db, &options, &contents), contents, "{}", db.display());
    }
}

/// RocksDB 11.8.1 deletes all but the last of several blob files when it recovers such a database, and the keys in them are
/// lost. What is restored is no worse than the original, and no better.
#[test]
fn what_rocksdb_recovers_of_several_blob_files_it_recovers_of_the_backup() {
    let (root, options) = (tempfile::tempdir().unwrap(), options(SMALL));
    let (killed, contents) = killed(root.path(), &options);
    let repository = root.path().join("repo");
    assert_eq!(back_up(&killed, &repository), []);
    let recovered = readable(&killed, &options, &contents);
    assert!(recovered.len() >= 180, "{}", recovered.len());
    for db in restored(root.path(), &repository, 1) {
        assert_eq!(readable(&db, &options, &contents), recovered, "{}", db.display());
    }
    if recovered != contents {
        assert_eq!(back_up(&killed, &repository), [WarningName::BlobsNotInManifest]);
    }
}

/// The control: the blob files that the MANIFEST does not name are what makes the keys readable.
#[test]
fn without_those_blob_files_keys_are_lost() {
    let (root, options) = (tempfile::tempdir().unwrap(), options(LARGE));
    let (killed, contents) = killed(root.path(), &options);
    let image = ours::image(&killed);
    let unnamed: Vec<String> = image
        .files
        .iter()
        .filter(|file| file.name.to_string().ends_with(".blob") && !file.in_manifest)
        .map(|file| file.name.to_string())
        .collect();
    assert_eq!(unnamed.len(), 1, "{:?}", judge::names(&killed));
    fs::remove_file(killed.join(&unnamed[0])).unwrap();
    assert_eq!(readable(&killed, &options, &contents).len(), 100);
}
