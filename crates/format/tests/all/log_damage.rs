//! Logs that end badly: what is still read of them, and what is said of the rest.

use stonekeep_format::log::{BLOCK_BYTES, EndReason, LogScanner};
use stonekeep_format::{FileNumber, Problem};
use stonekeep_format_testkit::log::{LogBuilder, scan};

use crate::log::{NUMBER, payloads, scan_wal};

/// Records that end in the second block, and the bytes of their log.
fn sample(mut writer: LogBuilder) -> (Vec<Vec<u8>>, Vec<u8>) {
    let records = [0, 7, 1000, 31_000, 20_000, 9].map(|size| vec![0xab; size]);
    for record in &records {
        writer.write(record);
    }
    (records.to_vec(), writer.take_bytes())
}

#[test]
fn a_log_cut_anywhere_gives_its_first_records() {
    let (records, bytes) = sample(LogBuilder::new());
    let (whole, _) = scan_wal(&bytes);
    for cut in (0..bytes.len()).filter(|cut| cut % 61 == 0 || cut % BLOCK_BYTES < 60) {
        let (found, end) = scan_wal(&bytes[..cut]);
        let complete = whole
            .iter()
            .filter(|record| record.end_offset <= cut as u64)
            .count();
        assert_eq!(payloads(&found), records[..complete], "cut at {cut}");
        let boundary = found.last().map_or(0, |record| record.end_offset);
        assert_eq!((end.valid_bytes, end.scanned_bytes), (boundary, cut as u64));
        let reason = match whole.get(complete) {
            Some(next) if next.offset < cut as u64 => EndReason::TornTail { offset: next.offset },
            _ => EndReason::Clean,
        };
        assert_eq!(end.reason, reason, "cut at {cut}");
        assert!(end.damage().is_none());
    }
}

#[test]
fn a_cut_is_torn_even_when_zeros_follow() {
    let (records, bytes) = sample(LogBuilder::new());
    let (whole, _) = scan_wal(&bytes);
    let start = whole[4].offset;
    for cut in [
        start + 6,
        start + 500,
        BLOCK_BYTES as u64,
        BLOCK_BYTES as u64 + 100,
    ] {
        let mut torn = bytes[..cut as usize].to_vec();
        torn.resize(3 * BLOCK_BYTES + 17, 0);
        let (found, end) = scan_wal(&torn);
        assert_eq!(payloads(&found), records[..4]);
        assert!(!end.is_clean() && !end.is_complete(), "{:?}", end.reason);
        assert_eq!(end.valid_bytes, start);
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let mut writer = LogBuilder::new();
    writer.write(b"one");
    writer.write(b"");
    writer.write(b"three");
    let bytes = writer.take_bytes();
    let (whole, _) = scan_wal(&bytes);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (found, end) = scan_wal(&flipped);
        let intact = whole
            .iter()
            .filter(|record| record.end_offset * 8 <= bit as u64)
            .count();
        assert_eq!(found, whole[..intact], "bit {bit}");
        assert!(!end.is_complete(), "bit {bit}: {:?}", end.reason);
    }
}

#[test]
fn damage_before_the_end_is_damage() {
    let (_, mut bytes) = sample(LogBuilder::new());
    bytes[BLOCK_BYTES + 9] ^= 1;
    let (found, end) = scan_wal(&bytes);
    assert_eq!(found.len(), 4);
    let offset = BLOCK_BYTES as u64;
    assert_eq!(end.reason, EndReason::BadChecksum { offset });
    assert!(end.inside_record);
    let damage = end.damage().unwrap();
    assert_eq!(
        damage.to_string(),
        "WAL at byte 32768: a record with a wrong checksum"
    );
    assert_eq!(end.scanned_bytes, bytes.len() as u64);
}

/// A length beyond the block is a torn tail in the file's last block only.
#[test]
fn a_length_beyond_the_block_is_torn_at_the_end_only() {
    let mut writer = LogBuilder::new();
    writer.write(b"good");
    writer.write(b"bad");
    let mut bytes = writer.take_bytes();
    let offset = 11;
    bytes[offset + 5] = 0xff;
    let torn = EndReason::TornTail {
        offset: offset as u64,
    };
    assert_eq!(scan_wal(&bytes).1.reason, torn);
    bytes.resize(BLOCK_BYTES - 1, 1);
    assert_eq!(scan_wal(&bytes).1.reason, torn);
    bytes.push(1);
    let bad = EndReason::BadLength {
        offset: offset as u64,
    };
    assert_eq!(scan_wal(&bytes).1.reason, bad);
}

#[test]
fn a_hole_is_no_trailer() {
    let mut writer = LogBuilder::new();
    writer.write(&[1; 100]);
    let first = writer.take_bytes();
    let offset = first.len() as u64;
    let hole = EndReason::Hole { offset };

    let in_block = [first.as_slice(), &[0; 1000], &[7; 20]].concat();
    assert_eq!(scan_wal(&in_block).1.reason, hole);

    // A trailer, a whole block of zeros, then a record that nobody can have put there.
    let mut lost_block = first.clone();
    lost_block.resize(2 * BLOCK_BYTES, 0);
    lost_block.extend(&first);
    let (found, end) = scan_wal(&lost_block);
    assert_eq!((found.len(), end.reason), (1, hole));
    assert!(end.damage().is_some());

    lost_block.truncate(BLOCK_BYTES);
    lost_block.extend(&first);
    assert_eq!(scan_wal(&lost_block).1.reason, EndReason::Clean);
}

