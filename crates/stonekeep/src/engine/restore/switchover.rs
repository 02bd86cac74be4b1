//! Steps R2 to R7: from the staged state to the restored database, by renames only.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;

use super::hold::{Held, STAGING_LOCK};
use super::moves::Move;
use super::record::{RecordHead, RestoreRecord};
use super::unfinished::{MARKER_PREFIX, WalOwner, has_marker};
use crate::parallel::{movers_of, run_bounded};
use crate::target::{
    ARCHIVE, CURRENT, CURRENT_LIMIT_BYTES, TargetDirectories, TargetDirectory, TargetDisk, TargetPath,
    is_kept_open,
};
use crate::{Error, ErrorKind, Result};

/// Moves files at a target.
#[derive(Debug, Clone, Copy)]
pub(super) struct Switchover<'a> {
    pub(super) targets: &'a TargetDirectories,
    pub(super) disk: &'a TargetDisk,
    /// The locks of this restore; `None` where nothing is changed.
    pub(super) held: Option<&'a Held>,
}

impl Switchover<'_> {
    /// Makes the staging directories; in a separate `wal_dir` with a record of the restore that they belong to.
    pub(super) fn prepare(&self) -> Result<()> {
        for (_, target) in self.targets.all() {
            for name in ["new", "old"] {
                self.disk.make_directory(&target.staged(name))?;
            }
        }
        if let Some(wals) = self.targets.separate_wals()
            && !wals.has(&wals.staged("state"))?
        {
            let text = serde_json::to_vec(&WalOwner::of(self.targets))
                .map_err(|error| Error::new(ErrorKind::Io, "writing a record as JSON").with_source(error))?;
            self.write_complete(wals, "state", &text)?;
        }
        Ok(())
    }

    /// R2, after the new files have been staged: from here on a restore goes forward. Marker and record are written beside
    /// them and made durable with them, in one batch. Only when that is done, and all names are durable too, do they get
    /// their names; the record's is what counts. That it comes without the marker's is no harm, nothing has moved then.
    pub(super) fn write_record(&self, record: &RestoreRecord, staged: Vec<TargetPath>) -> Result<()> {
        let db = self.targets.db();
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
        self.disk.sync_directory(&db.staging())
    }

    /// Makes staged files durable with the names in all directories that were made for them.
    fn sync_with_names(&self, files: &[TargetPath]) -> Result<()> {
        let names_are_durable = self.disk.sync_files(files)?;
        for (_, target) in self.targets.all() {
            let is_in_site = |at: &TargetPath| at.root_path() == target.path();
            if names_are_durable && files.iter().any(is_in_site) {
                continue;
            }
            for name in ["new", "old"] {
                self.disk.sync_directory(&target.staged(name))?;
            }
            self.disk.sync_directory(&target.staging())?;
            self.disk.sync_directory(target.root())?;
        }
        Ok(())
    }

    /// A record that nothing was moved by.
    pub(super) fn forget_record(&self) -> Result<()> {
        let db = self.targets.db();
        if db.has(&db.staged("state"))? {
            self.disk.remove(&db.staged("state"))?;
            self.disk.sync_directory(&db.staging())?;
        }
        Ok(())
    }

    /// R3 to R6, from wherever an earlier run has come to.
    pub(super) fn go_forward(&self, record: &RestoreRecord, earlier: EarlierMoves) -> Result<()> {
        let coming = self.new_files(record, earlier)?;
        self.block_opening(&record.head)?;
        self.make_directories(record)?;
        self.make_old_archives(record)?;
        let going = self.old_files(record, earlier)?;
        self.carry_out(going)?;
        self.carry_out(coming)?;
        let db = self.targets.db();
        self.disk.replace(&db.new_file(CURRENT)?, &db.at(CURRENT)?)?;
        self.disk.sync_directory(db.root())?;
        // Before old files go: a CURRENT that came back here would mean that they are still needed.
        self.disk.sync_directory(&db.staged("new"))
    }

    /// R3: no RocksDB opens the database any more, nor makes a new one in its place.
    pub(super) fn block_opening(&self, head: &RecordHead) -> Result<()> {
        let db = self.targets.db();
        if has_marker(db)? {
            // The run that put it there may have been killed before it could make that durable.
            self.secure_moved_files()?;
            return self.disk.sync_directory(db.root());
        }
        if self.keep_old_current()? {
            self.disk.sync_directory(&db.staged("old"))?;
        }
        self.write_marker(head)?;
        self.disk.replace(&db.staged("marker"), &db.at(CURRENT)?)?;
        self.disk.sync_directory(db.root())
    }

    /// Makes the new names of old files durable that an earlier run has moved away. Comes before the directories that they
    /// have left are synced: a file must be found under one of its names whatever becomes of the other.
    pub(super) fn secure_moved_files(&self) -> Result<()> {
        for (_, target) in self.targets.all() {
            for directory in [target.old_file(ARCHIVE)?, target.staged("old")] {
                if directory.path().is_dir() {
                    self.disk.sync_directory(&directory)?;
                }
            }
        }
        Ok(())
    }

    /// R7: the old state's files go, and every trace with them. Between the record and its directory there is no sync: a
    /// record that comes back after a power failure has no old files any more, and the next run removes it.
    ///
    /// The files of the old state go where `record` says that they are kept.
    pub(super) fn clean(&self, record: Option<&RestoreRecord>) -> Result<u64> {
        self.keep_old_files(record)?;
        let mut removed = 0;
        for target in self.targets.last_first() {
            removed += self.empty_site(target)?;
            removed += self.remove_all_but_the_lock(target)?;
        }
        if let Some(held) = self.held {
            held.release_staging();
        }
        for target in self.targets.last_first() {
            let lock = target.staged(STAGING_LOCK);
            removed += u64::from(target.has(&lock)?);
            self.disk.remove(&lock)?;
            self.disk.remove_directory(&target.staging())?;
            self.disk.sync_directory(target.root())?;
        }
        Ok(removed)
    }

    /// Removes what else is in a staging directory.
    fn remove_all_but_the_lock(&self, target: &TargetDirectory) -> Result<u64> {
        let mut removed = 0;
        for name in target.names(&target.staging())? {
            let at = target.staged(&name);
            if name == STAGING_LOCK || is_kept_open(&name) {
                continue;
            }
            removed += if target.is_directory(&at)? {
                target.remove_tree(self.disk, &at)?
            } else {
                self.disk.remove(&at).map(|()| 1)?
            };
        }
        Ok(removed)
    }

    /// Removes everything from the staging directories but the locks.
    pub(super) fn empty(&self, record: &RestoreRecord) -> Result<u64> {
        self.keep_old_files(Some(record))?;
        let mut removed = 0;
        for target in self.targets.last_first() {
            removed += self.empty_site(target)?;
            self.disk.sync_directory(&target.staging())?;
        }
        Ok(removed)
    }

    fn keep_old_files(&self, record: Option<&RestoreRecord>) -> Result<()> {
        let kept = record.and_then(|record| Some((record, record.head.keep_old.as_deref()?)));
        match kept {
            Some((record, directory)) => self.move_old_to(Path::new(directory), record),
            None => Ok(()),
        }
    }

    /// The record goes after the old state's files are gone for good, so that it is always known whose they are.
    fn empty_site(&self, target: &TargetDirectory) -> Result<u64> {
        let mut removed = 0;
        for name in ["old", "new"] {
            removed += target.remove_tree(self.disk, &target.staged(name))?;
        }
        for name in ["marker", "freed"] {
            self.disk.remove(&target.staged(name))?;
        }
        self.disk.sync_directory(&target.staging())?;
        for name in ["state", "aborting"] {
            self.disk.remove(&target.staged(name))?;
        }
        Ok(removed)
    }

    /// Writes a file of our own, so that it is there completely or not at all.
    pub(super) fn write_complete(&self, target: &TargetDirectory, name: &str, content: &[u8]) -> Result<()> {
        let unfinished = self.write_unfinished(target, name, content)?;
        self.disk.sync_files(std::slice::from_ref(&unfinished))?;
        self.finish_writing(target, name)?;
        self.disk.sync_directory(&target.staging())
    }

    /// Writes what is going to be the file of our own with this name.
    pub(super) fn write_unfinished(
        &self,
        target: &TargetDirectory,
        name: &str,
        content: &[u8],
    ) -> Result<TargetPath> {
        let at = unfinished(target, name);
        self.disk.remove(&at)?;
        let (mut bytes, size_bytes) = (Cursor::new(content), content.len() as u64);
        self.disk.write(&at, &mut bytes, size_bytes)?;
        Ok(at)
    }

    /// Gives a file that was written, and is durable, its name.
    fn finish_writing(&self, target: &TargetDirectory, name: &str) -> Result<()> {
        self.disk.replace(&unfinished(target, name), &target.staged(name))
    }

    /// Does these moves and makes them durable, with those of the same kind that an earlier run has done: first where the
    /// files are now, then where they came from. That they left `new/` becomes durable with the commit.
    fn carry_out(&self, moves: Moves) -> Result<()> {
        run_bounded(movers_of(moves.steps.len()), moves.steps, |(from, to)| {
            self.disk.rename(&from, &to)
        })?;
        let new = self.targets.all().map(|(_, target)| target.staged("new"));
        let new: Vec<TargetPath> = new.collect();
        let from = moves.from.iter().filter(|directory| !new.contains(directory));
        let mut directories = moves.to.iter().chain(from);
        directories.try_for_each(|directory| self.disk.sync_directory(directory))
    }

    /// R4, as far as it is still to be done.
    fn old_files(&self, record: &RestoreRecord, earlier: EarlierMoves) -> Result<Moves> {
        let mut moves = Moves::default();
        for step in record.old_moves() {
            let (target, (from, to)) = (self.targets.of(step.place().area), step.ends(self.targets)?);
            // Two files at both ends: the old one has moved already, and the new one is in its place. One file: it is still to lose
            // the name that it came from.
            let is_away = |from, to| -> Result<bool> {
                Ok(matches!(step, Move::Away(_)) && target.has(to)? && !target.is_one_file(from, to)?)
            };
            let is_done = earlier == EarlierMoves::Possible && (!target.has(&from)? || is_away(&from, &to)?);
            moves.add(from, to, is_done);
        }
        Ok(moves)
    }

    fn make_old_archives(&self, record: &RestoreRecord) -> Result<()> {
        let moved = |step: &&Move| matches!(step, Move::Away(_)) && step.place().archived;
        let areas: BTreeSet<_> = record
            .moves
            .iter()
            .filter(moved)
            .map(|step| step.place().area)
            .collect();
        for area in areas {
            let target = self.targets.of(area);
            self.disk.make_directory(&target.old_file(ARCHIVE)?)?;
            self.disk.sync_directory(&target.staged("old"))?;
        }
        Ok(())
    }

    /// The old CURRENT is about to lose its name to the marker, and gets another one; whether it had none.
    fn keep_old_current(&self) -> Result<bool> {
        let db = self.targets.db();
        let (current, kept) = (db.at(CURRENT)?, db.old_file(CURRENT)?);
        let content = db.read(&current, CURRENT_LIMIT_BYTES)?;
        if content.is_none() || has_marker(db)? || content == db.read(&kept, CURRENT_LIMIT_BYTES)? {
            return Ok(false);
        }
        self.disk.remove(&kept)?;
        self.disk.duplicate(&current, &kept)?;
        Ok(true)
    }

    /// The marker is written before anything moves, so that a disk that fills up later stops nothing.
    fn write_marker(&self, head: &RecordHead) -> Result<()> {
        let (text, db) = (marker(head), self.targets.db());
        match db.read(&db.staged("marker"), CURRENT_LIMIT_BYTES)? {
            Some(written) if written == text => Ok(()),
            _ => self.write_complete(db, "marker", &text),
        }
    }

    /// R5, as far as it is still to be done, which no move of R4 changes. A new file that is neither staged nor in place is
    /// lost, and the new state with it.
    fn new_files(&self, record: &RestoreRecord, earlier: EarlierMoves) -> Result<Moves> {
        let mut moves = Moves::default();
        for step in record.new_moves() {
            let (target, (from, to)) = (self.targets.of(step.place().area), step.ends(self.targets)?);
            let is_done = earlier == EarlierMoves::Possible && !target.has(&from)?;
            if is_done && !target.has(&to)? {
                let reason =
                    "it was staged, and is gone: the restore cannot go on, abort it and restore again";
                return Err(Error::corrupt(from.to_string(), reason));
            }
            moves.add(from, to, is_done);
        }
        Ok(moves)
    }
}

