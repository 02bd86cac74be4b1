//! Where bytes go: a local disk, memory, later object stores, all behind one [`Store`].
//!
//! # The contract
//! - A [`Key`] names a file by a relative path; directories exist through the files in them (an empty or missing
//!   directory lists as empty). Nothing follows a symbolic link, and what is no regular file is never read or written.
//! - [`Store::put`] writes a small file in one step. The same content under the same key is no conflict, so that it can
//!   be repeated when its answer was lost.
//! - Other files come in two halves. [`Store::upload`] writes bytes where no reader looks; [`Store::finish`] makes a batch of
//!   them visible under their final keys, each one complete or not at all. With [`Durability::Durable`] the batch is
//!   durable (content, names, and every directory above them up to the root) when `finish` returns.
//! - What a run that died has uploaded is still there: [`Store::leftovers`] lists it, so that the next run can finish or
//!   resume it, or [discard](Store::discard) it. Stores without a rename give an upload its key at once, which
//!   [`Uploads`] tells: nobody may read it before another file, the last one that is put, names it.
//! - [`Store::persist`] is the one way to make anything else durable.
//! - One holder at a time has the [`Store::lease`], over processes and machines that share the store.
//!   A [`Store::pin`] is a visible file that is known to be alive while it is held.
//!
//! A `Backend` (`contract.rs`) keeps it for one kind of place. What is the same for all of them is in [`Store`]: an
//! [`Interceptor`] sees every operation, which is how tests record requests and let any of them fail.

mod around;
pub mod check;
mod contract;
mod halves;
#[cfg(feature = "hdfs")]
pub mod hdfs;
mod held;
#[cfg(any(feature = "hdfs", feature = "object-store"))]
#[cfg_attr(
    not(feature = "object-store"),
    expect(dead_code, reason = "HDFS fences by renames, not by signatures")
)]
mod lease;
pub mod local;
#[cfg(any(feature = "hdfs", feature = "object-store"))]
mod machine;
pub mod memory;
mod object_reader;
mod operation;
mod pin_name;
mod promise;
#[cfg(feature = "object-store")]
pub mod remote;
mod staging;
#[cfg(any(feature = "hdfs", feature = "object-store"))]
mod stop;
mod waiting;
mod writing;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use self::around::Around;
use self::contract::Backend;
pub use self::contract::{
    Detail, Durability, Leftover, LocalFile, LockWait, NotDeleted, Object, Parallelism, Persist, PinState,
    Place, Put, PutContent, PutMode, Room, Stat, StoreTraits, SweptUploads, Upload, UploadSweep, Uploads,
};
pub use self::held::Held;
#[cfg(any(feature = "hdfs", feature = "object-store"))]
pub use self::machine::{Machine, Repeat, Repeating};
pub use self::object_reader::ObjectReader;
pub(crate) use self::object_reader::checksum;
pub use self::operation::{Interceptor, Operation, Refusal};
pub(crate) use self::pin_name::{new_pin_name, random};
pub use crate::Key;
use crate::disk::refuse_inside;
pub use crate::disk::{Entry, EntryKind};
use crate::{Error, Result, Warning};

/// Where a repository's bytes live. Clones are the same store. See the [module](self) for what it promises.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    around: Arc<Around>,
}

impl Store {
    pub(crate) fn of(backend: impl Backend + 'static) -> Self {
        Store {
            backend: Arc::new(backend),
            around: Arc::new(Around::nobody()),
        }
    }

    /// The same store, with all operations through this handle seen by an interceptor, which comes before those that see
    /// them already.
    #[must_use]
    pub fn intercepted_by(&self, interceptor: Arc<dyn Interceptor>) -> Self {
        Store {
            backend: Arc::clone(&self.backend),
            around: Arc::new(self.around.with_interceptor(interceptor)),
        }
    }

    /// The same store. What describes a backup, its MANIFEST and its WALs, may have any size, and is read without an
    /// [`Observer`](crate::Observer): as soon as this says yes, such a reading ends with `Stopped`.
    #[must_use]
    pub fn with_stop(&self, should_stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Store {
            backend: Arc::clone(&self.backend),
            around: Arc::new(self.around.with_stop(should_stop)),
        }
    }

    /// # Errors
    /// `Stopped` if somebody has asked for it.
    pub(crate) fn check_stop(&self) -> Result<()> {
        self.around.check_stop()
    }

