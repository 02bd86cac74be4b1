//! The LOCK of the database, which a process loses when it closes any descriptor of it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::churn;
use crate::handles::{Handle, MultiDb, Optimistic, SingleDb, Transactions};

/// How many locks this process has on this file.
fn locks(path: &Path) -> usize {
    let process = format!(" {} ", std::process::id());
    let inode = format!(":{} ", fs::metadata(path).unwrap().ino());
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let ours = locks.lines().filter(|lock| lock.contains(&process));
    ours.filter(|lock| lock.contains(&inode)).count()
}

fn the_lock_stays<H: Handle>() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("db");
    let handle = H::create(&churn::options(""), &path);
    assert_eq!(locks(&path.join("LOCK")), 1);
    churn::engine(&root.path().join("repo"))
        .create_new_backup(&handle)
        .unwrap();
    assert_eq!(locks(&path.join("LOCK")), 1);
}

#[test]
fn stays_with_the_process() {
    the_lock_stays::<SingleDb>();
    the_lock_stays::<MultiDb>();
    the_lock_stays::<Transactions>();
    the_lock_stays::<Optimistic>();
}
