//! The needed WALs, opened and measured while nothing may change.
//!
//! They are measured newest first. A WAL gets its first data when the one before it gets no more (`DBImpl::SwitchMemtable`,
//! `db/db_impl/db_impl_write.cc`): so if the newest length covers data, all lengths that are taken later are final.
//!
//! With `recycle_log_file_num` a WAL that nobody needs any more gets a new number by a rename and is written over
//! (`ReuseWritableFile`, `env/fs_posix.cc`): its descriptor keeps nothing. So those are read at once, and afterwards
//! their paths are looked at: as long as a WAL has its name, nobody has begun to write over it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::log::has_recyclable_headers;
use stonekeep_format::manifest::DatabaseState;

use super::probe::{Probes, Step};
use super::wal_listing::WalListing;
use crate::image::Content;
use crate::image::pinned::Pinned;
use crate::image::spool::{Spool, Spooled};
use crate::image::wal_rules::is_needed;
use crate::{Observer, Result};

/// How many bytes of recycled WALs are kept in memory; the others go to temporary files.
pub(in crate::image) const SPOOLED_IN_MEMORY_BYTES: u64 = 16 << 20;

/// How much of a WAL tells whether it may be recycled.
const BEGINNING_BYTES: u64 = 18;

/// The open WALs of a database that is being written. What was opened stays open from round to round, as long as it is
/// needed.
#[derive(Debug)]
pub(in crate::image) struct WalWindow {
    directory: PathBuf,
    /// `recycle_log_file_num` is set.
    recycles: bool,
    open: BTreeMap<FileNumber, Pinned>,
}

/// A WAL with the length that it had.
#[derive(Debug)]
pub(in crate::image) struct MeasuredWal {
    pub(in crate::image) number: FileNumber,
    /// The file; so many bytes of it count.
    pub(in crate::image) file: Pinned,
    /// Those bytes, if the file will not keep them.
    pub(in crate::image) spooled: Option<Spooled>,
}

impl WalWindow {
    /// For the WALs in this directory.
    pub(in crate::image) fn new(directory: &Path, recycles: bool) -> Self {
        WalWindow {
            directory: directory.to_owned(),
            recycles,
            open: BTreeMap::new(),
        }
    }

    /// Their directory.
    pub(in crate::image) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Opens every WAL that is there now, and gives the number up to which none is missing. One that vanishes was
    /// obsolete before, and the next look at the MANIFEST shows it.
    pub(in crate::image) fn open_all(&mut self, probes: &Probes) -> Result<FileNumber> {
        let listing = WalListing::of(&self.directory, probes)?;
        for number in listing.numbers {
            self.open(number, probes)?;
        }
        Ok(listing.ceiling.unwrap_or_default())
    }

    /// Lists, opens and measures the WALs that a database in this state needs, oldest first; `None` if one vanished.
    /// Those that [`Self::open_all`] opened count though they are gone by now, if `opened_before` says so.
    pub(in crate::image) fn measure(
        &mut self,
        state: &DatabaseState,
        opened_before: bool,
        probes: &Probes,
        observer: &dyn Observer,
    ) -> Result<Option<Vec<MeasuredWal>>> {
        let listing = WalListing::of(&self.directory, probes)?;
        let needed = |number: &FileNumber| is_needed(state, *number) && Some(*number) <= listing.ceiling;
        let counts = |number: &FileNumber| opened_before || listing.numbers.contains(number);
        self.open.retain(|number, _| needed(number) && counts(number));
        for number in listing.numbers.iter().copied().filter(needed) {
            if !self.open(number, probes)? {
                return Ok(None);
            }
        }
        let mut measured = Vec::new();
        let mut memory_left = SPOOLED_IN_MEMORY_BYTES;
        for (number, file) in self.open.iter().rev() {
            probes.at(Step::MeasureWal);
            let file = file.with_size(file.length()?);
            self.recycles |= is_recyclable(&file, observer)?;
            let wal = MeasuredWal::of(*number, file, self.recycles, &mut memory_left, observer)?;
            let Some(wal) = wal else {
                return Ok(None);
            };
            measured.push(wal);
        }
        measured.reverse();
        Ok(Some(measured))
    }

    /// Whether the bytes that were read at once are those of these WALs: their names still lead to them. One that lost
    /// its name is forgotten.
    pub(in crate::image) fn are_in_place(
        &mut self,
        measured: &[MeasuredWal],
        probes: &Probes,
    ) -> Result<bool> {
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
        self.open.extend(opened.map(|file| (number, file)));
        Ok(is_there)
    }
}

impl MeasuredWal {
    /// A WAL of which so many bytes count. They are read at once if it may be written over; `None` if it is shorter by
    /// now.
    pub(in crate::image) fn of(
        number: FileNumber,
        file: Pinned,
        is_recycled: bool,
        memory_left: &mut u64,
        observer: &dyn Observer,
    ) -> Result<Option<MeasuredWal>> {
        let spooled = match is_recycled {
            true => match spool(&file, *memory_left, observer)? {
                None => return Ok(None),
                spooled => spooled,
            },
            false => None,
        };
        *memory_left -= spooled.as_ref().map_or(0, Spooled::bytes_in_memory);
        Ok(Some(MeasuredWal {
            number,
            file,
            spooled,
        }))
    }

    /// Hands the bytes that were measured to `take`, piece by piece.
    pub(in crate::image) fn for_each_piece(
        &self,
        observer: &dyn Observer,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        match &self.spooled {
            Some(spooled) => spooled.for_each_piece(observer, take),
            None => self.file.for_each_piece(observer, take),
        }
    }

    /// The first bytes as the content of a file of the image.
    pub(in crate::image) fn content(&self, size_bytes: u64) -> Content {
        match &self.spooled {
            Some(spooled) => spooled.content(size_bytes),
            None => self.file.content(),
        }
    }
}

/// Whether a WAL was written so that it can be recycled.
pub(in crate::image) fn is_recyclable(file: &Pinned, observer: &dyn Observer) -> Result<bool> {
    let mut beginning = Vec::new();
    let length = file.size_bytes.min(BEGINNING_BYTES);
    file.read_on(0, length, observer, &mut |piece| {
        beginning.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(has_recyclable_headers(&beginning))
}

/// Reads what was measured of a WAL; `None` if it is shorter by now.
fn spool(file: &Pinned, most_in_memory: u64, observer: &dyn Observer) -> Result<Option<Spooled>> {
    // What is too large goes to disk from the start.
    let most_in_memory = if file.size_bytes > most_in_memory {
        0
    } else {
        most_in_memory
    };
    let mut spool = Spool::of(&file.path, most_in_memory);
    let end = file.read_on(0, file.size_bytes, observer, &mut |piece| spool.write(piece))?;
    match end < file.size_bytes {
        true => Ok(None),
        false => spool.finish().map(Some),
    }
}
