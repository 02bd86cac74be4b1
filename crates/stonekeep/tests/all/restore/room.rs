//! Restores where there is little room.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stonekeep::engine::restore::{TargetDisk, TargetHook, TargetOperation, TargetPath, abort_restore};
use stonekeep::engine::{RestoreMode, RestoreOptions};
use stonekeep::format::manifest::parse_current;
use stonekeep::{Error, ErrorKind, Result};

use crate::restore::scene::{TwoStates, assert_same, over, restore_on, tree};

/// A disk with little room, which is full when something large is written.
#[derive(Debug)]
struct LittleRoom {
    free_bytes: AtomicU64,
    full: bool,
}

fn small_disk(free_bytes: u64, full: bool) -> TargetDisk {
    let free_bytes = free_bytes.into();
    TargetDisk::default().with_hook(Arc::new(LittleRoom { free_bytes, full }))
}

impl TargetHook for LittleRoom {
    fn run(&self, operation: TargetOperation<'_>, act: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        match operation {
            TargetOperation::Write { at, expected_bytes } if self.full && expected_bytes > 2_000 => {
                // Somebody else writes there, too.
                self.free_bytes.store(1_000, Ordering::Relaxed);
                let full = io::Error::from(io::ErrorKind::StorageFull);
                Err(Error::io(format!("writing {at}"), full))
            }
            _ => act(),
        }
    }

    fn sync_files(&self, _: &[TargetPath], act: &mut dyn FnMut() -> Result<bool>) -> Result<bool> {
        act()
    }

    fn free_bytes(&self, _: u64) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }
}

#[test]
fn without_room_nothing_is_begun() {
    let two = over();
    let old = tree(&two.target());
    let error = restore_on(&two, &small_disk(5_000, false), &RestoreOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("5000 are free"), "{error}");
    assert!(error.hint().unwrap().contains("free_old_files_first"));
    assert_same(&tree(&two.target()), &old, "without room");
    // Kept files need no room.
    let keep = RestoreOptions::default().with_mode(RestoreMode::VerifyChecksum);
    restore_on(&two, &small_disk(5_000, false), &keep).unwrap();
    two.assert_restored(1, "with little room");
    // An empty target has nothing to be freed.
    let two = TwoStates::new();
    let free_first = RestoreOptions::default().with_free_old_files_first(true);
    let error = restore_on(&two, &small_disk(5_000, false), &free_first).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(!error.to_string().contains("beside the old ones"), "{error}");
    assert!(error.hint().unwrap().contains("restore to another disk"));
}

#[test]
fn a_disk_that_runs_full_leaves_the_old_database() {
    let two = over();
    let old = tree(&two.target());
    let error = restore_on(&two, &small_disk(50_000, true), &RestoreOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains(": 1000 bytes are free"), "{error}");
    assert!(error.to_string().ends_with(" are missing"), "{error}");
    assert_same(&tree(&two.target()), &old, "on a full disk");
}

#[test]
fn the_old_database_makes_room_on_request_only() {
    let two = over();
    fs::write(two.target().join("README"), "somebody's").unwrap();
    let options = RestoreOptions::default().with_free_old_files_first(true);
    let report = restore_on(&two, &small_disk(5_000, false), &options).unwrap();
    assert!(report.restored && report.files_moved_away > 0);
    two.assert_restored_with(1, "README", "in the room of the old one");
    // With room for both, the old one stays until the new one is there.
    let error = restore_on(&two, &small_disk(50_000, true), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    two.assert_restored_with(1, "README", "still there");
}

#[test]
fn after_the_old_database_is_removed_an_abort_is_refused() {
    let options = RestoreOptions::default().with_free_old_files_first(true);
    let two = over();
    let error = restore_on(&two, &small_disk(5_000, true), &options).unwrap_err();
    assert!(error.hint().unwrap().contains("restore again"), "{error}");
    let current = fs::read(two.target().join("CURRENT")).unwrap();
    assert!(
        parse_current(&current).is_err(),
        "RocksDB must not make a new one here"
    );
    let error = abort_restore(&two.target(), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    // Another backup may take its place.
    two.restore(2, &RestoreOptions::default()).unwrap();
    two.assert_restored(2, "after the old one is gone");
}
