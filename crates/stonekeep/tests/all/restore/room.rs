//! Restores where there is little room.

use std::fs;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use stonekeep::engine::restore::{FreeSpace, SystemDisk, TargetDisk, TargetPath, abort_restore};
use stonekeep::engine::{RestoreMode, RestoreOptions};
use stonekeep::format::manifest::parse_current;
use stonekeep::store::Durability;
use stonekeep::{Error, ErrorKind, Result};

use crate::restore::scene::{TwoStates, assert_same, over, restore_on, tree};

/// A disk with little room, or one that is full when something large is written.
#[derive(Debug)]
struct SmallDisk {
    inner: SystemDisk,
    free_bytes: AtomicU64,
    full: bool,
}

impl SmallDisk {
    fn new(free_bytes: u64, full: bool) -> Self {
        let inner = SystemDisk::new(NonZeroUsize::new(4096).unwrap());
        SmallDisk {
            inner,
            free_bytes: free_bytes.into(),
            full,
        }
    }
}

impl TargetDisk for SmallDisk {
    fn make_directory(&self, at: &TargetPath) -> Result<()> {
        self.inner.make_directory(at)
    }
    fn write(&self, at: &TargetPath, content: &mut dyn Read, expected: u64, how: Durability) -> Result<u64> {
        if self.full && expected > 2_000 {
            // Somebody else writes there, too.
            self.free_bytes.store(1_000, Ordering::Relaxed);
            let full = io::Error::from(io::ErrorKind::StorageFull);
            return Err(Error::io(format!("writing {at}"), full));
        }
        self.inner.write(at, content, expected, how)
    }
    fn duplicate(&self, from: &TargetPath, to: &TargetPath, how: Durability) -> Result<()> {
        self.inner.duplicate(from, to, how)
    }
    fn rename(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
        self.inner.rename(from, to)
    }
    fn replace(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
        self.inner.replace(from, to)
    }
    fn remove(&self, at: &TargetPath) -> Result<()> {
        self.inner.remove(at)
    }
    fn remove_directory(&self, at: &TargetPath) -> Result<()> {
        self.inner.remove_directory(at)
    }
    fn sync_files(&self, files: &[TargetPath]) -> Result<bool> {
        self.inner.sync_files(files)
    }
    fn free_space(&self, _: &Path) -> Result<FreeSpace> {
        let free_bytes = self.free_bytes.load(Ordering::Relaxed);
        Ok(FreeSpace {
            device: 1,
            free_bytes,
        })
    }
    fn sync_directory(&self, at: &TargetPath) -> Result<()> {
        self.inner.sync_directory(at)
    }
}

#[test]
fn without_room_nothing_is_begun() {
    let two = over();
    let old = tree(&two.target());
    let error = restore_on(&two, &SmallDisk::new(5_000, false), &RestoreOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("5000 are free"), "{error}");
    assert!(error.hint().unwrap().contains("free_old_files_first"));
    assert_same(&tree(&two.target()), &old, "without room");
    // Kept files need no room.
    let keep = RestoreOptions::default().with_mode(RestoreMode::VerifyChecksum);
    restore_on(&two, &SmallDisk::new(5_000, false), &keep).unwrap();
    two.assert_restored(1, "with little room");
    // An empty target has nothing to be freed.
    let two = TwoStates::new();
    let free_first = RestoreOptions::default().with_free_old_files_first(true);
    let error = restore_on(&two, &SmallDisk::new(5_000, false), &free_first).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(!error.to_string().contains("beside the old ones"), "{error}");
    assert!(error.hint().unwrap().contains("restore to another disk"));
}

#[test]
fn a_disk_that_runs_full_leaves_the_old_database() {
    let two = over();
    let old = tree(&two.target());
    let error = restore_on(&two, &SmallDisk::new(50_000, true), &RestoreOptions::default()).unwrap_err();
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
    let report = restore_on(&two, &SmallDisk::new(5_000, false), &options).unwrap();
    assert!(report.restored && report.files_moved_away > 0);
    two.assert_restored_with(1, "README", "in the room of the old one");
    // With room for both, the old one stays until the new one is there.
    let error = restore_on(&two, &SmallDisk::new(50_000, true), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    two.assert_restored_with(1, "README", "still there");
}

#[test]
fn once_the_old_database_is_gone_only_a_restore_helps() {
    let options = RestoreOptions::default().with_free_old_files_first(true);
    let two = over();
    let error = restore_on(&two, &SmallDisk::new(5_000, true), &options).unwrap_err();
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
