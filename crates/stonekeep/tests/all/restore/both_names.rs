//! Renames of which a power failure has left both names, as btrfs does: the restore can still be finished or taken back.

use std::fs;

use stonekeep::ErrorKind;
use stonekeep::engine::RestoreOptions;
use stonekeep::engine::restore::abort_restore;

use crate::restore::dying_disk::DyingDisk;
use crate::restore::scene::{TwoStates, assert_same, database_files, over, restore_on};

const STAGING: &str = ".stonekeep-restore";

/// Which renames have left both names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Both {
    /// Those that move old files away.
    Away,
    /// Those that move new files into place.
    In,
    /// These, and that of CURRENT after them.
    Commit,
}

/// A restore of backup 1 over the second state that was killed when all renames of this kind were done; every file that one of them has
/// moved has its old name, too.
fn interrupted(both: Both) -> TwoStates {
    let disk = DyingDisk::immortal();
    restore_on(&over(), &disk, &RestoreOptions::default()).unwrap();
    let steps = disk.steps();
    let is_last = |step: &String| match both {
        Both::Away => step.starts_with("rename to .stonekeep-restore/old/"),
        Both::In => step.starts_with("rename to ") && !step.contains(STAGING),
        Both::Commit => step == "replace CURRENT",
    };
    let last = steps.iter().rposition(is_last).unwrap();
    let two = over();
    // The number of a step is counted from 1, and this one is the last that is done.
    let _ = restore_on(&two, &DyingDisk::new(last + 2), &RestoreOptions::default());
    let target = two.target();
    let (now, earlier) = match both {
        Both::Away => (target.join(STAGING).join("old"), target.clone()),
        Both::In | Both::Commit => (target.clone(), target.join(STAGING).join("new")),
    };
    let mut linked = 0;
    for entry in fs::read_dir(now).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let is_current = name == "CURRENT" && both != Both::Commit;
        let is_of_database = path.is_file() && name != "LOCK" && !is_current;
        if is_of_database && !earlier.join(&name).exists() {
            fs::hard_link(path, earlier.join(&name)).unwrap();
            linked += 1;
        }
    }
    assert!(linked > 3, "{linked}");
    two
}

#[test]
fn both_names_of_a_rename_are_no_obstacle_to_the_next_run() {
    for both in [Both::Away, Both::In, Both::Commit] {
        let two = interrupted(both);
        two.restore(1, &RestoreOptions::default()).unwrap();
        two.assert_restored(1, &format!("{both:?}: finished"));
    }
}

#[test]
fn an_abort_leaves_nothing_of_the_new_state_that_has_both_names() {
    for both in [Both::Away, Both::In] {
        let two = interrupted(both);
        abort_restore(&two.target(), None).unwrap();
        let wanted = database_files(two.scene.database.path());
        assert_same(
            &database_files(&two.target()),
            &wanted,
            &format!("{both:?}: taken back"),
        );
    }
}

#[test]
fn a_restore_whose_commit_has_both_names_is_complete() {
    let two = interrupted(Both::Commit);
    let before = database_files(&two.target());
    let error = abort_restore(&two.target(), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert_same(&database_files(&two.target()), &before, "not taken back");
    let report = two.restore(1, &RestoreOptions::default()).unwrap();
    assert!(report.resumed);
    two.assert_restored(1, "complete");
}

#[test]
fn a_run_that_is_killed_while_it_finishes_such_a_restore_loses_nothing() {
    let options = RestoreOptions::default();
    let disk = DyingDisk::immortal();
    restore_on(&interrupted(Both::Commit), &disk, &options).unwrap();
    for step in 1..=disk.steps().len() {
        let two = interrupted(Both::Commit);
        let _ = restore_on(&two, &DyingDisk::new(step), &options);
        let when = format!("killed before {}", disk.steps()[step - 1]);
        // It may be complete by now, or have left nothing but what is to be removed.
        let _ = abort_restore(&two.target(), None);
        let mut found = database_files(&two.target());
        found.retain(|name, _| !name.starts_with(STAGING));
        assert_same(&found, &two.states[0], &when);
        two.restore(1, &options).unwrap();
        two.assert_restored(1, &when);
    }
}
