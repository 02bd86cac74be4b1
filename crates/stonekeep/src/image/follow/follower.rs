//! A follower, from tick to tick.

use std::time::{Duration, Instant, SystemTime};

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::options::{LIMIT_BYTES, OptionsFile};
use stonekeep_format::{FileNumber, SequenceNumber};

use super::finds::Find;
use super::inspection::Inspection;
use super::manifests::{Manifests, current_number};
use super::position::Position;
use super::records::Rules;
use super::tick::{Break, BreakKind, Clocks, OptionsContent, Place, Scanned, Tick};
use super::wals::Wals;
use super::watch::Watch;
use crate::image::pinned::Pinned;
use crate::image::wal_rules::lowest_log_number;
use crate::{Error, Observer, Result, Warning};

/// How long to wait for the report of the MANIFEST that CURRENT names, and how often.
const WAIT: Duration = Duration::from_millis(10);
const MOST_WAITS: u32 = 200;
/// How often the WALs are measured in a tick, while column families are dropped.
const MOST_LOOKS: u32 = 10;

/// Follows a database. See the [module](super).
#[derive(Debug)]
pub struct Follower {
    watch: Watch,
    wals: Wals,
    manifests: Manifests,
    inspection: Inspection,
    /// The OPTIONS file that was handed out last.
    options: Option<FileNumber>,
    found_options: Option<(FileNumber, Pinned)>,
    /// Breaks that the next tick has: of WALs that vanished, and in what was there when it began.
    breaks: Vec<Break>,
    /// A last sequence number that the MANIFEST had after the WALs were measured at the tick before, and where.
    ahead: Option<(SequenceNumber, Place)>,
    /// The largest one that was compared with the WALs.
    compared: SequenceNumber,
    began: Instant,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The next tick may come.
    Ready,
    /// The caller has a tick that it has not kept.
    Unkept,
    /// A tick failed: what it had seen is lost.
    Failed,
}

/// What a follower begins with.
pub(super) struct Parts {
    pub(super) wals: Wals,
    pub(super) manifests: Manifests,
    pub(super) inspection: Inspection,
    pub(super) options: Option<FileNumber>,
    pub(super) found_options: Option<(FileNumber, Pinned)>,
    pub(super) breaks: Vec<Break>,
}

impl Follower {
    pub(super) fn new(watch: Watch, parts: Parts, observer: &dyn Observer) -> Result<Follower> {
        let mut follower = Follower {
            began: watch.source.clock.instant(),
            watch,
            wals: parts.wals,
            manifests: parts.manifests,
            inspection: parts.inspection,
            options: parts.options,
            found_options: parts.found_options,
            breaks: parts.breaks,
            ahead: None,
            compared: SequenceNumber(0),
            state: State::Ready,
        };
        // The settings count from the first edit on, though they were handed out before.
        if let Some((_, file)) = &follower.found_options {
            let bytes = read_options(file, observer)?;
            follower.learn(&bytes);
        }
        Ok(follower)
    }

    /// Warnings about the database and its settings.
    pub fn warnings(&self) -> &[Warning] {
        self.watch.warnings()
    }

    /// The directory under watch.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The smallest log number of the column families: what older WALs have is in tables.
    pub fn lowest_log_number(&self) -> FileNumber {
        lowest_log_number(self.manifests.state())
    }

    /// Looks at the database. An [empty](Tick::is_empty) tick need not be kept.
    ///
    /// # Errors
    /// `InvalidArgument` if the tick before was not [kept](Follower::kept). After any other error there is no further tick:
    /// begin again at the last position that was kept. `Corrupt` or `Unsupported` if a WAL or a MANIFEST cannot be understood, `Refused` if
    /// another database was put in the place of this one, `Io`, `Stopped`.
    pub fn tick(&mut self, observer: &dyn Observer) -> Result<Tick> {
        match self.state {
            State::Ready => {}
            State::Unkept => return Err(Error::invalid("the tick before was not kept")),
            State::Failed => {
                return Err(Error::invalid(
                    "a tick failed: begin again at the last one that was kept",
                ));
            }
        }
        self.state = State::Failed;
        let tick = self.look(observer)?;
        self.state = if tick.is_empty() {
            State::Ready
        } else {
            State::Unkept
        };
        Ok(tick)
    }

