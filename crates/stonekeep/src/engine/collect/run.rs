//! One collection from the lock to the last removal, or without touching anything.

use std::collections::BTreeSet;
use std::time::Duration;

use stonekeep_format::BackupId;

use super::apply::{Apply, Left};
use super::options::DeleteOptions;
use super::purge::{self, Examined, Stored};
use super::report::CollectReport;
use super::retention::{BackupDecision, PurgeOptions};
use crate::engine::BackupEngineReadOnly;
use crate::repo::garbage::{self, Deadline, Examine, Inventory, Metas, Policy, ToDelete, Withdrawn};
use crate::repo::holds::{Hold, Holds};
use crate::repo::index::RepositoryIndex;
use crate::repo::loaded_meta::{MetaState, no_such_backup};
use crate::repo::pin::{self, LivePins};
use crate::repo::{catalog, holds, latest_hint, layout, verified};
use crate::store::{Held, Store, UploadSweep, Uploads};
use crate::{Error, ErrorKind, Observer, Phase, Progress, Result, Warning, WarningName, repo};

/// A pin is made first and written after that. Whoever sees it in between looks again so often, with so long a break:
/// together longer than a write takes.
const LOOKS_AT_PINS: usize = 50;
const BREAK_BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Which backups are to be deleted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// None: garbage only.
    Nothing,
    /// These.
    These(&'a [BackupId], &'a DeleteOptions),
    /// Valid ones that no rule keeps.
    Purge(&'a PurgeOptions),
    /// All, whatever state they are in.
    Everything,
}

/// What is to be done.
pub(super) struct Collection<'a> {
    pub(super) engine: &'a BackupEngineReadOnly,
    pub(super) wanted: Wanted<'a>,
    pub(super) min_age: Duration,
    pub(super) keep_unfinished: bool,
    pub(super) observer: &'a dyn Observer,
}

/// What is decided before anything changes.
struct Choice {
    /// The backups to delete.
    to_delete: BTreeSet<BackupId>,
    /// What a purge decided about each backup, oldest first.
    decisions: Vec<BackupDecision>,
}

