//! `keep_old`: the replaced files go to a directory instead of being removed, whatever interrupts the restore.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use stonekeep::engine::RestoreOptions;
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::restore::{AbortReport, RestoreReport, TargetDisk, abort_restore_on};
use stonekeep::{ErrorKind, Quiet, Result, Warning, WarningName};
use stonekeep_testkit::step_sample::StepSample;

use crate::restore::dying_disk::DyingDisk;
use crate::restore::forgetful_disk::{FileSync, ForgetfulDisk};
use crate::restore::scene::{Tree, TwoStates, assert_same, copy, link, over, tree};
use crate::support::scene;

const STAGING: &str = ".stonekeep-restore";

/// A restore of backup 1 over the present database, as often as one likes.
struct Case {
    two: TwoStates,
    options: RestoreOptions,
    /// The state before, of which each run gets a copy; and how the place looks after a run that nothing interrupts.
    old: PathBuf,
    new: Tree,
}

impl Case {
    fn new(has_wal_dir: bool) -> Self {
        let two = TwoStates::new();
        let old = two.scene.path("old");
        copy(two.scene.database.path(), &old.join("target"));
        let wals = if has_wal_dir {
            old.join("wals")
        } else {
            old.join("target")
        };
        fs::create_dir_all(wals.join("archive")).unwrap();
        fs::write(wals.join("archive/000001.log"), "an archived WAL").unwrap();
        fs::write(old.join("target/README"), "somebody's").unwrap();
        if has_wal_dir {
            for name in tree(&old.join("target"))
                .keys()
                .filter(|name| name.ends_with(".log"))
            {
                if !name.contains('/') {
                    fs::rename(old.join("target").join(name), wals.join(name)).unwrap();
                }
            }
        }
        let place = two.scene.path("run");
        let options = RestoreOptions::default()
            .with_wal_dir(has_wal_dir.then(|| place.join("wals")))
            .with_keep_old(Some(place.join("kept")));
        let mut case = Case {
            two,
            options,
            old,
            new: Tree::new(),
        };
        let place = case.fresh();
        case.restore(&DyingDisk::immortal(), &place).unwrap();
        case.new = tree(&place);
        case
    }

    fn fresh(&self) -> PathBuf {
        let place = self.two.scene.path("run");
        let _ = fs::remove_dir_all(&place);
        link(&self.old, &tree(&self.old), &place);
        place
    }

    fn restore(&self, disk: &TargetDisk, place: &Path) -> Result<RestoreReport> {
        let which = WhichBackup::Id(scene::id(1));
        self.two
            .reader()
            .restore_on(disk, which, &place.join("target"), &self.options, &Quiet)
    }

    fn abort(&self, place: &Path) -> Result<AbortReport> {
        let wal_dir = self.options.wal_dir.as_deref();
        abort_restore_on(&DyingDisk::immortal(), &place.join("target"), wal_dir)
    }

    /// Every old file is somewhere, and both ways out lead where they should.
    fn assert_both_ways_out(&self, interrupted: &dyn Fn() -> PathBuf, when: &str) {
        let (place, old) = (interrupted(), tree(&self.old));
        let found = tree(&place);
        for (path, content) in old.iter().filter(|(path, _)| !path.ends_with('/')) {
            let name = path.rsplit('/').next().unwrap();
            let has = found
                .iter()
                .any(|(path, found)| path.ends_with(name) && found == content);
            assert!(has, "{when}: {path} is lost");
        }
        let is_committed = found["target/CURRENT"] == self.new["target/CURRENT"];
        match self.restore(&DyingDisk::immortal(), &place) {
            Ok(report) => {
                let is_left = |warning: &Warning| warning.name == WarningName::NotCleanedUp;
                assert!(
                    report.restored && !report.warnings.iter().any(is_left),
                    "{when}: {report:?}"
                );
                assert_same(&tree(&place), &self.new, &format!("{when}, restored again"));
            }
            // Without a record this is another restore, for which the directory is not empty.
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Refused, "{when}: {}", error.one_line());
                assert!(
                    !place.join("target").join(STAGING).join("state").exists(),
                    "{when}"
                );
                let mut found = tree(&place);
                found.retain(|path, _| !path.contains(STAGING));
                assert_same(&found, &self.new, &format!("{when}, refused"));
            }
        }
        let place = interrupted();
        match self.abort(&place) {
            Ok(_) if is_committed => assert_same(&tree(&place), &self.new, &format!("{when}, aborted")),
            Ok(_) => {
                let mut found = tree(&place);
                // Before there is a record nobody knows whose that is.
                found.retain(|path, _| !["kept/", "kept/.stonekeep-probe"].contains(&path.as_str()));
                assert_same(&found, &old, &format!("{when}, aborted"));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Refused, "{when}: {}", error.one_line());
                assert!(is_committed, "{when}");
            }
        }
    }

    /// Stops a restore before the steps of a sample, or before all.
    fn assert_steps(&self, test: &str) {
        let killed_at = |step: usize| {
            let (place, disk) = (self.fresh(), DyingDisk::new(step));
            let _ = self.restore(&disk, &place);
            (place, disk)
        };
        let names = killed_at(usize::MAX).1.steps();
        let sample = StepSample::new(test, &names);
        for step in sample.steps() {
            let when = format!(
                "killed before step {step}, {}; {}",
                names[step - 1],
                sample.describe()
            );
            self.assert_both_ways_out(&|| killed_at(*step).0, &when);
        }
    }
}