    /// The last tick is durable.
    pub fn kept(&mut self) {
        if self.state == State::Unkept {
            self.state = State::Ready;
        }
    }

    /// Waits until something appears in the directory, at most that long. Whether it was a WAL: then the one before is complete, and a tick
    /// is due at once.
    ///
    /// # Errors
    /// As [`Follower::tick`].
    pub fn wait(&mut self, longest: Duration) -> Result<bool> {
        self.watch.wait(longest)
    }

    fn look(&mut self, observer: &dyn Observer) -> Result<Tick> {
        let before = self.clocks(false);
        let (mut options, mut looks) = (None, 0);
        let (measured, after, chunks) = loop {
            self.take_finds()?;
            let measured = self.wals.measure()?;
            let after = self.clocks(true);
            let chunks = self.wals.read(&measured, &self.watch.settings, observer)?;
            options = self.take_options(observer)?.or(options);
            let dropped = self.inspection.dropped;
            self.read_manifests(observer)?;
            looks += 1;
            if self.inspection.dropped == dropped || looks == MOST_LOOKS {
                break (measured, after, chunks);
            }
        };
        let mut scanned = Scanned {
            breaks: std::mem::take(&mut self.breaks),
            ..Scanned::default()
        };
        scanned.breaks.append(&mut self.inspection.breaks);
        let rules = Rules {
            settings: &self.watch.settings,
            inspection: &self.inspection,
            observer,
        };
        self.wals.scan(chunks, rules, &mut scanned)?;
        self.judge_sequence_of_manifest(&mut scanned);
        Ok(Tick {
            before,
            after,
            pieces: scanned.pieces,
            finals: scanned.finals,
            edits: std::mem::take(&mut self.inspection.edits),
            breaks: scanned.breaks,
            options,
            position: self.position(),
            more: scanned.more,
            bytes_behind: self.wals.bytes_behind(&measured),
        })
    }

    fn take_finds(&mut self) -> Result<()> {
        let (wals, manifests) = (&self.wals, &self.manifests);
        let found = self.found_options.as_ref().map(|(number, _)| *number);
        let known_options = found.max(self.options);
        let finds = self.watch.take(wals.number(), &|name| match name {
            DbFileName::Wal(number) => !wals.knows(*number),
            DbFileName::Manifest(number) => !manifests.knows(*number),
            DbFileName::Options(number) => Some(*number) > known_options,
            _ => false,
        })?;
        for find in finds {
            match find {
                Find::Wal(number, file) => self.wals.add(number, file),
                Find::MissedWal(number) if !self.wals.knows(number) => {
                    self.breaks.push(Break::missed_wal(number))
                }
                Find::Manifest(number, file) => self.manifests.add(number, file),
                Find::Options(number, file) if Some(number) > known_options => {
                    self.found_options = Some((number, file));
                }
                // A MANIFEST that was missed shows by the state of the next one.
                Find::MissedWal(_) | Find::MissedManifest | Find::Options(..) | Find::EventsLost => {}
            }
        }
        Ok(())
    }

    /// The newest OPTIONS file, if it is new.
    fn take_options(&mut self, observer: &dyn Observer) -> Result<Option<OptionsContent>> {
        let Some((number, file)) = self
            .found_options
            .take_if(|(number, _)| Some(*number) > self.options)
        else {
            return Ok(None);
        };
        let bytes = read_options(&file, observer)?;
        self.learn(&bytes);
        self.options = Some(number);
        Ok(Some(OptionsContent { number, bytes }))
    }

