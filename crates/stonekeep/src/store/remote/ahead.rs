//! The ranges of an object that are fetched before they are asked for.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use object_store::{Error, Result};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::client::Client;
use super::ranges::Ranges;

/// How many ranges are under way, if they leave room. Where more objects are read at a time, each is read by one request after
/// another, which costs less memory.
const RANGES_AT_ONCE: usize = 8;

/// How many of one object at most, besides the one that is read.
const RANGES_AHEAD: usize = 3;

/// A range that is fetched on the threads of the network.
#[derive(Debug)]
pub(super) struct UnderWay {
    offset: u64,
    fetch: JoinHandle<Result<Bytes>>,
    _share: OwnedSemaphorePermit,
}

impl UnderWay {
    pub(super) async fn bytes(mut self) -> Result<Bytes> {
        (&mut self.fetch).await.map_err(|error| Error::Generic {
            store: "range",
            source: error.into(),
        })?
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.fetch.abort();
    }
}

/// The next ranges of an object, in order.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    ranges: VecDeque<UnderWay>,
    /// Counts the object among those that are read in order.
    stream: Option<Arc<()>>,
}

impl Ahead {
    /// The range that begins here, if it is under way.
    pub(super) fn take(&mut self, offset: u64) -> Option<UnderWay> {
        let next = self.ranges.pop_front()?;
        (next.offset == offset).then_some(next)
    }

    /// Fetches what comes after `end`, as far as there is room.
    pub(super) fn extend(&mut self, client: &Client, ranges: &Ranges, end: u64) {
        self.stream.get_or_insert_with(|| client.stream());
        let ahead = RANGES_AHEAD.min((RANGES_AT_ONCE / client.streams().max(1)).saturating_sub(1));
        let mut next = self.ranges.back().map_or(end, |last| ranges.end_of(last.offset));
        while self.ranges.len() < ahead && next < ranges.version.size_bytes {
            let Some(share) = client.share_for_reading(ranges.end_of(next) - next) else {
                return;
            };
            let (store, of, offset) = (Arc::clone(client.store()), ranges.clone(), next);
            let Some(fetch) = client.spawn(async move { of.fetch(store, offset).await }) else {
                return;
            };
            self.ranges.push_back(UnderWay {
                offset,
                fetch,
                _share: share,
            });
            next = ranges.end_of(next);
        }
    }
}
