//! What the protocol needs of a place: a handful of small objects in one directory.

use std::fmt;
use std::io;
use std::time::SystemTime;

use crate::{Error, ErrorKind, Result};

/// The objects below `stonekeep/leases/`. Requests have the limit in time of [`super::Times::request_limit`] and are not
/// repeated inside; a listing shows what was put before it was asked for.
pub(crate) trait LeaseObjects: fmt::Debug + Send + Sync {
    /// Writes an object whose name was never used.
    fn put_new(&self, name: &str, content: &[u8]) -> Result<()>;

    /// Writes an own object again, if it still is the version that was read, where the place can tell.
    fn overwrite(&self, name: &str, content: &[u8], read: &Version) -> Result<Overwritten>;

    /// All of them, in no order.
    fn list(&self) -> Result<Vec<Listed>>;

    /// `None` if there is no such object.
    fn get(&self, name: &str) -> Result<Option<Found>>;

    /// An object that is not there counts as deleted.
    fn delete(&self, name: &str) -> Result<()>;

    /// From now on nothing is carried out any more that the holder of this lease, who is dead or has lost it, may have sent or
    /// sends later. Nothing is to be done where its requests run out.
    fn shut_out(&self, _name: &str) -> Result<()> {
        Ok(())
    }
}

/// Which version of an object was read, where the place has versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) e_tag: Option<String>,
    pub(crate) version: Option<String>,
}

/// How an overwrite ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overwritten {
    Done,
    /// Another version is there, or nothing.
    Changed,
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    /// By the clock of the place.
    pub(crate) modified: SystemTime,
}

/// An object that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) content: Vec<u8>,
    pub(crate) version: Version,
}

/// Whether a request that failed so may succeed when it is made again.
pub(super) fn may_pass(error: &Error) -> bool {
    let lasting = [
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::NotFound,
        io::ErrorKind::QuotaExceeded,
        io::ErrorKind::NotADirectory,
    ];
    error.kind() == ErrorKind::Io && !error.io_kind().is_some_and(|kind| lasting.contains(&kind))
}
