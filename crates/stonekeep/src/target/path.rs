//! Places at a target.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Key;

/// A place at the target: a root, whose own path may lead through links since its owner chose it, and a key below it. No
/// link is followed below the root.
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

    /// Whether the place is directly in this directory.
    pub(crate) fn is_in(&self, directory: &Self) -> bool {
        let below = |key: &Key| key.directory() == directory.below.as_ref().map(Key::as_str);
        self.below.as_ref().is_some_and(below) && self.root.as_os_str() == directory.root.as_os_str()
    }

    /// The complete path, for messages.
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
