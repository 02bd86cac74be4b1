//! One budget of bytes in flight for all transfers of a store, so that memory does not grow with their number or size.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What all transfers of a store may hold at a time.
const CAPACITY_BYTES: u64 = 96 << 20;

/// A permit is for so many bytes.
const UNIT_BYTES: u64 = 1 << 10;

/// A line that is slower than this counts as stalled. The client does not tell how much of a content has been sent, so that the time
/// of a request is limited by all bytes that share the line.
const SLOWEST_BYTES_PER_SECOND: u64 = 128 << 10;

/// How long a server may take, besides the time for the bytes.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// The bytes that may be in flight.
#[derive(Debug)]
pub(super) struct Budget {
    permits: Arc<Semaphore>,
}

/// A part of the budget, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(super) fn new() -> Self {
        Budget {
            permits: Arc::new(Semaphore::new((CAPACITY_BYTES / UNIT_BYTES) as usize)),
        }
    }

    /// Waits for a share of so many bytes, in the order of the calls. What exceeds the whole budget gets all of it.
    pub(super) async fn take(&self, bytes: u64) -> Share {
        let units = bytes.min(CAPACITY_BYTES).div_ceil(UNIT_BYTES);
        let permits = Arc::clone(&self.permits);
        Share {
            // The semaphore is never closed.
            _permit: permits.acquire_many_owned(units as u32).await.ok(),
        }
    }

    /// How long the request of a share may take from now on.
    pub(super) fn limit(&self) -> Duration {
        let free = self.permits.available_permits() as u64 * UNIT_BYTES;
        let in_flight = CAPACITY_BYTES.saturating_sub(free);
        ANSWER_LIMIT + Duration::from_secs(in_flight / SLOWEST_BYTES_PER_SECOND)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn shares_wait_for_each_other_and_the_limit_of_a_request_grows_with_them() {
        let budget = Budget::new();
        assert_eq!(budget.limit(), ANSWER_LIMIT);
        let half = budget.take(CAPACITY_BYTES / 2).now_or_never().unwrap();
        assert_eq!(budget.limit(), ANSWER_LIMIT + Duration::from_secs(384));
        // More than the whole budget is possible, alone.
        let mut all = Box::pin(budget.take(10 * CAPACITY_BYTES));
        assert!((&mut all).now_or_never().is_none());
        drop(half);
        let all = all.now_or_never().unwrap();
        assert!(budget.take(1).now_or_never().is_none());
        drop(all);
        assert!(budget.take(1).now_or_never().is_some());
    }
}
