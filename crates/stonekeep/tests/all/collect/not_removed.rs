//! Files that a collection cannot remove: it goes on, reports them, and the next one tries again.

use std::sync::Arc;

use stonekeep::engine::collect::{CollectReport, DeleteOptions};
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::format::BackupId;
use stonekeep::store::{Interceptor, Operation, Refusal, Store};
use stonekeep::{Error, ErrorKind, Quiet, Result, WarningName};
use stonekeep_testkit::fault_store::FaultStore;

use crate::collect::scene::*;
use crate::support::scene::Scene;

const FIRST: (u32, &[u64]) = (1, &[1, 2]);
const SECOND: (u32, &[u64]) = (2, &[2, 3]);
const THIRD: (u32, &[u64]) = (3, &[3, 4]);

fn three() -> Store {
    let (_, store) = memory();
    for (backup, tables) in [FIRST, SECOND, THIRD] {
        put_our_backup(&store, backup, tables);
    }
    store
}

/// Deletes backups where this file cannot be removed.
fn delete_without(store: &Store, stays: &str, ids: &[BackupId]) -> Result<CollectReport> {
    let stuck: Store = Store::from(FaultStore::undeletable(store.clone(), key(stays)));
    engine(&stuck).delete_backups(ids, &DeleteOptions::default(), &Quiet)
}

fn paths(report: &CollectReport) -> Vec<&str> {
    report.not_removed.iter().map(|left| left.path.as_str()).collect()
}

/// The records of deleted backups.
fn records(store: &Store) -> Vec<String> {
    let files = files(store).into_iter();
    files
        .filter(|path| path.starts_with("stonekeep/deleted/"))
        .collect()
}

fn assert_clean(store: &Store) {
    let report = engine(store).verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet);
    assert_eq!(report.unwrap().findings, []);
}

#[test]
fn a_file_that_stays_keeps_nothing_else_and_its_record() {
    let stay = [
        ("private/1/CURRENT".to_owned(), 1),
        ("stonekeep/backups/1".to_owned(), 1),
        (table_path(1), 2),
    ];
    for (path, records_left) in stay {
        let store = three();
        let report = delete_without(&store, &path, &[id(1), id(2)]).unwrap();
        assert_eq!(report.deleted_backups, [id(1), id(2)], "{path}");
        assert_eq!(paths(&report), [&*path]);
        let warning = report.warnings.last().unwrap();
        assert_eq!(warning.name, WarningName::NotRemoved);
        assert_eq!(warning.about.as_deref(), Some(&*path));
        let mut left: Vec<String> = files(&store).difference(&files_of(&[THIRD])).cloned().collect();
        left.retain(|left| !left.starts_with("stonekeep/deleted/"));
        assert_eq!(left, [&*path]);
        assert_eq!(records(&store).len(), records_left, "{path}");
        assert_clean(&store);
        // When the reason is gone, so is the file.
        let report = engine(&store).purge_old_backups(1, &Quiet).unwrap();
        assert_eq!(paths(&report), [""; 0]);
        assert_eq!(files(&store), files_of(&[THIRD]));
    }
}

#[test]
fn a_record_that_stays_is_tried_again() {
    let store = three();
    let record = format!(
        "stonekeep/deleted/1-{:08x}",
        crc32c::crc32c(&meta_text(1, FIRST.1))
    );
    let report = delete_without(&store, &record, &[id(1)]).unwrap();
    assert_eq!(paths(&report), [&*record]);
    engine(&store).purge_old_backups(2, &Quiet).unwrap();
    assert_eq!(files(&store), files_of(&[SECOND, THIRD]));
}

