//! Backups that are damaged, incomplete, or in an unusual form.

use std::fs;
use std::path::PathBuf;

use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::restore::RestoreAction;
use stonekeep::engine::{
    BackupEngine, Components, CreateBackupOptions, MaybeExclude, MetaSchema, RestoreMode, RestoreOptions,
};
use stonekeep::store::local::LocalStore;
use stonekeep::store::{ObjectReader, Store};
use stonekeep::{ErrorKind, Quiet, StopSwitch};

use crate::restore::scene::{TwoStates, assert_same, copy, database_files};
use crate::support::scene::{self, Scene, key, named, put};

fn content(store: &Store, path: &str) -> Vec<u8> {
    let object = store.open(&key(path)).unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut ObjectReader::new(object.as_ref()), &mut bytes).unwrap();
    bytes
}

/// Changes one byte.
fn damage(store: &Store, path: &str) {
    let mut bytes = content(store, path);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    put(store, path, &bytes);
}

/// A file that backup 2 has and backup 1 has not, or that both have.
fn table(two: &TwoStates, shared: bool) -> String {
    let first = named(&two.store, 1);
    let mut tables = named(&two.store, 2)
        .into_iter()
        .filter(|path| path.ends_with(".sst"));
    tables.find(|path| first.contains(path) == shared).unwrap()
}

#[test]
fn a_wrong_byte_anywhere_stops_the_restore() {
    for path in [
        None,
        Some("private/1/CURRENT"),
        Some("private/1/MANIFEST-000001"),
        Some("private/1/OPTIONS-000003"),
    ] {
        let two = TwoStates::new();
        copy(two.scene.database.path(), &two.target());
        let before = database_files(&two.target());
        let path = path.map_or_else(|| table(&two, true), str::to_owned);
        damage(&two.store, &path);
        let error = two.restore(1, &RestoreOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().starts_with("backup 1 is damaged"), "{error}");
        assert_eq!(error.findings()[0].file, path);
        assert!(error.findings()[0].reason.contains("checksum"));
        assert_same(&database_files(&two.target()), &before, "after a damaged backup");
    }
}

