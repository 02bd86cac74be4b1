//! What is no meta file, or not one for this version.

use super::*;

const TABLE: &str = "shared_checksum/000021_sY4RB0H0I5N5JYD2W0LTV_1276.sst crc32 2636213071\n";

/// Changes of the golden text of schema 1 that RocksDB 11.8.1 refuses too (tried).
const CORRUPT_1: &[(&str, &str)] = &[
    ("1795396703\n", "\n1795396703\n"),
    ("metadata 79\n", "\n"),
    ("metadata 79\n", "metadata\n"),
    ("metadata 79\n", "metadata 7\n"),
    ("metadata 79\n", "metadata 7g\n"),
    ("metadata 79\n", "metadata  79\n"),
    ("metadata 79\n", "metadata 79\r\n"),
    ("metadata 79\n", "stonekeep.field 79\n"),
    ("metadata 79\n", "ni::field 79\n"),
    ("\n10\nshared", "\nshared"),
    ("\n10\nshared", "\n9\nshared"),
    ("\n10\nshared", "\n11\nshared"),
    ("\n10\nshared", "\n18446744073709551626\nshared"),
    ("crc32 2636213071", "crc32 a636213071"),
    ("crc32 2636213071", "crc32 02636213071"),
    ("crc32 2636213071", "crc32 +2636213071"),
    ("crc32 2636213071", "crc32 4294967296"),
    ("crc32 2636213071", "crc32 "),
    ("crc32 2636213071", "crc32"),
    ("crc32 2636213071", "crc32  2636213071"),
    (" crc32 2636213071", ""),
    ("crc32 2636213071", "crc32 2636213071\r"),
    ("crc32 2636213071", "crc32c 2636213071"),
    ("crc32 2636213071", "crc32 2636213071 size 1276"),
    ("crc32 2636213071", "crc32 2636213071 crc32 2636213071"),
    ("crc32 2636213071", "crc32\t2636213071"),
    (
        "shared_checksum/000021",
        "shared_checksum/../shared_checksum/000021",
    ),
    ("shared_checksum/000021", "shared_checksum//000021"),
    ("shared_checksum/000021", "/shared_checksum/000021"),
    ("shared_checksum/000021", " shared_checksum/000021"),
    (TABLE, "\n"),
    ("private/4/000020.log", "// FOOTER\nprivate/4/000020.log"),
    ("820641623\n", "820641623"),
    ("820641623\n", "820641623\n\n"),
    (
        "820641623\n",
        "820641623\nshared_checksum/000021_1_1.sst crc32 1\n",
    ),
];

/// Changes of the golden text of schema 1 that RocksDB 11.8.1 takes (tried): nobody writes them.
const STRICTER_1: &[(&str, &str)] = &[
    ("metadata 79\n", "metadata 79\nmetadata 79\n"),
    ("\n10\nshared", "\n010\nshared"),
    ("\n10\nshared", "\n10x\nshared"),
    ("\n10\nshared", "\n10 \nshared"),
    ("\n10\nshared", "\n10\r\nshared"),
    ("\n10\nshared", "\n4294967306\nshared"),
    ("crc32 2636213071", "crc32 2636213071 "),
    ("private/4/CURRENT", "private/5/CURRENT"),
    ("private/4/CURRENT", "private/4/IDENTITY"),
    ("private/4/000020.log", "shared_checksum/000021_stranger.sst"),
    ("private/4/000020.log", "shared_checksum/stranger.sst"),
    ("820641623\n", "820641623\nshared_checksum/000021_1_1.sst"),
];

/// Changes of the golden text of schema 2 that RocksDB 11.8.1 refuses too (tried).
const CORRUPT_2: &[(&str, &str)] = &[
    ("metadata ", "a\nmetadata "),
    ("metadata ", "\nmetadata "),
    ("temp kWarm", "temp"),
    ("temp kWarm", "temp "),
    ("temp kWarm", "temp kWarm x"),
    (
        "private/1/000018.log crc32 0",
        "private/1/000018.log crc32 0 ni::excluded true",
    ),
    ("crc32 0\n", "crc32 0\n// FOOTER\n\n"),
    ("crc32 0\n", "crc32 0\n// FOOTER\nfield\n"),
    ("crc32 0\n", "crc32 0\n// FOOTER \n"),
    ("crc32 0\n", "crc32 0\n\n"),
];

/// Changes of the golden text of schema 2 that RocksDB 11.8.1 takes (tried): nobody writes them.
const STRICTER_2: &[(&str, &str)] = &[
    ("temp kWarm", "temp kWarm temp kWarm"),
    ("temp kWarm", "size 1327x"),
    ("temp kWarm", "size 01327"),
    ("crc32 0\n", "crc32 0\n// FOOTER\nfield x"),
];

