//! One restore: what an earlier one has left is brought to an end, then backups are tried until one is whole.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::Path;

use stonekeep_format::BackupId;

use super::attempt::{self, Attempt};
use super::disk::TargetDisk;
use super::forward::Mover;
use super::hold::{self, Held};
use super::keep_old;
use super::record::Record;
use super::report::RestoreReport;
use super::room;
use super::site::{CURRENT, Sites};
use super::target::refuse_repository;
use super::unfinished::{CURRENT_LIMIT_BYTES, Unfinished, is_freed};
use crate::engine::info::{Candidates, PassedOver, WhichBackup};
use crate::engine::{BackupEngineReadOnly, RestoreOptions};
use crate::repo::catalog::{self, SizedMeta};
use crate::repo::index::RepositoryIndex;
use crate::shortage::Shortage;
use crate::{Error, ErrorKind, Observer, Phase, Progress, Result, Warning, WarningName};

/// One restore under way.
pub(super) struct Run<'a> {
    pub(super) engine: &'a BackupEngineReadOnly,
    pub(super) disk: &'a dyn TargetDisk,
    pub(super) sites: Sites,
    pub(super) options: &'a RestoreOptions,
    pub(super) observer: &'a dyn Observer,
    /// What the backup that is copied needs, for the message where the disk runs full.
    pub(super) needed_bytes: Cell<u64>,
    /// What stands in the repository: listed once for the choice of a backup and for its plan. A file that goes
    /// afterwards is missed when it is opened, before anything at the target changes.
    pub(super) index: RefCell<RepositoryIndex<'a>>,
    /// The locks at the target, once they are taken.
    held: OnceCell<Held>,
    /// Whether the directory for the old state was made.
    pub(super) keep_old_made: Cell<bool>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        engine: &'a BackupEngineReadOnly,
        disk: &'a dyn TargetDisk,
        db_dir: &Path,
        options: &'a RestoreOptions,
        observer: &'a dyn Observer,
    ) -> Result<Self> {
        let sites = Sites::locate(db_dir, options.wal_dir.as_deref())?;
        for (_, site) in sites.all() {
            refuse_repository(site.path(), engine.store().directory())?;
        }
        Ok(Run {
            engine,
            disk,
            sites,
            options,
            observer,
            needed_bytes: Cell::new(0),
            index: RefCell::new(RepositoryIndex::new(engine.store())),
            held: OnceCell::new(),
            keep_old_made: Cell::new(false),
        })
    }

    pub(super) fn mover(&self) -> Mover<'_> {
        Mover {
            sites: &self.sites,
            disk: self.disk,
            durability: self.engine.durability(),
            held: self.held.get(),
        }
    }

    /// The restore.
    pub(super) fn restore(&self, which: WhichBackup) -> Result<RestoreReport> {
        self.tell(Phase::Planning);
        // Refusals first: they are to leave no trace.
        hold::refuse_if_open(self.sites.db())?;
        let candidates = match self.unfinished_report(which)? {
            Some(_) => Candidates::default(),
            None => self.candidates(which)?,
        };
        if !candidates.ids.is_empty() {
            attempt::refuse(self)?;
        }
        self.sites.make(self.disk, self.engine.durability())?;
        self.hold()?;
        match Unfinished::read(&self.sites)? {
            Unfinished::Nothing => {}
            Unfinished::Moving(record) => return self.go_on(which, &record),
            Unfinished::Aborting(record) => self.finish_abort(record)?,
            Unfinished::Committed(record) => {
                let same = self.is_same(which, &record)? && self.is_untouched(&record)?;
                if same {
                    let mut report = record.report(self.sites.db(), true)?;
                    report.warnings.extend(self.clean_up(&record));
                    return Ok(report);
                }
                self.mover().empty(&record)?;
            }
        }
        let candidates = match candidates.ids.is_empty() {
            true => self.candidates(which)?,
            false => candidates,
        };
        let earlier = self.is_staged()?;
        let restored = self.try_each(which, candidates, |attempt| attempt.restore());
        let mut report = restored.map_err(|error| self.leave(error))?;
        // What this run staged for a backup that it then passed over is no earlier work.
        report.resumed &= earlier;
        Ok(report)
    }

    /// R0.
    fn hold(&self) -> Result<()> {
        let held = hold::hold(&self.sites, self.disk)?;
        self.held
            .set(held)
            .map_err(|_| Error::refused("this restore holds its locks already"))
    }

    /// Whether an earlier run has left copies.
    fn is_staged(&self) -> Result<bool> {
        for (_, site) in self.sites.all() {
            if !site.names(&site.staging(Some("new")))?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The dry run.
    pub(super) fn plan(&self, which: WhichBackup) -> Result<RestoreReport> {
        self.tell(Phase::Planning);
        hold::refuse_if_open(self.sites.db())?;
        if let Some(report) = self.unfinished_report(which)? {
            return Ok(report);
        }
        let candidates = self.candidates(which)?;
        self.try_each(which, candidates, |attempt| attempt.dry_run())
    }

    /// The backups to try, of which the first has been read.
    fn candidates(&self, which: WhichBackup) -> Result<Candidates> {
        let index = self.index.borrow();
        let mut candidates = self.engine.candidates_in(which, &index)?;
        if which != WhichBackup::LatestValid
            && let Some(id) = candidates.ids.first().copied()
        {
            let store = self.engine.store();
            let read = index.while_listing(|| {
                let loaded = catalog::load(store, id)?.into_result()?;
                SizedMeta::read(store, loaded)
            });
            candidates.first = Some(read.map_err(|error| which.advise(error))?);
        }
        Ok(candidates)
    }

    /// What an earlier restore was about, if this one would only bring it to its end.
    fn unfinished_report(&self, which: WhichBackup) -> Result<Option<RestoreReport>> {
        match Unfinished::read(&self.sites)? {
            Unfinished::Moving(record) => {
                self.require_same(which, &record)?;
                keep_old::require_same(self.options.keep_old.as_deref(), &record, &self.sites)?;
                record.report(self.sites.db(), false).map(Some)
            }
            Unfinished::Committed(record)
                if self.is_same(which, &record)? && self.is_untouched(&record)? =>
            {
                keep_old::require_same(self.options.keep_old.as_deref(), &record, &self.sites)?;
                record.report(self.sites.db(), false).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn go_on(&self, which: WhichBackup, record: &Record) -> Result<RestoreReport> {
        self.require_same(which, record)?;
        self.tell(Phase::Committing);
        self.finish(record)?;
        let mut report = record.report(self.sites.db(), true)?;
        if !matches!(which, WhichBackup::Id(_)) {
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

    /// R3 to R6.
    pub(super) fn finish(&self, record: &Record) -> Result<()> {
        self.mover().go_forward(record).map_err(|error| {
            let message = format!(
                "the restore into {} is not finished: nothing opens there until it is",
                self.sites.db().path().display()
            );
            Error::new(error.kind(), message)
                .with_hint("run it again, or take it back with abort_restore (restore --abort)")
                .with_source(error)
        })
    }

    /// R7. The restore is done whatever comes of it.
    pub(super) fn clean_up(&self, record: &Record) -> Option<Warning> {
        self.tell(Phase::Collecting);
        let error = self.mover().clean(Some(record)).err()?;
        let place = self.sites.db().staging(None).to_string();
        let message = format!(
            "the restore is complete, but not all of the old state could be removed: {}",
            error.one_line()
        );
        Some(Warning::about(WarningName::NotCleanedUp, place, message))
    }

    fn finish_abort(&self, record: Option<Record>) -> Result<()> {
        let db = self.sites.db();
        if let Some(record) = record {
            self.mover().go_back(&record)?;
        }
        self.mover().forget_record()?;
        self.disk.remove(&db.staging(Some("aborting")))?;
        self.mover().sync(&db.staging(None))
    }

    /// Tries backups until one is whole.
    fn try_each(
        &self,
        which: WhichBackup,
        candidates: Candidates,
        attempt: impl Fn(Attempt<'_, '_>) -> Result<RestoreReport>,
    ) -> Result<RestoreReport> {
        let (mut passed_over, mut first) = (candidates.passed_over, candidates.first);
        let mut last = Error::not_found("there is no backup to restore");
        for id in candidates.ids {
            let known = first.take();
            last = match attempt(Attempt { run: self, id, known }) {
                Ok(report) => {
                    passed_over.retain(|other| other.id > id);
                    passed_over.sort_by_key(|other| std::cmp::Reverse(other.id));
                    return Ok(RestoreReport {
                        passed_over,
                        ..report
                    });
                }
                Err(error) => error,
            };
            if which != WhichBackup::LatestValid || !last.is_about_a_backup() || !self.nothing_has_moved() {
                break;
            }
            let findings = last.findings().to_vec();
            passed_over.push(PassedOver { id, findings });
            *self.index.borrow_mut() = RepositoryIndex::new(self.engine.store());
        }
        Err(which.advise(last))
    }

    fn nothing_has_moved(&self) -> bool {
        matches!(Unfinished::read(&self.sites), Ok(Unfinished::Nothing))
    }

    /// After an error before R2. What was staged is of use to the next run only where that may do better.
    fn leave(&self, error: Error) -> Error {
        let ran_out = error.shortage();
        let full = ran_out.is_some_and(|shortage| shortage != Shortage::FileSize);
        let useful = matches!(error.kind(), ErrorKind::Io | ErrorKind::Stopped) && !full;
        let freed = is_freed(&self.sites).unwrap_or(true);
        if freed {
            return error.with_hint(
                "the old state was removed to make room, as was asked for: restore again, this backup or another one",
            );
        }
        if let Some(directory) = self
            .options
            .keep_old
            .as_deref()
            .filter(|_| self.nothing_has_moved())
        {
            self.mover().remove_kept(directory, self.keep_old_made.get());
        }
        if !useful && self.nothing_has_moved() {
            let cleaned = self
                .mover()
                .forget_record()
                .and_then(|()| self.mover().clean(None));
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
        let free = room::free_space(self.disk, self.sites.db());
        let free = free.map_or_else(
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
        let target = self.sites.db().path().display();
        let (message, hint) = match error.shortage() {
            Some(Shortage::Inodes) => (
                format!("{target} has no inode left for the files of the backup"),
                "what stood there is unharmed; remove files there (df -i shows inodes) and restore again",
            ),
            Some(Shortage::Quota) => (
                format!("the quota was exhausted on {target} while the backup was copied"),
                "what stood there is unharmed; raise the quota and restore again",
            ),
            _ => (
                format!("{target} ran full while the backup was copied{free}"),
                "what stood there is unharmed; free room and restore again",
            ),
        };
        Error::new(ErrorKind::Io, message)
            .with_hint(hint)
            .with_source(error)
    }

    fn require_same(&self, which: WhichBackup, record: &Record) -> Result<()> {
        if self.is_same(which, record)? {
            return Ok(());
        }
        let message = format!(
            "{} has an unfinished restore of backup {} of {}",
            self.sites.db().path().display(),
            record.head.backup_id,
            record.head.repository
        );
        Err(Error::refused(message).with_hint(
            "finish it by restoring that backup again, or take it back with abort_restore (restore --abort)",
        ))
    }

    /// Whether the backup that is asked for is that of the record. "latest" is whatever was latest then. A backup that is
    /// gone by now can still be finished: its files are here.
    fn is_same(&self, which: WhichBackup, record: &Record) -> Result<bool> {
        let Some(recorded) = BackupId::new(record.head.backup_id) else {
            return Ok(false);
        };
        if matches!(which, WhichBackup::Id(id) if id != recorded) {
            return Ok(false);
        }
        let store = self.engine.store();
        match catalog::load(store, recorded).and_then(catalog::MetaState::into_result) {
            Ok(loaded) => Ok(loaded.crc32c.0 == record.head.meta_crc32c),
            Err(error) if error.kind() == ErrorKind::Io => Err(error),
            Err(_) => Ok(record.head.repository == store.location()),
        }
    }

    /// Whether nobody has opened the restored database: RocksDB writes a new CURRENT when it does.
    fn is_untouched(&self, record: &Record) -> Result<bool> {
        let db = self.sites.db();
        let current = db.read(&db.at(CURRENT)?, CURRENT_LIMIT_BYTES)?;
        Ok(current.as_deref() == Some(record.head.current.as_bytes()))
    }

    pub(super) fn tell(&self, phase: Phase) {
        self.observer.progressed(&Progress::begin(phase));
    }
}
