//! Every record and every batch of a WAL.

use std::io;

use stonekeep_format::wal::{Replay, WalScanner};
use stonekeep_format::{FileNumber, FormatError};

use super::damage::{DamagedPart, Deep};
use super::front::Front;

/// How much is read at a time: some blocks of the log.
const READ_BYTES: usize = 256 << 10;

/// Scans a WAL.
///
/// # Errors
/// Those of reading.
pub(super) fn look(number: FileNumber, front: &mut Front<'_>) -> io::Result<Deep> {
    let (mut deep, mut replay) = (Deep::default(), Replay::default());
    let mut scanner = WalScanner::new(number, &mut replay);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = front.next(&mut buffer)?;
        if count == 0 {
            break;
        }
        if let Err(error) = scanner.push(buffer.get(..count).unwrap_or_default()) {
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
    Ok(deep)
}

fn add(deep: &mut Deep, error: &FormatError, part: &str) {
    if error.is_unsupported() {
        deep.add_unchecked(error.reason().to_owned());
        return;
    }
    deep.add(DamagedPart {
        part: part.to_owned(),
        offset: error.offset,
        column_family: None,
        from_key: None,
        to_key: None,
        reason: error.reason().to_owned(),
    });
}
