//! Reading many meta files gives what reading each one by itself gives.

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::{BackupMeta, MetaReader};

const SHARED: &str = "shared_checksum/000008_sABCDEFGHIJKLMNOPQRST_980.sst crc32 1152751073\n";
const OTHER: &str = "shared_checksum/000009_sABCDEFGHIJKLMNOPQRST_981.sst crc32 2\n";
const SAME_NAME: &str = "shared_checksum/000008_sABCDEFGHIJKLMNOPQRST_999.sst crc32 3\n";

fn meta(files: &[&str]) -> Vec<u8> {
    format!("1735689600\n4711\n{}\n{}", files.len(), files.concat()).into_bytes()
}

fn private(id: u32) -> String {
    format!("private/{id}/CURRENT crc32 993937570\n")
}

/// Every text after every other, by one reader.
#[test]
fn a_reader_gives_the_same_values_and_errors() {
    let (first, second) = (private(1), private(2));
    let mut texts = vec![
        meta(&[SHARED, OTHER, &first]),
        meta(&[OTHER, SHARED, &second]),
        meta(&[SHARED, SHARED]),
        meta(&[SHARED, SAME_NAME]),
        meta(&[&first, &first]),
        meta(&["private/1/README crc32 1\n"]),
        meta(&[]),
        b"1735689600\n4711\n7\n".to_vec(),
        format!("1735689600\n4711\n1\n{SHARED}{OTHER}").into_bytes(),
        format!("schema_version 2.1\n1\n2\n2\n{SHARED}{OTHER}").into_bytes(),
        format!("1\n2\n1\n{}", SHARED.trim_end()).into_bytes(),
        Vec::new(),
    ];
    // A field that schema 1 does not have.
    texts.push(meta(&[&SHARED.replace("crc32", "size 980 crc32")]));
    for earlier in &texts {
        for text in &texts {
            let mut reader = MetaReader::default();
            for id in [1, 2, 1] {
                let id = BackupId::new(id).unwrap();
                let _ = reader.decode(id, earlier);
                let (read, wanted) = (reader.decode(id, text), BackupMeta::decode(id, text));
                assert_eq!(format!("{read:?}"), format!("{wanted:?}"));
            }
        }
    }
}

#[test]
fn more_lines_than_are_remembered_are_read() {
    let mut reader = MetaReader::default();
    for id in 1..=3 {
        let id = BackupId::new(id).unwrap();
        let lines: Vec<String> = (0..60_000)
            .map(|n| format!("shared_checksum/{:06}_{id}_980.sst crc32 {id}\n", n + 1))
            .collect();
        let text = meta(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        for _ in 0..2 {
            assert_eq!(reader.decode(id, &text).unwrap().files.len(), 60_000);
        }
    }
}
