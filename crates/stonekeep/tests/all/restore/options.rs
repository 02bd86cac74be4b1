//! The OPTIONS file of a restored database: it never names the WALs of the database that was backed up.

use std::fs;
use std::path::Path;

use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::restore::{RestoreReport, RewrittenOptions};
use stonekeep::engine::{BackupEngine, CreateBackupOptions, RestoreOptions};
use stonekeep::format::file_name::DbFileName;
use stonekeep::format::options::{OptionsFile, wal_dirs_by_line, with_wal_dir};
use stonekeep::image::DatabaseImage;
use stonekeep::store::Store;
use stonekeep::{Quiet, WarningName};
use stonekeep_testkit::database::DatabaseBuilder;

use crate::image::tweaked::{Tweaked, replace};
use crate::restore::dying_disk::DyingDisk;
use crate::restore::scene::{TwoStates, copy, restore_on, tree};
use crate::support::scene::{self, Scene};

/// The name and the content of the OPTIONS file there.
fn options_file(directory: &Path) -> (String, Vec<u8>) {
    let mut files = tree(directory).into_iter();
    files.find(|(name, _)| name.starts_with("OPTIONS-")).unwrap()
}

fn wal_dir(directory: &Path) -> Option<Vec<u8>> {
    OptionsFile::parse(&options_file(directory).1).unwrap().wal_dir()
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}

fn has(report: &RestoreReport, name: WarningName) -> bool {
    report.warnings.iter().any(|warning| warning.name == name)
}

/// What one rewritten file says: before, and now.
fn rewritten(files: &[RewrittenOptions]) -> (Option<&str>, Option<&str>) {
    assert_eq!(files.len(), 1, "{files:?}");
    (files[0].wal_dir_before.as_deref(), files[0].wal_dir.as_deref())
}

/// A backup whose OPTIONS file was changed in this way.
fn backed_up_with(change: impl Fn(&[u8]) -> Vec<u8> + Send + Sync) -> (Scene, Store) {
    let (scene, store) = (Scene::new(), scene::memory());
    let changed = change(&options_file(scene.database.path()).1);
    let source = Tweaked {
        inner: scene.source(),
        tweak: |image: &mut DatabaseImage| {
            let mut files = image.files.iter_mut();
            let options = files.find(|file| matches!(file.name, DbFileName::Options(_)));
            replace(options.unwrap(), &changed);
        },
    };
    let engine = BackupEngine::open(scene::options(), store.clone()).unwrap();
    engine
        .create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    (scene, store)
}

fn restore(store: &Store, to: &Path, options: &RestoreOptions) -> RestoreReport {
    scene::reader(store)
        .restore_db_from_backup(WhichBackup::Latest, to, options, &Quiet)
        .unwrap()
}

#[test]
fn a_wal_dir_of_the_original_is_not_restored() {
    let live = tempfile::tempdir().unwrap();
    let two = TwoStates::with(DatabaseBuilder::new().wal_dir(live.path()));
    let before = tree(live.path());
    let planned = two
        .reader()
        .plan_restore(
            WhichBackup::Latest,
            &two.target(),
            &RestoreOptions::default(),
            &Quiet,
        )
        .unwrap();
    assert_eq!(
        rewritten(&planned.rewritten_options),
        (live.path().to_str(), None)
    );
    let report = two.restore(2, &RestoreOptions::default()).unwrap();
    assert_eq!(report.rewritten_options, planned.rewritten_options);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    assert_eq!(wal_dir(&two.target()), None);
    assert_eq!(tree(live.path()), before);
    // Nothing else in the file, and no other file, differs from the backup.
    let (name, found) = options_file(&two.target());
    assert_eq!(name, report.rewritten_options[0].name);
    let original = fs::read(two.scene.database.path().join(&name)).unwrap();
    assert_eq!(found, with_wal_dir(&original, b"").unwrap());
    for (name, content) in tree(&two.target()) {
        let is_stored = !name.starts_with("OPTIONS-") && !name.ends_with(".log") && name != "LOCK";
        let same = || content == two.states[1][&name];
        assert!(!is_stored || same(), "{name}");
    }
}

#[test]
fn a_separate_wal_dir_is_put_there() {
    let live = tempfile::tempdir().unwrap();
    let elsewhere = DatabaseBuilder::new().wal_dir(live.path());
    for (builder, named) in [(DatabaseBuilder::new(), None), (elsewhere, live.path().to_str())] {
        let two = TwoStates::with(builder);
        let wals = two.scene.path("wals");
        let options = RestoreOptions::default().with_wal_dir(Some(wals.clone()));
        let report = two.restore(1, &options).unwrap();
        assert_eq!(wal_dir(&two.target()), Some(bytes(&wals)));
        assert_eq!(rewritten(&report.rewritten_options), (named, wals.to_str()));
    }
}

#[test]
fn a_wal_dir_that_is_right_stays_as_it_is() {
    let live = tempfile::tempdir().unwrap();
    let two = TwoStates::with(DatabaseBuilder::new().wal_dir(live.path()));
    let options = RestoreOptions::default().with_wal_dir(Some(live.path().into()));
    let report = two.restore(2, &options).unwrap();
    assert!(report.rewritten_options.is_empty(), "{report:?}");
    let (name, found) = options_file(&two.target());
    assert_eq!(found, fs::read(two.scene.database.path().join(name)).unwrap());
}

