//! Restores and aborts that are killed before every single step: what is left, and what the next run makes of it.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::restore::{AbortReport, RestoreReport, TargetDisk, abort_restore_on};
use stonekeep::engine::{BackupEngineOptions, BackupEngineReadOnly, RestoreMode, RestoreOptions};
use stonekeep::{ErrorKind, Quiet, Result};
use stonekeep_testkit::faults::Faults;
use stonekeep_testkit::step_sample::StepSample;

use crate::restore::dying_disk::DyingDisk;
use crate::restore::scene::{Tree, TwoStates, assert_same, copy, link, tree};
use crate::support::scene;

const STAGING: &str = ".stonekeep-restore";

/// A restore over an old database, as often as one likes.
pub(crate) struct Case {
    two: TwoStates,
    options: RestoreOptions,
    engine: BackupEngineOptions,
    sync: bool,
    /// The directory with the old state of target and `wal_dir`, of which each run gets a copy.
    old: PathBuf,
    old_tree: Tree,
    /// What stands there afterwards.
    new: Tree,
}

impl Case {
    pub(crate) fn new(options: RestoreOptions, has_wal_dir: bool, sync: bool) -> Self {
        Case::of(TwoStates::new(), options, has_wal_dir, sync)
    }

    /// With files of the application: one that replaces another, and one whose directories are not there.
    pub(crate) fn with_included(options: RestoreOptions, sync: bool) -> Self {
        let mut scene = scene::Scene::new();
        scene.include("app.json", "{}");
        let two = TwoStates::of(scene, |scene| {
            scene.include("app.json", "{\"newer\": true}");
            scene.include("conf/deep/rules", "all of them");
        });
        let case = Case::of(two, options, false, sync);
        assert!(has_state(&case.new, "target/app.json", b"{\"newer\": true}"));
        assert!(has_state(&case.new, "target/conf/deep/rules", b"all of them"));
        case
    }

    fn of(two: TwoStates, options: RestoreOptions, has_wal_dir: bool, sync: bool) -> Self {
        let old = two.scene.path("old");
        old_database(&two, &old, has_wal_dir);
        let mut case = Case {
            options,
            engine: scene::options().with_sync(sync),
            sync,
            old_tree: tree(&old),
            old,
            new: Tree::new(),
            two,
        };
        case.options.wal_dir = has_wal_dir.then(|| case.place("run").join("wals"));
        let place = case.fresh("run");
        case.restore(&DyingDisk::immortal(), &place).unwrap();
        case.new = tree(&place);
        assert!(has_state(
            &case.new,
            "target/CURRENT",
            &case.two.states[1]["CURRENT"]
        ));
        case
    }

    fn place(&self, name: &str) -> PathBuf {
        self.two.scene.path(name)
    }

    /// A copy of the old state. A run always has the same path, since a record names it.
    pub(crate) fn fresh(&self, name: &str) -> PathBuf {
        let place = self.place(name);
        let _ = fs::remove_dir_all(&place);
        link(&self.old, &self.old_tree, &place);
        place
    }

    pub(crate) fn restore(&self, disk: &TargetDisk, place: &Path) -> Result<RestoreReport> {
        let engine = BackupEngineReadOnly::open(self.engine.clone(), self.two.store.clone())?;
        let target = place.join("target");
        engine.restore_on(
            disk,
            WhichBackup::Id(scene::id(2)),
            &target,
            &self.options,
            &Quiet,
        )
    }

    fn abort(&self, disk: &TargetDisk, place: &Path) -> Result<AbortReport> {
        let wal_dir = self.options.wal_dir.as_deref();
        abort_restore_on(disk, &place.join("target"), wal_dir)
    }

    /// How it looks at a place, without what restores keep for themselves.
    fn visible(&self, place: &Path) -> Tree {
        let mut files = tree(place);
        files.retain(|name, _| !name.contains(STAGING));
        files
    }

    /// Exactly the old state or exactly the new one, if a database could be opened there at all.
    pub(crate) fn assert_sound(&self, place: &Path, when: &str) {
        let files = self.visible(place);
        let current = files
            .get("target/CURRENT")
            .unwrap_or_else(|| panic!("{when}: no CURRENT"));
        if *current == self.old_tree["target/CURRENT"] {
            assert_same(&files, &self.old_tree, &format!("{when}: old state"));
        } else if *current == self.new["target/CURRENT"] {
            assert_same(&files, &self.new, &format!("{when}: new state"));
        } else {
            assert!(
                !current.starts_with(b"MANIFEST-"),
                "{when}: RocksDB would open it"
            );
        }
    }

