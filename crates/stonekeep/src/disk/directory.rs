//! An open directory, and the paths below a root as messages show them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::file_system;

/// An open directory.
#[derive(Debug)]
pub(crate) struct Directory {
    opened: OwnedFd,
    /// The file system that its files are on.
    pub(crate) device: u64,
    in_memory: OnceLock<bool>,
}

impl Directory {
    pub(super) fn new(opened: OwnedFd) -> rustix::io::Result<Self> {
        let device = rustix::fs::fstat(&opened)?.st_dev;
        Ok(Directory {
            opened,
            device,
            in_memory: OnceLock::new(),
        })
    }

    /// Whether its file system has no disk to write to.
    pub(super) fn is_in_memory(&self) -> bool {
        *self.in_memory.get_or_init(|| file_system::has_no_disk(self))
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.opened.as_fd()
    }
}

/// The path of what is below a root, or of the root.
pub(crate) fn path_of(root: &Path, below: Option<&str>) -> PathBuf {
    below.map_or_else(|| root.to_owned(), |below| root.join(below))
}
