//! Rate limits, by a clock that costs no time.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{
    BackupEngine, BackupEngineOptions, BackupEngineReadOnly, Components, CreateBackupOptions, RateLimiter,
    RestoreOptions,
};
use stonekeep::store::Store;
use stonekeep::{Clock, Observer, Phase, Progress, Quiet};
use stonekeep_testkit::fake_clock::FakeClock;

use crate::support::scene::{Scene, memory};

fn scene() -> Scene {
    let mut scene = Scene::new();
    scene.database.add_tables(6, 40_000);
    scene
}

fn options(workers: usize) -> BackupEngineOptions {
    BackupEngineOptions::default().with_max_background_operations(NonZeroUsize::new(workers))
}

fn with_clock(clock: &Arc<FakeClock>) -> Components {
    Components::default().with_clock(clock.clone())
}

fn back_up(
    scene: &Scene,
    options: BackupEngineOptions,
    components: Components,
    observer: &dyn Observer,
) -> (Store, u64) {
    let store = memory();
    let engine = BackupEngine::open(options, store.clone())
        .unwrap()
        .with_components(components);
    let told = CreateBackupOptions::default();
    let report = engine
        .create_new_backup(&scene.source(), &told, observer)
        .unwrap();
    (store, report.bytes_copied)
}

/// How long these bytes take at this rate is how long it took, but for the requests under way.
fn assert_rate(clock: &FakeClock, start: std::time::Instant, bytes: u64, rate: u64) {
    let took = (clock.instant() - start).as_secs_f64();
    let due = bytes as f64 / rate as f64;
    assert!(took >= due - 0.001, "{took} s instead of {due} s");
}

#[test]
fn a_backup_holds_its_rate_with_one_thread_and_with_many() {
    let scene = scene();
    for workers in [1, 4] {
        let clock = Arc::new(FakeClock::at_unix_seconds(1));
        let start = clock.instant();
        let options = options(workers).with_backup_rate_limit(10_000);
        let (_, bytes) = back_up(&scene, options, with_clock(&clock), &Quiet);
        assert_rate(&clock, start, bytes, 10_000);
        if workers == 1 {
            // One thread waits no longer than it must.
            let slept = clock.slept().as_secs_f64();
            assert!(slept <= bytes as f64 / 10_000.0 + 0.1, "{slept}");
        }
    }
}

#[test]
fn without_a_limit_no_thread_waits() {
    let clock = Arc::new(FakeClock::at_unix_seconds(1));
    back_up(&scene(), options(4), with_clock(&clock), &Quiet);
    assert_eq!(clock.slept(), Duration::ZERO);
}

#[test]
fn a_verification_holds_its_own_rate() {
    let scene = scene();
    let clock = Arc::new(FakeClock::at_unix_seconds(1));
    let (store, _) = back_up(&scene, options(2), with_clock(&clock), &Quiet);
    for workers in [1, 4] {
        let start = clock.instant();
        let options = options(workers).with_verify_rate_limit(20_000);
        let engine = BackupEngineReadOnly::open(options, store.clone())
            .unwrap()
            .with_components(with_clock(&clock));
        let report = engine
            .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
            .unwrap();
        assert_rate(&clock, start, report.bytes_checked, 20_000);
    }
}

#[test]
fn engines_that_share_a_limiter_share_its_rate() {
    let scene = scene();
    let clock = Arc::new(FakeClock::at_unix_seconds(1));
    let start = clock.instant();
    let limiter = Arc::new(RateLimiter::new(50_000));
    let bytes: u64 = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3)
            .map(|_| {
                let components = with_clock(&clock).with_backup_rate_limiter(limiter.clone());
                let scene = &scene;
                scope.spawn(move || back_up(scene, options(2), components, &Quiet).1)
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).sum()
    });
    assert_rate(&clock, start, bytes, 50_000);
}

/// Changes the rate when half of the bytes are copied.
struct Change<'a>(&'a RateLimiter, u64);

impl Observer for Change<'_> {
    fn progressed(&self, progress: &Progress) {
        if progress.phase == Phase::Copying && progress.bytes_done * 2 >= progress.bytes_total {
            self.0.set_bytes_per_second(self.1);
        }
    }
}

#[test]
fn a_rate_changes_while_it_is_in_use() {
    let scene = scene();
    for workers in [1, 3] {
        let clock = Arc::new(FakeClock::at_unix_seconds(1));
        let limiter = Arc::new(RateLimiter::new(1_000));
        let options = options(workers).with_callback_trigger_interval_size_bytes(1_000);
        let components = with_clock(&clock).with_backup_rate_limiter(limiter.clone());
        let (_, bytes) = back_up(&scene, options, components, &Change(&limiter, 0));
        // The first half at 1,000 bytes a second, the rest without a limit.
        let slept = clock.slept().as_secs_f64();
        let half = bytes as f64 / 2.0 / 1_000.0;
        let most = (half + 5.0) * workers as f64;
        assert!(
            slept > half * 0.9 && slept < most,
            "{slept} s for {half} s with {workers}"
        );
    }
}

#[test]
fn a_slow_rate_does_not_keep_a_stop_waiting() {
    let scene = scene();
    let clock = Arc::new(FakeClock::at_unix_seconds(1));
    let limiter = Arc::new(RateLimiter::new(1));
    let components = with_clock(&clock).with_backup_rate_limiter(limiter);
    let engine = BackupEngine::open(options(1), memory())
        .unwrap()
        .with_components(components);
    struct StopAfterAMinute(Arc<FakeClock>, std::time::Instant);
    impl Observer for StopAfterAMinute {
        fn should_stop(&self) -> bool {
            self.0.instant() - self.1 > Duration::from_secs(60)
        }
    }
    let observer = StopAfterAMinute(clock.clone(), clock.instant());
    let error = engine
        .create_new_backup(&scene.source(), &CreateBackupOptions::default(), &observer)
        .unwrap_err();
    assert_eq!(error.kind(), stonekeep::ErrorKind::Stopped);
    assert!(clock.slept() < Duration::from_secs(62));
}

#[test]
fn a_restore_holds_its_rate_with_one_thread_and_with_many() {
    let scene = scene();
    let clock = Arc::new(FakeClock::at_unix_seconds(1));
    let (store, _) = back_up(&scene, options(2), with_clock(&clock), &Quiet);
    for workers in [1, 4] {
        let start = clock.instant();
        let options = options(workers).with_restore_rate_limit(20_000);
        let engine = BackupEngineReadOnly::open(options, store.clone())
            .unwrap()
            .with_components(with_clock(&clock));
        let target = scene.path(&format!("target with {workers}"));
        let told = RestoreOptions::default();
        let report = engine
            .restore_db_from_backup(WhichBackup::Latest, &target, &told, &Quiet)
            .unwrap();
        assert_rate(&clock, start, report.bytes_written, 20_000);
    }
}
