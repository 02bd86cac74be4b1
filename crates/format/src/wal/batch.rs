//! Walks a write batch.

use std::collections::BTreeSet;

use super::parser::{Record, RecordParser, Trouble};
use super::replay::{Numbering, Replay, SequenceBounds, UsedNumbers};
use super::tag::Meaning;
use crate::coding::Reader;
use crate::{ColumnFamilyId, FileKind, FormatError, Result, SequenceNumber};

/// `WriteBatchInternal::kHeader` (`db/write_batch_internal.h`).
const HEADER_BYTES: usize = 12;

/// `kMaxSequenceNumber` (`db/dbformat.h`): the upper eight bits of 64 are the type's.
const MAX_SEQUENCE: u64 = (1 << 56) - 1;

/// What there is to know about a write batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSummary {
    /// The sequence number of its first key.
    pub sequence: SequenceNumber,
    /// How many keys or ranges it writes, prepared ones among them.
    pub count: u32,
    /// The column families of those.
    pub column_families: BTreeSet<ColumnFamilyId>,
    /// How many prepared sections it has.
    pub prepared: u64,
    /// How many transactions it commits.
    pub committed: u64,
    /// How many of those were prepared in no WAL that was read: RocksDB passes over such a commit when it replays the WALs.
    pub unknown_commits: u64,
    /// How many transactions it rolls back.
    pub rolled_back: u64,
    pub(super) used: UsedNumbers,
}

impl BatchSummary {
    /// The last sequence number in use after this batch. `replay` must have seen it and all before it.
    pub fn last_sequence(&self, replay: &Replay) -> SequenceBounds {
        replay.last_sequence(self.sequence, &self.used)
    }
}

/// Walks a write batch that is pushed in pieces, and holds no more of it than its summary.
pub struct BatchWalker<'r> {
    replay: &'r mut Replay,
    offset: u64,
    position: u64,
    header: Vec<u8>,
    parser: RecordParser,
    tally: Tally,
}

/// What the records of a batch add up to.
#[derive(Debug, Default)]
struct Tally {
    column_families: BTreeSet<ColumnFamilyId>,
    /// Repeats come in runs: saves looking into the set.
    last_column_family: Option<ColumnFamilyId>,
    keys: u64,
    /// Keys in the present prepared section.
    section: Option<u64>,
    /// Keys since the last marker that ends a batch.
    keys_since_marker: u64,
    /// Whether nothing has come since that marker.
    empty: bool,
    prepared: u64,
    committed: u64,
    unknown_commits: u64,
    rolled_back: u64,
    used: UsedNumbers,
}

impl<'r> BatchWalker<'r> {
    /// For the batch in the log record at `offset` of its WAL, the place that errors name.
    pub fn new(offset: u64, replay: &'r mut Replay) -> Self {
        BatchWalker {
            replay,
            offset,
            position: 0,
            header: Vec::with_capacity(HEADER_BYTES),
            parser: RecordParser::new(),
            tally: Tally {
                empty: true,
                ..Tally::default()
            },
        }
    }