#[test]
fn files_that_stay_for_one_reason_are_one_warning() {
    let store = three();
    let stuck = Store::from(FaultStore::undeletable(store.clone(), key("private/1/CURRENT")));
    let stuck: Store = Store::from(FaultStore::undeletable(stuck, key(&table_path(1))));
    let report = engine(&stuck).delete_backup(id(1), &Quiet).unwrap();
    assert_eq!(report.not_removed.len(), 2);
    let warning = report.warnings.as_slice();
    assert_eq!(warning.len(), 1, "{warning:?}");
    assert!(
        warning[0]
            .message
            .starts_with("and 1 more could not be removed: "),
        "{warning:?}"
    );
}

#[test]
fn a_backup_whose_meta_file_stays_still_exists_and_keeps_its_files() {
    let store = three();
    let error: Error = delete_without(&store, "meta/1", &[id(1), id(2)]).unwrap_err();
    assert_eq!(error.io_kind(), Some(std::io::ErrorKind::PermissionDenied));
    let text = error.to_string();
    assert!(
        text.contains("backup 1 still exists") && text.contains("backup 2 is deleted"),
        "{text}"
    );
    assert_eq!(files(&store), files_of(&[FIRST, THIRD]));
    assert_clean(&store);
    // A purge goes on every night.
    let stuck: Store = Store::from(FaultStore::undeletable(store.clone(), key("meta/1")));
    put_our_backup(&store, 4, &[4, 5]);
    let report = engine(&stuck).purge_old_backups(1, &Quiet).unwrap();
    assert_eq!(report.deleted_backups, [id(3)]);
    assert_eq!(report.warnings.last().unwrap().name, WarningName::NotRemoved);
    assert_eq!(files(&store), files_of(&[FIRST, (4, &[4, 5])]));
    assert_clean(&store);
}

#[test]
fn an_error_after_the_deletion_says_what_is_deleted() {
    let counting = FaultStore::counting(three());
    let counted: Store = counting.clone().into();
    engine(&counted).delete_backup(id(1), &Quiet).unwrap();
    let steps = counting.step_names();
    let removals = steps
        .iter()
        .position(|step| step.starts_with("persist names private"));
    let kind = std::io::ErrorKind::PermissionDenied;
    let failing: Store = Store::from(FaultStore::fail_once_at(three(), removals.unwrap() + 1, kind));
    let error = engine(&failing).delete_backup(id(1), &Quiet).unwrap_err();
    assert_eq!(error.io_kind(), Some(kind));
    assert!(error.to_string().contains("backup 1 is deleted"), "{error}");
}

/// From the first deletion of a meta file on, another process holds the lock.
#[derive(Debug)]
struct LosesTheLock;

impl Interceptor for LosesTheLock {
    fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal> {
        match operation {
            Operation::Delete(key) if key.as_str().starts_with("meta/") => {
                Err(Refusal::Fails(Error::new(ErrorKind::Locked, "the lease is lost")))
            }
            _ => Ok(()),
        }
    }
}

#[test]
fn a_purge_that_loses_its_lock_at_a_deletion_is_an_error() {
    let store = three();
    let losing = store.intercepted_by(Arc::new(LosesTheLock));
    let error = engine(&losing).purge_old_backups(1, &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    assert_clean(&store);
    engine(&store).purge_old_backups(1, &Quiet).unwrap();
    assert_eq!(files(&store), files_of(&[THIRD]));
}

#[test]
fn a_backup_whose_meta_file_stays_keeps_the_files_that_it_includes() {
    let mut scene = Scene::new();
    scene.include("conf/app.json", "{}");
    let (_, store) = memory();
    scene.create(&store).unwrap();
    scene.change();
    scene.create(&store).unwrap();
    let before = files(&store);
    let stuck: Store = Store::from(FaultStore::undeletable(store.clone(), key("meta/1")));
    let report = engine(&stuck).purge_old_backups(1, &Quiet).unwrap();
    assert_eq!(report.deleted_backups, []);
    assert!(
        report
            .warnings
            .iter()
            .any(|it| it.name == WarningName::NotRemoved)
    );
    assert_clean(&store);
    assert_eq!(before.difference(&files(&store)).next(), None);
}
