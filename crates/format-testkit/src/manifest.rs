//! Version edits; see `stonekeep_format::manifest` for the layout. The tags are those of `db/version_edit.h`.

use stonekeep_format::Temperature;
use stonekeep_format::manifest::{
    BlobFileAddition, BlobFileGarbage, ColumnFamilyChange, NewFile, NewFileForm, UnknownField, VersionEdit,
    WalAddition,
};

use crate::Encode;
use crate::coding::{put_fixed64, put_length_prefixed, put_varint32, put_varint64};

/// What ends the custom fields of a new file.
const NEW_FILE_END: u32 = 1;

impl Encode for VersionEdit {
    /// The payload of the edit's record, its fields in the order in which `VersionEdit::EncodeTo` of
    /// `db/version_edit.cc` has them. Blob and WAL changes get their present tags, whichever they were read from.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_numbers(self, &mut out);
        put_table_changes(self, &mut out);
        put_blob_and_wal_changes(self, &mut out);
        put_column_family(self, &mut out);
        put_late_fields(self, &mut out);
        out
    }
}

fn put_numbers(edit: &VersionEdit, out: &mut Vec<u8>) {
    put_bytes(out, 8193, &edit.db_id);
    put_bytes(out, 1, &edit.comparator);
    put_number(out, 2, edit.log_number.map(|n| n.0));
    put_number(out, 9, edit.prev_log_number.map(|n| n.0));
    put_number(out, 3, edit.next_file_number.map(|n| n.0));
    put_number(out, 203, edit.max_column_family.map(|id| u64::from(id.0)));
    put_number(out, 10, edit.min_log_number_to_keep.map(|n| n.0));
    put_number(out, 4, edit.last_sequence.map(|n| n.0));
}

fn put_table_changes(edit: &VersionEdit, out: &mut Vec<u8>) {
    for cursor in &edit.compact_cursors {
        put_varint32(out, 5);
        put_varint32(out, cursor.level);
        put_length_prefixed(out, &cursor.key);
    }
    for deleted in &edit.deleted_files {
        put_varint32(out, 6);
        put_varint32(out, deleted.level);
        put_varint64(out, deleted.number.0);
    }
    edit.new_files.iter().for_each(|file| put_new_file(file, out));
}

fn put_blob_and_wal_changes(edit: &VersionEdit, out: &mut Vec<u8>) {
    for addition in &edit.blob_additions {
        put_varint32(out, 400);
        put_blob_addition(addition, out);
    }
    for garbage in &edit.blob_garbage {
        put_varint32(out, 401);
        put_blob_garbage(garbage, out);
    }
    for wal in &edit.wal_additions {
        put_field(out, 8199, &wal_addition(wal));
    }
    if let Some(number) = edit.wals_deleted_before {
        put_varint_field(out, 8200, Some(number.0));
    }
}

fn put_column_family(edit: &VersionEdit, out: &mut Vec<u8>) {
    let id = u64::from(edit.column_family.0);
    put_number(out, 200, Some(id).filter(|id| *id != 0));
    match &edit.column_family_change {
        Some(ColumnFamilyChange::Add(name)) => put_field(out, 201, name),
        Some(ColumnFamilyChange::Drop) => put_varint32(out, 202),
        _ => {}
    }
    put_number(out, 300, edit.atomic_group_remaining.map(u64::from));
}

fn put_late_fields(edit: &VersionEdit, out: &mut Vec<u8>) {
    put_bytes(out, 8198, &edit.full_history_ts_low);
    if let Some(persist) = edit.persist_user_defined_timestamps {
        put_field(out, 8201, &[u8::from(persist)]);
    }
    put_varint_field(out, 8203, edit.last_compacted_manifest_size_bytes);
    put_unknown(out, &edit.ignored);
}

