//! One budget of bytes in flight for all transfers of a store, so that memory does not grow with their number or size.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::line::{CAPACITY_BYTES, Line, Sending, UNIT_BYTES};

/// The bytes that may be in flight.
#[derive(Debug)]
pub(super) struct Budget {
    permits: Arc<Semaphore>,
    line: Arc<Line>,
}

/// A part of the budget, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(super) fn new() -> Self {
        let permits = Arc::new(Semaphore::new((CAPACITY_BYTES / UNIT_BYTES) as usize));
        Budget {
            line: Arc::new(Line::new(Arc::clone(&permits))),
            permits,
        }
    }

    /// A content with a share is sent from now on.
    pub(super) fn begin(&self) -> Sending {
        self.line.begin()
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
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn shares_wait_for_each_other() {
        let budget = Budget::new();
        let half = budget.take(CAPACITY_BYTES / 2).now_or_never().unwrap();
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