/// Where a file of our own is until it has its name.
fn unfinished(target: &TargetDirectory, name: &str) -> TargetPath {
    target.staged(&format!("{name}.unfinished"))
}

/// The CURRENT that RocksDB rejects.
fn marker(head: &RecordHead) -> Vec<u8> {
    let (id, repository) = (head.backup_id, head.repository.escape_debug());
    let text = format!(
        "{MARKER_PREFIX}backup {id} of {repository} is being restored into this directory; \
         run the restore again, or take it back with \"stonekeep restore --abort\"\n"
    );
    text.into_bytes()
}

/// Whether an earlier run may have done some of a record's moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EarlierMoves {
    /// This run wrote the record, and nothing has moved since.
    None,
    Possible,
}

/// Moves of one step of the protocol.
#[derive(Debug, Default)]
struct Moves {
    /// Those that are still to be done.
    steps: Vec<(TargetPath, TargetPath)>,
    /// The directories that files come from, including those whose files an earlier run has moved.
    from: Vec<TargetPath>,
    /// The directories that files go to.
    to: Vec<TargetPath>,
}

impl Moves {
    fn add(&mut self, from: TargetPath, to: TargetPath, is_done: bool) {
        for (directories, file) in [(&mut self.from, &from), (&mut self.to, &to)] {
            if !directories.iter().any(|directory| file.is_in(directory)) {
                directories.extend(file.parent());
            }
        }
        if !is_done {
            self.steps.push((from, to));
        }
    }
}
