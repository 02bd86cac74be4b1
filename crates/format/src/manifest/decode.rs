//! From the payload of a MANIFEST record to a version edit.

use crate::coding::Reader;
use crate::{ColumnFamilyId, FileKind, FileNumber, FormatError, Problem, Result, SequenceNumber};

use super::blob::{BlobFileAddition, BlobFileGarbage};
use super::edit::{ColumnFamilyChange, CompactCursor, DeletedFile, VersionEdit};
use super::field::{UnknownField, nested};
use super::new_file::{Keys, NewFile, NewFileForm, internal_key, single_byte};
use super::tag;
use super::wal::WalAddition;

impl VersionEdit {
    /// Reads the payload of one record.
    ///
    /// # Errors
    /// Unsupported for a tag that is neither known nor safe to ignore, corrupt for everything else. Offsets count
    /// from `base_offset`, as if the payload stood there in one piece: in a record that is spread over several
    /// log blocks, the true place lies behind by their headers.
    pub fn decode(payload: &[u8], base_offset: u64) -> Result<VersionEdit> {
        Self::decode_with(payload, base_offset, Keys::Kept)
    }

    /// The same without the keys of new files, which take most of the room and most of the time. The errors are the same.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_without_keys(payload: &[u8], base_offset: u64) -> Result<VersionEdit> {
        Self::decode_with(payload, base_offset, Keys::Checked)
    }

    fn decode_with(payload: &[u8], base_offset: u64, keys: Keys) -> Result<VersionEdit> {
        let mut reader = Reader::new(FileKind::Manifest, base_offset, payload);
        let mut edit = VersionEdit::default();
        while !reader.is_empty() {
            let tag = reader.varint32()?;
            edit.read_field(tag, &mut reader, keys)
                .map_err(|error| in_tag(tag, error))?;
        }
        Ok(edit)
    }

    pub(super) fn read_field(&mut self, tag: u32, reader: &mut Reader<'_>, keys: Keys) -> Result<()> {
        match tag {
            tag::COMPACT_CURSOR
            | tag::DELETED_FILE
            | tag::NEW_FILE
            | tag::NEW_FILE_2
            | tag::NEW_FILE_3
            | tag::NEW_FILE_4 => self.read_table_change(tag, reader, keys),
            tag::BLOB_FILE_ADDITION
            | tag::BLOB_FILE_ADDITION_DEPRECATED
            | tag::BLOB_FILE_GARBAGE
            | tag::BLOB_FILE_GARBAGE_DEPRECATED
            | tag::WAL_ADDITION
            | tag::WAL_ADDITION_2
            | tag::WAL_DELETION
            | tag::WAL_DELETION_2 => self.read_blob_or_wal(tag, reader),
            tag::COLUMN_FAMILY_ADD => {
                let name = reader.length_prefixed()?.to_vec();
                self.change_column_family(ColumnFamilyChange::Add(name), reader)
            }
            tag::COLUMN_FAMILY_DROP => self.change_column_family(ColumnFamilyChange::Drop, reader),
            _ => self.read_value(tag, reader),
        }
    }

    fn read_value(&mut self, tag: u32, reader: &mut Reader<'_>) -> Result<()> {
        match tag {
            tag::COMPARATOR => self.comparator = Some(reader.length_prefixed()?.to_vec()),
            tag::LOG_NUMBER => self.log_number = Some(FileNumber(reader.varint64()?)),
            tag::NEXT_FILE_NUMBER => self.next_file_number = Some(FileNumber(reader.varint64()?)),
            tag::LAST_SEQUENCE => self.last_sequence = Some(SequenceNumber(reader.varint64()?)),
            tag::PREV_LOG_NUMBER => self.prev_log_number = Some(FileNumber(reader.varint64()?)),
            tag::MIN_LOG_NUMBER_TO_KEEP => {
                self.min_log_number_to_keep = Some(FileNumber(reader.varint64()?));
            }
            tag::COLUMN_FAMILY => self.column_family = ColumnFamilyId(reader.varint32()?),
            tag::MAX_COLUMN_FAMILY => self.max_column_family = Some(ColumnFamilyId(reader.varint32()?)),
            tag::IN_ATOMIC_GROUP => self.atomic_group_remaining = Some(reader.varint32()?),
            tag::DB_ID => self.db_id = Some(reader.length_prefixed()?.to_vec()),
            tag::FULL_HISTORY_TS_LOW => self.full_history_ts_low = Some(not_empty(reader)?),
            tag::PERSIST_USER_DEFINED_TIMESTAMPS => {
                self.persist_user_defined_timestamps = Some(single_byte(&nested(reader)?)? == 1);
            }
            tag::LAST_COMPACTED_MANIFEST_FILE_SIZE => {
                self.last_compacted_manifest_size_bytes = Some(nested(reader)?.varint64()?);
            }
            _ => self.ignored.push(unknown_field(tag, reader)?),
        }
        Ok(())
    }

    fn read_table_change(&mut self, tag: u32, reader: &mut Reader<'_>, keys: Keys) -> Result<()> {
        let form = match tag {
            tag::COMPACT_CURSOR => {
                let level = reader.varint32()?;
                let key = internal_key(reader)?.to_vec();
                self.compact_cursors.push(CompactCursor { level, key });
                return Ok(());
            }
            tag::DELETED_FILE => {
                let level = reader.varint32()?;
                let number = FileNumber(reader.varint64()?);
                self.deleted_files.insert(DeletedFile { level, number });
                return Ok(());
            }
            tag::NEW_FILE => NewFileForm::NewFile,
            tag::NEW_FILE_2 => NewFileForm::NewFile2,
            tag::NEW_FILE_3 => NewFileForm::NewFile3,
            _ => NewFileForm::NewFile4,
        };
        // Decoded where it stays: it is large, and there are many.
        self.new_files.push(NewFile::default());
        let file = self.new_files.last_mut();
        file.map_or(Ok(()), |file| file.read(form, reader, keys))
    }

    fn read_blob_or_wal(&mut self, tag: u32, reader: &mut Reader<'_>) -> Result<()> {
        match tag {
            tag::BLOB_FILE_ADDITION | tag::BLOB_FILE_ADDITION_DEPRECATED => {
                self.blob_additions.push(BlobFileAddition::decode(reader)?);
            }
            tag::BLOB_FILE_GARBAGE | tag::BLOB_FILE_GARBAGE_DEPRECATED => {
                self.blob_garbage.push(BlobFileGarbage::decode(reader)?);
            }
            tag::WAL_ADDITION => self.wal_additions.push(WalAddition::decode(reader)?),
            tag::WAL_ADDITION_2 => self
                .wal_additions
                .push(WalAddition::decode(&mut nested(reader)?)?),
            tag::WAL_DELETION => self.wals_deleted_before = Some(FileNumber(reader.varint64()?)),
            _ => self.wals_deleted_before = Some(FileNumber(nested(reader)?.varint64()?)),
        }
        Ok(())
    }

    fn change_column_family(&mut self, change: ColumnFamilyChange, reader: &Reader<'_>) -> Result<()> {
        if self.column_family_change.is_some() {
            return Err(reader.corrupt("a column family is added or dropped twice in one edit"));
        }
        self.column_family_change = Some(change);
        Ok(())
    }
}

fn not_empty(reader: &mut Reader<'_>) -> Result<Vec<u8>> {
    let field = nested(reader)?;
    if field.is_empty() {
        return Err(field.corrupt("a timestamp is empty"));
    }
    Ok(field.rest().to_vec())
}

fn unknown_field(tag: u32, reader: &mut Reader<'_>) -> Result<UnknownField> {
    if tag & tag::SAFE_IGNORE_MASK == 0 {
        return Err(reader.unsupported("it is not known and must not be ignored; a newer RocksDB wrote it"));
    }
    let value = reader.length_prefixed()?.to_vec();
    Ok(UnknownField { tag, value })
}

/// The same error, with the tag of the field that it is in.
fn in_tag(tag: u32, error: FormatError) -> FormatError {
    let name = |reason: String| format!("tag {tag}: {reason}");
    let problem = match error.problem {
        Problem::Corrupt(reason) => Problem::Corrupt(name(reason)),
        Problem::Unsupported(reason) => Problem::Unsupported(name(reason)),
    };
    FormatError { problem, ..error }
}
