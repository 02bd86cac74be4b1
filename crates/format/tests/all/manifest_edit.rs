//! Version edits: bytes to values and back.

use proptest::prelude::*;

use stonekeep_format::log::{LogRecord, LogScanner, LogWriter, RecordKind};
use stonekeep_format::manifest::{NewFile, NewFileForm, VersionEdit, write_flat};
use stonekeep_format::{FileNumber, Temperature};
use stonekeep_format_testkit::Encode as _;
use stonekeep_format_testkit::log::scan;

use crate::edits::{edit, new_file};
use crate::golden;

proptest! {
    #[test]
    fn every_edit_decodes_to_what_was_encoded(edit in edit()) {
        let bytes = edit.encode();
        prop_assert_eq!(VersionEdit::decode(&bytes, 0).unwrap(), edit);
    }

    #[test]
    fn what_was_encoded_is_encoded_the_same(edit in edit()) {
        let bytes = edit.encode();
        prop_assert_eq!(VersionEdit::decode(&bytes, 0).unwrap().encode(), bytes);
    }

    #[test]
    fn no_input_panics(bytes: Vec<u8>, base: u64) {
        if let Ok(edit) = VersionEdit::decode(&bytes, base) {
            let _ = edit.to_string();
            prop_assert_eq!(&VersionEdit::decode(&edit.encode(), 0).unwrap(), &edit);
        }
    }

    #[test]
    fn no_damage_panics(edit in edit(), at: prop::sample::Index, byte: u8) {
        let mut bytes = edit.encode();
        prop_assume!(!bytes.is_empty());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(edit) = VersionEdit::decode(&bytes, 0) {
            let _ = edit.to_string();
        }
    }

    #[test]
    fn flattening_drops_paths_and_nothing_else(files in prop::collection::vec(new_file(), 0..4)) {
        let original = VersionEdit { new_files: files, ..VersionEdit::default() };
        let payload = original.encode();
        let mut writer = LogWriter::new();
        let record = LogRecord {
            offset: 0,
            end_offset: 0,
            kind: RecordKind::Data,
            recyclable: false,
            payload: &payload,
        };
        write_flat(&record, &mut writer).unwrap();
        let (records, _) = scan(LogScanner::manifest(), &writer.take_bytes()).unwrap();
        let mut back = VersionEdit::decode(&records[0].payload, 0).unwrap();
        for (file, before) in back.new_files.iter_mut().zip(&original.new_files) {
            prop_assert_eq!(file.path_id, 0);
            file.path_id = before.path_id;
        }
        prop_assert_eq!(back, original);
    }
}

#[test]
fn an_edit_without_fields_is_legal() {
    assert_eq!(VersionEdit::decode(b"", 0), Ok(VersionEdit::default()));
    assert!(VersionEdit::default().encode().is_empty());
}

/// The WAL floor in both of its places.
#[test]
fn the_wal_floor_of_a_file_wins() {
    let mut edit = VersionEdit::default();
    assert_eq!(edit.wal_floor(), None);
    edit.min_log_number_to_keep = Some(FileNumber(3));
    assert_eq!(edit.wal_floor(), Some(FileNumber(3)));
    edit.new_files = vec![
        NewFile {
            min_log_number_to_keep: Some(FileNumber(5)),
            ..NewFile::default()
        },
        NewFile::default(),
    ];
    assert_eq!(edit.wal_floor(), Some(FileNumber(5)));
}

fn error_of(bytes: &[u8]) -> (bool, String) {
    let error = VersionEdit::decode(bytes, 1000).unwrap_err();
    (error.is_unsupported(), error.to_string())
}

#[test]
fn a_tag_from_the_future_is_named() {
    let (unsupported, message) = error_of(b"\x02\x05\xac\x03\x01");
    assert!(unsupported);
    assert_eq!(
        message,
        "MANIFEST at byte 1004: tag 428: it is not known and must not be ignored; a newer RocksDB wrote it"
    );
}

/// A new file of the latest form with one custom field.
fn with_custom_field(tag: u8, value: &[u8]) -> Vec<u8> {
    let file = NewFile {
        smallest: vec![0; 8],
        largest: vec![0; 8],
        ..NewFile::default()
    };
    let edit = VersionEdit {
        new_files: vec![file],
        ..VersionEdit::default()
    };
    let mut bytes = edit.encode();
    assert_eq!(bytes.pop(), Some(1), "the end of the custom fields");
    bytes.extend([tag, value.len() as u8]);
    bytes.extend(value);
    bytes.push(1);
    bytes
}

