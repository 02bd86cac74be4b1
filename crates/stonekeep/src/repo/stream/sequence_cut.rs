//! Finds the record of a WAL after which a sequence number is reached.

use stonekeep_format::wal::{FollowedRecord, Replay, SequenceBounds, WalTail};
use stonekeep_format::{FileNumber, SequenceNumber};

use super::resume_point::ResumePoint;
use super::segment_header::WalPosition;
use crate::{Error, Result};

/// Reads WALs up to the piece with the sequence number, each from its first byte. What was prepared in an earlier one decides about later
/// sequence numbers: so it begins with the first WAL that the base needs, or where a [`ResumePoint`] has what is known there.
#[derive(Debug)]
pub struct SequenceCut {
    wanted: SequenceNumber,
    tail: Option<WalTail>,
    /// What follows the last complete record so far.
    rest: Vec<u8>,
    found: Found,
}

/// Where to cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutPoint {
    /// The end of the last record whose last sequence number is not larger than the wanted one.
    pub end: WalPosition,
    /// The last sequence number in use there.
    pub last_sequence: SequenceBounds,
    /// The first sequence number of the record after it, if there was one.
    pub next: Option<SequenceNumber>,
    /// Transactions that are prepared there, and neither committed nor rolled back.
    pub prepared_transactions: u64,
}

#[derive(Debug, Default)]
struct Found {
    /// What comes up to here is not looked at.
    behind: Option<WalPosition>,
    last: Option<CutPoint>,
    /// Whether a record has come that is beyond the wanted number.
    is_over: bool,
    /// That record, if nobody can say whether it is.
    undecided: Option<(WalPosition, SequenceBounds)>,
}

impl SequenceCut {
    /// Looks for this number from the first WAL that the base needs.
    pub fn new(wanted: SequenceNumber) -> Self {
        SequenceCut {
            wanted,
            tail: None,
            rest: Vec::new(),
            found: Found::default(),
        }
    }

    /// The same from the first byte of the WAL on in which a follower was.
    pub fn resuming(wanted: SequenceNumber, from: &ResumePoint) -> Self {
        let mut cut = SequenceCut::new(wanted);
        let Some(replay) = from.replay() else { return cut };
        cut.tail = Some(WalTail::new(from.wal.number, replay.into(), None));
        cut.found.behind = Some(from.wal);
        let at = from.last_sequence().filter(|last| last.highest <= wanted);
        cut.found.last = at.map(|last_sequence| CutPoint {
            end: from.wal,
            last_sequence,
            next: None,
            prepared_transactions: from.prepared.len() as u64,
        });
        cut
    }

    /// The WAL to begin with, unless it is the first one that the base needs.
    pub fn first_wal(&self) -> Option<FileNumber> {
        self.tail.as_ref().map(WalTail::number)
    }

    /// Whether the record has been found, so that nothing more needs to be read.
    pub fn is_over(&self) -> bool {
        self.found.is_over
    }

    /// Takes the next bytes of a WAL, or the first ones of the next WAL.
    ///
    /// # Errors
    /// `Corrupt` if the bytes cannot be read, or the WAL before did not end with a record.
    pub fn push(&mut self, wal: FileNumber, bytes: &[u8]) -> Result<()> {
        if self.found.is_over {
            return Ok(());
        }
        if self.tail.as_ref().is_some_and(|tail| tail.number() != wal) {
            self.require_no_rest()?;
        }
        let tail = self
            .tail
            .get_or_insert_with(|| WalTail::new(wal, Replay::default(), None));
        if tail.number() != wal {
            tail.go_on(wal);
        }
        self.rest.extend_from_slice(bytes);
        let (found, wanted, before) = (&mut self.found, self.wanted, tail.valid_bytes());
        tail.push(&self.rest, &mut |record| {
            found.take(record, wanted);
            Ok(())
        })
        .map_err(|error| Error::format(format!("WAL {wal}"), error))?;
        let read = (tail.valid_bytes() - before) as usize;
        self.rest.drain(..read);
        Ok(())
    }

    /// Where to cut; `None` if no record is that early.
    ///
    /// # Errors
    /// `Refused` if the sequence numbers of a record are not known well enough to decide; `Corrupt` if the last piece does not end with a
    /// record.
    pub fn finish(self) -> Result<Option<CutPoint>> {
        if !self.found.is_over {
            self.require_no_rest()?;
        }
        match self.found.undecided {
            None => Ok(self.found.last),
            Some((end, SequenceBounds { lowest, highest })) => Err(Error::refused(format!(
                "it is not known whether sequence number {} is reached at {end}: the last one there is between {lowest} and {highest}",
                self.wanted
            ))
            .with_hint("choose another sequence number, or a time")),
        }
    }

    fn require_no_rest(&self) -> Result<()> {
        let Some(tail) = self.tail.as_ref().filter(|_| !self.rest.is_empty()) else {
            return Ok(());
        };
        let (wal, valid) = (tail.number(), tail.valid_bytes());
        let end = valid + self.rest.len() as u64;
        let reason = format!("it ends at byte {end}, and its last complete record at byte {valid}");
        Err(Error::corrupt(format!("WAL {wal}"), reason))
    }
}

impl Found {
    fn take(&mut self, record: &FollowedRecord<'_>, wanted: SequenceNumber) {
        let end = WalPosition {
            number: record.number,
            offset: record.end_offset,
        };
        if self.is_over || self.behind.is_some_and(|behind| end <= behind) {
            return;
        }
        let last_sequence = record.last_sequence;
        if last_sequence.highest <= wanted {
            self.last = Some(CutPoint {
                end,
                last_sequence,
                next: None,
                prepared_transactions: record.prepared_transactions,
            });
            return;
        }
        self.is_over = true;
        if last_sequence.lowest <= wanted {
            self.undecided = Some((end, last_sequence));
        }
        if let Some(last) = &mut self.last {
            last.next = Some(record.batch.sequence);
        }
    }
}
