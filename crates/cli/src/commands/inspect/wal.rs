//! The content of a WAL: its batches, without keys and values.

use serde_json::{Value, json};
use stonekeep::format::file_name::DbFileName;
use stonekeep::format::wal::{BatchSummary, Replay, WalCompression, WalScanner, WalSummary};
use stonekeep::format::{FileNumber, FormatError};

use super::dump::{Dump, log_end};
use super::kind::wal_number;
use super::source::Source;

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
    Ok(Dump {
        content: summary_json(number, &summary, records),
        problem,
    })
}

/// The number in the name, else the one that a reused file has in its records.
fn number(source: &Source) -> stonekeep::Result<FileNumber> {
    let name = source.path().file_name().and_then(|name| name.to_str());
    match name.and_then(DbFileName::parse) {
        Some(DbFileName::Wal(number)) => Ok(number),
        _ => Ok(wal_number(&source.head()?)),
    }
}

fn record(offset: u64, batch: &BatchSummary) -> Value {
    let mut record = json!({
        "offset": offset,
        "sequence": batch.sequence.0,
        "keys": batch.count,
        "column_families": batch.column_families.iter().map(|id| id.0).collect::<Vec<_>>(),
    });
    // Most batches have no part of a transaction.
    for (name, number) in [
        ("prepared", batch.prepared),
        ("committed", batch.committed),
        ("rolled_back", batch.rolled_back),
    ] {
        if number > 0 {
            record[name] = number.into();
        }
    }
    record
}

fn summary_json(number: FileNumber, summary: &WalSummary, records: Vec<Value>) -> Value {
    json!({
        "number": number.0,
        "compression": match summary.compression {
            WalCompression::None => "none",
            WalCompression::Zstd => "zstd",
            _ => "other",
        },
        "predecessor": summary.predecessor.map(|wal| json!({
            "number": wal.number.0,
            "size_bytes": wal.size_bytes,
            "last_sequence": wal.last_sequence.0,
        })),
        "batches": summary.batches,
        "keys": summary.keys,
        "column_families": summary.column_families.iter().map(|id| id.0).collect::<Vec<_>>(),
        "first_sequence": summary.first_sequence.map(|number| number.0),
        "last_sequence_lowest": summary.last_sequence.map(|bounds| bounds.lowest.0),
        "last_sequence_highest": summary.last_sequence.map(|bounds| bounds.highest.0),
        "prepared_transactions": summary.prepared_transactions,
        "end": log_end(&summary.end),
        "records": records,
    })
}
