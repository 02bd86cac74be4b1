//! Waiting for a lock by asking again and again, since a blocking lock call cannot be told to stop.

use std::time::Duration;

use super::LockWait;
use crate::{Clock, Error, Result};

const POLL: Duration = Duration::from_millis(50);

/// What `attempt` yields as soon as it yields something; `None` when the time is over.
pub(super) fn wait_for<T>(
    wait: LockWait,
    clock: &dyn Clock,
    should_stop: &dyn Fn() -> bool,
    mut attempt: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let start = clock.instant();
    loop {
        if should_stop() {
            return Err(Error::stopped());
        }
        if let Some(got) = attempt()? {
            return Ok(Some(got));
        }
        let waited = clock.instant().saturating_duration_since(start);
        let rest = match wait {
            LockWait::Fail => Duration::ZERO,
            LockWait::AtMost(limit) => limit.saturating_sub(waited),
            LockWait::Forever => POLL,
        };
        if rest.is_zero() {
            return Ok(None);
        }
        clock.sleep(rest.min(POLL));
    }
}

/// The error for a writer's lock that somebody else has.
pub(super) fn locked(location: &str, holder: &str) -> Error {
    let holder = match holder.trim() {
        "" => "another process",
        named => named,
    };
    Error::new(
        crate::ErrorKind::Locked,
        format!("{location} is locked by {holder}"),
    )
    .with_hint("wait until it has finished; a lock whose process has died is free by itself")
}
