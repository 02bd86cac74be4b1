//! Finds the record of a WAL after which a sequence number is reached.

use stonekeep_format::wal::{FollowedRecord, Replay, SequenceBounds, WalTail};
use stonekeep_format::{FileNumber, SequenceNumber};

use super::segment_header::WalPosition;
use crate::{Error, Result};

/// Reads WALs from the first one that the base needs, each from its first byte, up to the piece with the sequence number: what was
/// prepared in an earlier one decides about later sequence numbers.
#[derive(Debug)]
pub struct SequenceCut {
    wanted: SequenceNumber,
    tail: Option<WalTail>,
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
}

#[derive(Debug, Default)]
struct Found {
    last: Option<CutPoint>,
    /// Whether a record has come that is beyond the wanted number.
    is_over: bool,
    /// That record, if nobody can say whether it is.
    undecided: Option<(WalPosition, SequenceBounds)>,
}

impl SequenceCut {
    /// Looks for this number.
    pub fn new(wanted: SequenceNumber) -> Self {
        SequenceCut {
            wanted,
            tail: None,
            found: Found::default(),
        }
    }

    /// Takes the next bytes of a WAL, or the first ones of the next WAL. They end with a record, as pieces do. Nothing more is read
    /// when the record has been found.
    ///
    /// # Errors
    /// `Corrupt` if the bytes do not end with a record, or cannot be read.
    pub fn push(&mut self, wal: FileNumber, bytes: &[u8]) -> Result<()> {
        if self.found.is_over {
            return Ok(());
        }
        let tail = match &mut self.tail {
            Some(tail) => {
                if tail.number() != wal {
                    tail.go_on(wal);
                }
                tail
            }
            none => none.insert(WalTail::new(wal, Replay::default(), None)),
        };
        let end = tail.valid_bytes() + bytes.len() as u64;
        let (found, wanted) = (&mut self.found, self.wanted);
        tail.push(bytes, &mut |record| {
            found.take(record, wanted);
            Ok(())
        })
        .map_err(|error| Error::format(format!("WAL {wal}"), error))?;
        let valid = tail.valid_bytes();
        if valid == end {
            return Ok(());
        }
        let reason =
            format!("a piece of it ends at byte {end}, and its last complete record at byte {valid}");
        Err(Error::corrupt(format!("WAL {wal}"), reason))
    }

    /// Where to cut; `None` if no record is that early.
    ///
    /// # Errors
    /// `Refused` if the sequence numbers of a record are not known well enough to decide.
    pub fn finish(self) -> Result<Option<CutPoint>> {
        match self.found.undecided {
            None => Ok(self.found.last),
            Some((end, SequenceBounds { lowest, highest })) => Err(Error::refused(format!(
                "it is not known whether sequence number {} is reached at {end}: the last one there is between {lowest} and {highest}",
                self.wanted
            ))
            .with_hint("choose another sequence number, or a time")),
        }
    }
}

impl Found {
    fn take(&mut self, record: &FollowedRecord<'_>, wanted: SequenceNumber) {
        if self.is_over {
            return;
        }
        let end = WalPosition {
            number: record.number,
            offset: record.end_offset,
        };
        let last_sequence = record.last_sequence;
        if last_sequence.highest <= wanted {
            self.last = Some(CutPoint {
                end,
                last_sequence,
                next: None,
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
