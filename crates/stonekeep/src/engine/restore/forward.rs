//! Steps R2 to R7: from the staged state to the restored database, by renames only.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;

use super::disk::{TargetDisk, TargetPath};
use super::hold::{Held, STAGING_LOCK};
use super::present::{Folder, Present};
use super::record::{Head, Move, Record};
use super::site::{ARCHIVE, Area, CURRENT, Site, Sites, is_kept_open};
use super::unfinished::{CURRENT_LIMIT_BYTES, MARKER_PREFIX, WalOwner, has_marker};
use crate::parallel::{movers_of, run_bounded};
use crate::store::Durability;
use crate::{Error, ErrorKind, Result};

/// Moves files at a target.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mover<'a> {
    pub(super) sites: &'a Sites,
    pub(super) disk: &'a dyn TargetDisk,
    pub(super) durability: Durability,
    /// The locks of this restore; `None` where nothing is changed.
    pub(super) held: Option<&'a Held>,
}

impl Mover<'_> {
    /// Makes the staging directories; in a separate `wal_dir` with a word on whose they are.
    pub(super) fn prepare(&self) -> Result<()> {
        for (_, site) in self.sites.all() {
            for name in ["new", "old"] {
                self.disk.make_directory(&site.staging(Some(name)))?;
            }
        }
        if let Some(wals) = self.sites.separate_wals()
            && !wals.has(&wals.staging(Some("state")))?
        {
            let text = serde_json::to_vec(&WalOwner::of(self.sites))
                .map_err(|error| Error::new(ErrorKind::Io, "writing a record as JSON").with_source(error))?;
            self.write_whole(wals, "state", &text)?;
        }
        Ok(())
    }

    /// R2, after the new files have been staged: from here on a restore goes forward. Marker and record are written beside
    /// them and made durable with them, in one batch. Only when that is done, and all names are durable too, do they get
    /// their names; the record's is what counts. That it comes without the marker's is no harm, nothing has moved then.
    pub(super) fn write_record(&self, record: &Record, staged: Vec<TargetPath>) -> Result<()> {
        let db = self.sites.db();
        self.keep_old_current()?;
        let written = [("marker", marker(&record.head)), ("state", record.encode()?)];
        let mut files = staged;
        for (name, content) in &written {
            files.push(self.write_unfinished(db, name, content)?);
        }
        self.sync_with_names(&files)?;
        for (name, _) in &written {
            self.finish_writing(db, name)?;
        }
        self.sync(&db.staging(None))
    }

    /// Makes staged files durable with the names in all directories that were made for them.
    fn sync_with_names(&self, files: &[TargetPath]) -> Result<()> {
        let names_are_durable = self.sync_files(files)?;
        for (_, site) in self.sites.all() {
            let is_in_site = |at: &TargetPath| at.root_path() == site.path();
            if names_are_durable && files.iter().any(is_in_site) {
                continue;
            }
            for name in [Some("new"), Some("old"), None] {
                self.sync(&site.staging(name))?;
            }
            self.sync(site.root())?;
        }
        Ok(())
    }

    /// A record that nothing was moved by.
    pub(super) fn forget_record(&self) -> Result<()> {
        let db = self.sites.db();
        if db.has(&db.staging(Some("state")))? {
            self.disk.remove(&db.staging(Some("state")))?;
            self.sync(&db.staging(None))?;
        }
        Ok(())
    }

    /// R3 to R6, from wherever an earlier run has come to.
    pub(super) fn go_forward(&self, record: &Record) -> Result<()> {
        let mut present = Present::new(self.sites);
        let coming = self.new_files(record, &mut present)?;
        self.block_opening(&record.head)?;
        self.make_directories(record)?;
        self.make_old_archives(record)?;
        let going = self.old_files(record, &mut present)?;
        drop(present);
        self.carry_out(going)?;
        self.carry_out(coming)?;
        let db = self.sites.db();
        self.disk.replace(&db.new_file(CURRENT)?, &db.at(CURRENT)?)?;
        self.sync(db.root())?;
        // Before old files go: a CURRENT that came back here would tell that they are still needed.
        self.sync(&db.staging(Some("new")))
    }

    /// R3: no RocksDB opens the database any more, nor makes a new one in its place.
    pub(super) fn block_opening(&self, head: &Head) -> Result<()> {
        let db = self.sites.db();
        if has_marker(db)? {
            // The run that put it there may have been killed before it could make that durable.
            self.secure_moved_files()?;
            return self.sync(db.root());
        }
        if self.keep_old_current()? {
            self.sync(&db.staging(Some("old")))?;
        }
        self.write_marker(head)?;
        self.disk.replace(&db.staging(Some("marker")), &db.at(CURRENT)?)?;
        self.sync(db.root())
    }

    /// Makes the new names of old files durable that an earlier run has moved away. Comes before the directories that they
    /// have left are synced: a file must be found under one of its names whatever becomes of the other.
    pub(super) fn secure_moved_files(&self) -> Result<()> {
        for (_, site) in self.sites.all() {
            for directory in [site.old_file(ARCHIVE)?, site.staging(Some("old"))] {
                if directory.path().is_dir() {
                    self.sync(&directory)?;
                }
            }
        }
        Ok(())
    }

    /// R7: the old state's files go, and every trace with them. Between the record and its directory there is no sync: a
    /// record that comes back after a power failure has no old files any more, and the next run removes it.
    ///
    /// The files of the old state go where `record` says that they are kept.
    pub(super) fn clean(&self, record: Option<&Record>) -> Result<u64> {
        self.keep_old_files(record)?;
        let mut removed = 0;
        for site in self.sites.last_first() {
            removed += self.empty_site(site)?;
            removed += self.remove_all_but_the_lock(site)?;
        }
        if let Some(held) = self.held {
            held.release_staging();
        }
        for site in self.sites.last_first() {
            let lock = site.staging(Some(STAGING_LOCK));
            removed += u64::from(site.has(&lock)?);
            self.disk.remove(&lock)?;
            self.disk.remove_directory(&site.staging(None))?;
            self.sync(site.root())?;
        }
        Ok(removed)
    }

    /// What else stands in a staging directory.
    fn remove_all_but_the_lock(&self, site: &Site) -> Result<u64> {
        let mut removed = 0;
        for name in site.names(&site.staging(None))? {
            let at = site.staging(Some(&name));
            if name == STAGING_LOCK || is_kept_open(&name) {
                continue;
            }
            removed += match site.is_directory(&at)? {
                true => site.remove_tree(self.disk, &at)?,
                false => self.disk.remove(&at).map(|()| 1)?,
            };
        }
        Ok(removed)
    }

    /// Removes everything from the staging directories but the locks.
    pub(super) fn empty(&self, record: &Record) -> Result<u64> {
        self.keep_old_files(Some(record))?;
        let mut removed = 0;
        for site in self.sites.last_first() {
            removed += self.empty_site(site)?;
            self.sync(&site.staging(None))?;
        }
        Ok(removed)
    }

    fn keep_old_files(&self, record: Option<&Record>) -> Result<()> {
        let kept = record.and_then(|record| Some((record, record.head.keep_old.as_deref()?)));
        match kept {
            Some((record, directory)) => self.move_old_to(Path::new(directory), record),
            None => Ok(()),
        }
    }

    /// The record goes after the old state's files are gone for good, so that it is always known whose they are.
    fn empty_site(&self, site: &Site) -> Result<u64> {
        let mut removed = 0;
        for name in ["old", "new"] {
            removed += site.remove_tree(self.disk, &site.staging(Some(name)))?;
        }
        for name in ["marker", "freed"] {
            self.disk.remove(&site.staging(Some(name)))?;
        }
        self.sync(&site.staging(None))?;
        for name in ["state", "aborting"] {
            self.disk.remove(&site.staging(Some(name)))?;
        }
        Ok(removed)
    }

    pub(super) fn sync(&self, directory: &TargetPath) -> Result<()> {
        match self.durability {
            Durability::Durable => self.disk.sync_directory(directory),
            Durability::Buffered => Ok(()),
        }
    }

    /// Writes a file of our own, so that it is there whole or not at all.
    pub(super) fn write_whole(&self, site: &Site, name: &str, content: &[u8]) -> Result<()> {
        let unfinished = self.write_unfinished(site, name, content)?;
        self.sync_files(std::slice::from_ref(&unfinished))?;
        self.finish_writing(site, name)?;
        self.sync(&site.staging(None))
    }

    /// Writes what is going to be the file of our own with this name.
    pub(super) fn write_unfinished(&self, site: &Site, name: &str, content: &[u8]) -> Result<TargetPath> {
        let at = unfinished(site, name);
        self.disk.remove(&at)?;
        let (mut bytes, size_bytes) = (Cursor::new(content), content.len() as u64);
        self.disk.write(&at, &mut bytes, size_bytes, self.durability)?;
        Ok(at)
    }

    /// Gives a file that was written, and is durable, its name.
    fn finish_writing(&self, site: &Site, name: &str) -> Result<()> {
        self.disk
            .replace(&unfinished(site, name), &site.staging(Some(name)))
    }

    /// Makes the content of files durable, if asked; whether their names are, too.
    fn sync_files(&self, files: &[TargetPath]) -> Result<bool> {
        match self.durability {
            Durability::Durable => self.disk.sync_files(files),
            Durability::Buffered => Ok(false),
        }
    }

    /// Does moves that are still to be done, and makes all of their kind durable: first where the files are now, then where
    /// they came from. That they left `new/` becomes durable with the commit.
    fn carry_out(&self, moves: Moves<'_>) -> Result<()> {
        run_bounded(movers_of(moves.steps.len()), moves.steps, |step| {
            let (from, to) = step.ends(self.sites)?;
            self.disk.rename(&from, &to)
        })?;
        let from = moves.from.iter().filter(|(_, folder)| *folder != Folder::New);
        let all = moves.to.iter().chain(from).copied();
        let mut all = all.map(|(area, folder)| folder.path(area, self.sites));
        all.try_for_each(|directory| self.sync(&directory?))?;
        moves
            .further
            .iter()
            .try_for_each(|directory| self.sync(directory))
    }

    /// R4, as far as it is still to be done.
    fn old_files<'m>(&self, record: &'m Record, present: &mut Present<'_>) -> Result<Moves<'m>> {
        let mut moves = Moves::default();
        for step in record.moves.iter().filter(|step| !matches!(step, Move::In(_))) {
            // A file that is at both ends is two files: the old one has moved already, and the new one is in its place.
            let old_one_moved = matches!(step, Move::Away(_)) && present.is_after(step)?;
            moves.add(step, present.is_before(step)? && !old_one_moved, self.sites)?;
        }
        Ok(moves)
    }

    fn make_old_archives(&self, record: &Record) -> Result<()> {
        let moved = |step: &&Move| matches!(step, Move::Away(_)) && step.place().archived;
        let areas: BTreeSet<_> = record
            .moves
            .iter()
            .filter(moved)
            .map(|step| step.place().area)
            .collect();
        for area in areas {
            let site = self.sites.site(area);
            self.disk.make_directory(&site.old_file(ARCHIVE)?)?;
            self.sync(&site.staging(Some("old")))?;
        }
        Ok(())
    }

    /// The old CURRENT is about to lose its name to the marker, and gets another one; whether it had none.
    fn keep_old_current(&self) -> Result<bool> {
        let db = self.sites.db();
        let (current, kept) = (db.at(CURRENT)?, db.old_file(CURRENT)?);
        let content = db.read(&current, CURRENT_LIMIT_BYTES)?;
        if content.is_none() || has_marker(db)? || content == db.read(&kept, CURRENT_LIMIT_BYTES)? {
            return Ok(false);
        }
        self.disk.remove(&kept)?;
        self.disk.duplicate(&current, &kept, self.durability)?;
        Ok(true)
    }

    /// The marker is written before anything moves, so that a disk that fills up later stops nothing.
    fn write_marker(&self, head: &Head) -> Result<()> {
        let (text, db) = (marker(head), self.sites.db());
        match db.read(&db.staging(Some("marker")), CURRENT_LIMIT_BYTES)? {
            Some(written) if written == text => Ok(()),
            _ => self.write_whole(db, "marker", &text),
        }
    }

    /// R5, as far as it is still to be done, which no move of R4 changes. A new file that is neither staged nor in place is
    /// lost, and the new state with it.
    fn new_files<'m>(&self, record: &'m Record, present: &mut Present<'_>) -> Result<Moves<'m>> {
        let mut moves = Moves::default();
        for step in record.moves.iter().filter(|step| matches!(step, Move::In(_))) {
            let is_staged = present.is_before(step)?;
            if !is_staged && !present.is_after(step)? {
                let (from, _) = step.ends(self.sites)?;
                let reason =
                    "it was staged, and is gone: the restore cannot go on, abort it and restore again";
                return Err(Error::corrupt(from.to_string(), reason));
            }
            moves.add(step, is_staged, self.sites)?;
        }
        Ok(moves)
    }
}

