//! When a base is due, and the thread that makes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::{Builder, Scope};
use std::time::{Duration, Instant};

use stonekeep_format::{BackupId, FileNumber};

use super::options::FollowOptions;
use super::segment_of_tick::kind;
use crate::engine::BackupEngine;
use crate::engine::create::CreateReport;
use crate::engine::create::stream_place::StreamPlace;
use crate::image::Directory;
use crate::image::follow::{Break, Place};
use crate::repo::facts_reader::stream_of;
use crate::repo::stream::resume_point::{BasesSoFar, NewestBase};
use crate::repo::stream::segment_header::BreakKind;
use crate::repo::stream::stream_id::StreamId;
use crate::repo::stream::target::wall_ms;
use crate::store::Store;
use crate::{Error, ErrorKind, Observer, Result};

/// How long to wait after a base that failed.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// The bases of a stream.
#[derive(Debug, Default)]
pub(super) struct Bases {
    newest: Option<NewestBase>,
    /// The newest WAL with missing sequence numbers. Writes without a WAL are in no base before they were flushed.
    gap: Option<FileNumber>,
    under_way: Option<UnderWay>,
    /// No base is begun before this time.
    not_before: Option<Instant>,
    pause: Duration,
}

/// A base that is being made.
#[derive(Debug)]
struct UnderWay {
    outcome: Receiver<Result<CreateReport>>,
    stop: Arc<AtomicBool>,
    began: Instant,
    /// What the next base will be, but for its number.
    base: NewestBase,
}

/// How a base ended.
pub(super) enum Ended {
    Made(BackupId),
    /// It is tried again after this time.
    Failed(Error, Duration),
}

impl Bases {
    /// Of a stream that has this newest one.
    pub(super) fn of(newest: Option<NewestBase>, gap: Option<FileNumber>) -> Self {
        Bases {
            newest,
            gap,
            ..Bases::default()
        }
    }

    /// The newest one, and what came since.
    pub(super) fn newest(&self) -> Option<NewestBase> {
        self.newest
    }

    /// What is known of them.
    pub(super) fn so_far(&self) -> BasesSoFar {
        BasesSoFar {
            newest: self.newest,
            gap: self.gap,
        }
    }

    /// Whether one is being made.
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// The stream has got so many bytes of WALs, and maybe breaks.
    pub(super) fn note(&mut self, wal_bytes: u64, breaks: &[Break]) {
        self.gap = self.gap.max(breaks.iter().filter_map(gap_of).max());
        let under_way = self.under_way.as_mut().map(|base| &mut base.base);
        for base in self.newest.iter_mut().chain(under_way) {
            base.wal_bytes += wal_bytes;
            base.broken |= !breaks.is_empty();
        }
    }

    /// The gap whose writes are missing in a base that is captured now, where this is the smallest log number of the column families.
    pub(super) fn gap_behind(&self, lowest_log_number: FileNumber) -> Option<FileNumber> {
        self.gap.filter(|gap| *gap >= lowest_log_number)
    }

    /// Whether one is to be begun now. After writes without a WAL that is not before they were flushed.
    pub(super) fn is_due(
        &self,
        options: &FollowOptions,
        lowest_log_number: FileNumber,
        wall_ms: i64,
        now: Instant,
    ) -> bool {
        if self.is_under_way() || self.not_before.is_some_and(|first| now < first) {
            return false;
        }
        let Some(newest) = &self.newest else { return true };
        let age_ms = wall_ms.saturating_sub(newest.wall_ms);
        let is_old = |every: Duration| u128::try_from(age_ms).is_ok_and(|age| age >= every.as_millis());
        (newest.broken && self.gap_behind(lowest_log_number).is_none())
            || options.base_every.is_some_and(is_old)
            || options
                .base_after_bytes
                .is_some_and(|bytes| newest.wal_bytes >= bytes)
    }

