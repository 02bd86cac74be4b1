//! What engines wrote.

use stonekeep_format::backup_meta::{EncodeError, Field, HeaderNumber, MetaFile, MetaHead, SchemaVersion};
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{Crc32c, SequenceNumber, Temperature};

use super::*;

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

fn field(name: &str, value: &str) -> Field {
    Field::new(name, value).unwrap()
}

#[test]
fn what_rocksdb_wrote_is_written_again_byte_by_byte() {
    for (backup, text) in GOLDEN {
        let meta = decode(backup, text).unwrap();
        assert_eq!(String::from_utf8(meta.encode().unwrap()).unwrap(), text);
        assert_eq!(BackupMeta::decode_of_unknown_backup(text.as_bytes()), Ok(meta));
    }
}

#[test]
fn meta_files_of_schema_1_have_their_fields() {
    let meta = decode(4, SCHEMA_1).unwrap();
    assert_eq!(meta.head.schema, SchemaVersion::One);
    assert_eq!(meta.head.timestamp_seconds(), 1795396703);
    assert_eq!(meta.head.sequence_number(), SequenceNumber(10));
    assert_eq!(meta.head.app_metadata, b"y");
    assert_eq!(meta.files.len(), 10);
    let table = &meta.files[0];
    assert_eq!(
        *table,
        MetaFile::new(
            path("shared_checksum/000021_sY4RB0H0I5N5JYD2W0LTV_1276.sst"),
            Crc32c(2636213071)
        )
    );
    assert_eq!(table.path.size_bytes(), Some(1276));
    let blob = &meta.files[3];
    assert_eq!(blob.path.crc32c(), blob.crc32c);
    assert_eq!(blob.path.size_bytes(), Some(296));
    assert_eq!(meta.files[6].path.restored_name().to_string(), "MANIFEST-000005");
}

#[test]
fn meta_files_of_schema_2_have_metadata_and_temperatures() {
    let meta = decode(1, SCHEMA_2).unwrap();
    assert_eq!(meta.head.schema, SchemaVersion::two());
    assert_eq!(meta.head.app_metadata, b"abc\ndef\0\xff");
    let warm: Vec<usize> = (0..meta.files.len())
        .filter(|index| meta.files[*index].temperature == Temperature::Warm)
        .collect();
    assert_eq!(warm, [1]);
    assert_eq!(meta.files[8].crc32c, Some(Crc32c(0)));
}

#[test]
fn excluded_files_are_not_counted() {
    let meta = decode(2, SCHEMA_2_EXCLUDED).unwrap();
    assert_eq!(meta.files.len(), 10);
    let excluded = path("shared_checksum/000021_sY4RB0H0I5N5JYD2W0LTV_1276.sst");
    assert_eq!(meta.files[9], MetaFile::excluded(excluded));
    assert!(SCHEMA_2_EXCLUDED.contains("\n9\n"));
}

#[test]
fn unknown_fields_are_kept_at_all_three_places() {
    let meta = decode(3, SCHEMA_2_ALL_FIELDS).unwrap();
    let minor = Some("5.70".into());
    assert_eq!(meta.head.schema, SchemaVersion::Two { minor });
    assert_eq!(
        meta.head.fields,
        [field("__QRST", " 1 $ %%& "), field("asdf.3456", "-42")]
    );
    assert_eq!(
        meta.footer_fields,
        [field("Qwzn.tz89", "ASDF!!@# ##=\t "), field("yes", "no!")]
    );
    for file in &meta.files {
        assert_eq!(
            file.fields,
            [field("_7yyyyyyyyy", "111111111111"), field("z94._", "^\\")]
        );
        assert!(file.size_bytes.is_some());
    }
}

#[test]
fn a_new_meta_file_looks_like_rocksdbs() {
    let mut meta = BackupMeta {
        head: MetaHead {
            timestamp: HeaderNumber::from(1_735_689_600i64),
            sequence: HeaderNumber::from(4711u64),
            app_metadata: b"abc\n".to_vec(),
            ..MetaHead::default()
        },
        files: vec![
            MetaFile::new(path("shared_checksum/000008_7_100.blob"), Crc32c(7)),
            MetaFile::new(path("private/3/CURRENT"), Crc32c(u32::MAX)),
        ],
        footer_fields: Vec::new(),
    };
    let lines = "1735689600\n4711\nmetadata 6162630A\n2\nshared_checksum/000008_7_100.blob crc32 7\n";
    let text = format!("{lines}private/3/CURRENT crc32 4294967295\n");
    assert_eq!(String::from_utf8(meta.encode().unwrap()).unwrap(), text);

    meta.files[0].temperature = Temperature::Ice;
    assert!(matches!(meta.encode(), Err(EncodeError::Unreadable(_))));
    meta.head.schema = SchemaVersion::two();
    meta.files[1].size_bytes = Some(16);
    let text = format!("schema_version 2.1\n{text}")
        .replace("crc32 7", "crc32 7 temp kIce")
        .replace("4294967295", "4294967295 size 16");
    assert_eq!(String::from_utf8(meta.encode().unwrap()).unwrap(), text);
}

