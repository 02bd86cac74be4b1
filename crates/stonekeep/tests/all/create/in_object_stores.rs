//! Backups into object stores in memory: what they ask for, and what requests that fail or lose their answers leave.

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutOptions};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stonekeep::engine::info::InfoDetail;
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{BackupEngine, BackupEngineReadOnly};
use stonekeep::store::remote::RemoteStore;
use stonekeep::store::{Interceptor, Operation, Refusal, Store};
use stonekeep::{BackupId, Error, ErrorKind, Quiet};
use stonekeep_testkit::database::DatabaseBuilder;
use tokio::runtime::Builder;

use crate::support::faults::{FAILURES, Fault, How, VERBS, Verb, When};
use crate::support::faulty_objects::{Create, FaultyObjects};
use crate::support::scene::{Scene, assert_valid, ids, options};

/// What an unchanged backup may ask for besides listings.
const REQUESTS_OF_AN_UNCHANGED_BACKUP: usize = 25;

/// How many histories with faults are tried; `STONEKEEP_FAULT_RUNS` replaces it.
const RUNS: u32 = 48;

fn store_of(objects: &Arc<FaultyObjects>) -> Store {
    let store = RemoteStore::new(Arc::clone(objects) as _, "db/one", "objects of a test").unwrap();
    let store = store.with_lease_period(Duration::from_secs(600)).unwrap();
    store
        .with_multipart(Arc::clone(objects) as _)
        .used_by_one_process()
        .into()
}

fn asked(objects: &FaultyObjects, verbs: &[Verb]) -> usize {
    verbs.iter().map(|verb| objects.requests(*verb)).sum()
}

#[test]
fn an_unchanged_backup_asks_for_little() {
    let others = [
        Verb::Put,
        Verb::Get,
        Verb::Head,
        Verb::Begin,
        Verb::Part,
        Verb::Complete,
        Verb::Delete,
    ];
    let mut scene = Scene::with(DatabaseBuilder::new());
    scene.database.add_tables(50, 2_000);
    let objects = FaultyObjects::new(Create::Honoured);
    scene.create(&store_of(&objects)).unwrap();
    let before = (asked(&objects, &others), objects.requests(Verb::List));
    let listings = objects.listings_of("db/one/shared_checksum");
    // A process of its own knows nothing of what the store honours.
    let report = scene.create(&store_of(&objects)).unwrap();
    assert!(report.files_reused > 50, "{report:?}");
    let requests = asked(&objects, &others) - before.0;
    assert!(requests <= REQUESTS_OF_AN_UNCHANGED_BACKUP, "{requests} requests");
    assert_eq!(objects.listings_of("db/one/shared_checksum") - listings, 2);
    let listings = objects.requests(Verb::List) - before.1;
    assert!(listings <= 18, "{listings} listings");
}

