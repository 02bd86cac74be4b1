//! A backup that is killed at every step, also by a power failure.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;

use stonekeep::Quiet;
use stonekeep::engine::collect::DEFAULT_MIN_AGE;
use stonekeep::engine::create::{CreateReport, FileAction};
use stonekeep::engine::verify::VerifyLevel;
use stonekeep::engine::{BackupEngine, BackupEngineOptions};
use stonekeep::format::BackupId;
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::store::memory::MemoryStore;
use stonekeep_testkit::fault_store::FaultStore;
use stonekeep_testkit::step_sample::StepSample;

use crate::support::scene::{Scene, assert_valid, files, id, ids, named, names, options, reader, verify};

/// What the repository has before the run that is killed.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    OneBackup,
}

/// What happens besides the kill.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Power {
    Stays,
    Fails,
    FailsAfterNames,
}

/// A repository in memory, as it stands before the run that is killed; made anew for each step.
fn memory(scene: &Scene, before: Before) -> MemoryStore {
    filled(MemoryStore::new(), scene, before)
}

fn filled(store: MemoryStore, scene: &Scene, before: Before) -> MemoryStore {
    if before == Before::OneBackup {
        let shared: Store = store.clone().into();
        scene.create(&shared).unwrap();
    }
    store
}

/// A first and a second state of one database: the second backup shares files with the first.
fn two_states() -> (Scene, Scene) {
    let (first, mut second) = (Scene::new(), Scene::new());
    second.change();
    (first, second)
}

fn one_worker(sync: bool) -> BackupEngineOptions {
    options().with_sync(sync)
}

/// What each of two workers has come to when the other one dies differs from run to run.
fn two_workers(sync: bool) -> BackupEngineOptions {
    one_worker(sync).with_max_background_operations(NonZeroUsize::new(2))
}

fn steps(scene: &Scene, store: Store, how: &BackupEngineOptions) -> Vec<String> {
    let counting = FaultStore::counting(store);
    let shared: Store = counting.clone().into();
    scene.create_with(&shared, how.clone()).unwrap();
    counting.step_names()
}

/// Runs a backup that dies before this step.
fn kill(scene: &Scene, store: Store, how: &BackupEngineOptions, step: usize) {
    let fault = FaultStore::kill_at(store, step);
    let shared: Store = fault.clone().into();
    let outcome = scene.create_with(&shared, how.clone());
    // Who dies while cleaning up has made the backup.
    let last = fault.stopped_before().unwrap();
    let cleaning = last.starts_with("discard") || last == "put stonekeep/latest";
    assert!(outcome.is_err() || cleaning, "step {step}");
}

/// What must hold after a kill, and after the backup that is made then.
fn check(scene: &Scene, store: &Store, before: &[u32], when: &str) -> CreateReport {
    let there = ids(store);
    assert!(
        there == before || there.len() == before.len() + 1,
        "{when}: {there:?}"
    );
    assert_valid(store, &there, when);
    let report = scene
        .create(store)
        .unwrap_or_else(|error| panic!("{when}: {}", error.one_line()));
    assert!(
        report.backup_id.get() > there.last().copied().unwrap_or(0),
        "{when}"
    );
    let now = [there, vec![report.backup_id.get()]].concat();
    assert_valid(store, &now, when);
    assert_nothing_is_left(store, &now, when);
    report
}

/// No staged file, no shared file without a backup; private files and facts of at most one backup that is not there.
fn assert_nothing_is_left(store: &Store, backups: &[u32], when: &str) {
    let wanted: BTreeSet<String> = backups.iter().flat_map(|backup| named(store, *backup)).collect();
    let orphans = |prefix: &str| -> Vec<String> {
        let files = files(store).into_iter();
        files
            .filter(|path| path.starts_with(prefix) && !wanted.contains(path))
            .collect()
    };
    assert_eq!(orphans("shared"), Vec::<String>::new(), "{when}");
    assert_eq!(orphans("stonekeep/tmp/"), Vec::<String>::new(), "{when}");
    let backups: BTreeSet<String> = backups.iter().map(ToString::to_string).collect();
    for directory in ["private", "stonekeep/backups", "stonekeep/files"] {
        let more = names(store, directory);
        assert!(more.difference(&backups).count() <= 1, "{when}: {more:?}");
    }
}

