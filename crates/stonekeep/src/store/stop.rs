//! Ends the waits for a store that does not answer, when somebody has asked to stop.
//!
//! Verbs look themselves whether to stop, between two requests. A store that has fallen silent would keep them from looking:
//! a request is repeated for minutes. So each wait has a limit as soon as a stop is asked for:
//!
//! | until | then |
//! |---|---|
//! | nothing was given up | a wait may take [`GRACE`] from the moment of the stop, or from its own begin if that is later: a store that answers notices nothing |
//! | a wait was given up | all waits together have [`TIDYING`], for what is taken back: the lease, the pin, parts of uploads |
//! | that is over | each wait ends at once |
//!
//! A request that is given up may have been carried out, or may be carried out later, as after a kill: what the next run
//! finds is the same, and its lease is left to it if a change under it may still arrive.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::{Error, Result};

/// How long a store may take to answer when a stop is asked for.
const GRACE: Duration = Duration::from_secs(3);

/// How long all else may take after the first request without an answer.
const TIDYING: Duration = Duration::from_secs(2);

/// How often it is asked whether to stop: each of many waits wakes up a thread for it.
const POLL: Duration = Duration::from_millis(250);

/// Whether to stop, as all waits for one store see it. Clones are the same one. By itself it never says so.
#[derive(Clone, Default)]
pub(super) struct Stop {
    shared: Arc<Shared>,
}

struct Shared {
    should_stop: OnceLock<Box<dyn Fn() -> bool + Send + Sync>>,
    given_up: OnceLock<Instant>,
    grace: Duration,
    tidying: Duration,
}

impl Default for Shared {
    fn default() -> Self {
        Shared {
            should_stop: OnceLock::new(),
            given_up: OnceLock::new(),
            grace: GRACE,
            tidying: TIDYING,
        }
    }
}

impl Stop {
    /// Says what tells whether to stop. The first one stays.
    pub(super) fn ask(&self, should_stop: impl Fn() -> bool + Send + Sync + 'static) {
        let _ = self.shared.should_stop.set(Box::new(should_stop));
    }

    /// Whether somebody has asked to stop.
    pub(super) fn is_asked(&self) -> bool {
        self.shared
            .should_stop
            .get()
            .is_some_and(|should_stop| should_stop())
    }

    /// Waits for work.
    ///
    /// # Errors
    /// `Stopped` if it is given up.
    pub(super) async fn wait_for<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        if self.shared.should_stop.get().is_none() {
            return Ok(work.await);
        }
        let mut work = pin!(work);
        let mut until = None;
        loop {
            if self.is_asked() {
                let now = Instant::now();
                if now >= self.end_of(*until.get_or_insert(now + self.shared.grace)) {
                    self.shared.given_up.get_or_init(|| now);
                    return Err(Error::stopped());
                }
            }
            if let Ok(done) = timeout(POLL, work.as_mut()).await {
                return Ok(done);
            }
        }
    }

    fn end_of(&self, until: Instant) -> Instant {
        let tidied = self
            .shared
            .given_up
            .get()
            .map(|given_up| *given_up + self.shared.tidying);
        tidied.map_or(until, |tidied| tidied.min(until))
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stop").field(&self.is_asked()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::time::sleep;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(3600);

    fn test(work: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().unwrap().block_on(work);
    }

    fn asked(grace: Duration, tidying: Duration) -> Stop {
        let stop = Stop {
            shared: Arc::new(Shared {
                grace,
                tidying,
                ..Shared::default()
            }),
        };
        stop.ask(|| true);
        stop
    }

    #[test]
    fn a_wait_ends_after_the_stop_and_not_without_one() {
        test(async {
            let stop = asked(SHORT, SHORT);
            let error = stop.wait_for(pending::<()>()).await.unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Stopped);
            let (stop, is_asked) = (Stop::default(), Arc::new(AtomicBool::new(false)));
            assert!(stop.wait_for(sleep(SHORT)).await.is_ok());
            let switch = Arc::clone(&is_asked);
            stop.ask(move || switch.load(Ordering::Relaxed));
            assert!(stop.wait_for(sleep(POLL * 3)).await.is_ok());
            is_asked.store(true, Ordering::Relaxed);
            assert!(stop.is_asked());
        });
    }

    #[test]
    fn a_stop_shows_whether_it_was_asked_for() {
        let shown = |stop: &Stop| format!("{stop:?}");
        assert_eq!(shown(&Stop::default()), "Stop(false)");
        assert_eq!(shown(&asked(SHORT, SHORT)), "Stop(true)");
    }

    #[test]
    fn a_store_that_answers_is_waited_for_also_after_the_stop() {
        test(async {
            let stop = asked(LONG, LONG);
            for _ in 0..3 {
                assert!(stop.wait_for(sleep(POLL * 2)).await.is_ok());
            }
        });
    }

    #[test]
    fn what_is_tidied_up_has_some_time_and_then_none() {
        test(async {
            let stop = asked(SHORT, LONG);
            assert!(stop.wait_for(pending::<()>()).await.is_err());
            assert!(stop.wait_for(ready(())).await.is_ok());
            let stop = asked(SHORT, Duration::ZERO);
            assert!(stop.wait_for(pending::<()>()).await.is_err());
            assert!(stop.wait_for(ready(())).await.is_err());
        });
    }
}
