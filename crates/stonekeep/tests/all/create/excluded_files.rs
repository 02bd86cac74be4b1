//! Backups that were made without some files: what has those is used, what has not is named.

use std::fs;
use std::path::Path;

use stonekeep::engine::create::CreateReport;
use stonekeep::engine::info::{BackupState, WhichBackup};
use stonekeep::engine::restore::RestoreReport;
use stonekeep::engine::verify::{FindingKind, VerifyLevel, VerifyReport};
use stonekeep::engine::{
    BackupEngine, BackupEngineOptions, Components, CreateBackupOptions, MaybeExclude, MetaSchema,
    RestoreOptions,
};
use stonekeep::repo::pin;
use stonekeep::store::Store;
use stonekeep::{ErrorKind, Quiet, Result};
use stonekeep_testkit::database::DatabaseBuilder;

use crate::support::scene::{Scene, assert_valid, directory, id, key, memory, names, options, put, reader};

const TABLES: usize = 30;

fn schema_2() -> BackupEngineOptions {
    options().with_schema_version(MetaSchema::Two)
}

/// Many tables.
fn scene() -> Scene {
    let mut scene = Scene::empty(DatabaseBuilder::new());
    scene.database.add_tables(TABLES, 2_000);
    scene.database.write(3);
    scene
}

/// A backup without any table that is not stored yet.
fn back_up_excluding(scene: &Scene, store: &Store) -> CreateReport {
    let tables = |files: &[MaybeExclude]| Ok(files.iter().map(|file| file.path.ends_with(".sst")).collect());
    let engine = BackupEngine::open(schema_2(), store.clone())
        .unwrap()
        .with_components(Components::default().with_exclude_files_callback(tables));
    engine
        .create_new_backup(&scene.source(), &CreateBackupOptions::default(), &Quiet)
        .unwrap()
}

fn restore(store: &Store, which: WhichBackup, to: &Path) -> Result<RestoreReport> {
    reader(store).restore_db_from_backup(which, to, &RestoreOptions::default(), &Quiet)
}

fn verify(store: &Store, backup: u32, level: VerifyLevel) -> VerifyReport {
    reader(store).verify_backups(id(backup), level, &Quiet).unwrap()
}

#[test]
fn excluded_files_are_found_in_other_backups_of_the_repository() {
    let (scene, store) = (scene(), memory());
    assert_eq!(back_up_excluding(&scene, &store).files_excluded, TABLES as u64);
    scene.create_with(&store, schema_2()).unwrap();
    let target = scene.path("restored");
    let report = restore(&store, WhichBackup::Id(id(1)), &target).unwrap();
    assert!(report.unverifiable.is_empty(), "the other backup has checksums");
    for table in scene.database.state().live_tables() {
        let original = scene.database.table_path(table.file.number, 0);
        let restored = target.join(original.file_name().unwrap());
        assert_eq!(fs::read(original).unwrap(), fs::read(restored).unwrap());
    }
    for level in [VerifyLevel::Size, VerifyLevel::Checksum] {
        let report = verify(&store, 1, level);
        assert!(report.is_clean(), "{:?}", report.findings);
        assert_eq!(report.files_excluded, 0, "they are checked");
    }
}

