//! A store in a local directory.
//!
//! Uploads are under `stonekeep/tmp/<area>/` in the same directory, so that publishing one is a rename; for mounts
//! inside the directory see `areas.rs`. What makes
//! them durable, and why that holds, stands in `sync.rs`; how links and strange files are kept out, in `tree.rs`; lock
//! and pins, in `lock.rs` and `pin.rs`.

mod across;
mod areas;
mod examine;
mod extend;
mod lock;
mod object;
mod other_door;
mod pin;
mod put;
mod root;

use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::{OFlags, StatVfs};

use self::areas::{Areas, is_hidden};
use self::object::LocalObject;
use super::contract::{Backend, Lease};
use super::promise::Promise;
use super::{
    Detail, Durability, Key, Leftover, LockWait, NotDeleted, Object, Parallelism, Persist, PinState, Place,
    Put, PutContent, PutMode, Room, Stat, Store, StoreTraits, SweptUploads, Upload, UploadSweep, Uploads,
    new_pin_name,
};
use crate::buffers::Buffers;
pub use crate::disk::SyncMethod;
use crate::disk::{Clones, Entry, FileSystems, Syncs, Tree, Written, file_system, listing, new_file, tree};
use crate::parallel::{movers_of, run_bounded};
use crate::{Clock, Error, IoContext, Result, SystemClock, Warning};

/// A store in a local directory. See the [module](self).
#[derive(Debug)]
pub struct LocalStore {
    place: Place,
    tree: Tree,
    areas: Areas,
    syncs: Syncs,
    clones: Clones,
    file_systems: FileSystems,
    buffers: Buffers,
    clock: Arc<dyn Clock>,
}

impl LocalStore {
    /// The store in this directory, which need not be there yet. A relative path is taken from the directory that the
    /// process is in now.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let path = std::path::absolute(&path).unwrap_or(path);
        let shown = path.display().to_string();
        LocalStore {
            place: Place {
                identity: format!("file:{shown}"),
                display: shown,
                directory: Some(path.clone()),
            },
            tree: Tree::of_repository(path),
            areas: Areas::default(),
            syncs: Syncs::default(),
            clones: Clones::default(),
            file_systems: FileSystems::default(),
            buffers: Buffers::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Copies through buffers of this size. Default: 128 KiB.
    #[must_use]
    pub fn with_buffer_bytes(mut self, buffer_bytes: NonZeroUsize) -> Self {
        self.buffers = Buffers::new(buffer_bytes);
        self
    }

    /// Makes files durable in this way.
    #[must_use]
    pub fn with_sync_method(mut self, method: SyncMethod) -> Self {
        self.syncs = Syncs::new(method);
        self
    }

    /// Waits for the lock, and tells the age of other machines' pins, by this clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// What the user should know of the file system: locks or syncs that nobody vouches for. `None` too while the
    /// root is missing.
    pub fn file_system_warning(&self) -> Option<Warning> {
        let root = self.tree.find(None).ok()??;
        file_system::warning(&root, &self.place.display)
    }

    fn open_file(&self, key: &Key) -> Result<Box<dyn Object>> {
        let missing = || Error::not_found(format!("{} is not there", self.tree.path(Some(key)).display()));
        let place = self.tree.find_place(key)?.ok_or_else(missing)?;
        let (file, stat) = place.open_and_look(OFlags::RDONLY)?.ok_or_else(missing)?;
        let reads = self.file_systems.reads(stat.st_dev);
        Ok(Box::new(LocalObject::new(file, &stat, reads)))
    }

    /// A file that has just been written.
    fn unsynced(&self, run: &str, key: &Key, place: Key, written: Written) -> Upload {
        let size_bytes = written.size_bytes;
        self.syncs.written(place, written);
        Upload {
            run: run.to_owned(),
            key: key.clone(),
            size_bytes,
        }
    }

    fn sync_parents<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) -> Result<()> {
        let mut directories: Vec<Option<&str>> = keys.into_iter().map(Key::directory).collect();
        // Most files are in the directory of the one before.
        directories.dedup();
        if directories.is_empty() {
            Ok(())
        } else {
            self.syncs.sync_names_upwards(&self.tree, &directories)
        }
    }
}

impl Backend for LocalStore {
    fn place(&self) -> &Place {
        &self.place
    }

