//! `DeleteBackup`, `PurgeOldBackups`, `GarbageCollect`.
//!
//! A backup ceases to exist in one durable step; its files go when nobody names or reads them any more.
//!
//! # Protocol
//! - **D1** The writer's lock is taken. The directories of shared files are listed: a file that appears later is not
//!   removed. All meta files but those of the backups to be deleted are read: an I/O error there ends the run before
//!   anything has changed.
//! - **D2** The records `stonekeep/deleted/<id>-<checksum>` are put, with the bytes of the meta files, and made durable;
//!   of a meta file that cannot be read, the empty record `<id>-00000000`. Then each `meta/<id>` is deleted, which is the
//!   commit, and that is made durable: also with `sync = false`, for no unlink of a file may survive a power failure that
//!   this does not. A record beside its meta file says nothing: the backup exists, and the next run removes the record.
//! - **D3** *Now* the pins are read, and those whose holder is dead are removed. A reader makes its pin first and looks
//!   for the meta file after that, so either it misses the meta file, or its pin is seen here. (Pins read before D2
//!   would miss a reader who comes in between.)
//! - **D4** The other directories are listed, and then `meta/` again: whatever a foreign engine has committed meanwhile
//!   counts. The age of a shared file of unknown origin is looked at again.
//! - **D5** What neither meta files nor pins name is removed: shared files, private directories, facts; these removals
//!   are made durable; last goes the record in `stonekeep/deleted`. An id of which no trace would be left is claimed
//!   first, and of several claims the largest stays. What cannot be removed is reported and keeps nothing else; the
//!   records that name it stay.
//!
//! # What a crash leaves
//! | stopped | state |
//! |---|---|
//! | before D2 | everything as it was |
//! | in D2 | the backup exists, perhaps with a record beside its meta file, or is deleted; of several, some are |
//! | from D3 to D5 | the backup is deleted; by its record the next collection knows what to remove |
//! | after D5 | nothing of the backup is left |
//!
//! # What stays
//! - Files of a backup that somebody reads, with its record and its facts; the first collection after the last reader
//!   has ended removes them.
//! - Every shared file that no readable backup names, while the meta file of any backup cannot be read. The records stay,
//!   too, so that what they name goes at once when that backup is deleted.
//! - Files of unknown origin that have been changed lately: a foreign engine may be making a backup of them. So is the
//!   private directory of a backup of ours that was killed after it was published, and before the facts were.
//! - What a killed backup of ours has staged, and has published from there, by its journal: the next backup goes on
//!   with it. Only [`BackupEngine::garbage_collect`] removes it. What has no journal is of no use, and always goes.
//! - Names that no repository has, and files that are no garbage for being damaged: collecting never repairs.
//!
//! Nothing depends on the options that new backups are made with. RocksDB's own engine honours neither lock nor pins.

mod apply;
mod options;
mod past_retention;
mod purge;
mod report;
pub mod retention;
mod run;

use std::time::Duration;

use stonekeep_format::BackupId;

pub use self::options::DeleteOptions;
pub use self::past_retention::PastRetention;
pub use self::report::{
    CollectReport, DeletedFile, GarbageKind, HeldByPin, KeptForUndelete, NotRemoved, RetainingBackup, Total,
};
pub use self::retention::{BackupDecision, Goes, Keep, KeepRule, KeptBy, Period, PurgeOptions};
use self::run::{Collection, Wanted};
use super::BackupEngine;
use super::callbacks::guarded;
use crate::store::Uploads;
use crate::{Observer, Quiet, Result};

/// How long files of unknown origin have to be unchanged where nobody says otherwise.
pub const DEFAULT_MIN_AGE: Duration = Duration::from_secs(3600);

/// The same where the repository is not in a local directory.
pub const DEFAULT_REMOTE_MIN_AGE: Duration = Duration::from_secs(24 * 3600);

impl BackupEngine {
    /// Deletes a backup, valid or not (`DeleteBackup`), and collects garbage. Deleting goes on where an earlier run
    /// that did not end has begun to delete this very backup.
    ///
    /// # Errors
    /// `NotFound` if there is no such backup, `Locked` if another process writes into the repository, `Stopped` by the
    /// observer, I/O errors. The backup may be deleted nevertheless; the next collection removes what is left.
    pub fn delete_backup(&self, id: BackupId, observer: &dyn Observer) -> Result<CollectReport> {
        self.delete_backups(&[id], &DeleteOptions::default(), observer)
    }

    /// What [`Self::delete_backup`] would do now. Nothing is changed, no lock is taken, and a pin whose holder is dead
    /// is taken for one that is held.
    ///
    /// # Errors
    /// `NotFound` if there is no such backup, I/O errors.
    pub fn plan_delete_backup(&self, id: BackupId, observer: &dyn Observer) -> Result<CollectReport> {
        self.plan_delete_backups(&[id], &DeleteOptions::default(), observer)
    }

