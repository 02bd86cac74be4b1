//! Decides how many requests at a time serve a store best, from how much it answers: no clock, no requests.
//!
//! The limit climbs while that pays: a larger one is tried, and kept if the work done in a second grows by [`PAYS`]; else the
//! one before comes back, and stays for [`REST`] windows before the next try. It doubles until a larger one has not paid for
//! the first time, since a run may be short; then it grows by half. A store that asks for fewer requests, or lets
//! them run into a time limit, gets half as many. Work that does not need all of the limit says nothing about the store.

use std::time::Duration;

/// Growth of the work in a second that keeps a larger limit.
const PAYS: f64 = 1.05;

/// A limit that did not pay is not left again for so many windows.
const REST: u32 = 8;

/// What a request counts for, besides its bytes: the time of an answer is that of so many bytes.
const REQUEST_BYTES: u64 = 256 << 10;

/// What was answered in a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Window {
    pub(super) requests: u64,
    pub(super) bytes: u64,
    pub(super) took: Duration,
    /// Whether a request had to wait for the limit.
    pub(super) full: bool,
}

impl Window {
    fn work_in_a_second(&self) -> f64 {
        let work = self
            .requests
            .saturating_mul(REQUEST_BYTES)
            .saturating_add(self.bytes);
        work as f64 / self.took.as_secs_f64().max(1e-6)
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Climb {
    limit: usize,
    most: usize,
    /// The limit before the one that is tried, and the work in a second that it had.
    tried_from: Option<(usize, f64)>,
    rest: u32,
    /// Whether each larger limit has paid so far.
    doubles: bool,
}

impl Climb {
    pub(super) fn new(first: usize, most: usize) -> Self {
        let most = most.max(1);
        Climb {
            limit: first.clamp(1, most),
            most,
            tried_from: None,
            rest: 0,
            doubles: true,
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// How many answers make a window: each place of the limit is used twice.
    pub(super) fn window_requests(&self) -> u64 {
        2 * self.limit as u64
    }

    /// The answers of a window have come.
    pub(super) fn answered(&mut self, window: &Window) {
        if !window.full {
            return;
        }
        let rate = window.work_in_a_second();
        match self.tried_from.take() {
            Some((before, rate_before)) if rate < rate_before * PAYS => {
                self.limit = before;
                self.rest = REST;
                self.doubles = false;
            }
            _ if self.rest > 0 => self.rest -= 1,
            _ => self.try_more(rate),
        }
    }

    /// The store asks for fewer requests.
    pub(super) fn pushed_back(&mut self) {
        self.limit = (self.limit / 2).max(1);
        self.tried_from = None;
        self.rest = REST;
        self.doubles = false;
    }

    fn try_more(&mut self, rate: f64) {
        let step = if self.doubles { self.limit } else { self.limit / 2 };
        let more = self.limit + step.max(1);
        // A last step that is too small to show would be taken back.
        let more = if more + more / 4 >= self.most {
            self.most
        } else {
            more
        };
        if more > self.limit {
            self.tried_from = Some((self.limit, rate));
            self.limit = more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store that answers so many requests at a time, each in 20 ms; the others wait there, and beyond a number they are refused.
    struct Simulated {
        at_once: usize,
        refuses_beyond: usize,
    }

    impl Simulated {
        fn serve(&self, climb: &mut Climb) {
            if climb.limit() > self.refuses_beyond {
                climb.pushed_back();
                return;
            }
            let served_a_second = self.at_once.min(climb.limit()) as f64 / 0.020;
            let requests = climb.window_requests();
            climb.answered(&Window {
                requests,
                bytes: 0,
                took: Duration::from_secs_f64(requests as f64 / served_a_second),
                full: true,
            });
        }

        /// The limits of 400 windows, without the first 100.
        fn limits(&self, climb: &mut Climb) -> Vec<usize> {
            let mut limits = Vec::new();
            for _ in 0..400 {
                self.serve(climb);
                limits.push(climb.limit());
            }
            limits.split_off(100)
        }
    }

    fn mean(limits: &[usize]) -> f64 {
        limits.iter().sum::<usize>() as f64 / limits.len() as f64
    }

    #[test]
    fn the_limit_climbs_to_what_the_store_serves_and_hardly_beyond() {
        for at_once in [1, 2, 5, 8, 16, 30, 64, 1000] {
            let store = Simulated {
                at_once,
                refuses_beyond: usize::MAX,
            };
            let mut climb = Climb::new(8, 64);
            let limits = store.limits(&mut climb);
            let useful = at_once.min(64);
            let least = limits.iter().min().unwrap();
            assert!(*least >= useful.min(8), "{at_once}: {least}");
            let served = limits.iter().map(|limit| (*limit).min(at_once)).sum::<usize>() as f64;
            assert!(served / limits.len() as f64 >= 0.9 * useful as f64, "{at_once}");
            assert!(
                mean(&limits) <= (1.7 * useful as f64).max(9.0),
                "{at_once}: {}",
                mean(&limits)
            );
        }
    }

    #[test]
    fn the_limit_doubles_until_that_does_not_pay() {
        let store = Simulated {
            at_once: 70,
            refuses_beyond: usize::MAX,
        };
        let mut climb = Climb::new(16, 1000);
        let limits: Vec<usize> = (0..20)
            .map(|_| {
                store.serve(&mut climb);
                climb.limit()
            })
            .collect();
        assert_eq!(limits[..4], [32, 64, 128, 256]);
        // 256 served no more than 128 did, and 128 more than 64.
        assert_eq!(limits[4..12], [128; 8]);
        assert!(limits[12..].iter().all(|limit| *limit <= 192), "{limits:?}");
    }

    #[test]
    fn a_store_that_pushes_back_is_left_in_peace() {
        let store = Simulated {
            at_once: 1000,
            refuses_beyond: 20,
        };
        let limits = store.limits(&mut Climb::new(8, 64));
        assert!(limits.iter().all(|limit| *limit <= 30), "{limits:?}");
        assert!(mean(&limits) >= 8.0, "{}", mean(&limits));
        let nothing = Simulated {
            at_once: 1000,
            refuses_beyond: 0,
        };
        let mut climb = Climb::new(64, 64);
        assert!(nothing.limits(&mut climb).iter().all(|limit| *limit == 1));
        let well_again = Simulated {
            at_once: 1000,
            refuses_beyond: usize::MAX,
        };
        assert_eq!(well_again.limits(&mut climb).last(), Some(&64));
    }

    #[test]
    fn little_work_says_nothing_about_the_store() {
        let mut climb = Climb::new(8, 64);
        for _ in 0..100 {
            climb.answered(&Window {
                requests: 16,
                bytes: 1 << 20,
                took: Duration::from_secs(1),
                full: false,
            });
        }
        assert_eq!(climb.limit(), 8);
    }

    #[test]
    fn the_limit_stays_within_its_bounds() {
        assert_eq!(Climb::new(8, 3).limit(), 3);
        assert_eq!(Climb::new(0, 0).limit(), 1);
        let store = Simulated {
            at_once: 1000,
            refuses_beyond: usize::MAX,
        };
        assert!(
            store
                .limits(&mut Climb::new(2, 7))
                .iter()
                .all(|limit| *limit <= 7)
        );
    }
}
