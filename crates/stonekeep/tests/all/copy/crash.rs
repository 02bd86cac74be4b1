//! A copy that is killed at every step, also by a power failure.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stonekeep::engine::copy::{CopyOptions, CopyReport, CopyState, CopyWhat};
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{BackupEngine, BackupEngineOptions};
use stonekeep::store::local::LocalStore;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Interceptor, Operation, Refusal, Store};
use stonekeep::{Error, ErrorKind, Quiet, Result};
use stonekeep_testkit::fault_store::FaultStore;
use stonekeep_testkit::step_sample::StepSample;

use super::basics::{content, copy, three_backups};
use crate::support::scene::{assert_valid, files, id, ids, names, options, reader};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Power {
    Stays,
    Fails,
    FailsAfterNames,
}

fn run(from: &Store, to: Store, how: &BackupEngineOptions) -> Result<CopyReport> {
    let engine = BackupEngine::open(how.clone(), to)?;
    engine.copy_backups_from(&reader(from), CopyWhat::All, &CopyOptions::default(), &Quiet)
}

fn workers(count: usize) -> BackupEngineOptions {
    options().with_max_background_operations(NonZeroUsize::new(count))
}

/// The first backup is there already.
fn target(from: &Store, new: fn() -> MemoryStore) -> MemoryStore {
    let store = new();
    copy(from, &store.clone().into(), id(1)).unwrap();
    store
}

/// What must hold after a kill, and after the same copy once more.
fn check(from: &Store, to: &Store, when: &str) -> CopyReport {
    let there = ids(to);
    assert!(
        [&[1][..], &[1, 2], &[1, 2, 3]].contains(&&there[..]),
        "{when}: {there:?}"
    );
    assert_valid(to, &there, when);
    let report = copy(from, to, CopyWhat::All).unwrap_or_else(|error| panic!("{when}: {}", error.one_line()));
    let wrong = report
        .backups
        .iter()
        .find(|backup| !matches!(backup.state, CopyState::Copied | CopyState::AlreadyThere));
    assert_eq!(wrong, None, "{when}");
    // What facts say of durability depends on the run that copied them.
    let apart_from_facts = |store: &Store| {
        let mut content = content(store);
        content.retain(|path, _| !path.starts_with("stonekeep/backups/"));
        content
    };
    assert!(apart_from_facts(to) == apart_from_facts(from), "{when}");
    assert_eq!(files_of_facts(to), files_of_facts(from), "{when}");
    report
}

fn files_of_facts(store: &Store) -> BTreeSet<String> {
    names(store, "stonekeep/backups")
}

fn crash_at_every_step(new: fn() -> MemoryStore, how: &BackupEngineOptions, power: Power) {
    let (_scene, from) = three_backups();
    let counting = FaultStore::counting(target(&from, new));
    run(&from, counting.clone().into(), how).unwrap();
    let names = counting.step_names();
    assert!(names.len() > 30, "{names:?}");
    let sample = StepSample::new(&format!("{power:?}, sync {}", how.sync), &names);
    for (index, name) in sample.of(&names) {
        let store = target(&from, new);
        let fault = FaultStore::kill_at(store.clone(), index + 1);
        let outcome = run(&from, fault.clone().into(), how);
        // Who dies while cleaning up has copied everything.
        let is_late = |step: &String| step.starts_with("discard") || step.starts_with("put stonekeep/");
        let late = fault.stopped_before().is_some_and(|step| is_late(&step));
        assert!(outcome.is_err() || late, "{name}");
        match power {
            Power::Stays => {}
            Power::Fails => store.crash(),
            Power::FailsAfterNames => store.crash_after_names(),
        }
        let when = format!("killed before step {}, {name}; power {power:?}", index + 1);
        let shared: Store = store.clone().into();
        check(&from, &shared, &when);
        store.crash();
        if how.sync {
            let when = format!("{when}; then copied, then a power failure");
            assert_valid(&shared, &[1, 2, 3], &when);
        }
    }
}

#[test]
fn a_killed_copy_harms_nothing_and_is_resumed() {
    crash_at_every_step(MemoryStore::new, &workers(1), Power::Stays);
    crash_at_every_step(MemoryStore::new, &workers(1).with_sync(false), Power::Stays);
    crash_at_every_step(MemoryStore::new, &workers(2), Power::Stays);
}

#[test]
fn a_power_failure_harms_no_copy() {
    crash_at_every_step(MemoryStore::new, &workers(1), Power::Fails);
    crash_at_every_step(MemoryStore::new, &workers(1), Power::FailsAfterNames);
}

#[test]
fn a_killed_copy_to_a_store_that_names_at_once_is_resumed() {
    crash_at_every_step(MemoryStore::with_named_uploads, &workers(1), Power::Stays);
    crash_at_every_step(MemoryStore::with_named_uploads, &workers(2), Power::Stays);
}

