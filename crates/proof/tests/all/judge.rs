//! Checks a repository with real RocksDB.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use stonekeep::engine::info::{BackupState, InfoDetail};
use stonekeep_proof::DatabaseContents;
use stonekeep_proof::engine::{
    BackupFile, BackupInfo, EngineOptions, RestoreOptions, RocksBackupEngine, VerifyLevel,
};
use stonekeep_proof::oracle::{self, OpenOptions};

use crate::ours;

/// A backup that must be in a repository.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) id: u32,
    pub(crate) contents: DatabaseContents,
    /// `GetLatestSequenceNumber` of the restored database.
    pub(crate) sequence: u64,
}

/// RocksDB's engine, for reading.
pub(crate) fn rocksdb(repository: &Path) -> RocksBackupEngine {
    RocksBackupEngine::open_read_only(repository, &EngineOptions::default()).unwrap()
}

/// RocksDB finds these backups and no others, none of them corrupt, every byte as recorded, and restores each to a
/// database with these keys.
pub(crate) fn accepts(repository: &Path, recorded: &[Recorded], what: &str) {
    let engine = rocksdb(repository);
    assert_eq!(engine.corrupted(), Vec::<u32>::new(), "{what}");
    let ids: Vec<u32> = engine.backups().iter().map(|backup| backup.id).collect();
    let wanted: Vec<u32> = recorded.iter().map(|backup| backup.id).collect();
    assert_eq!(ids, wanted, "{what}");
    for backup in recorded {
        engine
            .verify(backup.id, VerifyLevel::Checksums)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let target = tempfile::tempdir().unwrap();
        let (db, wal) = (target.path().join("db"), target.path().join("wal"));
        engine
            .restore(backup.id, &db, &wal, &RestoreOptions::default())
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        holds(&db, &OpenOptions::with_wal_dir(wal), backup, what);
    }
}

/// The database opens read-only and read-write, passes `VerifyChecksum`, and has every key and the sequence number.
pub(crate) fn holds(db: &Path, options: &OpenOptions, backup: &Recorded, what: &str) {
    let what = format!("{what}, backup {}", backup.id);
    let found = oracle::examine(db, options).unwrap_or_else(|error| panic!("{what}: {error:?}"));
    oracle::equal(&backup.contents, &found.contents, &what).unwrap();
    assert_eq!(found.sequence, backup.sequence, "{what}");
}

/// RocksDB's engine and Stonekeep report the same about each backup.
pub(crate) fn agrees_on_infos(repository: &Path, what: &str) {
    let theirs = rocksdb(repository).backups();
    let all = ours::engine(repository)
        .get_all_backup_info(InfoDetail::Files)
        .unwrap();
    assert_eq!(all.unknown_files, Vec::<String>::new(), "{what}");
    let mine: Vec<BackupInfo> = all
        .backups
        .into_iter()
        .map(|backup| in_rocksdbs_form(backup, what))
        .collect();
    assert_eq!(mine, theirs, "{what}");
    let stored: u64 = stored_files(repository).iter().map(|file| file.size).sum();
    assert_eq!(all.total_bytes, Some(stored), "{what}");
}

/// What Stonekeep reports, in RocksDB's form.
fn in_rocksdbs_form(backup: stonekeep::engine::info::BackupInfo, what: &str) -> BackupInfo {
    assert_eq!(backup.state, BackupState::Valid, "{what}, backup {}", backup.id);
    let (excluded, files): (Vec<_>, Vec<_>) =
        backup.files.unwrap().into_iter().partition(|file| file.excluded);
    let mut files: Vec<BackupFile> = files
        .into_iter()
        .map(|file| BackupFile {
            name: file.path,
            size: file.size_bytes.unwrap(),
        })
        .collect();
    files.sort();
    let mut excluded: Vec<String> = excluded.into_iter().map(|file| file.path).collect();
    excluded.sort();
    BackupInfo {
        id: backup.id.get(),
        timestamp: backup.timestamp_seconds,
        size: backup.size_bytes.unwrap(),
        number_files: u32::try_from(backup.number_files).unwrap(),
        app_metadata: backup.app_metadata,
        files,
        excluded,
    }
}

/// Every stored file belongs to a backup, and no table or blob is stored twice: one file for each number.
pub(crate) fn finds_nothing_surplus(repository: &Path, what: &str) {
    let stored = stored_files(repository);
    let named: BTreeSet<BackupFile> = rocksdb(repository)
        .backups()
        .into_iter()
        .flat_map(|backup| backup.files)
        .collect();
    let differ: Vec<&BackupFile> = stored.symmetric_difference(&named).collect();
    assert!(differ.is_empty(), "{what}: stored or named alone: {differ:?}");
    let shared: Vec<&str> = stored
        .iter()
        .map(|file| file.name.as_str())
        .filter(|name| name.starts_with("shared"))
        .collect();
    let numbers: BTreeSet<String> = shared.iter().map(|name| restored_name(name)).collect();
    assert_eq!(numbers.len(), shared.len(), "{what}: {shared:?}");
}

/// The name in the database: `shared_checksum/000012_s3ABC_1033.sst` is `000012.sst`.
pub(crate) fn restored_name(path: &str) -> String {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let (stem, extension) = name.rsplit_once('.').unwrap();
    format!("{}.{extension}", stem.split('_').next().unwrap())
}

/// Every file in the directories of RocksDB's layout that hold what databases are made of.
pub(crate) fn stored_files(repository: &Path) -> BTreeSet<BackupFile> {
    let mut found = BTreeSet::new();
    let mut directories = vec!["shared".to_owned(), "shared_checksum".to_owned()];
    directories.extend(
        names(&repository.join("private"))
            .iter()
            .map(|id| format!("private/{id}")),
    );
    for directory in directories {
        for name in names(&repository.join(&directory)) {
            let name = format!("{directory}/{name}");
            let size = fs::metadata(repository.join(&name)).unwrap().len();
            found.insert(BackupFile { name, size });
        }
    }
    found
}

/// The names in a directory, none if it is not there.
pub(crate) fn names(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// A copy of a directory with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy(&from, &to)
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}
