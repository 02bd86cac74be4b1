//! Where a follower begins: at the end of a base, or where another follower was.

use std::collections::BTreeMap;

use stonekeep_format::checksum::crc32c;
use stonekeep_format::log::LogEnd;
use stonekeep_format::wal::{Replay, SequenceBounds, WalTail};
use stonekeep_format::{FileNumber, SequenceNumber};

use super::chunks::{BEGINNING_BYTES, may_go_on};
use super::finds::Find;
use super::follower::{Follower, Parts};
use super::inspection::Inspection;
use super::manifests::Manifests;
use super::position::{Position, RECENT_BYTES, Recent, Start, WalPosition};
use super::tick::Break;
use super::wals::{SoFar, Wals};
use super::watch::Watch;
use crate::image::pinned::Pinned;
use crate::{Error, Observer, Result};

/// How much of a WAL is read at once, unless a record is longer.
const WINDOW_BYTES: u64 = 1 << 20;

/// What came of it.
#[derive(Debug)]
pub enum Begun {
    /// A follower.
    Following(Box<Follower>),
    /// The WAL of the position is gone, or is another one than was followed: the database may have another history since. Take a base
    /// and begin a new stream.
    Impossible {
        /// The directory, still under watch.
        watch: Box<Watch>,
        /// What is wrong.
        reason: String,
    },
}

/// What was found in the directories.
#[derive(Debug, Default)]
struct Found {
    wals: BTreeMap<FileNumber, Pinned>,
    manifests: BTreeMap<FileNumber, Pinned>,
    options: BTreeMap<FileNumber, Pinned>,
    missed: Vec<FileNumber>,
}

/// The place of a start in its WAL.
struct Place {
    number: FileNumber,
    end: u64,
    recent: Option<Recent>,
}

impl Watch {
    /// Begins to follow.
    ///
    /// # Errors
    /// `Corrupt` or `Unsupported` if a WAL or a MANIFEST cannot be understood, `Io`, `Stopped`.
    pub fn begin(mut self, start: Start, observer: &dyn Observer) -> Result<Begun> {
        let place = match &start {
            Start::Base { wal, end, .. } => Place {
                number: *wal,
                end: *end,
                recent: None,
            },
            Start::Resumed(Position { wal, .. }) => {
                let WalPosition { number, end, recent } = *wal;
                let recent = Some(recent);
                Place { number, end, recent }
            }
        };
        let found = Found::of(&mut self, place.number)?;
        let Some(file) = found.wals.get(&place.number) else {
            let reason = format!("WAL {} is gone", place.number);
            return Ok(self.impossible(reason));
        };
        if !place.is_in(file, observer)? {
            let reason = format!(
                "WAL {} is not the one that was followed to byte {}",
                place.number, place.end
            );
            return Ok(self.impossible(reason));
        }
        let (tail, end) = tail_at(&place, &start, &found, observer)?;
        if tail.valid_bytes() != place.end {
            let reason = format!(
                "byte {} of WAL {} is not the end of a record",
                place.end, place.number
            );
            return Ok(self.impossible(reason));
        }
        let so_far = SoFar {
            recent: file.bytes(place.end.saturating_sub(RECENT_BYTES as u64), place.end, observer)?,
            beginning: file.bytes(0, place.end.min(BEGINNING_BYTES as u64), observer)?,
            has_data: end.is_some_and(|end| end.data_records > 0),
        };
        self.follow_on(start, found, tail, so_far, observer)
    }

    fn follow_on(
        self,
        start: Start,
        found: Found,
        tail: WalTail,
        so_far: SoFar,
        observer: &dyn Observer,
    ) -> Result<Begun> {
        let number = tail.number();
        let missed = found
            .missed
            .into_iter()
            .filter(|missed| *missed > number && !found.wals.contains_key(missed));
        let missed: Vec<Break> = missed.map(Break::missed_wal).collect();
        let mut wals = found.wals;
        let (manifest, options) = match start {
            Start::Base { manifest, .. } => (manifest, None),
            Start::Resumed(Position {
                manifest, options, ..
            }) => (manifest, options),
        };
        let mut inspection = Inspection::default();
        let manifests = Manifests::begin(&self.source, found.manifests, manifest, &mut inspection, observer)?;
        let parts = Parts {
            wals: Wals::new(wals.split_off(&number), tail, so_far),
            manifests,
            inspection,
            options,
            found_options: found.options.into_iter().next_back(),
            missed,
        };
        Follower::new(self, parts, observer).map(|follower| Begun::Following(Box::new(follower)))
    }