/// What of a place was below this directory.
fn below(files: &Tree, directory: &str) -> Tree {
    let below = |(path, content): (&String, &Vec<u8>)| {
        Some((path.strip_prefix(directory)?.to_owned(), content.clone()))
    };
    files
        .iter()
        .filter_map(below)
        .filter(|(path, _)| !path.is_empty())
        .collect()
}

#[test]
fn what_is_replaced_is_a_database_in_the_directory() {
    let case = Case::new(false);
    let mut old = below(&tree(&case.old), "target/");
    for stays in ["README", "LOCK"] {
        old.remove(stays);
    }
    assert_same(&below(&case.new, "kept/"), &old, "kept");
    let mut restored = below(&case.new, "target/");
    for stays in ["README", "LOCK", "archive/"] {
        restored.remove(stays);
    }
    assert_same(&restored, &case.two.states[0], "restored");
}

#[test]
fn wals_of_a_separate_directory_go_to_one_of_their_own() {
    let case = Case::new(true);
    let old = tree(&case.old);
    assert_same(&below(&case.new, "kept/wals/"), &below(&old, "wals/"), "kept");
}

#[test]
fn a_killed_restore_with_keep_old_can_be_finished_or_aborted() {
    Case::new(false).assert_steps("kept old state");
}

#[test]
fn a_killed_restore_with_keep_old_and_a_wal_dir_can_be_finished_or_aborted() {
    Case::new(true).assert_steps("kept old WALs");
}

#[test]
fn after_a_power_failure_a_restore_with_keep_old_can_be_finished_or_aborted() {
    let case = Case::new(false);
    for lucky in [false, true] {
        let failed_at = |step: usize| {
            let place = case.fresh();
            let disk = ForgetfulDisk::new(&place, FileSync::Content, step);
            let _ = case.restore(&disk, &place);
            // Every other change that was not durable is there.
            let mut luck = step;
            disk.lose_power(|| {
                luck = luck.wrapping_add(1);
                lucky && luck.is_multiple_of(2)
            });
            (place, disk)
        };
        let names = failed_at(usize::MAX).1.steps();
        let sample = StepSample::new("kept old state and power", &names);
        for step in sample.steps() {
            let when = format!(
                "no power before step {step}, {}; {}",
                names[step - 1],
                sample.describe()
            );
            case.assert_both_ways_out(&|| failed_at(*step).0, &when);
        }
    }
}

