//! Where a log ends, as MANIFESTs and WALs have it in common.

use serde_json::{Value, json};
use stonekeep::format::log::{EndReason, LogEnd};

pub(super) fn log_end(end: &LogEnd) -> Value {
    json!({
        "valid_bytes": end.valid_bytes,
        "scanned_bytes": end.scanned_bytes,
        "data_records": end.data_records,
        "recycled": end.recycled,
        "reason": reason(end.reason),
    })
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
