//! Follows the WALs of a database that is being written, from record to record.
//!
//! Bytes come as the file grows. What is behind the last complete record is read again the next time: it may be half of a record,
//! or what an older log left in a recycled file.
//!
//! # The gap rule
//! The first sequence number of a batch follows the last one of the batch before it, in the same WAL or in the one before it. If it is
//! larger, something between them is in no WAL that was read: writes without a WAL (`disableWAL`), a file that was ingested over
//! existing keys, or a WAL that was missed. If it is smaller, the writer has lost a tail that was read, or a WAL came twice; RocksDB
//! refuses to replay both. Where the numbers are known within bounds only (see [`SequenceBounds`]), anything within them passes.

use std::fmt;

use super::scanner::Batches;
use super::{BatchSummary, Replay, SequenceBounds};
use crate::log::{LogEnd, LogScanner, PredecessorWal};
use crate::{FileNumber, Result, SequenceNumber};

/// The WALs of a database, oldest first, as far as they have been read.
pub struct WalTail {
    replay: Replay,
    number: FileNumber,
    log: LogScanner,
    batches: Batches,
    last: Option<SequenceBounds>,
}

/// A batch that was read.
#[derive(Debug)]
pub struct FollowedRecord<'b> {
    /// Its WAL.
    pub number: FileNumber,
    /// Where its log record begins.
    pub offset: u64,
    /// Where its log record ends: the WAL can be cut there.
    pub end_offset: u64,
    /// What it is.
    pub batch: &'b BatchSummary,
    /// The last sequence number in use after it.
    pub last_sequence: SequenceBounds,
    /// That something is missing before it.
    pub gap: Option<SequenceBreak>,
    /// Transactions that are prepared after it, and neither committed nor rolled back.
    pub prepared_transactions: u64,
}

/// The sequence numbers do not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceBreak {
    /// The last sequence number in use before the break.
    pub last: SequenceBounds,
    /// The sequence number that follows.
    pub found: SequenceNumber,
}

impl SequenceBreak {
    fn between(last: SequenceBounds, found: SequenceNumber) -> Option<Self> {
        let is_next = found.0 > last.lowest.0 && found.0 <= last.highest.0.saturating_add(1);
        (!is_next).then_some(SequenceBreak { last, found })
    }

    /// Whether the numbers go back: records that were read are no longer a part of the database, or came twice.
    pub fn goes_back(&self) -> bool {
        self.found <= self.last.lowest
    }
}

impl fmt::Display for SequenceBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (found, expected) = (self.found, self.last.highest.0.saturating_add(1));
        if self.goes_back() {
            write!(
                f,
                "sequence number {found} follows {}: the numbers go back",
                self.last.lowest
            )
        } else {
            write!(
                f,
                "sequence number {found} comes where {expected} is expected: what has the numbers between them is in no WAL that was read"
            )
        }
    }
}

impl WalTail {
    /// Begins with the first byte of this WAL.
    ///
    /// `replay` is new if it is the first WAL that the database needs, and has seen the ones before it otherwise; `last` is the last
    /// sequence number before the WAL, if that is known.
    pub fn new(number: FileNumber, replay: Replay, last: Option<SequenceBounds>) -> Self {
        WalTail {
            replay,
            number,
            log: LogScanner::wal(number),
            batches: Batches::default(),
            last,
        }
    }

    /// The WAL that is being read.
    pub fn number(&self) -> FileNumber {
        self.number
    }

    /// How far it has been read: the end of its last complete record. What is pushed next begins there.
    pub fn valid_bytes(&self) -> u64 {
        self.log.valid_bytes()
    }

    /// The last sequence number in use, as far as WALs show it.
    pub fn last_sequence(&self) -> Option<SequenceBounds> {
        self.last
    }

    /// How many transactions are prepared, and neither committed nor rolled back.
    pub fn prepared_transactions(&self) -> usize {
        self.replay.prepared_transactions()
    }

    /// What the batches that were read determine about later ones.
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// What the WAL says about the one before it (`track_and_verify_wals`), if that has been read.
    pub fn predecessor(&self) -> Option<PredecessorWal> {
        self.batches.predecessor
    }

    /// Takes this for the last sequence number in use, whatever was read: for a reader that continues where another one was.
    pub fn set_last_sequence(&mut self, last: Option<SequenceBounds>) {
        self.last = last;
    }

    /// Takes the bytes of the file from [`WalTail::valid_bytes`] on, in one piece, and hands each batch that is complete to `sink`. Returns
    /// where the log ends for now, and why.
    ///
    /// # Errors
    /// As [`super::WalScanner::push`], and that of `sink`; nothing can be pushed after an error.
    ///
    /// A reader that continues in the middle of a WAL reads it from its start once more: with the [`ReplayState`](super::ReplayState) of
    /// that place, which is the same after it, then with [`WalTail::set_last_sequence`].
    pub fn push(
        &mut self,
        bytes: &[u8],
        sink: &mut dyn FnMut(&FollowedRecord<'_>) -> Result<()>,
    ) -> Result<LogEnd> {
        let WalTail {
            replay,
            number,
            log,
            batches,
            last,
        } = self;
        log.rewind();
        log.push(bytes, &mut |record| {
            let Some(batch) = batches.take(&record, replay)? else {
                return Ok(());
            };
            let gap = last.and_then(|last| SequenceBreak::between(last, batch.sequence));
            let last_sequence = batch.last_sequence(replay);
            *last = Some(last_sequence);
            sink(&FollowedRecord {
                number: *number,
                offset: record.offset,
                end_offset: record.end_offset,
                batch: &batch,
                last_sequence,
                gap,
                prepared_transactions: replay.prepared_transactions() as u64,
            })
        })?;
        Ok(log.end())
    }

    /// Goes on with the first byte of the WAL that follows. The one before gets no more records: whether it ends as a closed WAL must
    /// ([`LogEnd::is_complete`]) is up to the caller.
    pub fn go_on(&mut self, number: FileNumber) {
        self.number = number;
        self.log = LogScanner::wal(number);
        self.batches = Batches::default();
    }
}

impl fmt::Debug for WalTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WalTail")
            .field("number", &self.number)
            .field("valid_bytes", &self.log.valid_bytes())
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}
