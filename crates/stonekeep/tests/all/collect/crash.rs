//! A deletion that dies at any step, or fails there, or loses power there: no backup loses a file, a rerun finishes.

use std::collections::BTreeSet;
use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use stonekeep::engine::collect::PurgeOptions;
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{BackupEngine, BackupEngineOptions};
use stonekeep::repo::garbage::withdraw;
use stonekeep::store::PutMode;
use stonekeep::store::local::LocalStore;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Durability, Store};
use stonekeep::{ErrorKind, Quiet, Result};
use stonekeep_testkit::fault_store::FaultStore;
use stonekeep_testkit::step_sample::StepSample;

use crate::collect::scene::*;

/// A scenario.
#[derive(Clone, Copy)]
struct Operation {
    name: &'static str,
    /// Whether the meta file of backup 4 is damaged.
    damaged: bool,
    run: fn(&BackupEngine) -> Result<()>,
}

const fn operation(name: &'static str, damaged: bool, run: fn(&BackupEngine) -> Result<()>) -> Operation {
    Operation { name, damaged, run }
}

const DELETE: Operation = operation("delete", false, |engine| {
    engine.delete_backup(id(2), &Quiet).map(drop)
});
const PURGE: Operation = operation("purge", false, |engine| {
    engine.purge_old_backups(1, &Quiet).map(drop)
});
const OPERATIONS: [Operation; 6] = [
    DELETE,
    PURGE,
    operation("delete the damaged one", true, |engine| {
        engine.delete_backup(id(4), &Quiet).map(drop)
    }),
    operation("purge, held back", true, PURGE.run),
    operation("purge for a while", false, |engine| {
        let options = PurgeOptions::keep(1).with_undelete_for(Duration::from_secs(3600));
        engine.purge(&options, &Quiet).map(drop)
    }),
    operation("collect", false, |engine| {
        engine.garbage_collect(Duration::ZERO, &Quiet).map(drop)
    }),
];

impl Operation {
    /// Five backups, and what a killed one leaves.
    fn fill(&self, store: &Store) {
        put_our_backup(store, 1, &[1, 2, 3]);
        put_our_backup(store, 2, &[2, 3, 4, 7]);
        put_backup(store, 3, &[3, 4, 5]);
        if self.damaged {
            put_private(store, 4);
            put_table(store, 8);
            put(store, "meta/4", b"1\n2\n3\nshared_checksum/");
        } else {
            put_backup(store, 4, &[4, 8]);
        }
        put_facts(store, 4, &[4, 8]);
        put_our_backup(store, 5, &[5, 6]);
        put_private(store, 9);
        put_facts(store, 9, &[5, 9]);
        put_table(store, 9);
        store
            .record("9", &key("private/9/CURRENT"), &mut &b"half"[..])
            .unwrap();
    }

    /// Does it again; a deletion may turn out to be finished.
    fn again(&self, store: &Store, sync: bool, when: &str) {
        match (self.run)(&open(store.clone(), sync)) {
            Ok(()) => {}
            Err(error) if self.name.starts_with("delete") && error.kind() == ErrorKind::NotFound => {}
            Err(error) => panic!("{when}, again: {}", error.one_line()),
        }
    }

    fn undisturbed(&self, make: Make, sync: bool) -> Undisturbed {
        let store = made(make);
        self.fill(&store);
        let counting = FaultStore::counting(store.clone());
        (self.run)(&open(counting.clone().into(), sync)).unwrap();
        let files = files(&store);
        let collected = collect_everything(&store);
        Undisturbed {
            files,
            collected,
            steps: counting.step_names(),
        }
    }

    fn kill(&self, store: &Store, sync: bool, step: usize) {
        let killed = FaultStore::kill_at(store.clone(), step);
        let outcome = (self.run)(&open(killed.clone().into(), sync));
        let last = killed.stopped_before().unwrap();
        // The hint at the newest backup is put as well as may be.
        let hint = ["put stonekeep/latest", "discard latest-hint"].contains(&last.as_str());
        // Uploads that were not aborted are left to the next run.
        let is_swept = last.starts_with("sweep_uploads");
        assert!(outcome.is_err() || hint || is_swept, "{last}");
    }
}

/// What is in the repository, but for the hint at the newest backup, which a run that was killed may not have put.
fn files(store: &Store) -> BTreeSet<String> {
    let mut files = crate::collect::scene::files(store);
    files.remove("stonekeep/latest");
    files
}

/// Makes a store in memory.
type Make = fn() -> MemoryStore;

/// With each kind of uploads.
const MAKES: [Make; 2] = [MemoryStore::new, MemoryStore::with_named_uploads];

