//! Logs of every kind, from annotated bytes and from the writer.

use std::fmt::Write;

use stonekeep_format::log::{
    BLOCK_BYTES, EndReason, LogEnd, LogScanner, PredecessorWal, RecordKind, has_recyclable_headers,
};
use stonekeep_format::{ColumnFamilyId, FileKind, FileNumber, Result, SequenceNumber};
use stonekeep_format_testkit::log::{LogBuilder, OwnedRecord, TimestampSize, scan};

use crate::golden;

pub(crate) const NUMBER: FileNumber = FileNumber(0x1_0000_0007);

pub(crate) fn scan_wal(bytes: &[u8]) -> (Vec<OwnedRecord>, LogEnd) {
    scan(LogScanner::wal(NUMBER), bytes).unwrap()
}

pub(crate) fn payloads(records: &[OwnedRecord]) -> Vec<Vec<u8>> {
    let data = records.iter().filter(|record| record.kind == RecordKind::Data);
    data.map(|record| record.payload.clone()).collect()
}

/// What a scanner makes of a log, a line for each record and one for the end.
fn dump(outcome: Result<(Vec<OwnedRecord>, LogEnd)>) -> String {
    let (records, end) = match outcome {
        Ok(found) => found,
        Err(error) => return format!("error: {error}\n"),
    };
    let mut text = String::new();
    for record in records {
        let twin = if record.recyclable { " recyclable" } else { "" };
        let (from, to) = (record.offset, record.end_offset);
        let size = record.payload.len();
        let payload = match record.payload.get(..64) {
            Some(start) => format!("{}\" … {size} bytes", start.escape_ascii()),
            None => format!("{}\"", record.payload.escape_ascii()),
        };
        writeln!(text, "{from}..{to} {:?}{twin} \"{payload}", record.kind).unwrap();
    }
    writeln!(
        text,
        "valid {} of {} bytes, {} data records, recycled {}, inside record {}, complete {}",
        end.valid_bytes,
        end.scanned_bytes,
        end.data_records,
        end.recycled,
        end.inside_record,
        end.is_complete()
    )
    .unwrap();
    writeln!(text, "{:?}", end.reason).unwrap();
    if let Some(damage) = end.damage() {
        writeln!(text, "damage: {damage}").unwrap();
    }
    text
}

fn dump_wal(bytes: &[u8]) -> String {
    dump(scan(LogScanner::wal(FileNumber(7)), bytes))
}

#[test]
fn golden_wals() {
    for name in [
        "log/wal_of_ldb",
        "log/meta_records",
        "log/recycled",
        "log/just_renamed",
        "log/empty_first_fragment",
        "log/unknown_ignorable_type",
        "log/unknown_type",
        "log/damaged",
    ] {
        golden::check(&format!("{name}.txt"), dump_wal);
    }
}

#[test]
fn a_golden_wal_that_rocksdb_recycled() {
    golden::check("log/recycled_by_rocksdb.txt", |bytes| {
        dump(scan(LogScanner::wal(FileNumber(40)), bytes))
    });
}

#[test]
fn golden_manifests() {
    golden::check("log/manifest_of_ldb.txt", |bytes| {
        dump(scan(LogScanner::manifest(), bytes))
    });
    golden::check("log/manifest_with_recyclable_record.txt", |bytes| {
        dump(scan(LogScanner::manifest(), bytes))
    });
}

#[test]
fn records_about_the_log_parse_to_what_was_written() {
    let predecessor = PredecessorWal {
        number: FileNumber(3),
        size_bytes: 400,
        last_sequence: SequenceNumber(5_000_000_000),
    };
    let sizes = [TimestampSize {
        column_family: ColumnFamilyId(9),
        bytes: 8,
    }];
    for mut writer in [LogBuilder::new(), LogBuilder::recyclable(NUMBER)] {
        writer.set_compression(7);
        writer.predecessor_wal(&predecessor);
        writer.timestamp_sizes(&sizes);
        writer.write(b"batch");
        let (records, end) = scan_wal(&writer.take_bytes());
        let kinds: Vec<RecordKind> = records.iter().map(|record| record.kind).collect();
        let expected = [
            RecordKind::SetCompression(7),
            RecordKind::PredecessorWal(predecessor),
            RecordKind::TimestampSizes,
            RecordKind::Data,
        ];
        assert_eq!(kinds, expected);
        assert_eq!((end.reason, end.data_records), (EndReason::Clean, 1));
        assert_eq!(end.recycled, records[3].recyclable);
    }
}

