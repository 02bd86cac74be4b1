//! Places in the WALs and the MANIFESTs of a database.

use std::fmt;

use serde::{Deserialize, Serialize};
use stonekeep_format::FileNumber;

use super::bare;

/// A place in the WALs of a database, in the order in which they are replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct WalPosition {
    /// The WAL.
    #[serde(with = "bare")]
    pub number: FileNumber,
    /// A place in it: the end of a record, or 0.
    pub offset: u64,
}

/// A place in the MANIFESTs of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct ManifestPosition {
    /// The MANIFEST.
    #[serde(with = "bare")]
    pub number: FileNumber,
    /// The end of a record in it.
    pub offset: u64,
}

impl fmt::Display for WalPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} of WAL {}", self.offset, self.number)
    }
}
