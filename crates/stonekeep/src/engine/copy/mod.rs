//! Copying backups into another repository: from any store to any store.
//!
//! A backup keeps its id where that is free, or gets the next free one; its files, its meta file and our facts about it are what
//! they are in the source, byte for byte, except that the paths of private files follow the id. So what RocksDB's engine has
//! made stays RocksDB's, and what is copied to a directory can be used by it.
//!
//! # Files
//! Each file uses those below it only.
//! - `run` goes through the backups. `one_backup` copies one.
//! - `shared_files` decides about the files that backups share, `target_files` is what the target has of them, and `target_ids`
//!   which ids it has.
//! - `put_files` copies files and publishes them, `copy_file` copies one, `staging` is where to, with what runs that did not end
//!   have left there.
//! - `source_backup` is what is read of the source, `renamed` its records under another id.
//! - `report`, `options` and `context` are what the caller learns and says, and what every step works with.
//!
//! # Protocol
//! Each step is durable before the next one begins; with `sync = false` file syncs are left out, the order is not. The source is
//! only read. Before each step that others see, the writer's lock of the target is looked at.
//! - **K0** The target's directories are made where there are none; **K1** its writer's lock is taken, records of deletions that
//!   did not happen are removed, backups of writers that lost the lock are looked at (`repo/doubtful.rs`), and its directories
//!   are listed.
//!
//! Then for each backup, oldest first:
//! - **K2** What the target has under its id decides: the same meta file means that it is there; another one, that it is refused;
//!   a trace of one that is gone, or the claim of a larger id, that it was there once. Else it is pinned in the source, where that
//!   can be written, and its files are looked for there with their sizes.
//! - **K3** Shared files that the target has are used again: by what a meta file there says of them, else by their bytes,
//!   unless the store holds them for doubtful. The others are copied to an area of this run's own, and get their names, never replacing what a backup of the target means.
//!   Each file's checksum is computed on the way, and a wrong one ends the file before its last bytes are written. All shared
//!   files are looked for.
//! - **K4** The id is claimed, by putting `stonekeep/ids/<id>` if it is absent, with the checksum of the meta file.
//! - **K5** Private files and files of the application follow, under their final names; **K6** our facts; then private files are
//!   looked for.
//! - **K7** The commit: the meta file appears under `meta/<id>`. **K8** All files are looked for again: after a loss the meta file
//!   is withdrawn, as in C8. Then the claim becomes one like any other.
//!
//! # What a crash leaves
//! `tests/all/copy/crash.rs` stops at every store operation, and looks.
//!
//! | stopped | state |
//! |---|---|
//! | before K3 | the target's backups as they were; maybe a repository without backups |
//! | in K3 | files in the area, and shared files that no meta file names: the next copy uses those whose bytes are right, and collections remove them |
//! | from K4 to K6 | the same, and an id that is claimed for this copy: the next one goes on under it |
//! | in K7 | the backup is in the target completely, or not at all |
//! | after K7 | the backup is there, durably as soon as the next copy has found it; an area may be left, and a claim that speaks of a copy |
//!
//! No journal is needed: what has been staged whole is recognised by the checksum that the source's meta file has. On a full
//! disk the area is freed; after other errors, and when somebody asked to stop, it stays for the next run.

mod context;
mod copy_file;
mod database_of_target;
mod one_backup;
mod options;
mod put_files;
mod renamed;
mod report;
mod run;
mod shared_files;
mod source_backup;
mod staging;
mod target_files;
mod target_ids;

use self::context::Context;
pub use self::options::{CopyOptions, CopyWhat};
pub use self::report::{CopiedBackup, CopiedFiles, CopyReport, CopyState};
use super::callbacks::guarded;
use super::{BackupEngine, BackupEngineReadOnly};
use crate::store::Store;
use crate::{Error, Observer, Result};

impl BackupEngine {
    /// Copies backups of another repository into this one. See the [module](self) for what happens in which order. Files are
    /// moved under this engine's `backup_rate_limit` and `max_background_operations`.
    ///
    /// That single backups are damaged, or cannot be copied, is in the report.
    ///
    /// # Errors
    /// `NotFound` if there is no such backup, or none at all, `Refused` if both are one repository, or one lies in the other,
    /// `InvalidArgument` for an empty list of ids, `Locked` if another process writes into this repository, `Stopped` by the
    /// observer, and I/O errors of both stores. The message says which backups were copied before.
    pub fn copy_backups_from(
        &self,
        from: &BackupEngineReadOnly,
        what: impl Into<CopyWhat>,
        options: &CopyOptions,
        observer: &dyn Observer,
    ) -> Result<CopyReport> {
        self.copy_with(from, &what.into(), options, observer, run::copy)
    }

    /// What [`Self::copy_backups_from`] would do now. Nothing is changed, no lock is taken, and no shared file is read.
    ///
    /// # Errors
    /// As [`Self::copy_backups_from`], without those of copying.
    pub fn plan_copy_backups_from(
        &self,
        from: &BackupEngineReadOnly,
        what: impl Into<CopyWhat>,
        options: &CopyOptions,
        observer: &dyn Observer,
    ) -> Result<CopyReport> {
        self.copy_with(from, &what.into(), options, observer, run::preview)
    }

    fn copy_with(
        &self,
        from: &BackupEngineReadOnly,
        what: &CopyWhat,
        options: &CopyOptions,
        observer: &dyn Observer,
        work: fn(Context<'_>, &CopyWhat) -> Result<CopyReport>,
    ) -> Result<CopyReport> {
        require_apart(from.store(), self.store())?;
        guarded(observer, |observer| {
            let context = Context {
                from,
                to: self.as_read_only(),
                options,
                observer,
            };
            work(context, what)
        })
    }
}

/// Refuses one repository for both, and one that lies in the other.
fn require_apart(from: &Store, to: &Store) -> Result<()> {
    let (a, b) = (&from.place().identity, &to.place().identity);
    let is_in = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    if a == b {
        let message = format!(
            "{} is named as the source and as the target of the copy",
            to.location()
        );
        return Err(Error::refused(message).with_hint("name another repository to copy to"));
    }
    if is_in(a, b) || is_in(b, a) {
        let message = format!(
            "of {} and {}, one lies inside the other",
            from.location(),
            to.location()
        );
        return Err(Error::refused(message).with_hint("everything in a repository belongs to its backups"));
    }
    if let Some(directory) = from.directory() {
        to.require_outside(directory, "the source of the copy")?;
    }
    if let Some(directory) = to.directory() {
        from.require_outside(directory, "the target of the copy")?;
    }
    Ok(())
}