fn crash_at_every_step(before: Before, how: &BackupEngineOptions, power: Power) {
    crash_with(&two_states(), before, how, power);
}

fn crash_with(states: &(Scene, Scene), before: Before, how: &BackupEngineOptions, power: Power) {
    crash_in(MemoryStore::new, states, before, how, power);
}

fn crash_in(
    make: fn() -> MemoryStore,
    (first, second): &(Scene, Scene),
    before: Before,
    how: &BackupEngineOptions,
    power: Power,
) {
    let memory = |scene: &Scene, before| filled(make(), scene, before);
    let names = steps(second, memory(first, before).into(), how);
    assert!(names.len() > 20, "{names:?}");
    let sample = StepSample::new(&format!("{power:?}, sync {}", how.sync), &names);
    for (index, name) in sample.of(&names) {
        let store = memory(first, before);
        kill(second, store.clone().into(), how, index + 1);
        match power {
            Power::Stays => {}
            Power::Fails => store.crash(),
            Power::FailsAfterNames => store.crash_after_names(),
        }
        let when = format!("killed before step {}, {name}; power {power:?}", index + 1);
        let shared: Store = store.clone().into();
        let before: &[u32] = if before == Before::OneBackup { &[1] } else { &[] };
        let report = check(second, &shared, before, &when);
        // What is there now is durable, whatever the killed run left; what that one committed without sync is not.
        store.crash();
        let when = format!("{when}; then backed up, then a power failure");
        let mut durable = if how.sync { ids(&shared) } else { before.to_vec() };
        durable.retain(|backup| *backup != report.backup_id.get());
        durable.push(report.backup_id.get());
        let durable: Vec<BackupId> = durable.into_iter().map(id).collect();
        let report = reader(&shared)
            .verify_backups(durable.as_slice(), VerifyLevel::Checksum, &Quiet)
            .unwrap();
        assert!(
            report.is_clean() && report.backups.len() == durable.len(),
            "{when}: {report:?}"
        );
    }
}

#[test]
fn a_killed_second_backup_harms_nothing() {
    crash_at_every_step(Before::OneBackup, &one_worker(true), Power::Stays);
}

#[test]
fn a_killed_first_backup_harms_nothing() {
    crash_at_every_step(Before::Nothing, &one_worker(true), Power::Stays);
}

#[test]
fn a_power_failure_harms_nothing() {
    crash_at_every_step(Before::OneBackup, &one_worker(true), Power::Fails);
    crash_at_every_step(Before::Nothing, &one_worker(true), Power::Fails);
}

#[test]
fn a_power_failure_that_keeps_names_harms_nothing() {
    crash_at_every_step(Before::OneBackup, &one_worker(true), Power::FailsAfterNames);
    crash_at_every_step(Before::Nothing, &one_worker(true), Power::FailsAfterNames);
}

#[test]
fn a_killed_backup_with_two_workers_harms_nothing() {
    for before in [Before::Nothing, Before::OneBackup] {
        crash_at_every_step(before, &two_workers(true), Power::Fails);
        crash_at_every_step(before, &two_workers(false), Power::Stays);
    }
}

/// The same with files of the application, some of which are in the older backup.
fn two_states_with_files() -> (Scene, Scene) {
    let (mut first, mut second) = two_states();
    first.include("app.json", "{}");
    second.include("app.json", "{\"newer\": true}");
    second.include("conf/deep/rules", "all of them");
    (first, second)
}

#[test]
fn a_killed_backup_that_includes_files_harms_nothing() {
    let states = two_states_with_files();
    for before in [Before::Nothing, Before::OneBackup] {
        for sync in [true, false] {
            crash_with(&states, before, &one_worker(sync), Power::Stays);
        }
        crash_with(&states, before, &one_worker(true), Power::Fails);
        crash_with(&states, before, &one_worker(true), Power::FailsAfterNames);
    }
}

#[test]
fn a_killed_backup_whose_files_have_their_names_at_once_harms_nothing() {
    let states = two_states_with_files();
    for before in [Before::Nothing, Before::OneBackup] {
        for how in [one_worker(true), two_workers(true)] {
            crash_in(
                MemoryStore::with_named_uploads,
                &states,
                before,
                &how,
                Power::Stays,
            );
        }
    }
}

