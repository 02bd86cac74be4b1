//! What a backend keeps: the small blocking contract that a repository needs of a local disk, of memory or of an object store.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::promise::Promise;
use crate::disk::Entry;
use crate::{Error, Key, Result, Warning};

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
    /// Its length now. A stream compares both at its end: one that read parts of two versions fails there.
    fn size_bytes_now(&self) -> io::Result<u64>;
    /// Reads at most `buffer.len()` bytes at `offset`; 0 only at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// The descriptor, where the store is a local directory.
    fn local_file(&self) -> Option<LocalFile<'_>>;
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
#[non_exhaustive]
pub enum Durability {
    /// They must: RocksDB's `sync = true`.
    Durable,
    /// The order of steps is kept, the file syncs are left out: RocksDB's `sync = false`.
    Buffered,
}

/// A file that is complete, and has not got its final name yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The run that wrote it.
    pub run: String,
    /// The key that it was written for.
    pub key: Key,
    /// Its length.
    pub size_bytes: u64,
}

/// What a run that ended, or that is under way, has uploaded and not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The run.
    pub run: String,
    /// Its files, complete or in part; where uploads are [named](Uploads::Named) at once, its records only.
    pub uploads: Vec<Upload>,
    /// Keys under which it may have left an object that is not complete, although it has the right size.
    pub doubtful: Vec<Key>,
    /// When it has written the last of its files, those included that it has given their names since; `None` where the store does not
    /// know that, or names files at once.
    pub last_written: Option<SystemTime>,
}

/// What a put writes.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum PutContent<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// The content of another visible file. Where the store can, no bytes are copied, so that it needs no room.
    CopyOf(&'a Key),
}

/// What happens to a key that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutMode {
    /// The file there stays.
    IfAbsent,
    /// The file there is replaced, in one step for readers.
    Replace,
}

/// How a put ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The file is there.
    Done,
    /// The same content was there already, as when an earlier attempt had succeeded unnoticed.
    Same,
    /// Another content is there.
    Taken,
}

/// What is to survive a power failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Persist<'a> {
    /// Uploads, so that a journal may name them.
    Uploads(&'a [Upload]),
    /// Visible files, content and name, whoever wrote them.
    Files(&'a [Key]),
    /// Which names are in these directories, so also deletions.
    Names(&'a [Key]),
}

/// A file that could not be deleted.
#[derive(Debug)]
pub struct NotDeleted {
    /// The file.
    pub key: Key,
    /// Why.
    pub error: Error,
}

/// How long to wait for the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LockWait {
    /// Fail at once with [`crate::ErrorKind::Locked`].
    #[default]
    Fail,
    /// Wait at most this long.
    AtMost(Duration),
    /// Wait until it is free.
    Forever,
}

/// The writer's lock or a pin, as a backend holds it. Dropping it releases it.
pub(crate) trait Lease: fmt::Debug + Send + Sync {
    /// How long it is certain to last from now on. An error if it is lost: it ran out, or somebody removed its file.
    fn valid_for(&self) -> Result<Duration>;

    /// Whether the one who had it before was dead, and may have left what it was doing half done.
    fn took_over(&self) -> bool;

    /// Ends it as the death of its holder does: a lock becomes free, a pin stays behind.
    fn abandon(self: Box<Self>);
}

/// What became of a pin that a collector looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PinState {
    /// Its holder is alive, or must be taken for alive.
    Held,
    /// Its holder was dead; the pin is gone now.
    Removed,
}

/// Which place a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Equal for two stores that are one place. Has no credentials in it.
    pub identity: String,
    /// The place as messages show it. Has no credentials in it.
    pub display: String,
    /// The directory, where the place is one on this machine.
    pub directory: Option<PathBuf>,
}

/// What kind of place it is, as far as that is known without asking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreTraits {
    /// What becomes of an upload until it is finished.
    pub uploads: Uploads,
    /// Whether directories can be listed. Where not, what is not named by its key cannot be found.
    pub lists: bool,
}

/// What becomes of an upload until it is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Uploads {
    /// It is written apart from the visible files, and what a killed run has written of it can be resumed. Finishing it is a
    /// rename, to any key.
    Resumable,
    /// The same, but what a killed run has left of it is complete or absent.
    Staged,
    /// It has its key as soon as it is complete: the store has no rename. No reader looks there before another file names it.
    /// It must be finished under the key that it was uploaded for, which changes nothing any more. What a killed run
    /// has left under the keys of its files is found by listing those.
    Named,
}