    /// OPTIONS that cannot be read change nothing: RocksDB does not open the database with them either.
    fn learn(&mut self, options: &[u8]) {
        if let Ok(file) = OptionsFile::parse(options)
            && let Ok(settings) = file.capture_options()
        {
            self.watch.settings = settings;
            self.inspection.learn(&file);
        }
    }

    /// Reads all edits up to now. Where files are reported, those that were made before the MANIFEST of CURRENT were reported before it.
    fn read_manifests(&mut self, observer: &dyn Observer) -> Result<()> {
        let mut waits = 0;
        let current = loop {
            let current = current_number(&self.watch.source)?;
            if current < self.manifests.position().number {
                return Err(self.watch.was_replaced(&format!("its MANIFEST is {current}")));
            }
            if self.manifests.knows(current) || waits == MOST_WAITS {
                break current;
            }
            if self.watch.has_events() {
                self.watch.wait(WAIT)?;
                waits += 1;
            } else {
                waits = MOST_WAITS;
            }
            self.take_finds()?;
        };
        self.manifests
            .read_on(&self.watch.source, current, &mut self.inspection, observer)?;
        let id = self.manifests.state().db_id();
        if let (Some(known), Some(id)) = (self.watch.database_id(), id)
            && known.as_bytes() != id
        {
            return Err(self.watch.was_replaced("it has another database id"));
        }
        if !self.manifests.is_in_place()? && current_number(&self.watch.source)? == current {
            return Err(self.watch.was_replaced("its MANIFEST is another file"));
        }
        Ok(())
    }

    /// A last sequence number that the MANIFEST had when the tick before measured the WALs must be in the WALs by now: a write is in its WAL before
    /// its number counts.
    fn judge_sequence_of_manifest(&mut self, scanned: &mut Scanned) {
        let newest = self.inspection.newest.take();
        let Some(last) = self.wals.tail().last_sequence() else {
            return;
        };
        self.inspection.forget_up_to(last.lowest);
        if scanned.more {
            self.ahead = newest.or(self.ahead.take());
            return;
        }
        let ahead = std::mem::replace(&mut self.ahead, newest);
        let Some((number, place)) = ahead.filter(|(number, _)| *number > self.compared) else {
            return;
        };
        self.compared = number;
        if number > last.highest
            && !self.watch.settings.manual_wal_flush
            && !self.inspection.explains(last.highest.0 + 1..number.0 + 1)
        {
            scanned.breaks.push(Break {
                kind: BreakKind::WritesWithoutWal,
                place,
                last_sequence: None,
                text: format!(
                    "the MANIFEST knows sequence number {number}, and no WAL has more than {}",
                    last.highest
                ),
            });
        }
    }

    fn position(&self) -> Position {
        let tail = self.wals.tail();
        Position {
            wal: self.wals.position(),
            manifest: self.manifests.position(),
            last_sequence: tail.last_sequence(),
            replay: tail.replay().state(),
            options: self.options,
        }
    }

    /// Rounded up after the WALs were measured, or a time within the same millisecond would be said to have what was written after it.
    fn clocks(&self, rounded_up: bool) -> Clocks {
        let clock = &self.watch.source.clock;
        let wall = clock
            .now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let elapsed = clock.instant().saturating_duration_since(self.began);
        let rounding = if rounded_up {
            Duration::from_nanos(999_999)
        } else {
            Duration::ZERO
        };
        Clocks {
            wall_ms: milliseconds(wall.saturating_add(rounding)),
            monotonic_ms: milliseconds(elapsed),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// # Errors
/// `Io`, `Corrupt` for a file that is too long.
fn read_options(file: &Pinned, observer: &dyn Observer) -> Result<Vec<u8>> {
    let length = file.length()?;
    if length > LIMIT_BYTES {
        let reason = format!("{length} bytes, too many for an OPTIONS file");
        return Err(Error::corrupt(file.path.display().to_string(), reason));
    }
    file.bytes(0, length, observer)
}