#[test]
fn missing_and_short_files_are_all_named() {
    let two = TwoStates::new();
    let (shared, own) = (table(&two, true), table(&two, false));
    two.store.delete_one(&key(&own)).unwrap();
    let bytes = content(&two.store, &shared);
    put(&two.store, &shared, &bytes[1..]);
    let error = two.restore(2, &RestoreOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let mut found: Vec<_> = error
        .findings()
        .iter()
        .map(|finding| finding.file.clone())
        .collect();
    found.sort();
    let mut wanted = [shared, own];
    wanted.sort();
    assert_eq!(found, wanted);
    assert!(!two.target().join(".stonekeep-restore").exists());
}

#[test]
fn a_current_without_its_manifest_is_damaged() {
    let two = TwoStates::new();
    put(&two.store, "private/1/CURRENT", b"MANIFEST-000099\n");
    let crc = stonekeep::format::checksum::crc32c(b"MANIFEST-000099\n");
    let meta = String::from_utf8(content(&two.store, "meta/1")).unwrap();
    let lines = meta.lines().map(|line| {
        if line.starts_with("private/1/CURRENT ") {
            format!("private/1/CURRENT crc32 {crc}\n")
        } else {
            format!("{line}\n")
        }
    });
    put(&two.store, "meta/1", lines.collect::<String>().as_bytes());
    let error = two.restore(1, &RestoreOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("MANIFEST-000099"), "{error}");
}

#[test]
fn latest_valid_walks_back_and_says_why() {
    let mut two = TwoStates::new();
    two.scene.change();
    two.scene.create(&two.store).unwrap();
    damage(&two.store, &table(&two, false));
    two.store.delete_one(&key("private/3/CURRENT")).unwrap();
    let restore = |which| {
        let options = RestoreOptions::default();
        two.reader()
            .restore_db_from_backup(which, &two.target(), &options, &Quiet)
    };
    // Backup 3 lacks a file, backup 2 has the right sizes. The latest is the newest, whatever its state.
    let error = restore(WhichBackup::Latest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(error.findings()[0].file, "private/3/CURRENT");
    assert!(error.hint().unwrap().contains("latest-valid"), "{error:?}");
    assert_eq!(two.reader().resolve(WhichBackup::Latest).unwrap(), scene::id(3));
    assert_eq!(
        two.reader().resolve(WhichBackup::LatestValid).unwrap(),
        scene::id(2)
    );
    let report = restore(WhichBackup::LatestValid).unwrap();
    assert_eq!(report.backup_id, scene::id(1));
    assert!(!report.resumed, "no earlier run left anything");
    two.assert_restored(1, "the latest valid one");
    let passed: Vec<_> = report.passed_over.iter().map(|other| other.id.get()).collect();
    assert_eq!(passed, [3, 2]);
    assert_eq!(report.passed_over[0].findings[0].file, "private/3/CURRENT");
    assert!(report.passed_over[1].findings[0].reason.contains("checksum"));

    damage(&two.store, &table(&two, true));
    assert_eq!(
        restore(WhichBackup::LatestValid).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    two.assert_restored(1, "nothing has changed");
}

#[test]
fn files_without_a_checksum_are_reported() {
    let two = TwoStates::new();
    let path = table(&two, true);
    let meta = String::from_utf8(content(&two.store, "meta/1")).unwrap();
    let lines = meta.lines().map(|line| match line.split_once(' ') {
        Some((file, _)) if file == path => format!("{file} temp kCold\n"),
        _ => format!("{line}\n"),
    });
    let text = format!("schema_version 2.1\n{}", lines.collect::<String>());
    put(&two.store, "meta/1", text.as_bytes());
    for mode in [RestoreMode::PurgeAllFiles, RestoreMode::VerifyChecksum] {
        let report = two
            .restore(1, &RestoreOptions::default().with_mode(mode))
            .unwrap();
        assert_eq!(
            report.unverifiable,
            std::slice::from_ref(&path),
            "never called right"
        );
        two.assert_restored(1, "with an unverifiable file");
    }
}

#[test]
fn what_a_stopped_restore_has_staged_is_used_again() {
    let two = TwoStates::new();
    let stop = StopSwitch::new();
    stop.stop();
    let options = RestoreOptions::default();
    let which = WhichBackup::Id(scene::id(2));
    let error = two
        .reader()
        .restore_db_from_backup(which, &two.target(), &options, &stop)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    let staged = two.target().join(".stonekeep-restore/new");
    let (right, wrong) = ("000004.sst", "000005.sst");
    fs::write(staged.join(right), &two.states[1][right]).unwrap();
    fs::write(staged.join(wrong), &two.states[1][right]).unwrap();
    fs::write(staged.join("000999.sst"), "of another backup").unwrap();
    // A file that need not be read is not missed.
    let report = two.restore(2, &options).unwrap();
    assert!(report.resumed);
    two.assert_restored(2, "with staged files");
}

/// Backup 1 has everything, backup 2 of another repository lacks the tables.
fn excluding() -> (Scene, PathBuf, Store) {
    let scene = Scene::new();
    let whole = scene.path("whole");
    let local: Store = Store::from(LocalStore::new(&whole));
    scene.create(&local).unwrap();
    let store = scene::memory();
    let options = scene::options().with_schema_version(MetaSchema::Two);
    let tables = |files: &[MaybeExclude]| Ok(files.iter().map(|file| file.path.ends_with(".sst")).collect());
    let engine = BackupEngine::open(options, store.clone())
        .unwrap()
        .with_components(Components::default().with_exclude_files_callback(tables));
    engine
        .create_new_backup(&scene.source(), &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    (scene, whole, store)
}

#[test]
fn excluded_files_come_from_other_repositories() {
    let (scene, whole, store) = excluding();
    let target = scene.path("target");
    let restore = |options: &RestoreOptions| {
        scene::reader(&store).restore_db_from_backup(WhichBackup::Latest, &target, options, &Quiet)
    };
    let error = restore(&RestoreOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    for number in ["000004", "000005", "000006", "000008"] {
        assert!(error.to_string().contains(number), "{error}");
    }
    let elsewhere = RestoreOptions::default().with_alternate_dirs(vec![whole.clone()]);
    let report = restore(&elsewhere).unwrap();
    assert!(
        report.unverifiable.is_empty(),
        "the other repository has checksums"
    );
    assert_eq!(
        fs::read(target.join("000004.sst")).unwrap(),
        fs::read(scene.path("db/000004.sst")).unwrap()
    );

    let stored = whole.join("shared_checksum");
    let path = fs::read_dir(stored).unwrap().map(|entry| entry.unwrap().path());
    let path = path
        .filter(|path| path.extension().is_some_and(|it| it == "sst"))
        .min()
        .unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(restore(&elsewhere).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn excluded_files_may_be_at_the_target_already() {
    let (scene, _, store) = excluding();
    let target = scene.path("target");
    copy(scene.database.path(), &target);
    let restore = |mode| {
        let options = RestoreOptions::default().with_mode(mode);
        scene::reader(&store).restore_db_from_backup(WhichBackup::Latest, &target, &options, &Quiet)
    };
    assert_eq!(
        restore(RestoreMode::VerifyChecksum).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    let report = restore(RestoreMode::KeepLatestDbSessionIdFiles).unwrap();
    assert_eq!(report.files_kept, 4);
    let kept = report
        .files
        .iter()
        .filter(|file| file.action == RestoreAction::Keep);
    assert!(
        kept.map(|file| file.name.as_str())
            .all(|name| name.ends_with(".sst"))
    );
    fs::write(target.join("000004.sst"), "another file").unwrap();
    let error = restore(RestoreMode::KeepLatestDbSessionIdFiles).unwrap_err();
    assert!(error.to_string().contains("000004"), "{error}");
}
