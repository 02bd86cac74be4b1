//! One MANIFEST, read edit by edit as it grows.

use stonekeep_format::FileNumber;
use stonekeep_format::log::{LogRecord, LogScanner, RecordKind};
use stonekeep_format::manifest::{DatabaseState, GroupBuffer, VersionEdit};

use super::position::ManifestPosition;
use crate::image::pinned::Pinned;
use crate::{Error, Observer, Result};

/// A MANIFEST, and the state up to its last edit that was there in full.
#[derive(Debug)]
pub(super) struct ManifestTail {
    number: FileNumber,
    file: Pinned,
    state: DatabaseState,
    applied_bytes: u64,
}

/// An edit that counts.
pub(super) struct ReadEdit<'a> {
    /// The MANIFEST.
    pub(super) manifest: FileNumber,
    /// The state before it.
    pub(super) before: &'a DatabaseState,
    /// What it says.
    pub(super) edit: &'a VersionEdit,
    /// Where its record ends.
    pub(super) end_offset: u64,
    /// Its bytes, if it changes column families.
    pub(super) record: &'a [u8],
}

/// A record whose atomic group may be incomplete.
struct Record {
    offset: u64,
    end_offset: u64,
    bytes: Vec<u8>,
}

/// Takes each edit before it is applied.
pub(super) type EditSink<'s> = dyn FnMut(&ReadEdit<'_>) + 's;

impl ManifestTail {
    /// A MANIFEST of which nothing has been read.
    pub(super) fn new(number: FileNumber, file: Pinned) -> ManifestTail {
        ManifestTail {
            number,
            file,
            state: DatabaseState::default(),
            applied_bytes: 0,
        }
    }

    /// The number in its name.
    pub(super) fn number(&self) -> FileNumber {
        self.number
    }

    /// What it adds up to, as far as it was read.
    pub(super) fn state(&self) -> &DatabaseState {
        &self.state
    }

    /// How far it was read.
    pub(super) fn position(&self) -> ManifestPosition {
        ManifestPosition {
            number: self.number,
            bytes: self.applied_bytes,
        }
    }

    /// Whether its name still leads to this very file.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn is_in_place(&self) -> Result<bool> {
        self.file.is_in_place()
    }

    /// Reads the edits that have become complete.
    ///
    /// # Errors
    /// `Corrupt` if it is damaged or has become shorter, `Unsupported` if a newer RocksDB wrote it. What was applied before
    /// the damage counts; it can be read again from there.
    pub(super) fn read_on(&mut self, observer: &dyn Observer, sink: &mut EditSink<'_>) -> Result<()> {
        let length = self.file.length()?;
        self.read_to(length, observer, sink)
    }

    /// The same for the edits that end before this offset.
    ///
    /// # Errors
    /// As [`ManifestTail::read_on`].
    pub(super) fn read_to(
        &mut self,
        end: u64,
        observer: &dyn Observer,
        sink: &mut EditSink<'_>,
    ) -> Result<()> {
        if end < self.applied_bytes {
            let reason = format!("it became shorter than {} bytes", self.applied_bytes);
            return Err(Error::corrupt(self.name(), reason));
        }
        let name = self.name();
        let file = self.file.clone();
        let mut scanner = LogScanner::manifest_from(self.applied_bytes);
        let mut groups = GroupBuffer::default();
        let mut waiting = Vec::new();
        file.read_on(self.applied_bytes, end, observer, &mut |piece| {
            let pushed = scanner.push(piece, &mut |record| {
                self.take(&record, &mut groups, &mut waiting, sink)
            });
            pushed.map_err(|error| Error::format(name.as_str(), error))
        })?;
        match scanner.finish().damage() {
            Some(damage) => Err(Error::format(name, damage)),
            None => Ok(()),
        }
    }

    fn take(
        &mut self,
        record: &LogRecord<'_>,
        groups: &mut GroupBuffer,
        waiting: &mut Vec<Record>,
        sink: &mut EditSink<'_>,
    ) -> stonekeep_format::Result<()> {
        if record.kind != RecordKind::Data {
            return Ok(());
        }
        let edit = VersionEdit::decode_without_keys(record.payload, record.offset)?;
        let is_wanted = edit.column_family_change.is_some();
        waiting.push(Record {
            offset: record.offset,
            end_offset: record.end_offset,
            bytes: if is_wanted {
                record.payload.to_vec()
            } else {
                Vec::new()
            },
        });
        for placed in groups.push(edit, record.offset)? {
            let Some(read) = waiting.iter().find(|read| read.offset == placed.offset) else {
                continue;
            };
            sink(&ReadEdit {
                manifest: self.number,
                before: &self.state,
                edit: &placed.edit,
                end_offset: read.end_offset,
                record: &read.bytes,
            });
            self.state.apply(placed.edit, placed.offset)?;
        }
        if groups.is_empty() {
            waiting.clear();
            self.applied_bytes = record.end_offset;
        }
        Ok(())
    }

    fn name(&self) -> String {
        self.file.path.display().to_string()
    }
}
