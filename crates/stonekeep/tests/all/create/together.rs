//! Backups of one capture in several repositories: each as one alone, whatever becomes of the others.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use stonekeep::engine::create::CreateReport;
use stonekeep::engine::create::together::{DEFAULT_STALL_LIMIT, create_new_backups};
use stonekeep::engine::{BackupEngine, BackupEngineOptions, Components, CreateBackupOptions};
use stonekeep::image::{Capture, CaptureHost, DatabaseImage, Directory, ImageSource, SourceKind};
use stonekeep::store::local::LocalStore;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Durability, Interceptor, LockWait, Operation, Refusal, Store};
use stonekeep::{Error, ErrorKind, Observer, Quiet, Result};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::fake_clock::FakeClock;
use stonekeep_testkit::fault_store::FaultStore;
use stonekeep_testkit::step_sample::StepSample;

use crate::support::scene::{Scene, assert_valid, ids, options, verify};

fn engine(store: impl Into<Store>) -> BackupEngine {
    BackupEngine::open(options(), store).unwrap()
}

fn local(scene: &Scene, name: &str) -> Store {
    LocalStore::new(scene.path(name)).into()
}

fn create(source: &dyn ImageSource, engines: &[BackupEngine]) -> Vec<Result<CreateReport>> {
    let how = CreateBackupOptions::default();
    create_new_backups(engines, source, &how, DEFAULT_STALL_LIMIT, &Quiet).unwrap()
}

/// Counts captures; so many of them turn out to have changed when they are confirmed.
struct Counted {
    source: Directory,
    captures: AtomicUsize,
    changes: Arc<AtomicUsize>,
}

struct Changing {
    capture: Box<dyn Capture>,
    changes: Arc<AtomicUsize>,
}

impl Counted {
    fn new(scene: &Scene, changes: usize) -> Self {
        Counted {
            source: scene.source(),
            captures: AtomicUsize::new(0),
            changes: Arc::new(AtomicUsize::new(changes)),
        }
    }
}

impl ImageSource for Counted {
    fn describe(&self) -> String {
        self.source.describe()
    }

    fn directories(&self) -> Vec<PathBuf> {
        self.source.directories()
    }

    fn capture(&self, host: &mut dyn CaptureHost, observer: &dyn Observer) -> Result<Box<dyn Capture>> {
        self.captures.fetch_add(1, Ordering::Relaxed);
        let changes = Arc::clone(&self.changes);
        let capture = self.source.capture(host, observer)?;
        Ok(Box::new(Changing { capture, changes }))
    }
}

impl Capture for Changing {
    fn image(&self) -> &DatabaseImage {
        self.capture.image()
    }

    fn confirm(&self) -> Result<()> {
        let less = |left: usize| left.checked_sub(1);
        match self
            .changes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        {
            Ok(_) => Err(Error::source_changed("the test changed it")),
            Err(_) => self.capture.confirm(),
        }
    }
}

#[test]
fn each_repository_gets_the_backup_from_one_capture() {
    let mut scene = Scene::new();
    let stores = [
        local(&scene, "a"),
        Store::from(MemoryStore::with_named_uploads()),
        local(&scene, "b"),
    ];
    let engines = stores.clone().map(engine);
    let backups = |source: &Counted, wanted: [u32; 3]| {
        let reports = create(source, &engines);
        assert_eq!(source.captures.load(Ordering::Relaxed), 1);
        let sequences: Vec<_> = reports
            .iter()
            .map(|report| report.as_ref().unwrap().sequence_number)
            .collect();
        assert!(
            sequences.iter().all(|sequence| *sequence == sequences[0]),
            "{sequences:?}"
        );
        for (report, wanted) in reports.iter().zip(wanted) {
            assert_eq!(report.as_ref().unwrap().backup_id.get(), wanted);
        }
        for (store, wanted) in stores.iter().zip(wanted) {
            assert_valid(store, &(1..=wanted).collect::<Vec<_>>(), "together");
        }
    };
    backups(&Counted::new(&scene, 0), [1, 1, 1]);
    scene.change();
    // One of them needs less than the others.
    scene.create(&stores[2]).unwrap();
    scene.change();
    backups(&Counted::new(&scene, 0), [2, 2, 3]);
}

#[test]
fn a_changed_database_is_captured_again_for_those_that_have_to() {
    let scene = Scene::new();
    let stores = [local(&scene, "a"), local(&scene, "b")];
    let source = Counted::new(&scene, 3);
    for report in create(&source, &stores.clone().map(engine)) {
        report.unwrap();
    }
    assert!(source.captures.load(Ordering::Relaxed) > 1);
    for store in &stores {
        assert_valid(store, &[1], "captured again");
    }
}

#[test]
fn one_that_fails_at_any_step_does_not_stop_the_other() {
    let scene = Scene::new();
    let counting = FaultStore::counting(MemoryStore::new());
    create(
        &scene.source(),
        &[engine(local(&scene, "count")), engine(counting.clone())],
    );
    let steps = counting.step_names();
    for (before, step) in StepSample::new("together", &steps).of(&steps) {
        let good = local(&scene, &format!("good-{before}"));
        let inner = Store::from(MemoryStore::new());
        let killed = FaultStore::kill_at(inner.clone(), before + 1);
        let reports = create(&scene.source(), &[engine(killed), engine(good.clone())]);
        reports[1]
            .as_ref()
            .unwrap_or_else(|error| panic!("{step}: {error}"));
        assert_valid(&good, &[1], step);
        if ids(&inner).is_empty() {
            assert!(reports[0].is_err(), "{step}");
        } else {
            assert!(verify(&inner).is_clean(), "{step}");
        }
    }
}

