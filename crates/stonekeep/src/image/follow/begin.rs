//! Where a follower begins: behind all that is there, or where another follower was.

use stonekeep_format::checksum::crc32c;
use stonekeep_format::wal::{Replay, SequenceBounds, WalTail};
use stonekeep_format::{FileNumber, SequenceNumber};

use super::chunks::BEGINNING_BYTES;
use super::follower::{Follower, Parts};
use super::found::{Found, scan_to};
use super::inspection::Inspection;
use super::manifests::Manifests;
use super::position::{ManifestPosition, Position, RECENT_BYTES, Recent, Start, WalPosition};
use super::records::{Records, Rules};
use super::tick::{Break, BreakKind};
use super::wals::{SoFar, Wals};
use super::watch::Watch;
use crate::image::hot::followed::Followed;
use crate::image::pinned::Pinned;
use crate::{Observer, Result};

/// What came of it.
#[derive(Debug)]
pub enum Begun {
    /// A follower.
    Following(Box<Follower>),
    /// There is no WAL, or the one of the position is gone or is another one than was followed: the database may have another history
    /// since. Begin a new stream [now](Start::Now), with a base.
    Impossible {
        /// The directory, still under watch.
        watch: Box<Watch>,
        /// What is wrong.
        reason: String,
    },
}

/// What a follower begins with, whatever the start is.
struct Beginning {
    found: Found,
    manifests: Manifests,
    inspection: Inspection,
    tail: WalTail,
    has_data: bool,
    options: Option<FileNumber>,
    breaks: Vec<Break>,
}

/// The MANIFEST before the WALs are looked at.
struct StateBefore {
    position: ManifestPosition,
    /// The first WAL that the database needs.
    first: FileNumber,
    last_sequence: SequenceNumber,
}

impl Watch {
    /// Begins to follow.
    ///
    /// # Errors
    /// `Corrupt` or `Unsupported` if a WAL or a MANIFEST cannot be understood, `Io`, `Stopped`.
    pub fn begin(self, start: Start, observer: &dyn Observer) -> Result<Begun> {
        match start {
            Start::Now => self.begin_now(observer),
            Start::Resumed(position) => self.begin_again(&position, observer),
        }
    }

    /// The WALs that the database needs are read: what was prepared in them decides about later sequence numbers, and a gap in them may
    /// matter to a base that is captured before what it is about has been flushed.
    fn begin_now(mut self, observer: &dyn Observer) -> Result<Begun> {
        let before = self.state_before(observer)?;
        let mut found = Found::of(&mut self, before.first)?;
        found.wals.retain(|number, _| *number >= before.first);
        let lengths = found.newest_with_data(observer)?;
        let Some(oldest) = lengths.keys().next() else {
            return Ok(self.impossible(found, "the database has no WAL".to_owned()));
        };
        let (manifests, inspection) = self.manifests(&mut found, before.position, observer)?;
        let rules = Rules {
            settings: &self.settings,
            inspection: &inspection,
            observer,
        };
        let (mut tail, mut records) = (WalTail::new(*oldest, Replay::default(), None), Records::default());
        let mut has_data = false;
        for (number, length) in &lengths {
            let Some(file) = found.wals.get(number) else {
                continue;
            };
            if *number != tail.number() {
                tail.go_on(*number);
            }
            let end = scan_to(&mut tail, file, *length, observer, &mut |record| {
                records.take(record, None, rules);
            })?;
            has_data = end.data_records > 0;
        }
        if tail.last_sequence().is_none() {
            tail.set_last_sequence(Some(exactly(before.last_sequence)));
        }
        let mut breaks = records.breaks;
        breaks.retain(|found| found.kind == BreakKind::SequenceGap);
        self.follow_on(
            Beginning {
                found,
                manifests,
                inspection,
                tail,
                has_data,
                options: None,
                breaks,
            },
            observer,
        )
    }

