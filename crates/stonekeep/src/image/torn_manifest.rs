//! A MANIFEST whose end was lost, so that the database would open without its newest tables.
//!
//! RocksDB reads a MANIFEST up to its last whole edit, and deletes the tables that no edit names
//! (`VersionSet::Recover`, `db/version_set.cc`; `DBImpl::DeleteObsoleteFiles`). Usually nothing is lost by that: what a flush wrote
//! just before a crash is in a WAL, what a compaction wrote is in other tables, and either has a number at or above the next
//! file number. But where such a table is complete and holds writes that neither MANIFEST nor WALs know of, the edit that named it
//! was there once.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::sst::{self, ReadError, TableProperties};
use stonekeep_format::{FileNumber, SequenceNumber};

use super::diagnostics::Diagnostics;
use super::listing::Listing;
use super::manifest::Manifest;
use super::pinned::Pinned;
use crate::{Error, Result, WarningName};

/// What is known of a database with such a MANIFEST.
pub(super) struct TornManifest<'a> {
    pub(super) manifest: &'a Manifest,
    /// Where its tables are.
    pub(super) directories: &'a [Listing],
    /// The first and the last sequence number in the needed WALs, if they hold anything.
    pub(super) in_wals: Option<(SequenceNumber, SequenceNumber)>,
    /// Take it as RocksDB would.
    pub(super) forced: bool,
}

/// What to do about it.
const HINT: &str = "the MANIFEST has lost its end, and what it named there. RocksDB would open the database without \
                               these tables and delete them: keep a copy, restore a backup, or pass --force to back up what \
                               RocksDB would open";

impl TornManifest<'_> {
    /// Looks for writes that would be lost. They forbid an image, unless it is forced.
    ///
    /// # Errors
    /// I/O errors of reading tables.
    pub(super) fn judge(&self, diagnostics: &mut Diagnostics) -> Result<()> {
        let mut unknown = None;
        for path in self.candidates() {
            let Some(properties) = complete_table(&path)? else {
                continue;
            };
            // The largest sequence number in it; RocksDB before 9.8 does not write it down.
            match largest_of(&properties) {
                Some(largest) if self.is_nowhere_else(largest) => {
                    self.report(&path, largest, diagnostics);
                    return Ok(());
                }
                Some(_) => {}
                None => unknown = Some(path),
            }
        }
        if let Some(table) = unknown {
            let message = format!(
                "it ends in a torn record at byte {}. The table {}, which it does not name, is complete, and may hold later \
                 writes than it: RocksDB would delete it",
                self.manifest.applied_bytes,
                table.display()
            );
            diagnostics.warn(WarningName::ManifestTorn, &self.manifest.file.path, message);
        }
        Ok(())
    }

    /// Whether neither the tables that the MANIFEST names nor the WALs can hold the write of this number. What a flush under
    /// way has written is in WALs, what a compaction has written is in tables that the MANIFEST names.
    fn is_nowhere_else(&self, number: SequenceNumber) -> bool {
        let in_wals = |(first, last): (SequenceNumber, SequenceNumber)| (first..=last).contains(&number);
        number > self.in_tables() && !self.in_wals.is_some_and(in_wals)
    }

    /// The last sequence number in the tables that the MANIFEST names.
    fn in_tables(&self) -> SequenceNumber {
        self.manifest.state.last_sequence().unwrap_or_default()
    }

    fn elsewhere(&self) -> String {
        let in_tables = self.in_tables();
        match self.in_wals {
            Some((first, last)) => {
                format!("what it names ends at {in_tables}, and the WALs hold {first} to {last}")
            }
            None => format!("what it names ends at {in_tables}, and the WALs hold nothing"),
        }
    }

    fn report(&self, table: &Path, largest: SequenceNumber, diagnostics: &mut Diagnostics) {
        let message = format!(
            "it ends in a torn record at byte {}, and does not name the complete table {}, which holds writes up to sequence \
             number {largest}; {}",
            self.manifest.applied_bytes,
            table.display(),
            self.elsewhere()
        );
        let path = &self.manifest.file.path;
        if self.forced {
            let message = format!("{message}. It is backed up without that table, as RocksDB would open it");
            diagnostics.warn(WarningName::ManifestTorn, path, message);
        } else {
            diagnostics.add_finding(path, message);
            diagnostics.hint(HINT.to_owned());
        }
    }

    /// Tables that the last whole edit cannot know of, the newest first.
    fn candidates(&self) -> Vec<PathBuf> {
        let next = self.manifest.state.next_file_number().unwrap_or_default();
        let mut found: Vec<(FileNumber, PathBuf)> = Vec::new();
        for listing in self.directories {
            for file in &listing.files {
                if let Some(DbFileName::Table { number, .. }) = file.parsed
                    && number >= next
                {
                    found.push((number, listing.path_of(file)));
                }
            }
        }
        found.sort_by(|a, b| b.cmp(a));
        found.into_iter().map(|(_, path)| path).collect()
    }
}

/// The properties of the table at this path, if it and its footer are there and right.
fn complete_table(path: &Path) -> Result<Option<TableProperties>> {
    let Some(file) = Pinned::open(path)? else {
        return Ok(None);
    };
    let mut read = |offset: u64, length: usize| -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        file.file().read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    };
    match sst::read_properties(file.size_bytes, &mut read) {
        Ok(properties) => Ok(Some(properties)),
        Err(ReadError::Format(_)) => Ok(None),
        Err(ReadError::Io { source, .. }) if source.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(ReadError::Io { source, .. }) => {
            let what = format!("reading the properties of {}", path.display());
            Err(Error::io(what, source))
        }
    }
}

fn largest_of(properties: &TableProperties) -> Option<SequenceNumber> {
    let global = properties.external_global_seqno.filter(|seqno| seqno.0 > 0);
    properties.key_largest_seqno.max(global)
}
