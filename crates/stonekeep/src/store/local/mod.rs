//! A store in a local directory.
//!
//! Staged files lie under `stonekeep/tmp/<area>/` in the same directory, so that publishing one is a rename; for mounts
//! inside the directory see `areas.rs`. What makes
//! them durable, and why that holds, stands in `sync.rs`; how links and strange files are kept out, in `tree.rs`; lock
//! and pins, in `lock.rs` and `pin.rs`.

mod across;
mod areas;
mod copy;
mod extend;
mod lock;
mod object;
mod pin;

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use self::areas::{Areas, is_hidden};
use self::object::LocalObject;
use super::contract::{Backend, Lease};
use super::{
    Detail, Durability, Key, LockWait, Object, Parallelism, PinState, Place, Room, Staged, Stat, Store,
    StoreTraits,
};
pub use crate::disk::SyncMethod;
use crate::disk::buffers::{Buffers, DEFAULT_BUFFER_BYTES};
use crate::disk::{
    Clones, Entry, FileSystems, Making, Syncs, Tree, Written, file_system, listing, new_file, tree,
};
use crate::parallel::{movers_of, run_bounded};
use crate::shortage::no_directory;
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

    /// A file that has just been written to an area.
    fn unsynced(&self, area: &str, key: &Key, place: Key, written: Written) -> Staged {
        let size_bytes = written.size_bytes;
        self.syncs.written(place, written);
        Staged {
            area: area.to_owned(),
            key: key.clone(),
            size_bytes,
        }
    }

    fn sync_parents<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) -> Result<()> {
        let mut directories: Vec<Option<&str>> = keys.into_iter().map(Key::directory).collect();
        // Most files are in the directory of the one before.
        directories.dedup();
        match directories.is_empty() {
            true => Ok(()),
            false => self.syncs.sync_names_upwards(&self.tree, &directories),
        }
    }

    /// Makes the root's own name durable. Where the directory above cannot be opened, the root was there before, and
    /// is its owner's affair.
    fn sync_root_name(&self) -> Result<()> {
        let Some(parent) = self.tree.root_path().parent() else {
            return Ok(());
        };
        match File::open(parent) {
            Ok(opened) => self.syncs.sync_directory(parent, &opened.into()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            Err(error) => Err(error).context("opening", parent),
        }
    }
}

impl Backend for LocalStore {
    fn place(&self) -> &Place {
        &self.place
    }

    fn traits(&self) -> StoreTraits {
        let root = self.tree.find(None).ok().flatten();
        StoreTraits {
            parallelism: match root.and_then(|root| file_system::is_rotational(&root)) {
                // One that reads and one that writes.
                Some(true) => Parallelism::Fixed(2),
                Some(false) => Parallelism::Flash,
                None => Parallelism::Cores,
            },
            request_bytes: DEFAULT_BUFFER_BYTES.get(),
            lists_sizes: false,
        }
    }

    fn room(&self) -> Room {
        Room {
            bytes: file_system::free_bytes(&self.tree),
            files: file_system::free_files(&self.tree),
        }
    }

