//! That a database was put back to an older state between two backups, as a restore does.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The last backup before a database went back, and the sequence numbers around that. Facts keep it until it is accepted, so
/// that a purge need not find out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WentBack {
    /// The last backup before it.
    pub last_before: u32,
    /// The sequence number in that backup.
    pub from_sequence: u64,
    /// The sequence number in the first backup after it.
    pub to_sequence: u64,
}

impl WentBack {
    /// Whether a backup is one of the state that the database had before, if it is of this database at all.
    pub fn is_before(&self, backup_id: u32, sequence_number: u64) -> bool {
        backup_id <= self.last_before && sequence_number > self.to_sequence
    }
}

impl fmt::Display for WentBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WentBack {
            last_before,
            from_sequence,
            to_sequence,
        } = self;
        write!(
            f,
            "the sequence number of the database went back from {from_sequence} to {to_sequence} after backup {last_before}"
        )
    }
}