/// How many requests at a time serve a place best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parallelism {
    /// As many as the machine has cores.
    Cores,
    /// Some more than there are cores, since they wait.
    Flash,
    /// So many, whatever the machine is.
    Fixed(usize),
}

/// How much of each entry a listing is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detail {
    /// Names and kinds: on a local disk, the other fields cost a system call for each file.
    Names,
    /// Sizes and ages, too.
    Sizes,
    /// Names and kinds; fails if another file is in the place of one that this handle has uploaded, where the store can tell.
    AsUploaded,
}

/// What becomes of uploads in parts that no run owns any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadSweep {
    /// They are counted.
    Count,
    /// They are aborted.
    Abort,
}

/// What was found of uploads in parts that no run owns any more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SweptUploads {
    /// How many are aborted, or would be.
    pub aborted: u64,
    /// The files that are there all the same: aborting an upload to one of them may destroy it.
    pub beside_files: Vec<Key>,
}

/// What may still be written, as far as the place knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Bytes.
    pub bytes: Option<u64>,
    /// New files.
    pub files: Option<u64>,
}

/// A kind of place. [`Store`](super::Store) has the rules of each operation; a backend keeps them for its place, and leaves
/// out nothing: no method has a default.
pub(crate) trait Backend: fmt::Debug + Send + Sync {
    fn place(&self) -> &Place;
    fn traits(&self) -> StoreTraits;
    fn parallelism(&self) -> Parallelism;
    fn warnings(&self) -> Vec<Warning>;
    fn room(&self) -> Room;
    fn exists(&self) -> Result<bool>;
    fn create_root(&self, durability: Durability) -> Result<()>;
    fn limit_modes(&self, directory_mode: u32);
    fn list(&self, directory: Option<&Key>, detail: Detail, each: &mut dyn FnMut(Entry)) -> Result<()>;
    /// Hands over every file below a directory, if one listing has them all; else `false`, and nothing.
    fn list_below(&self, directory: &Key, each: &mut dyn FnMut(Key, Stat)) -> Result<bool>;
    fn stat(&self, key: &Key) -> Result<Option<Stat>>;
    fn open(&self, key: &Key) -> Result<Box<dyn Object>>;
    fn put(
        &self,
        run: &str,
        key: &Key,
        content: PutContent<'_>,
        mode: PutMode,
        durability: Durability,
    ) -> Result<Put>;
    fn now(&self) -> Option<SystemTime>;
    fn upload(
        &self,
        run: &str,
        key: &Key,
        content: &mut dyn Read,
        expected_bytes: u64,
        mode: PutMode,
    ) -> Result<Upload>;
    fn record(&self, run: &str, name: &Key, content: &mut dyn Read) -> Result<Upload>;
    fn resume(
        &self,
        upload: &Upload,
        run: &str,
        content: &mut dyn Read,
        expected_bytes: u64,
    ) -> Result<Upload>;
    fn upload_clone(&self, run: &str, key: &Key, source: &File, size_bytes: u64) -> Result<Option<Upload>>;
    fn open_upload(&self, upload: &Upload) -> Result<Box<dyn Object>>;
    fn finish(
        &self,
        uploads: Vec<(Upload, Key)>,
        mode: PutMode,
        durability: Durability,
    ) -> Result<Vec<(Upload, Key)>>;
    fn persist(&self, what: Persist<'_>) -> Result<()>;
    fn leftovers(&self) -> Result<Vec<Leftover>>;
    fn discard(&self, run: &str) -> Result<()>;
    fn delete(&self, keys: &[Key]) -> Vec<NotDeleted>;
    /// Deals with uploads in parts that no run owns any more and that are older than this. Nothing is found where there are none, and
    /// where they cannot be listed.
    fn sweep_uploads(&self, min_age: Duration, sweep: UploadSweep) -> Result<SweptUploads>;
    /// `Unsupported` where a holder of the lease that was stopped could go on to delete what others use by then.
    fn require_collectable(&self) -> Result<()>;
    fn lease(&self, wait: LockWait, holder: &str, should_stop: &dyn Fn() -> bool) -> Result<Box<dyn Lease>>;
    fn pin(&self, directory: &Key, content: &[u8]) -> Result<(Key, Box<dyn Lease>)>;
    fn sweep_pin(&self, key: &Key, should_stop: &dyn Fn() -> bool) -> Result<PinState>;
    /// Tries what only such a place promises, below a directory for it.
    fn examine(&self, below: &Key, should_stop: &dyn Fn() -> bool) -> Result<Vec<Promise>>;
}
