//! Where bytes go: the small blocking contract that a repository needs of a local disk, of memory or of an object store.
//!
//! # The contract
//! - A [`Key`] names a file by a relative path; directories exist through the files in them (an empty or missing
//!   directory lists as empty). Nothing follows a symbolic link, and what is no regular file is never read or written.
//! - New files come in two halves. [`Store::stage`] writes bytes where no reader looks, in a named *area*;
//!   [`Store::sync`] makes staged files durable; [`Store::publish`] makes a batch of them visible under their final
//!   keys, never replacing, each one whole or not at all; [`Store::replace`] is for the one file that is known to be
//!   damaged. With [`Durability::Durable`] the batch is durable
//!   (content, names, and every directory above them up to the root) when `publish` returns.
//! - What was staged by a run that died is still there: [`Store::areas`] and [`Store::staged`] list it, so that
//!   it can be published or [discarded](Store::discard) by the next run.
//! - [`Store::copy`], [`Store::delete`] change single visible files. A copy appears whole.
//! - One holder at a time has the [`Store::exclusive`] guard, over processes and machines that share the store.
//!   A [`Store::pin`] is a visible file that is known to be alive while its guard is held.

pub mod local;
pub mod memory;
mod object_reader;
mod pin_name;
mod staging;
mod waiting;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

pub use object_reader::ObjectReader;
pub(crate) use object_reader::checksum;
pub use pin_name::new_pin_name;

pub use crate::Key;
pub use crate::disk::{Entry, EntryKind};
use crate::{Error, Result, Warning};

/// Size and age of a visible file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Its length.
    pub size_bytes: u64,
    /// When it was last changed, where the store knows.
    pub modified: Option<SystemTime>,
}

/// A visible file, opened for reading. It stays readable after its name is gone, where the store can do that.
pub trait Object: Send + Sync {
    /// Its length when it was opened.
    fn size_bytes(&self) -> u64;
    /// Reads at most `buffer.len()` bytes at `offset`; 0 only at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// The descriptor, where the store is a local directory.
    fn local_file(&self) -> Option<LocalFile<'_>> {
        None
    }
}

/// The descriptor of a file in a local directory.
#[derive(Debug, Clone, Copy)]
pub struct LocalFile<'a> {
    /// The descriptor; others use it as well, so that its position means nothing.
    pub file: &'a File,
    /// The file system that it is on, as `stat` has it.
    pub device: u64,
}

/// Whether the bytes of an operation must survive a power failure when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// They must: RocksDB's `sync = true`.
    Durable,
    /// The order of steps is kept, the file syncs are left out: RocksDB's `sync = false`.
    Buffered,
}

/// A file that is written whole, and not visible yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// The area that it lies in.
    pub area: String,
    /// Its name in the area: usually the key that it is to have.
    pub key: Key,
    /// Its length.
    pub size_bytes: u64,
}

/// How long to wait for the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LockWait {
    /// Fail at once with [`crate::ErrorKind::Locked`].
    #[default]
    Fail,
    /// Wait at most this long.
    AtMost(Duration),
    /// Wait until it is free.
    Forever,
}

/// Something held until it is dropped: the writer's lock, or a pin.
pub trait Guard: fmt::Debug + Send + Sync {
    /// An error if it has been lost meanwhile: a lease that ran out, a lock file that somebody removed.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// What became of a pin that a collector looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinState {
    /// Its holder is alive, or must be taken for alive.
    Held,
    /// Its holder was dead; the pin is gone now.
    Removed,
}

/// Where a repository's bytes live. See the [module](self) for what every implementation keeps.
pub trait Store: fmt::Debug + Send + Sync {
    /// The place, for messages.
    fn location(&self) -> String;

    /// The root as a local path, where there is one.
    fn local_root(&self) -> Option<&Path> {
        None
    }

    /// Whether the root is there. An I/O error is an error, not "no".
    fn exists(&self) -> Result<bool>;

    /// Makes the root, durably if asked; its parent must be there. Nothing happens if it is there already.
    fn create_root(&self, durability: Durability) -> Result<()>;

    /// From now on nothing is made that grants more than a directory of this mode, where there are modes.
    fn limit_modes(&self, _directory_mode: u32) {}

    /// What stands directly in a directory (`None`: the root), in no order; empty if there is no such directory.
    fn list(&self, directory: Option<&Key>) -> Result<Vec<Entry>>;

    /// The same, handed over one by one, so that a large directory need not be held.
    fn visit(&self, directory: &Key, visit: &mut dyn FnMut(Entry)) -> Result<()> {
        self.list(Some(directory))?.into_iter().for_each(visit);
        Ok(())
    }

    /// The names directly in a directory with what they name, in no order. Where sizes cost a look at each file, this
    /// is the cheaper way to see what is there.
    fn visit_names(&self, directory: &Key, visit: &mut dyn FnMut(&str, EntryKind)) -> Result<()> {
        let entries = self.list(Some(directory))?;
        entries.iter().for_each(|entry| visit(&entry.name, entry.kind));
        Ok(())
    }

    /// Size and age of a visible regular file; `None` if nothing is there; `Corrupt` if it is no regular file.
    fn stat(&self, key: &Key) -> Result<Option<Stat>>;

