//! Making files and names survive a power failure.
//!
//! # Content
//! Two ways, chosen batch by batch, or by a [`SyncMethod`]:
//! - Few files: `fdatasync` of each, some at the same time. The descriptor is the one that wrote the file, kept open since it was staged
//!   (for at most [`KEPT_OPEN`] files), because the kernel reports a failed write-back to descriptors that were open
//!   then, and forgets it with an inode that nobody has open. Then each directory up to the root is synced.
//! - Many files, where [`super::file_system::trusts_syncfs`]: one `syncfs`, which writes back every page and every
//!   directory of the file system and waits, in one journal commit instead of one for each file. It reports failures
//!   since the descriptor that it is called on was opened, and that one is opened before the first write. Files that
//!   turn out to lie on another file system, behind a mount point, are synced one by one.
//!
//! A failed sync is an error of the run. It is never repeated on the same file: the kernel has marked its pages
//! clean by then, so that a second sync would find nothing to write and succeed. [`Syncs`] remembers such files, and
//! lets none of them be synced or published until they are staged again.
//!
//! # Names
//! Directories are synced from the innermost to the root, since each of them may be new. Some file systems cannot
//! sync a directory (`EINVAL`, `ENOTSUP`); that is told once as a warning.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use foldhash::fast::RandomState;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::descent::Descent;
use super::flush::{FileSystem, SyncMethod, Synced, Unsynced};
use super::tree::Tree;
use crate::Key;
use crate::{Error, IoContext, Result, Warning, WarningName};

/// So many written files are kept open until they are synced, where the process may open enough files.
const KEPT_OPEN: usize = 64;

/// Of the files that the process may open, a part of this size: others are open as well.
const PART_KEPT_OPEN: u64 = 8;

/// A file that has just been written.
#[derive(Debug)]
pub(crate) struct Written {
    /// The descriptor that wrote it.
    pub(crate) file: File,
    pub(crate) size_bytes: u64,
    /// The file system that it is on.
    pub(crate) device: u64,
}

/// What is known of a staged file.
#[derive(Debug)]
enum State {
    /// Written here, not synced; the descriptor that wrote it, unless too many are open.
    Written { open: Option<File>, device: u64 },
    /// Its content is durable.
    Durable,
    /// A sync of it failed.
    Failed,
}

/// What has been synced, and what could not be.
#[derive(Debug, Default)]
pub(crate) struct Syncs {
    method: SyncMethod,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    file_system: Option<Arc<FileSystem>>,
    staged: HashMap<Key, State, RandomState>,
    open: usize,
    warning: Option<Warning>,
}

