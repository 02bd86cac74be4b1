//! Column families with user-defined timestamps, whose WALs have records of their own.

use std::path::Path;

use rocksdb::{DB, ReadOptions};
use stonekeep::Quiet;
use stonekeep::engine::{CreateBackupOptions, RestoreOptions};
use stonekeep::image::{Directory, SourceKind};
use stonekeep_proof::oracle::OpenOptions;

use crate::judge;
use crate::ours;
use crate::restoring::restore;

fn open(path: &Path) -> DB {
    // RocksDB's built-in comparator with timestamps of eight bytes (util/comparator.cc).
    let options = OpenOptions {
        more: "comparator=leveldb.BytewiseComparator.u64ts".to_owned(),
        ..OpenOptions::default()
    };
    let mut options = options.to_rocksdb().unwrap();
    options.create_if_missing(true);
    DB::open(&options, path).unwrap()
}

fn timestamp(number: u64) -> [u8; 8] {
    number.to_le_bytes()
}

/// Two versions of each key, the older in a table, the newer in the WAL.
fn make(path: &Path) {
    let db = open(path);
    for version in 1..=2 {
        for n in 0..50_u8 {
            db.put_with_ts([n], timestamp(version), [n, version as u8])
                .unwrap();
        }
        if version == 1 {
            db.flush().unwrap();
        }
    }
}

fn has_both_versions(path: &Path) {
    let db = open(path);
    for version in 1..=2 {
        for n in 0..50_u8 {
            let mut options = ReadOptions::default();
            options.set_timestamp(timestamp(version));
            let value = db.get_opt([n], &options).unwrap();
            assert_eq!(value.as_deref(), Some([n, version as u8].as_slice()));
        }
    }
}

#[test]
fn both_engines_restore_every_version() {
    let root = tempfile::tempdir().unwrap();
    let (db, repository) = (root.path().join("db"), root.path().join("repo"));
    make(&db);
    let source = Directory::new(&db, SourceKind::Closed);
    let report = ours::engine(&repository)
        .create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    let own = root.path().join("by-stonekeep");
    restore(&repository, 1, &own, &RestoreOptions::default());
    has_both_versions(&own);
    let theirs = root.path().join("by-rocksdb");
    let options = stonekeep_proof::engine::RestoreOptions::default();
    judge::rocksdb(&repository)
        .restore(1, &theirs, &theirs, &options)
        .unwrap();
    has_both_versions(&theirs);
    assert_eq!(open(&own).latest_sequence_number(), report.sequence_number.0);
}
