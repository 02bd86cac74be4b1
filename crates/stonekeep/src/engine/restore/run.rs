//! A restore from its beginning: an earlier one is completed first, then backups are tried until one is valid.

use super::backup_restore::BackupRestore;
use super::context::{RestoreContext, Verb};
use super::hold;
use super::keep_old;
use super::record::RestoreRecord;
use super::report::RestoreReport;
use super::switchover::EarlierMoves;
use super::unfinished::{Unfinished, is_freed};
use crate::engine::info::{Candidates, PassedOver, WhichBackup};
use crate::repo::catalog;
use crate::shortage::Shortage;
use crate::target::{CURRENT, CURRENT_LIMIT_BYTES};
use crate::{Error, ErrorKind, Phase, Result, Warning, WarningName};

/// The backups to try, in this order.
struct Choice<'c, 'a> {
    candidates: Candidates,
    /// The first one, where it has been read completely.
    first: Option<BackupRestore<'c, 'a>>,
}

impl<'a> RestoreContext<'a> {
    /// Does what the context is for.
    pub(super) fn run(&self) -> Result<RestoreReport> {
        self.begin_phase(Phase::Planning);
        if self.options.best_effort && self.point.is_some() {
            let message = "a point that lacks something is not restored";
            return Err(
                Error::invalid(message).with_hint("leave out best_effort (--best-effort), or the point")
            );
        }
        if self.options.best_effort && self.which == WhichBackup::LatestValid {
            let message = "the newest backup without damage has nothing to be left out";
            return Err(
                Error::invalid(message).with_hint("leave out best_effort (--best-effort), or name a backup")
            );
        }
        // Refusals first: they leave no trace.
        hold::refuse_if_open(self.targets.db())?;
        let unfinished = self.unfinished_report()?;
        match (self.verb, unfinished) {
            (Verb::Plan, Some(report)) => Ok(report),
            (Verb::Plan, None) => self.try_each(self.choose()?),
            (Verb::Restore, Some(_)) => self.restore(None),
            (Verb::Restore, None) => {
                let choice = self.choose()?;
                self.refuse()?;
                self.restore(Some(choice))
            }
        }
    }

