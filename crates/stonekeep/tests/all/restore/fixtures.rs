//! Backups that real RocksDB engines made, restored.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::engine::info::{BackupFileInfo, InfoDetail, WhichBackup};
use stonekeep::engine::restore::RestoreReport;
use stonekeep::engine::{CreateBackupOptions, RestoreMode, RestoreOptions};
use stonekeep::format::BackupId;
use stonekeep::format::options::{OptionsFile, with_wal_dir};
use stonekeep::image::{Directory, ImageSource, NoHost, SourceKind};
use stonekeep::{ErrorKind, Quiet, Warning, WarningName};
use stonekeep_testkit::fixtures::{self, Fixture};

use crate::info::fixtures_backups::{engine, options, reader, tree};

type Files = BTreeMap<String, Vec<u8>>;

/// What a backup holds, under the names that its files have in the database.
fn files_of_backup(fixture: &Fixture, id: u32) -> Files {
    let info = reader(&fixture.repository())
        .get_backup_info(BackupId::new(id).unwrap(), InfoDetail::Files)
        .unwrap();
    let bytes = |file: &BackupFileInfo| {
        let repository = if file.excluded {
            fixture.alternate()
        } else {
            fixture.repository()
        };
        fs::read(repository.join(&file.path)).unwrap()
    };
    let files = info.files.unwrap();
    files
        .into_iter()
        .map(|file| (file.restored_name.clone(), bytes(&file)))
        .collect()
}

/// What stands in a database's directory but LOCK, which is nobody's content.
fn files_of_directory(directory: &Path) -> Files {
    let mut files: Files = tree(directory).into_iter().collect();
    files.remove("LOCK");
    files
}

/// Every file as it is in the backup, OPTIONS with the `wal_dir` of the original too.
fn restore_options(fixture: &Fixture) -> RestoreOptions {
    let alternate: Vec<PathBuf> = Some(fixture.alternate())
        .into_iter()
        .filter(|path| path.is_dir())
        .collect();
    RestoreOptions::default()
        .with_alternate_dirs(alternate)
        .with_keep_wal_dir(true)
}

fn restore(fixture: &Fixture, id: u32, to: &Path, options: &RestoreOptions) -> RestoreReport {
    let which = WhichBackup::Id(BackupId::new(id).unwrap());
    engine(&fixture.repository(), options_without_sync())
        .restore_db_from_backup(which, to, options, &Quiet)
        .unwrap_or_else(|error| panic!("backup {id}: {error:?}"))
}

fn options_without_sync() -> stonekeep::engine::BackupEngineOptions {
    stonekeep::engine::BackupEngineOptions::default().with_sync(false)
}

/// Whether the MANIFEST carries the database id; otherwise IDENTITY is restored too, where anybody knows it.
fn check(restored: &Path, expected: &Files, what: &str) {
    let mut found = files_of_directory(restored);
    let identity = found.remove("IDENTITY");
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(expected), "{what}");
    for (name, bytes) in &found {
        assert_eq!(Some(bytes), expected.get(name), "{what}: {name}");
    }
    // OPTIONS of older engines name the wal_dir of the database that was backed up.
    let source = Directory::new(restored, SourceKind::Closed).with_wal_dir(Some(restored.to_owned()));
    let capture = source.capture(&mut NoHost, &Quiet).unwrap();
    let image = capture.image();
    assert_eq!(
        identity.is_some(),
        image.database_id.is_some() && !image.database_id_in_manifest,
        "{what}"
    );
    assert!(
        image.warnings.is_empty() && image.surplus.is_empty(),
        "{what}: {image:?}"
    );
}

#[test]
fn every_backup_is_restored_byte_for_byte() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        for backup in fixture.backups().unwrap() {
            let expected = files_of_backup(&fixture, backup.id);
            let empty = fixture.root().join(format!("restored-{}", backup.id));
            let report = restore(&fixture, backup.id, &empty, &restore_options(&fixture));
            assert_eq!(report.files_written, expected.len() as u64, "{name}: {report:?}");
            assert!(report.unverifiable.is_empty(), "{name}: {report:?}");
            assert_eq!(warnings(&report), expected_warnings(name), "{name}");
            check(&empty, &expected, &format!("{name}, backup {}", backup.id));
        }
    }
}

#[test]
fn only_the_options_of_old_engines_differ_from_the_backup() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let expected = files_of_backup(&fixture, 1);
        let to = fixture.root().join("restored");
        let options = restore_options(&fixture).with_keep_wal_dir(false);
        let report = restore(&fixture, 1, &to, &options);
        let names_original = expected_warnings(name).contains(&Warned::WalDir);
        assert_eq!(
            report.rewritten_options.len(),
            usize::from(names_original),
            "{name}"
        );
        assert!(!warnings(&report).contains(&Warned::WalDir), "{name}");
        let mut found = files_of_directory(&to);
        found.retain(|file, bytes| expected.get(file).is_some_and(|expected| expected != bytes));
        let differs: Vec<&String> = report.rewritten_options.iter().map(|file| &file.name).collect();
        assert_eq!(found.keys().collect::<Vec<_>>(), differs, "{name}");
        for (file, bytes) in &found {
            assert_eq!(OptionsFile::parse(bytes).unwrap().wal_dir(), None, "{name}");
            assert_eq!(*bytes, with_wal_dir(&expected[file], b"").unwrap(), "{name}");
        }
    }
}