    fn traits(&self) -> StoreTraits {
        StoreTraits {
            uploads: Uploads::Resumable,
            lists: true,
        }
    }

    fn parallelism(&self) -> Parallelism {
        self.parallelism_of_disk()
    }

    fn room(&self) -> Room {
        let root = self.tree.find(None).ok().flatten();
        let system = root.and_then(|root| rustix::fs::fstatvfs(root).ok());
        let free = |system: &StatVfs| system.f_bavail.saturating_mul(system.f_frsize);
        Room {
            bytes: system.as_ref().map(free),
            // Some file systems do not count them.
            files: system.filter(|it| it.f_files > 0).map(|it| it.f_favail),
        }
    }

    fn exists(&self) -> Result<bool> {
        self.root_exists()
    }

    fn create_root(&self, durability: Durability) -> Result<()> {
        self.make_root(durability)
    }

    fn limit_modes(&self, directory_mode: u32) {
        if let Some(making) = self.tree.making() {
            making.limit_modes(directory_mode);
        }
    }

    fn list(&self, directory: Option<&Key>, detail: Detail, each: &mut dyn FnMut(Entry)) -> Result<()> {
        let detail = match detail {
            Detail::Names | Detail::AsUploaded => listing::names,
            Detail::Sizes => listing::visit,
        };
        detail(&self.tree, directory, &mut |entry| {
            if !is_hidden(directory, &entry.name) {
                each(entry);
            }
        })
    }

    fn list_below(&self, _: &Key, _: &mut dyn FnMut(Key, Stat)) -> Result<bool> {
        Ok(false)
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        let Some(place) = self.tree.find_place(key)? else {
            return Ok(None);
        };
        let stat = place.look_at_file()?;
        Ok(stat.map(|stat| Stat {
            size_bytes: tree::size_bytes(&stat),
            modified: tree::modified(&stat),
        }))
    }

    fn open(&self, key: &Key) -> Result<Box<dyn Object>> {
        self.open_file(key)
    }

    fn put(
        &self,
        run: &str,
        key: &Key,
        content: PutContent<'_>,
        mode: PutMode,
        durability: Durability,
    ) -> Result<Put> {
        let put = match content {
            PutContent::Bytes(bytes) => self.put_bytes(run, key, bytes, mode, durability)?,
            PutContent::CopyOf(from) => self.put_copy(run, key, from, mode, durability)?,
        };
        if put == Put::Same && durability == Durability::Durable {
            self.persist(Persist::Files(std::slice::from_ref(key)))?;
        }
        Ok(put)
    }

    /// It dates its files itself.
    fn now(&self) -> Option<SystemTime> {
        None
    }

    fn record(&self, run: &str, name: &Key, content: &mut dyn Read) -> Result<Upload> {
        self.upload(run, name, content, 0, PutMode::Replace)
    }

    fn upload(
        &self,
        run: &str,
        key: &Key,
        content: &mut dyn Read,
        expected_bytes: u64,
        _: PutMode,
    ) -> Result<Upload> {
        let place = self.areas.place(&self.tree, run, key)?;
        self.syncs.begin(&self.tree)?;
        self.syncs.forget(&place);
        let written = new_file::write_new(&self.tree, &place, key, content, expected_bytes, &self.buffers)?;
        Ok(self.unsynced(run, key, place, written))
    }

    fn resume(
        &self,
        upload: &Upload,
        run: &str,
        content: &mut dyn Read,
        expected_bytes: u64,
    ) -> Result<Upload> {
        self.add_to(upload, run, content, expected_bytes)
    }

    fn upload_clone(&self, run: &str, key: &Key, source: &File, size_bytes: u64) -> Result<Option<Upload>> {
        let stat = rustix::fs::fstat(source).context("looking at what becomes", Path::new(key.as_str()))?;
        if tree::size_bytes(&stat) < size_bytes || !self.clones.may_share(stat.st_dev) {
            return Ok(None);
        }
        let place = self.areas.place(&self.tree, run, key)?;
        self.syncs.begin(&self.tree)?;
        self.syncs.forget(&place);
        let share = |new: &File| self.clones.share(source, stat.st_dev, new, size_bytes);
        let Some(written) = new_file::share_new(&self.tree, &place, size_bytes, share)? else {
            return Ok(None);
        };
        Ok(Some(self.unsynced(run, key, place, written)))
    }