fn refused(two: &TwoStates, kept: &Path) -> stonekeep::Error {
    let before = tree(&two.target());
    let options = RestoreOptions::default().with_keep_old(Some(kept.to_owned()));
    let which = WhichBackup::Id(scene::id(1));
    let planned = two.reader().plan_restore(which, &two.target(), &options, &Quiet);
    assert_eq!(
        planned.unwrap_err().kind(),
        ErrorKind::Refused,
        "{}",
        kept.display()
    );
    let error = two.restore(1, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    assert_same(&tree(&two.target()), &before, "refused");
    error
}

#[test]
fn only_a_new_or_empty_directory_that_is_no_part_of_the_target_is_taken() {
    let two = over();
    let full = two.scene.path("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("000001.log"), "somebody's").unwrap();
    for kept in [
        full,
        two.target(),
        two.scene.directory.path().to_owned(),
        two.target().join("archive/old"),
    ] {
        refused(&two, &kept);
    }
    let inside = RestoreOptions::default().with_keep_old(Some(two.target().join(STAGING)));
    assert!(two.restore(1, &inside).is_err());
    let both = RestoreOptions::default().with_keep_old(Some(two.scene.path("kept")));
    let error = two
        .restore(1, &both.clone().with_free_old_files_first(true))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    // An empty one is as good as none, and keeps its mode; a new one has the mode of the database's directory.
    let empty = two.scene.path("empty");
    fs::create_dir(&empty).unwrap();
    fs::set_permissions(two.target(), fs::Permissions::from_mode(0o700)).unwrap();
    let report = two
        .restore(1, &RestoreOptions::default().with_keep_old(Some(empty.clone())))
        .unwrap();
    assert_eq!(report.kept_old, Some(empty.clone()));
    assert!(empty.join("CURRENT").exists());
    two.restore(2, &both).unwrap();
    let mode = fs::metadata(two.scene.path("kept")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn another_file_system_is_refused() {
    let two = over();
    // A file system of its own, which every Linux machine has.
    let elsewhere = Path::new("/dev/shm/stonekeep-keep-old-test");
    let device = |path: &Path| std::os::unix::fs::MetadataExt::dev(&fs::metadata(path).unwrap());
    if !Path::new("/dev/shm").is_dir() || device(Path::new("/dev/shm")) == device(&two.target()) {
        let test = "another_file_system_is_refused";
        return stonekeep_testkit::skip::because(test, "there is no other file system").unwrap();
    }
    let error = refused(&two, elsewhere);
    assert!(error.to_string().contains("another file system"), "{error}");
    assert!(!elsewhere.exists());
}

#[test]
fn where_nothing_is_replaced_nothing_is_made() {
    let two = TwoStates::new();
    let kept = two.scene.path("kept");
    let report = two
        .restore(1, &RestoreOptions::default().with_keep_old(Some(kept.clone())))
        .unwrap();
    assert_eq!(report.kept_old, None);
    assert!(!kept.exists());
}

#[test]
fn a_damaged_backup_leaves_no_directory_behind() {
    let two = over();
    let table = scene::named(&two.store, 1)
        .into_iter()
        .find(|path| path.ends_with(".sst"))
        .unwrap();
    let size = two.store.stat(&scene::key(&table)).unwrap().unwrap().size_bytes;
    scene::put(&two.store, &table, &vec![0; usize::try_from(size).unwrap()]);
    let kept = two.scene.path("kept");
    let error = two
        .restore(1, &RestoreOptions::default().with_keep_old(Some(kept.clone())))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!kept.exists());
}

#[test]
fn keep_old_cannot_change_between_runs() {
    let two = over();
    let (kept, other) = (two.scene.path("kept"), two.scene.path("other"));
    let keeping = |directory: &Path| RestoreOptions::default().with_keep_old(Some(directory.to_owned()));
    let begin = |options: &RestoreOptions| {
        let disk = DyingDisk::before("rename to 000004.sst");
        crate::restore::scene::restore_on(&two, &disk, options).unwrap_err();
    };
    begin(&RestoreOptions::default());
    assert_eq!(
        two.restore(1, &keeping(&kept)).unwrap_err().kind(),
        ErrorKind::Refused
    );
    two.restore(1, &RestoreOptions::default()).unwrap();
    copy(two.scene.database.path(), &two.target());
    begin(&keeping(&kept));
    assert_eq!(
        two.restore(1, &keeping(&other)).unwrap_err().kind(),
        ErrorKind::Refused
    );
    // Who only says that it is to go on gets what was begun.
    let report = two.restore(1, &RestoreOptions::default()).unwrap();
    assert_eq!(report.kept_old, Some(kept.clone()));
    assert!(kept.join("CURRENT").exists() && !other.exists());
}

/// A record may come from a stranger.
#[test]
fn nothing_is_moved_to_a_directory_with_other_files() {
    let two = over();
    let kept = two.scene.path("kept");
    let options = RestoreOptions::default().with_keep_old(Some(kept.clone()));
    crate::restore::scene::restore_on(&two, &DyingDisk::before("rename to 000004.sst"), &options)
        .unwrap_err();
    fs::write(kept.join("somebody's"), "").unwrap();
    let report = two.restore(1, &options).unwrap();
    let warned = |report: &RestoreReport| {
        report
            .warnings
            .iter()
            .any(|warning| warning.name == WarningName::NotCleanedUp)
    };
    assert!(warned(&report), "{:?}", report.warnings);
    assert_eq!(tree(&kept).len(), 1);
    fs::remove_file(kept.join("somebody's")).unwrap();
    let report = two.restore(1, &options).unwrap();
    assert!(
        !warned(&report) && kept.join("CURRENT").exists(),
        "{:?}",
        report.warnings
    );
}
