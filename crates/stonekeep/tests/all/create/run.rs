//! How a backup goes: progress, stop, failing disks, priorities.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{BackupEngine, BackupEngineOptions, CreateBackupOptions};
use stonekeep::store::Store;
use stonekeep::{ErrorKind, Observer, Phase, Progress, Quiet, Result, StopSwitch};
use stonekeep_testkit::fault_store::FaultStore;

use crate::image::tweaked::Told;
use crate::support::scene::{Scene, assert_valid, files, ids, memory};

fn engine(options: BackupEngineOptions, store: &Store) -> BackupEngine {
    BackupEngine::open(options, store.clone()).unwrap()
}

fn plain() -> CreateBackupOptions {
    CreateBackupOptions::default()
}

#[test]
fn progress_only_grows_and_ends_at_the_totals() {
    let mut scene = Scene::new();
    scene.database.add_tables(8, 50_000);
    for workers in [1, 4] {
        let store = memory();
        let options = BackupEngineOptions::default()
            .with_max_background_operations(NonZeroUsize::new(workers))
            .with_callback_trigger_interval_size_bytes(20_000);
        let told = Told::default();
        let report = engine(options, &store)
            .create_new_backup(&scene.source(), &plain(), &told)
            .unwrap();
        let copying = told.of(Phase::Copying);
        for pair in copying.windows(2) {
            assert!(pair[0].bytes_done <= pair[1].bytes_done && pair[0].files_done <= pair[1].files_done);
        }
        let (first, last) = (copying[0], copying[copying.len() - 1]);
        assert_eq!((first.bytes_done, first.files_done), (0, 0));
        assert_eq!(
            (last.bytes_done, last.files_done),
            (report.bytes_copied, report.files_copied)
        );
        assert!(
            copying.iter().all(
                |told| (told.bytes_total, told.files_total) == (report.bytes_copied, report.files_copied)
            )
        );
        let intervals = usize::try_from(report.bytes_copied / 20_000).unwrap();
        assert!(
            (2..=intervals + 2).contains(&copying.len()),
            "{} calls for {intervals}",
            copying.len()
        );
        assert!(!told.of(Phase::Committing).is_empty() && !told.of(Phase::WaitingForLock).is_empty());
    }
}

/// Stops from another thread when so many bytes are copied.
fn stop_after(bytes: u64) -> StopSwitch {
    let switch = StopSwitch::new();
    let stop = switch.clone();
    switch.with_observer(move |progress: &Progress| {
        if progress.phase == Phase::Copying && progress.bytes_done >= bytes {
            std::thread::scope(|scope| {
                scope.spawn(|| stop.stop());
            });
        }
    })
}

#[test]
fn the_last_call_of_an_observer_says_that_the_operation_has_finished() {
    let scene = Scene::new();
    let store = memory();
    let engine = engine(BackupEngineOptions::default(), &store);
    let phases = Mutex::new(Vec::new());
    let observer = |progress: &Progress| phases.lock().unwrap().push(progress.phase);
    let finished_once = || {
        let phases = std::mem::take(&mut *phases.lock().unwrap());
        let finished = |phase: &&Phase| **phase == Phase::Finished;
        assert_eq!(phases.iter().filter(finished).count(), 1, "{phases:?}");
        assert_eq!(phases.last(), Some(&Phase::Finished));
    };
    engine
        .create_new_backup(&scene.source(), &plain(), &observer)
        .unwrap();
    finished_once();
    engine
        .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &observer)
        .unwrap();
    finished_once();
    engine
        .verify_backups(Vec::new(), VerifyLevel::Size, &observer)
        .unwrap_err();
    finished_once();
}

#[test]
fn a_stop_from_another_thread_ends_a_backup_and_the_engine_stays_usable() {
    let mut scene = Scene::new();
    scene.database.add_tables(8, 50_000);
    for workers in [1, 4] {
        let store = memory();
        let options = BackupEngineOptions::default()
            .with_max_background_operations(NonZeroUsize::new(workers))
            .with_io_buffer_size_bytes(NonZeroUsize::new(4096))
            .with_callback_trigger_interval_size_bytes(4096);
        let engine = engine(options, &store);
        let stop = stop_after(200_000);
        let error = engine
            .create_new_backup(&scene.source(), &plain(), &stop)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stopped, "{}", error.one_line());
        assert_eq!(ids(&store), Vec::<u32>::new());
        let report = engine
            .create_new_backup(&scene.source(), &plain(), &Quiet)
            .unwrap();
        assert!(report.bytes_resumed >= 50_000, "{report:?}");
        assert_valid(&store, &[1], "after a stop");
    }
}

