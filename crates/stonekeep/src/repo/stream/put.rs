//! Adds a segment to a stream.

use super::encode::EncodedSegment;
use crate::Result;
use crate::repo::layout;
use crate::store::{Durability, Put, PutContent, PutMode, Store};

/// Puts a segment under its name, durably, and never in the place of another one. Whether the name was free: the same bytes, as of
/// an attempt whose answer was lost, are no obstacle. `run` is whoever does it, for what a kill leaves.
///
/// # Errors
/// Those of the store; whether the segment is there then is not known.
pub fn put_segment(store: &Store, run: &str, segment: &EncodedSegment) -> Result<bool> {
    let key = layout::segment(segment.stream, segment.name);
    let content = PutContent::Bytes(&segment.bytes);
    let put = store.put(run, &key, content, PutMode::IfAbsent, Durability::Durable)?;
    Ok(put != Put::Taken)
}
