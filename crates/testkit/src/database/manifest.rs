//! The MANIFEST of a fake database: its framing, and edits as RocksDB writes them.

use std::ops::RangeInclusive;
use std::path::Path;

use stonekeep_format::manifest::{
    BlobFileGarbage, ColumnFamily, ColumnFamilyChange, DatabaseState, DeletedFile, NewFile, TableFile,
    VersionEdit, WalAddition,
};
use stonekeep_format::{ColumnFamilyId, FileNumber, SequenceNumber};
use stonekeep_format_testkit::Encode as _;
use stonekeep_format_testkit::log::LogBuilder;

use super::builder::DatabaseBuilder;
use super::content::{COMPARATOR, append};

/// A MANIFEST that is appended to.
#[derive(Debug)]
pub(super) struct ManifestFile {
    pub(super) number: FileNumber,
    writer: LogBuilder,
}

impl ManifestFile {
    pub(super) fn new(number: FileNumber) -> Self {
        ManifestFile {
            number,
            writer: LogBuilder::new(),
        }
    }

    pub(super) fn append(&mut self, database: &Path, edit: &VersionEdit) {
        self.writer.write(&edit.encode());
        let path = database.join(format!("MANIFEST-{:06}", self.number.0));
        append(&path, &self.writer.take_bytes());
    }
}

/// A table in level 0 with keys and sequence numbers in this range.
pub(super) fn new_file(number: FileNumber, size_bytes: u64, sequences: RangeInclusive<u64>) -> NewFile {
    NewFile {
        number,
        size_bytes,
        smallest: internal_key(b"a", *sequences.end()),
        largest: internal_key(b"z", *sequences.start()),
        smallest_seqno: SequenceNumber(*sequences.start()),
        largest_seqno: SequenceNumber(*sequences.end()),
        epoch_number: Some(number.0),
        ..NewFile::default()
    }
}

/// The addition of a table of the state, whose keys are those of `new_file`.
pub fn added_again(table: &TableFile) -> NewFile {
    let sequences = table.smallest_seqno.0..=table.largest_seqno.0;
    let checksum = table.checksum.as_ref();
    NewFile {
        level: table.level,
        path_id: table.path_id,
        epoch_number: table.epoch_number,
        oldest_blob_file_number: table.oldest_blob_file_number,
        unique_id: table.unique_id,
        temperature: table.temperature,
        file_checksum_func_name: checksum.map(|checksum| checksum.function.clone()),
        file_checksum: checksum.map(|checksum| checksum.value.clone()),
        ..new_file(table.number, table.size_bytes, sequences)
    }
}

/// So many internal keys, the first and the last of which are those of [`new_file`].
pub(super) fn keys_of_table(count: u64, sequences: RangeInclusive<u64>) -> Vec<Vec<u8>> {
    let key = |n: u64| match n {
        0 => internal_key(b"a", *sequences.end()),
        n if n + 1 == count => internal_key(b"z", *sequences.start()),
        n => internal_key(
            &[b'b', n as u8],
            sequences.end() - n.min(sequences.end() - sequences.start()),
        ),
    };
    (0..count).map(key).collect()
}

/// A user key, then the sequence number with the type of a put (`db/dbformat.h`).
fn internal_key(user_key: &[u8], sequence: u64) -> Vec<u8> {
    let mut key = user_key.to_vec();
    key.extend_from_slice(&((sequence << 8) | 1).to_le_bytes());
    key
}

/// The edit that adds a table, which also takes these away.
pub(super) fn replacing(deleted: impl Iterator<Item = (u32, FileNumber)>, added: VersionEdit) -> VersionEdit {
    VersionEdit {
        deleted_files: deleted
            .map(|(level, number)| DeletedFile { level, number })
            .collect(),
        ..added
    }
}

/// The edit about one WAL.
pub(super) fn tracks_wal(number: FileNumber, synced_size_bytes: Option<u64>) -> VersionEdit {
    VersionEdit {
        wal_additions: vec![WalAddition {
            number,
            synced_size_bytes,
        }],
        ..VersionEdit::default()
    }
}

/// The edits that a MANIFEST begins with, in the order of `VersionSet::WriteCurrentStateToManifest`
/// (`db/version_set.cc`): database id, WALs, then for each column family its being there and its files.
pub(super) fn snapshot(
    state: &DatabaseState,
    settings: &DatabaseBuilder,
    next_number: u64,
) -> Vec<VersionEdit> {
    let mut edits = Vec::new();
    if settings.id_in_manifest {
        edits.push(VersionEdit {
            db_id: Some(settings.database_id.clone().into_bytes()),
            ..VersionEdit::default()
        });
    }
    edits.extend(
        state
            .tracked_wals()
            .iter()
            .map(|(number, size)| tracks_wal(number, size)),
    );
    for family in state.column_families().values() {
        edits.push(existence_of(family));
        edits.push(files_of(family));
    }
    edits.push(VersionEdit {
        prev_log_number: Some(FileNumber(0)),
        next_file_number: Some(FileNumber(next_number)),
        last_sequence: Some(state.last_sequence().unwrap_or_default()),
        max_column_family: Some(state.max_column_family()),
        min_log_number_to_keep: state.min_log_number_to_keep(),
        ..VersionEdit::default()
    });
    edits
}

fn existence_of(family: &ColumnFamily) -> VersionEdit {
    let added = || ColumnFamilyChange::Add(family.name.clone());
    VersionEdit {
        column_family: family.id,
        column_family_change: (family.id != ColumnFamilyId::DEFAULT).then(added),
        comparator: Some(COMPARATOR.into()),
        ..VersionEdit::default()
    }
}

fn files_of(family: &ColumnFamily) -> VersionEdit {
    let with_garbage = family.blobs.values().filter(|blob| blob.garbage_count > 0);
    let garbage = with_garbage.map(|blob| BlobFileGarbage {
        number: blob.addition.number,
        count: blob.garbage_count,
        bytes: blob.garbage_bytes,
        ignored: Vec::new(),
    });
    VersionEdit {
        column_family: family.id,
        new_files: family.tables.values().map(added_again).collect(),
        blob_additions: family.blobs.values().map(|blob| blob.addition.clone()).collect(),
        blob_garbage: garbage.collect(),
        log_number: Some(family.log_number),
        ..VersionEdit::default()
    }
}
