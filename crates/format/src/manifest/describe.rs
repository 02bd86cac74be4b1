//! A version edit in words, one line for each thing that it says.

use std::fmt::{self, Display, Formatter};

use super::blob::{BlobFileAddition, BlobFileGarbage};
use super::edit::{ColumnFamilyChange, VersionEdit};
use super::field::UnknownField;
use super::new_file::NewFile;

/// Bytes between quotes, everything but printable ASCII escaped.
struct Quoted<'a>(&'a [u8]);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Bytes as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An internal key: the user key, the sequence number and the value type (`db/dbformat.h`).
struct InternalKey<'a>(&'a [u8]);

impl Display for InternalKey<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some((user_key, trailer)) = self.0.split_last_chunk() else {
            return Quoted(self.0).fmt(f);
        };
        let packed = u64::from_le_bytes(*trailer);
        write!(f, "{}@{}:{}", Quoted(user_key), packed >> 8, packed & 0xff)
    }
}

/// Writes `name: value` on a line of its own for a field that is there.
fn line(f: &mut Formatter<'_>, name: &str, value: Option<impl Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| writeln!(f, "{name}: {value}"))
}

/// Writes ` name=value` for a field that is there.
fn word(f: &mut Formatter<'_>, name: &str, value: Option<impl Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, " {name}={value}"))
}

fn quoted(bytes: &Option<Vec<u8>>) -> Option<Quoted<'_>> {
    bytes.as_deref().map(Quoted)
}

fn unknown_words(f: &mut Formatter<'_>, fields: &[UnknownField]) -> fmt::Result {
    for field in fields {
        write!(f, " custom tag {}={}", field.tag, Quoted(&field.value))?;
    }
    Ok(())
}

impl Display for VersionEdit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        line(f, "db id", quoted(&self.db_id))?;
        line(
            f,
            "column family",
            Some(self.column_family).filter(|id| id.0 != 0),
        )?;
        match &self.column_family_change {
            Some(ColumnFamilyChange::Add(name)) => line(f, "add column family", Some(Quoted(name)))?,
            Some(ColumnFamilyChange::Drop) => writeln!(f, "drop column family")?,
            None => {}
        }
        line(f, "comparator", quoted(&self.comparator))?;
        line(
            f,
            "persist user-defined timestamps",
            self.persist_user_defined_timestamps,
        )?;
        line(f, "log number", self.log_number)?;
        line(f, "previous log number", self.prev_log_number)?;
        line(f, "next file number", self.next_file_number)?;
        line(f, "max column family", self.max_column_family)?;
        line(f, "min log number to keep", self.min_log_number_to_keep)?;
        line(f, "last sequence", self.last_sequence)?;
        self.describe_files(f)?;
        self.describe_wals(f)?;
        line(f, "atomic group, edits to come", self.atomic_group_remaining)?;
        line(f, "full history ts low", quoted(&self.full_history_ts_low))?;
        let compacted = self.last_compacted_manifest_size_bytes;
        line(f, "last compacted manifest size", compacted)?;
        for field in &self.ignored {
            writeln!(f, "ignored tag {}: {}", field.tag, Quoted(&field.value))?;
        }
        Ok(())
    }
}

impl VersionEdit {
    fn describe_files(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for cursor in &self.compact_cursors {
            writeln!(
                f,
                "compact cursor: level {} {}",
                cursor.level,
                InternalKey(&cursor.key)
            )?;
        }
        for deleted in &self.deleted_files {
            writeln!(
                f,
                "delete table: level {} number {}",
                deleted.level, deleted.number
            )?;
        }
        self.new_files.iter().try_for_each(|file| writeln!(f, "{file}"))?;
        self.blob_additions
            .iter()
            .try_for_each(|blob| writeln!(f, "{blob}"))?;
        self.blob_garbage
            .iter()
            .try_for_each(|blob| writeln!(f, "{blob}"))
    }

    fn describe_wals(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for wal in &self.wal_additions {
            write!(f, "add WAL: number {}", wal.number)?;
            word(f, "synced_size", wal.synced_size_bytes)?;
            writeln!(f)?;
        }
        line(f, "delete WALs before", self.wals_deleted_before)
    }
}

impl Display for NewFile {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "add table ({:?}): level {} number {} size {} {} to {} seqnos {} to {}",
            self.form,
            self.level,
            self.number,
            self.size_bytes,
            InternalKey(&self.smallest),
            InternalKey(&self.largest),
            self.smallest_seqno,
            self.largest_seqno,
        )?;
        word(f, "path_id", Some(self.path_id).filter(|id| *id != 0))?;
        word(f, "oldest_ancestor_time", self.oldest_ancestor_time)?;
        word(f, "file_creation_time", self.file_creation_time)?;
        word(f, "epoch_number", self.epoch_number)?;
        word(f, "file_checksum", self.file_checksum.as_deref().map(Hex))?;
        word(
            f,
            "file_checksum_func_name",
            quoted(&self.file_checksum_func_name),
        )?;
        word(f, "temperature", Some(self.temperature).filter(|t| t.byte() != 0))?;
        word(
            f,
            "marked_for_compaction",
            Some(true).filter(|_| self.marked_for_compaction),
        )?;
        word(f, "min_log_number_to_keep", self.min_log_number_to_keep)?;
        word(f, "oldest_blob_file_number", self.oldest_blob_file_number)?;
        word(f, "unique_id", self.unique_id)?;
        let compensated = self.compensated_range_deletion_size_bytes;
        word(f, "compensated_range_deletion_size", compensated)?;
        word(f, "tail_size", self.tail_size_bytes)?;
        let persisted = self.user_defined_timestamps_persisted;
        word(
            f,
            "user_defined_timestamps_persisted",
            Some(false).filter(|_| !persisted),
        )?;
        word(f, "min_timestamp", quoted(&self.min_timestamp))?;
        word(f, "max_timestamp", quoted(&self.max_timestamp))?;
        word(f, "file_open_metadata", quoted(&self.file_open_metadata))?;
        unknown_words(f, &self.ignored)
    }
}

impl Display for BlobFileAddition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (count, bytes) = (self.total_count, self.total_bytes);
        write!(
            f,
            "add blob file: number {} blobs {count} bytes {bytes}",
            self.number
        )?;
        let checked = !self.checksum_method.is_empty();
        word(
            f,
            "checksum_method",
            checked.then_some(Quoted(&self.checksum_method)),
        )?;
        word(f, "checksum_value", checked.then_some(Hex(&self.checksum_value)))?;
        unknown_words(f, &self.ignored)
    }
}

impl Display for BlobFileGarbage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (count, bytes) = (self.count, self.bytes);
        write!(
            f,
            "blob garbage: number {} blobs {count} bytes {bytes}",
            self.number
        )?;
        unknown_words(f, &self.ignored)
    }
}
