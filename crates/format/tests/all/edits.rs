//! Strategies for version edits.

use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;

use stonekeep_format::manifest::{
    BlobFileAddition, BlobFileGarbage, ColumnFamilyChange, CompactCursor, DeletedFile, NewFile, NewFileForm,
    UnknownField, VersionEdit, WalAddition,
};
use stonekeep_format::unique_id::UniqueId;
use stonekeep_format::{ColumnFamilyId, FileNumber, SequenceNumber, Temperature};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..20)
}

fn internal_key() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 8..20)
}

fn file_number() -> impl Strategy<Value = FileNumber> {
    any::<u64>().prop_map(FileNumber)
}

/// Custom fields under tags above the known ones, without bit 6.
fn unknown_custom_fields() -> impl Strategy<Value = Vec<UnknownField>> {
    let tag = (18..u32::MAX).prop_map(|tag| (tag & !64).max(18));
    vec(
        (tag, bytes()).prop_map(|(tag, value)| UnknownField { tag, value }),
        0..3,
    )
}

/// Fields under tags that are ignorable and not known.
fn unknown_fields() -> impl Strategy<Value = Vec<UnknownField>> {
    let tag = prop_oneof![Just(8202), Just(8192), (8204u32..16384)];
    vec(
        (tag, bytes()).prop_map(|(tag, value)| UnknownField { tag, value }),
        0..3,
    )
}

fn temperature() -> impl Strategy<Value = Temperature> {
    prop_oneof![
        Just(Temperature::Unknown),
        Just(Temperature::Hot),
        Just(Temperature::Warm),
        Just(Temperature::Cool),
        Just(Temperature::Cold),
        Just(Temperature::Ice),
    ]
}

/// What every form of a new file has.
fn bare_file() -> impl Strategy<Value = NewFile> {
    let numbers = (any::<u32>(), file_number(), any::<u64>());
    (numbers, internal_key(), internal_key()).prop_map(|((level, number, size_bytes), smallest, largest)| {
        NewFile {
            form: NewFileForm::NewFile,
            level,
            number,
            size_bytes,
            smallest,
            largest,
            ..NewFile::default()
        }
    })
}

fn file_with_seqnos(form: NewFileForm) -> impl Strategy<Value = NewFile> {
    (bare_file(), any::<u64>(), any::<u64>()).prop_map(move |(file, smallest, largest)| NewFile {
        form,
        smallest_seqno: SequenceNumber(smallest),
        largest_seqno: SequenceNumber(largest),
        ..file
    })
}

fn file_with_custom_fields() -> impl Strategy<Value = NewFile> {
    let numbers = (
        of(any::<u64>()),
        of(any::<u64>()),
        of(any::<u64>()),
        of(any::<u64>()),
        of(any::<u64>()),
    );
    let texts = (of(bytes()), of(bytes()), of(bytes()), of(bytes()), of(bytes()));
    let small = (0u32..4, temperature(), any::<bool>(), any::<bool>());
    let ids = (
        of(file_number()),
        of((1u64..).prop_map(FileNumber)),
        of(any::<[u8; 16]>()),
    );
    let rest = (numbers, texts, small, ids, unknown_custom_fields());
    (file_with_seqnos(NewFileForm::NewFile4), rest).prop_map(
        |(file, (numbers, texts, small, ids, ignored))| NewFile {
            oldest_ancestor_time: numbers.0,
            file_creation_time: numbers.1,
            epoch_number: numbers.2,
            tail_size_bytes: numbers.4,
            file_checksum: texts.0,
            file_checksum_func_name: texts.1,
            path_id: small.0,
            temperature: small.1,
            marked_for_compaction: small.2,
            user_defined_timestamps_persisted: small.3,
            min_log_number_to_keep: ids.0,
            oldest_blob_file_number: ids.1,
            unique_id: ids.2.map(UniqueId::from_bytes),
            compensated_range_deletion_size_bytes: numbers.3,
            min_timestamp: texts.2,
            max_timestamp: texts.3,
            file_open_metadata: texts.4,
            ignored,
            ..file
        },
    )
}