    /// Exactly the new state.
    pub(crate) fn assert_restored(&self, place: &Path) {
        assert_same(&self.visible(place), &self.new, "restored");
    }

    /// What both ways out of an interrupted restore lead to.
    pub(crate) fn assert_both_ways_out(&self, interrupted: &dyn Fn() -> PathBuf, when: &str) {
        let place = interrupted();
        self.assert_sound(&place, when);
        let is_committed = tree(&place)["target/CURRENT"] == self.new["target/CURRENT"];
        let report = self.restore(&DyingDisk::immortal(), &place);
        let report = report.unwrap_or_else(|error| panic!("{when}: {}", error.one_line()));
        assert!(report.restored, "{when}");
        assert_same(&tree(&place), &self.new, &format!("{when}, restored again"));
        let place = interrupted();
        let is_begun = place.join("target").join(STAGING).exists();
        let aborted = self.abort(&DyingDisk::immortal(), &place);
        match aborted {
            // The very last traces of a restore that is complete can be removed by an abort as well.
            Ok(report) if is_committed => {
                assert!(!report.rolled_back, "{when}");
                assert_same(&tree(&place), &self.new, &format!("{when}, aborted"));
            }
            Ok(_) => {
                assert_same(&tree(&place), &self.old_tree, &format!("{when}, aborted"));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => assert!(!is_begun, "{when}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Refused, "{when}: {}", error.one_line());
                assert!(is_committed, "{when}");
            }
        }
    }

    fn killed_at(&self, step: usize) -> (PathBuf, DyingDisk) {
        let place = self.fresh("run");
        let disk = DyingDisk::new(step).with_sync(self.sync);
        let _ = self.restore(&disk, &place);
        (place, disk)
    }

    /// What a restore that nothing disturbs does.
    fn steps(&self) -> Vec<String> {
        let disk = DyingDisk::immortal().with_sync(self.sync);
        self.restore(&disk, &self.fresh("run")).unwrap();
        disk.steps()
    }

    /// Stops a restore before the steps of a sample, or before all.
    fn assert_steps(&self, test: &str) {
        let names = self.steps();
        let sample = StepSample::new(test, &names);
        for step in sample.steps() {
            let name = &names[step - 1];
            let when = format!("killed before step {step}, {name}; {}", sample.describe());
            self.assert_both_ways_out(&|| self.killed_at(*step).0, &when);
        }
    }
}

fn has_state(files: &Tree, name: &str, content: &[u8]) -> bool {
    files.get(name).is_some_and(|found| found == content)
}

/// An older state of the database, with all that may stand beside it.
fn old_database(two: &TwoStates, place: &Path, has_wal_dir: bool) {
    let target = place.join("target");
    copy(two.scene.database.path(), &target);
    let _ = fs::remove_dir_all(target.join("conf"));
    for (name, content) in &two.states[0] {
        fs::write(target.join(name), content).unwrap();
    }
    fs::write(target.join("CURRENT"), &two.states[0]["CURRENT"]).unwrap();
    let wals = if has_wal_dir {
        place.join("wals")
    } else {
        target.clone()
    };
    fs::create_dir_all(wals.join("archive")).unwrap();
    if has_wal_dir {
        for entry in fs::read_dir(&target).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "log") {
                fs::rename(&path, wals.join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    fs::write(wals.join("archive/000001.log"), "an archived WAL").unwrap();
    fs::write(wals.join("archive/notes"), "somebody's").unwrap();
    fs::write(target.join("000777.sst.trash"), "trash").unwrap();
    fs::write(target.join("README"), "somebody's").unwrap();
    fs::create_dir_all(target.join("backups/meta")).unwrap();
    fs::write(target.join("backups/meta/1"), "a repository's").unwrap();
}

#[test]
fn a_killed_restore_can_be_finished_or_aborted() {
    for (sync, sample) in [(true, "synced"), (false, "unsynced")] {
        Case::new(RestoreOptions::default(), false, sync).assert_steps(sample);
    }
}

#[test]
fn a_killed_restore_with_a_wal_dir_can_be_finished_or_aborted() {
    Case::new(RestoreOptions::default(), true, true).assert_steps("a WAL directory");
}

#[test]
fn a_killed_restore_that_keeps_files_can_be_finished_or_aborted() {
    let options = RestoreOptions::default().with_mode(RestoreMode::VerifyChecksum);
    Case::new(options, false, true).assert_steps("kept files");
}

#[test]
fn a_killed_restore_that_keeps_wals_can_be_finished_or_aborted() {
    for (has_wal_dir, sample) in [(true, "kept WALs elsewhere"), (false, "kept WALs")] {
        let options = RestoreOptions::default().with_keep_log_files(true);
        Case::new(options, has_wal_dir, false).assert_steps(sample);
    }
}

#[test]
fn a_killed_restore_of_application_files_can_be_finished_or_aborted() {
    Case::with_included(RestoreOptions::default(), true).assert_steps("files of the application");
}

#[test]
fn a_killed_restore_that_removed_the_old_state_first_can_be_finished() {
    let options = RestoreOptions::default().with_free_old_files_first(true);
    let case = Case::new(options, true, true);
    let old = &case.old_tree;
    let killed_at = |step| {
        let place = case.fresh("run");
        let disk = DyingDisk::with(Faults::kill_at(step), Some(5_000));
        let _ = case.restore(&disk, &place);
        (place, disk)
    };
    let names = killed_at(usize::MAX).1.steps();
    let sample = StepSample::new("freed", &names);
    for step in sample.steps() {
        let (place, _) = killed_at(*step);
        let when = format!("killed before {}; {}", names[step - 1], sample.describe());
        let found = case.visible(&place);
        let opens = found["target/CURRENT"].starts_with(b"MANIFEST-");
        if opens && found["target/CURRENT"] == old["target/CURRENT"] {
            assert_same(&found, old, &when);
        } else if opens {
            assert_same(&found, &case.new, &when);
        }
        if let Err(error) = case.abort(&DyingDisk::immortal(), &place) {
            let kinds = [ErrorKind::Refused, ErrorKind::NotFound];
            assert!(kinds.contains(&error.kind()), "{when}: {}", error.one_line());
            assert_same(&case.visible(&place), &found, &when);
        }
        let report = case.restore(&DyingDisk::immortal(), &place);
        report.unwrap_or_else(|error| panic!("{when}: {}", error.one_line()));
        assert_same(&tree(&place), &case.new, &when);
    }
}

/// Kills a first run before each of these steps, then `second`, and takes both ways out.
fn assert_second_run(case: &Case, firsts: &[usize], second: &dyn Fn(&DyingDisk, &Path)) {
    for first in firsts {
        let interrupted = |step| {
            let (place, _) = case.killed_at(*first);
            let disk = DyingDisk::new(step).with_sync(case.sync);
            second(&disk, &place);
            (place, disk)
        };
        let names = interrupted(usize::MAX).1.steps();
        let sample = StepSample::new(&first.to_string(), &names);
        for step in sample.steps() {
            let when = format!(
                "killed before step {first}, the second run before {step}, {}; {}",
                names[step - 1],
                sample.describe()
            );
            case.assert_both_ways_out(&|| interrupted(*step).0, &when);
        }
    }
}

#[test]
fn a_killed_second_run_can_be_finished_or_aborted() {
    let case = Case::new(RestoreOptions::default(), true, false);
    // Once the record is gone, the second run is another restore, over what the first one has left.
    let removed = |step: &String| step == "remove .stonekeep-restore/state";
    let last = case.steps().iter().rposition(removed).unwrap() + 1;
    let firsts: Vec<usize> = (1..=last).rev().step_by(41).collect();
    assert_second_run(&case, &firsts, &|disk, place| drop(case.restore(disk, place)));
}

#[test]
fn a_killed_abort_can_be_finished() {
    let case = Case::new(RestoreOptions::default(), false, true);
    let is_commit = |step: &String| step == "replace CURRENT";
    let commit = case.steps().iter().rposition(is_commit).unwrap() + 1;
    let firsts: Vec<usize> = (1..=commit).rev().step_by(19).collect();
    assert_second_run(&case, &firsts, &|disk, place| drop(case.abort(disk, place)));
}
