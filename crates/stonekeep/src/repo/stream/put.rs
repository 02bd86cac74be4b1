//! Adds to a stream, beside whoever has the lock of the repository.

use std::io;

use super::encode::EncodedSegment;
use crate::repo::layout;
use crate::store::{Durability, Key, Put, PutContent, PutMode, Store};
use crate::{Error, ErrorKind, Result};

/// A backup that begins discards the staging areas of all other runs, for it has the lock and those are dead. A put may be in one of them, as
/// many times in a row.
const ATTEMPTS: u32 = 20;

/// Puts a segment under its name, durably, and never in the place of another one. Whether the name was free: the same bytes, as of
/// an attempt whose answer was lost, are no obstacle. `run` is whoever does it, for what a kill leaves.
///
/// # Errors
/// Those of the store; whether the segment is there then is not known.
pub fn put_segment(store: &Store, run: &str, segment: &EncodedSegment) -> Result<bool> {
    let key = layout::segment(segment.stream, segment.name);
    put_beside_backups(store, run, &key, &segment.bytes)
}

/// The same for other bytes.
///
/// # Errors
/// As [`put_segment`].
pub(super) fn put_beside_backups(store: &Store, run: &str, key: &Key, bytes: &[u8]) -> Result<bool> {
    let mut attempts = 1;
    loop {
        let content = PutContent::Bytes(bytes);
        match store.put(run, key, content, PutMode::IfAbsent, Durability::Durable) {
            Err(error) if is_missing(&error) && attempts < ATTEMPTS => attempts += 1,
            put => return Ok(put? != Put::Taken),
        }
    }
}

fn is_missing(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.io_kind() == Some(io::ErrorKind::NotFound)
}