    /// Deletes these backups, or none of them if one is not there, and collects garbage once.
    ///
    /// # Errors
    /// As [`Self::delete_backup`].
    pub fn delete_backups(
        &self,
        ids: &[BackupId],
        options: &DeleteOptions,
        observer: &dyn Observer,
    ) -> Result<CollectReport> {
        guarded(observer, |observer| {
            self.collection(Wanted::These(ids, options), observer).run()
        })
    }

    /// What [`Self::delete_backups`] would do now; see [`Self::plan_delete_backup`].
    ///
    /// # Errors
    /// As [`Self::plan_delete_backup`].
    pub fn plan_delete_backups(
        &self,
        ids: &[BackupId],
        options: &DeleteOptions,
        observer: &dyn Observer,
    ) -> Result<CollectReport> {
        guarded(observer, |observer| {
            self.collection(Wanted::These(ids, options), observer).plan()
        })
    }

    /// Deletes all valid backups but so many of the newest (`PurgeOldBackups`), and collects garbage. Valid is a backup
    /// whose files are there with their sizes. Corrupt and unsupported ones are neither counted nor deleted. The last valid
    /// backup from before the database went back to an older state stays as well, until that is accepted.
    ///
    /// # Errors
    /// As [`Self::delete_backup`].
    pub fn purge_old_backups(
        &self,
        num_backups_to_keep: usize,
        observer: &dyn Observer,
    ) -> Result<CollectReport> {
        self.purge(&PurgeOptions::keep(num_backups_to_keep), observer)
    }

    /// What [`Self::purge_old_backups`] would do now; see [`Self::plan_delete_backup`].
    ///
    /// # Errors
    /// As [`Self::plan_delete_backup`].
    pub fn plan_purge_old_backups(
        &self,
        num_backups_to_keep: usize,
        observer: &dyn Observer,
    ) -> Result<CollectReport> {
        self.plan_purge(&PurgeOptions::keep(num_backups_to_keep), observer)
    }

    /// Deletes the valid backups that no rule keeps, and collects garbage. Corrupt and unsupported ones are neither counted
    /// nor deleted. The last valid backup from before the database went back to an older state stays as well, until that is
    /// accepted.
    ///
    /// # Errors
    /// As [`Self::delete_backup`], and `InvalidArgument` without any rule.
    pub fn purge(&self, options: &PurgeOptions, observer: &dyn Observer) -> Result<CollectReport> {
        let wanted = Wanted::Purge(options);
        guarded(observer, |observer| self.collection(wanted, observer).run())
    }

    /// What [`Self::purge`] would do now; see [`Self::plan_delete_backup`].
    ///
    /// # Errors
    /// As [`Self::plan_delete_backup`], and `InvalidArgument` without any rule.
    pub fn plan_purge(&self, options: &PurgeOptions, observer: &dyn Observer) -> Result<CollectReport> {
        let wanted = Wanted::Purge(options);
        guarded(observer, |observer| self.collection(wanted, observer).plan())
    }

    /// How long files of unknown origin have to be unchanged unless the caller says otherwise: [`DEFAULT_MIN_AGE`] in a local
    /// directory, [`DEFAULT_REMOTE_MIN_AGE`] elsewhere, where an upload may take as long and clocks differ.
    pub fn default_min_age(&self) -> Duration {
        match self.store().traits().uploads {
            Uploads::Resumable => DEFAULT_MIN_AGE,
            _ => DEFAULT_REMOTE_MIN_AGE,
        }
    }

    /// Removes what no backup needs (`GarbageCollect`), also what killed backups have left for the next one. Files whose
    /// origin no record has must be unchanged for `min_age`; see [`Self::default_min_age`].
    ///
    /// # Errors
    /// As [`Self::delete_backup`].
    pub fn garbage_collect(&self, min_age: Duration, observer: &dyn Observer) -> Result<CollectReport> {
        guarded(observer, |observer| {
            self.thorough_collection(Wanted::Nothing, min_age, observer).run()
        })
    }

    /// What [`Self::garbage_collect`] would do now; see [`Self::plan_delete_backup`].
    ///
    /// # Errors
    /// As [`Self::plan_delete_backup`].
    pub fn plan_garbage_collect(&self, min_age: Duration, observer: &dyn Observer) -> Result<CollectReport> {
        guarded(observer, |observer| {
            self.thorough_collection(Wanted::Nothing, min_age, observer)
                .plan()
        })
    }

    /// `destroy_old_data`: every backup goes, corrupt ones too, and everything else that is a repository's.
    pub(super) fn destroy(&self) -> Result<CollectReport> {
        self.thorough_collection(Wanted::Everything, Duration::ZERO, &Quiet)
            .run()
    }

    fn collection<'a>(&'a self, wanted: Wanted<'a>, observer: &'a dyn Observer) -> Collection<'a> {
        Collection {
            engine: &self.reader,
            wanted,
            min_age: self.default_min_age(),
            keep_unfinished: true,
            observer,
        }
    }

    fn thorough_collection<'a>(
        &'a self,
        wanted: Wanted<'a>,
        min_age: Duration,
        observer: &'a dyn Observer,
    ) -> Collection<'a> {
        Collection {
            min_age,
            keep_unfinished: false,
            ..self.collection(wanted, observer)
        }
    }
}
