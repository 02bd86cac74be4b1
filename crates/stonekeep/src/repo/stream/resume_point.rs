//! Where the follower was that wrote a segment: what another one needs to go on there.

use serde::{Deserialize, Serialize};
use stonekeep_format::wal::{ReplayState, SequenceBounds};
use stonekeep_format::{Crc32c, FileNumber, SequenceNumber};

use super::bare;
use super::places::{ManifestPosition, WalPosition};
use super::raw_record::RawRecord;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePoint {
    /// The WAL that is followed, and the end of its last record; those before it are final.
    pub wal: WalPosition,
    /// How many bytes before that place have the checksum: the last 64 KiB, or all if they are fewer.
    pub recent_bytes: u32,
    /// Their checksum.
    #[serde(with = "bare")]
    pub recent_crc32c: Crc32c,
    /// The MANIFEST, and how far it was read.
    pub manifest: ManifestPosition,
    /// The last sequence number in use, if a batch was seen: it is not less than this.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "bare")]
    pub last_lowest: Option<SequenceNumber>,
    /// It is not more than this.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "bare")]
    pub last_highest: Option<SequenceNumber>,
    /// The newest OPTIONS file that the stream has.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "bare")]
    pub options: Option<FileNumber>,
    /// The transactions that are prepared, and neither committed nor rolled back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepared: Vec<PreparedKeys>,
    /// Whether a batch has shown that each key has a sequence number.
    #[serde(default)]
    pub seen_per_key: bool,
    /// Whether a batch has shown that each batch without a repeated key has one (WritePrepared, WriteUnprepared).
    #[serde(default)]
    pub seen_per_batch: bool,
    /// The newest base that the follower has made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<NewestBase>,
    /// The newest WAL with missing sequence numbers, unless it is known that all column families were flushed since.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "bare")]
    pub gap: Option<FileNumber>,
}

/// What a follower knows of the bases of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BasesSoFar {
    /// The newest one.
    pub newest: Option<NewestBase>,
    /// See [`ResumePoint::gap`]. What has the numbers may have been in memory only, and lacks in every base that is captured before a flush.
    pub gap: Option<FileNumber>,
}

/// The newest base, and what came since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewestBase {
    /// The backup.
    pub backup_id: u32,
    /// When it was captured, in milliseconds since 1970.
    pub wall_ms: i64,
    /// How many bytes of WALs the stream has got since.
    pub wal_bytes: u64,
    /// Whether a break came since, or it lacks something of before: no later point can be reached from it.
    pub broken: bool,
}

impl ResumePoint {
    /// What the batches before determine about later ones; `None` if it makes no sense.
    pub fn replay(&self) -> Option<ReplayState> {
        let prepared = self.prepared.iter().map(|prepared| {
            let transaction: [u8; 16] = prepared.transaction.0.as_slice().try_into().ok()?;
            Some((u128::from_be_bytes(transaction), prepared.keys))
        });
        Some(ReplayState {
            prepared: prepared.collect::<Option<_>>()?,
            seen_per_key: self.seen_per_key,
            seen_per_batch: self.seen_per_batch,
        })
    }

    /// The last sequence number in use.
    pub fn last_sequence(&self) -> Option<SequenceBounds> {
        let (lowest, highest) = self.last_lowest.zip(self.last_highest)?;
        Some(SequenceBounds { lowest, highest })
    }
}

/// How many keys a transaction has prepared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedKeys {
    /// The 128 bits of XXH3 of its name, big-endian.
    pub transaction: RawRecord,
    /// How many.
    pub keys: u64,
}