/// The tag of its form and everything that this form has a place for.
fn put_new_file(file: &NewFile, out: &mut Vec<u8>) {
    put_varint32(
        out,
        match file.form {
            NewFileForm::NewFile => 7,
            NewFileForm::NewFile2 => 100,
            NewFileForm::NewFile3 => 102,
            _ => 103,
        },
    );
    put_varint32(out, file.level);
    put_varint64(out, file.number.0);
    if file.form == NewFileForm::NewFile3 {
        put_varint32(out, file.path_id);
    }
    put_varint64(out, file.size_bytes);
    put_length_prefixed(out, &file.smallest);
    put_length_prefixed(out, &file.largest);
    if file.form != NewFileForm::NewFile {
        put_varint64(out, file.smallest_seqno.0);
        put_varint64(out, file.largest_seqno.0);
    }
    if file.form == NewFileForm::NewFile4 {
        put_custom_fields(file, out);
    }
}

/// The order is RocksDB's, so that its records come back byte for byte.
fn put_custom_fields(file: &NewFile, out: &mut Vec<u8>) {
    put_varint_field(out, 5, file.oldest_ancestor_time);
    put_varint_field(out, 6, file.file_creation_time);
    put_varint_field(out, 13, file.epoch_number);
    put_bytes(out, 7, &file.file_checksum);
    put_bytes(out, 8, &file.file_checksum_func_name);
    if file.path_id != 0 {
        put_field(out, 65, &[file.path_id as u8]);
    }
    if file.temperature != Temperature::Unknown {
        put_field(out, 9, &[file.temperature.byte()]);
    }
    if file.marked_for_compaction {
        put_field(out, 2, &[1]);
    }
    if let Some(number) = file.min_log_number_to_keep {
        let mut bytes = Vec::new();
        put_fixed64(&mut bytes, number.0);
        put_field(out, 3, &bytes);
    }
    put_varint_field(out, 4, file.oldest_blob_file_number.map(|number| number.0));
    if let Some(id) = file.unique_id {
        put_field(out, 12, &id.to_bytes());
    }
    put_varint_field(out, 14, file.compensated_range_deletion_size_bytes);
    put_varint_field(out, 15, file.tail_size_bytes);
    if !file.user_defined_timestamps_persisted {
        put_field(out, 16, &[0]);
    }
    put_bytes(out, 10, &file.min_timestamp);
    put_bytes(out, 11, &file.max_timestamp);
    put_bytes(out, 17, &file.file_open_metadata);
    put_unknown(out, &file.ignored);
    put_varint32(out, NEW_FILE_END);
}

fn put_blob_addition(addition: &BlobFileAddition, out: &mut Vec<u8>) {
    put_varint64(out, addition.number.0);
    put_varint64(out, addition.total_count);
    put_varint64(out, addition.total_bytes);
    put_length_prefixed(out, &addition.checksum_method);
    put_length_prefixed(out, &addition.checksum_value);
    put_unknown(out, &addition.ignored);
    put_varint32(out, 0);
}

fn put_blob_garbage(garbage: &BlobFileGarbage, out: &mut Vec<u8>) {
    put_varint64(out, garbage.number.0);
    put_varint64(out, garbage.count);
    put_varint64(out, garbage.bytes);
    put_unknown(out, &garbage.ignored);
    put_varint32(out, 0);
}

fn wal_addition(wal: &WalAddition) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint64(&mut out, wal.number.0);
    put_number(&mut out, 2, wal.synced_size_bytes);
    put_varint32(&mut out, 1);
    out
}

fn put_unknown(out: &mut Vec<u8>, fields: &[UnknownField]) {
    for field in fields {
        put_field(out, field.tag, &field.value);
    }
}

/// A tag and a varint.
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

/// A tag, a length and the bytes.
fn put_field(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    put_varint32(out, tag);
    put_length_prefixed(out, value);
}

/// A tag, a length and a varint.
fn put_varint_field(out: &mut Vec<u8>, tag: u32, value: Option<u64>) {
    if let Some(value) = value {
        let mut bytes = Vec::new();
        put_varint64(&mut bytes, value);
        put_field(out, tag, &bytes);
    }
}
