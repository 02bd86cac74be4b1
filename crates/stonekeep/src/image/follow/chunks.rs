//! What is read of the WALs in one tick.

use std::collections::BTreeMap;
use std::ops::Bound;

use stonekeep_format::FileNumber;
use stonekeep_format::log::{EndReason, LogEnd, LogScanner, RecordKind};

use crate::image::pinned::Pinned;
use crate::{Observer, Result};

/// How much a tick takes, unless a record is longer.
const MOST_BYTES: u64 = 16 << 20;

/// How much it takes of one WAL that may be recycled, behind whose end there may be anything.
const MOST_RECYCLED_BYTES: u64 = 1 << 20;

/// How much of the beginning of a WAL shows that another one was not written over it: more than the headers of its first records.
pub(super) const BEGINNING_BYTES: usize = 64;

/// How much of a WAL is scanned at a time when data is looked for.
const STEP_BYTES: usize = 64 << 10;

/// Whether more bytes of a WAL may hold more records; no record follows those that are damaged or another log's.
pub(super) fn may_go_on(end: &LogEnd) -> bool {
    matches!(
        end.reason,
        EndReason::Clean | EndReason::ZerosToEnd { .. } | EndReason::TornTail { .. }
    )
}

/// Bytes of a WAL, as far as they were there when it was measured.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The bytes.
    pub(super) bytes: Vec<u8>,
    /// The offset of the byte behind the last one.
    end: u64,
    /// The length of the file when it was measured.
    length: u64,
    /// The file was shorter than what was handed out, or became shorter while it was read.
    pub(super) lost_bytes: bool,
}

/// The chunks of a tick.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    chunks: BTreeMap<FileNumber, Chunk>,
    /// Some WALs were left out.
    are_incomplete: bool,
}

/// What a chunk from the beginning of a WAL shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Data,
    NoData,
    /// More of the WAL is needed to tell.
    Unknown,
}

impl Chunk {
    fn read(file: &Pinned, from: u64, length: u64, most: u64, observer: &dyn Observer) -> Result<Chunk> {
        let mut chunk = Chunk {
            bytes: Vec::new(),
            end: from,
            length,
            lost_bytes: length < from,
        };
        chunk.read_on(file, most, observer)?;
        Ok(chunk)
    }

    /// Reads so many more bytes, as far as they count.
    fn read_on(&mut self, file: &Pinned, most: u64, observer: &dyn Observer) -> Result<()> {
        let to = self.length.min(self.end.saturating_add(most));
        let bytes = &mut self.bytes;
        let end = file.read_on(self.end, to, observer, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        self.end = end;
        if end < to {
            self.lost_bytes = true;
            self.length = end;
        }
        Ok(())
    }

    /// Reads as many bytes as it has, for a record that is longer.
    pub(super) fn grow(&mut self, file: &Pinned, observer: &dyn Observer) -> Result<()> {
        let most = (self.bytes.len() as u64).max(MOST_RECYCLED_BYTES);
        self.read_on(file, most, observer)
    }

    /// Whether the file had more bytes.
    pub(super) fn is_cut(&self) -> bool {
        self.end < self.length
    }

    /// Scans the WAL from its beginning to its first batch.
    fn holds(&self, number: FileNumber) -> Holds {
        let mut scanner = LogScanner::wal(number);
        let mut has_data = false;
        for step in self.bytes.chunks(STEP_BYTES) {
            let scanned = scanner.push(step, &mut |record| {
                has_data |= record.kind == RecordKind::Data;
                Ok(())
            });
            // What cannot be understood is reported when the WAL is followed.
            if has_data || scanned.is_err() {
                return Holds::Data;
            }
        }
        if self.is_cut() && !scanner.is_over() {
            Holds::Unknown
        } else {
            Holds::NoData
        }
    }
}

/// Whether a WAL that has this length holds a batch.
///
/// # Errors
/// `Io`, `Stopped`.
pub(super) fn holds_data(
    number: FileNumber,
    file: &Pinned,
    length: u64,
    observer: &dyn Observer,
) -> Result<bool> {
    let mut chunk = Chunk::read(file, 0, length, STEP_BYTES as u64, observer)?;
    loop {
        match chunk.holds(number) {
            Holds::Data => return Ok(true),
            Holds::NoData => return Ok(false),
            Holds::Unknown => chunk.grow(file, observer)?,
        }
    }
}

impl Chunks {
    /// Reads WALs, oldest first, each of the length that was measured; the first one from this offset on.
    ///
    /// # Errors
    /// `Io`, `Stopped`.
    pub(super) fn read(
        measured: &BTreeMap<FileNumber, u64>,
        files: &BTreeMap<FileNumber, Pinned>,
        first_from: u64,
        recycles: bool,
        observer: &dyn Observer,
    ) -> Result<Chunks> {
        let mut left = MOST_BYTES;
        let mut chunks = Chunks::default();
        for (index, (number, length)) in measured.iter().enumerate() {
            let Some(file) = files.get(number) else { continue };
            let from = if index == 0 { first_from } else { 0 };
            if left == 0 && *length > from {
                chunks.are_incomplete = true;
                break;
            }
            let most = if recycles {
                left.min(MOST_RECYCLED_BYTES)
            } else {
                left
            };
            let chunk = Chunk::read(file, from, *length, most, observer)?;
            left = left.saturating_sub(chunk.bytes.len() as u64);
            chunks.chunks.insert(*number, chunk);
        }
        Ok(chunks)
    }

    /// Takes out the chunk of a WAL.
    pub(super) fn take(&mut self, number: FileNumber) -> Option<Chunk> {
        self.chunks.remove(&number)
    }

    /// Whether one of the WALs behind this one holds a batch. A long first batch is read whole only if nothing else is read in this
    /// tick.
    ///
    /// # Errors
    /// `Io`, `Stopped`.
    pub(super) fn hold_data_behind(
        &mut self,
        number: FileNumber,
        files: &BTreeMap<FileNumber, Pinned>,
        may_grow: bool,
        observer: &dyn Observer,
    ) -> Result<bool> {
        let behind = (Bound::Excluded(number), Bound::Unbounded);
        for (number, chunk) in self.chunks.range_mut(behind) {
            loop {
                match (chunk.holds(*number), files.get(number)) {
                    (Holds::Data, _) => return Ok(true),
                    (Holds::Unknown, Some(file)) if may_grow => chunk.grow(file, observer)?,
                    (Holds::Unknown, _) => {
                        self.are_incomplete = true;
                        break;
                    }
                    (Holds::NoData, _) => break,
                }
            }
        }
        Ok(false)
    }

    /// Whether something was left out that the next tick must look at.
    pub(super) fn are_incomplete(&self) -> bool {
        self.are_incomplete
    }
}
