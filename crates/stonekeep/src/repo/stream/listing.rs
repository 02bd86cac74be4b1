//! Which streams there are, and what is in the directory of one.

use super::segment_name::{Owner, SegmentName, StreamEntry};
use super::stream_id::StreamId;
use crate::Result;
use crate::repo::layout;
use crate::store::Store;

/// The names in `stonekeep/wal`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Streams {
    /// The streams, in the order of their names.
    pub streams: Vec<StreamId>,
    /// Names that are no stream.
    pub unknown: Vec<String>,
}

/// The names in the directory of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamListing {
    /// The segments, by their ordinals.
    pub segments: Vec<SegmentName>,
    /// The owners, the latest one last.
    pub owners: Vec<Owner>,
    /// Other names.
    pub unknown: Vec<String>,
}

/// Lists the streams of a repository.
///
/// # Errors
/// I/O errors of the store.
pub fn streams(store: &Store) -> Result<Streams> {
    let mut found = Streams::default();
    for entry in store.names(Some(&layout::streams_directory()))? {
        match StreamId::parse(&entry.name) {
            Some(stream) => found.streams.push(stream),
            None => found.unknown.push(entry.name),
        }
    }
    found.streams.sort_unstable();
    Ok(found)
}

/// Lists what is in a stream, without reading any of it.
///
/// # Errors
/// I/O errors of the store.
pub fn list(store: &Store, stream: StreamId) -> Result<StreamListing> {
    let mut found = StreamListing::default();
    for entry in store.names(Some(&layout::stream(stream)))? {
        match StreamEntry::parse(&entry.name) {
            Some(StreamEntry::Segment(name)) => found.segments.push(name),
            Some(StreamEntry::Owner(owner)) => found.owners.push(owner),
            None => found.unknown.push(entry.name),
        }
    }
    found.segments.sort_unstable();
    found.owners.sort_unstable();
    Ok(found)
}