    /// Takes the next bytes of the batch.
    ///
    /// # Errors
    /// Unsupported for an unknown tag, Corrupt for bytes that are no write batch. Nothing can be pushed after an
    /// error.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let taken = if self.header.len() < HEADER_BYTES {
                let taken = bytes.len().min(HEADER_BYTES - self.header.len());
                self.header.extend_from_slice(&bytes[..taken]);
                self.position += taken as u64;
                taken
            } else {
                self.step(bytes)?
            };
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    fn step(&mut self, bytes: &[u8]) -> Result<usize> {
        let (taken, record) = self.parser.step(bytes).map_err(|trouble| match trouble {
            Trouble::UnknownTag(tag) => self.unsupported(&format!("unknown tag {tag:#04x}")),
            Trouble::LongVarint => self.corrupt("a varint has more than 32 bits"),
        })?;
        self.position += taken as u64;
        if let Some(record) = record {
            let accepted = self.tally.record(&record, self.replay);
            accepted.map_err(|reason| self.corrupt(reason))?;
        }
        Ok(taken)
    }

    /// What the batch is, when all of it has been pushed.
    ///
    /// # Errors
    /// Corrupt when the batch is cut short or its count is wrong.
    pub fn finish(self) -> Result<BatchSummary> {
        if self.header.len() < HEADER_BYTES || !self.parser.is_between_records() {
            return Err(self.corrupt("it is cut short"));
        }
        let mut header = Reader::new(FileKind::Wal, self.offset, &self.header);
        let (sequence, count) = (header.fixed64()?, header.fixed32()?);
        if sequence > MAX_SEQUENCE {
            return Err(self.corrupt(&format!("sequence number {sequence} is too large")));
        }
        if self.tally.section.is_some() {
            return Err(self.corrupt("a prepared section has no end"));
        }
        if self.tally.keys != u64::from(count) {
            return Err(self.corrupt(&format!("it counts {count} keys and has {}", self.tally.keys)));
        }
        if self.tally.keys_since_marker > 0 {
            self.replay.learn(Numbering::PerKey);
        }
        Ok(BatchSummary {
            sequence: SequenceNumber(sequence),
            count,
            column_families: self.tally.column_families,
            prepared: self.tally.prepared,
            committed: self.tally.committed,
            unknown_commits: self.tally.unknown_commits,
            rolled_back: self.tally.rolled_back,
            used: self.tally.used,
        })
    }

    fn corrupt(&self, reason: &str) -> FormatError {
        FormatError::corrupt(FileKind::Wal, self.offset, self.located(reason))
    }

    fn unsupported(&self, reason: &str) -> FormatError {
        FormatError::unsupported(FileKind::Wal, self.offset, self.located(reason))
    }

    fn located(&self, reason: &str) -> String {
        format!("write batch, after {} of its bytes: {reason}", self.position)
    }
}

impl Tally {
    /// Adds a record, or says why it cannot be here.
    fn record(&mut self, record: &Record, replay: &mut Replay) -> std::result::Result<(), &'static str> {
        match record.meaning {
            Meaning::Key => self.key(record.column_family),
            Meaning::LogData => self.empty = false,
            Meaning::Noop if self.empty => {}
            Meaning::Noop => self.marker(),
            Meaning::BeginPrepare(numbering) => {
                if self.section.is_some() {
                    return Err("a prepared section begins inside another");
                }
                replay.learn(numbering);
                self.section = Some(0);
                self.empty = false;
            }
            Meaning::EndPrepare => {
                let keys = self
                    .section
                    .take()
                    .ok_or("a prepared section ends that did not begin")?;
                replay.prepare(record.transaction, keys);
                self.prepared += 1;
                self.marker();
            }
            Meaning::Commit => {
                match replay.end(record.transaction) {
                    Some(keys) => self.used.per_key += keys,
                    None => self.unknown_commits += 1,
                }
                self.committed += 1;
                self.marker();
            }
            Meaning::Rollback => {
                replay.end(record.transaction);
                self.rolled_back += 1;
                self.marker();
            }
        }
        Ok(())
    }

    fn key(&mut self, column_family: ColumnFamilyId) {
        if self.last_column_family != Some(column_family) {
            self.column_families.insert(column_family);
            self.last_column_family = Some(column_family);
        }
        self.keys += 1;
        self.keys_since_marker += 1;
        self.empty = false;
        match &mut self.section {
            Some(keys) => *keys += 1,
            None => self.used.per_key += 1,
        }
    }

    /// Ends a batch in the sense of databases that number batches (`MaybeAdvanceSeq`, `db/write_batch.cc`).
    fn marker(&mut self) {
        self.used.per_batch.0 += 1;
        self.used.per_batch.1 += self.keys_since_marker.max(1);
        self.keys_since_marker = 0;
        self.empty = true;
    }
}
