//! Databases of real engines, with other MANIFESTs than theirs.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::engine::verify::{DatabaseReport, VerifyDatabaseOptions, verify_database};
use stonekeep::format::FileNumber;
use stonekeep::format::log::{LogScanner, RecordKind};
use stonekeep::format::manifest::VersionEdit;
use stonekeep::image::{Directory, SourceKind};
use stonekeep::{BackupEngine, BackupEngineOptions, LocalStore, Quiet, Store};
use stonekeep_format_testkit::Encode as _;
use stonekeep_format_testkit::log::{LogBuilder, scan};

/// The MANIFEST of a database that has one.
fn manifest(database: &Path) -> PathBuf {
    let entries = fs::read_dir(database).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    let is_manifest = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("MANIFEST")
    };
    paths.find(is_manifest).unwrap()
}

/// Writes the MANIFEST anew, with changed edits.
pub(crate) fn change_manifest(database: &Path, change: &mut dyn FnMut(&mut VersionEdit)) {
    let path = manifest(database);
    let (records, end) = scan(LogScanner::manifest(), &fs::read(&path).unwrap()).unwrap();
    assert!(end.is_clean());
    let mut log = LogBuilder::new();
    for record in records {
        assert_eq!(record.kind, RecordKind::Data);
        let mut edit = VersionEdit::decode(&record.payload, record.offset).unwrap();
        change(&mut edit);
        log.write(&edit.encode());
    }
    fs::write(path, log.take_bytes()).unwrap();
}

/// The first file with this extension.
pub(crate) fn with_extension(database: &Path, extension: &str) -> PathBuf {
    let entries = fs::read_dir(database).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let has = |path: &PathBuf| path.extension().is_some_and(|it| it == extension);
    paths.into_iter().find(has).unwrap()
}

/// Writes a WAL anew, with the first batch behind the second.
pub(crate) fn swap_batches(wal: &Path) {
    let number: u64 = wal.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let scanner = LogScanner::wal(FileNumber(number));
    let (mut records, end) = scan(scanner, &fs::read(wal).unwrap()).unwrap();
    assert!(end.is_clean() && records.len() > 1);
    records.swap(0, 1);
    let mut log = LogBuilder::new();
    for record in records {
        assert_eq!((record.kind, record.recyclable), (RecordKind::Data, false));
        log.write(&record.payload);
    }
    fs::write(wal, log.take_bytes()).unwrap();
}

/// Looks into a database.
pub(crate) fn look(database: &Path) -> DatabaseReport {
    let source = Directory::new(database, SourceKind::Closed);
    verify_database(&source, &VerifyDatabaseOptions::default(), &Quiet).unwrap()
}

/// Backs a database up.
pub(crate) fn backup(database: &Path, repository: &Path) {
    let store = Store::from(LocalStore::new(repository));
    let engine = BackupEngine::open(BackupEngineOptions::default(), store).unwrap();
    let source = Directory::new(database, SourceKind::Closed);
    engine
        .create_new_backup(&source, &stonekeep::CreateBackupOptions::default(), &Quiet)
        .unwrap();
}
