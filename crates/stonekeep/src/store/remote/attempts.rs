//! Repeats requests that may be repeated: with pauses that grow and differ, for a limited time.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::{BackoffConfig, Error, Result, RetryConfig};
use tokio::time::{sleep, timeout};

use super::answer::{is_final, is_worth_another};
use crate::store::Machine;

tokio::task_local! {
    /// Where the requests of this task run, if that is another machine.
    static MACHINE: Option<Arc<dyn Machine>>;
}

/// Waits for work whose attempts wait by the clock of this machine.
pub(super) async fn on<T>(machine: Option<Arc<dyn Machine>>, work: impl Future<Output = T>) -> T {
    match machine {
        None => work.await,
        machine => MACHINE.scope(machine, work).await,
    }
}

/// How long one request may take that has no content to speak of.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// How long a request is repeated.
const PATIENCE: Duration = Duration::from_secs(180);

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long the client itself repeats what reads: shorter than what waits for it, so that its error is the one that is shown.
const PATIENCE_OF_READS: Duration = Duration::from_secs(165);

/// How the client repeats requests that read. Only the time counts: of its own accord it ends after ten attempts, and since its
/// pauses are random, those may be over in a few seconds, while a server restarts.
pub(super) fn of_reads() -> RetryConfig {
    RetryConfig {
        // More than fit into the time.
        max_retries: 10_000,
        retry_timeout: PATIENCE_OF_READS,
        backoff: BackoffConfig {
            init_backoff: FIRST_PAUSE,
            max_backoff: LONGEST_PAUSE,
            // A pause is between the first one and so many times the last one.
            base: 3.0,
        },
    }
}

/// The attempts at one request.
#[derive(Debug)]
pub(super) struct Attempts {
    begun: Instant,
    made: u32,
    machine: Option<Arc<dyn Machine>>,
}

impl Attempts {
    /// Inside of a wait.
    pub(super) fn new() -> Self {
        Attempts::on(MACHINE.try_with(Option::clone).ok().flatten())
    }

    /// On this machine, where it is another one.
    pub(super) fn on(machine: Option<Arc<dyn Machine>>) -> Self {
        Attempts {
            begun: now(machine.as_ref()),
            made: 1,
            machine,
        }
    }

    /// Waits until the next attempt; `false`, at once, when the time for them is over.
    pub(super) async fn pause(&mut self) -> bool {
        if now(self.machine.as_ref()).saturating_duration_since(self.begun) >= PATIENCE {
            return false;
        }
        let pause = pause_after(self.made, RandomState::new().hash_one(self.made));
        match &self.machine {
            Some(machine) => machine.sleep(pause),
            None => sleep(pause).await,
        }
        self.made = self.made.saturating_add(1);
        true
    }
}

fn now(machine: Option<&Arc<dyn Machine>>) -> Instant {
    machine.map_or_else(
        || tokio::time::Instant::now().into_std(),
        |machine| machine.instant(),
    )
}

/// Twice as long after each attempt, and between half of that and all of it.
fn pause_after(made: u32, random: u64) -> Duration {
    let factor = 1_u32.checked_shl(made.saturating_sub(1)).unwrap_or(u32::MAX);
    let half = FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE) / 2;
    let jitter = random % (half.as_micros() as u64).max(1);
    half + Duration::from_micros(jitter)
}

/// The answer to a request, or an error when the limit is over.
pub(super) async fn within<T>(limit: Duration, request: impl Future<Output = Result<T>>) -> Result<T> {
    match timeout(limit, request).await {
        Ok(answer) => answer,
        Err(_) => Err(no_answer(limit)),
    }
}

/// The error of a request that nothing answers.
pub(super) fn no_answer(limit: Duration) -> Error {
    let text = format!("no answer within {} s", limit.as_secs());
    Error::Generic {
        store: "network",
        source: io::Error::new(io::ErrorKind::TimedOut, text).into(),
    }
}

/// The answer to a request that changes nothing more when it is carried out twice.
pub(super) async fn repeated<T, R>(limit: Duration, request: impl FnMut() -> R) -> Result<T>
where
    R: Future<Output = Result<T>>,
{
    repeated_within(|| limit, request).await
}

/// The same with a limit for each attempt.
pub(super) async fn repeated_within<T, R>(
    mut limit: impl FnMut() -> Duration,
    mut request: impl FnMut() -> R,
) -> Result<T>
where
    R: Future<Output = Result<T>>,
{
    let mut attempts = Attempts::new();
    loop {
        match within(limit(), request()).await {
            Err(error) if !is_final(&error) && attempts.pause().await => {
                tracing::debug!(error = %super::errors::without_secrets(&error.to_string()), "asking again");
            }
            answer => return answer,
        }
    }
}

/// How often what reads is asked for that the client does not repeat itself.
const READS: u32 = 5;

/// The answer to a request that reads, through a client that repeats requests without an answer by itself.
pub(super) async fn read<T, R>(mut request: impl FnMut() -> R) -> Result<T>
where
    R: Future<Output = Result<T>>,
{
    let mut attempts = Attempts::new();
    loop {
        match request().await {
            Err(error) if attempts.made < READS && is_worth_another(&error) => {
                attempts.pause().await;
                tracing::debug!(error = %super::errors::without_secrets(&error.to_string()), "reading again");
            }
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit_and_differ() {
        assert_eq!(pause_after(1, 0), FIRST_PAUSE / 2);
        assert_eq!(pause_after(3, 0), FIRST_PAUSE * 2);
        for made in [8, 31, 32, 33, u32::MAX] {
            assert_eq!(pause_after(made, 0), LONGEST_PAUSE / 2, "{made}");
            assert!(pause_after(made, u64::MAX) < LONGEST_PAUSE, "{made}");
        }
        assert_ne!(pause_after(5, 1), pause_after(5, 1_000_000_007));
    }
}
