//! What lies in the directories of a database when a follower begins.

use std::collections::BTreeMap;

use stonekeep_format::FileNumber;
use stonekeep_format::log::LogEnd;
use stonekeep_format::wal::{FollowedRecord, WalTail};

use super::chunks::{holds_data, may_go_on};
use super::finds::Find;
use super::watch::Watch;
use crate::image::pinned::Pinned;
use crate::{Error, Observer, Result};

/// How much of a WAL is read at once, unless a record is longer.
const WINDOW_BYTES: u64 = 1 << 20;

/// The files that were found, all of them open.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) wals: BTreeMap<FileNumber, Pinned>,
    pub(super) manifests: BTreeMap<FileNumber, Pinned>,
    pub(super) options: BTreeMap<FileNumber, Pinned>,
    /// WALs that vanished before they were opened.
    pub(super) missed: Vec<FileNumber>,
}

impl Found {
    /// Opens what is there, of the archive the WALs from this one on.
    ///
    /// # Errors
    /// `Io`; `Refused` if a directory is gone.
    pub(super) fn of(watch: &mut Watch, first: FileNumber) -> Result<Found> {
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

    /// All of it.
    pub(super) fn into_finds(self) -> impl Iterator<Item = Find> {
        let wals = self
            .wals
            .into_iter()
            .map(|(number, file)| Find::Wal(number, file));
        let manifests = self.manifests.into_iter();
        let options = self.options.into_iter();
        let missed = self.missed.into_iter().map(Find::MissedWal);
        wals.chain(manifests.map(|(number, file)| Find::Manifest(number, file)))
            .chain(options.map(|(number, file)| Find::Options(number, file)))
            .chain(missed)
    }

    /// The newest WAL that holds a batch, or else the newest one; and how long the WALs up to it are. They are measured newest first: a WAL
    /// that is older than one with a batch has ended.
    ///
    /// # Errors
    /// `Io`, `Stopped`.
    pub(super) fn newest_with_data(&self, observer: &dyn Observer) -> Result<BTreeMap<FileNumber, u64>> {
        let mut lengths = BTreeMap::new();
        for (number, file) in self.wals.iter().rev() {
            lengths.insert(*number, file.length()?);
        }
        let mut newest = None;
        for (number, length) in lengths.iter().rev() {
            let Some(file) = self.wals.get(number) else {
                continue;
            };
            if holds_data(*number, file, *length, observer)? {
                newest = Some(*number);
                break;
            }
        }
        if let Some(newest) = newest {
            lengths.retain(|number, _| *number <= newest);
        }
        Ok(lengths)
    }
}

/// Reads a WAL up to this offset.
///
/// # Errors
/// `Corrupt` or `Unsupported` if it cannot be understood, `Io`, `Stopped`.
pub(super) fn scan_to(
    tail: &mut WalTail,
    file: &Pinned,
    to: u64,
    observer: &dyn Observer,
    take: &mut dyn FnMut(&FollowedRecord<'_>),
) -> Result<LogEnd> {
    let mut window = WINDOW_BYTES;
    loop {
        let from = tail.valid_bytes();
        let until = to.min(from.saturating_add(window));
        let bytes = file.bytes(from, until, observer)?;
        let pushed = tail.push(&bytes, &mut |record| {
            take(record);
            Ok(())
        });
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
