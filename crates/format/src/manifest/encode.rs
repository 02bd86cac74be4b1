//! From a version edit to the payload of a MANIFEST record.

use crate::coding::{put_length_prefixed, put_varint32, put_varint64};

use super::edit::{ColumnFamilyChange, VersionEdit};
use super::field::{put_field, put_varint_field};
use super::tag;

impl VersionEdit {
    /// The payload of the edit's record, its fields in the order in which `VersionEdit::EncodeTo` of
    /// `db/version_edit.cc` has them. Blob and WAL changes get their present tags, whichever they were read from.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put_numbers(&mut out);
        self.put_table_changes(&mut out);
        self.put_blob_and_wal_changes(&mut out);
        self.put_column_family(&mut out);
        self.put_late_fields(&mut out);
        out
    }

    fn put_numbers(&self, out: &mut Vec<u8>) {
        put_bytes(out, tag::DB_ID, &self.db_id);
        put_bytes(out, tag::COMPARATOR, &self.comparator);
        put_number(out, tag::LOG_NUMBER, self.log_number.map(|n| n.0));
        put_number(out, tag::PREV_LOG_NUMBER, self.prev_log_number.map(|n| n.0));
        put_number(out, tag::NEXT_FILE_NUMBER, self.next_file_number.map(|n| n.0));
        put_number(
            out,
            tag::MAX_COLUMN_FAMILY,
            self.max_column_family.map(|id| u64::from(id.0)),
        );
        put_number(
            out,
            tag::MIN_LOG_NUMBER_TO_KEEP,
            self.min_log_number_to_keep.map(|n| n.0),
        );
        put_number(out, tag::LAST_SEQUENCE, self.last_sequence.map(|n| n.0));
    }

    fn put_table_changes(&self, out: &mut Vec<u8>) {
        for cursor in &self.compact_cursors {
            put_varint32(out, tag::COMPACT_CURSOR);
            put_varint32(out, cursor.level);
            put_length_prefixed(out, &cursor.key);
        }
        for deleted in &self.deleted_files {
            put_varint32(out, tag::DELETED_FILE);
            put_varint32(out, deleted.level);
            put_varint64(out, deleted.number.0);
        }
        self.new_files.iter().for_each(|file| file.encode(out));
    }

    fn put_blob_and_wal_changes(&self, out: &mut Vec<u8>) {
        for addition in &self.blob_additions {
            put_varint32(out, tag::BLOB_FILE_ADDITION);
            addition.encode(out);
        }
        for garbage in &self.blob_garbage {
            put_varint32(out, tag::BLOB_FILE_GARBAGE);
            garbage.encode(out);
        }
        for wal in &self.wal_additions {
            let mut bytes = Vec::new();
            wal.encode(&mut bytes);
            put_field(out, tag::WAL_ADDITION_2, &bytes);
        }
        if let Some(number) = self.wals_deleted_before {
            put_varint_field(out, tag::WAL_DELETION_2, number.0);
        }
    }

    fn put_column_family(&self, out: &mut Vec<u8>) {
        let id = u64::from(self.column_family.0);
        put_number(out, tag::COLUMN_FAMILY, Some(id).filter(|id| *id != 0));
        match &self.column_family_change {
            Some(ColumnFamilyChange::Add(name)) => put_field(out, tag::COLUMN_FAMILY_ADD, name),
            Some(ColumnFamilyChange::Drop) => put_varint32(out, tag::COLUMN_FAMILY_DROP),
            None => {}
        }
        let remaining = self.atomic_group_remaining.map(u64::from);
        put_number(out, tag::IN_ATOMIC_GROUP, remaining);
    }

    fn put_late_fields(&self, out: &mut Vec<u8>) {
        put_bytes(out, tag::FULL_HISTORY_TS_LOW, &self.full_history_ts_low);
        if let Some(persist) = self.persist_user_defined_timestamps {
            put_field(out, tag::PERSIST_USER_DEFINED_TIMESTAMPS, &[u8::from(persist)]);
        }
        if let Some(size) = self.last_compacted_manifest_size_bytes {
            put_varint_field(out, tag::LAST_COMPACTED_MANIFEST_FILE_SIZE, size);
        }
        self.ignored.iter().for_each(|field| field.write(out));
    }
}

fn put_number(out: &mut Vec<u8>, tag: u32, number: Option<u64>) {
    if let Some(number) = number {
        put_varint32(out, tag);
        put_varint64(out, number);
    }
}

fn put_bytes(out: &mut Vec<u8>, tag: u32, bytes: &Option<Vec<u8>>) {
    if let Some(bytes) = bytes {
        put_field(out, tag, bytes);
    }
}