pub(crate) fn new_file() -> impl Strategy<Value = NewFile> {
    prop_oneof![
        bare_file(),
        file_with_seqnos(NewFileForm::NewFile2),
        (file_with_seqnos(NewFileForm::NewFile3), any::<u32>())
            .prop_map(|(file, path_id)| NewFile { path_id, ..file }),
        file_with_custom_fields(),
    ]
}

fn blob_addition() -> impl Strategy<Value = BlobFileAddition> {
    let texts = (bytes(), bytes(), unknown_custom_fields());
    (file_number(), any::<u64>(), any::<u64>(), texts).prop_map(
        |(number, total_count, total_bytes, texts)| BlobFileAddition {
            number,
            total_count,
            total_bytes,
            checksum_method: texts.0,
            checksum_value: texts.1,
            ignored: texts.2,
        },
    )
}

fn blob_garbage() -> impl Strategy<Value = BlobFileGarbage> {
    (file_number(), any::<u64>(), any::<u64>(), unknown_custom_fields()).prop_map(
        |(number, count, bytes, ignored)| BlobFileGarbage {
            number,
            count,
            bytes,
            ignored,
        },
    )
}

fn with_numbers() -> impl Strategy<Value = VersionEdit> {
    let files = (
        of(file_number()),
        of(file_number()),
        of(file_number()),
        of(file_number()),
    );
    let ids = (
        of(any::<u32>()),
        of(any::<u64>()),
        any::<u32>(),
        of(any::<u32>()),
        of(any::<u64>()),
    );
    (files, ids).prop_map(|(files, ids)| VersionEdit {
        log_number: files.0,
        prev_log_number: files.1,
        next_file_number: files.2,
        min_log_number_to_keep: files.3,
        max_column_family: ids.0.map(ColumnFamilyId),
        last_sequence: ids.1.map(SequenceNumber),
        column_family: ColumnFamilyId(ids.2),
        atomic_group_remaining: ids.3,
        last_compacted_manifest_size_bytes: ids.4,
        ..VersionEdit::default()
    })
}

fn with_tables() -> impl Strategy<Value = VersionEdit> {
    let cursor = (any::<u32>(), internal_key()).prop_map(|(level, key)| CompactCursor { level, key });
    let deleted = (any::<u32>(), file_number()).prop_map(|(level, number)| DeletedFile { level, number });
    let changes = (vec(cursor, 0..3), btree_set(deleted, 0..4), vec(new_file(), 0..4));
    (with_numbers(), changes).prop_map(
        |(edit, (compact_cursors, deleted_files, new_files))| VersionEdit {
            compact_cursors,
            deleted_files,
            new_files,
            ..edit
        },
    )
}

fn with_blobs_and_wals() -> impl Strategy<Value = VersionEdit> {
    let wal = (file_number(), of(any::<u64>())).prop_map(|(number, synced_size_bytes)| WalAddition {
        number,
        synced_size_bytes,
    });
    let blobs = (vec(blob_addition(), 0..3), vec(blob_garbage(), 0..3));
    (with_tables(), blobs, vec(wal, 0..3), of(file_number())).prop_map(
        |(edit, (blob_additions, blob_garbage), wal_additions, wals_deleted_before)| VersionEdit {
            blob_additions,
            blob_garbage,
            wal_additions,
            wals_deleted_before,
            ..edit
        },
    )
}

/// Edits that say anything, most of them nonsense.
pub(crate) fn edit() -> impl Strategy<Value = VersionEdit> {
    let change = prop_oneof![
        bytes().prop_map(ColumnFamilyChange::Add),
        Just(ColumnFamilyChange::Drop)
    ];
    let texts = (of(bytes()), of(bytes()), of(vec(any::<u8>(), 1..9)));
    let late = (of(change), of(any::<bool>()), unknown_fields());
    (with_blobs_and_wals(), texts, late).prop_map(|(edit, texts, late)| VersionEdit {
        db_id: texts.0,
        comparator: texts.1,
        full_history_ts_low: texts.2,
        column_family_change: late.0,
        persist_user_defined_timestamps: late.1,
        ignored: late.2,
        ..edit
    })
}
