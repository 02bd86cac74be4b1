//! Backups into an object store of which any request that writes may fail, before or after it is carried out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use stonekeep::engine::BackupEngineReadOnly;
use stonekeep::store::Store;
use stonekeep::store::remote::RemoteStore;
use stonekeep::{Quiet, VerifyLevel, VerifyWhat};

use crate::support::faults::{Fault, How, Verb, When};
use crate::support::faulty_objects::{Create, FaultyObjects};
use crate::support::scene::{Scene, options};

/// Requests that the store itself repeats, whichever client it has.
const WRITES: [Verb; 5] = [Verb::Put, Verb::Begin, Verb::Part, Verb::Complete, Verb::Delete];

fn store_of(objects: &Arc<FaultyObjects>) -> Store {
    let store = RemoteStore::new(Arc::clone(objects) as _, "p", "objects of a test").unwrap();
    let store = store.with_multipart(Arc::clone(objects) as _);
    store.used_by_one_process().into()
}

/// Two backups of a database that does not change.
fn back_up_twice(scene: &Scene, objects: &Arc<FaultyObjects>) {
    for _ in 0..2 {
        scene.create(&store_of(objects)).unwrap();
    }
}

/// Both backups are whole, and nothing else is there.
fn check(objects: &Arc<FaultyObjects>) {
    let engine = BackupEngineReadOnly::open(options(), store_of(objects)).unwrap();
    let report = engine
        .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
        .unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.backups.len(), 2);
    assert_eq!(objects.violations(), [""; 0]);
    for path in objects.contents().keys() {
        assert!(!path.contains("stonekeep/leases/"), "{path}");
        // The mark of a completion without an answer stays for 15 minutes.
        assert!(
            !path.contains("stonekeep/runs/") || path.contains("/marks/"),
            "{path}"
        );
    }
}

#[test]
fn a_backup_succeeds_whichever_of_its_writes_fails() {
    let mut scene = Scene::new();
    scene.database.add_tables(1, (8 << 20) + 5_000);
    let objects = FaultyObjects::new(Create::Honoured);
    back_up_twice(&scene, &objects);
    check(&objects);
    let counts = WRITES.map(|verb| (verb, objects.requests_but_leases(verb)));
    let faults: Vec<Fault> = counts
        .into_iter()
        .flat_map(|(verb, count)| (0..count).map(move |nth| (verb, nth)))
        .flat_map(|(verb, nth)| [How::Reset, How::Conflict].map(|how| (verb, nth, how)))
        .flat_map(|(verb, nth, how)| {
            [When::Before, When::After].map(|when| Fault {
                verb,
                path_has: "",
                nth,
                when,
                how,
            })
        })
        .collect();
    assert!(faults.len() > 80, "{}", faults.len());
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let objects = FaultyObjects::new(Create::Honoured);
                    objects.fail([fault.clone()]);
                    let ended = catch_unwind(AssertUnwindSafe(|| {
                        back_up_twice(&scene, &objects);
                        check(&objects);
                        assert_eq!(objects.faults_left(), 0);
                    }));
                    if ended.is_err() {
                        failed.lock().unwrap().push(format!("{fault:?}"));
                    }
                }
            });
        }
    });
    assert_eq!(*failed.lock().unwrap(), [""; 0]);
}

/// Or whose answer is that nobody knows the upload: it may have been completed before, or aborted by another process.
#[test]
fn a_file_whose_completion_had_no_answer_is_uploaded_again() {
    let mut scene = Scene::new();
    scene.database.add_tables(1, (8 << 20) + 5_000);
    for how in [How::Reset, How::Hidden] {
        let objects = FaultyObjects::new(Create::Honoured);
        let fault = Fault {
            verb: Verb::Complete,
            path_has: "shared_checksum",
            nth: 0,
            when: When::Before,
            how,
        };
        objects.fail([fault.clone(), fault]);
        back_up_twice(&scene, &objects);
        assert_eq!(objects.requests(Verb::Complete), 3, "{how:?}");
        check(&objects);
    }
}