    /// Begins one in a thread of its own.
    ///
    /// # Errors
    /// `Io` if there are no more threads.
    pub(super) fn begin<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        (engine, source, options): (&'scope BackupEngine, &'scope Directory, &'scope FollowOptions),
        place: StreamPlace,
    ) -> Result<()> {
        let (sender, outcome) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Stop(Arc::clone(&stop));
        let clock = &engine.as_read_only().clock;
        let base = NewestBase {
            backup_id: 0,
            wall_ms: wall_ms(clock.now()),
            wal_bytes: 0,
            broken: place.gap.is_some(),
        };
        self.gap = place.gap;
        let thread = Builder::new().name("stonekeep-base".to_owned());
        let make = move || {
            // If nobody takes it, the follower has ended.
            let _ = sender.send(engine.create_base(source, &options.base, &stopped, place));
        };
        thread
            .spawn_scoped(scope, make)
            .map_err(|error| Error::io("starting a thread that makes a base", error))?;
        self.under_way = Some(UnderWay {
            outcome,
            stop,
            began: clock.instant(),
            base,
        });
        Ok(())
    }

    /// How the one that was being made ended, if it has.
    ///
    /// # Errors
    /// That of the first base of a stream, unless it may pass: the database, or the repository, is not one that can be followed.
    pub(super) fn ended(&mut self, now: Instant) -> Result<Option<Ended>> {
        let Some(under_way) = &self.under_way else {
            return Ok(None);
        };
        match under_way.outcome.try_recv() {
            Ok(outcome) => self.end(outcome, now),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => self.end(Err(given_up()), now),
        }
    }

    /// Asks the one that is being made to stop, and waits for that: it may be just made. What it has copied is used by the next one.
    ///
    /// # Errors
    /// As [`Self::ended`].
    pub(super) fn stop(&mut self, now: Instant) -> Result<Option<Ended>> {
        let Some(under_way) = &self.under_way else {
            return Ok(None);
        };
        under_way.stop.store(true, Ordering::Relaxed);
        let outcome = under_way.outcome.recv().unwrap_or_else(|_| Err(given_up()));
        match outcome {
            Err(error) if error.kind() == ErrorKind::Stopped => Ok(None),
            outcome => self.end(outcome, now),
        }
    }

    fn end(&mut self, outcome: Result<CreateReport>, now: Instant) -> Result<Option<Ended>> {
        let Some(under_way) = self.under_way.take() else {
            return Ok(None);
        };
        // Where each look finds a break, bases take at most half of the time.
        let took = now.saturating_duration_since(under_way.began);
        let base = under_way.base;
        match outcome {
            Ok(report) => {
                self.newest = Some(NewestBase {
                    backup_id: report.backup_id.get(),
                    ..base
                });
                self.pause = Duration::ZERO;
                self.not_before = now.checked_add(took);
                Ok(Some(Ended::Made(report.backup_id)))
            }
            Err(error) if self.newest.is_none() && !may_pass(&error) => Err(error),
            Err(error) => {
                self.pause = self.pause.saturating_mul(2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
                self.not_before = now.checked_add(self.pause);
                Ok(Some(Ended::Failed(error, self.pause)))
            }
        }
    }
}

/// Its thread has panicked.
fn given_up() -> Error {
    Error::new(ErrorKind::Aborted, "the base was given up")
}

/// The WAL of a break that only a base closes whose column families were all flushed since.
fn gap_of(found: &Break) -> Option<FileNumber> {
    match found.place {
        Place::Wal { number, .. } if kind(found.kind) == BreakKind::SequenceGap => Some(number),
        _ => None,
    }
}

/// Whether another attempt may succeed although nobody changes anything.
pub(super) fn may_pass(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Locked) || error.is_source_changed()
}

/// The newest base that a stream names, if the backup is still there.
///
/// # Errors
/// I/O errors of the store.
pub(super) fn still_there(
    store: &Store,
    stream: StreamId,
    base: Option<NewestBase>,
) -> Result<Option<NewestBase>> {
    let Some((base, id)) = base.and_then(|base| Some((base, BackupId::new(base.backup_id)?))) else {
        return Ok(None);
    };
    let is_base = stream_of(store, id)?.is_some_and(|of| of.stream == stream);
    Ok(is_base.then_some(base))
}

struct Stop(Arc<AtomicBool>);

impl Observer for Stop {
    fn should_stop(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
