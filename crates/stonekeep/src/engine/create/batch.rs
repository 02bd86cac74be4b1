//! One batch of copies: it ends after a while even in the middle of a file, is made durable, then written down.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::context::is_full;
use super::copy::{Copier, Ready};
use super::one_file::{Job, Under};
use crate::engine::transfer::Meter;
use crate::parallel::run_bounded;
use crate::repo::{journal, partial};
use crate::store::{Durability, Staged};
use crate::{Clock, Result};

/// So long is copied until it is made durable and written down: with the last read that is under way, a killed run
/// loses no more than ten seconds of copying, however large the files are.
const BATCH_TIME: Duration = Duration::from_secs(8);

/// When a batch ends.
pub(super) struct Limit<'a> {
    clock: &'a dyn Clock,
    ends_at: Option<Instant>,
}

impl<'a> Limit<'a> {
    /// From now on.
    pub(super) fn from_now(clock: &'a dyn Clock) -> Self {
        let ends_at = clock.instant().checked_add(BATCH_TIME);
        Limit { clock, ends_at }
    }

    /// Never.
    pub(super) fn none(clock: &'a dyn Clock) -> Self {
        Limit { clock, ends_at: None }
    }

    pub(super) fn is_over(&self) -> bool {
        self.ends_at
            .is_some_and(|ends_at| self.clock.instant() >= ends_at)
    }
}

/// Reads until the batch ends.
pub(super) struct Cut<'r, R> {
    pub(super) inner: &'r mut R,
    pub(super) limit: &'r Limit<'r>,
}

impl<R: Read> Read for Cut<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.limit.is_over() {
            true => Ok(0),
            false => self.inner.read(buffer),
        }
    }
}

/// What became of a file in a batch.
pub(super) enum Copied<'m> {
    Whole(Ready),
    /// The batch ended in the middle of it.
    Cut(Under<'m>),
    /// The batch ended before it was begun.
    Later(Job<'m>),
}

/// What a batch has come to.
#[derive(Default)]
struct Done<'m> {
    ready: Vec<Ready>,
    /// All files that were written, to be made durable.
    staged: Vec<Staged>,
    /// A line for each file that another run may use.
    journal: Vec<Vec<u8>>,
    /// Files that are copied in part.
    under: Vec<Under<'m>>,
    later: Vec<Job<'m>>,
    /// The places of files that turned out shorter.
    short: Vec<usize>,
}

impl<'a> Copier<'a> {
    /// Copies some files, and writes down what has come of it even when one fails, so that the next run need not copy it
    /// again. On a full disk there is no next run to save it for: the caller frees the area. Returns what is still to do.
    pub(super) fn batch<'m>(&mut self, jobs: Vec<Job<'m>>, meter: &'m Meter<'m>) -> Result<Vec<Job<'m>>>
    where
        'a: 'm,
    {
        let done: Mutex<Done<'m>> = Mutex::default();
        let limit = Limit::from_now(self.context.engine.options().clock.as_ref());
        let outcome = {
            let this = &*self;
            run_bounded(this.context.engine.workers(), jobs, |job| {
                this.attempt(job, meter, &limit, &done)
            })
        };
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.short.append(&mut done.short);
        if outcome.as_ref().is_err_and(is_full) {
            return outcome.map(|_| Vec::new());
        }
        let written = self.write_down(&mut done);
        if let Err(error) = outcome {
            // The first error is the one to report; without the journal the next run copies more.
            match written {
                Err(second) => {
                    tracing::warn!(reason = %second.one_line(), "the journal could not be written")
                }
                Ok(()) => self.ready.append(&mut done.ready),
            }
            return Err(error);
        }
        written?;
        self.ready.append(&mut done.ready);
        done.later.sort_by_key(|job| job.at);
        let under = done.under.into_iter().map(Job::go_on);
        Ok(under.chain(done.later).collect())
    }

    fn attempt<'m>(
        &self,
        job: Job<'m>,
        meter: &'m Meter<'m>,
        limit: &Limit<'_>,
        done: &Mutex<Done<'m>>,
    ) -> Result<()>
    where
        'a: 'm,
    {
        let at = job.at;
        let copied = self.copy(job, meter, limit).and_then(|copied| {
            let line = match &copied {
                Copied::Whole(ready) => self.journal_line(ready)?,
                _ => None,
            };
            Ok((line, copied))
        });
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        match copied {
            Ok((line, Copied::Whole(ready))) => {
                done.journal.extend(line);
                done.staged.extend(ready.staged.clone());
                done.ready.push(ready);
            }
            Ok((_, Copied::Cut(under))) => {
                done.staged.push(under.staged.clone());
                done.under.push(under);
                return Ok(());
            }
            Ok((_, Copied::Later(job))) => {
                done.later.push(job);
                return Ok(());
            }
            Err(error) if self.early && error.is_source_changed() => done.short.push(at),
            Err(error) => return Err(error),
        }
        drop(done);
        meter.file_done();
        Ok(())
    }

    fn write_down(&mut self, done: &mut Done<'_>) -> Result<()> {
        let durability = self.context.engine.durability();
        self.store().sync(&done.staged, durability)?;
        let durable = durability == Durability::Durable;
        done.ready.iter_mut().for_each(|ready| ready.durable = durable);
        if !done.journal.is_empty() {
            let (area, chunk) = (&self.area.name, self.area.chunks);
            journal::append(self.store(), area, chunk, done.journal.drain(..), durability)?;
            self.area.chunks += 1;
        }
        let mut entries = Vec::new();
        for under in &done.under {
            entries.extend(self.partial_entry(under)?);
        }
        self.write_partial(&entries)
    }

    /// Writes down which files are copied in part, if there are any.
    pub(super) fn write_partial(&mut self, entries: &[partial::PartialEntry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let durability = self.context.engine.durability();
        self.area.partial_serial += 1;
        partial::write(
            self.store(),
            &self.area.name,
            self.area.partial_serial,
            entries,
            durability,
        )
    }
}