#[test]
fn a_list_of_backups_reads_two_objects_of_each_and_lists_all_private_files_at_once() {
    const BACKUPS: usize = 6;
    let mut scene = Scene::with(DatabaseBuilder::new());
    scene.database.add_tables(3, 2_000);
    let objects = FaultyObjects::new(Create::Honoured);
    let store = store_of(&objects);
    for _ in 0..BACKUPS {
        scene.create(&store).unwrap();
    }
    let lost = Path::from("db/one/private/2/CURRENT");
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(objects.delete(&lost)).unwrap();
    let engine = BackupEngineReadOnly::open(options(), store_of(&objects)).unwrap();
    let before = [Verb::Get, Verb::Head, Verb::List].map(|verb| objects.requests(verb));
    let listed = engine.get_all_backup_info(InfoDetail::Sizes).unwrap();
    let after = [Verb::Get, Verb::Head, Verb::List].map(|verb| objects.requests(verb));
    assert_eq!(after[0] - before[0], 2 * BACKUPS);
    assert_eq!(after[1] - before[1], 0);
    // meta, shared, shared_checksum, private, the holds, and the stamps of verification.
    assert_eq!(after[2] - before[2], 6);
    let states = listed.backups.iter().map(|info| info.state.may_be_valid());
    assert_eq!(states.collect::<Vec<_>>(), [true, false, true, true, true, true]);
    assert!(
        listed.backups.iter().all(|info| info.unique_bytes > Some(0)),
        "{listed:?}"
    );
    let listings = objects.listings_of("db/one/private");
    let verified = engine
        .verify_backups(VerifyWhat::All, VerifyLevel::Size, &Quiet)
        .unwrap();
    let corrupt = verified
        .backups
        .iter()
        .filter(|backup| !backup.state.may_be_valid());
    assert_eq!(corrupt.map(|backup| backup.id.get()).collect::<Vec<_>>(), [2]);
    let engine = BackupEngine::open(options(), store_of(&objects)).unwrap();
    // The corrupt one does not count, and stays.
    let purged = engine.purge_old_backups(4, &Quiet).unwrap();
    assert_eq!(purged.deleted_backups, [BackupId::FIRST]);
    assert_eq!(objects.listings_of("db/one/private") - listings, 2);
    for level in [VerifyLevel::Size, VerifyLevel::Checksum] {
        let verified = engine.verify_backups(VerifyWhat::All, level, &Quiet).unwrap();
        let reasons = verified.findings.iter().map(|finding| finding.reason.as_str());
        assert_eq!(reasons.collect::<Vec<_>>(), ["is missing"], "{level:?}");
    }
}

/// Just before or just after the commit, another program replaces an object by one of the same length.
struct Replaced {
    objects: Arc<FaultyObjects>,
    is_before: bool,
    /// A part of its key, until it is replaced.
    key_has: Mutex<Option<&'static str>>,
}

impl Replaced {
    fn replace(&self, operation: &Operation) {
        let is_commit = matches!(operation, Operation::Put { key, .. } if key.as_str().starts_with("meta/"));
        let Some(key_has) = self.key_has.lock().unwrap().take_if(|_| is_commit) else {
            return;
        };
        let contents = self.objects.contents();
        let (key, bytes) = contents
            .iter()
            .find(|(key, _)| key.contains(key_has))
            .unwrap_or_else(|| panic!("{key_has}: {:?}", contents.keys()));
        let (path, other) = (Path::parse(key).unwrap(), vec![b'x'; bytes.len()]);
        let put = self.objects.put_opts(&path, other.into(), PutOptions::default());
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(put).unwrap();
    }
}

impl fmt::Debug for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replaced")
    }
}

impl Interceptor for Replaced {
    fn before(&self, operation: &Operation) -> Result<(), Refusal> {
        if self.is_before {
            self.replace(operation);
        }
        Ok(())
    }

    fn after(&self, operation: &Operation) {
        if !self.is_before {
            self.replace(operation);
        }
    }
}

#[test]
fn a_backup_with_an_object_that_another_program_replaced_is_withdrawn() {
    let scene = Scene::new();
    for (key_has, is_before) in [("/CURRENT", true), (".sst", true), ("/MANIFEST", false)] {
        let objects = FaultyObjects::new(Create::Honoured);
        let replaced = Arc::new(Replaced {
            objects: Arc::clone(&objects),
            is_before,
            key_has: Mutex::new(Some(key_has)),
        });
        let store = store_of(&objects);
        let error = scene.create(&store.intercepted_by(replaced)).unwrap_err();
        assert!(
            error.to_string().contains("took the place of"),
            "{key_has}: {error}"
        );
        assert_eq!(ids(&store), [0; 0], "{key_has}");
    }
}

#[test]
fn a_journal_that_is_listed_and_gone_ends_no_backup() {
    let (scene, objects) = (Scene::new(), FaultyObjects::new(Create::Honoured));
    let fails = |verb, path_has, how| {
        objects.fail([Fault {
            verb,
            path_has,
            nth: 0,
            when: When::Before,
            how,
        }]);
    };
    fails(Verb::Put, "/private/", How::Denied);
    scene.create(&store_of(&objects)).unwrap_err();
    fails(Verb::Get, "/journal/", How::Hidden);
    let report = scene.create(&store_of(&objects)).unwrap();
    assert_eq!(objects.faults_left(), 0);
    assert_valid(
        &store_of(&objects),
        &[report.backup_id.get()],
        "after a journal that was a ghost",
    );
}

