//! Restores of damaged backups without what is damaged.

use std::collections::BTreeSet;
use std::fs;

use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::restore::{RestoreReport, TargetDisk};
use stonekeep::engine::{BackupEngine, CreateBackupOptions, RestoreOptions};
use stonekeep::format::FileNumber;
use stonekeep::format::manifest::{DatabaseState, ManifestReader};
use stonekeep::image::{Directory, SourceKind};
use stonekeep::store::Store;
use stonekeep::{ErrorKind, Quiet, Result, WarningName};
use stonekeep_testkit::database::DatabaseBuilder;

use crate::restore::dying_disk::DyingDisk;
use crate::restore::scene::{Tree, backed_up, database_files, tree};
use crate::support::scene::{Scene, assert_valid, id, key, memory, named, options, put, reader};

fn best_effort() -> RestoreOptions {
    RestoreOptions::default().with_best_effort(true)
}

/// A database with two column families, a blob file, tracked WALs and a file of the application, and its backup.
struct Damaged {
    scene: Scene,
    store: Store,
    whole: Tree,
}

impl Damaged {
    fn new() -> Self {
        let mut scene = Scene::with(DatabaseBuilder::new().track_wals().column_family("other"));
        let other = scene.database.state().column_families().keys().copied().max();
        scene.database.add_table(other.unwrap(), 4_000);
        scene.database.switch_wal();
        scene.database.write(5);
        scene.include("app.json", "{}");
        let store = memory();
        scene.create(&store).unwrap();
        let whole = backed_up(&scene);
        Damaged { scene, store, whole }
    }

    fn restore_on(&self, disk: &TargetDisk) -> Result<RestoreReport> {
        let which = WhichBackup::Id(id(1));
        reader(&self.store).restore_on(disk, which, &self.scene.path("target"), &best_effort(), &Quiet)
    }

    fn restore(&self) -> Result<RestoreReport> {
        self.restore_on(&TargetDisk::default())
    }

    /// What the backup names, and what includes.
    fn paths(&self) -> BTreeSet<String> {
        let mut paths = named(&self.store, 1);
        paths.insert("stonekeep/files/1/app.json".to_owned());
        paths
    }

    fn restored(&self) -> Tree {
        let mut files = database_files(&self.scene.path("target"));
        files.retain(|name, _| !name.starts_with(".stonekeep-restore"));
        files
    }
}

fn state(files: &Tree) -> DatabaseState {
    let (_, bytes) = files
        .iter()
        .find(|(name, _)| name.starts_with("MANIFEST-"))
        .unwrap();
    ManifestReader::read(bytes).unwrap().0
}

fn tables(state: &DatabaseState) -> BTreeSet<FileNumber> {
    state.live_tables().map(|table| table.file.number).collect()
}

/// The name in the database of a path in the repository.
fn name_of(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap();
    if path.starts_with("shared") {
        let (number, kind) = (name.split('_').next().unwrap(), name.rsplit('.').next().unwrap());
        format!("{number}.{kind}")
    } else {
        name.to_owned()
    }
}

#[test]
fn what_is_whole_comes_back_and_the_manifest_names_no_lost_table() {
    let paths = Damaged::new().paths();
    assert!(paths.len() > 9, "{paths:?}");
    for path in paths {
        let case = Damaged::new();
        let bytes = case.store.read(&key(&path), 1 << 20).unwrap();
        match bytes.len() % 3 {
            0 => case.store.delete_one(&key(&path)).unwrap(),
            1 => put(&case.store, &path, &bytes[1..]),
            _ => put(&case.store, &path, &[&bytes[1..], b"!"].concat()),
        }
        let name = name_of(&path);
        if name.starts_with("MANIFEST-") {
            let error = case.restore().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.to_string().contains("cannot be salvaged"), "{error}");
            assert!(!case.scene.path("target").join("CURRENT").exists());
            continue;
        }
        let report = case.restore();
        let report = report.unwrap_or_else(|error| panic!("{path}: {}", error.one_line()));
        let salvage = report.salvage.unwrap();
        let lost: Vec<_> = salvage.lost.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(lost, [name.as_str()]);
        let warned = report
            .warnings
            .iter()
            .filter(|warning| warning.name == WarningName::LeftOut);
        assert_eq!(warned.count(), 1, "{path}: {:?}", report.warnings);
        let (found, whole) = (case.restored(), &case.whole);
        for (other, content) in whole {
            let is_same = found.get(other) == Some(content);
            let changes = *other == name || other.starts_with("MANIFEST-");
            assert!(
                is_same || (changes && name != "CURRENT"),
                "{other} without {path}"
            );
        }
        let (before, after) = (state(whole), state(&found));
        let mut wanted = tables(&before);
        if path.ends_with(".sst") {
            let lost = &salvage.lost[0];
            let number = *wanted
                .iter()
                .find(|number| name == format!("{number:06}.sst"))
                .unwrap();
            assert!(wanted.remove(&number));
            assert!(lost.level.is_some() && lost.from_key.is_some() && lost.to_key.is_some());
            let family = &salvage.column_families[0];
            assert_eq!(Some(&family.name), lost.column_family.as_ref());
            assert_eq!(
                (family.tables_lost, family.bytes_lost),
                (1, lost.size_bytes.unwrap())
            );
        }
        assert_eq!(tables(&after), wanted, "{path}");
        assert_eq!(after.last_sequence(), before.last_sequence());
        assert_eq!(after.tracked_wals().is_empty(), path.ends_with(".log"), "{path}");
    }
}