/// Changes of the golden text of schema 2 by fields that RocksDB 11.8.1 ignores, whatever their names.
const IGNORED_2: &[(&str, &str)] = &[
    ("metadata ", "later::thing 5\nmetadata "),
    ("metadata ", " \nmetadata "),
    ("metadata ", " x\nmetadata "),
    ("metadata ", "a-b 1\nmetadata "),
    ("metadata ", "ni: 1\nmetadata "),
    ("metadata ", "größe 1\nmetadata "),
    ("temp kWarm", "x-y 1"),
    ("temp kWarm", "later::thing 5"),
    ("temp kWarm", "5 later::thing"),
    ("temp kWarm", "größe 1 temp kWarm"),
    ("temp kWarm", "x  temp kWarm"),
    ("temp kWarm", " x temp kWarm"),
    ("crc32 0\n", "crc32 0\n// FOOTER\nlater::thing 5\n"),
    ("crc32 0\n", "crc32 0\n// FOOTER\n5 x\n \n"),
];

/// Changes of the golden text of schema 2 that only a newer version may understand.
const UNSUPPORTED_2: &[(&str, &str)] = &[
    ("schema_version 2.1", "schema_version 3"),
    ("schema_version 2.1", "schema_version 23.45.67"),
    ("schema_version 2.1", "schema_version 1"),
    ("schema_version 2.1", "schema_version 20"),
    ("schema_version 2.1", "schema_version "),
    ("schema_version 2.1", "schema_version 2 "),
    ("metadata ", "ni::blah 123\nmetadata "),
    ("metadata ", "ni::file_name_escape uri_percent\nmetadata "),
    ("temp kWarm", "ni::123 xyz"),
    ("temp kWarm", "ni::excluded True"),
    ("crc32 0\n", "crc32 0\n// FOOTER\nni::123 xyz\n"),
];

fn changed(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from:?}");
    text.replace(from, to)
}

#[test]
fn corrupt_texts_are_refused() {
    for (backup, text, changes) in [
        (4, SCHEMA_1, CORRUPT_1),
        (4, SCHEMA_1, STRICTER_1),
        (1, SCHEMA_2, CORRUPT_2),
        (1, SCHEMA_2, STRICTER_2),
    ] {
        for (from, to) in changes {
            let result = decode(backup, changed(text, from, to));
            let corrupt = result.as_ref().is_err_and(|error| !error.is_unsupported());
            assert!(corrupt, "{from:?} -> {to:?}: {result:?}");
        }
    }
}

#[test]
fn any_field_that_may_be_ignored_is_kept_and_means_nothing() {
    let golden = decode(1, SCHEMA_2).unwrap();
    for (from, to) in IGNORED_2 {
        let text = changed(SCHEMA_2, from, to);
        let mut read = decode(1, &text).unwrap_or_else(|error| panic!("{to:?}: {error}"));
        // A value that is empty would be none at the end of a line.
        if let Ok(again) = read.encode() {
            assert_eq!(decode(1, again).unwrap(), read, "{to:?}");
        }
        read.head.fields = golden.head.fields.clone();
        read.footer_fields = golden.footer_fields.clone();
        for (file, golden) in read.files.iter_mut().zip(&golden.files) {
            file.fields.clone_from(&golden.fields);
            file.temperature = golden.temperature;
        }
        assert_eq!(read, golden, "{to:?}");
    }
    let bytes = [b"\xff\xfe 5\n".as_slice(), b"metadata "].concat();
    let at = SCHEMA_2.find("metadata ").unwrap();
    let text = [
        &SCHEMA_2.as_bytes()[..at],
        &bytes,
        &SCHEMA_2.as_bytes()[at + "metadata ".len()..],
    ]
    .concat();
    assert_eq!(decode(1, text).unwrap().head.fields[0].name(), b"\xff\xfe");
}

#[test]
fn meta_files_of_a_newer_version_are_not_called_corrupt() {
    for (from, to) in UNSUPPORTED_2 {
        let error = decode(1, changed(SCHEMA_2, from, to)).unwrap_err();
        assert!(error.is_unsupported(), "{to:?}: {error}");
    }
}

#[test]
fn a_text_cut_short_is_corrupt() {
    for (backup, text) in GOLDEN {
        let footer = text.find("// FOOTER").unwrap_or(text.len());
        let excluded = text.find("000021_sY4RB0H0I5N5JYD2W0LTV_1276.sst ni::excluded");
        let files_end = excluded.map_or(footer, |at| at - "shared_checksum/".len());
        for length in 0..files_end {
            let error = decode(backup, &text[..length]).unwrap_err();
            assert!(
                !error.is_unsupported() && error.offset <= length as u64,
                "{length}: {error}"
            );
        }
    }
}

#[test]
fn private_files_of_another_backup_are_refused() {
    assert!(decode(3, SCHEMA_1).is_err());
    assert!(decode(4, SCHEMA_1).is_ok());
}

#[test]
fn errors_say_where() {
    let error = decode(1, SCHEMA_2.replace("temp kWarm", "ni::lava 1")).unwrap_err();
    let line = SCHEMA_2.find("shared_checksum/000017").unwrap();
    assert_eq!(error.offset, line as u64);
    assert_eq!(
        error.to_string(),
        format!("backup meta file at byte {line}: the field \"ni::lava\"")
    );
    let endless = format!("1\n2\n1\n{}", "x".repeat(100_000) + "\n");
    assert!(decode(1, endless).unwrap_err().to_string().len() < 300);
}
