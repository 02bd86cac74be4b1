//! One collection from the lock to the last removal, or without touching anything.

use std::collections::BTreeSet;
use std::time::Duration;

use stonekeep_format::BackupId;

use super::apply::{Apply, Left};
use super::purge::{Purge, PurgeOptions};
use super::report::{CollectReport, KeptBackup};
use crate::engine::BackupEngineReadOnly;
use crate::repo::garbage::{self, GarbagePlan, IsDoomed, Metas, Policy, References, Survey, Withdrawn};
use crate::repo::names::Names;
use crate::repo::pin::{self, LivePins};
use crate::repo::{catalog, layout};
use crate::store::{Held, Store};
use crate::{Error, Observer, Phase, Progress, Result, Warning, WarningName, repo};

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
    These(&'a [BackupId]),
    /// All valid ones but so many of the newest.
    AllButNewest(&'a PurgeOptions),
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
    doomed: BTreeSet<BackupId>,
    /// Those that a purge keeps beyond the number to keep, oldest first.
    kept: Vec<KeptBackup>,
}

impl Collection<'_> {
    /// Does it, in the order that the [module](super) gives.
    pub(super) fn run(&self) -> Result<CollectReport> {
        repo::require(self.engine.store())?;
        let lock = self.engine.lock(self.observer)?;
        self.observer.progressed(&Progress::begin(Phase::Planning));
        garbage::drop_void_records(self.store())?;
        let (Choice { doomed, kept }, metas) = self.choose()?;
        let Withdrawn { deleted, left } = garbage::withdraw(self.store(), &doomed, &|| {
            self.check_stop()?;
            lock.check()
        })?;
        tracing::info!(backups = deleted.len(), "deleted from the list of backups");
        let collected = self.collect(deleted.clone(), &left, metas, &lock);
        let mut report = collected.map_err(|error| garbage::after_deleting(error, &deleted))?;
        report.kept_backups = kept;
        match (self.wanted, left.into_iter().next()) {
            // Whoever asks for one backup must not take it for deleted; a purge tries again the next time.
            (Wanted::These(_), Some((id, error))) => {
                let error = error.with_note(&format!("backup {id} still exists"));
                Err(garbage::after_deleting(error, &deleted))
            }
            _ => Ok(report),
        }
    }

    /// D3 to D5.
    fn collect(
        &self,
        deleted: BTreeSet<BackupId>,
        left: &[(BackupId, Error)],
        metas: Metas,
        lock: &Held,
    ) -> Result<CollectReport> {
        let pins = self.live_pins()?;
        let mut survey = self.survey(metas, pins, &BTreeSet::new())?;
        survey.metas.look_again(self.store())?;
        if deleted.is_empty() && !survey.records.is_empty() {
            garbage::secure(self.store())?;
        }
        let mut report = self.apply(self.plan_of(&mut survey), deleted, Some(lock))?;
        report.warnings.extend(left.iter().map(|(id, error)| {
            let message = format!(
                "could not be removed, so that backup {id} still exists: {}",
                error.one_line()
            );
            Warning::about(WarningName::NotRemoved, layout::meta(*id).as_str(), message)
        }));
        Ok(report)
    }

    /// Tells what would be done.
    pub(super) fn plan(&self) -> Result<CollectReport> {
        repo::require(self.engine.store())?;
        self.observer.progressed(&Progress::begin(Phase::Planning));
        let (Choice { doomed, kept }, metas) = self.choose()?;
        let mut survey = self.survey(metas, pin::all(self.store())?, &doomed)?;
        let mut report = self.apply(self.plan_of(&mut survey), doomed, None)?;
        report.kept_backups = kept;
        Ok(report)
    }

    fn store(&self) -> &Store {
        self.engine.store()
    }

    fn check_stop(&self) -> Result<()> {
        match self.observer.should_stop() {
            true => Err(Error::stopped()),
            false => Ok(()),
        }
    }

    /// D1: the backups to delete, and what the others name.
    fn choose(&self) -> Result<(Choice, Metas)> {
        let store = self.store();
        let should_stop = || self.observer.should_stop();
        let named = match self.wanted {
            Wanted::Nothing => BTreeSet::new(),
            Wanted::These(ids) => self.all_there(ids)?,
            Wanted::Everything => catalog::list(store)?.ids.into_iter().collect(),
            Wanted::AllButNewest(options) => {
                let mut purge = Purge::new(store, options);
                let is_doomed: IsDoomed<'_> =
                    &mut |skimmer, names, skimmed| purge.dooms(skimmer, names, skimmed);
                let there = References::to_files(Names::list(store)?);
                let metas = Metas::read(store, there, &BTreeSet::new(), is_doomed, &should_stop)?;
                purge.kept.reverse();
                let choice = Choice {
                    doomed: purge.doomed,
                    kept: purge.kept,
                };
                return Ok((choice, metas));
            }
        };
        let none: IsDoomed<'_> = &mut |_, _, _| Ok(false);
        let metas = Metas::read(store, References::default(), &named, none, &should_stop)?;
        let choice = Choice {
            doomed: named,
            kept: Vec::new(),
        };
        Ok((choice, metas))
    }

    /// Those that are there, or are being deleted since an earlier run.
    fn all_there(&self, ids: &[BackupId]) -> Result<BTreeSet<BackupId>> {
        let mut there = catalog::list(self.store())?.ids;
        let records = self.store().list(Some(&layout::deleted_directory()))?;
        let records = records
            .iter()
            .filter_map(|entry| layout::parse_deleted(&entry.name));
        there.extend(records.map(|(id, _)| id));
        match ids.iter().find(|id| !there.contains(id)) {
            None => Ok(ids.iter().copied().collect()),
            Some(id) => Err(Error::not_found(format!(
                "there is no backup {id} in {}",
                self.store().location()
            ))),
        }
    }

    /// D3.
    fn live_pins(&self) -> Result<LivePins> {
        for _ in 1..LOOKS_AT_PINS {
            let pins = pin::live(self.store())?;
            if pins.unreadable.is_empty() {
                return Ok(pins);
            }
            self.check_stop()?;
            self.engine.clock.sleep(BREAK_BETWEEN_LOOKS);
        }
        pin::live(self.store())
    }

    fn survey(&self, metas: Metas, pins: LivePins, doomed: &BTreeSet<BackupId>) -> Result<Survey> {
        Survey::read(self.store(), metas, pins, doomed, &|| self.observer.should_stop())
    }

    fn plan_of(&self, survey: &mut Survey) -> GarbagePlan {
        let policy = Policy {
            now: self.engine.clock.now(),
            min_age: self.min_age,
            keep_unfinished: self.keep_unfinished,
        };
        garbage::plan(survey, &policy)
    }

    fn apply(
        &self,
        mut plan: GarbagePlan,
        doomed: BTreeSet<BackupId>,
        lock: Option<&Held>,
    ) -> Result<CollectReport> {
        let doomed = doomed.into_iter().collect();
        let mut report = CollectReport::new(lock.is_some(), doomed, &mut plan);
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