    /// Before the WALs, so that no write is in it that is not in them.
    fn state_before(&self, observer: &dyn Observer) -> Result<StateBefore> {
        let followed = Followed::open(&self.source, observer)?;
        let (state, manifest) = (followed.state(), followed.manifest());
        Ok(StateBefore {
            position: ManifestPosition {
                number: manifest.number,
                bytes: manifest.applied_bytes,
            },
            first: state.min_wal_to_keep(),
            last_sequence: state.last_sequence().unwrap_or_default(),
        })
    }

    fn begin_again(mut self, position: &Position, observer: &dyn Observer) -> Result<Begun> {
        let WalPosition { number, end, recent } = position.wal;
        let mut found = Found::of(&mut self, number)?;
        let Some(file) = found.wals.get(&number) else {
            return Ok(self.impossible(found, format!("WAL {number} is gone")));
        };
        if !has_bytes(file, end, recent, observer)? {
            let reason = format!("WAL {number} is not the one that was followed to byte {end}");
            return Ok(self.impossible(found, reason));
        }
        // What the WAL says before the position is in the replay already; it is read for its framing.
        let mut tail = WalTail::new(number, position.replay.clone().into(), None);
        let log_end = scan_to(&mut tail, file, end, observer, &mut |_| {})?;
        if tail.valid_bytes() != end {
            let reason = format!("byte {end} of WAL {number} is not the end of a record");
            return Ok(self.impossible(found, reason));
        }
        tail.set_last_sequence(position.last_sequence);
        let (manifests, inspection) = self.manifests(&mut found, position.manifest, observer)?;
        self.follow_on(
            Beginning {
                found,
                manifests,
                inspection,
                tail,
                has_data: log_end.data_records > 0,
                options: position.options,
                breaks: Vec::new(),
            },
            observer,
        )
    }

    fn manifests(
        &self,
        found: &mut Found,
        position: ManifestPosition,
        observer: &dyn Observer,
    ) -> Result<(Manifests, Inspection)> {
        let (files, mut inspection) = (std::mem::take(&mut found.manifests), Inspection::default());
        let manifests = Manifests::begin(&self.source, files, position, &mut inspection, observer)?;
        Ok((manifests, inspection))
    }

    fn follow_on(self, beginning: Beginning, observer: &dyn Observer) -> Result<Begun> {
        let Beginning { mut found, tail, .. } = beginning;
        let (number, end) = (tail.number(), tail.valid_bytes());
        let so_far = match found.wals.get(&number) {
            Some(file) => SoFar {
                recent: file.bytes(end.saturating_sub(RECENT_BYTES as u64), end, observer)?,
                beginning: file.bytes(0, end.min(BEGINNING_BYTES as u64), observer)?,
                has_data: beginning.has_data,
            },
            None => SoFar::default(),
        };
        let missed = found.missed.iter().copied();
        let missed = missed.filter(|missed| *missed > number && !found.wals.contains_key(missed));
        let mut breaks = beginning.breaks;
        breaks.extend(missed.map(Break::missed_wal));
        let parts = Parts {
            wals: Wals::new(found.wals.split_off(&number), tail, so_far),
            manifests: beginning.manifests,
            inspection: beginning.inspection,
            options: beginning.options,
            found_options: found.options.into_iter().next_back(),
            breaks,
        };
        Follower::new(self, parts, observer).map(|follower| Begun::Following(Box::new(follower)))
    }

    /// The files stay open: whoever begins elsewhere needs them.
    fn impossible(mut self, found: Found, reason: String) -> Begun {
        self.give_back(found.into_finds());
        Begun::Impossible {
            watch: Box::new(self),
            reason,
        }
    }
}

/// Whether the file is as long, and has the bytes that were followed.
fn has_bytes(file: &Pinned, end: u64, recent: Recent, observer: &dyn Observer) -> Result<bool> {
    let Some(from) = end.checked_sub(u64::from(recent.bytes)) else {
        return Ok(false);
    };
    if file.length()? < end {
        return Ok(false);
    }
    let bytes = file.bytes(from, end, observer)?;
    Ok(bytes.len() as u64 == end - from && crc32c(&bytes) == recent.crc32c)
}

fn exactly(number: SequenceNumber) -> SequenceBounds {
    SequenceBounds {
        lowest: number,
        highest: number,
    }
}
