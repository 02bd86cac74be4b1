//! Finds the streams of a database in a repository, for a follower that is started again.

use crate::Result;
use crate::repo::stream::segment_header::Origin;
use crate::repo::stream::segment_name::Owner;
use crate::repo::stream::stored_segment::StoredSegment;
use crate::repo::stream::stream_id::StreamId;
use crate::repo::stream::{chain_reader, listing};
use crate::store::Store;

/// A stream that may be continued.
#[derive(Debug)]
pub(super) struct FoundStream {
    /// Its newest segment.
    pub(super) newest: StoredSegment,
    /// The owner that is to be followed by another one.
    pub(super) owner: Owner,
}

/// The streams of the database in this directory, the newest one first. One whose newest segment cannot be read is left out.
///
/// # Errors
/// I/O errors of the store.
pub(super) fn of_database(store: &Store, origin: &Origin, workers: usize) -> Result<Vec<FoundStream>> {
    let mut found = Vec::new();
    for stream in listing::streams(store)?.streams {
        let Some(stream) = newest(store, stream, workers)? else {
            continue;
        };
        let of = &stream.newest.header.origin;
        if of.directory == origin.directory && of.database_id == origin.database_id {
            found.push(stream);
        }
    }
    found.sort_by_key(|found| std::cmp::Reverse(found.measured_ms()));
    Ok(found)
}

/// Its newest segment, if that can be read.
fn newest(store: &Store, stream: StreamId, workers: usize) -> Result<Option<FoundStream>> {
    let names = listing::list(store, stream)?;
    let Some(last) = names.segments.iter().map(|name| name.last()).max() else {
        return Ok(None);
    };
    let chain = chain_reader::read(store, stream, last, workers)?;
    let run = chain.runs.into_iter().next_back();
    let Some(newest) = run
        .filter(|run| run.hole.is_none())
        .and_then(|run| run.segments.into_iter().next_back())
    else {
        return Ok(None);
    };
    let owner = names.owners.last().copied().unwrap_or_default();
    Ok(Some(FoundStream {
        owner: owner.max(newest.header.owner),
        newest,
    }))
}

impl FoundStream {
    fn measured_ms(&self) -> Option<i64> {
        let part = self.newest.header.parts.last();
        part.map(|part| part.measured.after.wall_ms)
    }
}