#[test]
fn a_full_disk_frees_staged_files_and_reports_how_much_is_missing() {
    let scene = Scene::new();
    let steps = FaultStore::counting(memory());
    let counted: Store = steps.clone().into();
    let report = scene.create(&counted).unwrap();
    let names = steps.step_names();
    for (index, name) in names.iter().enumerate() {
        if !name.starts_with("upload") || name.contains("meta/") {
            continue;
        }
        let inner = memory();
        let full: Store = Store::from(FaultStore::fail_once_at(
            inner.clone(),
            index + 1,
            std::io::ErrorKind::StorageFull,
        ));
        let error = scene.create(&full).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{name}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("needs {} bytes", report.bytes_total)),
            "{name}: {text}"
        );
        assert!(
            files(&inner)
                .iter()
                .all(|path| !path.starts_with("stonekeep/tmp")),
            "{name}"
        );
        scene.create(&inner).unwrap();
        let now = ids(&inner);
        assert_valid(&inner, &now, name);
    }
}

#[test]
fn an_exhausted_quota_is_not_called_a_full_disk() {
    let scene = Scene::new();
    let steps = FaultStore::counting(memory());
    let counted: Store = steps.clone().into();
    scene.create(&counted).unwrap();
    let names = steps.step_names();
    let stage = names.iter().position(|name| name.starts_with("upload")).unwrap();
    let inner = memory();
    let kind = std::io::ErrorKind::QuotaExceeded;
    let full: Store = Store::from(FaultStore::fail_once_at(inner.clone(), stage + 1, kind));
    let error = scene.create(&full).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("the quota is exhausted on memory: the backup needs "),
        "{text}"
    );
    assert!(error.hint().unwrap().contains("raise the quota"));
    assert!(
        files(&inner)
            .iter()
            .all(|path| !path.starts_with("stonekeep/tmp"))
    );
}

#[test]
fn any_single_failure_is_an_error_and_the_next_backup_is_right() {
    let scene = Scene::new();
    let steps = FaultStore::counting(memory());
    let counted: Store = steps.clone().into();
    scene.create(&counted).unwrap();
    for (index, name) in steps.step_names().iter().enumerate() {
        let inner = memory();
        let failing: Store = Store::from(FaultStore::fail_once_at(
            inner.clone(),
            index + 1,
            std::io::ErrorKind::TimedOut,
        ));
        let outcome = scene.create(&failing);
        assert_eq!(outcome.is_err(), !name.starts_with("discard"), "{name}");
        let there = ids(&inner);
        assert_valid(&inner, &there, name);
        scene.create(&inner).unwrap();
        let now = ids(&inner);
        assert_eq!(now.len(), there.len() + 1, "{name}");
        assert_valid(&inner, &now, name);
    }
}

/// Panics when it is told of copying.
struct Panicking(AtomicUsize);

impl Observer for Panicking {
    fn progressed(&self, progress: &Progress) {
        if progress.phase == Phase::Copying && progress.bytes_done > 0 {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("an observer's own mistake");
        }
    }
}

#[test]
fn a_panicking_observer_frees_the_lock() {
    let mut scene = Scene::new();
    scene.database.add_tables(20, 3_000);
    for lower in [false, true] {
        let store = memory();
        let options = BackupEngineOptions::default()
            .with_max_background_operations(NonZeroUsize::new(2))
            .with_callback_trigger_interval_size_bytes(1);
        let engine = engine(options, &store);
        let told = plain().with_decrease_background_thread_cpu_priority(lower);
        let panicking = Panicking(AtomicUsize::new(0));
        let run =
            std::panic::AssertUnwindSafe(|| engine.create_new_backup(&scene.source(), &told, &panicking));
        let outcome: std::thread::Result<Result<_>> = std::panic::catch_unwind(run);
        assert!(outcome.is_err());
        assert!(panicking.0.load(Ordering::Relaxed) <= 2);
        engine.create_new_backup(&scene.source(), &told, &Quiet).unwrap();
        assert_valid(&store, &[1], "after a panic");
    }
}

#[test]
fn less_priority_is_of_the_backup_alone() {
    let scene = Scene::new();
    let priority = || rustix::process::getpriority_process(None).unwrap();
    let before = priority();
    let seen = Arc::new(Mutex::new(Vec::new()));
    struct Priorities(Arc<Mutex<Vec<i32>>>);
    impl Observer for Priorities {
        fn progressed(&self, progress: &Progress) {
            if progress.phase == Phase::Copying {
                self.0
                    .lock()
                    .unwrap()
                    .push(rustix::process::getpriority_process(None).unwrap());
            }
        }
    }
    let told = plain().with_decrease_background_thread_cpu_priority(true);
    let engine = engine(BackupEngineOptions::default(), &memory());
    engine
        .create_new_backup(&scene.source(), &told, &Priorities(seen.clone()))
        .unwrap();
    assert!(seen.lock().unwrap().iter().all(|seen| *seen == 19));
    assert_eq!(priority(), before);
}