    fn interceptors(&self) -> &Arc<[Arc<dyn Interceptor>]> {
        &self.around.interceptors
    }

    /// Which place it is.
    pub fn place(&self) -> &Place {
        self.backend.place()
    }

    /// The place, for messages.
    pub fn location(&self) -> &str {
        &self.backend.place().display
    }

    /// The root's path, where the store is a directory on this machine.
    pub fn directory(&self) -> Option<&Path> {
        self.backend.place().directory.as_deref()
    }

    /// Refuses a directory of a database, named `what` in the message, that is the root of the store or lies inside it.
    ///
    /// # Errors
    /// `Refused`.
    pub fn require_outside(&self, directory: &Path, what: &str) -> Result<()> {
        let inside = |root| refuse_inside(directory, what, root);
        self.directory().map_or(Ok(()), inside)
    }

    /// What kind of place it is.
    pub fn traits(&self) -> StoreTraits {
        self.backend.traits()
    }

    /// How many requests at a time serve the place best, if it is not the machine's cores that decide.
    pub fn parallelism(&self) -> Parallelism {
        self.backend.parallelism()
    }

    /// The store's own time, by which its files are dated, where that is not this machine's: known while a lock is held.
    pub fn now(&self) -> Option<SystemTime> {
        self.backend.now()
    }

    /// What the user should know of this place, as far as it has been noticed: a file system whose locks or syncs
    /// nobody vouches for, a directory that could not be synced.
    pub fn warnings(&self) -> Vec<Warning> {
        self.backend.warnings()
    }

    /// What may still be written, as far as the place knows.
    ///
    /// # Errors
    /// Those of an [`Interceptor`].
    pub fn room(&self) -> Result<Room> {
        self.around(|| Operation::Room, || Ok(self.backend.room()))
    }

    /// Whether the root is there.
    ///
    /// # Errors
    /// I/O errors.
    pub fn exists(&self) -> Result<bool> {
        self.around(|| Operation::Exists, || self.backend.exists())
    }

    /// Makes the root, durably if asked; its parent must be there. Nothing happens if it is there already.
    ///
    /// # Errors
    /// `NotFound` without the parent, and I/O errors.
    pub fn create_root(&self, durability: Durability) -> Result<()> {
        self.around(
            || Operation::CreateRoot(durability),
            || self.backend.create_root(durability),
        )
    }

    /// From now on nothing is made that grants more than a directory of this mode, where there are modes.
    pub fn limit_modes(&self, directory_mode: u32) {
        self.backend.limit_modes(directory_mode);
    }

