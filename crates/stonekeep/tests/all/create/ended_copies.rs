//! What ends a copy: a disk that fails, a request to stop, an observer that panics. None is taken for another.

use std::fs::File;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{
    BackupEngine, BackupEngineOptions, Components, CreateBackupOptions, MaybeExclude, MetaSchema,
    RestoreOptions,
};
use stonekeep::image::{Content, DatabaseImage, ImageFile, ImageSource, NoHost};
use stonekeep::store::Store;
use stonekeep::{Error, ErrorKind, Observer, Phase, Progress, Quiet, Result, StopSwitch};

use crate::image::tweaked::Tweaked;
use crate::support::failing_reads::FailingReads;
use crate::support::scene::{Scene, assert_valid, directory, id, memory, named};

const MISTAKE: &str = "an observer's own mistake";

fn workers(count: usize) -> BackupEngineOptions {
    BackupEngineOptions::default()
        .with_max_background_operations(NonZeroUsize::new(count))
        .with_callback_trigger_interval_size_bytes(1_000)
}

fn engine(store: &Store, count: usize) -> BackupEngine {
    BackupEngine::open(workers(count), store.clone()).unwrap()
}

/// Every read of the blob file fails with `EIO`.
fn with_unreadable_blob(image: &mut DatabaseImage) {
    let is_blob = |file: &&mut ImageFile| file.name.to_string().ends_with(".blob");
    let blob = image.files.iter_mut().find(is_blob).unwrap();
    let path = blob.path().unwrap().into_owned();
    let file = Arc::new(File::open("/proc/self/mem").unwrap());
    blob.content = Content::Open { file, path };
}

#[test]
fn an_error_of_the_database_names_the_databases_file() {
    let scene = Scene::new();
    let database = scene.source();
    let mut image = database.capture(&mut NoHost, &Quiet).unwrap().image().clone();
    with_unreadable_blob(&mut image);
    let blob = image.files.iter().find_map(|file| match &file.content {
        Content::Open { path, .. } => Some(path.clone()),
        _ => None,
    });
    let expected = format!("reading {}: ", blob.unwrap().display());
    for count in [1, 4] {
        for direct in [false, true] {
            let store = memory();
            let options = workers(count).with_use_direct_reads(direct);
            let engine = BackupEngine::open(options, store).unwrap();
            let source = Tweaked {
                inner: database.clone(),
                tweak: with_unreadable_blob,
            };
            let made = engine.create_new_backup(&source, &CreateBackupOptions::default(), &Quiet);
            let error = made.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io);
            let line = error.one_line();
            assert!(line.starts_with(&expected), "{line}");
            assert!(line.ends_with("Input/output error (os error 5)"), "{line}");
        }
    }
}

/// Restores while the disk of the repository fails on one file, and somebody asks to stop at that very moment.
#[test]
fn a_stop_request_hides_no_error_and_an_error_names_the_repositorys_file() {
    let scene = Scene::new();
    let store = directory(&scene);
    scene.create(&store).unwrap();
    let (to, at) = (scene.path("restored"), scene.path("opened"));
    let (which, options) = (WhichBackup::Latest, RestoreOptions::default());
    let fails = |ends_with: &str, verb: &dyn Fn(&Store, &StopSwitch) -> Error| {
        let path = named(&store, 1)
            .into_iter()
            .find(|path| path.ends_with(ends_with))
            .unwrap();
        let switch = StopSwitch::new();
        let failing = FailingReads::new(store.clone(), &path, std::io::ErrorKind::TimedOut);
        let error = verb(&failing.and_stopping(&switch).into(), &switch);
        assert_eq!(error.kind(), ErrorKind::Io);
        let expected = format!("reading {path} of {}: timed out", store.location());
        assert_eq!(error.one_line(), expected);
    };
    for count in [1, 4] {
        fails(".sst", &|store, switch| {
            let restored = engine(store, count).restore_db_from_backup(which, &to, &options, switch);
            restored.unwrap_err()
        });
        // Tables are linked.
        fails(".log", &|store, switch| {
            engine(store, count)
                .open_in_place(which, &at, switch)
                .unwrap_err()
        });
    }
}

#[test]
fn a_stop_request_alone_ends_a_backup() {
    let scene = Scene::new();
    for count in [1, 4] {
        let (store, switch) = (memory(), StopSwitch::new());
        switch.stop();
        let engine = engine(&store, count);
        let made = engine.create_new_backup(&scene.source(), &CreateBackupOptions::default(), &switch);
        assert_eq!(made.unwrap_err().kind(), ErrorKind::Stopped);
    }
}

/// Panics when it is called for the n-th time.
struct PanicsAt(usize, AtomicUsize);

impl PanicsAt {
    fn new(call: usize) -> Self {
        PanicsAt(call, AtomicUsize::new(0))
    }

    fn called(&self) {
        if self.1.fetch_add(1, Ordering::Relaxed) + 1 == self.0 {
            panic!("{MISTAKE}");
        }
    }
}

impl Observer for PanicsAt {
    fn progressed(&self, _: &Progress) {
        self.called();
    }

    fn should_stop(&self) -> bool {
        self.called();
        false
    }
}

