//! How much goes wrong in a history: how long requests take, how often they get lost, processes are stopped, clocks are set.

use std::time::Duration;

use fastrand::Rng;

/// See the [module](self). Frequencies are in a million.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    /// What most requests take at most.
    pub(super) latency: Duration,
    /// How often one takes up to a thousand times as long.
    pub(super) slow: u32,
    /// How often a process is stopped at a request.
    pub(super) pauses: u32,
    /// The longest stop.
    pub(super) longest_pause: Duration,
    /// How often a clock is set at a request.
    pub(super) jumps: u32,
    /// How often a request gets lost, its answer does, it arrives late, or twice: each.
    pub(super) losses: u32,
}

impl Weather {
    /// That of one process.
    pub(super) fn any(rng: &mut Rng) -> Self {
        let calm = rng.u8(0..3) == 0;
        let some = |rng: &mut Rng, most: u32| if calm || rng.bool() { 0 } else { rng.u32(0..most) };
        Weather {
            latency: Duration::from_micros(100 * 10_u64.pow(rng.u32(0..5))),
            slow: some(rng, 30_000),
            pauses: some(rng, 10_000),
            longest_pause: Duration::from_secs(10 * 10_u64.pow(rng.u32(0..4))),
            jumps: some(rng, 5_000),
            losses: some(rng, 20_000),
        }
    }

    /// Nothing goes wrong.
    pub(super) fn calm() -> Self {
        Weather {
            latency: Duration::from_millis(1),
            slow: 0,
            pauses: 0,
            longest_pause: Duration::ZERO,
            jumps: 0,
            losses: 0,
        }
    }

    /// How long a request takes.
    pub(super) fn latency(&self, rng: &mut Rng) -> Duration {
        let usual = self.latency.mul_f64(rng.f64());
        if happens(rng, self.slow) {
            return usual * rng.u32(1..1_000);
        }
        usual
    }

    /// For how long the process is stopped.
    pub(super) fn pause(&self, rng: &mut Rng) -> Option<Duration> {
        happens(rng, self.pauses).then(|| self.longest_pause.mul_f64(rng.f64()))
    }

    /// What its clock is ahead from now on, in seconds.
    pub(super) fn jump(&self, rng: &mut Rng) -> Option<i64> {
        happens(rng, self.jumps).then(|| skew(rng))
    }
}

/// Whether something happens that happens so often in a million.
pub(super) fn happens(rng: &mut Rng, in_a_million: u32) -> bool {
    in_a_million > 0 && rng.u32(0..1_000_000) < in_a_million
}

/// How many seconds a clock is ahead.
pub(super) fn skew(rng: &mut Rng) -> i64 {
    let most = [1, 100, 10_000, 1_000_000][rng.usize(0..4)];
    rng.i64(-most..=most)
}

/// How far the clock of a machine is ahead in the beginning.
pub(super) fn first_skew(rng: &mut Rng) -> i64 {
    if rng.u8(0..4) == 0 { skew(rng) } else { 0 }
}
