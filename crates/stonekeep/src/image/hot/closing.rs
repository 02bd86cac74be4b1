//! What was added to the MANIFEST since the state was read, and whether an image of that state is right nevertheless.

use std::collections::HashMap;

use stonekeep_format::FileNumber;
use stonekeep_format::log::{LogRecord, LogScanner};
use stonekeep_format::manifest::{DatabaseState, GroupBuffer, VersionEdit};

use crate::image::edit_rules::{may_be_an_ingestion, only_takes_tables};
use crate::image::manifest::Manifest;
use crate::{Observer, Result};

/// The edits behind those that make the state, as far as they are there in full.
#[derive(Debug)]
pub(in crate::image) struct Addition<'a> {
    state: &'a DatabaseState,
    /// How many there are.
    edits: u64,
    /// Whether one of them changes what is in the database other than by way of the WAL.
    is_harmful: bool,
    /// Whether one of them takes tables away and brings none.
    drops_tables: bool,
    /// The largest WAL number up to which one of them, or the state, lets WALs go.
    largest_log: FileNumber,
    /// The epochs of the tables that they add.
    epochs: HashMap<FileNumber, Option<u64>>,
}

impl<'a> Addition<'a> {
    /// Reads what the MANIFEST contains now.
    ///
    /// # Errors
    /// `Io`, and `Stopped` by the observer. What cannot be understood counts as harmful.
    pub(in crate::image) fn to(manifest: &'a Manifest, observer: &dyn Observer) -> Result<Addition<'a>> {
        let mut addition = Addition {
            state: &manifest.state,
            edits: 0,
            is_harmful: false,
            drops_tables: false,
            largest_log: manifest.state.max_log_number(),
            epochs: HashMap::new(),
        };
        let length = manifest.file.length()?;
        if length < manifest.applied_bytes {
            addition.note_damage();
            return Ok(addition);
        }
        let mut scanner = LogScanner::manifest_from(manifest.applied_bytes);
        let mut groups = GroupBuffer::default();
        let mut is_damaged = false;
        manifest
            .file
            .read_on(manifest.applied_bytes, length, observer, &mut |piece| {
                let pushed = if is_damaged {
                    Ok(())
                } else {
                    scanner.push(piece, &mut |record| addition.take(&record, &mut groups))
                };
                is_damaged |= pushed.is_err();
                Ok(())
            })?;
        if is_damaged || scanner.finish().damage().is_some() {
            addition.note_damage();
        }
        Ok(addition)
    }

    /// Whether there is nothing: the state still is the newest.
    pub(in crate::image) fn is_empty(&self) -> bool {
        self.edits == 0
    }

    /// Whether an image of the state is right nevertheless: the WALs contain everything that these edits do, and each WAL that
    /// they release is at most `ceiling`, so that it was opened before the state was read.
    pub(in crate::image) fn is_tolerable(&self, ceiling: FileNumber) -> bool {
        !self.is_harmful && self.largest_log <= ceiling
    }

    /// Whether the database holds the same as in the state, if its WALs are read as well. In doubt it does not: for
    /// example where tables are only removed, as by `DeleteFilesInRange`, though FIFO compaction and the compaction of mere
    /// tombstones look alike.
    pub(in crate::image) fn keeps_contents(&self) -> bool {
        !self.is_harmful && !self.drops_tables
    }

    fn note_damage(&mut self) {
        self.edits += 1;
        self.is_harmful = true;
    }

    fn take(&mut self, record: &LogRecord<'_>, groups: &mut GroupBuffer) -> stonekeep_format::Result<()> {
        let edit = VersionEdit::decode_without_keys(record.payload, record.offset)?;
        for placed in groups.push(edit, record.offset)? {
            self.note(&placed.edit);
        }
        Ok(())
    }

    fn note(&mut self, edit: &VersionEdit) {
        self.edits += 1;
        let logs = edit.log_number.into_iter().chain(edit.wal_floor());
        self.largest_log = logs.fold(self.largest_log, Ord::max);
        self.is_harmful |= edit.column_family_change.is_some()
            || may_be_an_ingestion(edit, |number| self.epoch_of(edit, number));
        self.drops_tables |= only_takes_tables(edit);
        let epochs = edit.new_files.iter().map(|file| (file.number, file.epoch_number));
        self.epochs.extend(epochs);
    }

    fn epoch_of(&self, edit: &VersionEdit, number: FileNumber) -> Option<u64> {
        let family = self.state.column_families().get(&edit.column_family);
        let table = family.and_then(|family| family.tables.get(&number));
        match table {
            Some(table) => table.epoch_number,
            None => self.epochs.get(&number).copied().flatten(),
        }
    }
}
