//! The files in a repository: each directory is listed once, when something in it is first asked for.

use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock, PoisonError};

use stonekeep_format::BackupId;
use stonekeep_format::backup_name::RepoPath;

use super::catalog::{self, Listing};
use super::expected_sizes::ExpectedSizes;
use super::facts::BackupFacts;
use super::file_check;
use super::layout;
use super::loaded_meta::LoadedMeta;
use super::stored_files::{PrivateFiles, StoredEntry, StoredFiles};
use crate::parallel::thread_or_none;
use crate::store::{Entry, Store};
use crate::sync::{Builder, JoinHandle, Mutex, MutexGuard};
use crate::{Finding, Result};

/// The listings of one run. They do not change: a later look takes a new index.
///
/// An error of a listing is not kept; the next question lists again.
#[derive(Debug)]
pub struct RepositoryIndex<'a> {
    store: &'a Store,
    root: OnceLock<Option<Vec<Entry>>>,
    backups: OnceLock<Listing>,
    private: OnceLock<Vec<Entry>>,
    all_private: OnceLock<Option<PrivateFiles>>,
    shared: OnceLock<StoredFiles>,
    /// The thread that lists the shared files.
    listing: Mutex<Option<JoinHandle<Result<StoredFiles>>>>,
    /// The private directory that was asked for last: the files of a backup are asked for together.
    private_files: Mutex<Option<(BackupId, Arc<StoredFiles>)>>,
}

impl<'a> RepositoryIndex<'a> {
    /// An index of this repository. Nothing is listed yet.
    pub fn new(store: &'a Store) -> Self {
        RepositoryIndex {
            store,
            root: OnceLock::new(),
            backups: OnceLock::new(),
            private: OnceLock::new(),
            all_private: OnceLock::new(),
            shared: OnceLock::new(),
            listing: Mutex::new(None),
            private_files: Mutex::new(None),
        }
    }

    /// The store of the repository.
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// The entries of the root; `None` if the root does not exist.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn root(&self) -> Result<Option<&[Entry]>> {
        let list = || {
            let entries = self.store.list(None)?;
            let is_there = !entries.is_empty() || self.store.exists()?;
            Ok(is_there.then_some(entries))
        };
        Ok(once(&self.root, list)?.as_deref())
    }

    /// The backups, oldest first, and the unknown names in `meta/`.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn backups(&self) -> Result<&Listing> {
        once(&self.backups, || catalog::list(self.store))
    }

    /// The length of the meta file of this backup: `None` if there is no such backup.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn meta_size(&self, id: BackupId) -> Result<Option<u64>> {
        if !self.store.traits().lists {
            return Ok(self.store.stat(&layout::meta(id))?.map(|stat| stat.size_bytes));
        }
        Ok(self.backups()?.version(id).map(|version| version.size_bytes()))
    }

    /// The entries of `private/`.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn private(&self) -> Result<&[Entry]> {
        let list = || self.store.list(Some(&layout::private_directory()));
        Ok(once(&self.private, list)?)
    }

    /// The private files of all backups, where one listing has them all.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn all_private(&self) -> Result<Option<&PrivateFiles>> {
        let list = || {
            let listed = StoredFiles::all_private(self.store)?;
            Ok(listed.map(|(files, entries)| {
                self.private.get_or_init(|| entries);
                files
            }))
        };
        Ok(once(&self.all_private, list)?.as_ref())
    }

    /// The files in `shared/` and `shared_checksum/`.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn shared(&self) -> Result<&StoredFiles> {
        if let Some(shared) = self.shared.get() {
            return Ok(shared);
        }
        let mut listing = lock(&self.listing);
        once(&self.shared, || match listing.take() {
            Some(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            None => list_shared(self.store),
        })
    }

    /// Begins to list the shared files on a second thread, unless they are listed already. The first question for one of
    /// them waits for the thread, and returns its error.
    pub fn begin_listing(&self) {
        if !self.store.traits().lists {
            return;
        }
        let mut listing = lock(&self.listing);
        if self.shared.get().is_none() && listing.is_none() {
            let store = self.store.clone();
            *listing = thread_or_none(Builder::new().spawn(move || list_shared(&store)));
        }
    }

    /// What is stored under this path: `None` if there is nothing. Where nothing can be listed, each question is a request.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn get(&self, path: &RepoPath) -> Result<Option<StoredEntry>> {
        if !self.store.traits().lists {
            let stat = self.store.stat(&layout::file(path)?)?;
            return Ok(stat.map(|stat| StoredEntry::file(stat.size_bytes)));
        }
        match path {
            RepoPath::Private(name) => Ok(self.private_files(name.backup())?.get(path)),
            RepoPath::Shared(_) | RepoPath::SharedChecksum(_) => Ok(self.shared()?.get(path)),
        }
    }

    /// Everything that is wrong with the files of this backup. Excluded files are not checked.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn findings(&self, loaded: &LoadedMeta, facts: Option<&BackupFacts>) -> Result<Vec<Finding>> {
        let sizes = ExpectedSizes::read(self.store, loaded, facts)?;
        file_check::findings(&loaded.meta.files, &sizes, |path| self.get(path))
    }

    fn private_files(&self, id: BackupId) -> Result<Arc<StoredFiles>> {
        if let Some(Some(all)) = self.all_private.get() {
            return Ok(all.files());
        }
        let mut last = lock(&self.private_files);
        if let Some((_, files)) = last.as_ref().filter(|(of, _)| *of == id) {
            return Ok(Arc::clone(files));
        }
        let listed = StoredFiles::list(self.store, &[layout::private(id)])?;
        let files = Arc::new(listed);
        *last = Some((id, Arc::clone(&files)));
        Ok(files)
    }
}

impl Drop for RepositoryIndex<'_> {
    /// No thread reads the store after the run.
    fn drop(&mut self) {
        if let Some(thread) = lock(&self.listing).take() {
            drop(thread.join());
        }
    }
}

fn list_shared(store: &Store) -> Result<StoredFiles> {
    let directories = [layout::shared_directory(), layout::shared_checksum_directory()];
    StoredFiles::list(store, &directories)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The value of a cell that is filled when it is first asked for.
fn once<T>(cell: &OnceLock<T>, fill: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = fill()?;
    Ok(cell.get_or_init(|| value))
}

#[cfg(all(test, shuttle))]
mod interleaved;
