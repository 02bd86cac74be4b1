//! A small object is read as a whole when it is opened, and checked against the checksum that its writer put into its metadata.
//!
//! A meta file has no checksum of its own: with a wrong byte in it that came up on the way, a collector would not know a file
//! that the backup names. What is wrong each time is wrong in the store, and handed on: who reads it judges it.

use std::sync::Arc;

use bytes::Bytes;
use object_store::GetResult;
use stonekeep_format::Crc32c;

use super::client::Client;
use super::ranges::{ATTEMPTS, Ranges};
use super::upload::checksum_in;
use crate::Result;

/// What is small.
const SMALL_BYTES: u64 = 1 << 20;

/// The checksum of a small object all of which this answer has, if its metadata has one.
pub(super) fn expected(found: &GetResult) -> Option<String> {
    let is_whole = found.range == (0..found.meta.size) && found.meta.size <= SMALL_BYTES;
    checksum_in(&found.attributes).filter(|_| is_whole)
}

/// The content of an object, asked for again while it is not the expected one.
pub(super) fn read(client: &Client, ranges: &Ranges, first: GetResult, expected: &str) -> Result<Bytes> {
    let doing = format!("reading {}", ranges.path);
    let mut read = client.run(&doing, first.bytes());
    for _ in 1..ATTEMPTS {
        if read
            .as_ref()
            .is_ok_and(|bytes| Crc32c(crc32c::crc32c(bytes)).to_string() == expected)
        {
            break;
        }
        tracing::debug!(path = %ranges.path, "what arrived is not what was written, and is read again");
        read = client.run(&doing, ranges.fetch(Arc::clone(client.store()), 0));
    }
    read
}