#[test]
fn what_would_not_be_read_as_the_same_is_not_written() {
    let good = decode(4, SCHEMA_1).unwrap();
    let refused = |change: fn(&mut BackupMeta)| {
        let mut meta = good.clone();
        change(&mut meta);
        meta.encode().unwrap_err()
    };
    for change in [
        |meta: &mut BackupMeta| meta.files[0].crc32c = None,
        |meta: &mut BackupMeta| meta.files[0].size_bytes = Some(1276),
        |meta: &mut BackupMeta| meta.files[0].excluded = true,
        |meta: &mut BackupMeta| meta.files[0].fields.push(field("a", "b")),
        |meta: &mut BackupMeta| meta.head.fields.push(field("a", "b")),
        |meta: &mut BackupMeta| meta.footer_fields.push(field("a", "b")),
        |meta: &mut BackupMeta| meta.files.push(meta.files[0].clone()),
        |meta: &mut BackupMeta| meta.files[9].path = path("private/5/000020.log"),
    ] {
        assert!(matches!(refused(change), EncodeError::Unreadable(_)));
    }
    let altered = refused(|meta| {
        meta.head.schema = SchemaVersion::two();
        meta.files[0].fields = vec![field("temp", "kHot")];
    });
    assert_eq!(altered, EncodeError::Altered);
    let altered = refused(|meta| {
        meta.head.schema = SchemaVersion::two();
        meta.head.fields = vec![field("metadata", "79")];
        meta.head.app_metadata.clear();
    });
    assert_eq!(altered, EncodeError::Altered);
}

#[test]
fn fields_are_made_only_of_what_the_grammar_has() {
    for name in ["", "1a", ".a", "a-b", "a b", "ni::a", "a\n", "é"] {
        assert_eq!(Field::new(name, "x"), None, "{name:?}");
    }
    assert_eq!(Field::new("a", "x\ny"), None);
    assert_eq!(field("stonekeep.x", "é").value_text(), "é");
}

#[test]
fn garbage_in_the_first_numbers_is_read_as_rocksdb_reads_it() {
    let text = SCHEMA_1.replace("1795396703\n10\n", "17953x96703\n-1\n");
    let meta = decode(4, &text).unwrap();
    assert_eq!(meta.head.timestamp_seconds(), 17953);
    assert_eq!(meta.head.timestamp.garbage().as_deref(), Some("17953x96703"));
    assert_eq!(meta.head.sequence_number(), SequenceNumber(u64::MAX));
    assert_eq!(meta.encode().unwrap(), text.as_bytes());
    let empty = decode(1, SCHEMA_2.replace("1795396703\n7\n", "\n\n")).unwrap();
    assert_eq!(empty.head.sequence_number(), SequenceNumber(0));
    let early = HeaderNumber::from(-5i64);
    let text = SCHEMA_1.replace("1795396703", &early.value().to_string());
    assert_eq!(decode(4, text).unwrap().head.timestamp_seconds(), -5);
}

#[test]
fn a_backup_without_checksums_is_read_in_schema_2() {
    let bare = "schema_version 2\n1\n2\n1\nprivate/1/CURRENT\n";
    let meta = decode(1, bare).unwrap();
    assert_eq!((meta.files[0].crc32c, meta.files[0].size_bytes), (None, None));
    assert_eq!(meta.encode().unwrap(), bare.as_bytes());
    let empty = "1\n2\n0\n";
    assert_eq!(decode(1, empty).unwrap().encode().unwrap(), empty.as_bytes());
}

#[test]
fn a_temperature_of_the_future_is_kept_as_a_field() {
    let text = SCHEMA_2.replace("temp kWarm", "temp kLava");
    let meta = decode(1, &text).unwrap();
    assert_eq!(meta.files[1].temperature, Temperature::Unknown);
    assert_eq!(meta.files[1].fields, [field("temp", "kLava")]);
    assert_eq!(meta.encode().unwrap(), text.as_bytes());
}

#[test]
fn each_temperature_has_the_name_that_rocksdb_writes() {
    use Temperature::*;
    for (name, temperature) in [
        ("kHot", Hot),
        ("kWarm", Warm),
        ("kCool", Cool),
        ("kCold", Cold),
        ("kIce", Ice),
    ] {
        let text = SCHEMA_2.replace("temp kWarm", &format!("temp {name}"));
        let meta = decode(1, &text).unwrap();
        assert_eq!(meta.files[1].temperature, temperature, "{name}");
        assert_eq!(meta.encode().unwrap(), text.as_bytes());
    }
}
