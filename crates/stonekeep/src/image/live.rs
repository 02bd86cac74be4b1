//! How the image of a database that was being written came to its close, as it is kept with the backup.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is known of the close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCapture {
    /// How often the state had to be read until a round closed: 1 if nothing came between.
    pub rounds: u64,
    /// By which rule it closed.
    pub rule: ClosingRule,
    /// How long the closing round took, in microseconds: from the listing of the WALs to the last look; through a
    /// handle, how long file deletions were disabled.
    pub window_us: u64,
    /// Bytes after the last complete record of the WALs, which are not in the image.
    pub wal_bytes_trimmed: u64,
}

/// A duration as it is kept with a backup.
pub(super) fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What made sure that the files of an image are one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClosingRule {
    /// Nothing was added to the MANIFEST between the reading of its state and the end of the measuring of the WALs.
    Strict,
    /// Something was added, again and again, but only what cannot harm: no column families, no ingested files, and all
    /// WALs that the newest state needs were measured.
    Fallback,
    /// RocksDB kept its files meanwhile (`DisableFileDeletions`).
    DeletionsDisabled,
}

impl fmt::Display for ClosingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClosingRule::Strict => "strict",
            ClosingRule::Fallback => "fallback",
            ClosingRule::DeletionsDisabled => "deletions_disabled",
        })
    }
}
