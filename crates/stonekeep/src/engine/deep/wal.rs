//! Every record and every batch of a WAL.

use std::io;

use stonekeep_format::wal::{Replay, WalScanner};
use stonekeep_format::{FileNumber, FormatError, SequenceNumber};

use super::damage::{DamagedPart, Deep};
use super::front::Front;
use super::record::Record;
use super::wal_sequences::WalSequences;

/// How much is read at a time: some blocks of the log.
const READ_BYTES: usize = 256 << 10;

/// Scans a WAL.
///
/// # Errors
/// Those of reading.
pub(super) fn look(number: FileNumber, front: &mut Front<'_>, records: &[&Record]) -> io::Result<Deep> {
    let (mut deep, mut replay) = (Deep::default(), Replay::default());
    let mut scanner = WalScanner::new(number, &mut replay);
    let mut buffer = vec![0; READ_BYTES];
    let mut latest = SequenceNumber(0);
    loop {
        let count = front.next(&mut buffer)?;
        if count == 0 {
            break;
        }
        let read = buffer.get(..count).unwrap_or_default();
        let pushed = scanner.push_each(read, &mut |offset, batch| {
            if batch.sequence < latest {
                let reason = format!(
                    "its sequence number is {}, after one of {latest}: they never go back",
                    batch.sequence
                );
                deep.add(at("batch", offset, reason));
            }
            latest = latest.max(batch.sequence);
        });
        if let Err(error) = pushed {
            add(&mut deep, &error, "batch");
            return Ok(deep);
        }
    }
    let summary = scanner.finish();
    (deep.parts, deep.entries) = (summary.batches, summary.keys);
    // A record that was not written in full is what a crash leaves; RocksDB reads up to it.
    if let Some(error) = summary.end.damage() {
        add(&mut deep, &error, "record");
    }
    deep.wal = Some(WalSequences::of(number, &summary));
    compare(&mut deep, front.size_bytes(), records);
    Ok(deep)
}

fn add(deep: &mut Deep, error: &FormatError, part: &str) {
    if error.is_unsupported() {
        deep.add_unchecked(error.reason().to_owned());
        return;
    }
    deep.add(at(part, error.offset, error.reason().to_owned()));
}

/// RocksDB opens no database with a WAL that is shorter than the MANIFEST knows it to be synced
/// (`WalSet::CheckWals` in `db/wal_edit.cc`).
fn compare(deep: &mut Deep, size_bytes: u64, records: &[&Record]) {
    for (place, record) in records.iter().enumerate() {
        if let Some(synced) = record.synced_bytes().filter(|synced| size_bytes < *synced) {
            let reason = format!("it has {size_bytes} bytes, but the MANIFEST has that {synced} were synced");
            deep.contradictions.push((place, at("WAL", 0, reason)));
        }
    }
}

fn at(part: &str, offset: u64, reason: String) -> DamagedPart {
    DamagedPart {
        part: part.to_owned(),
        offset,
        column_family: None,
        level: None,
        from_key: None,
        to_key: None,
        reason,
    }
}
