//! Properties of WALs over random batches.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use stonekeep_format::wal::{BatchWalker, Replay, WalScanner, WalSummary};
use stonekeep_format::{ColumnFamilyId, FileNumber};
use stonekeep_format_testkit::log::LogBuilder;

use crate::wal_batch::{Batch, TAGS};

const NUMBER: FileNumber = FileNumber(7);

/// A record that can stand anywhere: tag, column family, its strings.
type Entry = (u8, u32, Vec<Vec<u8>>);

fn entry() -> impl Strategy<Value = Entry> {
    let anywhere = |known: &(u8, bool, usize, bool)| known.3 || known.0 == 0x3 || known.0 == 0xD;
    let tags: Vec<_> = TAGS.into_iter().filter(anywhere).collect();
    let size = prop_oneof![8 => 0..40usize, 1 => 100..20_000usize];
    let family = prop_oneof![4 => 0..5u32, 1 => any::<u32>()];
    (prop::sample::select(tags), family, size, any::<u8>()).prop_map(|(tag, family, size, fill)| {
        let family = if tag.1 { family } else { 0 };
        (tag.0, family, vec![vec![fill; size]; tag.2])
    })
}

fn batches() -> impl Strategy<Value = Vec<Vec<Entry>>> {
    vec(vec(entry(), 0..20), 0..10)
}

/// The batches with sequence numbers from 1 on.
fn build(batches: &[Vec<Entry>]) -> Vec<Batch> {
    let mut next = 1;
    let built = batches.iter().map(|entries| {
        let batch = entries
            .iter()
            .fold(Batch::at(next), |batch, (tag, family, strings)| {
                let strings: Vec<&[u8]> = strings.iter().map(Vec::as_slice).collect();
                batch.record(*tag, *family, &strings)
            });
        next += u64::from(batch.count);
        batch
    });
    built.collect()
}

fn write(batches: &[Batch], compressed: bool, recyclable: bool) -> Vec<u8> {
    let mut writer = if recyclable {
        LogBuilder::recyclable(NUMBER)
    } else {
        LogBuilder::new()
    };
    if compressed {
        writer.set_compression(7);
    }
    for batch in batches {
        let bytes = batch.bytes();
        if compressed {
            let frame = zstd::bulk::compress(&bytes, 3).unwrap();
            let chunks: Vec<&[u8]> = frame.chunks(5000).collect();
            writer.write_chunks(&chunks);
        } else {
            writer.write(&bytes);
        }
    }
    writer.take_bytes()
}

fn scan(wal: &[u8], piece: usize) -> stonekeep_format::Result<WalSummary> {
    let mut replay = Replay::default();
    let mut scanner = WalScanner::new(NUMBER, &mut replay);
    wal.chunks(piece).try_for_each(|chunk| scanner.push(chunk))?;
    Ok(scanner.finish())
}

fn families(batches: &[Vec<Entry>]) -> BTreeSet<ColumnFamilyId> {
    let entries = batches.iter().flatten();
    let keys = entries.filter(|entry| TAGS.iter().any(|known| known.0 == entry.0 && known.3));
    keys.map(|entry| ColumnFamilyId(entry.1)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_summary_is_the_sum(
        entries in batches(),
        compressed: bool,
        recyclable: bool,
        piece in prop_oneof![1..10usize, 1..50_000usize],
    ) {
        let batches = build(&entries);
        let wal = write(&batches, compressed, recyclable);
        let summary = scan(&wal, piece).unwrap();
        let keys: u64 = batches.iter().map(|batch| u64::from(batch.count)).sum();
        prop_assert!(summary.end.is_clean());
        prop_assert_eq!(summary.batches, batches.len() as u64);
        prop_assert_eq!(summary.keys, keys);
        prop_assert_eq!(summary.column_families, families(&entries));
        prop_assert_eq!(summary.last_batch_sequence.map(|last| last.0), batches.last().map(|last| last.sequence));
        if let Some(last) = summary.last_sequence {
            prop_assert!(last.lowest.0 <= keys && keys <= last.highest.0);
        }
    }

    #[test]
    fn the_size_of_the_pieces_does_not_matter(entries in vec(entry(), 0..20), piece in 1..100usize) {
        let bytes = build(&[entries])[0].bytes();
        let walk = |piece: usize| {
            let mut replay = Replay::default();
            let mut walker = BatchWalker::new(0, &mut replay);
            bytes.chunks(piece).for_each(|chunk| walker.push(chunk).unwrap());
            walker.finish().unwrap()
        };
        prop_assert_eq!(walk(piece), walk(bytes.len()));
    }

    #[test]
    fn no_batch_panics(bytes in vec(any::<u8>(), 0..200), piece in 1..50usize, tags in vec(0..26u8, 0..20)) {
        let mixed: Vec<u8> = [vec![0; 12], tags, bytes].concat();
        let mut replay = Replay::default();
        let mut walker = BatchWalker::new(0, &mut replay);
        let walked = mixed.chunks(piece).try_for_each(|chunk| walker.push(chunk));
        if walked.is_ok() {
            let _ = walker.finish();
        }
    }

    #[test]
    fn no_compressed_batch_panics(entries in vec(entry(), 0..20), at: prop::sample::Index, value: u8) {
        let batches = build(&[entries]);
        let mut frame = zstd::bulk::compress(&batches[0].bytes(), 3).unwrap();
        let at = at.index(frame.len());
        frame[at] = value;
        let mut writer = LogBuilder::new();
        writer.set_compression(7);
        writer.write(&frame);
        let _ = scan(&writer.take_bytes(), 1000);
    }
}
