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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ErrorKind;

    const TRAITS: HostTraits = HostTraits {
        attempt: 1,
        is_last_attempt: false,
        flush_before_backup: false,
        takes_early: true,
        workers: 1,
    };

    /// Runs that give these answers, one for each question; without one, a run has ended.
    #[derive(Default)]
    struct Runs {
        answers: BTreeMap<usize, Vec<Event>>,
        /// The runs that got an error instead of a capture.
        refused: Vec<(usize, ErrorKind)>,
    }

    impl AskRuns for Runs {
        fn ask(&mut self, runs: &[usize], _: &dyn Fn() -> Request) -> Result<Vec<(usize, Event)>> {
            let mut given = Vec::new();
            for number in runs {
                match self.answers.get_mut(number).and_then(Vec::pop) {
                    Some(event) => given.push((*number, event)),
                    None => drop(self.answers.remove(number)),
                }
            }
            Ok(given)
        }

        fn give(&mut self, number: usize, captured: Result<Arc<dyn Capture>>) {
            self.answers.remove(&number);
            self.refused
                .extend(captured.err().map(|error| (number, error.kind())));
        }

        fn is_waiting(&self, number: usize) -> bool {
            self.answers.contains_key(&number)
        }
    }

    fn hosts(runs: &mut Runs) -> Hosts<'_> {
        let all = runs.answers.keys().map(|number| (*number, TRAITS)).collect();
        Hosts {
            runs_of: runs,
            runs: all,
        }
    }

    fn numbers(all: &[u64]) -> Vec<FileNumber> {
        all.iter().copied().map(FileNumber).collect()
    }

    #[test]
    fn what_any_run_took_shortened_is_told_once() {
        let mut runs = Runs::default();
        for (number, shortened) in [(0, &[7, 3][..]), (1, &[3, 5][..])] {
            let taken = Event::Taken(Ok(numbers(shortened)));
            runs.answers.insert(number, vec![taken]);
        }
        assert_eq!(hosts(&mut runs).take(&[]).unwrap(), numbers(&[3, 5, 7]));
    }

    #[test]
    fn a_run_that_fails_is_told_so_and_left_out() {
        let mut runs = Runs::default();
        let fails = Event::Checked(Err(Error::invalid("another database")));
        runs.answers.insert(0, vec![fails]);
        // This one is asked twice, and has ended when it is asked for the third time.
        runs.answers
            .insert(1, vec![Event::Taken(Ok(numbers(&[9]))), Event::Checked(Ok(()))]);
        let mut hosts = hosts(&mut runs);
        hosts.check_database(Some("id")).unwrap();
        assert_eq!(
            hosts.runs.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
            [1]
        );
        assert_eq!(hosts.take(&[]).unwrap(), numbers(&[9]));
        let error = hosts.needed(&[]).unwrap_err();
        assert_eq!(error.to_string(), "no repository is left to back up into");
        assert_eq!(runs.refused, [(0, ErrorKind::InvalidArgument)]);
    }

    #[test]
    fn the_runs_are_one_host_that_asks_for_the_most_and_takes_early_if_all_do() {
        let mut runs = Runs::default();
        let mut hosts = hosts(&mut runs);
        hosts.runs = vec![
            (0, TRAITS),
            (
                1,
                HostTraits {
                    attempt: 2,
                    is_last_attempt: true,
                    flush_before_backup: true,
                    takes_early: false,
                    workers: 5,
                },
            ),
        ];
        assert_eq!((hosts.attempt(), hosts.workers()), (2, 5));
        assert!(hosts.is_last_attempt() && hosts.flush_before_backup() && !hosts.takes_early());
        hosts.runs.pop();
        assert_eq!((hosts.attempt(), hosts.workers()), (1, 1));
        assert!(!hosts.is_last_attempt() && !hosts.flush_before_backup() && hosts.takes_early());
    }
}
