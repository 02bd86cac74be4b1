//! Follows a database from the beginning of a stream, or from the end of one that is continued, until it is asked to stop.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::bases::{Bases, Ended, still_there};
use super::find_stream;
use super::options::FollowOptions;
use super::resume_point::position_of;
use super::status::{FollowEvent, FollowObserver, FollowStatus};
use super::stream_writer::StreamWriter;
use crate::engine::BackupEngine;
use crate::engine::create::stream_place::StreamPlace;
use crate::image::Directory;
use crate::image::follow::{Begun, Follower, Start, Tick, Watch};
use crate::repo::index::RepositoryIndex;
use crate::repo::stream::content_item::PART_LIMIT_BYTES;
use crate::repo::stream::segment_header::Origin;
use crate::repo::stream::target::wall_ms;
use crate::target::real_path;
use crate::{Clock, Error, ErrorKind, Observer, Quiet, Result, repo};

/// How long a wait is at most, so that a request to stop is seen.
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// How long to wait after a failure, and how much longer each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One follower, which may begin anew.
pub(super) struct Session<'a> {
    pub(super) engine: &'a BackupEngine,
    pub(super) source: &'a Directory,
    pub(super) options: &'a FollowOptions,
    pub(super) observer: &'a dyn FollowObserver,
    pub(super) status: FollowStatus,
}

/// What follows, and what is written.
struct Following {
    follower: Box<Follower>,
    writer: StreamWriter,
    bases: Bases,
    /// What was read and is in no segment yet.
    pending: Option<Tick>,
    /// When it was read first.
    pending_since: Instant,
    /// When the look began whose segment was put last.
    last_put: Option<Instant>,
    /// A segment is to be put though there may be nothing new: the first one, and the one that names a new base.
    must_put: bool,
}

/// Asks the caller whether to stop.
struct StopOf<'a>(&'a dyn FollowObserver);

impl Observer for StopOf<'_> {
    fn should_stop(&self) -> bool {
        self.0.should_stop()
    }
}