    fn impossible(self, reason: String) -> Begun {
        Begun::Impossible {
            watch: Box::new(self),
            reason,
        }
    }
}

impl Found {
    fn of(watch: &mut Watch, first: FileNumber) -> Result<Found> {
        let mut found = Found::default();
        for find in watch.take(first, &|_| true)? {
            found.add(find);
        }
        if let Some(newest) = found.wals.keys().next_back().copied() {
            for find in watch.directories.archived(first, newest)? {
                found.add(find);
            }
        }
        Ok(found)
    }

    fn add(&mut self, find: Find) {
        match find {
            Find::Wal(number, file) => drop(self.wals.entry(number).or_insert(file)),
            Find::Manifest(number, file) => drop(self.manifests.entry(number).or_insert(file)),
            Find::Options(number, file) => drop(self.options.entry(number).or_insert(file)),
            Find::MissedWal(number) => self.missed.push(number),
            Find::MissedManifest | Find::EventsLost => {}
        }
    }
}

impl Place {
    /// Whether the file is as long, and has the bytes that were followed.
    fn is_in(&self, file: &Pinned, observer: &dyn Observer) -> Result<bool> {
        if file.length()? < self.end {
            return Ok(false);
        }
        let Some(recent) = self.recent else {
            return Ok(true);
        };
        let Some(from) = self.end.checked_sub(u64::from(recent.bytes)) else {
            return Ok(false);
        };
        let bytes = file.bytes(from, self.end, observer)?;
        Ok(bytes.len() as u64 == self.end - from && crc32c(&bytes) == recent.crc32c)
    }
}

/// A tail that has read what lies before the start, and where the log of its WAL ends so far.
fn tail_at(
    place: &Place,
    start: &Start,
    found: &Found,
    observer: &dyn Observer,
) -> Result<(WalTail, Option<LogEnd>)> {
    let mut tail = match start {
        Start::Base { .. } => {
            let first = found.wals.keys().next().copied().unwrap_or(place.number);
            WalTail::new(first, Replay::default(), None)
        }
        // What the WAL says before the position is in the replay already; it is read for its framing.
        Start::Resumed(position) => WalTail::new(place.number, position.replay.clone().into(), None),
    };
    let mut end = None;
    for (number, file) in found.wals.range(tail.number()..=place.number) {
        if *number != tail.number() {
            tail.go_on(*number);
        }
        let to = if *number == place.number {
            place.end
        } else {
            file.length()?
        };
        end = Some(scan_to(&mut tail, file, to, observer)?);
    }
    match start {
        Start::Resumed(position) => tail.set_last_sequence(position.last_sequence),
        Start::Base { sequence_number, .. } if tail.last_sequence().is_none() => {
            tail.set_last_sequence(Some(exactly(*sequence_number)));
        }
        Start::Base { .. } => {}
    }
    Ok((tail, end))
}

fn exactly(number: SequenceNumber) -> SequenceBounds {
    SequenceBounds {
        lowest: number,
        highest: number,
    }
}

/// Reads a WAL up to this offset.
fn scan_to(tail: &mut WalTail, file: &Pinned, to: u64, observer: &dyn Observer) -> Result<LogEnd> {
    let mut window = WINDOW_BYTES;
    loop {
        let from = tail.valid_bytes();
        let until = to.min(from.saturating_add(window));
        let bytes = file.bytes(from, until, observer)?;
        let pushed = tail.push(&bytes, &mut |_| Ok(()));
        let end = pushed.map_err(|error| Error::format(file.path.display().to_string(), error))?;
        let is_all = until >= to || from + (bytes.len() as u64) < until;
        if is_all || !may_go_on(&end) {
            return Ok(end);
        }
        if tail.valid_bytes() == from {
            window = window.saturating_mul(2);
        }
    }
}
