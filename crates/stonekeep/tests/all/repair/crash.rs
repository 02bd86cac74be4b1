//! A repair that dies at any step, fails there, or loses power there: nothing that was right is harmed, and a rerun finishes.

use std::io;
use std::time::Duration;

use stonekeep::engine::BackupEngine;
use stonekeep::engine::repair::RepairReport;
use stonekeep::engine::verify::VerifyWhat;
use stonekeep::store::Store;
use stonekeep::store::memory::MemoryStore;
use stonekeep::{Quiet, Result};
use stonekeep_testkit::fault_store::FaultStore;
use stonekeep_testkit::step_sample::StepSample;

use super::scene::{Ward, flip};
use crate::support::scene::{assert_valid, key, options, put, verify};

/// A repository with a table and a MANIFEST that are damaged, a CURRENT that is lost, and a meta file that cannot be read.
fn ill(disk: &MemoryStore) -> Ward {
    let ward = Ward::new(Store::from(disk.clone()));
    let manifest = ward.files(1).into_iter().find(|path| path.contains("MANIFEST"));
    for path in [ward.table(), manifest.unwrap()] {
        flip(&ward.store, &path);
    }
    ward.verify();
    ward.store.delete_one(&key("private/2/CURRENT")).unwrap();
    put(&ward.store, "meta/2", b"");
    ward
}

fn repair(ward: &Ward, store: Store) -> Result<RepairReport> {
    let engine = BackupEngine::open(options(), store)?;
    engine.repair(VerifyWhat::All, &[ward.database()], &Quiet)
}

fn assert_cured(ward: &Ward, when: &str) {
    repair(ward, ward.store.clone()).unwrap_or_else(|error| panic!("{when}: {}", error.one_line()));
    let left = ward.store.leftovers().unwrap();
    let of_repairs = left.iter().filter(|leftover| leftover.run.starts_with("repair-"));
    assert_eq!(of_repairs.count(), 0, "{when}");
    assert_valid(&ward.store, &[1, 2], when);
    ward.scene.create(&ward.store).unwrap();
    let engine = BackupEngine::open(options(), ward.store.clone()).unwrap();
    engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
    assert!(ward.store.leftovers().unwrap().is_empty(), "{when}");
    assert_valid(&ward.store, &[1, 2, 3], when);
}

/// However young it is.
#[test]
fn a_collection_removes_what_a_killed_repair_has_staged() {
    let ward = ill(&MemoryStore::new());
    let counting = FaultStore::counting(ward.store.clone());
    repair(&ward, counting.clone().into()).unwrap();
    let mut staged = 0;
    for step in 0..counting.step_names().len() {
        let ward = ill(&MemoryStore::new());
        let killed = FaultStore::kill_at(ward.store.clone(), step);
        _ = repair(&ward, killed.into());
        staged += ward.store.leftovers().unwrap().len();
        let engine = BackupEngine::open(options(), ward.store.clone()).unwrap();
        engine
            .garbage_collect(Duration::from_secs(2 * 86_400), &Quiet)
            .unwrap();
        assert!(
            ward.store.leftovers().unwrap().is_empty(),
            "killed before step {step}"
        );
    }
    assert!(staged > 0, "no killed repair leaves anything");
}

#[test]
fn any_step_may_be_the_last_or_fail_and_power_may_fail_there() {
    for make in [MemoryStore::new, MemoryStore::with_named_uploads] {
        let ward = ill(&make());
        let damage = verify(&ward.store).findings.len();
        let counting = FaultStore::counting(ward.store.clone());
        let report = repair(&ward, counting.clone().into()).unwrap();
        assert_eq!((report.repaired.len(), damage), (4, 3), "{report:?}");
        let names = counting.step_names();
        let sample = StepSample::new("repair", &names);
        for (step, name) in sample.of(&names) {
            for power in [false, true] {
                let disk = make();
                let ward = ill(&disk);
                let killed = FaultStore::kill_at(ward.store.clone(), step);
                // What is done after the last repaired file is not worth an error.
                _ = repair(&ward, killed.clone().into());
                if power {
                    disk.crash();
                }
                let when = format!("killed before {name}, power lost: {power}, {}", sample.describe());
                assert!(verify(&ward.store).findings.len() <= damage, "{when}");
                assert_cured(&ward, &when);
            }
            let ward = ill(&make());
            let failing = FaultStore::fail_once_at(ward.store.clone(), step, io::ErrorKind::Other);
            _ = repair(&ward, failing.into());
            assert_cured(&ward, &format!("failed at {name}"));
        }
    }
}
