//! Lines that are recognised without being taken apart are those that a decoder takes for the same.

use proptest::prelude::*;
use stonekeep_format::Crc32c;
use stonekeep_format::backup_meta::{MetaFile, MetaHead, plain_line_end};

const PATH: &str = "shared_checksum/000008_sABCDEFGHIJKLMNOPQRST_980.sst";

#[test]
fn a_checksum_alone_is_plain() {
    for (behind, length) in [
        (" crc32 0\n", Some(9)),
        (" crc32 4294967295\n", Some(18)),
        (" crc32 12\nshared/", Some(10)),
        (" crc32 4294967296\n", None),
        (" crc32 99999999999\n", None),
        (" crc32 00\n", None),
        (" crc32 01\n", None),
        (" crc32 \n", None),
        (" crc32 +1\n", None),
        (" crc32 1 \n", None),
        (" crc32 1 size 2\n", None),
        ("  crc32 1\n", None),
        (" crc32  1\n", None),
        (" crc31 1\n", None),
        (" crc32 1", None),
        ("crc32 1\n", None),
        ("\n", None),
        ("", None),
    ] {
        assert_eq!(plain_line_end(behind.as_bytes()), length, "{behind:?}");
    }
}

#[test]
fn a_head_can_be_split_off() {
    let text = format!("1\n2\nmetadata 6162\n1\n{PATH} crc32 7\n");
    let (head, file_count, rest) = MetaHead::split(text.as_bytes()).unwrap().unwrap();
    assert_eq!((head.app_metadata.as_slice(), file_count), (&b"ab"[..], 1));
    assert_eq!(rest, format!("{PATH} crc32 7\n").as_bytes());
    assert_eq!(MetaHead::split(b"1\n2\n"), Ok(None));
}

proptest! {
    /// A line is plain exactly when it is the line that is written for its path and checksum.
    #[test]
    fn plain_lines_are_those_that_are_written(behind in " ?(crc32)? ?(size)?[ 0-9]{0,12}", more in "(\n[a-z]{0,3})?") {
        let text = format!("{behind}{more}");
        let line = format!("{PATH}{}", behind.split('\n').next().unwrap_or_default());
        let decoded = MetaFile::decode_line(line.as_bytes());
        let plain = plain_line_end(text.as_bytes());
        match decoded {
            Ok(file) if more.starts_with('\n') => {
                let written = format!(" crc32 {}\n", file.crc32c.unwrap_or(Crc32c(0)));
                prop_assert_eq!(plain, Some(written.len()));
                prop_assert!(text.starts_with(&written));
            }
            _ => prop_assert_eq!(plain, None),
        }
    }
}
