//! Making the content of files durable: all of them by one call, or one by one.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

use rustix::fs::{Mode, OFlags};

use super::file_system;
use super::tree::Tree;
use crate::Key;
use crate::disk::unavailable::is_unavailable;
use crate::parallel::run_bounded;
use crate::{Error, IoContext, Result};

/// Up to so many files are synced one by one. On ext4, 4 new files of 64 KiB took 8 ms so and 1 ms by `syncfs`, 64 took
/// 214 ms and 8 ms; but `syncfs` also waits for what everybody else has written.
const FEW: usize = 8;

/// So many files are synced at the same time where each is synced by itself: a journal commits what waits together. In
/// memory nothing waits.
const AT_ONCE: usize = 8;

/// How the content of many files is made durable. RocksDB syncs each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SyncMethod {
    /// Few files one by one, many by one `syncfs`, where the file system is trusted to report what it could not write.
    #[default]
    Auto,
    /// By one `syncfs` however few they are, where the file system is trusted with it.
    Syncfs,
    /// One by one always: for file systems where `syncfs` would wait for a busy neighbour's data, too.
    Files,
}

impl SyncMethod {
    fn wants_syncfs(self, files: usize) -> bool {
        match self {
            SyncMethod::Auto => files > FEW,
            SyncMethod::Syncfs => files > 0,
            SyncMethod::Files => false,
        }
    }
}

/// The file system of a root, held open from before the first write.
#[derive(Debug)]
pub(crate) struct FileSystem {
    root: OwnedFd,
    device: u64,
    syncfs: bool,
    /// How many files are synced at the same time, each by itself.
    at_once: usize,
}

/// A file that is to be synced.
#[derive(Debug)]
pub(crate) struct Unsynced<'k> {
    pub(crate) key: &'k Key,
    /// The descriptor that wrote it.
    pub(crate) open: Option<File>,
    /// The file system that it is on, where that is known.
    pub(crate) device: Option<u64>,
}

/// What became of the content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Synced {
    Durable,
    Failed,
}

impl FileSystem {
    pub(crate) fn open(tree: &Tree) -> Result<Self> {
        let root = tree.open_root()?;
        let stat = rustix::fs::fstat(&root).context("looking at", tree.root_path())?;
        Ok(FileSystem {
            device: stat.st_dev,
            at_once: if file_system::has_no_disk(&root) {
                1
            } else {
                AT_ONCE
            },
            syncfs: file_system::trusts_syncfs(&root) && lets_syncfs_through(&root),
            root,
        })
    }

    /// Whether many files are made durable by one call.
    pub(crate) fn has_syncfs(&self, method: SyncMethod) -> bool {
        self.syncfs && method.wants_syncfs(usize::MAX)
    }

    /// Makes files durable, and tells `record` of each what became of it; whether the names are durable, too.
    pub(crate) fn sync(
        &self,
        tree: &Tree,
        method: SyncMethod,
        files: Vec<Unsynced<'_>>,
        record: impl Fn(&Key, Synced) + Sync,
    ) -> Result<bool> {
        if !method.wants_syncfs(files.len()) || !self.syncfs || !self.has_all(tree, &files)? {
            return sync_each(tree, self.at_once, files, record).map(|()| false);
        }
        let synced = rustix::fs::syncfs(&self.root).context("syncing", tree.root_path());
        for file in &files {
            record(file.key, Synced::of(&synced));
        }
        synced.map(|()| true)
    }