#[test]
fn an_unsplittable_record_leaves_a_long_trailer() {
    let sizes = vec![
        TimestampSize {
            column_family: ColumnFamilyId(1),
            bytes: 8,
        };
        100
    ];
    let mut writer = LogBuilder::new();
    writer.write(&vec![1; BLOCK_BYTES - 200]);
    writer.timestamp_sizes(&sizes);
    writer.write(b"behind");
    let bytes = writer.take_bytes();
    let (records, end) = scan_wal(&bytes);
    assert_eq!(records[1].offset, BLOCK_BYTES as u64);
    assert_eq!(payloads(&records)[1], b"behind");
    assert_eq!(end.reason, EndReason::Clean);

    let cut = &bytes[..BLOCK_BYTES - 50];
    let (_, end) = scan_wal(cut);
    let offset = BLOCK_BYTES as u64 - 193;
    assert_eq!(end.reason, EndReason::ZerosToEnd { offset });
    assert_eq!(end.valid_bytes, offset);
}

/// The compressor's chunks may end anywhere, so a block may end with up to ten zeros inside a logical record.
#[test]
fn a_recyclable_trailer_inside_a_record_is_passed_over() {
    for left in 7..=11 {
        let mut writer = LogBuilder::recyclable(NUMBER);
        let first = vec![1; BLOCK_BYTES - 11 - left];
        writer.write_chunks(&[&first, b"second"]);
        let (records, end) = scan_wal(&writer.take_bytes());
        assert_eq!(payloads(&records), [[first.as_slice(), b"second"].concat()]);
        assert_eq!(end.reason, EndReason::Clean, "{left} bytes left");
    }
}

#[test]
fn a_manifest_is_read_on_from_a_record_boundary() {
    let mut writer = LogBuilder::new();
    for size in [10, 40_000, 0, 25_520, 8] {
        writer.write(&vec![b'e'; size]);
    }
    let bytes = writer.take_bytes();
    let (all, end) = scan(LogScanner::manifest(), &bytes).unwrap();
    assert_eq!(end.file, FileKind::Manifest);
    for (index, record) in all.iter().enumerate() {
        let from = record.end_offset;
        let rest = scan(LogScanner::manifest_from(from), &bytes[from as usize..]).unwrap();
        assert_eq!(rest.0, all[index + 1..]);
        assert_eq!((rest.1.valid_bytes, rest.1.reason), (end.valid_bytes, end.reason));
    }
}

#[test]
fn the_writer_can_be_drained() {
    let mut whole = LogBuilder::new();
    let mut drained = LogBuilder::new();
    let mut pieces = Vec::new();
    for size in [100, 32_650, 70_000, 1] {
        whole.write(&vec![3; size]);
        drained.write(&vec![3; size]);
        pieces.extend(drained.take_bytes());
    }
    assert_eq!(whole.take_bytes(), pieces);
}

#[test]
fn the_kind_of_a_log_is_known_by_its_first_record_that_is_not_about_compression() {
    fn beginning(mut log: LogBuilder, compressed: bool) -> Vec<u8> {
        if compressed {
            log.set_compression(7);
        }
        log.write(b"x");
        log.take_bytes()
    }
    for compressed in [false, true] {
        assert!(!has_recyclable_headers(&beginning(LogBuilder::new(), compressed)));
        let recyclable = beginning(LogBuilder::recyclable(FileNumber(7)), compressed);
        assert!(has_recyclable_headers(&recyclable));
        let decided = if compressed { 18 } else { 7 };
        assert!(has_recyclable_headers(&recyclable[..decided]));
        assert!(
            !has_recyclable_headers(&recyclable[..decided - 1]),
            "too few bytes"
        );
    }
    assert!(!has_recyclable_headers(b""));
}
