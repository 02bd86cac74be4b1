//! Where a follower is, and where one begins.

use stonekeep_format::checksum::crc32c;
use stonekeep_format::wal::{ReplayState, SequenceBounds};
use stonekeep_format::{Crc32c, FileNumber};

/// So many bytes before a position show that a WAL is the one that was followed.
pub(super) const RECENT_BYTES: usize = 64 << 10;

/// Where a follower is: what another one needs to continue there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The WAL that is followed; those before it are final.
    pub wal: WalPosition,
    /// The MANIFEST, as far as it has been read.
    pub manifest: ManifestPosition,
    /// The last sequence number in use, if a batch was seen.
    pub last_sequence: Option<SequenceBounds>,
    /// What the batches determine about later ones: the prepared sections, among other things.
    pub replay: ReplayState,
    /// The newest OPTIONS file that was handed out.
    pub options: Option<FileNumber>,
}

/// A place in a WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalPosition {
    /// Its number.
    pub number: FileNumber,
    /// The end of a record.
    pub end: u64,
    /// What lies before.
    pub recent: Recent,
}

/// The bytes before a position: the last 64 KiB, or all if they are fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recent {
    /// How many.
    pub bytes: u32,
    /// Their CRC-32C.
    pub crc32c: Crc32c,
}

impl Recent {
    /// Of these bytes, which are no more than 64 KiB.
    pub(super) fn of(bytes: &[u8]) -> Recent {
        Recent {
            bytes: bytes.len() as u32,
            crc32c: crc32c(bytes),
        }
    }
}

/// A place in a MANIFEST: the end of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManifestPosition {
    /// Its number.
    pub number: FileNumber,
    /// How many of its bytes count.
    pub bytes: u64,
}

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// Behind all that is in the WALs now. A base that is captured from now on holds what was there before.
    Now,
    /// Where another follower was.
    Resumed(Position),
}