    /// Whether all files are on this file system, and not on one that is mounted below.
    fn has_all(&self, tree: &Tree, files: &[Unsynced<'_>]) -> Result<bool> {
        for file in files {
            let device = match file.device {
                Some(device) => device,
                None => device_of(tree, file.key)?,
            };
            if device != self.device {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Synced {
    fn of<T>(outcome: &Result<T>) -> Self {
        match outcome {
            Ok(_) => Synced::Durable,
            Err(_) => Synced::Failed,
        }
    }
}

/// After the first error no further file is begun.
fn sync_each(
    tree: &Tree,
    at_once: usize,
    files: Vec<Unsynced<'_>>,
    record: impl Fn(&Key, Synced) + Sync,
) -> Result<()> {
    run_bounded(at_once, files, |file| sync_one(tree, file, &record)).map(drop)
}

fn sync_one(tree: &Tree, file: Unsynced<'_>, record: &impl Fn(&Key, Synced)) -> Result<()> {
    let opened = match file.open {
        Some(opened) => opened,
        None => reopen(tree, file.key)?,
    };
    let synced = rustix::fs::fdatasync(&opened).context("syncing", &tree.path(Some(file.key)));
    record(file.key, Synced::of(&synced));
    synced
}

/// Whether the call is to be had: a filter may deny it, to all of this process. Asked before the first write with a descriptor
/// that nothing can be synced by, to which the kernel itself answers `EBADF`.
fn lets_syncfs_through(root: &OwnedFd) -> bool {
    static LETS_THROUGH: OnceLock<bool> = OnceLock::new();
    *LETS_THROUGH.get_or_init(|| {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let asked = rustix::fs::openat(root, ".", flags, Mode::empty()).and_then(rustix::fs::syncfs);
        !asked.is_err_and(is_unavailable)
    })
}

fn device_of(tree: &Tree, key: &Key) -> Result<u64> {
    let place = tree.find_place(key)?.ok_or_else(|| missing(key))?;
    let stat = place.look_at_file()?.ok_or_else(|| missing(key))?;
    Ok(stat.st_dev)
}

fn reopen(tree: &Tree, key: &Key) -> Result<File> {
    let place = tree.find_place(key)?.ok_or_else(|| missing(key))?;
    place.open(OFlags::RDONLY)?.ok_or_else(|| missing(key))
}

fn missing(key: &Key) -> Error {
    Error::not_found(format!("{key} is not there"))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn the_method_decides_by_the_number_of_files() {
        let wants = |method: SyncMethod| [0, 1, FEW, FEW + 1].map(|files| method.wants_syncfs(files));
        assert_eq!(wants(SyncMethod::Auto), [false, false, false, true]);
        assert_eq!(wants(SyncMethod::Syncfs), [false, true, true, true]);
        assert_eq!(wants(SyncMethod::Files), [false; 4]);
    }

    #[test]
    fn every_sync_method_syncs_every_file() {
        let directory = tempfile::tempdir().unwrap();
        let tree = Tree::new(directory.path().to_owned());
        let file_system = FileSystem::open(&tree).unwrap();
        let keys: Vec<Key> = (0..50).map(|n| Key::trusted(format!("{n}"))).collect();
        for key in &keys {
            std::fs::write(directory.path().join(key.as_str()), "x").unwrap();
        }
        let files = || {
            let unsynced = |key| Unsynced {
                key,
                open: None,
                device: None,
            };
            keys.iter().map(unsynced).collect::<Vec<_>>()
        };
        for method in [SyncMethod::Auto, SyncMethod::Syncfs, SyncMethod::Files] {
            let durable = Mutex::new(Vec::new());
            let names = file_system.sync(&tree, method, files(), |key, synced| {
                assert_eq!(synced, Synced::Durable);
                durable.lock().unwrap().push(key.clone());
            });
            assert_eq!(names.unwrap(), method != SyncMethod::Files && file_system.syncfs);
            let mut durable = durable.into_inner().unwrap();
            durable.sort_by_key(|key| keys.iter().position(|k| k == key));
            assert_eq!(durable, keys);
        }
        std::fs::remove_file(directory.path().join("49")).unwrap();
        for method in [SyncMethod::Syncfs, SyncMethod::Files] {
            let error = file_system.sync(&tree, method, files(), |_, _| {}).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::NotFound);
        }
    }
}
