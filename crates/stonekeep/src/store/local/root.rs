//! The directory of a repository: making it, and what its disk is like.

use std::fs::File;
use std::io;
use std::os::unix::fs::DirBuilderExt;

use super::LocalStore;
use crate::disk::{Making, file_system, no_directory};
use crate::store::contract::Backend;
use crate::store::{Durability, Parallelism};
use crate::{Error, IoContext, Result};

impl LocalStore {
    /// Whether the root is a directory that is there.
    pub(super) fn root_exists(&self) -> Result<bool> {
        let path = self.tree.root_path();
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Ok(true),
            Ok(_) => Err(Error::invalid(format!("{} is no directory", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).context("looking at", path),
        }
    }

    /// How many requests at a time serve the disk of the root best.
    pub(super) fn parallelism_of_disk(&self) -> Parallelism {
        let root = self.tree.find(None).ok().flatten();
        match root.and_then(|root| file_system::is_rotational(&root)) {
            // One that reads and one that writes.
            Some(true) => Parallelism::Fixed(2),
            Some(false) => Parallelism::Flash,
            None => Parallelism::Cores,
        }
    }

    /// [`crate::store::Store::create_root`].
    pub(super) fn make_root(&self, durability: Durability) -> Result<()> {
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
