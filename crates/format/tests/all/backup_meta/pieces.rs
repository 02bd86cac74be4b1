//! Meta files that are read piece by piece, and lines that are too long to be held.

use stonekeep_format::Result;
use stonekeep_format::backup_meta::{APP_METADATA_LIMIT_BYTES, LINE_LIMIT_BYTES, MetaDecoder, MetaLine};

use super::*;

/// Reads a text so many bytes at a time.
fn in_pieces(backup: u32, text: &[u8], size: usize) -> Result<BackupMeta> {
    let mut decoder = MetaDecoder::new(BackupId::new(backup));
    let (mut files, mut held, mut most) = (Vec::new(), Vec::new(), 0);
    for piece in text.chunks(size) {
        held.extend_from_slice(piece);
        let taken = decoder.push(&held, &mut |line| match line {
            MetaLine::File(file) => files.push(file),
            MetaLine::Known(..) => panic!("no path is known"),
        })?;
        held.drain(..taken);
        most = most.max(held.len());
    }
    assert!(most < LINE_LIMIT_BYTES, "{most} bytes are held");
    let meta = decoder.finish(&held)?;
    Ok(BackupMeta { files, ..meta })
}

fn with_metadata(digits: &str) -> String {
    format!("1735689600\n12\nmetadata {digits}\n1\nprivate/1/CURRENT crc32 5\n")
}

#[test]
fn a_text_is_read_the_same_in_pieces_of_any_size() {
    for (backup, text) in GOLDEN {
        for size in 1..=text.len() {
            let pieces = in_pieces(backup, text.as_bytes(), size);
            assert_eq!(pieces, decode(backup, text), "{size}");
        }
        for cut in 0..text.len() {
            let cut = &text.as_bytes()[..cut];
            assert_eq!(in_pieces(backup, cut, 7), decode(backup, cut));
        }
    }
}

#[test]
fn over_long_metadata_is_truncated() {
    for more in [0, 1, 3_000_000] {
        let text = with_metadata(&"4d".repeat(APP_METADATA_LIMIT_BYTES + more));
        for read in [decode(1, &text), in_pieces(1, text.as_bytes(), 300_000)] {
            let read = read.unwrap();
            assert_eq!(read.head.app_metadata, vec![0x4d; APP_METADATA_LIMIT_BYTES]);
            assert_eq!(read.head.app_metadata_omitted_bytes, more as u64);
            assert_eq!(read.files.len(), 1);
            assert_eq!(
                read.encode().is_ok(),
                more == 0,
                "what is not held cannot be written"
            );
        }
    }
    for bad in ["4", "g4"] {
        let text = with_metadata(&("4d".repeat(2 << 20) + bad));
        let error = in_pieces(1, text.as_bytes(), 300_000).unwrap_err();
        assert!(error.to_string().contains("no hex"), "{error}");
        assert!(decode(1, &text).is_err());
    }
}

#[test]
fn no_other_line_is_longer_than_the_limit() {
    let long = "x".repeat(LINE_LIMIT_BYTES + 1);
    let head = "schema_version 2\n1\n2\n";
    let file = "private/1/CURRENT crc32 5";
    for text in [
        long.clone(),
        format!("{head}metadata{long}\n1\n{file}\n"),
        format!("{head}field {long}\n1\n{file}\n"),
        format!("{head}1\n{file} field {long}\n"),
        format!("{head}1\n{file}\n// FOOTER\nfield {long}\n"),
    ] {
        for read in [decode(1, &text), in_pieces(1, text.as_bytes(), 300_000)] {
            let error = read.unwrap_err();
            assert!(!error.is_unsupported(), "{error}");
        }
    }
    let fits = "x".repeat(LINE_LIMIT_BYTES - 100);
    let text = format!("{head}field {fits}\n1\n{file}\n");
    assert_eq!(in_pieces(1, text.as_bytes(), 300_000), decode(1, &text));
    assert!(decode(1, &text).is_ok());
}
