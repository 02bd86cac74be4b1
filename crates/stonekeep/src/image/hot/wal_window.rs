//! The needed WALs, opened and measured while nothing may change.
//!
//! They are measured newest first. A WAL gets its first data when the one before it gets no more (`DBImpl::SwitchMemtable`,
//! `db/db_impl/db_impl_write.cc`): so if the newest length covers data, all lengths that are taken later are final.
//!
//! With `recycle_log_file_num` a WAL that is no longer needed gets a new number by a rename and is overwritten
//! (`ReuseWritableFile`, `env/fs_posix.cc`): its descriptor keeps nothing. So those are read at once, and afterwards
//! their paths are looked at: as long as a WAL has its name, RocksDB has not begun to overwrite it. All WALs are read if an earlier
//! capture was cut short: a slow deletion shortens WALs that are held (`DeleteScheduler`, `file/delete_scheduler.cc`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::DatabaseState;

use super::probe::{Probes, Step};
use super::wal_listing::WalListing;
use crate::image::measured_wal::{MeasuredWal, WalReader};
use crate::image::pinned::Pinned;
use crate::image::spool::Spooled;
use crate::image::wal_rules::is_needed;
use crate::{Observer, Result};

/// The open WALs of a database that is being written. What was opened stays open from round to round, as long as it is
/// needed.
#[derive(Debug)]
pub(super) struct WalWindow {
    directory: PathBuf,
    /// `recycle_log_file_num` is set.
    recycles: bool,
    open: BTreeMap<FileNumber, OpenWal>,
    /// All that were there have been opened in this round.
    opened_all: bool,
}

/// A WAL that is open.
#[derive(Debug)]
struct OpenWal {
    file: Pinned,
    /// Its content, if it gets no more writes and was read because it might be overwritten.
    done: Option<Spooled>,
}

impl WalWindow {
    /// For the WALs in this directory.
    pub(super) fn new(directory: &Path, recycles: bool) -> Self {
        WalWindow {
            directory: directory.to_owned(),
            recycles,
            open: BTreeMap::new(),
            opened_all: false,
        }
    }

    /// Their directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Opens every WAL that is there now, and gives the number up to which none is missing. One that vanishes was
    /// obsolete before, and the next look at the MANIFEST shows it.
    pub(super) fn open_all(&mut self, probes: &Probes) -> Result<FileNumber> {
        let listing = WalListing::of(&self.directory, probes)?;
        for number in listing.numbers {
            self.open(number, probes)?;
        }
        self.opened_all = true;
        Ok(listing.ceiling.unwrap_or_default())
    }

    /// Lists, opens and measures the WALs that a database in this state needs, oldest first; `None` if one vanished.
    /// Those that [`Self::open_all`] opened in this round count though they are gone by now.
    pub(super) fn measure(
        &mut self,
        state: &DatabaseState,
        probes: &Probes,
        observer: &dyn Observer,
    ) -> Result<Option<Vec<MeasuredWal>>> {
        let listing = WalListing::of(&self.directory, probes)?;
        let needed = |number: &FileNumber| is_needed(state, *number) && Some(*number) <= listing.ceiling;
        let opened_all = std::mem::take(&mut self.opened_all);
        let counts = |number: &FileNumber| opened_all || listing.numbers.contains(number);
        self.open.retain(|number, _| needed(number) && counts(number));
        for number in listing.numbers.iter().copied().filter(needed) {
            if !self.open(number, probes)? {
                return Ok(None);
            }
        }
        let mut reader = WalReader::new(self.recycles, observer);
        let mut measured = Vec::new();
        let mut newer_has_data = false;
        for (number, open) in self.open.iter_mut().rev() {
            probes.at(Step::MeasureWal);
            let file = open.file.with_size(open.file.length()?);
            let wal = match &open.done {
                Some(done) => reader.reuse(*number, file, done.clone()),
                None => match reader.read(*number, file)? {
                    Some(wal) => wal,
                    None => return Ok(None),
                },
            };
            if newer_has_data {
                open.done.clone_from(&wal.spooled);
            }
            newer_has_data |= wal.has_data;
            measured.push(wal);
        }
        self.recycles = reader.recycles();
        measured.reverse();
        Ok(Some(measured))
    }

    /// Whether the bytes that were read at once are those of these WALs: their names still lead to them. One that lost
    /// its name is forgotten.
    pub(super) fn are_in_place(&mut self, measured: &[MeasuredWal], probes: &Probes) -> Result<bool> {
        let mut all = true;
        for wal in measured.iter().filter(|wal| wal.spooled.is_some()) {
            probes.at(Step::CheckRecycled);
            if !wal.file.is_in_place()? {
                self.open.remove(&wal.number);
                all = false;
            }
        }
        Ok(all)
    }

    /// Opens a WAL, unless it is; false if it is not there.
    fn open(&mut self, number: FileNumber, probes: &Probes) -> Result<bool> {
        if self.open.contains_key(&number) {
            return Ok(true);
        }
        probes.at(Step::OpenFile);
        let opened = Pinned::open(&self.directory.join(DbFileName::Wal(number).to_string()))?;
        let is_there = opened.is_some();
        self.open
            .extend(opened.map(|file| (number, OpenWal { file, done: None })));
        Ok(is_there)
    }
}
