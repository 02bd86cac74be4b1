//! Where a log ends, and why it ends there.

use crate::{FileKind, FormatError};

/// What there is to know about a log when all its bytes have been seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEnd {
    /// The kind of file that was read.
    pub file: FileKind,
    /// The end of the last complete logical record: the log can be cut there, or read on from there.
    pub valid_bytes: u64,
    /// How many bytes there were, from the start of the file.
    pub scanned_bytes: u64,
    /// How many data records were complete.
    pub data_records: u64,
    /// Whether the first record, compression apart, is of a recyclable type, be it valid or not. Behind the end of
    /// such a log there may be anything (`recycle_log_file_num`).
    pub recycled: bool,
    /// Whether the log ends between valid fragments of one logical record.
    pub inside_record: bool,
    /// Why nothing further was read.
    pub reason: EndReason,
}

/// Why a log ends. Every offset counts from the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The bytes end with a complete record, or in the trailer of its block.
    Clean,
    /// Only zeros follow (preallocated space).
    ZerosToEnd {
        /// The first of them.
        offset: u64,
    },
    /// The bytes end inside a logical record.
    TornTail {
        /// The start of that record.
        offset: u64,
    },
    /// A valid record of another log: from here on the file is what it was before it was reused.
    ForeignLogNumber {
        /// The start of that record.
        offset: u64,
        /// The low 32 bits of the other log's number.
        log_number: u32,
    },
    /// A record does not have the checksum in its header.
    BadChecksum {
        /// The start of that record.
        offset: u64,
    },
    /// A record is longer than the rest of its block, which is there.
    BadLength {
        /// The start of that record.
        offset: u64,
    },
    /// A valid record where it cannot be: a fragment without its beginning, a beginning before the last end, a
    /// recyclable record in a log that is not recyclable or the other way round, compression after data.
    Misplaced {
        /// The start of that record.
        offset: u64,
        /// Its type byte.
        record_type: u8,
    },
    /// Zeros with something behind them that no writer leaves: a write before it got lost.
    Hole {
        /// The first zero.
        offset: u64,
    },
}

impl LogEnd {
    /// Whether the bytes end where a record ends.
    pub fn is_clean(&self) -> bool {
        matches!(self.reason, EndReason::Clean | EndReason::ZerosToEnd { .. })
    }

    /// Whether this is all of a log that is no longer written to: clean, or, in a recycled file, ended by
    /// something that is no record of this log.
    pub fn is_complete(&self) -> bool {
        self.is_clean() || (self.recycled && !self.inside_record)
    }

    /// What is damaged, if it is more than a tail that was not written in full. A recycled log has no such
    /// damage: what follows its end cannot be distinguished from it.
    pub fn damage(&self) -> Option<FormatError> {
        if self.recycled {
            return None;
        }
        let (offset, what) = match self.reason {
            EndReason::Clean | EndReason::ZerosToEnd { .. } | EndReason::TornTail { .. } => return None,
            EndReason::ForeignLogNumber { offset, log_number } => {
                (offset, format!("a record of log {log_number}"))
            }
            EndReason::BadChecksum { offset } => (offset, "a record with a wrong checksum".to_owned()),
            EndReason::BadLength { offset } => (offset, "a record that is longer than its block".to_owned()),
            EndReason::Misplaced { offset, record_type } => (
                offset,
                format!("a record of type {record_type} where none can be"),
            ),
            EndReason::Hole { offset } => (offset, "zeros in the middle of the log".to_owned()),
        };
        Some(FormatError::corrupt(self.file, offset, what))
    }
}
