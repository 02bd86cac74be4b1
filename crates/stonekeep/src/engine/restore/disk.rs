//! What a restore does to the directories that it restores into: one small trait, so that tests can stop after each step.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::{Durability, Key, LocalFile};
use crate::{Result, Warning};

/// A place at the target: a root, whose own path may lead through links since its owner chose it, and what lies below it,
/// where no link is ever followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetPath {
    root: Arc<Path>,
    below: Option<Key>,
}

impl TargetPath {
    /// A directory that the caller of a restore has named.
    pub fn root(path: &Path) -> Self {
        TargetPath {
            root: path.into(),
            below: None,
        }
    }

    /// What lies under this key below the same root.
    pub fn with_key(&self, key: Key) -> Self {
        TargetPath {
            root: Arc::clone(&self.root),
            below: Some(key),
        }
    }

    /// The root.
    pub fn root_path(&self) -> &Path {
        &self.root
    }

    /// What lies below the root; `None` for the root itself.
    pub fn key(&self) -> Option<&Key> {
        self.below.as_ref()
    }

    /// The directory that the place is in; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let key = self.below.as_ref()?;
        Some(TargetPath {
            root: Arc::clone(&self.root),
            below: key.parent(),
        })
    }

    /// The whole path, for messages.
    pub fn path(&self) -> PathBuf {
        match &self.below {
            Some(key) => self.root.join(key.as_str()),
            None => self.root.to_path_buf(),
        }
    }
}

impl fmt::Display for TargetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(f)
    }
}

/// How much fits on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeSpace {
    /// Tells file systems apart.
    pub device: u64,
    /// Bytes that may still be written.
    pub free_bytes: u64,
}

/// The operations that change something at the target. Every one is atomic but [`TargetDisk::write`], which a crash may
/// leave half done. None follows a symbolic link below a root. [`super::SystemDisk`] is the real one; a test wraps it.
pub trait TargetDisk: fmt::Debug + Send + Sync {
    /// Makes a directory in one that is there; nothing happens if it is there already.
    fn make_directory(&self, at: &TargetPath) -> Result<()>;

    /// Writes all of `content` to a new file; its length. An error if something stands there. After an error nothing of
    /// the file stays, where that can be helped. What is to be durable is so after [`Self::sync_files`].
    fn write(
        &self,
        at: &TargetPath,
        content: &mut dyn Read,
        expected_bytes: u64,
        durability: Durability,
    ) -> Result<u64>;

    /// Gives a file a second name, or makes a copy of it where the file system has no hard links.
    fn duplicate(&self, from: &TargetPath, to: &TargetPath, durability: Durability) -> Result<()>;

    /// Gives a file another name on the same file system. An error if something stands there.
    fn rename(&self, from: &TargetPath, to: &TargetPath) -> Result<()>;

    /// Gives a file another name, in place of the file that has it now, if there is one.
    fn replace(&self, from: &TargetPath, to: &TargetPath) -> Result<()>;

    /// Removes a file, or a link itself; nothing happens if it is gone already.
    fn remove(&self, at: &TargetPath) -> Result<()>;

    /// Removes an empty directory; nothing happens if it is gone already.
    fn remove_directory(&self, at: &TargetPath) -> Result<()>;

    /// Writes the first `size_bytes` of an open file to a new one without copying them, as [`Self::write`] would;
    /// false, and nothing there, where that cannot be done.
    fn write_clone(
        &self,
        _at: &TargetPath,
        _source: LocalFile<'_>,
        _size_bytes: u64,
        _durability: Durability,
    ) -> Result<bool> {
        Ok(false)
    }

    /// Makes the content of files durable that are there already, written here or by an earlier run. True if all names below
    /// the roots of these files are durable by that, too.
    fn sync_files(&self, files: &[TargetPath]) -> Result<bool>;

    /// The file system that a directory is on, which is there.
    fn free_space(&self, directory: &Path) -> Result<FreeSpace>;

    /// What the user should know of the file systems that were written to.
    fn warnings(&self) -> Vec<Warning> {
        Vec::new()
    }

    /// Makes the names in a directory durable, as far as the file system can do that.
    fn sync_directory(&self, at: &TargetPath) -> Result<()>;
}
