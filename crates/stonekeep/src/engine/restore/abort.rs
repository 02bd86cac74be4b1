//! `restore --abort`: the old state comes back, by renames only, and everything that the restore has staged goes.

use std::collections::BTreeSet;
use std::path::Path;

use super::hold;
use super::moves::Move;
use super::record::RestoreRecord;
use super::report::AbortReport;
use super::switchover::Switchover;
use super::unfinished::{Unfinished, has_marker, is_freed};
use crate::target::{CURRENT, TargetDirectories, TargetDisk, is_kept_open};
use crate::{Error, Result};

/// Takes back an unfinished restore on this disk; see [`super::abort_restore`].
pub(super) fn abort(disk: &TargetDisk, db_dir: &Path, wal_dir: Option<&Path>) -> Result<AbortReport> {
    let targets = find(db_dir, wal_dir)?;
    Unfinished::read(&targets)?;
    let held = hold::hold(&targets, disk)?;
    let switchover = Switchover {
        targets: &targets,
        disk,
        held: Some(&held),
    };
    // Read again, since only now nobody else moves files.
    let (rolled_back, files_moved_back) = match read(&targets)? {
        Unfinished::Moving(record) => {
            switchover.require_old_files(&record)?;
            switchover.write_complete(targets.db(), "aborting", b"")?;
            (true, switchover.go_back(&record)?)
        }
        Unfinished::Aborting(Some(record)) => (true, switchover.go_back(&record)?),
        unfinished => (matches!(unfinished, Unfinished::Aborting(None)), 0),
    };
    switchover.forget_record()?;
    Ok(AbortReport {
        rolled_back,
        files_moved_back,
        files_removed: switchover.clean(None)?,
    })
}

/// What an abort would do; see [`super::plan_abort_restore`].
pub(super) fn plan(disk: &TargetDisk, db_dir: &Path, wal_dir: Option<&Path>) -> Result<AbortReport> {
    let targets = find(db_dir, wal_dir)?;
    hold::refuse_if_open(targets.db())?;
    let switchover = Switchover {
        targets: &targets,
        disk,
        held: None,
    };
    let (rolled_back, files_moved_back) = match read(&targets)? {
        Unfinished::Moving(record) | Unfinished::Aborting(Some(record)) => {
            switchover.require_old_files(&record)?;
            (true, switchover.count_moves_back(&record)?)
        }
        unfinished => (matches!(unfinished, Unfinished::Aborting(None)), 0),
    };
    Ok(AbortReport {
        rolled_back,
        files_moved_back,
        files_removed: 0,
    })
}

/// The directories of an unfinished restore.
fn find(db_dir: &Path, wal_dir: Option<&Path>) -> Result<TargetDirectories> {
    let targets = TargetDirectories::locate(db_dir, wal_dir)?;
    let staging = targets.db().staging();
    // What a file system keeps of a restore that is complete is none to take back.
    let is_kept_open = |names: &[String]| !names.is_empty() && names.iter().all(|name| is_kept_open(name));
    if targets.db().has(&staging)? && !is_kept_open(&targets.db().names(&staging)?) {
        return Ok(targets);
    }
    let place = targets.db().path().display();
    Err(Error::not_found(format!(
        "there is no unfinished restore in {place}"
    )))
}

impl Switchover<'_> {
    /// How many old files [`Self::go_back`] would move.
    fn count_moves_back(&self, record: &RestoreRecord) -> Result<u64> {
        let mut count = 0;
        for step in record.old_moves() {
            let (_, to) = step.ends(self.targets)?;
            count += u64::from(self.targets.of(step.place().area).has(&to)?);
        }
        let kept = self.targets.db().old_file(CURRENT)?;
        let current = record.head.had_current && self.targets.db().has(&kept)?;
        Ok(count + u64::from(current))
    }

    /// Undoes R5 and R4, then R3, from wherever an earlier run has come to; how many old files came back. New files are
    /// back in `new/` then, and the record is still there.
    pub(super) fn go_back(&self, record: &RestoreRecord) -> Result<u64> {
        self.require_old_files(record)?;
        self.secure_moved_files()?;
        self.take_back(record.new_moves())?;
        let mut moved = self.take_back(record.old_moves())?;
        self.remove_directories(record)?;
        let db = self.targets.db();
        if let Some(directory) = &record.head.keep_old {
            self.remove_kept(Path::new(directory), record.head.keep_old_made);
        }
        let kept = db.old_file(CURRENT)?;
        if record.head.had_current {
            if db.has(&kept)? {
                self.disk.replace(&kept, &db.at(CURRENT)?)?;
                moved += 1;
            }
        } else if has_marker(db)? {
            self.disk.remove(&db.at(CURRENT)?)?;
        }
        self.disk.sync_directory(db.root())?;
        Ok(moved)
    }

    fn take_back<'m>(&self, moves: impl DoubleEndedIterator<Item = &'m Move>) -> Result<u64> {
        let mut moved = 0;
        let (mut gaining, mut losing) = (BTreeSet::new(), BTreeSet::new());
        for step in moves.rev() {
            let target = self.targets.of(step.place().area);
            let (from, to) = step.ends(self.targets)?;
            gaining.extend(from.parent());
            losing.extend(to.parent());
            // A new file that is staged has not been moved, or is back: what has its name is the old file. New files are
            // taken back first, so that what is in an old one's place then came meanwhile: RocksDB writes a LOG even
            // when it cannot open a database.
            match (target.has(&to)?, target.has(&from)?, step) {
                (true, false, _) => self.disk.rename(&to, &from)?,
                // Both names of a rename that a power failure has interrupted.
                (true, true, _) if target.is_one_file(&to, &from)? => self.disk.remove(&to)?,
                (true, true, Move::Away(_)) => self.disk.replace(&to, &from)?,
                _ => continue,
            }
            moved += 1;
        }
        // The new names first: a power failure between must leave each file under one of them.
        let directories = gaining.iter().chain(losing.difference(&gaining));
        for directory in directories.filter(|at| at.path().is_dir()) {
            self.disk.sync_directory(directory)?;
        }
        Ok(moved)
    }

    /// An old file that is neither away nor back is lost, and the old state with it.
    fn require_old_files(&self, record: &RestoreRecord) -> Result<()> {
        for step in record.old_moves() {
            let target = self.targets.of(step.place().area);
            let (from, to) = step.ends(self.targets)?;
            if !target.has(&from)? && !target.has(&to)? {
                let reason =
                    "it was moved away, and is gone: the old state cannot come back, restore again instead";
                return Err(Error::corrupt(to.to_string(), reason));
            }
        }
        Ok(())
    }
}

/// What an earlier restore has left, if it can be taken back.
fn read(targets: &TargetDirectories) -> Result<Unfinished> {
    let place = targets.db().path().display();
    match Unfinished::read(targets)? {
        Unfinished::Committed(record) => Err(Error::refused(format!(
            "the restore of backup {} into {place} is complete, and cannot be taken back",
            record.head.backup_id
        ))
        .with_hint("restoring the same backup again removes what is left of the old state")),
        _ if is_freed(targets)? => Err(Error::refused(format!(
            "the old state of {place} was removed to make room for the new one, and cannot come back"
        ))
        .with_hint("restore again, this backup or another one")),
        unfinished => Ok(unfinished),
    }
}