    /// R0 to R7; `choice` is missing where an earlier restore is only to be completed.
    fn restore<'c>(&'c self, choice: Option<Choice<'c, 'a>>) -> Result<RestoreReport> {
        self.targets.make(self.disk)?;
        self.hold()?;
        // Read again, since only now nobody else moves files.
        match Unfinished::read(&self.targets)? {
            Unfinished::Nothing => {}
            Unfinished::Moving(record) => return self.go_on(&record),
            Unfinished::Aborting(record) => self.finish_abort(record)?,
            Unfinished::Committed(record) => {
                if self.is_same(&record)? && self.is_untouched(&record)? {
                    let mut report = self.report_of(&record, true);
                    report.warnings.extend(self.clean_up(&record));
                    return Ok(report);
                }
                self.switchover().empty(&record)?;
            }
        }
        let choice = choice.map_or_else(|| self.choose(), Ok)?;
        let earlier = self.is_staged()?;
        let restored = self.try_each(choice);
        let mut report = restored.map_err(|error| self.leave(error))?;
        // What this run staged for a backup that it then passed over is no earlier work.
        report.resumed &= earlier;
        Ok(report)
    }

    /// Whether an earlier run has left copies.
    fn is_staged(&self) -> Result<bool> {
        for (_, target) in self.targets.all() {
            if !target.names(&target.staged("new"))?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The backups to try. One that is named by its number, or is the newest, must be readable.
    fn choose(&self) -> Result<Choice<'_, 'a>> {
        let candidates = self.engine.candidates_in(self.which, &self.index.borrow())?;
        let first = match candidates.ids.first() {
            Some(id) if self.which != WhichBackup::LatestValid => {
                let read = BackupRestore::read(self, *id, None);
                Some(read.map_err(|error| self.which.advise(error))?)
            }
            _ => None,
        };
        Ok(Choice { candidates, first })
    }

    /// What an earlier restore was about, if this one would only bring it to its end.
    fn unfinished_report(&self) -> Result<Option<RestoreReport>> {
        match Unfinished::read(&self.targets)? {
            Unfinished::Moving(record) => {
                self.require_same(&record)?;
                keep_old::require_same(self.options.keep_old.as_deref(), &record, &self.targets)?;
                Ok(Some(self.report_of(&record, false)))
            }
            Unfinished::Committed(record) if self.is_same(&record)? && self.is_untouched(&record)? => {
                keep_old::require_same(self.options.keep_old.as_deref(), &record, &self.targets)?;
                Ok(Some(self.report_of(&record, false)))
            }
            _ => Ok(None),
        }
    }

    /// What the restore of an earlier run was about.
    fn report_of(&self, record: &RestoreRecord, restored: bool) -> RestoreReport {
        let newer = record.head.sequences.warning(self.targets.db());
        RestoreReport {
            restored,
            resumed: true,
            files: record.files.clone(),
            warnings: newer.into_iter().collect(),
            ..record.report()
        }
    }

    fn go_on(&self, record: &RestoreRecord) -> Result<RestoreReport> {
        self.require_same(record)?;
        self.begin_phase(Phase::Committing);
        self.finish(record, EarlierMoves::Possible)?;
        let mut report = self.report_of(record, true);
        let is_latest = match self.options.point {
            Some(point) => point.at.is_latest(),
            None => !matches!(self.which, WhichBackup::Id(_)),
        };
        if is_latest {
            let message = format!(
                "an unfinished restore of backup {} was finished; whether it is the latest was not looked at",
                report.backup_id
            );
            report
                .warnings
                .push(Warning::general(WarningName::RestoreResumed, message));
        }
        report.warnings.extend(self.clean_up(record));
        Ok(report)
    }

    /// Tries backups until one is valid.
    fn try_each(&self, choice: Choice<'_, 'a>) -> Result<RestoreReport> {
        let Choice {
            candidates,
            mut first,
        } = choice;
        let (mut passed_over, mut known) = (candidates.passed_over, candidates.first);
        let doubts = candidates.warnings;
        let mut last = Error::not_found("there is no backup to restore");
        for id in candidates.ids {
            let read = match first.take() {
                Some(read) => Ok(read),
                None => BackupRestore::read(self, id, known.take()),
            };
            last = match read.and_then(BackupRestore::run) {
                Ok(mut report) => {
                    report.warnings.extend(doubts);
                    passed_over.retain(|other| other.id > id);
                    passed_over.sort_by_key(|other| std::cmp::Reverse(other.id));
                    return Ok(RestoreReport {
                        passed_over,
                        ..report
                    });
                }
                Err(error) => error,
            };
            if self.which != WhichBackup::LatestValid
                || !last.is_about_a_backup()
                || !self.nothing_has_moved()
            {
                break;
            }
            let findings = last.findings().to_vec();
            passed_over.push(PassedOver { id, findings });
            self.forget_index();
        }
        Err(self.which.advise(last))
    }

    fn nothing_has_moved(&self) -> bool {
        matches!(Unfinished::read(&self.targets), Ok(Unfinished::Nothing))
    }

    /// After an error before R2. What was staged is of use to the next run only where that may do better.
    fn leave(&self, error: Error) -> Error {
        let ran_out = error.shortage();
        let full = ran_out.is_some_and(|shortage| shortage != Shortage::FileSize);
        let useful = matches!(error.kind(), ErrorKind::Io | ErrorKind::Stopped) && !full;
        let freed = is_freed(&self.targets).unwrap_or(true);
        if freed {
            return error.with_hint(
                "the old state was removed to make room, as was asked for: restore again, this backup or another one",
            );
        }
        let (switchover, nothing_has_moved) = (self.switchover(), self.nothing_has_moved());
        if let Some(directory) = self.options.keep_old.as_deref().filter(|_| nothing_has_moved) {
            switchover.remove_kept(directory, self.keep_old_made.get());
        }
        if !useful && nothing_has_moved {
            let cleaned = switchover.forget_record().and_then(|()| switchover.clean(None));
            if let Err(left) = cleaned {
                tracing::warn!(reason = %left.one_line(), "what was staged could not be removed");
            }
        }
        if full {
            self.explain_full_disk(error)
        } else {
            error
        }
    }

    fn explain_full_disk(&self, error: Error) -> Error {
        let path = self.targets.db().path();
        let free = self.disk.free_space(path).map_or_else(
            |_| String::new(),
            |space| {
                let (needed, free) = (self.needed_bytes.get(), space.free_bytes);
                let missing = match needed.saturating_sub(free) {
                    0 => String::new(),
                    missing => format!(", {needed} are needed, {missing} are missing"),
                };
                format!(": {free} bytes are free now that what was staged is removed{missing}")
            },
        );
        let target = path.display();
        let (message, advice) = match error.shortage() {
            Some(Shortage::Inodes) => (
                format!("{target} has no inode left for the files of the backup"),
                "remove files there (df -i shows inodes)",
            ),
            Some(Shortage::Quota) => (
                format!("the quota was exhausted on {target} while the backup was copied"),
                "raise the quota",
            ),
            _ => (
                format!("{target} ran full while the backup was copied{free}"),
                "free room",
            ),
        };
        let explained = Error::new(ErrorKind::Io, message)
            .with_hint(format!("what was there is unchanged; {advice} and restore again"))
            .with_source(error);
        self.advise_room(explained)
    }

    fn require_same(&self, record: &RestoreRecord) -> Result<()> {
        if self.is_same(record)? {
            return Ok(());
        }
        let message = format!(
            "{} has an unfinished restore of backup {} of {}",
            self.targets.db().path().display(),
            record.head.backup_id,
            record.head.repository
        );
        Err(Error::refused(message).with_hint(
            "finish it by restoring that backup again, or take it back with abort_restore (restore --abort)",
        ))
    }

    /// Whether the backup that is asked for is that of the record. "latest" is whatever was latest then. A backup that is
    /// gone by now can still be finished: its files are here.
    fn is_same(&self, record: &RestoreRecord) -> Result<bool> {
        let recorded = record.head.backup_id;
        let is_same_point = match (&self.point, self.options.point, &record.head.point) {
            (Some(point), Some(asked), Some(report)) => point.is_of(report, asked.at),
            (None, _, None) => true,
            _ => false,
        };
        if !is_same_point || matches!(self.which, WhichBackup::Id(id) if id != recorded) {
            return Ok(false);
        }
        match catalog::load(self.store(), recorded).and_then(catalog::MetaState::into_result) {
            Ok(loaded) => Ok(loaded.crc32c.0 == record.head.meta_crc32c),
            Err(error) if error.kind() == ErrorKind::Io => Err(error),
            Err(_) => Ok(record.head.repository == self.store().location()),
        }
    }

    /// Whether nobody has opened the restored database: RocksDB writes a new CURRENT when it does.
    fn is_untouched(&self, record: &RestoreRecord) -> Result<bool> {
        let db = self.targets.db();
        let current = db.read(&db.at(CURRENT)?, CURRENT_LIMIT_BYTES)?;
        Ok(current.as_deref() == Some(record.head.current.as_bytes()))
    }
}