#[test]
fn a_custom_tag_from_the_future_is_kept_or_refused_by_its_bit() {
    let edit = VersionEdit::decode(&with_custom_field(18, b"new"), 0).unwrap();
    assert_eq!(edit.new_files[0].ignored[0].value, b"new");
    let (unsupported, message) = error_of(&with_custom_field(66, b"new"));
    assert!(unsupported);
    assert!(
        message.contains("tag 103: custom tag 66 is not known"),
        "{message}"
    );
}

#[test]
fn a_temperature_from_the_future_is_kept() {
    let bytes = with_custom_field(9, b"\x11");
    let edit = VersionEdit::decode(&bytes, 0).unwrap();
    assert_eq!(edit.new_files[0].temperature, Temperature::Unknown);
    assert_eq!(edit.encode(), bytes);
}

#[test]
fn custom_fields_of_a_wrong_size_are_corrupt() {
    for (tag, value) in [
        (2, &b""[..]),
        (3, b"seven.."),
        (5, b""),
        (5, b"\x80"),
        (9, b"ab"),
        (12, b"fifteen bytes.."),
        (16, b"ab"),
        (65, b""),
        (65, b"\x04"),
    ] {
        let (unsupported, message) = error_of(&with_custom_field(tag, value));
        assert!(!unsupported, "{message}");
        assert!(message.starts_with("MANIFEST at byte 10"), "{message}");
    }
}

#[test]
fn malformed_edits_are_corrupt() {
    for bytes in [
        &b"\xff"[..],               // a tag that is cut short
        b"\x01\x05abc",             // a comparator that is cut short
        b"\x07\x00\x05\x01\x03abc", // an internal key of three bytes
        b"\xca\x01\xca\x01",        // dropped twice
        b"\x86\x40\x00",            // an empty timestamp
        b"\x87\x40\x01\x05",        // a WAL addition without an end
        b"\x80\x40\x05ab",          // an ignorable field that is cut short
        b"\x89\x40\x02ab",          // a flag of two bytes
    ] {
        let (unsupported, message) = error_of(bytes);
        assert!(!unsupported, "{message}");
    }
}

#[test]
fn the_old_tags_of_blobs_and_wals_have_no_length() {
    let mut old = b"\x82\x40\x09\x02\x64\x00\x00\x00".to_vec(); // 8194: blob file 9, 2 blobs, 100 bytes
    old.extend(b"\x83\x40\x09\x01\x32\x00"); // 8195: 1 blob of it, 50 bytes
    old.extend(b"\x84\x40\x05\x02\x80\x01\x01"); // 8196: WAL 5, 128 bytes synced
    old.extend(b"\x85\x40\x04"); // 8197: WALs before 4
    let edit = VersionEdit::decode(&old, 0).unwrap();
    assert_eq!(
        edit.to_string(),
        "add blob file: number 9 blobs 2 bytes 100\nblob garbage: number 9 blobs 1 bytes 50\n\
         add WAL: number 5 synced_size=128\ndelete WALs before: 4\n"
    );
    assert_eq!(VersionEdit::decode(&edit.encode(), 0).unwrap(), edit);
}

#[test]
fn the_form_decides_what_is_written() {
    let file = NewFile {
        form: NewFileForm::NewFile2,
        path_id: 3,
        tail_size_bytes: Some(1),
        smallest: vec![0; 8],
        largest: vec![0; 8],
        ..NewFile::default()
    };
    let edit = VersionEdit {
        new_files: vec![file.clone()],
        ..VersionEdit::default()
    };
    let back = VersionEdit::decode(&edit.encode(), 0).unwrap();
    let expected = NewFile {
        path_id: 0,
        tail_size_bytes: None,
        ..file
    };
    assert_eq!(back.new_files, [expected]);
}

fn dump(bytes: &[u8]) -> String {
    match VersionEdit::decode(bytes, 0) {
        Err(error) => format!("{error}\n"),
        Ok(edit) if edit.encode() == bytes => edit.to_string(),
        Ok(edit) => format!("{edit}(written again, the bytes differ)\n"),
    }
}

#[test]
fn golden_edits() {
    for name in [
        "leveldb_form",
        "new_file_2_and_3",
        "new_file_4",
        "new_file_4_too_new",
        "blobs",
        "wals",
        "wals_and_blobs_without_length",
        "column_family",
        "drop",
        "too_new",
        "damaged",
    ] {
        golden::check(&format!("manifest/{name}.txt"), dump);
    }
}
