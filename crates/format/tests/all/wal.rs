//! WALs and the batches in them.

use std::collections::BTreeSet;
use std::fmt::Write;

use stonekeep_format::log::{EndReason, PredecessorWal};
use stonekeep_format::wal::{
    BatchSummary, BatchWalker, Replay, WalCompression, WalScanner, WalSummary, summarize,
};
use stonekeep_format::{ColumnFamilyId, FileNumber, FormatError, Result, SequenceNumber};
use stonekeep_format_testkit::log::LogBuilder;

use crate::golden;
use crate::wal_batch::{Batch, CF_VALUE, DELETION, TAGS, VALUE};

const NUMBER: FileNumber = FileNumber(7);

fn list(families: &BTreeSet<ColumnFamilyId>) -> String {
    let numbers: Vec<String> = families.iter().map(ToString::to_string).collect();
    format!("[{}]", numbers.join(" "))
}

/// What a scanner makes of a WAL, a line for each batch and more for the whole.
fn dump(bytes: &[u8]) -> String {
    let mut replay = Replay::default();
    let mut scanner = WalScanner::new(NUMBER, &mut replay);
    let mut text = String::new();
    let outcome = scanner.push_each(bytes, &mut |offset, batch| {
        let BatchSummary { sequence, count, .. } = batch;
        let families = list(&batch.column_families);
        let ends = (batch.prepared, batch.committed, batch.rolled_back);
        let line = format!("{offset}: sequence {sequence}, {count} keys of column families {families}");
        writeln!(text, "{line}, (prepared, committed, rolled back): {ends:?}").unwrap();
    });
    match outcome {
        Ok(()) => dump_summary(&scanner.finish(), &mut text),
        Err(error) => writeln!(text, "error: {error}").unwrap(),
    }
    writeln!(text, "{} transactions prepared", replay.prepared_transactions()).unwrap();
    text
}

fn dump_summary(wal: &WalSummary, text: &mut String) {
    let families = list(&wal.column_families);
    let bounds = wal.last_sequence.unwrap();
    let (first, last) = (wal.first_sequence.unwrap(), wal.last_batch_sequence.unwrap());
    writeln!(
        text,
        "{} batches, {} keys of column families {families}, compression {:?}, {:?}",
        wal.batches, wal.keys, wal.compression, wal.end.reason
    )
    .unwrap();
    writeln!(
        text,
        "batches from sequence {first} to {last}, last sequence {} to {}",
        bounds.lowest, bounds.highest
    )
    .unwrap();
}

#[test]
fn golden_wals() {
    for name in [
        "of_ldb",
        "of_db_bench_zstd",
        "all_tags",
        "unknown_tag",
        "unknown_compression",
    ] {
        golden::check(&format!("wal/{name}.txt"), dump);
    }
}

fn walk(batch: &[u8]) -> Result<()> {
    let mut replay = Replay::default();
    let mut walker = BatchWalker::new(100, &mut replay);
    walker.push(batch)?;
    walker.finish().map(|_| ())
}

fn log_of(records: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = LogBuilder::new();
    records.iter().for_each(|record| writer.write(record));
    writer.take_bytes()
}

fn zstd_log_of(records: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = LogBuilder::new();
    writer.set_compression(7);
    records.iter().for_each(|record| writer.write(record));
    writer.take_bytes()
}

fn compress(batch: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(batch, 3).unwrap()
}

#[test]
fn a_wal_sums_up_its_batches() {
    let mut writer = LogBuilder::recyclable(NUMBER);
    let predecessor = PredecessorWal {
        number: FileNumber(6),
        size_bytes: 99,
        last_sequence: SequenceNumber(41),
    };
    writer.predecessor_wal(&predecessor);
    writer.write(&Batch::at(42).keys(3).bytes());
    writer.write(&Batch::at(45).record(CF_VALUE, 9, &[b"k", b"v"]).keys(1).bytes());
    let bytes = writer.take_bytes();
    let summary = summarize(NUMBER, &bytes).unwrap();
    assert_eq!(summary.end.valid_bytes, bytes.len() as u64);
    assert_eq!(summary.compression, WalCompression::None);
    assert_eq!(summary.predecessor, Some(predecessor));
    assert_eq!((summary.batches, summary.keys), (2, 5));
    assert!(
        summary
            .column_families
            .into_iter()
            .eq([ColumnFamilyId(0), ColumnFamilyId(9)])
    );
    assert_eq!(summary.first_sequence, Some(SequenceNumber(42)));
    assert_eq!(summary.last_batch_sequence, Some(SequenceNumber(45)));
    assert_eq!(summary.last_sequence.unwrap().exact(), Some(SequenceNumber(46)));
}

#[test]
fn a_wal_without_batches_has_no_sequence() {
    for bytes in [vec![], vec![0; 5000], zstd_log_of(&[])] {
        let summary = summarize(NUMBER, &bytes).unwrap();
        assert_eq!((summary.first_sequence, summary.last_sequence), (None, None));
        assert!(summary.end.is_complete());
    }
}

#[test]
fn the_summary_of_a_torn_wal_counts_complete_records() {
    let bytes = log_of(&[Batch::at(1).keys(2).bytes(), Batch::at(3).keys(40).bytes()]);
    let summary = summarize(NUMBER, &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(summary.end.reason, EndReason::TornTail { .. }));
    assert_eq!(summary.last_sequence.unwrap().exact(), Some(SequenceNumber(2)));
}