/// One of these, with its root.
fn made(make: Make) -> Store {
    let store = Store::from(make());
    store.create_root(Durability::Durable).unwrap();
    store
}

/// What an operation leaves when nothing happens, at once and after a thorough collection, and its steps.
struct Undisturbed {
    files: BTreeSet<String>,
    collected: BTreeSet<String>,
    steps: Vec<String>,
}

fn open(store: Store, sync: bool) -> BackupEngine {
    let options = BackupEngineOptions::default()
        .with_sync(sync)
        .with_io_buffer_size_bytes(NonZeroUsize::new(512));
    BackupEngine::open(options, store).unwrap()
}

/// Every backup that is there and was whole is whole.
fn assert_nothing_lost(store: &Store, when: &str) {
    let report = open(store.clone(), true)
        .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
        .unwrap();
    let found: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.file != "meta/4")
        .collect();
    assert!(found.is_empty(), "{when}: {found:?}");
    let ids = open(store.clone(), true).backup_ids().unwrap();
    assert!(ids.contains(&id(5)), "{when}: the newest backup is gone");
}

fn collect_everything(store: &Store) -> BTreeSet<String> {
    open(store.clone(), true)
        .garbage_collect(Duration::ZERO, &Quiet)
        .unwrap();
    files(store)
}

#[test]
fn the_operations_have_the_steps_that_are_stopped() {
    let steps = DELETE.undisturbed(MemoryStore::new, true).steps;
    let position = |start: &str| {
        let at = steps.iter().position(|step| step.starts_with(start));
        at.unwrap_or_else(|| panic!("{start} is missing in {steps:?}"))
    };
    let order = [
        position("lease"),
        position("copy meta/2 stonekeep/deleted/2-"),
        position("persist files stonekeep/deleted/2-"),
        position("delete meta/2"),
        position("persist names meta"),
        position("delete shared_checksum/000007"),
        position("delete private/2/CURRENT"),
        position("delete private/9"),
        position("delete stonekeep/backups/2"),
        position("discard 9"),
        position("persist names private"),
        position("delete stonekeep/deleted/2-"),
    ];
    assert!(order.is_sorted(), "{steps:?}");
    assert_eq!(steps.last().unwrap(), "persist names stonekeep/deleted");
}

#[test]
fn killed_at_any_step() {
    for (operation, make) in OPERATIONS.into_iter().flat_map(|it| MAKES.map(|make| (it, make))) {
        for sync in [true, false] {
            let expected = operation.undisturbed(make, sync);
            for (before, name) in StepSample::new(operation.name, &expected.steps).of(&expected.steps) {
                let when = format!("{}, sync {sync}, killed before {name}", operation.name);
                let store = made(make);
                operation.fill(&store);
                operation.kill(&store, sync, before + 1);
                assert_nothing_lost(&store, &when);
                operation.again(&store, sync, &when);
                assert_nothing_lost(&store, &when);
                assert_eq!(files(&store), expected.files, "{when}");
                assert_eq!(collect_everything(&store), expected.collected, "{when}");
            }
        }
    }
}

#[test]
fn killed_and_then_collected_without_asking_for_the_same_again() {
    for (operation, make) in OPERATIONS.into_iter().flat_map(|it| MAKES.map(|make| (it, make))) {
        let expected = operation.undisturbed(make, true);
        for (before, name) in StepSample::new(operation.name, &expected.steps).of(&expected.steps) {
            let store = made(make);
            operation.fill(&store);
            operation.kill(&store, true, before + 1);
            let left = open(store.clone(), true).backup_ids().unwrap();
            collect_everything(&store);
            let when = format!("{}, killed before {name}", operation.name);
            assert_nothing_lost(&store, &when);
            assert_eq!(open(store.clone(), true).backup_ids().unwrap(), left, "{when}");
            operation.again(&store, true, &when);
            assert_eq!(collect_everything(&store), expected.collected, "{when}");
        }
    }
}

#[test]
fn power_lost_at_any_step() {
    type LosePower = fn(&MemoryStore);
    let powers: [(&str, LosePower); 2] = [
        ("names as they were synced", MemoryStore::crash),
        ("all names written back", MemoryStore::crash_after_names),
    ];
    for operation in OPERATIONS {
        for (sync, (how, lose_power)) in [true, false]
            .into_iter()
            .flat_map(|sync| powers.map(|p| (sync, p)))
        {
            let expected = operation.undisturbed(MemoryStore::new, sync);
            for (before, name) in StepSample::new(operation.name, &expected.steps).of(&expected.steps) {
                let when = format!("{}, sync {sync}, {how}, lost before {name}", operation.name);
                let (disk, store) = memory();
                operation.fill(&store);
                operation.kill(&store, sync, before + 1);
                lose_power(&disk);
                assert_nothing_lost(&store, &when);
                operation.again(&store, sync, &when);
                if sync {
                    assert_eq!(files(&store), expected.files, "{when}");
                }
                assert_nothing_lost(&store, &when);
                assert_eq!(collect_everything(&store), expected.collected, "{when}");
            }
        }
    }
}

