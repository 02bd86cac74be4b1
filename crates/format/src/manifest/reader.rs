//! Reads a MANIFEST, complete or while it grows.

use crate::log::{LogRecord, LogScanner, RecordKind};
use crate::{FileKind, FormatError, Result};

use super::edit::VersionEdit;
use super::group::GroupBuffer;
use super::state::DatabaseState;

/// Folds a MANIFEST that is pushed in pieces into the state of the database; the keys of table files only if they are asked for.
///
/// An edit counts when its record is complete, and its atomic group too: so RocksDB recovers. Up to
/// [`applied_bytes`](Self::applied_bytes) the file can be cut, and RocksDB finds the same state in what is left.
#[derive(Debug)]
pub struct ManifestReader {
    scanner: LogScanner,
    fold: Fold,
}

#[derive(Debug)]
struct Fold {
    state: DatabaseState,
    leaves_out_files: bool,
    keeps_bounds: bool,
    groups: GroupBuffer,
    applied_bytes: u64,
    applied_edits: u64,
}

/// Where the part of a MANIFEST that counts ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManifestEnd {
    /// The end of the last record that counts, from the start of the file.
    pub applied_bytes: u64,
    /// What follows it.
    pub rest: ManifestRest,
    /// Whether an incomplete write follows it, after which nothing can be read: a torn record, or zeros. The beginning of an
    /// atomic group alone is no such write: a process may have ended there.
    pub is_torn: bool,
}

/// What follows the part of a MANIFEST that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManifestRest {
    /// Nothing.
    Nothing,
    /// Zeros: preallocated space.
    Zeros,
    /// A record that was not written in full.
    TornRecord,
    /// The beginning of an atomic group, perhaps with a torn record behind it.
    OpenGroup,
}

impl Default for ManifestReader {
    fn default() -> Self {
        Self::new()
    }
}

impl ManifestReader {
    /// At the start of a MANIFEST.
    pub fn new() -> Self {
        Self::resume(DatabaseState::default(), 0)
    }

    /// Behind `applied_bytes` of a MANIFEST that make `state`. The next byte to push is the one at that offset,
    /// so what did not count then is read once more.
    pub fn resume(state: DatabaseState, applied_bytes: u64) -> Self {
        ManifestReader {
            scanner: LogScanner::manifest_from(applied_bytes),
            fold: Fold {
                state,
                leaves_out_files: false,
                keeps_bounds: false,
                groups: GroupBuffer::default(),
                applied_bytes,
                applied_edits: 0,
            },
        }
    }

    /// Leaves tables and blob files out of the state.
    #[must_use]
    pub fn without_files(mut self) -> Self {
        self.fold.leaves_out_files = true;
        self
    }

    /// Keeps the smallest and the largest key of each table.
    #[must_use]
    pub fn with_bounds(mut self) -> Self {
        self.fold.keeps_bounds = true;
        self
    }

    /// Reads a MANIFEST that is in memory.
    ///
    /// # Errors
    /// As [`push`](Self::push) and [`finish`](Self::finish).
    pub fn read(bytes: &[u8]) -> Result<(DatabaseState, ManifestEnd)> {
        let mut reader = ManifestReader::new();
        reader.push(bytes)?;
        reader.finish()
    }

    /// Takes the next bytes of the file and applies every edit that counts by them.
    ///
    /// # Errors
    /// As [`VersionEdit::decode`], [`GroupBuffer::push`] and [`DatabaseState::apply`]; unsupported for a compressed
    /// log, which RocksDB never makes a MANIFEST of. The reader is unusable after an error.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let fold = &mut self.fold;
        self.scanner.push(bytes, &mut |record| fold.take(&record))
    }

    /// The end of the last record that counts, from the start of the file.
    pub fn applied_bytes(&self) -> u64 {
        self.fold.applied_bytes
    }

    /// How many edits were applied since this reader was made.
    pub fn applied_edits(&self) -> u64 {
        self.fold.applied_edits
    }

    /// The state after the last edit that counts.
    pub fn state(&self) -> &DatabaseState {
        &self.fold.state
    }

    /// The state, and where the part that counts ends, when no more bytes come for now. To continue later, give both
    /// to [`resume`](Self::resume).
    ///
    /// # Errors
    /// Corrupt when the file is damaged before its end, or lacks what RocksDB needs
    /// ([`DatabaseState::check_complete`]). A record or group that is not there in full is not damage.
    pub fn finish(self) -> Result<(DatabaseState, ManifestEnd)> {
        let log = self.scanner.finish();
        if let Some(damage) = log.damage() {
            return Err(damage);
        }
        let applied_bytes = self.fold.applied_bytes;
        let rest = match (self.fold.groups.is_empty(), log.is_clean()) {
            (false, _) => ManifestRest::OpenGroup,
            (true, false) => ManifestRest::TornRecord,
            (true, true) if log.scanned_bytes > applied_bytes => ManifestRest::Zeros,
            (true, true) => ManifestRest::Nothing,
        };
        let is_torn = !log.is_clean() || rest == ManifestRest::Zeros;
        self.fold.state.check_complete(applied_bytes)?;
        let end = ManifestEnd {
            applied_bytes,
            rest,
            is_torn,
        };
        Ok((self.fold.state, end))
    }
}

impl Fold {
    fn take(&mut self, record: &LogRecord<'_>) -> Result<()> {
        if record.kind != RecordKind::Data {
            let reason = format!("{:?} in a MANIFEST", record.kind);
            return Err(FormatError::unsupported(
                FileKind::Manifest,
                record.offset,
                reason,
            ));
        }
        let mut edit = if self.keeps_bounds {
            VersionEdit::decode(record.payload, record.offset)?
        } else {
            VersionEdit::decode_without_keys(record.payload, record.offset)?
        };
        if self.leaves_out_files {
            edit.leave_out_files();
        }
        if self.groups.is_empty() && edit.atomic_group_remaining.is_none() {
            self.apply(edit, record.offset)?;
        } else {
            for placed in self.groups.push(edit, record.offset)? {
                self.apply(placed.edit, placed.offset)?;
            }
        }
        if self.groups.is_empty() {
            self.applied_bytes = record.end_offset;
        }
        Ok(())
    }

    fn apply(&mut self, edit: VersionEdit, offset: u64) -> Result<()> {
        self.state.apply(edit, offset)?;
        self.applied_edits += 1;
        Ok(())
    }
}