#[test]
fn a_repository_that_refuses_the_database_does_not_stop_the_other() {
    let scene = Scene::new();
    let other = Scene::with(DatabaseBuilder::new().database_id("another one"));
    let stores = [local(&scene, "a"), local(&scene, "b")];
    other.create(&stores[0]).unwrap();
    let reports = create(&scene.source(), &stores.clone().map(engine));
    assert_eq!(reports[0].as_ref().unwrap_err().kind(), ErrorKind::Refused);
    reports[1].as_ref().unwrap();
    assert_valid(&stores[0], &[1], "another database");
    assert_valid(&stores[1], &[1], "this database");
}

#[test]
fn a_failed_capture_fails_all() {
    let scene = Scene::new();
    std::fs::remove_file(scene.database.path().join("CURRENT")).unwrap();
    let reports = create(
        &scene.source(),
        &[engine(local(&scene, "a")), engine(local(&scene, "b"))],
    );
    let kinds: Vec<_> = reports
        .iter()
        .map(|report| report.as_ref().unwrap_err().kind())
        .collect();
    assert_eq!(kinds[0], kinds[1]);
    assert!(!scene.path("a").exists() && !scene.path("b").exists());
}

#[test]
fn a_repository_is_named_once() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("a")).unwrap();
    std::os::unix::fs::symlink(scene.path("a"), scene.path("link")).unwrap();
    let engines = [engine(local(&scene, "a")), engine(local(&scene, "link"))];
    let how = CreateBackupOptions::default();
    let error = create_new_backups(&engines, &scene.source(), &how, DEFAULT_STALL_LIMIT, &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let none = create_new_backups(&[], &scene.source(), &how, DEFAULT_STALL_LIMIT, &Quiet);
    assert_eq!(none.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

/// Holds up the first upload of a table until it is let go, and tells a clock that two minutes have gone by.
struct Hanging {
    clock: Arc<FakeClock>,
    hangs: AtomicBool,
    let_go: (Mutex<bool>, Condvar),
}

impl fmt::Debug for Hanging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hanging")
    }
}

impl Interceptor for Hanging {
    fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal> {
        let is_upload =
            matches!(operation, Operation::Upload(upload) if upload.key.as_str().contains("shared"));
        if is_upload && !self.hangs.swap(true, Ordering::Relaxed) {
            self.clock.advance(2 * DEFAULT_STALL_LIMIT);
            let (let_go, changed) = &self.let_go;
            let guard = let_go.lock().unwrap();
            drop(changed.wait_while(guard, |let_go| !*let_go).unwrap());
        }
        Ok(())
    }
}

#[test]
fn one_that_stalls_is_given_up_and_does_not_stop_the_other() {
    let scene = Scene::new();
    let clock = Arc::new(FakeClock::at_unix_seconds(1_800_000_000));
    let hanging = Arc::new(Hanging {
        clock: Arc::clone(&clock),
        hangs: AtomicBool::new(false),
        let_go: (Mutex::new(false), Condvar::new()),
    });
    let inner = local(&scene, "slow");
    let slow = engine(inner.clone().intercepted_by(hanging.clone()));
    let slow = slow.with_components(Components::default().with_clock(clock));
    let good = local(&scene, "good");
    let reports = create(&scene.source(), &[slow, engine(good.clone())]);
    let error = reports[0].as_ref().unwrap_err();
    assert!(error.to_string().contains("came no further for 60 s"), "{error}");
    reports[1].as_ref().unwrap();
    assert_valid(&good, &[1], "beside one that stalls");
    assert_eq!(ids(&inner), [0; 0]);
    let (let_go, changed) = &hanging.let_go;
    *let_go.lock().unwrap() = true;
    changed.notify_all();
}

/// Stops when it is asked so often.
struct StopAfter(AtomicUsize);

impl Observer for StopAfter {
    fn should_stop(&self) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_err()
    }
}

#[test]
fn a_wish_to_stop_ends_all() {
    let scene = Scene::new();
    let stores = [local(&scene, "a"), local(&scene, "b")];
    let how = CreateBackupOptions::default();
    let stop = StopAfter(AtomicUsize::new(0));
    let reports = create_new_backups(
        &stores.clone().map(engine),
        &scene.source(),
        &how,
        DEFAULT_STALL_LIMIT,
        &stop,
    )
    .unwrap();
    for report in reports {
        if let Err(error) = report {
            assert_eq!(error.kind(), ErrorKind::Stopped);
        }
    }
    for store in stores {
        store.create_root(Durability::Buffered).unwrap();
        assert!(ids(&store).is_empty() || verify(&store).is_clean());
    }
}

#[test]
fn two_processes_with_the_same_repositories_in_another_order_take_turns() {
    let scene = Scene::new();
    let stores = [local(&scene, "a"), local(&scene, "b")];
    scene.create(&stores[0]).unwrap();
    scene.create(&stores[1]).unwrap();
    let engines = |order: [usize; 2]| {
        let options =
            BackupEngineOptions::default().with_lock_wait(LockWait::AtMost(Duration::from_secs(300)));
        order.map(|at| BackupEngine::open(options.clone(), stores[at].clone()).unwrap())
    };
    let path = scene.database.path();
    thread::scope(|scope| {
        for order in [[0, 1], [1, 0]] {
            let engines = engines(order);
            scope.spawn(move || {
                for _ in 0..5 {
                    for report in create(&Directory::new(path, SourceKind::Closed), &engines) {
                        report.unwrap();
                    }
                }
            });
        }
    });
    for store in &stores {
        assert_valid(store, &(1..=11).collect::<Vec<_>>(), "in turns");
    }
}
