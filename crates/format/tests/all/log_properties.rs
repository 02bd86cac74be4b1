//! Properties of the log framing over random records.

use proptest::collection::vec;
use proptest::prelude::*;
use stonekeep_format::FileNumber;
use stonekeep_format::log::{EndReason, LogEnd, LogScanner};
use stonekeep_format_testkit::log::{LogBuilder, OwnedRecord, scan};

use crate::log::{NUMBER, payloads, scan_wal};

/// Sizes around everything that matters: nothing, small, a header less than a block, several blocks.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![
        4 => 0..300usize,
        3 => 32_700..32_800usize,
        1 => 60_000..100_000usize,
    ];
    vec(size, 0..12)
}

/// Records of these sizes that differ from each other.
fn records(sizes: &[usize]) -> Vec<Vec<u8>> {
    let numbered = sizes.iter().enumerate();
    numbered
        .map(|(index, size)| (0..*size).map(|at| (index * 31 + at) as u8).collect())
        .collect()
}

fn write(mut writer: LogBuilder, records: &[Vec<u8>]) -> Vec<u8> {
    records.iter().for_each(|record| writer.write(record));
    writer.take_bytes()
}

/// Pushes `bytes` in chunks of these sizes, over and over.
fn scan_chunked(mut scanner: LogScanner, bytes: &[u8], chunks: &[usize]) -> (Vec<OwnedRecord>, LogEnd) {
    let mut found = Vec::new();
    let mut rest = bytes;
    for size in chunks.iter().cycle() {
        let (now, later) = rest.split_at((*size).min(rest.len()));
        let sink = &mut |record: stonekeep_format::log::LogRecord<'_>| {
            found.push(OwnedRecord::from(record));
            Ok(())
        };
        scanner.push(now, sink).unwrap();
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    (found, scanner.finish())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(sizes in sizes(), recyclable: bool) {
        let records = records(&sizes);
        let writer = if recyclable { LogBuilder::recyclable(NUMBER) } else { LogBuilder::new() };
        let bytes = write(writer, &records);
        let (found, end) = scan_wal(&bytes);
        prop_assert_eq!(payloads(&found), records);
        prop_assert_eq!(end.reason, EndReason::Clean);
        prop_assert_eq!(end.valid_bytes, bytes.len() as u64);
        prop_assert_eq!(end.data_records, sizes.len() as u64);
        let ends = found.iter().skip(1).zip(&found);
        prop_assert!(ends.into_iter().all(|(next, record)| next.offset >= record.end_offset));
    }

    #[test]
    fn chunks_of_a_record_are_one_record(chunks in sizes(), before in 0..40_000usize, recyclable: bool) {
        let writer = if recyclable { LogBuilder::recyclable(NUMBER) } else { LogBuilder::new() };
        let chunks = records(&chunks);
        let slices: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let mut writer = writer;
        writer.write(&vec![1; before]);
        writer.write_chunks(&slices);
        let (found, end) = scan_wal(&writer.take_bytes());
        prop_assert_eq!(end.reason, EndReason::Clean);
        prop_assert_eq!(payloads(&found)[1..].to_vec(), vec![chunks.concat()]);
    }

    #[test]
    fn the_size_of_the_pieces_does_not_matter(
        sizes in sizes(),
        chunks in vec(prop_oneof![1..20usize, 1..70_000usize], 1..8),
        damage in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut bytes = write(LogBuilder::new(), &records(&sizes));
        if let Some((at, value)) = damage.filter(|_| !bytes.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(whole) = scan(LogScanner::wal(NUMBER), &bytes) {
            prop_assert_eq!(scan_chunked(LogScanner::wal(NUMBER), &bytes, &chunks), whole);
        }
    }

    #[test]
    fn a_changed_byte_never_changes_a_record(
        sizes in sizes(),
        at: prop::sample::Index,
        flip in 1..=255u8,
    ) {
        let records = records(&sizes);
        let mut bytes = write(LogBuilder::new(), &records);
        prop_assume!(!bytes.is_empty());
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let (found, end) = scan_wal(&bytes);
        let found = payloads(&found);
        prop_assert!(records.starts_with(&found));
        prop_assert!(!end.is_complete() || found == records);
    }

    #[test]
    fn stale_records_of_a_recycled_file_never_show(
        old in sizes(),
        new in sizes(),
        old_number in 1..7u64,
    ) {
        let records = records(&new);
        let stale = write(LogBuilder::recyclable(FileNumber(old_number)), &self::records(&old));
        let mut bytes = write(LogBuilder::recyclable(NUMBER), &records);
        if let Some(tail) = stale.get(bytes.len()..) {
            bytes.extend_from_slice(tail);
        }
        let (found, end) = scan_wal(&bytes);
        prop_assert_eq!(payloads(&found), records);
        prop_assert!(end.is_complete());
    }

    #[test]
    fn no_input_panics(bytes in vec(any::<u8>(), 0..300), zeros in 0..40_000usize) {
        let mut padded = bytes.clone();
        padded.resize(bytes.len() + zeros, 0);
        padded.extend(&bytes);
        let _ = scan(LogScanner::wal(NUMBER), &padded);
        let _ = scan(LogScanner::manifest_from(bytes.len() as u64 * 1000), &padded);
    }
}