    fn open_upload(&self, upload: &Upload) -> Result<Box<dyn Object>> {
        self.open_file(&self.areas.place(&self.tree, &upload.run, &upload.key)?)
    }

    fn finish(
        &self,
        uploads: Vec<(Upload, Key)>,
        mode: PutMode,
        durability: Durability,
    ) -> Result<Vec<(Upload, Key)>> {
        let places = self
            .areas
            .places(&self.tree, uploads.iter().map(|(upload, _)| upload))?;
        if durability == Durability::Durable {
            self.syncs.sync_staged(&self.tree, &places)?;
        }
        let movers = movers_of(uploads.len());
        let files = uploads.into_iter().zip(places).collect();
        let moved = run_bounded(movers, files, |((upload, key), place)| {
            let is_finished = self.give_name(&upload, &place, &key, mode, durability)?;
            if is_finished {
                self.syncs.forget(&place);
            }
            Ok((is_finished, (upload, key)))
        })?;
        if durability == Durability::Durable {
            let finished = moved.iter().filter(|(is_finished, _)| *is_finished);
            self.sync_parents(finished.map(|(_, (_, key))| key))?;
        }
        let taken = moved.into_iter().filter(|(is_finished, _)| !is_finished);
        Ok(taken.map(|(_, file)| file).collect())
    }

    /// Where one call has synced the whole file system, names are durable, too.
    fn persist(&self, what: Persist<'_>) -> Result<()> {
        match what {
            Persist::Uploads([]) | Persist::Files([]) => Ok(()),
            Persist::Uploads(uploads) => {
                let places = self.areas.places(&self.tree, uploads)?;
                if self.syncs.sync_staged(&self.tree, &places)? {
                    return Ok(());
                }
                self.sync_parents(&places)
            }
            Persist::Files(keys) => {
                if self.syncs.sync_visible(&self.tree, keys)? {
                    return Ok(());
                }
                self.sync_parents(keys)
            }
            Persist::Names(directories) => directories
                .iter()
                .try_for_each(|it| self.syncs.sync_names(&self.tree, Some(it))),
        }
    }

    fn leftovers(&self) -> Result<Vec<Leftover>> {
        let runs = Areas::list(&self.tree)?.into_iter();
        runs.map(|run| self.areas.leftover(&self.tree, run)).collect()
    }

    fn discard(&self, run: &str) -> Result<()> {
        for directory in Areas::directories(&self.tree, run)? {
            self.syncs.forget_below(&directory);
            Areas::remove(&self.tree, &directory)?;
        }
        Ok(())
    }

    fn delete(&self, keys: &[Key]) -> Vec<NotDeleted> {
        let not_deleted = |key: &Key| {
            let error = listing::delete(&self.tree, key).err()?;
            let key = key.clone();
            Some(NotDeleted { key, error })
        };
        keys.iter().filter_map(not_deleted).collect()
    }

    fn require_collectable(&self) -> Result<()> {
        Ok(())
    }

    fn lease(&self, wait: LockWait, holder: &str, should_stop: &dyn Fn() -> bool) -> Result<Box<dyn Lease>> {
        self.areas.forget();
        lock::take(&self.tree, &*self.clock, wait, holder, should_stop)
    }

    fn pin(&self, directory: &Key, content: &[u8]) -> Result<(Key, Box<dyn Lease>)> {
        let key = directory.join(&new_pin_name())?;
        let lease = pin::make(&self.tree, &key, content)?;
        Ok((key, lease))
    }

    /// There are no such uploads.
    fn sweep_uploads(&self, _: Duration, _: UploadSweep) -> Result<SweptUploads> {
        Ok(SweptUploads::default())
    }

    fn sweep_pin(&self, key: &Key, _: &dyn Fn() -> bool) -> Result<PinState> {
        pin::remove_if_stale(&self.tree, &*self.clock, key)
    }

    fn examine(&self, below: &Key, _: &dyn Fn() -> bool) -> Result<Vec<Promise>> {
        self.examine_directory(below)
    }

    fn warnings(&self) -> Vec<Warning> {
        let file_system = self.file_system_warning();
        file_system.into_iter().chain(self.syncs.warning()).collect()
    }
}

impl From<LocalStore> for Store {
    fn from(store: LocalStore) -> Self {
        Store::of(store)
    }
}