    /// What is directly in a directory (`None`: the root), in no order; empty if there is no such directory.
    ///
    /// # Errors
    /// `Corrupt` if it is no directory, and I/O errors.
    pub fn list(&self, directory: Option<&Key>) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.visit(directory, Detail::Sizes, &mut |entry| entries.push(entry))?;
        Ok(entries)
    }

    /// The same without sizes and ages, which costs less on a local disk.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn names(&self, directory: Option<&Key>) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.visit(directory, Detail::Names, &mut |entry| entries.push(entry))?;
        Ok(entries)
    }

    /// The same, handed over one by one, so that a large directory need not be held.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn visit(&self, directory: Option<&Key>, detail: Detail, each: &mut dyn FnMut(Entry)) -> Result<()> {
        self.around(
            || Operation::List(directory.cloned()),
            || self.backend.list(directory, detail, each),
        )
    }

    /// Hands over every file below a directory, in no order, if one listing has them all, as in object stores; else `false`, and
    /// nothing is handed over.
    ///
    /// # Errors
    /// I/O errors.
    pub fn visit_below(&self, directory: &Key, each: &mut dyn FnMut(Key, Stat)) -> Result<bool> {
        self.around(
            || Operation::List(Some(directory.clone())),
            || self.backend.list_below(directory, each),
        )
    }

    /// Size and age of a visible regular file; `None` if nothing is there.
    ///
    /// # Errors
    /// `Corrupt` if it is no regular file, and I/O errors.
    pub fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        self.around(|| Operation::Stat(key.clone()), || self.backend.stat(key))
    }

    /// Opens a visible regular file.
    ///
    /// # Errors
    /// `NotFound` if nothing is there, `Corrupt` if it is no regular file, and I/O errors.
    pub fn open(&self, key: &Key) -> Result<Box<dyn Object>> {
        let mut object = self.around(|| Operation::Open(key.clone()), || self.backend.open(key))?;
        for interceptor in self.interceptors().iter() {
            object = interceptor.opened(key, object)?;
        }
        Ok(object)
    }

    /// Reads a visible file of at most `limit_bytes`.
    ///
    /// # Errors
    /// `Corrupt` if it is longer, else as [`Store::open`].
    pub fn read(&self, key: &Key, limit_bytes: u64) -> Result<Vec<u8>> {
        let object = self.open(key)?;
        require_at_most(object.as_ref(), key, limit_bytes)?;
        let mut bytes = vec![0; object.size_bytes() as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            let rest = bytes.get_mut(filled..).unwrap_or_default();
            match object.read_at(rest, filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(format!("reading {key} of {}", self.location()), error)),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Takes the writer's lock. `holder` is written inside for other processes' messages. While waiting, `should_stop` is
    /// asked.
    ///
    /// # Errors
    /// `Locked` by another process, `Stopped`, and I/O errors.
    pub fn lease(&self, wait: LockWait, holder: &str, should_stop: &dyn Fn() -> bool) -> Result<Held> {
        let lease = self.around(
            || Operation::Lease,
            || self.backend.lease(wait, holder, should_stop),
        )?;
        Ok(Held::new(lease, Arc::clone(self.interceptors())))
    }

    /// Refuses a collection where nothing keeps a process that was stopped from going on with one later.
    pub(crate) fn require_collectable(&self) -> Result<()> {
        self.backend.require_collectable()
    }

    /// Makes a visible file with this content in a directory, under a name of the store's choice, that counts as held until
    /// it is dropped, which removes it.
    ///
    /// # Errors
    /// I/O errors.
    pub fn pin(&self, directory: &Key, content: &[u8]) -> Result<(Key, Held)> {
        let (key, lease) = self.around(
            || Operation::Pin(directory.clone()),
            || self.backend.pin(directory, content),
        )?;
        Ok((key, Held::new(lease, Arc::clone(self.interceptors()))))
    }

    /// Looks at a pin that somebody made, and removes it if its holder is dead. One that is gone already counts as removed.
    /// Where a store has no locks, a pin that seems to be dead is watched for some minutes; when `should_stop`, it
    /// counts as held.
    ///
    /// # Errors
    /// I/O errors.
    pub fn sweep_pin(&self, key: &Key, should_stop: &dyn Fn() -> bool) -> Result<PinState> {
        self.around(
            || Operation::SweepPin(key.clone()),
            || self.backend.sweep_pin(key, should_stop),
        )
    }

    /// Deals with uploads in parts that no run owns any more and that are older than this: what killed processes have left of them,
    /// where the store has such uploads and lists them.
    ///
    /// # Errors
    /// `Locked` if the lease is lost, and I/O errors.
    pub fn sweep_uploads(&self, min_age: Duration, sweep: UploadSweep) -> Result<SweptUploads> {
        self.around(
            || Operation::SweepUploads(sweep),
            || self.backend.sweep_uploads(min_age, sweep),
        )
    }

    fn around<T>(
        &self,
        operation: impl FnOnce() -> Operation,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        if self.interceptors().is_empty() {
            return work();
        }
        let operation = operation();
        self.before(&operation)?;
        let done = work()?;
        self.after(&operation)?;
        Ok(done)
    }

    fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal> {
        self.interceptors().iter().try_for_each(|it| it.before(operation))
    }

    fn after(&self, operation: &Operation) -> Result<()> {
        self.interceptors()
            .iter()
            .rev()
            .for_each(|it| it.after(operation));
        self.interceptors()
            .iter()
            .try_for_each(|it| it.answered(operation))
    }
}

/// `Corrupt` for an object that is longer.
pub(crate) fn require_at_most(object: &dyn Object, key: &Key, limit_bytes: u64) -> Result<()> {
    let size_bytes = object.size_bytes();
    if size_bytes <= limit_bytes {
        return Ok(());
    }
    let reason = format!("{size_bytes} bytes, more than the {limit_bytes} that it may have");
    Err(Error::corrupt(key.as_str(), reason))
}

/// A key with the store that it is of, for messages.
pub(crate) struct KeyIn<'a>(&'a Key, &'a Store);

impl fmt::Display for KeyIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.0, self.1.location())
    }
}

impl Key {
    /// The key as messages name it that may be about several stores.
    pub(crate) fn shown_in<'a>(&'a self, store: &'a Store) -> KeyIn<'a> {
        KeyIn(self, store)
    }
}