#[test]
fn power_lost_after_it_returned() {
    for operation in OPERATIONS {
        for sync in [true, false] {
            let expected = operation.undisturbed(MemoryStore::new, sync);
            let (disk, store) = memory();
            operation.fill(&store);
            (operation.run)(&open(store.clone(), sync)).unwrap();
            disk.crash();
            let when = format!("{}, sync {sync}", operation.name);
            assert_nothing_lost(&store, &when);
            if sync {
                assert_eq!(files(&store), expected.files, "{when}");
            }
            assert_eq!(collect_everything(&store), expected.collected, "{when}");
        }
    }
}

#[test]
fn an_error_at_any_step_harms_nothing_and_is_returned_unless_it_only_keeps_a_file() {
    for (operation, make) in OPERATIONS.into_iter().flat_map(|it| MAKES.map(|make| (it, make))) {
        let expected = operation.undisturbed(make, true);
        for (before, name) in StepSample::new(operation.name, &expected.steps).of(&expected.steps) {
            let when = format!("{}, an error instead of {name}", operation.name);
            let store = made(make);
            operation.fill(&store);
            let kind = io::ErrorKind::PermissionDenied;
            let failing = FaultStore::fail_once_at(store.clone(), before + 1, kind);
            let outcome = (operation.run)(&open(failing.clone().into(), true));
            let is_removal = [
                "delete ",
                "discard ",
                "upload keep-",
                "put stonekeep/ids/",
                "put stonekeep/latest",
                "sweep_uploads",
            ]
            .iter()
            .any(|start| name.starts_with(start));
            if is_removal && !(operation.name.starts_with("delete") && name.starts_with("delete meta/")) {
                outcome.unwrap_or_else(|error| panic!("{when}: {}", error.one_line()));
                let is_last = before + 1 == expected.steps.len();
                assert!(is_last || failing.steps() > before + 1, "{when}: did not go on");
            } else {
                let error = outcome.unwrap_err();
                assert_eq!(error.io_kind(), Some(kind), "{when}: {}", error.one_line());
            }
            assert_nothing_lost(&store, &when);
            operation.again(&store, true, &when);
            // A deletion of which only an area is left is complete.
            if !is_removal {
                assert_eq!(files(&store), expected.files, "{when}");
            }
            assert_eq!(collect_everything(&store), expected.collected, "{when}");
        }
    }
}

#[test]
fn killed_at_any_step_on_local_disk() {
    for operation in [DELETE, PURGE] {
        let expected = operation.undisturbed(MemoryStore::new, false);
        let sample = StepSample::new(operation.name, &expected.steps);
        for step in sample.steps().iter().copied() {
            let name = &expected.steps[step - 1];
            let when = format!("{}, killed before {name}; {}", operation.name, sample.describe());
            let directory = tempfile::tempdir().unwrap();
            let store: Store = Store::from(LocalStore::new(directory.path()));
            store.create_root(Durability::Buffered).unwrap();
            operation.fill(&store);
            operation.kill(&store, false, step);
            assert_nothing_lost(&store, &when);
            operation.again(&store, false, &when);
            assert_eq!(files(&store), expected.files, "{when}");
            assert_eq!(collect_everything(&store), expected.collected, "{when}");
            let private = directory.path().join("private");
            assert!(
                !private.join("2").exists() || operation.name != "delete",
                "{when}"
            );
        }
    }
}

#[test]
fn the_record_of_a_backup_that_was_never_synced_survives_too() {
    let (disk, store) = memory();
    put_backup(&store, 1, &[1]);
    put_table(&store, 2);
    put_private(&store, 2);
    let meta = meta_text(2, &[2]);
    let staged = store
        .upload("2", &key("meta/2"), &mut &*meta, 0, PutMode::IfAbsent)
        .unwrap();
    let taken = store.finish(
        vec![(staged, key("meta/2"))],
        PutMode::IfAbsent,
        Durability::Buffered,
    );
    assert_eq!(taken.unwrap(), []);
    withdraw(&store, &[id(2)].into(), None, &|| Ok(())).unwrap();
    disk.crash();
    let report = open(store.clone(), true).purge_old_backups(1, &Quiet).unwrap();
    assert_eq!((report.too_young, report.deleted_files.len()), (0, 1 + 3));
}
