//! Where a log ends, as MANIFESTs and WALs have it in common.

use serde::Serialize;
use stonekeep::format::log::{EndReason, LogEnd};

#[derive(Serialize)]
pub(super) struct LogEndJson {
    valid_bytes: u64,
    scanned_bytes: u64,
    data_records: u64,
    recycled: bool,
    reason: &'static str,
}

impl LogEndJson {
    pub(super) fn new(end: &LogEnd) -> Self {
        LogEndJson {
            valid_bytes: end.valid_bytes,
            scanned_bytes: end.scanned_bytes,
            data_records: end.data_records,
            recycled: end.recycled,
            reason: reason(end.reason),
        }
    }
}

fn reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Clean => "clean",
        EndReason::ZerosToEnd { .. } => "zeros to the end",
        EndReason::TornTail { .. } => "torn tail",
        EndReason::ForeignLogNumber { .. } => "record of another log",
        EndReason::BadChecksum { .. } => "wrong checksum",
        EndReason::BadLength { .. } => "record longer than its block",
        EndReason::Misplaced { .. } => "misplaced record",
        EndReason::Hole { .. } => "hole",
        _ => "other",
    }
}
