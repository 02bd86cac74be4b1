//! Table files that are cut short, damaged, too new or unreadable.

use std::io;

use stonekeep_format::SequenceNumber;
use stonekeep_format::checksum::{ChecksumType, block_checksum, context_modifier};
use stonekeep_format::sst::{Footer, ReadError, read_properties};
use stonekeep_format_testkit::Encode as _;

use crate::sst_fixtures::{read, read_counted, table, tables};

#[test]
fn no_prefix_of_a_table_is_a_table() {
    for (name, file) in tables() {
        for len in 0..file.len() {
            let result = read(&file[..len]);
            assert!(
                matches!(result, Err(ReadError::Format(_))),
                "{name} cut to {len} bytes"
            );
        }
    }
}

/// From the properties block on, every bit is under a checksum, in files that have checksums, but for what the
/// footer does not use.
#[test]
fn a_changed_byte_is_found_or_changes_nothing() {
    for (name, file) in tables() {
        let unprotected = ["plain", "cuckoo", "none"].iter().any(|kind| name.contains(kind));
        let intact = read(&file).expect("RocksDB wrote it").properties;
        for at in 0..file.len() {
            for flip in [0x01, 0x80] {
                let mut damaged = file.clone();
                damaged[at] ^= flip;
                if let Ok(tail) = read(&damaged)
                    && !unprotected
                    && !(name.contains("ingested")
                        && tail.properties.external_global_seqno != intact.external_global_seqno)
                {
                    assert_eq!(tail.properties, intact, "{name} at {at}");
                }
            }
        }
    }
}

/// The eight bytes of the sequence number are the only ones that may differ from what the checksum covers.
#[test]
fn a_sequence_number_written_in_place_is_accepted() {
    let file = table("7.8.3-ingested.sst");
    let name = b"global_seqno";
    let at = file
        .windows(name.len())
        .position(|window| window == name)
        .expect("the property")
        + name.len();
    assert_eq!(file[at..at + 8], [2, 0, 0, 0, 0, 0, 0, 0]);
    for seqno in [0, 7, u64::MAX] {
        let mut other = file.clone();
        other[at..at + 8].copy_from_slice(&seqno.to_le_bytes());
        let properties = read(&other).expect("a right file").properties;
        assert_eq!(properties.external_global_seqno, Some(SequenceNumber(seqno)));
        other[at - 1] ^= 1;
        read(&other).expect_err("damage beside the number");
    }
}

#[test]
fn an_error_of_the_reader_is_not_corruption() {
    for (name, file) in tables() {
        let (_, reads) = read_counted(&file);
        for failing in 0..reads.len() {
            let mut count = 0;
            let result = read_properties(file.len() as u64, &mut |offset, len| {
                count += 1;
                if count > failing {
                    return Err(io::Error::other("the disk is on fire"));
                }
                Ok(file[offset as usize..offset as usize + len].to_vec())
            });
            let Err(ReadError::Io { source, .. }) = result else {
                panic!("{name}: {result:?}");
            };
            assert_eq!(source.to_string(), "the disk is on fire");
        }
    }
}

/// A file that has become shorter under us is not a damaged one either.
#[test]
fn a_short_read_is_not_corruption() {
    let file = table("7.8.3-v5-xxh3.sst");
    let result = read_properties(file.len() as u64, &mut |offset, len| {
        Ok(file[offset as usize..offset as usize + len - 1].to_vec())
    });
    let Err(ReadError::Io { offset, len, source }) = result else {
        panic!("{result:?}");
    };
    assert_eq!(
        (offset, len, source.kind()),
        (0, file.len(), io::ErrorKind::UnexpectedEof)
    );
}

/// The version and the magic number.
const VERSION_LEN: usize = 12;

#[test]
fn an_unknown_version_is_damage_if_the_checksum_of_the_footer_is_wrong() {
    for name in ["11.8.1-v6-crc32c.sst", "11.8.1-v7-xxh3.sst"] {
        let mut file = table(name);
        let version_at = file.len() - VERSION_LEN;
        for version in [8, 69, 71] {
            file[version_at] = version;
            let error = Footer::decode(&file[file.len() - 53..], file.len() as u64).expect_err("unknown");
            assert!(!error.is_unsupported(), "{error}");
            let begin = format!("format version {version} is unknown, and the footer's checksum is ");
            assert!(error.reason().starts_with(&begin), "{error}");
        }
    }
}

#[test]
fn newer_formats_are_unsupported() {
    let mut file = table("11.8.1-v7-xxh3.sst");
    let version_at = file.len() - VERSION_LEN;
    file[version_at] = 8;
    let footer_at = file.len() - 53;
    file[footer_at + 5..footer_at + 9].fill(0);
    // As `Footer::DecodeFrom` of table/format.cc computes it.
    let base = u32::from_le_bytes(
        file[footer_at + 9..footer_at + 13]
            .try_into()
            .expect("four bytes"),
    );
    let (last, rest) = file[footer_at..].split_last().expect("a footer");
    let sum = block_checksum(ChecksumType::Xxh3, rest, *last)
        .wrapping_add(context_modifier(base, footer_at as u64));
    file[footer_at + 5..footer_at + 9].copy_from_slice(&sum.to_le_bytes());
    let error = Footer::decode(&file[footer_at..], file.len() as u64).expect_err("version 8");
    assert!(error.is_unsupported(), "{error}");
    assert_eq!(error.offset, version_at as u64);
    let begin = "table file at byte 1284: format version 8 is unknown to this version of Stonekeep";
    assert!(error.to_string().starts_with(begin), "{error}");
    // Neither footer that is known.
    file[footer_at + 1..footer_at + 41].fill(0xff);
    let error = Footer::decode(&file[footer_at..], file.len() as u64).expect_err("another footer");
    assert!(error.is_unsupported(), "{error}");

    let mut file = table("7.8.3-v5-xxh3.sst");
    let checksum_at = file.len() - 53;
    file[checksum_at] = 5;
    let error = Footer::decode(&file, file.len() as u64).expect_err("checksum type 5");
    assert!(!error.is_unsupported());
    assert_eq!(error.offset, checksum_at as u64);
}

#[test]
fn another_kind_of_file_is_no_table() {
    for bytes in [&b""[..], &[0; 7], &[0; 100], b"MANIFEST-000005\n"] {
        let Err(ReadError::Format(error)) = read(bytes) else {
            panic!("{bytes:?} was read");
        };
        assert!(!error.is_unsupported());
    }
}

#[test]
fn encoded_footers_decode_to_the_same() {
    for (name, file) in tables() {
        let tail = read(&file).expect("RocksDB wrote it");
        let bytes = &file[tail.footer.offset as usize..];
        assert_eq!(tail.footer.encode(), bytes, "{name}");
        assert_eq!(
            Footer::decode(bytes, file.len() as u64),
            Ok(tail.footer),
            "{name}"
        );
    }
}

/// From format version 6 on, a footer belongs to its place.
#[test]
fn a_footer_in_the_wrong_place_is_damage() {
    let file = table("11.8.1-v6-crc32c.sst");
    let footer = &file[file.len() - 53..];
    Footer::decode(footer, file.len() as u64).expect("a right footer");
    Footer::decode(footer, file.len() as u64 + 1).expect_err("a byte too far");
    Footer::decode(footer, file.len() as u64 + (1 << 32)).expect_err("four gigabytes too far");
}
