//! The reading methods of [`BackupEngine`], which are those of [`super::BackupEngineReadOnly`].

use std::path::Path;

use stonekeep_format::BackupId;

use super::drill::{DrillPlace, DrillReport};
use super::hold::Hold;
use super::in_place::InPlaceReport;
use super::info::{BackupDiff, BackupInfo, InfoDetail, RepositoryInfo, WhichBackup};
use super::restore::RestoreReport;
use super::undelete::DeletedBackup;
use super::verify::{VerifyLevel, VerifyOptions, VerifyReport, VerifyWhat};
use super::{BackupEngine, BackupEngineOptions, RestoreOptions};
use crate::store::Store;
use crate::{Observer, Result};

/// Gives [`BackupEngine`] the reading methods of [`BackupEngineReadOnly`].
macro_rules! reading {
    ($($method:ident($($argument:ident: $type:ty),*) -> $returned:ty;)*) => {
        impl BackupEngine {
            $(
                #[doc = concat!("See [`super::BackupEngineReadOnly::", stringify!($method), "`].")]
                ///
                /// # Errors
                /// Those of the reading engine.
                pub fn $method(&self, $($argument: $type),*) -> $returned {
                    self.reader.$method($($argument),*)
                }
            )*
        }
    };
}

reading! {
    options() -> &BackupEngineOptions;
    store() -> &Store;
    backup_ids() -> Result<Vec<BackupId>>;
    get_backup_info(id: BackupId, detail: InfoDetail) -> Result<BackupInfo>;
    get_all_backup_info(detail: InfoDetail) -> Result<RepositoryInfo>;
    get_latest_backup_info() -> Result<Option<BackupInfo>>;
    deleted_backups() -> Result<Vec<DeletedBackup>>;
    holds() -> Result<Vec<Hold>>;
    resolve(which: WhichBackup) -> Result<BackupId>;
    diff(a: BackupId, b: BackupId) -> Result<BackupDiff>;
    verify_backups(what: impl Into<VerifyWhat>, level: VerifyLevel, observer: &dyn Observer) -> Result<VerifyReport>;
    verify(what: impl Into<VerifyWhat>, options: &VerifyOptions, observer: &dyn Observer) -> Result<VerifyReport>;
    drill(which: WhichBackup, place: &DrillPlace, options: &RestoreOptions, observer: &dyn Observer) -> Result<DrillReport>;
    restore_db_from_backup(which: WhichBackup, db_dir: &Path, options: &RestoreOptions, observer: &dyn Observer) -> Result<RestoreReport>;
    plan_restore(which: WhichBackup, db_dir: &Path, options: &RestoreOptions, observer: &dyn Observer) -> Result<RestoreReport>;
    open_in_place(which: WhichBackup, at: &Path, observer: &dyn Observer) -> Result<InPlaceReport>;
    plan_open_in_place(which: WhichBackup, at: &Path, observer: &dyn Observer) -> Result<InPlaceReport>;
}
