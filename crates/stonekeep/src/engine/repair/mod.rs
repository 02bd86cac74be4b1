//! Repairing: stored files that are missing or damaged are made again from elsewhere.
//!
//! A file is damaged if it is missing or has a wrong size, or if a verification has found its bytes wrong. It is made again from any
//! file with the bytes that meta files expect there: of another backup, of the database or a copy of it, of another repository.
//! A meta file that cannot be read, or is not the one that the facts of its backup describe, is written again from these facts.
//! Nothing else is read, and no file that is right is written.
//!
//! - **P1** The writer's lock is taken.
//! - **P2** Meta files, listings and the stamps of verifications say which files are damaged. One that is damaged by its stamp is
//!   read: perhaps somebody has put it right.
//! - **P3** Meta files are put, each in one step.
//! - **P4** For each damaged file the candidates are read one after the other, into the staging area of this run. One whose length
//!   or checksum is wrong is passed over.
//! - **P5** The staged file is made durable and takes the place of the damaged one, in one step for readers.
//! - **P6** The stamps of repaired files are replaced by ones that say so: they count as never verified.
//!
//! | stopped | state |
//! |---|---|
//! | before P3 | the meta file is damaged as before: no collection removes a shared file while it is there |
//! | after P3 | the backup has a meta file, and the damaged files that it names |
//! | before P5 | the file is damaged as before; the next repair, or collection of any age, removes what was staged |
//! | after P5 | the file is right, and counts as damaged by its stamp until the next repair or verification reads it |
//!
//! Each file goes through P4 and P5 by itself, so that a run that is stopped keeps what it has repaired. Where stores give a file
//! its name as soon as it is complete, a candidate whose checksum is wrong is never completed.
//!
//! RocksDB's engine knows neither lock nor stamps. A backup that it makes meanwhile is not disturbed: only files of existing
//! backups are replaced, by what those backups say they are.

mod candidates;
mod damage;
mod report;
mod run;
mod source;

pub use self::report::{NotRepaired, RepairReport, RepairedFile};
use self::run::Repair;
pub use self::source::RepairSource;
use super::BackupEngine;
use super::callbacks::guarded;
use super::verify::VerifyWhat;
use crate::{Observer, Result};

impl BackupEngine {
    /// Makes damaged files of these backups again, from the repository itself and from these sources, in their order. The stamps of
    /// verifications say which bytes are damaged: verify first.
    ///
    /// # Errors
    /// `NotFound` if a backup does not exist; `Locked` if another process writes into the repository; `Stopped`; I/O errors of the
    /// repository. What cannot be repaired is no error; it is in the report.
    pub fn repair(
        &self,
        what: impl Into<VerifyWhat>,
        sources: &[RepairSource],
        observer: &dyn Observer,
    ) -> Result<RepairReport> {
        let what = what.into();
        guarded(observer, |observer| {
            self.store().require_collectable()?;
            let lock = self.reader.lock(observer)?;
            crate::repo::settle(self.store(), &lock, self.reader.workers())?;
            Repair::new(&self.reader, sources, observer).run(what, Some(&lock))
        })
    }

    /// What [`Self::repair`] would do: candidates are read, and nothing is changed. No lock is taken.
    ///
    /// # Errors
    /// As [`Self::repair`].
    pub fn plan_repair(
        &self,
        what: impl Into<VerifyWhat>,
        sources: &[RepairSource],
        observer: &dyn Observer,
    ) -> Result<RepairReport> {
        let what = what.into();
        guarded(observer, |observer| {
            Repair::new(&self.reader, sources, observer).run(what, None)
        })
    }
}
