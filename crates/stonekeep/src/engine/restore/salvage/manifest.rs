//! S3: the MANIFEST without the lost tables.

use std::collections::{BTreeMap, BTreeSet};

use stonekeep_format::log::{LogScanner, LogWriter};
use stonekeep_format::manifest::{DatabaseState, DeletedFile, ManifestReader, Removal, VersionEdit};
use stonekeep_format::{ColumnFamilyId, FileNumber, Result};

/// The first and last key of a table, without sequence numbers.
pub(super) type KeyRange = (Vec<u8>, Vec<u8>);

/// What follows the key in an internal key: sequence number and type (`db/dbformat.h`).
const TRAILER_BYTES: usize = 8;

/// What a MANIFEST says.
pub(super) struct Manifest {
    pub(super) state: DatabaseState,
    /// How much of it is whole.
    whole_bytes: usize,
}

impl Manifest {
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let (state, end) = ManifestReader::read(bytes)?;
        Ok(Manifest {
            state,
            whole_bytes: usize::try_from(end.applied_bytes).unwrap_or(usize::MAX),
        })
    }

    /// The name of a column family.
    pub(super) fn family_name(&self, id: ColumnFamilyId) -> Option<String> {
        let family = self.state.column_families().get(&id)?;
        Some(String::from_utf8_lossy(&family.name).into_owned())
    }

    /// The keys of these tables.
    pub(super) fn keys(
        &self,
        bytes: &[u8],
        tables: &BTreeSet<FileNumber>,
    ) -> Result<BTreeMap<FileNumber, KeyRange>> {
        let mut keys = BTreeMap::new();
        let whole = bytes.get(..self.whole_bytes).unwrap_or(bytes);
        LogScanner::manifest().push(whole, &mut |record| {
            for file in VersionEdit::decode(record.payload, record.offset)?.new_files {
                if tables.contains(&file.number) {
                    keys.insert(file.number, (user_key(file.smallest), user_key(file.largest)));
                }
            }
            Ok(())
        })?;
        Ok(keys)
    }

    /// The MANIFEST with records behind it that remove these tables, and all WALs from the set of those that RocksDB misses
    /// when they are gone.
    pub(super) fn without(
        &self,
        bytes: &[u8],
        tables: BTreeMap<ColumnFamilyId, BTreeSet<DeletedFile>>,
        loses_wals: bool,
    ) -> Vec<u8> {
        let mut out = bytes.get(..self.whole_bytes).unwrap_or(bytes).to_vec();
        let mut writer = LogWriter::behind(out.len() as u64);
        for (column_family, tables) in tables {
            let removal = Removal {
                column_family,
                tables,
                wals_deleted_before: None,
            };
            writer.write(&removal.encode());
        }
        let last_tracked = self.state.tracked_wals().iter().map(|(number, _)| number).last();
        if let Some(last) = last_tracked.filter(|_| loses_wals) {
            let removal = Removal {
                wals_deleted_before: Some(FileNumber(last.0 + 1)),
                ..Removal::default()
            };
            writer.write(&removal.encode());
        }
        out.extend(writer.take_bytes());
        out
    }
}

fn user_key(mut internal: Vec<u8>) -> Vec<u8> {
    internal.truncate(internal.len().saturating_sub(TRAILER_BYTES));
    internal
}
