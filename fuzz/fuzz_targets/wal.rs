//! Write batches: alone, in a WAL with right checksums, and compressed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stonekeep_format::wal::{BatchSummary, BatchWalker, Replay, WalScanner, WalSummary};
use stonekeep_format::{FileNumber, Result};
use stonekeep_format_testkit::log::{LogBuilder, repair_checksums};

const ZSTD: u32 = 7;

fn walk(batch: &[u8], piece: usize) -> Result<BatchSummary> {
    let mut replay = Replay::default();
    let mut walker = BatchWalker::new(0, &mut replay);
    batch.chunks(piece).try_for_each(|chunk| walker.push(chunk))?;
    walker.finish()
}

fn scan(wal: &[u8], piece: usize) -> Result<WalSummary> {
    let mut replay = Replay::default();
    let mut scanner = WalScanner::new(FileNumber(7), &mut replay);
    wal.chunks(piece).try_for_each(|chunk| scanner.push(chunk))?;
    let summary = scanner.finish();
    if let Some(last) = summary.last_sequence {
        assert!(last.lowest <= last.highest);
    }
    Ok(summary)
}

fuzz_target!(|input: &[u8]| {
    let [options, piece, rest @ ..] = input else {
        return;
    };
    let piece = usize::from(*piece) + 1;
    match options % 3 {
        0 => assert_eq!(walk(rest, piece), walk(rest, rest.len().max(1))),
        1 => {
            let mut wal = rest.to_vec();
            repair_checksums(&mut wal);
            let _ = scan(&wal, piece);
        }
        _ => {
            let mut writer = LogBuilder::recyclable(FileNumber(7));
            writer.set_compression(ZSTD);
            writer.write(rest);
            let _ = scan(&writer.take_bytes(), piece);
        }
    }
});
