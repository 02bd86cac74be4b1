//! `RestoreDBFromBackup`: a backup becomes a database again. What was there before stays until the new state is complete.
//!
//! # Protocol
//! Everything is staged inside the target, so that it works for mount points, and every move is a rename. Each step is
//! durable before the next one begins; with `sync = false` the syncs are left out, the order is not.
//! - **R0** The target's `LOCK` is taken as RocksDB takes it, and `lock` in the staging directory. The target is empty, a
//!   database, or has an unfinished restore.
//! - **R1** There is room. New files are written to `new/`, each checked against its checksum on the way; files that a
//!   keep mode keeps are checked in place.
//! - **R2** `state` says what moves. It is written beside the new files, made durable with them and with all names, and
//!   only then gets its name. From here on a restore goes forward.
//! - **R3** `CURRENT` is replaced by one that RocksDB rejects. Without one it would make an empty database in the same
//!   place, and delete tables that it does not know.
//! - **R4** The old database's files go to `old/`: every name that RocksDB can parse, and files of the application that are
//!   replaced; the rest stays where it is. Directories that the application's files need are made before.
//!   **R5** New files go from `new/` into place.
//! - **R6** The commit: the real `CURRENT`. **R7** `old/` is removed for good, then `state`. With `keep_old` its files are
//!   renamed into that directory first, `CURRENT` last; the directory is made before R2, and `state` names it.
//!
//! # What a crash leaves
//! | stopped | state |
//! |---|---|
//! | before R3 | the old database, untouched; files in `new/`, those with the right checksum are used by the next run |
//! | from R3 to R6 | nothing opens; the next run goes on with renames, or [`abort_restore`] moves the old files back |
//! | after R6 | the new database; `old/` is removed by the next run, or what is left of it is moved to `keep_old` |
//! | in [`abort_restore`] | nothing opens until all old files are back; the next abort, or restore, goes on with it |
//!
//! With `free_old_files_first`, and only if there is no room otherwise, R3 comes before R1 and the old files are
//! removed then: the old state is gone from there on.
//!
//! A process that has the database open read-only, or as a secondary instance, holds no `LOCK`: it is not noticed, and
//! must be closed by whoever restores. A `LOCK` that was not there is made, and stays.

mod abort;
mod backup_restore;
mod context;
mod copy;
mod finish;
mod hold;
mod included;
mod keep;
mod keep_old;
mod listing;
mod moves;
mod old_database;
mod old_options;
mod owner;
mod plan;
pub(in crate::engine) mod point;
mod record;
pub(in crate::engine) mod refusals;
mod report;
mod room;
mod run;
mod salvage;
mod switchover;
mod unfinished;
mod write;

use std::path::Path;
use std::sync::Arc;

use self::context::{RestoreContext, Verb};
pub use self::point::PointReport;
pub use self::report::{AbortReport, RestoreAction, RestoreReport, RestoredFile};
pub use self::salvage::{LossOfFamily, LostFile, Salvage};
use super::callbacks::guarded;
pub use super::contents::RewrittenOptions;
use super::info::WhichBackup;
pub use super::restore_point::{PointTarget, RestorePoint};
use super::{BackupEngineReadOnly, RestoreOptions};
pub use crate::target::{TargetDisk, TargetHook, TargetOperation, TargetPath};
use crate::{Observer, Result};

impl BackupEngineReadOnly {
    /// Restores a backup into a directory (`RestoreDBFromBackup`, `RestoreDBFromLatestBackup`). See the [module](self)
    /// for what happens in which order. Where an earlier restore of the same backup was interrupted, it goes on with it.
    ///
    /// # Errors
    /// `Locked` if a process has the target's database open, `Refused` where files would be lost that are not the
    /// old database's, `Corrupt` with the file of the backup that is damaged, `NotFound` if there is no such backup,
    /// `InvalidArgument` for excluded files that are nowhere, `Stopped` by the observer. Nothing at the
    /// target has changed after an error, unless its hint says how to go on.
    pub fn restore_db_from_backup(
        &self,
        which: WhichBackup,
        db_dir: &Path,
        options: &RestoreOptions,
        observer: &dyn Observer,
    ) -> Result<RestoreReport> {
        self.restore_on(&self.target_disk(), which, db_dir, options, observer)
    }

    /// [`Self::restore_db_from_backup`] with other operations on the target than the operating system's.
    ///
    /// # Errors
    /// As [`Self::restore_db_from_backup`].
    pub fn restore_on(
        &self,
        disk: &TargetDisk,
        which: WhichBackup,
        db_dir: &Path,
        options: &RestoreOptions,
        observer: &dyn Observer,
    ) -> Result<RestoreReport> {
        guarded(observer, |observer| {
            RestoreContext::new(Verb::Restore, which, self, disk, db_dir, options, observer)?.run()
        })
    }

    /// The same for a verb that calls the observer already, and knows what helps if there is no room.
    pub(super) fn restore_for(
        &self,
        which: WhichBackup,
        (db_dir, room_advice): (&Path, String),
        options: &RestoreOptions,
        observer: &dyn Observer,
    ) -> Result<RestoreReport> {
        let disk = self.target_disk();
        let context = RestoreContext::new(Verb::Restore, which, self, &disk, db_dir, options, observer)?;
        context.with_room_advice(room_advice).run()
    }

    /// What [`Self::restore_db_from_backup`] would do now. Nothing is changed, and no lock is taken.
    ///
    /// # Errors
    /// As [`Self::restore_db_from_backup`], without those of copying.
    pub fn plan_restore(
        &self,
        which: WhichBackup,
        db_dir: &Path,
        options: &RestoreOptions,
        observer: &dyn Observer,
    ) -> Result<RestoreReport> {
        let disk = self.target_disk();
        guarded(observer, |observer| {
            RestoreContext::new(Verb::Plan, which, self, &disk, db_dir, options, observer)?.run()
        })
    }

    fn target_disk(&self) -> TargetDisk {
        TargetDisk::new(self.io_buffer_bytes())
            .with_sync(self.options().sync)
            .with_sync_method(self.options().sync_method)
            .with_clock(Arc::clone(&self.clock))
    }
}

/// Takes back an unfinished restore: the old database's files return, and what was staged is removed. `wal_dir` is the
/// one that the restore was begun with. No repository is needed.
///
/// # Errors
/// `NotFound` if there is no unfinished restore, `Refused` if it is complete already or has removed the old state at
/// request, `Locked` if it is still running.
pub fn abort_restore(db_dir: &Path, wal_dir: Option<&Path>) -> Result<AbortReport> {
    abort::abort(&TargetDisk::default(), db_dir, wal_dir)
}

/// What [`abort_restore`] would do now: which of its errors it would give, and how many old files it would move back. What
/// it would remove is not counted. Nothing is changed, and no lock is taken.
///
/// # Errors
/// As [`abort_restore`].
pub fn plan_abort_restore(db_dir: &Path, wal_dir: Option<&Path>) -> Result<AbortReport> {
    abort::plan(&TargetDisk::default(), db_dir, wal_dir)
}

/// [`abort_restore`] with other operations on the target than the operating system's.
///
/// # Errors
/// As [`abort_restore`].
pub fn abort_restore_on(disk: &TargetDisk, db_dir: &Path, wal_dir: Option<&Path>) -> Result<AbortReport> {
    abort::abort(disk, db_dir, wal_dir)
}
