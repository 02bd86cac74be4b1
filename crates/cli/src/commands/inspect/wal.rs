//! What a WAL says: its batches, without keys and values.

use serde::Serialize;
use stonekeep::format::file_name::DbFileName;
use stonekeep::format::wal::{BatchSummary, Replay, WalCompression, WalScanner, WalSummary};
use stonekeep::format::{FileNumber, FormatError};

use super::dump::Dump;
use super::kind::wal_number;
use super::log_end::LogEndJson;
use super::source::Source;

#[derive(Serialize)]
struct WalJson {
    number: u64,
    compression: &'static str,
    predecessor: Option<PredecessorJson>,
    batches: u64,
    keys: u64,
    column_families: Vec<u32>,
    first_sequence: Option<u64>,
    last_sequence_lowest: Option<u64>,
    last_sequence_highest: Option<u64>,
    prepared_transactions: u64,
    end: LogEndJson,
    records: Vec<BatchJson>,
}

#[derive(Serialize)]
struct PredecessorJson {
    number: u64,
    size_bytes: u64,
    last_sequence: u64,
}

#[derive(Serialize)]
struct BatchJson {
    offset: u64,
    sequence: u64,
    keys: u32,
    column_families: Vec<u32>,
    #[serde(skip_serializing_if = "is_zero")]
    prepared: u64,
    #[serde(skip_serializing_if = "is_zero")]
    committed: u64,
    #[serde(skip_serializing_if = "is_zero")]
    rolled_back: u64,
}

/// Most batches have no part of a transaction.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

pub(super) fn dump(source: &Source) -> anyhow::Result<Dump> {
    let number = number(source)?;
    let mut replay = Replay::default();
    let mut scanner = WalScanner::new(number, &mut replay);
    let mut records = Vec::new();
    let mut problem: Option<FormatError> = None;
    source.pieces(&mut |piece| {
        if problem.is_none() {
            let mut sink = |offset, batch: &BatchSummary| records.push(record(offset, batch));
            problem = scanner.push_each(piece, &mut sink).err();
        }
        Ok(())
    })?;
    let summary = scanner.finish();
    let problem = problem.or_else(|| summary.end.damage());
    Dump::with_problem(&json(number, &summary, records), problem)
}

/// The number in the name, else the one that a reused file has in its records.
fn number(source: &Source) -> stonekeep::Result<FileNumber> {
    let name = source.path().file_name().and_then(|name| name.to_str());
    match name.and_then(DbFileName::parse) {
        Some(DbFileName::Wal(number)) => Ok(number),
        _ => Ok(wal_number(&source.head()?)),
    }
}

fn record(offset: u64, batch: &BatchSummary) -> BatchJson {
    BatchJson {
        offset,
        sequence: batch.sequence.0,
        keys: batch.count,
        column_families: batch.column_families.iter().map(|id| id.0).collect(),
        prepared: batch.prepared,
        committed: batch.committed,
        rolled_back: batch.rolled_back,
    }
}

fn json(number: FileNumber, summary: &WalSummary, records: Vec<BatchJson>) -> WalJson {
    WalJson {
        number: number.0,
        compression: match summary.compression {
            WalCompression::None => "none",
            WalCompression::Zstd => "zstd",
            _ => "other",
        },
        predecessor: summary.predecessor.map(|wal| PredecessorJson {
            number: wal.number.0,
            size_bytes: wal.size_bytes,
            last_sequence: wal.last_sequence.0,
        }),
        batches: summary.batches,
        keys: summary.keys,
        column_families: summary.column_families.iter().map(|id| id.0).collect(),
        first_sequence: summary.first_sequence.map(|number| number.0),
        last_sequence_lowest: summary.last_sequence.map(|bounds| bounds.lowest.0),
        last_sequence_highest: summary.last_sequence.map(|bounds| bounds.highest.0),
        prepared_transactions: summary.prepared_transactions,
        end: LogEndJson::new(&summary.end),
        records,
    }
}