#[test]
fn a_batch_cut_anywhere_is_corrupt() {
    let batch = Batch::at(7).keys(2).record(CF_VALUE, 300, &[&[1; 200], b""]);
    let bytes = batch.record(DELETION, 0, &[b""]).bytes();
    assert_eq!(walk(&bytes), Ok(()));
    for cut in 0..bytes.len() {
        let error = walk(&bytes[..cut]).unwrap_err();
        assert!(!error.is_unsupported() && error.offset == 100, "{cut}: {error}");
    }
}

#[test]
fn a_wrong_header_is_corrupt() {
    let mut wrong_count = Batch::at(1).keys(2);
    wrong_count.count = 3;
    let error = walk(&wrong_count.bytes()).unwrap_err();
    let place = "WAL at byte 100: write batch, after 30 of its bytes";
    assert_eq!(error.to_string(), format!("{place}: it counts 3 keys and has 2"));

    assert_eq!(walk(&Batch::at((1 << 56) - 1).keys(1).bytes()), Ok(()));
    assert!(walk(&Batch::at(1 << 56).keys(1).bytes()).is_err());
}

#[test]
fn tags_that_no_wal_has_are_unsupported() {
    for tag in 0..=255 {
        if !TAGS.iter().any(|known| known.0 == tag) {
            let mut batch = Batch::at(1).keys(1);
            batch.records.push(tag);
            let error = walk(&batch.bytes()).unwrap_err();
            assert!(error.is_unsupported());
            assert!(
                error.to_string().ends_with(&format!("unknown tag {tag:#04x}")),
                "{error}"
            );
        }
    }
}

#[test]
fn overlong_varints_are_corrupt() {
    for (varint, fine) in [
        (&[0xff, 0xff, 0xff, 0xff, 0x0f][..], true),
        (&[0xff, 0xff, 0xff, 0xff, 0x1f], false),
        (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00], false),
    ] {
        let mut batch = Batch::at(1);
        batch.count = 1;
        batch.records.push(CF_VALUE);
        batch.records.extend(varint);
        batch.records.extend([0, 0]);
        assert_eq!(walk(&batch.bytes()).is_ok(), fine, "{varint:x?}");
    }
}

/// Bytes that zstd cannot make smaller.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 1u64;
    let bytes = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    });
    bytes.take(size).collect()
}

#[test]
fn compressed_batches_cross_blocks() {
    let noise = noise(300_000);
    let batches = [
        Batch::at(1).record(VALUE, 0, &[b"k", &noise]).keys(3),
        Batch::at(5).record(CF_VALUE, 2, &[b"k", &vec![0; 1 << 20]]),
        Batch::at(6).keys(1),
    ];
    let records: Vec<Vec<u8>> = batches.iter().map(|batch| compress(&batch.bytes())).collect();
    assert!(records[0].len() > 5 * stonekeep_format::log::BLOCK_BYTES);
    let summary = summarize(NUMBER, &zstd_log_of(&records)).unwrap();
    assert_eq!(summary.compression, WalCompression::Zstd);
    assert_eq!((summary.batches, summary.keys), (3, 6));
    assert_eq!(summary.last_sequence.unwrap().exact(), Some(SequenceNumber(6)));
}

#[test]
fn a_compressed_batch_is_exactly_one_frame() {
    let frame = compress(&Batch::at(1).keys(100).bytes());
    let reason = |record: Vec<u8>| -> String {
        let error: FormatError = summarize(NUMBER, &zstd_log_of(&[record])).unwrap_err();
        assert!(!error.is_unsupported());
        error.to_string()
    };
    let cut = reason(frame[..frame.len() - 1].to_vec());
    assert!(cut.ends_with("the zstd frame is cut short"), "{cut}");
    let empty = reason(vec![]);
    assert!(empty.ends_with("the zstd frame is cut short"), "{empty}");
    let more = reason([frame.as_slice(), b"x"].concat());
    assert!(more.ends_with("something follows the zstd frame"), "{more}");
    let plain = reason(Batch::at(1).keys(1).bytes());
    assert!(
        plain.starts_with("WAL at byte 11: compressed write batch: "),
        "{plain}"
    );
}

/// A frame must not make us take memory that its bytes do not stand for.
#[test]
fn a_large_zstd_window_is_refused() {
    let descriptor = |window_log: u8| (window_log - 10) << 3;
    let frame = |window_log| [0x28, 0xb5, 0x2f, 0xfd, 0, descriptor(window_log), 1, 0, 0].to_vec();
    let reason = |window_log| {
        summarize(NUMBER, &zstd_log_of(&[frame(window_log)]))
            .unwrap_err()
            .to_string()
    };
    assert!(reason(23).ends_with("it is cut short"), "{}", reason(23));
    assert!(reason(24).contains("too much memory"), "{}", reason(24));
}

/// 256 MiB in one value, in a frame of a few KiB: passed over, not held.
#[test]
fn a_batch_that_unfolds_enormously_is_passed_over() {
    let size = 256 << 20;
    let mut batch = Batch::at(1).record(VALUE, 0, &[b"key", b""]).bytes();
    batch.pop();
    stonekeep_format_testkit::coding::put_varint32(&mut batch, size);
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    std::io::Write::write_all(&mut encoder, &batch).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..size >> 20 {
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
    }
    let frame = encoder.finish().unwrap();
    assert!(frame.len() < 100_000);
    let summary = summarize(NUMBER, &zstd_log_of(&[frame])).unwrap();
    assert_eq!(summary.keys, 1);
}

#[test]
fn compression_none_may_be_announced() {
    let mut writer = LogBuilder::new();
    writer.set_compression(0);
    writer.write(&Batch::at(1).keys(1).bytes());
    let summary = summarize(NUMBER, &writer.take_bytes()).unwrap();
    assert_eq!((summary.compression, summary.keys), (WalCompression::None, 1));
}
