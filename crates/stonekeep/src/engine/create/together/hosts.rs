//! The runs that wait for a capture, as one host.

use std::sync::Arc;

use stonekeep_format::FileNumber;

use super::member::{Event, HostTraits, Request};
use crate::image::{Capture, CaptureHost, ImageFile};
use crate::{Error, Result};

/// Whoever talks with the runs.
pub(super) trait AskRuns {
    /// Asks these runs, and waits for the answers of those that are still there.
    ///
    /// # Errors
    /// `Stopped`.
    fn ask(&mut self, runs: &[usize], request: &dyn Fn() -> Request) -> Result<Vec<(usize, Event)>>;

    /// Gives a run that waits its capture, or the reason why there is none.
    fn give(&mut self, number: usize, captured: Result<Arc<dyn Capture>>);

    /// Whether a run waits for a capture.
    fn is_waiting(&self, number: usize) -> bool;
}

/// See the [module](self).
pub(super) struct Hosts<'c> {
    pub(super) runs_of: &'c mut dyn AskRuns,
    /// The runs that are captured for.
    pub(super) runs: Vec<(usize, HostTraits)>,
}

impl Hosts<'_> {
    fn any(&self, has: impl Fn(&HostTraits) -> bool) -> bool {
        self.runs.iter().any(|(_, traits)| has(traits))
    }

    /// Asks all of them; those that fail are left out. `None` stands for an answer to something else.
    fn ask<R>(
        &mut self,
        request: impl Fn() -> Request,
        answer: impl Fn(Event) -> Option<Result<R>>,
    ) -> Result<Vec<R>> {
        let runs: Vec<usize> = self.runs.iter().map(|(number, _)| *number).collect();
        let mut answers = Vec::new();
        for (number, event) in self.runs_of.ask(&runs, &request)? {
            match answer(event) {
                Some(Ok(given)) => answers.push(given),
                Some(Err(error)) => self.runs_of.give(number, Err(error)),
                None => {}
            }
        }
        let runs_of = &self.runs_of;
        self.runs.retain(|(number, _)| runs_of.is_waiting(*number));
        if answers.is_empty() {
            return Err(Error::refused("no repository is left to back up into"));
        }
        Ok(answers)
    }
}

impl CaptureHost for Hosts<'_> {
    fn attempt(&self) -> u32 {
        let attempts = self.runs.iter().map(|(_, traits)| traits.attempt);
        attempts.max().unwrap_or(1)
    }

    fn is_last_attempt(&self) -> bool {
        self.any(|traits| traits.is_last_attempt)
    }

    fn flush_before_backup(&self) -> bool {
        self.any(|traits| traits.flush_before_backup)
    }

    fn workers(&self) -> usize {
        let workers = self.runs.iter().map(|(_, traits)| traits.workers);
        workers.max().unwrap_or(1)
    }

    fn check_database(&mut self, database_id: Option<&str>) -> Result<()> {
        let id = database_id.map(str::to_owned);
        let answers = self.ask(
            || Request::CheckDatabase(id.clone()),
            |event| match event {
                Event::Checked(checked) => Some(checked),
                _ => None,
            },
        );
        answers.map(drop)
    }

    fn needed(&mut self, files: &[ImageFile]) -> Result<Vec<bool>> {
        let all: Arc<[ImageFile]> = files.into();
        let answers = self.ask(
            || Request::Needed(Arc::clone(&all)),
            |event| match event {
                Event::Needed(needed) => Some(needed),
                _ => None,
            },
        )?;
        let is_needed = |at: usize| answers.iter().any(|needed| needed.get(at) != Some(&false));
        Ok((0..files.len()).map(is_needed).collect())
    }

    fn takes_early(&self) -> bool {
        self.runs.iter().all(|(_, traits)| traits.takes_early)
    }

    fn take(&mut self, files: &[ImageFile]) -> Result<Vec<FileNumber>> {
        let all: Arc<[ImageFile]> = files.into();
        let answers = self.ask(
            || Request::Take(Arc::clone(&all)),
            |event| match event {
                Event::Taken(shortened) => Some(shortened),
                _ => None,
            },
        )?;
        let mut shortened: Vec<FileNumber> = answers.into_iter().flatten().collect();
        shortened.sort_unstable();
        shortened.dedup();
        Ok(shortened)
    }
}