#[test]
fn damage_of_one_in_another_backup_is_damage_of_both() {
    let (scene, store) = (scene(), memory());
    back_up_excluding(&scene, &store);
    scene.create_with(&store, schema_2()).unwrap();
    let path = format!(
        "shared_checksum/{}",
        names(&store, "shared_checksum").first().unwrap()
    );
    let mut bytes = store.read(&key(&path), 1 << 20).unwrap();
    bytes[5] ^= 1;
    put(&store, &path, &bytes);
    let report = verify(&store, 1, VerifyLevel::Checksum);
    let [finding] = report.findings.as_slice() else {
        panic!("{:?}", report.findings);
    };
    assert_eq!((finding.kind, &finding.file), (FindingKind::WrongChecksum, &path));
    let error = restore(&store, WhichBackup::Id(id(1)), &scene.path("restored")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");

    put(&store, &path, b"short");
    let report = verify(&store, 1, VerifyLevel::Size);
    assert_eq!(report.findings[0].kind, FindingKind::WrongSize);
    let error = restore(&store, WhichBackup::Id(id(1)), &scene.path("restored")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
}

/// A file under their name that no backup names may be anything.
#[test]
fn an_orphan_does_not_replace_an_excluded_file() {
    let (scene, store) = (scene(), memory());
    back_up_excluding(&scene, &store);
    scene.create_with(&store, schema_2()).unwrap();
    store.delete_one(&key("meta/2")).unwrap();
    assert_eq!(
        verify(&store, 1, VerifyLevel::Checksum).files_excluded,
        TABLES as u64
    );
    restore(&store, WhichBackup::Id(id(1)), &scene.path("restored")).unwrap_err();
}

#[test]
fn excluded_files_that_are_nowhere_are_counted_and_named_in_one_line() {
    let (scene, store) = (scene(), memory());
    back_up_excluding(&scene, &store);
    let report = verify(&store, 1, VerifyLevel::Checksum);
    assert!(report.is_clean());
    assert_eq!(report.files_excluded, TABLES as u64);
    let excluded = &report.backups[0].excluded;
    let mut numbers: Vec<u64> = scene
        .database
        .state()
        .live_tables()
        .map(|table| table.file.number.0)
        .collect();
    numbers.sort_unstable();
    let expected: Vec<String> = numbers.iter().map(|number| format!("{number:06}.sst")).collect();
    assert_eq!(*excluded, expected);
    assert_eq!(report.files_checked, 4, "MANIFEST, CURRENT, OPTIONS and a WAL");

    let error = restore(&store, WhichBackup::Latest, &scene.path("restored")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let range = format!("{} … {}", expected[0], expected[TABLES - 1]);
    let message = error.to_string();
    assert!(
        message.contains("excludes 30 files") && message.contains(&range),
        "{message}"
    );
    assert!(
        !message.contains(&expected[1]) && !message.contains('\n'),
        "{message}"
    );
    assert!(error.hint().unwrap().contains("--alternate-dir"));
}

#[test]
fn latest_valid_passes_over_a_backup_whose_files_are_nowhere() {
    let mut scene = scene();
    let store = directory(&scene);
    scene.create_with(&store, schema_2()).unwrap();
    scene.change();
    back_up_excluding(&scene, &store);
    for dry_run in [true, false] {
        let target = scene.path("restored");
        let options = RestoreOptions::default();
        let engine = reader(&store);
        let report = if dry_run {
            engine.plan_restore(WhichBackup::LatestValid, &target, &options, &Quiet)
        } else {
            engine.restore_db_from_backup(WhichBackup::LatestValid, &target, &options, &Quiet)
        };
        let report = report.unwrap();
        assert_eq!(report.backup_id, id(1));
        assert_eq!(report.passed_over[0].id, id(2));
        let reason = &report.passed_over[0].findings[0].reason;
        assert!(reason.contains("excludes 2 files"), "{reason}");
    }
    // The newest is asked for by its name: then it is an error.
    let error = restore(&store, WhichBackup::Latest, &scene.path("other")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let opened = scene.path("opened");
    let report = reader(&store)
        .open_in_place(WhichBackup::LatestValid, &opened, &Quiet)
        .unwrap();
    assert_eq!(report.backup_id, id(1));
}

#[test]
fn the_only_backup_is_not_passed_over_in_silence() {
    let (scene, store) = (scene(), memory());
    back_up_excluding(&scene, &store);
    let error = restore(&store, WhichBackup::LatestValid, &scene.path("restored")).unwrap_err();
    assert!(error.to_string().contains("excludes 30 files"), "{error}");
    assert!(!scene.path("restored").join("CURRENT").exists());
}

/// Whoever restores a backup reads the files of others, which may be deleted meanwhile.
#[test]
fn a_pin_holds_the_files_that_its_backup_was_made_without() {
    let (scene, store) = (scene(), memory());
    back_up_excluding(&scene, &store);
    scene.create_with(&store, schema_2()).unwrap();
    let pinned = pin::pin(&store, id(1)).unwrap();
    let engine = BackupEngine::open(schema_2(), store.clone()).unwrap();
    engine.delete_backup(id(2), &Quiet).unwrap();
    assert_eq!(names(&store, "shared_checksum").len(), TABLES);
    drop(pinned);
    engine.garbage_collect(std::time::Duration::ZERO, &Quiet).unwrap();
    assert_eq!(names(&store, "shared_checksum").len(), 0);
    assert_valid(&store, &[1], "without them");
}

#[test]
fn a_backup_with_excluded_files_is_valid() {
    let (scene, store) = (scene(), memory());
    back_up_excluding(&scene, &store);
    let report = verify(&store, 1, VerifyLevel::Size);
    assert_eq!(report.backups[0].state, BackupState::Valid);
    assert_eq!(report.files_excluded, TABLES as u64);
}
