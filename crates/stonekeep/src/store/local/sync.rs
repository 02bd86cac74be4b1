//! Making files and names survive a power failure.
//!
//! # Content
//! Two ways, chosen batch by batch:
//! - Few files: `fdatasync` of each. The descriptor is the one that wrote the file, kept open since it was staged
//!   (for at most [`KEPT_OPEN`] files), because the kernel reports a failed write-back to descriptors that were open
//!   then, and forgets it with an inode that nobody has open. Then each directory up to the root is synced.
//! - Many files, where [`file_system::trusts_syncfs`]: one `syncfs`, which writes back every page and every
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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::file_system;
use super::tree::Tree;
use crate::store::Key;
use crate::{Error, IoContext, Result, Warning};

/// Up to so many files are synced one by one. On ext4, 4 new files of 64 KiB took 8 ms so and 1 ms by `syncfs`, 64 took
/// 214 ms and 8 ms; but `syncfs` also waits for what everybody else has written.
const FEW: usize = 8;

/// So many written files are kept open until they are synced.
const KEPT_OPEN: usize = 64;

/// What is known of a staged file.
#[derive(Debug)]
enum State {
    /// Written here, not synced; the descriptor that wrote it, unless too many are open.
    Written(Option<File>),
    /// Its content is durable.
    Durable,
    /// A sync of it failed.
    Failed,
}

/// The file system of the root, held open from before the first write.
#[derive(Debug)]
struct FileSystem {
    root: OwnedFd,
    device: u64,
    syncfs: bool,
}

/// What has been synced, and what could not be.
#[derive(Debug, Default)]
pub(super) struct Syncs(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    file_system: Option<Arc<FileSystem>>,
    staged: HashMap<Key, State>,
    open: usize,
    warning: Option<Warning>,
}

impl Syncs {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called before anything is written.
    pub(super) fn begin(&self, tree: &Tree) -> Result<()> {
        self.file_system(tree).map(drop)
    }

    fn file_system(&self, tree: &Tree) -> Result<Arc<FileSystem>> {
        let mut book = self.book();
        if let Some(file_system) = &book.file_system {
            return Ok(file_system.clone());
        }
        let root = tree.open_root()?;
        let stat = rustix::fs::fstat(&root).context("looking at", tree.root_path())?;
        let file_system = Arc::new(FileSystem {
            device: stat.st_dev,
            syncfs: file_system::trusts_syncfs(&root),
            root,
        });
        book.file_system = Some(file_system.clone());
        Ok(file_system)
    }

    /// A staged file has been written anew.
    pub(super) fn written(&self, place: Key, file: File) {
        let mut book = self.book();
        book.forget(&place);
        let kept = (book.open < KEPT_OPEN).then_some(file);
        book.open += usize::from(kept.is_some());
        book.staged.insert(place, State::Written(kept));
    }

    /// A staged file is none any more.
    pub(super) fn forget(&self, place: &Key) {
        self.book().forget(place);
    }

    /// The files of an area are none any more.
    pub(super) fn forget_below(&self, directory: &Key) {
        let prefix = format!("{directory}/");
        let mut book = self.book();
        let gone: Vec<Key> = book.staged.keys().cloned().collect();
        for place in gone.iter().filter(|place| place.as_str().starts_with(&prefix)) {
            book.forget(place);
        }
    }

    /// Makes the content of staged files durable, those excepted that are; whether the names are durable, too.
    pub(super) fn sync_staged(&self, tree: &Tree, places: &[Key]) -> Result<bool> {
        let mut files = Vec::new();
        for place in places {
            let mut book = self.book();
            match book.staged.get_mut(place) {
                Some(State::Durable) => continue,
                Some(State::Failed) => return Err(failed_before(place)),
                Some(State::Written(open)) => {
                    let open = open.take();
                    book.open -= usize::from(open.is_some());
                    files.push((place, open));
                }
                None => files.push((place, None)),
            }
        }
        self.sync_content(tree, files, |places, state| {
            let mut book = self.book();
            for &place in places {
                book.staged.insert(place.clone(), state());
            }
        })
    }

    /// Makes the content of visible files durable; whether the names are durable, too.
    pub(super) fn sync_visible(&self, tree: &Tree, keys: &[Key]) -> Result<bool> {
        let files = keys.iter().map(|key| (key, None)).collect();
        self.sync_content(tree, files, |_, _| {})
    }

    fn sync_content(
        &self,
        tree: &Tree,
        files: Vec<(&Key, Option<File>)>,
        record: impl Fn(&[&Key], fn() -> State),
    ) -> Result<bool> {
        let file_system = self.file_system(tree)?;
        let keys: Vec<&Key> = files.iter().map(|(key, _)| *key).collect();
        if keys.len() > FEW && file_system.syncfs && all_on_device(tree, &keys, file_system.device)? {
            let synced = rustix::fs::syncfs(&file_system.root).context("syncing", tree.root_path());
            record(
                &keys,
                if synced.is_ok() {
                    || State::Durable
                } else {
                    || State::Failed
                },
            );
            return synced.map(|()| true);
        }
        for (key, open) in files {
            let file = match open {
                Some(file) => file,
                None => reopen(tree, key)?,
            };
            let synced = rustix::fs::fdatasync(&file).context("syncing", &tree.path(Some(key)));
            record(
                &[key],
                if synced.is_ok() {
                    || State::Durable
                } else {
                    || State::Failed
                },
            );
            synced?;
        }
        Ok(false)
    }