/// A history of backups, a deletion and a collection, of which requests fail.
#[derive(Debug, Clone)]
struct History {
    create: Create,
    faults: Vec<Fault>,
}

fn history() -> impl Strategy<Value = History> {
    let create = prop_oneof![
        Just(Create::Honoured),
        Just(Create::Ignored),
        Just(Create::NotImplemented)
    ];
    let fault = (
        prop::sample::select(VERBS.iter().copied().chain([Verb::Get]).collect::<Vec<_>>()),
        0..60_usize,
        prop::bool::ANY,
        prop::sample::select(FAILURES.iter().copied().chain([How::Denied]).collect::<Vec<_>>()),
    );
    let fault = fault.prop_map(|(verb, nth, before, how)| Fault {
        verb,
        path_has: "",
        nth,
        when: if before { When::Before } else { When::After },
        how,
    });
    (create, prop::collection::vec(fault, 1..6)).prop_map(|(create, faults)| History { create, faults })
}

/// An operation ends well, or with an error that names a cause; it does not panic.
fn ended<T>(outcome: Result<T, Error>) -> Option<T> {
    match outcome {
        Ok(report) => Some(report),
        Err(error) => {
            assert_ne!(error.kind(), ErrorKind::InvalidArgument, "{}", error.one_line());
            None
        }
    }
}

fn play(history: &History, scenes: &[Scene; 3]) {
    let objects = FaultyObjects::new(history.create);
    scenes[0].create(&store_of(&objects)).unwrap();
    objects.fail(history.faults.clone());
    let how = options().with_max_background_operations(NonZeroUsize::new(2));
    for scene in scenes {
        ended(scene.create_with(&store_of(&objects), how.clone()));
    }
    let engine = || BackupEngine::open(options(), store_of(&objects));
    if let Some(engine) = ended(engine()) {
        ended(engine.purge_old_backups(2, &Quiet));
    }
    if let Some(engine) = ended(engine()) {
        ended(engine.garbage_collect(Duration::from_secs(24 * 3600), &Quiet));
    }
    objects.forget_faults();
    // Nothing fails any more: what is there is right, and the next run goes on.
    let store = store_of(&objects);
    assert_valid(&store, &ids(&store), "after the faults");
    let report = scenes[2].create(&store).unwrap();
    assert_valid(&store, &ids(&store), "after another backup");
    assert!(ids(&store).contains(&report.backup_id.get()));
    let engine = engine().unwrap();
    engine
        .garbage_collect(Duration::from_secs(24 * 3600), &Quiet)
        .unwrap();
    let verified = engine
        .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
        .unwrap();
    assert!(verified.is_clean(), "{verified:?}");
    let left: Vec<String> = objects.contents().into_keys().collect();
    for part in ["/stonekeep/leases/", "/stonekeep/pins/"] {
        assert!(!left.iter().any(|path| path.contains(part)), "{left:?}");
    }
    assert_eq!(objects.violations(), Vec::<String>::new());
}

#[test]
fn requests_that_fail_or_lose_their_answers_lose_no_backup() {
    let mut scenes = [Scene::new(), Scene::new(), Scene::new()];
    scenes[1].change();
    scenes[2].change();
    scenes[2].change();
    let runs = std::env::var("STONEKEEP_FAULT_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok());
    let config = Config {
        cases: runs.unwrap_or(RUNS),
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(
        config,
        prop::test_runner::TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha),
    );
    runner
        .run(&history(), |history| {
            let played = catch_unwind(AssertUnwindSafe(|| play(&history, &scenes)));
            prop_assert!(played.is_ok(), "see above");
            Ok(())
        })
        .unwrap();
}
