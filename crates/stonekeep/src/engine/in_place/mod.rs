//! A backup as a directory that RocksDB opens read-only, made without copying tables and blobs: they are hard links.
//!
//! RocksDB's `BackupInfo::env_for_open` does the like inside one process; this is for every program that can open a
//! database read-only, such as `ldb`.
//!
//! # Protocol
//! - **O1** The directory is made, in one that is there; or it is there and empty. Its marker [`MARKER`] is written:
//!   which backup, and every name that will come. **O2** Shared files are linked, or copied where the file system has no
//!   link for them; private files are copied, checked against their checksums. An OPTIONS file that names a `wal_dir`
//!   of the original is copied without it, which the report says. **O3** `CURRENT` comes last.
//! - [`close_in_place`] removes what the marker names, and what RocksDB itself puts there when it opens a database
//!   read-only (`LOG`, `LOCK`). Anything else is a reason to remove nothing. The marker goes last.
//!
//! A crash leaves a directory with a marker, which closing removes. The repository is not changed: a link keeps a file's
//! bytes even when the backup is deleted. A program that opens the directory for writing would write into its own copies
//! of the private files and drop links; tables are never written again by RocksDB.

mod close;
mod marker;
mod open;
mod report;

use std::path::Path;

use stonekeep_format::BackupId;

pub use self::close::{close_in_place, plan_close_in_place};
pub use self::marker::MARKER;
use self::open::Opening;
pub use self::report::InPlaceReport;
use super::BackupEngineReadOnly;
use super::callbacks::guarded;
use super::info::WhichBackup;
use super::verify::{VerifyLevel, VerifyOptions};
use crate::{Error, ErrorKind, Observer, Result};

impl BackupEngineReadOnly {
    /// Makes a directory that RocksDB opens read-only. [`close_in_place`] removes it again. `latest-valid` reads every
    /// byte of a backup first; otherwise linked files are looked at, not read.
    ///
    /// # Errors
    /// `Unsupported` unless the repository is a local directory, whose files can be linked; `Refused` if something is at
    /// `at`, or if it lies in the repository; `Corrupt` if the backup is damaged;
    /// `InvalidArgument` if it was made without some files; `NotFound`, `Stopped`, and I/O errors. After an error, what
    /// was made is removed again.
    pub fn open_in_place(
        &self,
        which: WhichBackup,
        at: &Path,
        observer: &dyn Observer,
    ) -> Result<InPlaceReport> {
        guarded(observer, |observer| {
            self.opening(which, at, observer, &|opening, id| opening.open(id))
        })
    }

    /// What [`Self::open_in_place`] would make now. Nothing is changed; that the file system can link is assumed.
    ///
    /// # Errors
    /// As [`Self::open_in_place`], without those of copying.
    pub fn plan_open_in_place(
        &self,
        which: WhichBackup,
        at: &Path,
        observer: &dyn Observer,
    ) -> Result<InPlaceReport> {
        guarded(observer, |observer| {
            self.opening(which, at, observer, &|opening, id| opening.plan(id))
        })
    }

    fn opening(
        &self,
        which: WhichBackup,
        at: &Path,
        observer: &dyn Observer,
        verb: &dyn Fn(&Opening<'_>, BackupId) -> Result<InPlaceReport>,
    ) -> Result<InPlaceReport> {
        if self.store().directory().is_none() {
            return Err(needs_directory(self.store().location()));
        }
        let mut last = None;
        for id in self.candidates(which)?.ids {
            if which == WhichBackup::LatestValid && !self.is_clean_backup(id, observer)? {
                continue;
            }
            let opening = Opening {
                engine: self,
                at,
                observer,
            };
            match verb(&opening, id) {
                Err(error) if which == WhichBackup::LatestValid && error.is_about_a_backup() => {
                    last = Some(error);
                }
                outcome => return outcome,
            }
        }
        if let Some(error) = last {
            return Err(error);
        }
        let message = format!("no backup in {} is valid", self.store().location());
        Err(Error::new(ErrorKind::Corrupt, message).with_hint("verify them, to see what each one lacks"))
    }

    /// Whether every byte of a backup is right.
    ///
    /// # Errors
    /// As [`BackupEngineReadOnly::verify_backups`], and where a file of it could not be read.
    fn is_clean_backup(&self, id: BackupId, observer: &dyn Observer) -> Result<bool> {
        let report = self.verify_each(id.into(), &VerifyOptions::plain(VerifyLevel::Checksum), observer)?;
        match report.unchecked.first() {
            Some(first) if report.findings.is_empty() => {
                let message = format!("backup {id} could not be verified: {}", first.reason);
                Err(Error::new(ErrorKind::Io, message))
            }
            _ => Ok(report.is_clean()),
        }
    }
}

/// The error for a repository whose files cannot be linked: opening would copy the whole backup without saying so.
fn needs_directory(location: &str) -> Error {
    let message =
        format!("a backup can be opened in place only in a local repository, and {location} is none");
    Error::new(ErrorKind::Unsupported, message).with_hint("restore the backup into a directory instead")
}
