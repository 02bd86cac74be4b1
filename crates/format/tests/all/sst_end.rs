//! Which files can be tables, by their last bytes.

use stonekeep_format::sst::{TableEnd, TableKind};

use crate::sst_fixtures::{table, tables};

fn end(file: &[u8]) -> stonekeep_format::Result<TableEnd> {
    let tail = &file[file.len().saturating_sub(TableEnd::LEN)..];
    TableEnd::decode(tail, file.len() as u64)
}

/// The file with other last bytes.
fn ending_in(file: &[u8], last: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let at = file.len() - last.len();
    file[at..].copy_from_slice(last);
    file
}

#[test]
fn every_table_that_rocksdb_wrote_ends_like_one() {
    for (name, file) in tables() {
        let Ok(TableEnd::Footer(footer)) = end(&file) else {
            panic!("{name}: {:?}", end(&file));
        };
        let kind = match name.as_str() {
            _ if name.contains("plain") => TableKind::Plain,
            _ if name.contains("cuckoo") => TableKind::Cuckoo,
            _ => TableKind::BlockBased,
        };
        assert_eq!(footer.kind, kind, "{name}");
    }
}

#[test]
fn a_file_that_ends_in_zeros_is_no_table() {
    for (name, file) in tables() {
        for zeros in [8, 9, TableEnd::LEN, file.len()] {
            let error = end(&ending_in(&file, &vec![0; zeros])).expect_err(&name);
            assert!(!error.is_unsupported(), "{name}");
            assert!(
                error.to_string().contains("ends in zeros"),
                "{name}, {zeros}: {error}"
            );
        }
    }
}

#[test]
fn a_footer_that_points_behind_itself_is_rejected() {
    let file = table("7.8.3-v5-xxh3.sst");
    let footer = &file[file.len() - TableEnd::LEN..];
    // The same footer behind fewer bytes: the metaindex block would begin behind it.
    assert!(TableEnd::decode(footer, 60).is_err());
    let mut damaged = file.clone();
    let at = file.len() - TableEnd::LEN + 1;
    damaged[at..at + 9].fill(0xff);
    assert!(end(&damaged).is_err());
}

/// From format version 6 on the footer has a checksum of its own.
#[test]
fn a_footer_with_a_wrong_checksum_is_rejected() {
    let file = table("11.8.1-v6-crc32c.sst");
    for at in file.len() - 52..file.len() - 32 {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        assert!(end(&damaged).is_err(), "{at}");
    }
}

#[test]
fn a_footer_with_an_unknown_checksum_type_is_rejected() {
    let file = table("7.8.3-v5-xxh3.sst");
    let mut damaged = file.clone();
    damaged[file.len() - TableEnd::LEN] = 0xff;
    assert!(end(&damaged).is_err(), "{:?}", end(&damaged));
}

#[test]
fn files_that_are_too_short_are_no_tables() {
    for length in 0..8 {
        assert!(end(&vec![7; length]).is_err(), "{length}");
    }
    let file = table("7.8.3-v5-xxh3.sst");
    for length in 8..TableEnd::LEN {
        assert!(end(&file[file.len() - length..]).is_err(), "{length}");
    }
}

#[test]
fn another_magic_number_may_be_a_custom_factorys() {
    let text = b"Not a table, but sixty bytes of plain text: no magic number.";
    assert_eq!(
        end(text),
        Ok(TableEnd::UnknownMagic(u64::from_le_bytes(*b" number.")))
    );
    assert_eq!(end(&[0xff; 100]), Ok(TableEnd::UnknownMagic(u64::MAX)));
}

#[test]
fn a_newer_version_is_not_called_damage() {
    let file = table("7.8.3-v5-xxh3.sst");
    let mut newer = file.clone();
    let version_at = file.len() - 12;
    newer[version_at..version_at + 4].copy_from_slice(&99u32.to_le_bytes());
    assert!(matches!(end(&newer), Ok(TableEnd::Newer(_))), "{:?}", end(&newer));
}
