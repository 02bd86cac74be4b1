//! Reads the chain of a stream: the names, and the header of each segment.

use std::collections::BTreeSet;

use super::chain::{Chain, Hole};
use super::choose::{Found, choose};
use super::listing;
use super::segment_name::{Ordinal, SegmentName};
use super::stored_segment::StoredSegment;
use super::stream_id::StreamId;
use crate::parallel::run_bounded;
use crate::store::Store;
use crate::{Error, ErrorKind, Finding, Result};

/// How often the names are listed: a segment that was listed and is gone was joined meanwhile, or removed.
const LISTINGS: u32 = 3;

/// Reads the headers of all segments from this ordinal on, so many at a time, and chooses the chain among them.
///
/// # Errors
/// I/O errors of the store. Segments that are damaged or missing are no error here: they are holes of the chain.
pub fn read(store: &Store, stream: StreamId, from: Ordinal, workers: usize) -> Result<Chain> {
    let (mut found, mut known) = (Vec::new(), BTreeSet::new());
    for _ in 0..LISTINGS {
        let mut names = listing::list(store, stream)?.segments;
        names.retain(|name| name.last() >= from && !known.contains(name));
        let wanted = names.len();
        let read = run_bounded(workers, names, |name| read_one(store, stream, name))?;
        let before = found.len();
        found.extend(read.into_iter().flatten());
        if found.len() == before + wanted {
            break;
        }
        known.extend(found.iter().map(Found::name));
    }
    Ok(choose(stream, found, from))
}

impl Found {
    fn name(&self) -> SegmentName {
        match self {
            Found::Readable(segment) => segment.name(),
            Found::Unreadable(name, _) => *name,
        }
    }
}

/// `None` if it is gone.
fn read_one(store: &Store, stream: StreamId, name: SegmentName) -> Result<Option<Found>> {
    match StoredSegment::read(store, stream, name) {
        Ok(segment) => Ok(Some(Found::Readable(Box::new(segment)))),
        Err(error) => match error.kind() {
            ErrorKind::NotFound => Ok(None),
            ErrorKind::Corrupt | ErrorKind::Unsupported => {
                Ok(Some(Found::Unreadable(name, hole_of(name, &error))))
            }
            _ => Err(error),
        },
    }
}

fn hole_of(name: SegmentName, error: &Error) -> Hole {
    let told = error.findings().first();
    let finding = told
        .cloned()
        .unwrap_or_else(|| Finding::new(name.to_string(), error.one_line()));
    Hole {
        kind: error.kind(),
        finding,
    }
}