/// What a restore warned of.
#[derive(Debug, PartialEq, Eq)]
enum Warned {
    WalDir,
    NoDatabaseId,
    Else(String),
}

fn warnings(report: &RestoreReport) -> Vec<Warned> {
    let kind = |message: &str| match message {
        _ if message.starts_with("wal_dir is ") => Warned::WalDir,
        _ if message.starts_with("the backup does not have the database's id") => Warned::NoDatabaseId,
        _ => Warned::Else(message.to_owned()),
    };
    // The fixture's database has gone on after the backup.
    let others = |warning: &&Warning| warning.name != WarningName::TargetIsNewer;
    let messages = report.warnings.iter().filter(others);
    messages.map(|warning| kind(&warning.message)).collect()
}

/// Engines of then wrote the path of the WALs into OPTIONS, and the database id into IDENTITY, which is not backed up.
fn expected_warnings(fixture: &str) -> &'static [Warned] {
    match fixture {
        fixtures::ROCKSDB_5_18 | fixtures::ROCKSDB_5_18_UNCHECKED_SHARING | fixtures::ROCKSDB_6_11 => {
            &[Warned::WalDir, Warned::NoDatabaseId]
        }
        fixtures::ROCKSDB_7_8 => &[Warned::NoDatabaseId],
        _ => &[],
    }
}

/// `shared_checksum/000012_s3ABC_1033.sst` has one, `shared_checksum/000012_2740320077_17018.blob` has none.
fn has_session_id(path: &str) -> bool {
    let name = path.rsplit_once('/').unwrap().1;
    name.split_once('_')
        .is_some_and(|(_, suffix)| suffix.starts_with('s'))
}

/// How many files of backup 1 stand in the fixture's database already, as far as the mode can tell.
fn keepable(fixture: &Fixture, expected: &Files, mode: RestoreMode) -> u64 {
    let info = reader(&fixture.repository())
        .get_backup_info(BackupId::new(1).unwrap(), InfoDetail::Files)
        .unwrap();
    let can_tell = |file: &BackupFileInfo| match mode {
        RestoreMode::KeepLatestDbSessionIdFiles => has_session_id(&file.path),
        RestoreMode::VerifyChecksum => file.path.ends_with(".sst") || file.path.ends_with(".blob"),
        _ => false,
    };
    let files = info.files.unwrap();
    let same = files.iter().filter(|file| {
        let there = fs::read(fixture.database().join(&file.restored_name)).ok();
        can_tell(file) && there.as_ref() == expected.get(&file.restored_name)
    });
    same.count() as u64
}

#[test]
fn every_backup_is_restored_over_the_database_of_its_fixture() {
    for name in fixtures::ALL {
        for mode in [
            RestoreMode::KeepLatestDbSessionIdFiles,
            RestoreMode::VerifyChecksum,
            RestoreMode::PurgeAllFiles,
        ] {
            let fixture = Fixture::unpack(name).unwrap();
            let expected = files_of_backup(&fixture, 1);
            let keepable = keepable(&fixture, &expected, mode);
            let options = restore_options(&fixture).with_mode(mode);
            let report = restore(&fixture, 1, &fixture.database(), &options);
            assert_eq!(report.files_kept, keepable, "{name}, {mode:?}: {report:?}");
            assert_eq!(warnings(&report), expected_warnings(name), "{name}, {mode:?}");
            check(&fixture.database(), &expected, &format!("{name}, {mode:?}"));
        }
    }
}

#[test]
fn a_backup_added_to_an_old_repository_is_restored_as_the_database_is() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let source = Directory::new(fixture.database(), SourceKind::Closed);
        engine(&fixture.repository(), options(name))
            .create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
            .unwrap();
        let to = fixture.root().join("restored");
        restore(&fixture, 4, &to, &restore_options(&fixture));
        let expected = files_of_backup(&fixture, 4);
        check(&to, &expected, name);
        for (file, bytes) in expected {
            assert_eq!(
                bytes,
                fs::read(fixture.database().join(&file)).unwrap(),
                "{name}: {file}"
            );
        }
    }
}

#[test]
fn an_excluded_file_that_is_nowhere_is_named_and_nothing_is_restored() {
    let fixture = Fixture::unpack(fixtures::ROCKSDB_11_8_SCHEMA_2).unwrap();
    let to = fixture.root().join("restored");
    let which = WhichBackup::Id(BackupId::new(2).unwrap());
    let error = engine(&fixture.repository(), options_without_sync())
        .restore_db_from_backup(which, &to, &RestoreOptions::default(), &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error:?}");
    let excluded = reader(&fixture.repository())
        .get_backup_info(BackupId::new(2).unwrap(), InfoDetail::Files)
        .unwrap()
        .files
        .unwrap()
        .into_iter()
        .find(|file| file.excluded)
        .unwrap();
    let message = format!("{error:?}");
    assert!(message.contains(&excluded.path), "{message}");
    assert!(!to.join("CURRENT").exists());
}

#[test]
fn a_restored_database_without_wals_does_not_guess_where_they_are() {
    let fixture = Fixture::unpack(fixtures::ROCKSDB_5_18).unwrap();
    let to = fixture.root().join("restored");
    restore(&fixture, 3, &to, &restore_options(&fixture));
    let error = Directory::new(&to, SourceKind::Closed)
        .capture(&mut NoHost, &Quiet)
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    assert!(error.hint().unwrap().contains("wal_dir is"), "{error:?}");
}
