//! Any values and any bytes.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::sample::Index;
use stonekeep_format::backup_meta::{Field, HeaderNumber, MetaFile, MetaHead, SchemaVersion};
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{Crc32c, Temperature};

use super::known::check_known_paths;
use super::*;

fn any_field(value: &'static str) -> impl Strategy<Value = Field> {
    ("[A-Za-z_][A-Za-z_0-9.]{0,8}", value)
        .prop_map(|(name, value)| Field::new(&format!("x.{name}"), value).unwrap())
}

fn any_path() -> impl Strategy<Value = RepoPath> {
    prop_oneof![
        "shared/[0-9]{1,9}\\.(sst|blob)",
        "shared_checksum/[0-9]{1,9}_s[0-9A-Z]{20}(_[0-9]{1,20})?\\.sst",
        "shared_checksum/[0-9]{1,9}_[0-9]{1,10}_[0-9]{1,20}\\.(sst|blob)",
        "shared_checksum/[0-9]{1,9}(_[0-9A-F]{8})?_[0-9A-Z]{20}\\.sst",
        "shared_checksum/[0-9]{1,9}_[0-9A-Za-z_]{1,40}\\.(sst|blob)",
        "private/7/(CURRENT|MANIFEST-[0-9]{1,9}|OPTIONS-[0-9]{1,9}|[0-9]{1,9}\\.(log|sst|blob))",
    ]
    .prop_map(|text| {
        let path = RepoPath::parse(&text).unwrap();
        assert_eq!(path.to_string(), text);
        path
    })
}

fn any_temperature() -> impl Strategy<Value = Temperature> {
    prop::sample::select(vec![
        Temperature::Unknown,
        Temperature::Hot,
        Temperature::Warm,
        Temperature::Cool,
        Temperature::Cold,
        Temperature::Ice,
    ])
}

fn any_file() -> impl Strategy<Value = MetaFile> {
    let fields = prop::collection::vec(any_field("[!-~é]{1,9}"), 0..3);
    let facts = (
        any::<Option<u32>>(),
        any::<Option<u64>>(),
        any_temperature(),
        any::<bool>(),
    );
    (any_path(), facts, fields).prop_map(|(path, (crc32c, size_bytes, temperature, excluded), fields)| {
        let mut file = MetaFile::excluded(path);
        file.excluded = excluded && matches!(file.path, RepoPath::SharedChecksum(_));
        file.crc32c = crc32c.map(Crc32c);
        file.size_bytes = size_bytes;
        file.temperature = temperature;
        file.fields = fields;
        file
    })
}

fn any_files() -> impl Strategy<Value = Vec<MetaFile>> {
    prop::collection::vec(any_file(), 0..12).prop_map(|mut files| {
        let mut names = HashSet::new();
        files.retain(|file| names.insert(file.path.restored_name()));
        files
    })
}

fn any_schema_2() -> impl Strategy<Value = BackupMeta> {
    let head = (
        prop::option::of("[!-~]{0,6}"),
        any::<(i64, u64)>(),
        any::<Vec<u8>>(),
        prop::collection::vec(any_field("[^\n]{0,9}"), 0..3),
    );
    let footer = prop::collection::vec(any_field("[^\n]{0,9}"), 0..3);
    (head, any_files(), footer).prop_map(
        |((minor, (timestamp, sequence), app_metadata, fields), files, footer)| BackupMeta {
            head: MetaHead {
                schema: SchemaVersion::Two {
                    minor: minor.map(Into::into),
                },
                timestamp: HeaderNumber::from(timestamp),
                sequence: HeaderNumber::from(sequence),
                app_metadata,
                app_metadata_omitted_bytes: 0,
                fields,
            },
            files,
            footer_fields: footer,
        },
    )
}

/// The same backup, without what only schema 2 has.
fn in_schema_1(mut meta: BackupMeta) -> BackupMeta {
    meta.head.schema = SchemaVersion::One;
    meta.head.fields.clear();
    meta.footer_fields.clear();
    for file in &mut meta.files {
        *file = MetaFile::new(file.path.clone(), file.crc32c.unwrap_or_default());
    }
    meta
}

/// One change of a text.
#[derive(Debug, Clone)]
enum Edit {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    RepeatLine(Index),
    RemoveLine(Index),
}

fn any_edit() -> impl Strategy<Value = Edit> {
    let byte = || prop_oneof![any::<u8>(), prop::sample::select(b" \n\r0129_./-asT".to_vec())];
    prop_oneof![
        (any::<Index>(), byte()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        (any::<Index>(), byte()).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        any::<Index>().prop_map(Edit::Remove),
        any::<Index>().prop_map(Edit::RepeatLine),
        any::<Index>().prop_map(Edit::RemoveLine),
    ]
}

fn edit(text: &[u8], edit: &Edit) -> Vec<u8> {
    let mut bytes = text.to_vec();
    let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    match edit {
        Edit::Replace(at, byte) => bytes[at.index(text.len())] = *byte,
        Edit::Insert(at, byte) => bytes.insert(at.index(text.len()), *byte),
        Edit::Remove(at) => drop(bytes.remove(at.index(text.len()))),
        Edit::RepeatLine(at) => {
            lines.insert(0, lines[at.index(lines.len())]);
            bytes = lines.concat();
        }
        Edit::RemoveLine(at) => {
            lines.remove(at.index(lines.len()));
            bytes = lines.concat();
        }
    }
    bytes
}

/// Whatever is read can be written, and is then read as the same. Known paths change nothing.
fn check_any_bytes(bytes: &[u8]) {
    check_known_paths(BackupId::new(7).unwrap(), bytes, 5);
    if let Ok(meta) = BackupMeta::decode_of_unknown_backup(bytes) {
        let again = meta.encode().unwrap();
        assert_eq!(BackupMeta::decode_of_unknown_backup(&again), Ok(meta));
    }
}

proptest! {
    #[test]
    fn meta_files_of_schema_2_parse_to_what_was_written(meta in any_schema_2()) {
        let text = meta.encode().unwrap();
        prop_assert_eq!(decode(7, text), Ok(meta));
    }

    #[test]
    fn meta_files_of_schema_1_parse_to_what_was_written(meta in any_schema_2().prop_map(in_schema_1)) {
        let text = meta.encode().unwrap();
        prop_assert_eq!(decode(7, text), Ok(meta));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        check_any_bytes(&bytes);
    }

    #[test]
    fn no_text_panics(text in "(schema_version 2\n)?[0-9]{1,9}\n[0-9]{1,9}\n(ab cd\n)?[0-2]\n([a-z_/0-9.: ]{0,30}\n){0,4}") {
        check_any_bytes(text.as_bytes());
    }

    #[test]
    fn no_change_of_a_meta_file_panics(which in 0..GOLDEN.len(), edits in prop::collection::vec(any_edit(), 1..4)) {
        let mut bytes = GOLDEN[which].1.as_bytes().to_vec();
        for change in &edits {
            bytes = edit(&bytes, change);
        }
        check_any_bytes(&bytes);
    }
}
