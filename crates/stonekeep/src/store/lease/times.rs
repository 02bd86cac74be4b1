//! The times of the protocol, all of them parts of one period.

use std::time::Duration;

use crate::{Error, Result};

const DEFAULT_PERIOD: Duration = Duration::from_secs(600);
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// No renewal waits longer for its answer.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// How long a lease lasts that is not renewed, and what follows from it. The comments have the values for 10 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// Who has not renewed its lease for so long, and does not while another one watches for so long again, is dead.
    pub(crate) period: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Times {
            period: DEFAULT_PERIOD,
        }
    }
}

impl Times {
    /// `InvalidArgument` for less than a second or more than a day.
    pub(crate) fn of_period(period: Duration) -> Result<Self> {
        if (SHORTEST..=LONGEST).contains(&period) {
            return Ok(Times { period });
        }
        Err(Error::invalid(
            "the period of a lease is at least a second and at most a day",
        ))
    }

    /// 60 s.
    pub(crate) fn renewed_every(self) -> Duration {
        self.period / 10
    }

    /// After a renewal that failed: 10 s.
    pub(crate) fn tried_again_after(self) -> Duration {
        self.period / 60
    }

    /// For one request of the protocol: 10 s.
    pub(crate) fn request_limit(self) -> Duration {
        REQUEST_LIMIT.min(self.period / 4)
    }

    /// Without a renewal for more than this, the holder itself takes its lease for lost: 5 min.
    pub(crate) fn valid(self) -> Duration {
        self.period / 2
    }

    /// What no signature reaches into, before others can take the lease: 60 s.
    pub(crate) fn margin(self) -> Duration {
        self.period / 10
    }

    /// How long a request may be under way, from its signature to the store's acceptance: 120 s.
    pub(crate) fn sent_within(self) -> Duration {
        self.period / 5
    }

    /// Between two looks at the leases of others: 2 s.
    pub(crate) fn poll(self) -> Duration {
        self.period / 300
    }

    /// Without a renewal for more than this, a pin's holder itself takes it for lost: 4 min.
    pub(crate) fn pin_valid(self) -> Duration {
        self.period * 2 / 5
    }

    /// A pin is not taken for dead before it is this old: 5 min.
    pub(crate) fn pin_old(self) -> Duration {
        self.period / 2
    }

    /// And before it was unchanged during a watch of this length: 3 min.
    pub(crate) fn pin_watched(self) -> Duration {
        self.period * 3 / 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_of_ten_minutes_has_the_times_of_the_documentation() {
        let times = Times::default();
        let seconds = [
            times.renewed_every(),
            times.tried_again_after(),
            times.request_limit(),
            times.valid(),
            times.margin(),
            times.sent_within(),
            times.poll(),
            times.pin_valid(),
            times.pin_old(),
            times.pin_watched(),
        ]
        .map(|time| time.as_secs());
        assert_eq!(seconds, [60, 10, 10, 300, 60, 120, 2, 240, 300, 180]);
        assert_eq!(
            Times::of_period(Duration::from_secs(600)).unwrap(),
            Times::default()
        );
        assert!(Times::of_period(Duration::from_millis(999)).is_err());
        assert!(Times::of_period(Duration::from_secs(86_401)).is_err());
    }
}