#[test]
fn what_a_killed_backup_included_is_collected() {
    let (first, second) = two_states_with_files();
    let how = one_worker(true);
    let names = steps(&second, memory(&first, Before::OneBackup).into(), &how);
    for step in 1..=names.len() {
        let store: Store = memory(&first, Before::OneBackup).into();
        kill(&second, store.clone(), &how, step);
        let engine = BackupEngine::open(options(), store.clone()).unwrap();
        engine.garbage_collect(DEFAULT_MIN_AGE, &Quiet).unwrap();
        let there: BTreeSet<String> = ids(&store).iter().map(ToString::to_string).collect();
        assert_eq!(
            crate::support::scene::names(&store, "stonekeep/files"),
            there,
            "{}",
            names[step - 1]
        );
        assert_valid(&store, &ids(&store), &names[step - 1]);
    }
}

#[test]
fn without_sync_a_kill_harms_nothing() {
    crash_at_every_step(Before::OneBackup, &one_worker(false), Power::Stays);
    crash_at_every_step(Before::Nothing, &one_worker(false), Power::Stays);
}

#[test]
fn without_sync_a_power_failure_takes_the_new_backup_only() {
    crash_at_every_step(Before::OneBackup, &one_worker(false), Power::Fails);
}

#[test]
fn without_sync_older_backups_survive_what_a_file_system_may_do() {
    let (first, second) = two_states();
    let names = steps(
        &second,
        memory(&first, Before::OneBackup).into(),
        &one_worker(false),
    );
    for (index, name) in StepSample::new("unsynced", &names).of(&names) {
        let store = memory(&first, Before::OneBackup);
        kill(&second, store.clone().into(), &one_worker(false), index + 1);
        store.crash_after_names();
        let shared: Store = store.clone().into();
        let report = verify(&shared);
        let harmed = report
            .findings
            .iter()
            .any(|finding| finding.backups.contains(&id(1)));
        assert!(
            !harmed,
            "killed before step {}, {name}: {:?}",
            index + 1,
            report.findings
        );
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), &to).unwrap();
        }
    }
}

#[test]
fn a_backup_on_disk_that_is_killed_at_any_step_harms_nothing() {
    let (first, second) = two_states();
    let original = first.path("repository");
    first
        .create(&(Store::from(LocalStore::new(&original)) as Store))
        .unwrap();
    let copy = |name: String| {
        let path = first.path(&name);
        copy_tree(&original, &path);
        path
    };
    for sync in [true, false] {
        let counted = copy(format!("counted-{sync}"));
        let names = steps(&second, Store::from(LocalStore::new(counted)), &one_worker(sync));
        let sample = StepSample::new(&format!("sync {sync}"), &names);
        for step in sample.steps().iter().copied() {
            let name = &names[step - 1];
            let path = copy(format!("{sync}-{step}"));
            kill(
                &second,
                Store::from(LocalStore::new(&path)),
                &one_worker(sync),
                step,
            );
            let store: Store = Store::from(LocalStore::new(&path));
            check(
                &second,
                &store,
                &[1],
                &format!("killed before step {step}, {name}; {}", sample.describe()),
            );
            std::fs::remove_dir_all(path).unwrap();
        }
    }
}

#[test]
fn completely_staged_files_are_not_copied_again() {
    let (first, second) = two_states();
    for before in [Before::Nothing, Before::OneBackup] {
        for sync in [true, false] {
            let names = steps(&second, memory(&first, before).into(), &one_worker(sync));
            let journal = names
                .iter()
                .position(|name| name.starts_with("persist uploads") && name.contains("journal"));
            let commit = names
                .iter()
                .position(|name| name.starts_with("put meta"))
                .unwrap();
            for step in journal.unwrap() + 2..=commit + 1 {
                let store: Store = memory(&first, before).into();
                kill(&second, store.clone(), &one_worker(sync), step);
                let report = second.create(&store).unwrap();
                let again = report.bytes_resumed + report.bytes_reused;
                let private = report.bytes_total - again;
                assert_eq!(private, report.bytes_copied, "{:?}", names[step - 1]);
                let shared = report.files.iter().filter(|file| file.path.starts_with("shared"));
                let copied = shared.filter(|file| file.action == FileAction::Copy);
                assert_eq!(
                    copied.count(),
                    0,
                    "step {step} {:?}: {:?}",
                    names[step - 1],
                    report.files
                );
            }
        }
    }
}
