//! A drill: a backup is restored into a scratch directory, and what came back is verified and removed again.
//!
//! # Protocol
//! - **D0** The scratch directory is there, and lies neither in the repository nor in a database. What drills have left there that were
//!   killed is removed: see `scratch.rs`.
//! - **D1** A directory of its own is made in it, with a marker that is locked as long as the process lives.
//! - **D2** The backup is restored into it, as any restore is: there must be room, and every byte is checked on the way.
//! - **D3** What is on the disk is read again, past the page cache where the file system has direct reads: each file of the backup has its
//!   length and checksum. The directory is captured as a closed database is for a backup: CURRENT names a MANIFEST, that names tables and
//!   blobs that are there with their sizes, WALs and OPTIONS can be read, and the last sequence number is that of the backup. Tables,
//!   blobs and WALs are looked into, as a deep verification does.
//! - **D4** A drill that found nothing wrong is remembered in the repository.
//! - **D5** The directory is removed, also after an error or a stop.
//!
//! | stopped | left |
//! |---|---|
//! | between D1 and D5 | the directory in the scratch directory, which the next drill removes |
//! | before D4 | the same; the drill is not remembered |
//!
//! With [`DrillPlace::Keep`] there is no scratch directory, and the database stays. No database is replaced: the directory must be absent or
//! empty, but for what an interrupted drill has staged there.

mod checks;
mod on_disk;
mod place;
mod report;
mod scratch;

use std::path::Path;
use std::time::Instant;

use self::checks::Checks;
pub use self::place::DrillPlace;
pub use self::report::DrillReport;
use self::scratch::Scratch;
use super::callbacks::guarded;
use super::full_disk::is_full;
use super::info::WhichBackup;
use super::{BackupEngineReadOnly, RestoreOptions};
use crate::repo::verified::drill::{self, Drill};
use crate::{Error, Observer, Result, Warning, WarningName};

impl BackupEngineReadOnly {
    /// Restores a backup into a scratch directory, verifies what came back without RocksDB, and removes it. What is wrong on the disk is in
    /// the report; of the options, only those about what is read have a meaning.
    ///
    /// # Errors
    /// As [`Self::restore_db_from_backup`], so `Corrupt` for a backup that is damaged; `Refused` for a scratch directory in the
    /// repository or in a database, or a directory to keep that is not empty, `NotFound` for one that is not there.
    pub fn drill(
        &self,
        which: WhichBackup,
        place: &DrillPlace,
        options: &RestoreOptions,
        observer: &dyn Observer,
    ) -> Result<DrillReport> {
        guarded(observer, |observer| match place {
            DrillPlace::Keep(directory) => {
                place::require_new(self.store(), directory)?;
                let advice = room_advice(directory, "--keep");
                self.drill_in((directory, advice), which, options, observer)
            }
            DrillPlace::Scratch(scratch) => {
                place::require_scratch(self.store(), scratch)?;
                let removed = scratch::remove_dead(scratch)?;
                let advice = room_advice(scratch, "--scratch");
                let scratch = Scratch::make(scratch).map_err(|error| advise_if_full(error, &advice))?;
                let drilled = self.drill_in((&scratch.database(), advice), which, options, observer);
                let left = scratch.remove();
                let mut report = drilled?;
                report.removed_leftovers = removed;
                report.kept = None;
                report.warnings.extend(left);
                Ok(report)
            }
        })
    }

    /// D2, D3, D4.
    fn drill_in(
        &self,
        (directory, room_advice): (&Path, String),
        which: WhichBackup,
        options: &RestoreOptions,
        observer: &dyn Observer,
    ) -> Result<DrillReport> {
        let began = self.clock.instant();
        let target = (directory, room_advice.clone());
        let restored = self.restore_for(which, target, options, observer);
        let restored = restored.map_err(|error| advise_if_full(error, &room_advice))?;
        let restore_ms = self.milliseconds_since(began);
        let began = self.clock.instant();
        let checks = Checks::of(self, directory, &restored)?;
        let mut report = checks.run(observer)?;
        report.add_times(restore_ms, self.milliseconds_since(began));
        report.kept = Some(directory.to_owned());
        if report.findings.is_empty() {
            let drill = Drill {
                backup_id: report.backup_id.get(),
                meta_crc32c: checks.meta_crc32c().0,
                at_ms: crate::repo::verified::milliseconds(self.clock.now()),
                bytes: report.bytes,
                restore_ms: report.restore_ms,
                verify_ms: report.verify_ms,
            };
            report.warnings.extend(self.remember(&drill));
        }
        Ok(report)
    }

    fn remember(&self, drill: &Drill) -> Option<Warning> {
        let error = drill::put(self.store(), drill, self.durability()).err()?;
        let message = format!("the drill is not remembered: {}", error.one_line());
        let location = self.store().location();
        Some(Warning::about(WarningName::NotRemembered, location, message))
    }

    fn milliseconds_since(&self, began: Instant) -> u64 {
        let took = self.clock.instant().saturating_duration_since(began);
        u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
    }
}

/// What helps if a drill has no room.
fn room_advice(directory: &Path, option: &str) -> String {
    format!(
        "free room in {}, or name a directory on another disk ({option})",
        directory.display()
    )
}

fn advise_if_full(error: Error, advice: &str) -> Error {
    if is_full(&error) {
        error.with_hint(advice)
    } else {
        error
    }
}
