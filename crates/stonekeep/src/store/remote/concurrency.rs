//! Lets so many requests pass at a time as serve the store best, and notes how each ends.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::climb::{Climb, Window};
use crate::sync::{Mutex, MutexGuard};

/// Before anything is known of the store.
const FIRST: usize = 16;

/// More requests at a time than this serve no store better.
pub(super) const MOST: usize = 128;

/// A request that is given up after so long has run into a time limit; one that is given up before was not needed any more.
const GIVEN_UP: Duration = Duration::from_secs(20);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Concurrency {
    permits: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    climb: Climb,
    window: Window,
    began: Instant,
    /// Permits that exist, the ones in use included.
    there: usize,
    /// How often the store has pushed back. Requests that were sent before the last time say nothing new.
    pushes: u64,
}

/// A request on its way.
#[derive(Debug)]
pub(super) struct Permit {
    concurrency: Arc<Concurrency>,
    permit: Option<OwnedSemaphorePermit>,
    pushes: u64,
    sent: Instant,
}

impl Concurrency {
    /// At most this many requests at a time, whatever the store answers.
    pub(super) fn new(most: usize) -> Self {
        let climb = Climb::new(FIRST, most.min(MOST));
        Concurrency {
            permits: Arc::new(Semaphore::new(climb.limit())),
            state: Mutex::new(State {
                there: climb.limit(),
                climb,
                window: Window::default(),
                began: Instant::now(),
                pushes: 0,
            }),
        }
    }

    /// Waits until a request may be sent.
    pub(super) async fn permit(self: &Arc<Self>) -> Permit {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => {
                self.state().window.full = true;
                // The semaphore is never closed.
                Arc::clone(&self.permits).acquire_owned().await.ok()
            }
        };
        Permit {
            concurrency: Arc::clone(self),
            permit,
            pushes: self.state().pushes,
            sent: Instant::now(),
        }
    }

    /// The present limit.
    #[cfg(test)]
    fn limit(&self) -> usize {
        self.state().climb.limit()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, bytes: u64) {
        let mut state = self.state();
        state.window.requests += 1;
        state.window.bytes += bytes;
        if state.window.requests >= state.climb.window_requests() {
            state.window.took = state.began.elapsed();
            let window = std::mem::take(&mut state.window);
            state.began = Instant::now();
            state.climb.answered(&window);
            self.adjust(&mut state);
        }
    }

    fn pushed_back(&self, pushes: u64) {
        let mut state = self.state();
        if state.pushes == pushes {
            state.pushes += 1;
            state.climb.pushed_back();
            state.window = Window::default();
            state.began = Instant::now();
            self.adjust(&mut state);
            tracing::debug!(limit = state.climb.limit(), "the store asks for fewer requests");
        }
    }

    /// Brings the number of permits to the limit; those in use go when they come back.
    fn adjust(&self, state: &mut State) {
        let limit = state.climb.limit();
        if state.there < limit {
            self.permits.add_permits(limit - state.there);
            state.there = limit;
        } else if state.there > limit {
            state.there -= self.permits.forget_permits(state.there - limit);
        }
    }
}

impl Permit {
    /// The store has answered, with or to so many bytes.
    pub(super) fn answered(self, bytes: u64) {
        self.concurrency.answered(bytes);
    }

    /// The store asks for fewer requests, or did not answer in time.
    pub(super) fn pushed_back(self) {
        self.concurrency.pushed_back(self.pushes);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.sent.elapsed() >= GIVEN_UP {
            self.concurrency.pushed_back(self.pushes);
        }
        let mut state = self.concurrency.state();
        let permit = self.permit.take();
        if state.there > state.climb.limit()
            && let Some(permit) = permit
        {
            permit.forget();
            state.there -= 1;
        }
    }
}

#[cfg(all(test, shuttle))]
mod interleaved;

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn take(concurrency: &Arc<Concurrency>) -> Option<Permit> {
        concurrency.permit().now_or_never()
    }

    #[test]
    fn so_many_requests_pass_as_the_limit_says() {
        let concurrency = Arc::new(Concurrency::new(MOST));
        let held: Vec<Permit> = (0..FIRST).map_while(|_| take(&concurrency)).collect();
        assert_eq!(held.len(), FIRST);
        assert!(take(&concurrency).is_none());
        let mut held = held.into_iter();
        held.next().unwrap().answered(1);
        assert!(take(&concurrency).is_some());
        // One of several that were refused at a time halves the limit.
        held.next().unwrap().pushed_back();
        held.next().unwrap().pushed_back();
        assert_eq!(concurrency.limit(), FIRST / 2);
        assert!(take(&concurrency).is_none(), "five are on their way");
        drop(held);
        let held: Vec<Permit> = (0..FIRST).map_while(|_| take(&concurrency)).collect();
        assert_eq!(held.len(), FIRST / 2);
    }

    #[test]
    fn a_full_window_lets_more_pass() {
        let concurrency = Arc::new(Concurrency::new(MOST));
        let held: Vec<Permit> = (0..FIRST).map_while(|_| take(&concurrency)).collect();
        assert!(take(&concurrency).is_none());
        held.into_iter().for_each(|permit| permit.answered(1));
        for _ in 0..FIRST {
            take(&concurrency).unwrap().answered(1);
        }
        assert_eq!(concurrency.limit(), 2 * FIRST);
        let held: Vec<Permit> = (0..MOST).map_while(|_| take(&concurrency)).collect();
        assert_eq!(held.len(), 2 * FIRST);
    }

    #[test]
    fn nobody_exceeds_what_the_user_allows() {
        let concurrency = Arc::new(Concurrency::new(2));
        let held: Vec<Permit> = (0..9).map_while(|_| take(&concurrency)).collect();
        assert_eq!(held.len(), 2);
    }
}
