//! What a restore makes durable, and when.

use std::collections::BTreeSet;

use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::restore::TargetDisk;
use stonekeep::engine::{BackupEngineReadOnly, RestoreOptions};
use stonekeep::store::local::SyncMethod;
use stonekeep::{Quiet, Result};

use crate::restore::dying_disk::DyingDisk;
use crate::restore::scene::{TwoStates, over};
use crate::support::scene;

const NEW: &str = ".stonekeep-restore/new/";

fn restore(two: &TwoStates, disk: &TargetDisk) -> Result<()> {
    let engine = BackupEngineReadOnly::open(scene::options().with_sync(true), two.store.clone())?;
    let options = RestoreOptions::default();
    let which = WhichBackup::Id(scene::id(1));
    engine.restore_on(disk, which, &two.target(), &options, &Quiet)?;
    Ok(())
}

/// The new files that have been written, or synced, by the time that the record gets its name.
fn before_the_record<'s>(steps: &'s [String], doing: &str) -> BTreeSet<&'s str> {
    let record = "replace .stonekeep-restore/state";
    let record = steps.iter().position(|step| step == record).unwrap();
    let done = steps[..record].iter().filter_map(|step| step.strip_prefix(doing));
    let names = done.flat_map(|names| names.split(' '));
    names.filter(|name| name.starts_with(NEW)).collect()
}

#[test]
fn every_new_file_is_durable_before_the_record_counts() {
    let two = over();
    let disk = DyingDisk::immortal();
    restore(&two, &disk).unwrap();
    let steps = disk.steps();
    let written = before_the_record(&steps, "write ");
    assert_eq!(before_the_record(&steps, "sync "), written);
    assert_eq!(written.len(), two.states[0].len());
}

#[test]
fn what_an_earlier_run_has_left_is_made_durable_too() {
    let two = over();
    restore(&two, &DyingDisk::before(&format!("write {NEW}CURRENT"))).unwrap_err();
    let disk = DyingDisk::immortal();
    restore(&two, &disk).unwrap();
    let steps = disk.steps();
    assert!(before_the_record(&steps, "write ").len() < two.states[0].len());
    assert_eq!(before_the_record(&steps, "sync ").len(), two.states[0].len());
}

#[test]
fn a_batch_of_new_files_is_synced_at_once() {
    let two = over();
    let disk = DyingDisk::immortal();
    restore(&two, &disk).unwrap();
    let steps = disk.steps();
    let syncs = steps
        .iter()
        .filter(|step| step.starts_with("sync .stonekeep-restore/new/"));
    assert_eq!(syncs.count(), 1);
}

#[test]
fn every_sync_method_restores() {
    for method in [SyncMethod::Auto, SyncMethod::Syncfs, SyncMethod::Files] {
        let two = over();
        let options = scene::options().with_sync(true).with_sync_method(method);
        let engine = BackupEngineReadOnly::open(options, two.store.clone()).unwrap();
        let which = WhichBackup::Id(scene::id(1));
        let restored =
            engine.restore_db_from_backup(which, &two.target(), &RestoreOptions::default(), &Quiet);
        restored.unwrap();
        two.assert_restored(1, &format!("{method:?}"));
    }
}