impl Session<'_> {
    /// Follows until it is asked to stop.
    ///
    /// # Errors
    /// Whatever does not pass by itself; after a request to stop also what prevents that the last segment is put.
    pub(super) fn run(&mut self) -> Result<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            let before = self.status.segments;
            let error = match self.follow() {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Stopped => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Io => error,
                Err(error) => return Err(error),
            };
            if self.status.segments > before {
                pause = FIRST_PAUSE;
            }
            if !self.pause(&error, &mut pause) {
                return Err(error);
            }
        }
    }

    /// Continues the newest stream of the database whose end is still in its WALs, or begins one. `None` if it is asked to stop before.
    fn begin(&mut self) -> Result<Option<Following>> {
        let stop = StopOf(self.observer);
        let mut watch = Watch::open(self.source, self.options.looking, &stop)?;
        let origin = Origin {
            database_id: watch.facts().database_id,
            directory: real_path(self.source.path()).display().to_string(),
        };
        let engine = self.engine.as_read_only();
        let (store, mut why) = (engine.store(), None);
        for found in find_stream::of_database(store, &origin, engine.workers())? {
            let resume = found.newest.header.resume.as_ref();
            let Some((resume, position)) = resume.and_then(|at| Some((at, position_of(at)?))) else {
                continue;
            };
            match watch.begin(Start::Resumed(position), &stop)? {
                Begun::Following(follower) => {
                    let writer = StreamWriter::resume(store, self.clock(), &found.newest, found.owner)?;
                    let base = still_there(store, writer.stream(), resume.base)?;
                    let warnings = follower.warnings().to_vec();
                    let following = self.following(follower, writer, Bases::of(base, resume.gap), false);
                    self.happened(&following, &FollowEvent::Resumed { warnings: &warnings });
                    return Ok(Some(following));
                }
                Begun::Impossible { watch: other, reason } => {
                    watch = *other;
                    why.get_or_insert(reason);
                }
            }
        }
        let Some(follower) = self.begin_now(watch)? else {
            return Ok(None);
        };
        // A database that cannot be followed leaves no new repository behind.
        let state = repo::root_state(&RepositoryIndex::new(store))?;
        repo::require_or_create(store, &state, engine.durability())?;
        let writer = StreamWriter::begin(store, self.clock(), origin)?;
        let warnings = follower.warnings().to_vec();
        let following = self.following(follower, writer, Bases::default(), true);
        let (reason, warnings) = (why.as_deref(), warnings.as_slice());
        self.happened(&following, &FollowEvent::Began { reason, warnings });
        Ok(Some(following))
    }

    /// A follower from now on, as soon as the database has a WAL. `None` if it is asked to stop before.
    fn begin_now(&self, mut watch: Watch) -> Result<Option<Box<Follower>>> {
        loop {
            match watch.begin(Start::Now, &StopOf(self.observer))? {
                Begun::Following(follower) => return Ok(Some(follower)),
                Begun::Impossible { watch: other, .. } => watch = *other,
            }
            self.observer.happened(&FollowEvent::NoWal, &self.status);
            while !watch.wait(LONGEST_WAIT)? {
                if self.observer.should_stop() {
                    return Ok(None);
                }
            }
        }
    }

    fn following(
        &self,
        follower: Box<Follower>,
        writer: StreamWriter,
        bases: Bases,
        must_put: bool,
    ) -> Following {
        Following {
            follower,
            writer,
            bases,
            pending: None,
            pending_since: self.clock().instant(),
            last_put: None,
            must_put,
        }
    }

    /// From the beginning of a stream, or its end, to a request to stop or an error.
    fn follow(&mut self) -> Result<()> {
        let (engine, source, options) = (self.engine, self.source, self.options);
        let Some(mut following) = self.begin()? else {
            return Ok(());
        };
        thread::scope(|scope| {
            let outcome = loop {
                if let Err(error) = self.step(&mut following) {
                    break Err(error);
                }
                if self.observer.should_stop() {
                    break Ok(());
                }
                let clock = self.clock();
                let (time, now) = (wall_ms(clock.now()), clock.instant());
                let lowest = following.follower.lowest_log_number();
                if let Some(ordinal) = following.writer.newest()
                    && following.bases.is_due(options, lowest, time, now)
                {
                    let stream = following.writer.stream();
                    let gap = following.bases.gap_behind(lowest);
                    let place = StreamPlace { stream, ordinal, gap };
                    if let Err(error) = following.bases.begin(scope, (engine, source, options), place) {
                        break Err(error);
                    }
                    self.happened(&following, &FollowEvent::BaseBegan);
                }
            };
            let base = following.bases.stop(self.clock().instant());
            outcome?;
            self.tell_of_base(&mut following, base?);
            self.finish(&mut following)
        })
    }

    /// Looks, puts what is due, and waits for the next look.
    fn step(&mut self, following: &mut Following) -> Result<()> {
        let began = self.clock().instant();
        let more = self.tick(following)?;
        self.end_of_base(following)?;
        if self.is_put_due(following, began) {
            self.put(following)?;
            following.last_put = Some(began);
        }
        self.happened(following, &FollowEvent::Ticked);
        if !more {
            self.wait(following, began)?;
        }
        Ok(())
    }

    /// One look; whether there is more to be read at once.
    fn tick(&mut self, following: &mut Following) -> Result<bool> {
        // A look is short, and one that is broken off is lost.
        let tick = following.follower.tick(&Quiet)?;
        let more = tick.more;
        self.status.lag_bytes = tick.bytes_behind;
        for found in &tick.breaks {
            self.status.breaks += 1;
            self.happened(following, &FollowEvent::Broken { reason: &found.text });
        }
        following.bases.note(tick.wal_bytes(), &tick.breaks);
        if !tick.is_empty() || following.must_put {
            let is_too_much = |pending: &Tick| pending.wal_bytes() + tick.wal_bytes() > PART_LIMIT_BYTES;
            if following.pending.as_ref().is_some_and(is_too_much) {
                self.put(following)?;
            }
            match &mut following.pending {
                Some(pending) => pending.append(tick),
                none => {
                    following.pending_since = self.clock().instant();
                    *none = Some(tick);
                }
            }
        }
        following.follower.kept();
        Ok(more)
    }

    /// There is one segment in an interval, unless there is as much as half of one takes.
    fn is_put_due(&self, following: &Following, began: Instant) -> bool {
        let Some(pending) = &following.pending else {
            return false;
        };
        let is_over = |put: Instant| began.saturating_duration_since(put) >= self.options.interval;
        following.must_put
            || following.last_put.is_none_or(is_over)
            || pending.wal_bytes() >= PART_LIMIT_BYTES / 2
    }

    /// Puts what was read, however long the store is away, unless it is asked to stop.
    fn put(&mut self, following: &mut Following) -> Result<()> {
        let Some(pending) = following.pending.take() else {
            return Ok(());
        };
        let last = pending.position.last_sequence.and_then(|last| last.exact());
        following.writer.take(pending, following.bases.so_far());
        let mut pause = FIRST_PAUSE;
        let segments = loop {
            match following.writer.put() {
                Ok(segments) => break segments,
                Err(error) if error.kind() == ErrorKind::Io => {
                    if !self.pause(&error, &mut pause) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        };
        following.must_put = false;
        self.status.last_sequence = last.or(self.status.last_sequence);
        for segment in segments {
            self.status.segments += 1;
            self.status.wal_bytes += segment.wal_bytes;
            self.status.stored_bytes += segment.stored_bytes;
            let (wal_bytes, stored_bytes) = (segment.wal_bytes, segment.stored_bytes);
            self.happened(
                following,
                &FollowEvent::Segment {
                    wal_bytes,
                    stored_bytes,
                },
            );
        }
        Ok(())
    }

    fn end_of_base(&mut self, following: &mut Following) -> Result<()> {
        let ended = following.bases.ended(self.clock().instant())?;
        self.tell_of_base(following, ended);
        Ok(())
    }

    fn tell_of_base(&mut self, following: &mut Following, ended: Option<Ended>) {
        match ended {
            None => {}
            Some(Ended::Made(backup_id)) => {
                self.status.bases += 1;
                following.must_put = true;
                self.happened(following, &FollowEvent::Base { backup_id });
            }
            Some(Ended::Failed(error, again_in)) => {
                self.status.failures += 1;
                let error = &error;
                self.happened(following, &FollowEvent::BaseFailed { error, again_in });
            }
        }
    }

    /// The last look before the end: what was written before the request to stop is in the repository.
    fn finish(&mut self, following: &mut Following) -> Result<()> {
        while self.tick(following)? {
            self.put(following)?;
        }
        self.put(following)
    }

    /// Waits for the next look: until the interval is over, or a WAL appears, since the one before is complete then.
    fn wait(&mut self, following: &mut Following, began: Instant) -> Result<()> {
        let put = following.last_put.filter(|_| following.pending.is_some());
        let from = put.unwrap_or(began);
        loop {
            let elapsed = self.clock().instant().saturating_duration_since(from);
            let left = self.options.interval.saturating_sub(elapsed);
            let is_over = left.is_zero() || self.observer.should_stop();
            if is_over || following.follower.wait(left.min(LONGEST_WAIT))? {
                return Ok(());
            }
        }
    }

    /// Waits after a failure; false if it is asked to stop.
    fn pause(&mut self, error: &Error, pause: &mut Duration) -> bool {
        self.status.failures += 1;
        let again_in = *pause;
        self.observer
            .happened(&FollowEvent::Failed { error, again_in }, &self.status);
        let clock = self.clock();
        let began = clock.instant();
        while clock.instant().saturating_duration_since(began) < again_in {
            if self.observer.should_stop() {
                return false;
            }
            clock.sleep(LONGEST_WAIT);
        }
        *pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        !self.observer.should_stop()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.engine.as_read_only().clock)
    }

    /// Tells the caller.
    fn happened(&mut self, following: &Following, event: &FollowEvent<'_>) {
        let now = self.clock().instant();
        let status = &mut self.status;
        status.stream = Some(following.writer.stream());
        status.base_under_way = following.bases.is_under_way();
        let newest = following.bases.newest();
        status.newest_base = newest.and_then(|base| stonekeep_format::BackupId::new(base.backup_id));
        let age = now.saturating_duration_since(following.pending_since);
        let pending_ms = following
            .pending
            .as_ref()
            .map(|_| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        status.lag_ms = pending_ms.unwrap_or_default();
        self.observer.happened(event, status);
    }
}