    fn exists(&self) -> Result<bool> {
        let path = self.tree.root_path();
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Ok(true),
            Ok(_) => Err(Error::invalid(format!("{} is no directory", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).context("looking at", path),
        }
    }

    fn create_root(&self, durability: Durability) -> Result<()> {
        let path = self.tree.root_path();
        let mode = self.tree.making().map_or(0o777, Making::root_mode);
        match std::fs::DirBuilder::new().mode(mode).create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.exists()? => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let message = format!(
                    "{} cannot be made: the directory above is missing",
                    path.display()
                );
                return Err(Error::not_found(message));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let message = format!(
                    "{} is a symbolic link to a place that is not there",
                    path.display()
                );
                return Err(Error::not_found(message));
            }
            Err(error) => return Err(no_directory(path, error)),
        }
        match durability {
            Durability::Durable => self.sync_root_name(),
            Durability::Buffered => Ok(()),
        }
    }

    fn limit_modes(&self, directory_mode: u32) {
        if let Some(making) = self.tree.making() {
            making.limit_modes(directory_mode);
        }
    }

    fn list(&self, directory: Option<&Key>, detail: Detail, each: &mut dyn FnMut(Entry)) -> Result<()> {
        let detail = match detail {
            Detail::Names => listing::names,
            Detail::Sizes => listing::visit,
        };
        detail(&self.tree, directory, &mut |entry| {
            if !is_hidden(directory, &entry.name) {
                each(entry);
            }
        })
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

    fn stage(&self, area: &str, key: &Key, content: &mut dyn Read, expected_bytes: u64) -> Result<Staged> {
        let place = self.areas.place(&self.tree, area, key)?;
        self.syncs.begin(&self.tree)?;
        self.syncs.forget(&place);
        let written = new_file::write_new(&self.tree, &place, key, content, expected_bytes, &self.buffers)?;
        Ok(self.unsynced(area, key, place, written))
    }

    fn extend(&self, staged: &Staged, area: &str, content: &mut dyn Read, expected: u64) -> Result<Staged> {
        self.add_to(staged, area, content, expected)
    }

    fn stage_clone(&self, area: &str, key: &Key, source: &File, size_bytes: u64) -> Result<Option<Staged>> {
        let stat = rustix::fs::fstat(source).context("looking at what becomes", Path::new(key.as_str()))?;
        if tree::size_bytes(&stat) < size_bytes || !self.clones.may_share(stat.st_dev) {
            return Ok(None);
        }
        let place = self.areas.place(&self.tree, area, key)?;
        self.syncs.begin(&self.tree)?;
        self.syncs.forget(&place);
        let share = |new: &File| self.clones.share(source, stat.st_dev, new, size_bytes);
        let Some(written) = new_file::share_new(&self.tree, &place, size_bytes, share)? else {
            return Ok(None);
        };
        Ok(Some(self.unsynced(area, key, place, written)))
    }

    fn sync(&self, staged: &[Staged], durability: Durability) -> Result<()> {
        if durability == Durability::Buffered || staged.is_empty() {
            return Ok(());
        }
        let places = self.areas.places(&self.tree, staged)?;
        if self.syncs.sync_staged(&self.tree, &places)? {
            return Ok(());
        }
        self.sync_parents(&places)
    }

    fn publish(&self, batch: Vec<(Staged, Key)>, durability: Durability) -> Result<Vec<(Staged, Key)>> {
        let staged = batch.iter().map(|(staged, _)| staged);
        let places = self.areas.places(&self.tree, staged)?;
        if durability == Durability::Durable {
            self.syncs.sync_staged(&self.tree, &places)?;
        }
        let movers = movers_of(batch.len());
        let files = batch.into_iter().zip(places).collect();
        let moved = run_bounded(movers, files, |((staged, key), place)| {
            let is_published = self.move_file((&place, &staged.area), &key, staged.size_bytes, durability)?;
            if is_published {
                self.syncs.forget(&place);
            }
            Ok((is_published, (staged, key)))
        })?;
        if durability == Durability::Durable {
            let published = moved.iter().filter(|(is_published, _)| *is_published);
            self.sync_parents(published.map(|(_, (_, key))| key))?;
        }
        let taken = moved.into_iter().filter(|(is_published, _)| !is_published);
        Ok(taken.map(|(_, file)| file).collect())
    }

    fn replace(&self, staged: &Staged, key: &Key, durability: Durability) -> Result<()> {
        let place = self.areas.place(&self.tree, &staged.area, &staged.key)?;
        if durability == Durability::Durable {
            self.syncs.sync_staged(&self.tree, std::slice::from_ref(&place))?;
        }
        self.replace_file((&place, &staged.area), key, staged.size_bytes, durability)?;
        self.syncs.forget(&place);
        match durability {
            Durability::Durable => self.sync_parents([key]),
            Durability::Buffered => Ok(()),
        }
    }

    fn areas(&self) -> Result<Vec<String>> {
        Areas::list(&self.tree)
    }

    fn staged(&self, area: &str) -> Result<Vec<Staged>> {
        self.areas.staged(&self.tree, area)
    }

    fn open_staged(&self, staged: &Staged) -> Result<Box<dyn Object>> {
        self.open_file(&self.areas.place(&self.tree, &staged.area, &staged.key)?)
    }

    fn discard(&self, area: &str) -> Result<()> {
        for directory in Areas::directories(&self.tree, area)? {
            self.syncs.forget_below(&directory);
            Areas::remove(&self.tree, &directory)?;
        }
        Ok(())
    }

    fn copy(&self, from: &Key, to: &Key, durability: Durability) -> Result<bool> {
        let is_free = copy::link_or_copy(self, &self.tree, from, to)?;
        if is_free {
            self.sync_visible(std::slice::from_ref(to), durability)?;
        }
        Ok(is_free)
    }

    fn delete(&self, key: &Key) -> Result<bool> {
        listing::delete(&self.tree, key)
    }

    fn sync_directories(&self, directories: &[Key], durability: Durability) -> Result<()> {
        if durability == Durability::Durable {
            for directory in directories {
                self.syncs.sync_names(&self.tree, Some(directory))?;
            }
        }
        Ok(())
    }

    fn sync_visible(&self, keys: &[Key], durability: Durability) -> Result<()> {
        if durability == Durability::Buffered || keys.is_empty() {
            return Ok(());
        }
        if self.syncs.sync_visible(&self.tree, keys)? {
            return Ok(());
        }
        self.sync_parents(keys)
    }

    fn exclusive(
        &self,
        wait: LockWait,
        holder: &str,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Box<dyn Lease>> {
        self.areas.forget();
        lock::take(&self.tree, &*self.clock, wait, holder, should_stop)
    }

    fn pin(&self, key: &Key, content: &[u8]) -> Result<Box<dyn Lease>> {
        pin::make(&self.tree, key, content)
    }

    fn remove_if_stale(&self, key: &Key) -> Result<PinState> {
        pin::remove_if_stale(&self.tree, &*self.clock, key)
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