/// Runs something once for every call of its observer, which panics there; `after` looks at what is left.
#[track_caller]
fn panicking_everywhere<R>(verb: impl Fn(&dyn Observer) -> Result<R>, after: impl Fn(usize)) {
    for call in 1.. {
        let observer = PanicsAt::new(call);
        let outcome = catch_unwind(AssertUnwindSafe(|| verb(&observer)));
        let calls = observer.1.load(Ordering::Relaxed);
        if calls < call {
            outcome.unwrap().unwrap();
            assert!(call > 2);
            return;
        }
        let Err(panic) = outcome else {
            panic!("at call {call}: {:?}", outcome.map(|ended| ended.map(drop)));
        };
        assert_eq!(panic.downcast_ref::<String>().unwrap(), MISTAKE);
        after(call);
    }
}

#[test]
fn a_backup_with_a_panicking_observer_frees_the_lock_and_harms_nothing() {
    let mut scene = Scene::new();
    for count in [1, 3] {
        let store = memory();
        scene.create(&store).unwrap();
        scene.change();
        let engine = engine(&store, count);
        let make = |observer: &dyn Observer| {
            engine.create_new_backup(&scene.source(), &CreateBackupOptions::default(), observer)
        };
        panicking_everywhere(make, |call| {
            // The lock is free.
            engine.purge_old_backups(1, &Quiet).unwrap();
            let ids = crate::support::scene::ids(&store);
            assert_valid(&store, &ids, &format!("a panic at call {call}"));
        });
    }
}

#[test]
fn every_other_verb_with_a_panicking_observer_can_be_run_again() {
    let scene = Scene::new();
    let store = directory(&scene);
    scene.create(&store).unwrap();
    scene.create(&store).unwrap();
    let engine = engine(&store, 2);
    let to = scene.path("restored");
    let options = RestoreOptions::default();
    let restore =
        |observer: &dyn Observer| engine.restore_db_from_backup(WhichBackup::Latest, &to, &options, observer);
    panicking_everywhere(restore, |_| {});
    restore(&Quiet).unwrap();
    panicking_everywhere(
        |observer| engine.verify_backups(VerifyWhat::All, VerifyLevel::Checksum, observer),
        |_| {},
    );
    panicking_everywhere(
        |observer| engine.plan_new_backup(&scene.source(), &CreateBackupOptions::default(), observer),
        |_| {},
    );
    let at = scene.path("opened");
    panicking_everywhere(
        |observer| engine.open_in_place(WhichBackup::Latest, &at, observer),
        |call| {
            if at.exists() {
                stonekeep::engine::in_place::close_in_place(&at).unwrap();
                assert!(call > 1);
            }
        },
    );
    panicking_everywhere(|observer| engine.purge_old_backups(1, observer), |_| {});
    assert_valid(&store, &[2], "after the purge");
    assert_eq!(engine.backup_ids().unwrap(), [id(2)]);
}

/// Panics when a good part is copied.
struct PanicsWhileCopying;

impl Observer for PanicsWhileCopying {
    fn progressed(&self, progress: &Progress) {
        if progress.phase == Phase::Copying && progress.bytes_done > progress.bytes_total / 2 {
            panic!("{MISTAKE}");
        }
    }
}

#[test]
fn what_was_copied_before_a_panic_is_used_again() {
    let scene = Scene::new();
    let store = memory();
    let engine = engine(&store, 1);
    let made = catch_unwind(AssertUnwindSafe(|| {
        engine.create_new_backup(
            &scene.source(),
            &CreateBackupOptions::default(),
            &PanicsWhileCopying,
        )
    }));
    assert!(made.is_err());
    let report = engine.create_new_backup(&scene.source(), &CreateBackupOptions::default(), &Quiet);
    assert!(report.unwrap().files_resumed > 0);
}

#[test]
fn an_error_is_returned_although_the_observer_panicked_before() {
    let scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    let path = named(&store, 1)
        .into_iter()
        .find(|path| path.ends_with(".sst"))
        .unwrap();
    /// Panics when it is asked after the first read has failed.
    struct Panics(StopSwitch);
    impl Observer for Panics {
        fn should_stop(&self) -> bool {
            assert!(!self.0.should_stop(), "{MISTAKE}");
            false
        }
    }
    let switch = StopSwitch::new();
    let failing = FailingReads::new(store.clone(), &path, std::io::ErrorKind::TimedOut);
    let failing: Store = failing.and_stopping(&switch).into();
    for count in [1, 4] {
        switch.reset();
        let (to, options) = (scene.path("restored"), RestoreOptions::default());
        let restored = engine(&failing, count).restore_db_from_backup(
            WhichBackup::Latest,
            &to,
            &options,
            &Panics(switch.clone()),
        );
        assert!(restored.unwrap_err().one_line().ends_with("timed out"));
    }
}

#[test]
fn a_panic_of_the_exclude_callback_reaches_the_caller_and_frees_the_lock() {
    let scene = Scene::new();
    let store = memory();
    let options = workers(2).with_schema_version(MetaSchema::Two);
    let engine = BackupEngine::open(options, store.clone()).unwrap();
    let callback = |_: &[MaybeExclude]| panic!("{MISTAKE}");
    let excluding = Components::default().with_exclude_files_callback(callback);
    let excluding = engine.clone().with_components(excluding);
    let made = catch_unwind(AssertUnwindSafe(|| {
        excluding.create_new_backup(&scene.source(), &CreateBackupOptions::default(), &Quiet)
    }));
    assert_eq!(made.unwrap_err().downcast_ref::<String>().unwrap(), MISTAKE);
    engine
        .create_new_backup(&scene.source(), &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    assert_valid(&store, &[1], "after a panic");
}