impl Collection<'_> {
    /// Does it, in the order that the [module](super) gives.
    pub(super) fn run(&self) -> Result<CollectReport> {
        let index = RepositoryIndex::new(self.store());
        self.store().require_collectable()?;
        repo::require(&index)?;
        let lock = self.engine.lock(self.observer)?;
        self.observer.progressed(&Progress::begin(Phase::Planning));
        repo::settle(self.store(), &lock, self.engine.workers())?;
        let (Choice { to_delete, decisions }, metas) = self.choose(&index)?;
        let Withdrawn { deleted, left } =
            garbage::withdraw(self.store(), &to_delete, self.deadline(), &|| {
                self.check_stop()?;
                lock.check()
            })?;
        tracing::info!(backups = deleted.len(), "deleted from the list of backups");
        let collected = self.collect(&index, metas, (&deleted, &left), &lock);
        let with_deleted = |error| garbage::after_deleting(error, &deleted);
        let mut report = collected.map_err(with_deleted)?;
        if !report.not_removed.is_empty() {
            // A lost lock may be why.
            lock.check().map_err(with_deleted)?;
        }
        report.decisions = decisions;
        let mut newest_first = index.backups()?.ids.iter().rev();
        latest_hint::repair(
            self.store(),
            newest_first.find(|id| !deleted.contains(id)).copied(),
        );
        match (self.wanted, left.into_iter().next()) {
            // Whoever asks for one backup must not take it for deleted; a purge tries again the next time.
            (Wanted::These(..), Some((id, error))) => {
                let error = error.with_note(&format!("backup {id} still exists"));
                Err(garbage::after_deleting(error, &deleted))
            }
            _ => Ok(report),
        }
    }

    /// D3 to D5.
    fn collect(
        &self,
        index: &RepositoryIndex<'_>,
        metas: Metas,
        (deleted, left): (&BTreeSet<BackupId>, &[(BackupId, Error)]),
        lock: &Held,
    ) -> Result<CollectReport> {
        let mut inventory = self.inventory(index, metas, self.live_pins()?, &BTreeSet::new())?;
        inventory.metas.look_again(self.store(), index.shared()?)?;
        if deleted.is_empty() && inventory.has_records() {
            garbage::secure(self.store())?;
        }
        let mut report = self.apply(&mut inventory, deleted, Some(lock))?;
        self.sweep_uploads(UploadSweep::Abort, &mut report)?;
        if matches!(self.wanted, Wanted::Nothing) {
            self.remove_void_holds(&inventory)?;
        }
        report.warnings.extend(left.iter().map(|(id, error)| {
            let message = format!(
                "could not be removed, so that backup {id} still exists: {}",
                error.one_line()
            );
            Warning::about(WarningName::NotRemoved, layout::meta(*id).as_str(), message)
        }));
        Ok(report)
    }

    /// Reports what would be done.
    pub(super) fn plan(&self) -> Result<CollectReport> {
        let index = RepositoryIndex::new(self.store());
        repo::require(&index)?;
        self.observer.progressed(&Progress::begin(Phase::Planning));
        let (Choice { to_delete, decisions }, metas) = self.choose(&index)?;
        let mut inventory = self.inventory(&index, metas, pin::all(self.store())?, &to_delete)?;
        let mut report = self.apply(&mut inventory, &to_delete, None)?;
        self.sweep_uploads(UploadSweep::Count, &mut report)?;
        report.decisions = decisions;
        Ok(report)
    }

    /// After D5, uploads in parts whose files have never been there.
    fn sweep_uploads(&self, sweep: UploadSweep, report: &mut CollectReport) -> Result<()> {
        if self.keep_unfinished || self.store().traits().uploads != Uploads::Named {
            return Ok(());
        }
        let swept = match self.store().sweep_uploads(self.min_age, sweep) {
            Err(error) if error.kind() != ErrorKind::Locked => {
                let message = format!("uploads of killed runs were not looked at: {}", error.one_line());
                report
                    .warnings
                    .push(Warning::general(WarningName::NotRemoved, message));
                return Ok(());
            }
            swept => swept?,
        };
        report.aborted_uploads = swept.aborted;
        report.warnings.extend(swept.beside_files.iter().map(|key| {
            let message = "an upload to it was not completed, and its parts stay: aborting it may destroy the file; a lifecycle \
                           rule of the bucket (AbortIncompleteMultipartUpload) removes them";
            Warning::about(WarningName::NotRemoved, key.as_str(), message)
        }));
        Ok(())
    }

    fn store(&self) -> &Store {
        self.engine.store()
    }

    fn check_stop(&self) -> Result<()> {
        if self.observer.should_stop() {
            Err(Error::stopped())
        } else {
            Ok(())
        }
    }

    /// D1: the backups to delete, and what the others name. The shared files are listed before any meta file is read: what
    /// comes later is nobody's to collect.
    fn choose(&self, index: &RepositoryIndex<'_>) -> Result<(Choice, Metas)> {
        let to_delete = match self.wanted {
            Wanted::Nothing => BTreeSet::new(),
            Wanted::These(ids, _) => self.all_there(&index.backups()?.ids, ids)?,
            Wanted::Everything => index.backups()?.ids.iter().copied().collect(),
            Wanted::Purge(options) => return self.purge(index, options),
        };
        self.refuse_held(&to_delete)?;
        let (metas, _) = self.metas(index, &to_delete, &|_, _| Ok(()))?;
        let decisions = Vec::new();
        Ok((Choice { to_delete, decisions }, metas))
    }

    /// Refuses to delete backups that are held.
    fn refuse_held(&self, to_delete: &BTreeSet<BackupId>) -> Result<()> {
        if to_delete.is_empty() {
            return Ok(());
        }
        let holds = self.holds()?;
        for id in to_delete.iter().filter(|id| holds.has(**id)) {
            let meta = match catalog::load(self.store(), *id) {
                Ok(MetaState::Readable(loaded)) => Some(loaded.crc32c),
                Ok(MetaState::Unreadable(_)) => None,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) if error.kind() == ErrorKind::Io => None,
                Err(error) => return Err(error),
            };
            if let Some(hold) = holds.of(*id, meta) {
                return Err(hold.refusal());
            }
        }
        Ok(())
    }

    /// Removes holds of backups that a foreign engine has deleted, and those whose time is over.
    fn remove_void_holds(&self, inventory: &Inventory<'_>) -> Result<()> {
        let Holds {
            holds,
            over: mut void,
        } = self.holds()?;
        let is_gone = |hold: &Hold| !inventory.has_trace_of(hold.backup_id);
        void.extend(holds.into_iter().filter(is_gone));
        if void.is_empty() {
            return Ok(());
        }
        holds::remove(self.store(), &void)
    }

    fn holds(&self) -> Result<Holds> {
        holds::read(self.store(), self.engine.time(), self.engine.workers())
    }

    fn purge(&self, index: &RepositoryIndex<'_>, options: &PurgeOptions) -> Result<(Choice, Metas)> {
        let (mut metas, backups) = self.examine(index, options)?;
        let listed = (&metas, index.shared()?);
        let decisions = purge::choose(options, &backups, listed, self.engine.time());
        let go = decisions.iter().filter(|decision| decision.goes.is_some());
        let to_delete = go.map(|decision| decision.id).collect();
        metas.leave_out(&to_delete);
        Ok((Choice { to_delete, decisions }, metas))
    }

    /// What the decision about each backup depends on, oldest first.
    pub(super) fn examine(
        &self,
        index: &RepositoryIndex<'_>,
        options: &PurgeOptions,
    ) -> Result<(Metas, Vec<Examined>)> {
        options.check()?;
        let (stamps, shared) = (verified::read(self.store(), self.engine.time())?, index.shared()?);
        stamps.require_complete()?;
        let stored = Stored {
            store: self.store(),
            shared,
            private: index.all_private()?,
            damaged: &stamps.damaged(shared.paths()),
            holds: &self.holds()?,
            needs_tags: !options.keep_tags.is_empty(),
        };
        self.metas(index, &BTreeSet::new(), &|scanner, scanned| {
            stored.examine(scanner, scanned)
        })
    }

    fn metas<T: Send>(
        &self,
        index: &RepositoryIndex<'_>,
        but: &BTreeSet<BackupId>,
        examine: Examine<'_, T>,
    ) -> Result<(Metas, Vec<T>)> {
        let listed = (index.backups()?, index.shared()?);
        let should_stop = || self.observer.should_stop();
        let workers = self.engine.workers();
        Metas::read(self.store(), listed, but, workers, examine, &should_stop)
    }

    /// Those that exist, or are being deleted since an earlier run.
    fn all_there(&self, existing: &[BackupId], ids: &[BackupId]) -> Result<BTreeSet<BackupId>> {
        let records = self.store().list(Some(&layout::deleted_directory()))?;
        let records = records
            .iter()
            .filter_map(|entry| layout::parse_id_and_crc(&entry.name));
        let there: BTreeSet<BackupId> = records
            .map(|(id, _)| id)
            .chain(existing.iter().copied())
            .collect();
        match ids.iter().find(|id| !there.contains(id)) {
            None => Ok(ids.iter().copied().collect()),
            Some(id) => Err(no_such_backup(self.store(), *id)),
        }
    }

    /// Until when the files of what is deleted stay.
    fn deadline(&self) -> Option<Deadline> {
        let undelete_for = match self.wanted {
            Wanted::These(_, options) => options.undelete_for,
            Wanted::Purge(options) => options.undelete_for,
            Wanted::Nothing | Wanted::Everything => None,
        };
        let far = Duration::from_secs(u32::MAX.into());
        undelete_for.map(|time| Deadline::at(self.engine.time() + time.min(far)))
    }

    /// D3.
    fn live_pins(&self) -> Result<LivePins> {
        let should_stop = || self.observer.should_stop();
        for _ in 1..LOOKS_AT_PINS {
            let pins = pin::live(self.store(), &should_stop)?;
            if pins.unreadable.is_empty() {
                return Ok(pins);
            }
            self.check_stop()?;
            self.engine.clock.sleep(BREAK_BETWEEN_LOOKS);
        }
        pin::live(self.store(), &should_stop)
    }

    /// D4.
    fn inventory<'i>(
        &self,
        index: &'i RepositoryIndex<'_>,
        metas: Metas,
        pins: LivePins,
        to_delete: &BTreeSet<BackupId>,
    ) -> Result<Inventory<'i>> {
        let to_delete = ToDelete {
            ids: to_delete,
            deadline: self.deadline(),
        };
        let at = (to_delete, self.engine.time());
        Inventory::read(index, metas, pins, at, &|| self.observer.should_stop())
    }

    fn apply(
        &self,
        inventory: &mut Inventory<'_>,
        deleted: &BTreeSet<BackupId>,
        lock: Option<&Held>,
    ) -> Result<CollectReport> {
        let policy = Policy {
            now: self.engine.time(),
            min_age: self.min_age,
            keep_unfinished: self.keep_unfinished,
        };
        let mut plan = garbage::plan(inventory, &policy)?;
        let deleted = deleted.iter().copied().collect();
        let mut report = CollectReport::new(lock.is_some(), deleted, &mut plan);
        report.warnings.extend(self.store().warnings());
        let apply = Apply {
            store: self.store(),
            durability: self.engine.durability(),
            observer: self.observer,
            lock,
            progress: Progress::begin(Phase::Collecting),
            report,
            left: Left::default(),
        };
        apply.run(plan)
    }
}