#[test]
fn a_recycled_log_ends_where_the_old_one_shows() {
    let (_, mut file) = sample(LogBuilder::recyclable(FileNumber(3)));
    let mut writer = LogBuilder::recyclable(NUMBER);
    let mut written = Vec::new();
    for size in [500, 33_000, 4, 2100] {
        let empty_yet = written.is_empty();
        let (found, end) = scan_wal(&file);
        assert_eq!(payloads(&found), written);
        assert!(end.recycled && end.is_complete() && end.damage().is_none());
        if empty_yet {
            let foreign = EndReason::ForeignLogNumber {
                offset: 0,
                log_number: 3,
            };
            assert_eq!(end.reason, foreign);
        }
        let record = vec![0xcd; size];
        writer.write(&record);
        written.push(record);
        let bytes = writer.take_bytes();
        let from = end.valid_bytes as usize;
        file[from..from + bytes.len()].copy_from_slice(&bytes);
    }
    let (found, end) = scan_wal(&file);
    assert_eq!(payloads(&found), written);
    assert!(end.is_complete());
}

/// The compression's record names no log, so a renamed file seems to begin with one of ours.
#[test]
fn a_renamed_file_may_begin_with_the_old_compression() {
    let mut writer = LogBuilder::recyclable(FileNumber(3));
    writer.set_compression(7);
    writer.write(b"old");
    let (found, end) = scan_wal(&writer.take_bytes());
    assert_eq!((found.len(), end.data_records, end.valid_bytes), (1, 0, 11));
    assert!(end.recycled && end.is_complete());
}

#[test]
fn a_recycled_log_that_ends_inside_a_record_is_incomplete() {
    let mut writer = LogBuilder::recyclable(NUMBER);
    writer.write(b"whole");
    let valid = writer.take_bytes();
    writer.write(&vec![1; 40_000]);
    let mut bytes = [valid.as_slice(), &writer.take_bytes()].concat();
    bytes.truncate(BLOCK_BYTES);
    let (_, mut stale) = sample(LogBuilder::recyclable(FileNumber(3)));
    bytes.append(&mut stale);
    let (found, end) = scan_wal(&bytes);
    assert_eq!(payloads(&found), [b"whole"]);
    assert!(end.recycled && end.inside_record && !end.is_complete());
    assert_eq!(end.valid_bytes, valid.len() as u64);
}

/// A log whose first record only looks recyclable must not pass for an empty one.
#[test]
fn a_first_record_with_a_wrong_checksum_proves_no_recycling() {
    let mut writer = LogBuilder::new();
    writer.write(b"precious");
    let mut bytes = writer.take_bytes();
    bytes[6] ^= 4;
    let (_, end) = scan_wal(&bytes);
    assert!(!end.recycled && !end.is_complete());
}

#[test]
fn the_two_kinds_of_header_do_not_mix() {
    let mut legacy = LogBuilder::new();
    legacy.write(b"legacy");
    let legacy = legacy.take_bytes();
    let mut recyclable = LogBuilder::recyclable(NUMBER);
    recyclable.write(b"recyclable");
    let recyclable = recyclable.take_bytes();
    for (first, second, record_type) in [(&legacy, &recyclable, 5), (&recyclable, &legacy, 1)] {
        let (found, end) = scan_wal(&[first.as_slice(), second].concat());
        let offset = first.len() as u64;
        assert_eq!(found.len(), 1);
        assert_eq!(end.reason, EndReason::Misplaced { offset, record_type });
    }
}

#[test]
fn compression_is_announced_once_and_first() {
    let mut writer = LogBuilder::new();
    writer.set_compression(7);
    writer.set_compression(7);
    let (found, end) = scan_wal(&writer.take_bytes());
    assert_eq!(found.len(), 1);
    let misplaced = |offset| EndReason::Misplaced {
        offset,
        record_type: 9,
    };
    assert_eq!(end.reason, misplaced(11));

    writer = LogBuilder::recyclable(NUMBER);
    writer.write(b"");
    writer.set_compression(7);
    assert_eq!(scan_wal(&writer.take_bytes()).1.reason, misplaced(11));
}

#[test]
fn the_error_of_a_sink_is_returned() {
    let (_, bytes) = sample(LogBuilder::new());
    let refusal = stonekeep_format::FormatError {
        file: stonekeep_format::FileKind::Wal,
        offset: 3,
        problem: Problem::Corrupt("no".to_owned()),
    };
    let mut scanner = LogScanner::wal(NUMBER);
    let outcome = scanner.push(&bytes, &mut |_| Err(refusal.clone()));
    assert_eq!(outcome, Err(refusal));
}

#[test]
fn records_about_the_log_must_make_sense() {
    let mut writer = LogBuilder::new();
    writer.write(b"12345");
    let bytes = writer.take_bytes();
    for record_type in [9u8, 10, 130] {
        let mut changed = bytes.clone();
        changed[6] = record_type;
        changed[4] = if record_type == 9 { 3 } else { 5 };
        changed.truncate(7 + usize::from(changed[4]));
        let checksum = stonekeep_format::checksum::mask(stonekeep_format::checksum::crc32c(&changed[6..]));
        changed[..4].copy_from_slice(&checksum.to_le_bytes());
        let error = scan(LogScanner::wal(NUMBER), &changed).unwrap_err();
        assert!(matches!(error.problem, Problem::Corrupt(_)), "{error}");
    }
}
