//! What a killed backup has to copy again: ten seconds of copying at most, however large its files are.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use stonekeep::engine::{BackupEngine, BackupEngineOptions, Components, CreateBackupOptions};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::store::memory::MemoryStore;
use stonekeep::{Quiet, Result};
use stonekeep_testkit::fake_clock::FakeClock;
use stonekeep_testkit::fault_store::FaultStore;

use crate::support::scene::{Scene, assert_valid, files, id, ids, memory, options};

const BYTES_A_SECOND: u64 = 2_000;
const MOST_LOST: Duration = Duration::from_secs(10);

/// A database of small tables and two that take more than ten seconds.
fn scene() -> Scene {
    let mut scene = Scene::new();
    scene.database.add_tables(1, 60_000);
    scene.database.add_tables(4, 6_000);
    scene.database.add_tables(1, 40_000);
    scene
}

fn slow(sync: bool) -> BackupEngineOptions {
    options()
        .with_sync(sync)
        .with_backup_rate_limit(BYTES_A_SECOND)
        .with_max_background_operations(NonZeroUsize::new(1))
}

/// How long a backup copies until it ends, one way or the other.
fn copying(scene: &Scene, store: Store, sync: bool) -> (Duration, Result<()>) {
    let clock = Arc::new(FakeClock::at_unix_seconds(1_700_000_000));
    let engine = BackupEngine::open(slow(sync), store)
        .unwrap()
        .with_components(Components::default().with_clock(clock.clone()));
    let options = CreateBackupOptions::default();
    let outcome = engine.create_new_backup(&scene.source(), &options, &Quiet);
    (clock.slept(), outcome.map(drop))
}

#[test]
fn a_killed_backup_loses_ten_seconds_of_copying_at_most() {
    let scene = scene();
    for sync in [true, false] {
        let counting = FaultStore::counting(memory());
        let (undisturbed, outcome) = copying(&scene, counting.clone().into(), sync);
        outcome.unwrap();
        assert!(undisturbed > Duration::from_secs(60), "{undisturbed:?}");
        let steps = counting.step_names();
        let extended = steps.iter().filter(|step| step.starts_with("resume ")).count();
        assert!(extended > 10, "{steps:?}");
        // What was published without sync is not copied again, but read to be compared.
        let published = steps
            .iter()
            .position(|step| step.starts_with("finish shared_checksum/"));
        let until = if sync { steps.len() } else { published.unwrap() };
        for (index, step) in steps.iter().enumerate().take(until) {
            let store = memory();
            let dying: Store = Store::from(FaultStore::kill_at(store.clone(), index + 1));
            let (before, _) = copying(&scene, dying, sync);
            let (after, outcome) = copying(&scene, store.clone(), sync);
            outcome.unwrap_or_else(|error| panic!("killed before {step}: {}", error.one_line()));
            // One that dies while it cleans up has made its backup, and the next one copies private files only.
            let lost = (before + after).saturating_sub(undisturbed);
            assert!(lost <= MOST_LOST, "killed before {step}: {lost:?}");
            assert_valid(&store, &ids(&store), step);
        }
    }
}

#[test]
fn a_second_run_may_be_killed_in_the_middle_of_the_same_file() {
    let scene = scene();
    let counting = FaultStore::counting(memory());
    let (undisturbed, _) = copying(&scene, counting.clone().into(), true);
    let steps = counting.step_names();
    let extends: Vec<usize> = (0..steps.len())
        .filter(|at| steps[*at].starts_with("resume "))
        .collect();
    for first in [extends[2], extends[5]] {
        let begun = |store: &Store| {
            let dying: Store = Store::from(FaultStore::kill_at(store.clone(), first + 1));
            copying(&scene, dying, true).0
        };
        let store = memory();
        begun(&store);
        let counting = FaultStore::counting(store);
        copying(&scene, counting.clone().into(), true).1.unwrap();
        for (index, step) in counting.step_names().iter().enumerate() {
            let store = memory();
            let before = begun(&store);
            let dying: Store = Store::from(FaultStore::kill_at(store.clone(), index + 1));
            let (second, _) = copying(&scene, dying, true);
            let (third, outcome) = copying(&scene, store.clone(), true);
            outcome.unwrap_or_else(|error| panic!("killed before {step}: {}", error.one_line()));
            let lost = (before + second + third).saturating_sub(undisturbed);
            assert!(lost <= 2 * MOST_LOST, "killed before {step}: {lost:?}");
            assert_valid(&store, &ids(&store), step);
        }
    }
}

#[test]
fn a_backup_that_loses_power_loses_ten_seconds_of_copying_at_most() {
    let scene = scene();
    let counting = FaultStore::counting(memory());
    let (undisturbed, _) = copying(&scene, counting.clone().into(), true);
    let steps = counting.step_names();
    let extends = (0..steps.len()).filter(|at| steps[*at].starts_with("resume "));
    for at in extends {
        let disk = MemoryStore::new();
        let dying: Store = Store::from(FaultStore::kill_at(disk.clone(), at + 1));
        let (before, _) = copying(&scene, dying, true);
        disk.crash();
        let store: Store = disk.into();
        let (after, outcome) = copying(&scene, store.clone(), true);
        outcome.unwrap();
        let lost = (before + after).saturating_sub(undisturbed);
        assert!(lost <= MOST_LOST, "power lost before {}: {lost:?}", steps[at]);
        assert_valid(&store, &[1], "after a power failure");
    }
}

#[test]
fn bytes_that_a_power_failure_took_are_copied_again() {
    let scene = scene();
    let counting = FaultStore::counting(memory());
    copying(&scene, counting.clone().into(), false).1.unwrap();
    let steps = counting.step_names();
    let at = steps
        .iter()
        .rposition(|step| step.starts_with("resume "))
        .unwrap();
    let disk = MemoryStore::new();
    let dying: Store = Store::from(FaultStore::kill_at(disk.clone(), at + 1));
    copying(&scene, dying, false).1.unwrap_err();
    disk.crash_after_names();
    let store: Store = disk.into();
    copying(&scene, store.clone(), true).1.unwrap();
    assert_valid(&store, &[1], "after a power failure");
}

#[test]
fn the_copy_of_a_large_file_is_resumed_on_disk() {
    let scene = scene();
    let counting = FaultStore::counting(memory());
    let (undisturbed, _) = copying(&scene, counting.clone().into(), true);
    let steps = counting.step_names();
    let at = steps
        .iter()
        .rposition(|step| step.starts_with("resume "))
        .unwrap();
    let store: Store = Store::from(LocalStore::new(scene.path("repository")));
    let dying: Store = Store::from(FaultStore::kill_at(store.clone(), at + 1));
    let (before, _) = copying(&scene, dying, true);
    // What is kept for the next backup is counted, and stays.
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    let kept = engine.plan_purge_old_backups(1, &Quiet).unwrap();
    assert!(kept.unfinished.bytes > 50_000, "{kept:?}");
    let (after, outcome) = copying(&scene, store.clone(), true);
    outcome.unwrap();
    assert!((before + after).saturating_sub(undisturbed) <= MOST_LOST);
    assert_valid(&store, &[1], "gone on with");
    assert!(
        files(&store)
            .iter()
            .all(|path| !path.starts_with("stonekeep/tmp/"))
    );
    assert_eq!(ids(&store), [id(1).get()]);
}