#[test]
fn a_whole_backup_is_restored_as_ever() {
    let case = Damaged::new();
    let report = case.restore().unwrap();
    let salvage = report.salvage.unwrap();
    assert_eq!((salvage.lost.len(), salvage.column_families.len()), (0, 0));
    let mut found = case.restored();
    found.remove("app.json");
    let mut whole = case.whole.clone();
    whole.remove("app.json");
    assert!(found == whole);
}

#[test]
fn several_losses_are_all_named_and_what_is_left_can_be_backed_up_and_restored() {
    let case = Damaged::new();
    let paths: Vec<String> = case
        .paths()
        .into_iter()
        .filter(|path| path.ends_with(".sst"))
        .collect();
    for path in &paths[1..] {
        case.store.delete_one(&key(path)).unwrap();
    }
    let salvage = case.restore().unwrap().salvage.unwrap();
    assert_eq!(salvage.lost.len(), paths.len() - 1);
    let target = case.scene.path("target");
    let source = Directory::new(&target, SourceKind::Closed);
    let store = memory();
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    engine
        .create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    assert_valid(&store, &[1], "the rest");
}

#[test]
fn a_target_with_a_database_and_the_choice_of_a_valid_backup_are_refused() {
    let case = Damaged::new();
    let target = case.scene.path("target");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("LOG"), "").unwrap();
    fs::write(target.join("000007.sst"), "precious").unwrap();
    let before = tree(&target);
    let error = case.restore().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.hint().unwrap().contains("new directory"), "{error:?}");
    assert!(tree(&target) == before);
    let restored = reader(&case.store).restore_db_from_backup(
        WhichBackup::LatestValid,
        &case.scene.path("other"),
        &best_effort(),
        &Quiet,
    );
    assert_eq!(restored.unwrap_err().kind(), ErrorKind::InvalidArgument);
    fs::remove_file(target.join("000007.sst")).unwrap();
    case.restore().unwrap();
}

#[test]
fn a_dry_run_says_what_is_missing_and_changes_nothing() {
    let case = Damaged::new();
    let paths = case.paths();
    let path = paths.iter().find(|path| path.ends_with(".sst")).unwrap();
    case.store.delete_one(&key(path)).unwrap();
    let which = WhichBackup::Id(id(1));
    let target = case.scene.path("target");
    let plan = reader(&case.store)
        .plan_restore(which, &target, &best_effort(), &Quiet)
        .unwrap();
    assert!(!target.exists() && !plan.restored);
    assert_eq!(plan.salvage, case.restore().unwrap().salvage);
}

#[test]
fn killed_at_any_step_it_leaves_nothing_that_opens_and_the_next_run_ends_it() {
    let damaged = || {
        let case = Damaged::new();
        let paths = case.paths();
        let path = paths.iter().find(|path| path.ends_with(".sst")).unwrap();
        case.store.delete_one(&key(path)).unwrap();
        case
    };
    let case = damaged();
    case.restore().unwrap();
    let wanted = case.restored();
    let mut step = 0;
    loop {
        step += 1;
        let case = damaged();
        let killed = case.restore_on(&DyingDisk::new(step));
        let found = case.restored();
        let opens = found
            .get("CURRENT")
            .is_some_and(|current| current.starts_with(b"MANIFEST-"));
        assert!(!opens || found == wanted, "killed before step {step}");
        let report = case.restore().unwrap();
        assert_eq!(report.salvage.unwrap().lost.len(), 1, "killed before step {step}");
        assert!(case.restored() == wanted, "killed before step {step}");
        if killed.is_ok() {
            assert!(step > 20, "{step}");
            break;
        }
    }
}