    /// Opens a visible regular file. `NotFound` if nothing is there, `Corrupt` if it is no regular file.
    fn open(&self, key: &Key) -> Result<Box<dyn Object>>;

    /// Reads a whole visible file of at most `limit_bytes` (`Corrupt` if it is longer).
    fn read(&self, key: &Key, limit_bytes: u64) -> Result<Vec<u8>> {
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

    /// Writes all of `content` into the area under this key, replacing what the area had there. Not durable yet.
    /// `expected_bytes` lets the store reserve room; on failure nothing of the file stays in the area. An [`Error`]
    /// that `content` wraps in an I/O error comes back as it was.
    fn stage(&self, area: &str, key: &Key, content: &mut dyn Read, expected_bytes: u64) -> Result<Staged>;

    /// Keeps the first `staged.size_bytes` bytes of a staged file, adds all of `content` to them, and takes the file into
    /// this area if it is in another one. Not durable yet. On failure those bytes are still there. `Refused` if the file
    /// has a second name, `NotFound` or `Corrupt` if it has not so many bytes: then nothing has been read.
    fn extend(
        &self,
        staged: &Staged,
        area: &str,
        content: &mut dyn Read,
        expected_bytes: u64,
    ) -> Result<Staged>;

    /// Stages the first `size_bytes` of an open file without copying them, as [`Store::stage`] would; `None` where that
    /// cannot be done, for this file or at all.
    fn stage_clone(
        &self,
        _area: &str,
        _key: &Key,
        _source: &File,
        _size_bytes: u64,
    ) -> Result<Option<Staged>> {
        Ok(None)
    }

    /// Makes staged files durable, so that a journal may speak of them. Does nothing when buffered.
    fn sync(&self, staged: &[Staged], durability: Durability) -> Result<()>;

    /// Moves staged files to their final keys, in the order given; those whose key is taken stay staged and come
    /// back. Every directory concerned is durable on return, if asked (content is too: see [`Store::sync`]).
    fn publish(&self, batch: Vec<(Staged, Key)>, durability: Durability) -> Result<Vec<(Staged, Key)>>;

    /// Moves a staged file to a key that is taken, in the place of the file that is there: one step for readers. Its
    /// content and the directory are durable on return, if asked.
    fn replace(&self, staged: &Staged, key: &Key, durability: Durability) -> Result<()>;

    /// The areas that there are.
    fn areas(&self) -> Result<Vec<String>>;

    /// What lies whole or in part in an area.
    fn staged(&self, area: &str) -> Result<Vec<Staged>>;

    /// Opens a staged file.
    fn open_staged(&self, staged: &Staged) -> Result<Box<dyn Object>>;

    /// Removes an area with all that is in it.
    fn discard(&self, area: &str) -> Result<()>;

    /// Gives the content of a visible file a second key, never replacing anything; whether that key was free. Content
    /// and name are durable on return, if asked. `NotFound` if the file is not there. Where the store can, no bytes are
    /// copied, so that it needs no room.
    fn copy(&self, from: &Key, to: &Key, durability: Durability) -> Result<bool>;

    /// Removes a visible file; whether there was one. Also removes what is no regular file, without following it, but
    /// never a directory that is not empty (`Refused`).
    fn delete(&self, key: &Key) -> Result<bool>;

    /// Makes the names in these directories durable, deletions too, if asked.
    fn sync_directories(&self, directories: &[Key], durability: Durability) -> Result<()>;

    /// Makes visible files durable, content and names, whoever wrote them, if asked: a backup that reuses a file which
    /// another engine wrote with `sync = false` must not be less durable than it says. `NotFound` if one is not there.
    fn sync_visible(&self, keys: &[Key], durability: Durability) -> Result<()>;

    /// Takes the writer's lock. `holder` stands inside for other processes' messages. While waiting, `should_stop` is asked.
    fn exclusive(
        &self,
        wait: LockWait,
        holder: &str,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Box<dyn Guard>>;

    /// Makes a visible file with this content that counts as held until the guard is dropped, which removes it. The
    /// key's last part comes from [`new_pin_name`]; a key that is taken is an I/O error of kind `AlreadyExists`.
    fn pin(&self, key: &Key, content: &[u8]) -> Result<Box<dyn Guard>>;

    /// Looks at a pin that somebody made, and removes it if its holder is dead. One that is gone already counts as removed.
    fn remove_if_stale(&self, key: &Key) -> Result<PinState>;

    /// Bytes that may still be written, where the store knows.
    fn free_bytes(&self) -> Result<Option<u64>>;

    /// New files that may still be made, where the store counts them.
    fn free_files(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Whether the disk has heads that move from file to file, where the store knows.
    fn is_rotational(&self) -> Option<bool> {
        None
    }

    /// What the user should know of this place, as far as it has been noticed: a file system whose locks or syncs
    /// nobody vouches for, a directory that could not be synced.
    fn warnings(&self) -> Vec<Warning> {
        Vec::new()
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
pub(crate) struct KeyIn<'a>(&'a Key, &'a dyn Store);

impl fmt::Display for KeyIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.0, self.1.location())
    }
}

impl Key {
    /// The key as messages name it that may be about several stores.
    pub(crate) fn shown_in<'a>(&'a self, store: &'a dyn Store) -> KeyIn<'a> {
        KeyIn(self, store)
    }
}