/// RocksDB up to 6.20 writes the database's own directory as its `wal_dir`.
#[test]
fn a_copy_of_a_database_that_names_itself_does_not_name_the_original() {
    let scene = Scene::new();
    let store = scene::directory(&scene);
    let home = scene.database.path();
    let (name, text) = options_file(home);
    let own = with_wal_dir(&text, &bytes(home)).unwrap();
    fs::write(home.join(name), &own).unwrap();
    scene.create(&store).unwrap();
    let target = scene.path("target");
    let report = restore(&store, &target, &RestoreOptions::default());
    assert_eq!(rewritten(&report.rewritten_options), (home.to_str(), None));
    assert_eq!(wal_dir(&target), None);
    let opened = scene.path("opened");
    let report = scene::reader(&store)
        .open_in_place(WhichBackup::Latest, &opened, &Quiet)
        .unwrap();
    assert_eq!(rewritten(&report.rewritten_options), (home.to_str(), None));
    assert_eq!(wal_dir(&opened), None);
    // In its old place the name is right.
    let report = restore(&store, home, &RestoreOptions::default());
    assert!(report.rewritten_options.is_empty(), "{report:?}");
    assert_eq!(options_file(home).1, own);
}

#[test]
fn a_relative_wal_dir_is_not_restored() {
    let (scene, store) = backed_up_with(|text| with_wal_dir(text, b"wals").unwrap());
    let target = scene.path("target");
    let report = restore(&store, &target, &RestoreOptions::default());
    assert_eq!(rewritten(&report.rewritten_options), (Some("wals"), None));
    assert_eq!(wal_dir(&target), None);
}

#[test]
fn a_wal_dir_is_kept_on_request_with_a_warning() {
    let live = tempfile::tempdir().unwrap();
    let two = TwoStates::with(DatabaseBuilder::new().wal_dir(live.path()));
    let keep = RestoreOptions::default().with_keep_wal_dir(true);
    let report = two.restore(2, &keep).unwrap();
    assert!(
        has(&report, WarningName::WalDirOfOptions),
        "{:?}",
        report.warnings
    );
    assert!(report.rewritten_options.is_empty());
    let (name, found) = options_file(&two.target());
    assert_eq!(found, fs::read(two.scene.database.path().join(name)).unwrap());
    // A separate directory that the file does not name is warned of, too.
    let (scene, store) = backed_up_with(<[u8]>::to_vec);
    let elsewhere = keep.with_wal_dir(Some(scene.path("wals")));
    let report = restore(&store, &scene.path("target"), &elsewhere);
    assert!(
        has(&report, WarningName::WalDirOfOptions),
        "{:?}",
        report.warnings
    );
    assert_eq!(wal_dir(&scene.path("target")), None);
}

#[test]
fn a_resumed_restore_reports_rewritten_options() {
    let live = tempfile::tempdir().unwrap();
    let two = TwoStates::with(DatabaseBuilder::new().wal_dir(live.path()));
    copy(two.scene.database.path(), &two.target());
    let options = RestoreOptions::default();
    restore_on(&two, &DyingDisk::before("rename to 000004.sst"), &options).unwrap_err();
    let report = two.restore(1, &options).unwrap();
    assert!(report.resumed);
    assert_eq!(rewritten(&report.rewritten_options), (live.path().to_str(), None));
    assert_eq!(wal_dir(&two.target()), None);
}

/// A newer RocksDB may read what this version cannot parse.
#[test]
fn an_options_file_that_cannot_be_parsed_does_not_name_the_original_either() {
    let text = |text: &[u8]| {
        [
            &with_wal_dir(text, b"/original").unwrap()[..],
            b"[Future]\n  a=b\n",
        ]
        .concat()
    };
    let (scene, store) = backed_up_with(text);
    let target = scene.path("target");
    let report = restore(&store, &target, &RestoreOptions::default());
    assert_eq!(rewritten(&report.rewritten_options), (Some("/original"), None));
    assert!(
        has(&report, WarningName::WalDirOfOptions),
        "{:?}",
        report.warnings
    );
    let found = options_file(&target).1;
    assert_eq!(wal_dirs_by_line(&found), Vec::<Vec<u8>>::new());
    assert!(found.ends_with(b"[Future]\n  a=b\n"));
    let kept = restore(
        &store,
        &target,
        &RestoreOptions::default().with_keep_wal_dir(true),
    );
    assert!(kept.rewritten_options.is_empty());
    assert_eq!(wal_dirs_by_line(&options_file(&target).1), [b"/original"]);
}

#[test]
fn a_log_dir_outside_of_the_restored_directory_is_warned_of() {
    let scene = Scene::new();
    let target = scene.path("target");
    let inside = target.join("logs");
    for (directory, warns) in [
        ("/var/log/database", true),
        ("logs", true),
        (inside.to_str().unwrap(), false),
        ("", false),
    ] {
        let setting = format!("[DBOptions]\n  db_log_dir={directory}\n");
        let (_scene, store) = backed_up_with(|text| {
            let text = String::from_utf8(text.to_vec()).unwrap();
            text.replacen("[DBOptions]\n", &setting, 1).into_bytes()
        });
        let report = restore(&store, &target, &RestoreOptions::default());
        assert_eq!(has(&report, WarningName::ForeignLogDir), warns, "{directory}");
        fs::remove_dir_all(&target).unwrap();
    }
}

#[test]
fn wals_of_the_old_database_elsewhere_are_warned_of() {
    let live = tempfile::tempdir().unwrap();
    let two = TwoStates::with(DatabaseBuilder::new().wal_dir(live.path()));
    copy(two.scene.database.path(), &two.target());
    let before = tree(live.path());
    let report = two.restore(1, &RestoreOptions::default()).unwrap();
    assert!(has(&report, WarningName::OldWals), "{:?}", report.warnings);
    assert_eq!(tree(live.path()), before, "the other directory is left alone");
    let there = RestoreOptions::default().with_wal_dir(Some(live.path().into()));
    copy(two.scene.database.path(), &two.target());
    let report = two.restore(1, &there).unwrap();
    assert!(!has(&report, WarningName::OldWals), "they are replaced");
}
