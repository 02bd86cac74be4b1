//! How many trials are run, from which seed, and what came of them.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// After so many failures a run ends: more of them say nothing new.
const MAX_FAILURES: usize = 20;

/// The seed of the trial that is running.
static SEED: AtomicU64 = AtomicU64::new(0);

/// The seed of the trial that is running, for a panic that ends the process.
pub fn running_seed() -> u64 {
    SEED.load(Ordering::Relaxed)
}

/// How long a machine runs.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// The first seed; each trial has the next one.
    pub seed: u64,
    /// At most so many trials.
    pub trials: u64,
    /// About so long, if that is shorter.
    pub time: Option<Duration>,
}

/// What a machine has done.
#[derive(Debug, Default)]
pub struct Report {
    /// Trials.
    pub trials: u64,
    /// What happened, and how often.
    pub counts: BTreeMap<String, u64>,
    /// What was measured, and its largest value.
    pub largest: BTreeMap<String, u64>,
    /// Broken promises, each with its seed.
    pub failures: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// Counts something.
    pub fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    /// Remembers the largest of several values.
    pub fn measure(&mut self, what: impl Into<String>, value: u64) {
        let largest = self.largest.entry(what.into()).or_default();
        *largest = value.max(*largest);
    }

    /// Of a machine that could not begin.
    pub fn of_failure(error: &anyhow::Error) -> Self {
        Report {
            failures: vec![format!("before the first trial: {error:#}")],
            ..Report::default()
        }
    }

    /// Adds what another report has.
    fn add(&mut self, other: Report) {
        self.trials += other.trials;
        self.failures.extend(other.failures);
        for (what, count) in other.counts {
            *self.counts.entry(what).or_default() += count;
        }
        for (what, value) in other.largest {
            self.measure(what, value);
        }
    }

    /// Whether every promise was kept.
    ///
    /// # Errors
    /// What was broken.
    pub fn into_result(self) -> Result<Report> {
        if self.failures.is_empty() {
            return Ok(self);
        }
        Err(anyhow!(
            "{} broken promises:\n{}",
            self.failures.len(),
            self.failures.join("\n")
        ))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in &self.counts {
            writeln!(f, "{count:>9}  {what}")?;
        }
        for (what, value) in &self.largest {
            writeln!(f, "{value:>9}  {what}, at most")?;
        }
        for failure in &self.failures {
            writeln!(f, "FAILED: {failure}")?;
        }
        let seconds = self.took.as_secs_f64();
        let rate = self.trials as f64 / seconds.max(0.001);
        write!(
            f,
            "{} trials in {seconds:.1} s, {rate:.0} a second, {} failures",
            self.trials,
            self.failures.len()
        )
    }
}

impl Budget {
    /// So many trials from this seed on.
    pub fn trials(seed: u64, trials: u64) -> Self {
        Budget {
            seed,
            trials,
            time: None,
        }
    }

    /// Runs trials. One that fails or panics is a failure of the report.
    pub fn run(self, mut trial: impl FnMut(u64, &mut Report) -> Result<()>) -> Report {
        let began = Instant::now();
        let mut report = Report::default();
        for seed in (0..self.trials).map(|at| self.seed.wrapping_add(at)) {
            if self.is_over(began) || report.failures.len() >= MAX_FAILURES {
                break;
            }
            one(seed, &mut report, &mut trial);
        }
        report.took = began.elapsed();
        report
    }

    /// The same for trials that mostly wait: so many at the same time.
    pub fn run_together(
        self,
        threads: usize,
        trial: impl Fn(u64, &mut Report) -> Result<()> + Sync,
    ) -> Report {
        let began = Instant::now();
        let (next, all) = (AtomicU64::new(0), Mutex::new(Report::default()));
        let work = || {
            loop {
                let failures = all.lock().unwrap_or_else(PoisonError::into_inner).failures.len();
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= self.trials || self.is_over(began) || failures >= MAX_FAILURES {
                    break;
                }
                let mut report = Report::default();
                one(self.seed.wrapping_add(at), &mut report, &trial);
                all.lock().unwrap_or_else(PoisonError::into_inner).add(report);
            }
        };
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
        let mut report = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.took = began.elapsed();
        report
    }

    fn is_over(self, began: Instant) -> bool {
        self.time.is_some_and(|time| began.elapsed() >= time)
    }
}

/// Runs one trial.
fn one(seed: u64, report: &mut Report, trial: impl FnOnce(u64, &mut Report) -> Result<()>) {
    report.trials += 1;
    SEED.store(seed, Ordering::Relaxed);
    let ended = catch_unwind(AssertUnwindSafe(|| trial(seed, report)));
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => report.failures.push(format!("seed {seed}: {error:#}")),
        Err(_) => report.failures.push(format!("seed {seed}: a panic")),
    }
}