    /// Makes the names in these directories durable, and those directories' own names up to the root.
    pub(super) fn sync_names_upwards(&self, tree: &Tree, directories: &[Option<Key>]) -> Result<()> {
        let mut all: BTreeSet<Option<Key>> = BTreeSet::from([None]);
        for directory in directories {
            let mut next = directory.clone();
            while let Some(key) = next {
                next = key.parent();
                all.insert(Some(key));
            }
        }
        // In the order of keys, a directory stands before those inside it.
        all.iter()
            .rev()
            .try_for_each(|directory| self.sync_names(tree, directory.as_ref()))
    }

    /// Makes the names directly in a directory durable; if that is gone, those in the one above, where its name was.
    pub(super) fn sync_names(&self, tree: &Tree, directory: Option<&Key>) -> Result<()> {
        match (tree.find(directory)?, directory) {
            (Some(opened), _) => self.sync_directory(&tree.path(directory), &opened),
            (None, Some(missing)) => self.sync_names(tree, missing.parent().as_ref()),
            (None, None) => Ok(()),
        }
    }

    /// Makes the names in an open directory durable.
    pub(super) fn sync_directory(&self, path: &Path, opened: &OwnedFd) -> Result<()> {
        match rustix::fs::fsync(opened) {
            Err(errno @ (Errno::INVAL | Errno::NOTSUP | Errno::NOSYS)) => {
                self.book().warning.get_or_insert_with(|| {
                    Warning::about(
                        path.display().to_string(),
                        format!("the file system cannot sync a directory ({errno}): names may be lost in a power failure"),
                    )
                });
                Ok(())
            }
            synced => synced.context("syncing the directory", path),
        }
    }

    pub(super) fn warning(&self) -> Option<Warning> {
        self.book().warning.clone()
    }
}

impl Book {
    fn forget(&mut self, place: &Key) {
        if let Some(State::Written(Some(_))) = self.staged.remove(place) {
            self.open -= 1;
        }
    }
}

fn failed_before(place: &Key) -> Error {
    let message = format!("{place} could not be made durable before, and has to be written again");
    Error::new(crate::ErrorKind::Io, message)
}

fn all_on_device(tree: &Tree, keys: &[&Key], device: u64) -> Result<bool> {
    for key in keys {
        let place = tree.find_place(key)?.ok_or_else(|| missing(key))?;
        let stat = place.look_at_file()?.ok_or_else(|| missing(key))?;
        if stat.st_dev != device {
            return Ok(false);
        }
    }
    Ok(true)
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
    use super::*;

    fn tree() -> (tempfile::TempDir, Tree) {
        let directory = tempfile::tempdir().unwrap();
        let tree = Tree::new(directory.path().to_owned());
        (directory, tree)
    }

    #[test]
    fn a_file_that_could_not_be_synced_is_not_tried_again() {
        let (_directory, tree) = tree();
        let place = Key::trusted("stonekeep/tmp/1/a");
        let syncs = Syncs::default();
        // A pipe cannot be synced.
        let (_reader, writer) = std::io::pipe().unwrap();
        syncs.written(place.clone(), File::from(OwnedFd::from(writer)));
        let places = [place.clone()];
        let error = syncs.sync_staged(&tree, &places).unwrap_err();
        assert_eq!(error.io_kind(), Some(std::io::ErrorKind::InvalidInput));
        let again = syncs.sync_staged(&tree, &places).unwrap_err();
        assert!(again.to_string().contains("has to be written again"), "{again}");

        syncs.written(place, tempfile::tempfile().unwrap());
        assert!(!syncs.sync_staged(&tree, &places).unwrap());
    }

    #[test]
    fn a_synced_file_is_not_synced_once_more() {
        let (_directory, tree) = tree();
        let place = Key::trusted("stonekeep/tmp/1/a");
        let syncs = Syncs::default();
        syncs.written(place.clone(), tempfile::tempfile().unwrap());
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
            syncs.written(key(n), tempfile::tempfile().unwrap());
        }
        assert_eq!(syncs.book().open, KEPT_OPEN);
        syncs.written(key(3), tempfile::tempfile().unwrap());
        assert_eq!(syncs.book().open, KEPT_OPEN);
        syncs.forget(&key(KEPT_OPEN));
        syncs.forget(&key(0));
        assert_eq!(syncs.book().open, KEPT_OPEN - 1);
        syncs.forget_below(&Key::trusted("stonekeep/tmp/1"));
        assert_eq!(syncs.book().open, 0);
        assert!(syncs.book().staged.is_empty());
    }

    #[test]
    fn a_directory_that_cannot_be_synced_is_told() {
        let syncs = Syncs::default();
        let proc = OwnedFd::from(File::open("/proc").unwrap());
        syncs.sync_directory(Path::new("/proc"), &proc).unwrap();
        assert_eq!(syncs.warning().unwrap().about.as_deref(), Some("/proc"));
    }
}
