//! Reads a WAL down to its batches.

use std::collections::BTreeSet;

use super::replay::UsedNumbers;
use super::{BatchSummary, BatchWalker, Decompressor, Replay, SequenceBounds};
use crate::log::{LogEnd, LogRecord, LogScanner, PredecessorWal, RecordKind};
use crate::{ColumnFamilyId, FileKind, FileNumber, FormatError, Result, SequenceNumber};

/// `CompressionType` of what is not compressed (`include/rocksdb/compression_type.h`).
const NO_COMPRESSION: u32 = 0;

/// `CompressionType` of zstd, the only one that WALs have (`StreamingCompressionTypeSupported`,
/// `util/compression.h`).
const ZSTD: u32 = 7;

/// Takes each batch with the offset of its log record.
pub type BatchSink<'s> = dyn FnMut(u64, &BatchSummary) + 's;

/// How the batches of a WAL are compressed (`wal_compression`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WalCompression {
    /// Not at all.
    #[default]
    None,
    /// Each is a zstd frame.
    Zstd,
}

/// What there is to know about a WAL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalSummary {
    /// Where and why its log ends.
    pub end: LogEnd,
    /// How its batches are compressed.
    pub compression: WalCompression,
    /// What it says about the WAL before it (`track_and_verify_wals`).
    pub predecessor: Option<PredecessorWal>,
    /// How many batches it has.
    pub batches: u64,
    /// How many keys and ranges they write.
    pub keys: u64,
    /// The column families of those.
    pub column_families: BTreeSet<ColumnFamilyId>,
    /// The sequence number in the header of the first batch.
    pub first_sequence: Option<SequenceNumber>,
    /// The sequence number in the header of the last batch: what the next WAL says about this one.
    pub last_batch_sequence: Option<SequenceNumber>,
    /// How many transactions are prepared at its end, and neither committed nor rolled back: those of the WALs before it
    /// that were read with the same [`Replay`] are among them.
    pub prepared_transactions: u64,
    /// The last sequence number in use after the last batch. What the MANIFEST says may be higher.
    pub last_sequence: Option<SequenceBounds>,
}

/// Reads a WAL that is pushed in pieces. It holds one block and one log record, which is compressed if the WAL is.
pub struct WalScanner<'r> {
    log: LogScanner,
    batches: Batches,
    replay: &'r mut Replay,
}

/// What the log records of a WAL add up to.
#[derive(Default)]
pub(super) struct Batches {
    decompressor: Option<Decompressor>,
    pub(super) predecessor: Option<PredecessorWal>,
    batches: u64,
    keys: u64,
    column_families: BTreeSet<ColumnFamilyId>,
    first_sequence: Option<SequenceNumber>,
    last: Option<(SequenceNumber, UsedNumbers)>,
}

impl<'r> WalScanner<'r> {
    /// For the WAL with this number in its name. `replay` is new for the first WAL of a database and has seen
    /// all WALs before this one otherwise.
    pub fn new(number: FileNumber, replay: &'r mut Replay) -> Self {
        WalScanner {
            log: LogScanner::wal(number),
            batches: Batches::default(),
            replay,
        }
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// As [`LogScanner::push`], [`BatchWalker`] and [`Decompressor`]; nothing can be pushed after an error. Damage
    /// of the log is no error: see [`LogEnd`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.push_each(bytes, &mut |_, _| {})
    }

    /// Takes the next bytes of the file and hands every batch that they complete to `sink`.
    ///
    /// # Errors
    /// As [`WalScanner::push`].
    pub fn push_each(&mut self, bytes: &[u8], sink: &mut BatchSink<'_>) -> Result<()> {
        let (batches, replay) = (&mut self.batches, &mut *self.replay);
        self.log.push(bytes, &mut |record| {
            if let Some(batch) = batches.take(&record, replay)? {
                sink(record.offset, &batch);
            }
            Ok(())
        })
    }

    /// What the WAL is, when nothing more will be pushed.
    pub fn finish(self) -> WalSummary {
        let (batches, replay) = (self.batches, self.replay);
        WalSummary {
            end: self.log.finish(),
            compression: match batches.decompressor {
                Some(_) => WalCompression::Zstd,
                None => WalCompression::None,
            },
            predecessor: batches.predecessor,
            batches: batches.batches,
            keys: batches.keys,
            column_families: batches.column_families,
            first_sequence: batches.first_sequence,
            prepared_transactions: replay.prepared_transactions() as u64,
            last_batch_sequence: batches.last.map(|(sequence, _)| sequence),
            last_sequence: batches
                .last
                .map(|(sequence, used)| replay.last_sequence(sequence, &used)),
        }
    }
}

impl Batches {
    /// Takes a log record; the batch, if it is one.
    pub(super) fn take(
        &mut self,
        record: &LogRecord<'_>,
        replay: &mut Replay,
    ) -> Result<Option<BatchSummary>> {
        match record.kind {
            RecordKind::Data => {
                let summary = self.walk(record, replay)?;
                self.add(&summary);
                return Ok(Some(summary));
            }
            RecordKind::PredecessorWal(predecessor) => self.predecessor = Some(predecessor),
            RecordKind::SetCompression(NO_COMPRESSION) | RecordKind::TimestampSizes => {}
            RecordKind::SetCompression(ZSTD) => self.decompressor = Some(Decompressor::new(record.offset)?),
            RecordKind::SetCompression(other) => {
                let reason = format!("WAL compression of type {other}");
                return Err(FormatError::unsupported(FileKind::Wal, record.offset, reason));
            }
        }
        Ok(None)
    }

    fn walk(&mut self, record: &LogRecord<'_>, replay: &mut Replay) -> Result<BatchSummary> {
        let mut walker = BatchWalker::new(record.offset, replay);
        match &mut self.decompressor {
            Some(decompressor) => {
                decompressor.unfold(record.offset, record.payload, &mut |piece| walker.push(piece))?;
            }
            None => walker.push(record.payload)?,
        }
        walker.finish()
    }

    fn add(&mut self, summary: &BatchSummary) {
        self.batches += 1;
        self.keys += u64::from(summary.count);
        self.column_families.extend(&summary.column_families);
        self.first_sequence.get_or_insert(summary.sequence);
        self.last = Some((summary.sequence, summary.used));
    }
}

/// Reads a WAL that is in memory, as the first or only one of its database.
///
/// # Errors
/// As [`WalScanner::push`].
pub fn summarize(number: FileNumber, bytes: &[u8]) -> Result<WalSummary> {
    let mut replay = Replay::default();
    let mut scanner = WalScanner::new(number, &mut replay);
    scanner.push(bytes)?;
    Ok(scanner.finish())
}