#[test]
fn what_was_staged_is_not_sent_again() {
    for new in [
        MemoryStore::new as fn() -> MemoryStore,
        MemoryStore::with_named_uploads,
    ] {
        let (_scene, from) = three_backups();
        let counting = FaultStore::counting(target(&from, new));
        let whole = run(&from, counting.clone().into(), &workers(1)).unwrap();
        let names = counting.step_names();
        for (index, name) in StepSample::new("sent again", &names).of(&names) {
            let store = target(&from, new);
            let fault = FaultStore::kill_at(store.clone(), index + 1);
            drop(run(&from, fault.into(), &workers(1)));
            let sent = names[..index]
                .iter()
                .filter(|name| is_upload_of_file(name))
                .count() as u64;
            let half = u64::from(name.ends_with("second half"));
            let again = copy(&from, &store.clone().into(), CopyWhat::All).unwrap();
            let left = whole.files.files_copied - (sent - half.min(sent));
            assert!(
                again.files.files_copied <= left,
                "{name}: {} files are sent again, {left} are left",
                again.files.files_copied
            );
        }
    }
}

#[test]
fn a_backup_whose_copy_was_killed_after_its_commit_can_be_purged_for_good() {
    let (_scene, from) = three_backups();
    let store = MemoryStore::new();
    let counting = FaultStore::counting(MemoryStore::new());
    run(&from, counting.clone().into(), &workers(1)).unwrap();
    let names = counting.step_names();
    let last_claim = names
        .iter()
        .rposition(|name| name.starts_with("put stonekeep/ids/3"));
    let fault = FaultStore::kill_at(store.clone(), last_claim.unwrap() + 1);
    drop(run(&from, fault.into(), &workers(1)));
    let to: Store = store.into();
    assert_eq!(ids(&to), [1, 2, 3]);
    copy(&from, &to, CopyWhat::All).unwrap();
    let engine = BackupEngine::open(options(), to.clone()).unwrap();
    engine.delete_backup(id(3), &Quiet).unwrap();
    let report = copy(&from, &to, CopyWhat::All).unwrap();
    assert_eq!(report.backups[2].state, CopyState::Purged, "{report:?}");
}

/// Facts are copied, too, and do not count as files.
fn is_upload_of_file(step: &str) -> bool {
    step.starts_with("upload ") && !step.ends_with("second half") && !step.contains("stonekeep/backups/")
}

#[test]
fn a_killed_copy_leaves_nothing_after_a_collection() {
    let (scene, from) = three_backups();
    let at = |name: String| Store::from(LocalStore::new(scene.path(&name)));
    let counting = FaultStore::counting(at("counted".to_owned()));
    run(&from, counting.clone().into(), &workers(1)).unwrap();
    let names = counting.step_names();
    for (index, name) in StepSample::new("collected", &names).of(&names) {
        let to = at(format!("to-{index}"));
        let fault = FaultStore::kill_at(to.clone(), index + 1);
        drop(run(&from, fault.into(), &workers(1)));
        if !to.exists().unwrap() || BackupEngine::open_existing(options(), to.clone()).is_err() {
            continue;
        }
        let engine = BackupEngine::open(options(), to.clone()).unwrap();
        engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
        let there = ids(&to);
        assert_valid(&to, &there, name);
        let whole = files(&to);
        let of_backups = |path: &String| {
            let id = path.split('/').rev().find_map(|part| part.parse::<u32>().ok());
            path.starts_with("shared") || id.is_none_or(|id| there.contains(&id))
        };
        let orphans: Vec<&String> = whole
            .iter()
            .filter(|path| !path.starts_with("stonekeep/ids/") && !of_backups(path))
            .collect();
        assert!(orphans.is_empty(), "{name}: {orphans:?}");
        assert!(
            whole.iter().all(|path| !path.starts_with("stonekeep/tmp/")),
            "{name}: {whole:?}"
        );
        // The copy goes on all the same.
        copy(&from, &to, CopyWhat::All).unwrap();
        let report = reader(&to)
            .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
            .unwrap();
        assert!(report.is_clean(), "{name}");
    }
}

/// A store in which one change fails since something is not there.
#[derive(Debug)]
struct Vanishing {
    at: usize,
    changes: AtomicUsize,
}

impl Interceptor for Vanishing {
    fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal> {
        let is_here = operation.is_change() && self.changes.fetch_add(1, Ordering::Relaxed) == self.at;
        let gone = || Error::new(ErrorKind::NotFound, format!("{operation}: it is gone"));
        if is_here {
            Err(Refusal::Fails(gone()))
        } else {
            Ok(())
        }
    }
}

/// That something is not there does not mean that the backup was deleted in the source.
#[test]
fn a_backup_that_is_not_copied_is_never_passed_over() {
    let (_scene, from) = three_backups();
    let mut ended_well = 0;
    for at in 0..usize::MAX {
        let store: Store = target(&from, MemoryStore::new).into();
        let vanishing = Arc::new(Vanishing {
            at,
            changes: AtomicUsize::new(0),
        });
        let report = run(
            &from,
            store.clone().intercepted_by(Arc::clone(&vanishing) as _),
            &workers(1),
        );
        let when = format!("change {at}");
        if let Ok(report) = report {
            assert_eq!(report.backups.len(), 3, "{when}: {report:?}");
            ended_well += 1;
        }
        check(&from, &store, &when);
        if vanishing.changes.load(Ordering::Relaxed) <= at {
            break;
        }
    }
    assert!(ended_well > 0);
}