impl Syncs {
    pub(crate) fn new(method: SyncMethod) -> Self {
        Syncs {
            method,
            book: Mutex::default(),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called before anything is written.
    pub(crate) fn begin(&self, tree: &Tree) -> Result<()> {
        self.file_system(tree).map(drop)
    }

    fn file_system(&self, tree: &Tree) -> Result<Arc<FileSystem>> {
        let mut book = self.book();
        if let Some(file_system) = &book.file_system {
            return Ok(file_system.clone());
        }
        let file_system = Arc::new(FileSystem::open(tree)?);
        book.file_system = Some(file_system.clone());
        Ok(file_system)
    }

    /// Whether each file is synced by itself, however many there are.
    pub(crate) fn syncs_each(&self, tree: &Tree) -> Result<bool> {
        Ok(!self.file_system(tree)?.has_syncfs(self.method))
    }

    /// A staged file has been written anew.
    pub(crate) fn written(&self, place: Key, written: Written) {
        let Written { file, device, .. } = written;
        let mut file = Some(file);
        let mut book = self.book();
        book.forget(&place);
        let open = if book.open < most_open() {
            file.take()
        } else {
            None
        };
        book.open += usize::from(open.is_some());
        book.staged.insert(place, State::Written { open, device });
        // Closing takes a while, in which nobody should have to wait for the book.
        drop(book);
    }

    /// A staged file is none any more.
    pub(crate) fn forget(&self, place: &Key) {
        self.book().forget(place);
    }

    /// The files of an area are none any more.
    pub(crate) fn forget_below(&self, directory: &Key) {
        let prefix = format!("{directory}/");
        let mut book = self.book();
        let Book { staged, open, .. } = &mut *book;
        staged.retain(|place, state| {
            let is_gone = place.as_str().starts_with(&prefix);
            if is_gone && matches!(state, State::Written { open: Some(_), .. }) {
                *open -= 1;
            }
            !is_gone
        });
    }

    /// Makes the content of staged files durable, those excepted that are; whether the names are durable, too.
    pub(crate) fn sync_staged(&self, tree: &Tree, places: &[Key]) -> Result<bool> {
        let mut files = Vec::new();
        let mut book = self.book();
        for key in places {
            let (open, device) = match book.staged.get_mut(key) {
                Some(State::Durable) => continue,
                Some(State::Failed) => return Err(failed_before(key)),
                Some(State::Written { open, device }) => {
                    let (open, device) = (open.take(), *device);
                    book.open -= usize::from(open.is_some());
                    (open, Some(device))
                }
                None => (None, None),
            };
            files.push(Unsynced { key, open, device });
        }
        drop(book);
        self.file_system(tree)?
            .sync(tree, self.method, files, |place, synced| {
                let state = match synced {
                    Synced::Durable => State::Durable,
                    Synced::Failed => State::Failed,
                };
                let mut book = self.book();
                match book.staged.get_mut(place) {
                    Some(known) => *known = state,
                    None => drop(book.staged.insert(place.clone(), state)),
                }
            })
    }

    /// Makes the content of visible files durable; whether the names are durable, too.
    pub(crate) fn sync_visible(&self, tree: &Tree, keys: &[Key]) -> Result<bool> {
        let unsynced = |key| Unsynced {
            key,
            open: None,
            device: None,
        };
        let files = keys.iter().map(unsynced).collect();
        self.file_system(tree)?.sync(tree, self.method, files, |_, _| {})
    }

    /// Makes the names in these directories durable, and those directories' own names up to the root.
    pub(crate) fn sync_names_upwards(&self, tree: &Tree, directories: &[Option<&str>]) -> Result<()> {
        let mut all: BTreeSet<Option<Key>> = BTreeSet::from([None]);
        for directory in directories {
            let mut next = directory.map(Key::trusted);
            while let Some(key) = next {
                next = key.parent();
                all.insert(Some(key));
            }
        }
        let Some(mut descent) = Descent::begin(tree)? else {
            return Ok(());
        };
        // In the order of keys, a directory stands before those inside it.
        for directory in all.iter().rev().map(Option::as_ref) {
            if let Some(opened) = descent.to(directory)? {
                self.sync_directory(&tree.path(directory), opened)?;
            }
        }
        Ok(())
    }

    /// Makes the names directly in a directory durable; if that is gone, those in the one above, where its name was.
    pub(crate) fn sync_names(&self, tree: &Tree, directory: Option<&Key>) -> Result<()> {
        match (tree.find(directory)?, directory) {
            (Some(opened), _) => self.sync_directory(&tree.path(directory), &opened),
            (None, Some(missing)) => self.sync_names(tree, missing.parent().as_ref()),
            (None, None) => Ok(()),
        }
    }

    /// Makes the names in an open directory durable.
    pub(crate) fn sync_directory(&self, path: &Path, opened: &OwnedFd) -> Result<()> {
        match rustix::fs::fsync(opened) {
            Err(errno @ (Errno::INVAL | Errno::NOTSUP | Errno::NOSYS)) => {
                self.book().warning.get_or_insert_with(|| {
                    Warning::about(WarningName::FileSystem,
                        path.display().to_string(),
                        format!("the file system cannot sync a directory ({errno}): names may be lost in a power failure"),
                    )
                });
                Ok(())
            }
            synced => synced.context("syncing the directory", path),
        }
    }

    pub(crate) fn warning(&self) -> Option<Warning> {
        self.book().warning.clone()
    }
}

fn most_open() -> usize {
    static MOST: OnceLock<usize> = OnceLock::new();
    *MOST.get_or_init(|| {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        usize::try_from(limit / PART_KEPT_OPEN).map_or(KEPT_OPEN, |part| part.min(KEPT_OPEN))
    })
}

impl Book {
    fn forget(&mut self, place: &Key) {
        if let Some(State::Written { open: Some(_), .. }) = self.staged.remove(place) {
            self.open -= 1;
        }
    }
}

fn failed_before(place: &Key) -> Error {
    let message = format!("{place} could not be made durable before, and has to be written again");
    Error::new(crate::ErrorKind::Io, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, Tree) {
        let directory = tempfile::tempdir().unwrap();
        let tree = Tree::new(directory.path().to_owned());
        (directory, tree)
    }

    fn written(file: impl Into<File>) -> Written {
        Written {
            file: file.into(),
            size_bytes: 0,
            device: 0,
        }
    }

    #[test]
    fn a_file_that_could_not_be_synced_is_not_tried_again() {
        let (_directory, tree) = tree();
        let place = Key::trusted("stonekeep/tmp/1/a");
        let syncs = Syncs::default();
        // A pipe cannot be synced.
        let (_reader, writer) = std::io::pipe().unwrap();
        syncs.written(place.clone(), written(OwnedFd::from(writer)));
        let places = [place.clone()];
        let error = syncs.sync_staged(&tree, &places).unwrap_err();
        assert_eq!(error.io_kind(), Some(std::io::ErrorKind::InvalidInput));
        let again = syncs.sync_staged(&tree, &places).unwrap_err();
        assert!(again.to_string().contains("has to be written again"), "{again}");

        syncs.written(place, written(tempfile::tempfile().unwrap()));
        assert!(!syncs.sync_staged(&tree, &places).unwrap());
    }

    #[test]
    fn a_synced_file_is_not_synced_once_more() {
        let (_directory, tree) = tree();
        let place = Key::trusted("stonekeep/tmp/1/a");
        let syncs = Syncs::default();
        syncs.written(place.clone(), written(tempfile::tempfile().unwrap()));
        let places = [place];
        syncs.sync_staged(&tree, &places).unwrap();
        // Else the name would be looked for, and there is none.
        syncs.sync_staged(&tree, &places).unwrap();
        syncs.forget(&places[0]);
        assert!(syncs.sync_staged(&tree, &places).is_err());
    }

    #[test]
    fn kept_descriptors_are_counted() {
        let syncs = Syncs::default();
        let key = |n: usize| Key::trusted(format!("stonekeep/tmp/1/{n}"));
        for n in 0..=KEPT_OPEN {
            syncs.written(key(n), written(tempfile::tempfile().unwrap()));
        }
        assert_eq!(syncs.book().open, KEPT_OPEN);
        syncs.written(key(3), written(tempfile::tempfile().unwrap()));
        assert_eq!(syncs.book().open, KEPT_OPEN);
        syncs.forget(&key(KEPT_OPEN));
        syncs.forget(&key(0));
        assert_eq!(syncs.book().open, KEPT_OPEN - 1);
        syncs.forget_below(&Key::trusted("stonekeep/tmp/1"));
        assert_eq!(syncs.book().open, 0);
        assert!(syncs.book().staged.is_empty());
    }

    #[test]
    fn a_directory_that_cannot_be_synced_is_an_error() {
        let syncs = Syncs::default();
        let proc = OwnedFd::from(File::open("/proc").unwrap());
        syncs.sync_directory(Path::new("/proc"), &proc).unwrap();
        assert_eq!(syncs.warning().unwrap().about.as_deref(), Some("/proc"));
    }
}
