//! Restores by Stonekeep, checked by RocksDB.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use stonekeep::Quiet;
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::restore::RestoreReport;
use stonekeep::engine::{RestoreMode, RestoreOptions};
use stonekeep::format::BackupId;
use stonekeep_proof::oracle::OpenOptions;

use crate::judge::{self, Recorded};
use crate::ours;

/// Stonekeep restores each backup, first into nothing, then in both keep modes over what RocksDB has made of the
/// restored database by opening it. How many files the keep modes kept.
pub(crate) fn restores_all(repository: &Path, recorded: &[Recorded], what: &str) -> u64 {
    recorded
        .iter()
        .map(|backup| restores(repository, backup, what))
        .sum()
}

fn restores(repository: &Path, backup: &Recorded, what: &str) -> u64 {
    let target = tempfile::tempdir().unwrap();
    let (db, wal) = (target.path().join("db"), target.path().join("wal"));
    // RocksDB's engine restores OPTIONS as they are.
    let options = RestoreOptions::default()
        .with_wal_dir(Some(wal.clone()))
        .with_keep_wal_dir(true);
    let mut kept = 0;
    for mode in [
        RestoreMode::PurgeAllFiles,
        RestoreMode::KeepLatestDbSessionIdFiles,
        RestoreMode::VerifyChecksum,
    ] {
        let report = restore(repository, backup.id, &db, &options.clone().with_mode(mode));
        let what = format!("{what}, {mode:?}");
        assert!(
            report.restored && report.unverifiable.is_empty(),
            "{what}: {report:?}"
        );
        assert_eq!(
            files_of(&db, &wal),
            rocksdb_restores(repository, backup.id),
            "{what}"
        );
        judge::holds(&db, &OpenOptions::with_wal_dir(&wal), backup, &what);
        kept += report.files_kept;
    }
    kept
}

/// A restore that must succeed.
pub(crate) fn restore(repository: &Path, id: u32, db: &Path, options: &RestoreOptions) -> RestoreReport {
    let which = WhichBackup::Id(BackupId::new(id).unwrap());
    ours::engine(repository)
        .restore_db_from_backup(which, db, options, &Quiet)
        .unwrap_or_else(|error| panic!("backup {id} into {}: {error:?}", db.display()))
}

type Files = BTreeMap<String, Vec<u8>>;

/// What RocksDB's engine makes of the same backup.
fn rocksdb_restores(repository: &Path, id: u32) -> Files {
    let target = tempfile::tempdir().unwrap();
    let (db, wal) = (target.path().join("db"), target.path().join("wal"));
    let options = stonekeep_proof::engine::RestoreOptions::default();
    judge::rocksdb(repository)
        .restore(id, &db, &wal, &options)
        .unwrap();
    files_of(&db, &wal)
}

/// Every file of a restored database with its bytes. LOCK has no content, and RocksDB's engine does not restore IDENTITY.
fn files_of(db: &Path, wal: &Path) -> Files {
    let mut files = Files::new();
    for directory in [db, wal] {
        for name in judge::names(directory) {
            if name != "LOCK" && name != "IDENTITY" {
                let bytes = fs::read(directory.join(&name)).unwrap();
                assert!(files.insert(name, bytes).is_none(), "twice the same name");
            }
        }
    }
    files
}