/// Where a file of our own is until it has its name.
fn unfinished(site: &Site, name: &str) -> TargetPath {
    site.staging(Some(&format!("{name}.unfinished")))
}

/// The CURRENT that RocksDB rejects.
fn marker(head: &Head) -> Vec<u8> {
    let (id, repository) = (head.backup_id, head.repository.escape_debug());
    let text = format!(
        "{MARKER_PREFIX}backup {id} of {repository} is being restored into this directory; \
         run the restore again, or take it back with \"stonekeep restore --abort\"\n"
    );
    text.into_bytes()
}

/// Moves of one step of the protocol.
#[derive(Debug, Default)]
struct Moves<'m> {
    /// Those that are still to be done.
    steps: Vec<&'m Move>,
    /// Where files come from, those included that an earlier run has moved.
    from: BTreeSet<(Area, Folder)>,
    to: BTreeSet<(Area, Folder)>,
    /// Directories of the application that files come from, or go to.
    further: BTreeSet<TargetPath>,
}

impl<'m> Moves<'m> {
    fn add(&mut self, step: &'m Move, is_to_be_done: bool, sites: &Sites) -> Result<()> {
        let (area, (from, to)) = (step.place().area, step.folders());
        self.from.insert((area, from));
        self.to.insert((area, to));
        if is_to_be_done {
            self.steps.push(step);
        }
        if step.place().included.is_some() {
            let at = sites.site(area).at(&step.place().name)?;
            self.further.extend(at.parent());
        }
        Ok(())
    }
}
