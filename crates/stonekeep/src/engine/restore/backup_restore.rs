//! The restore of one backup, from its meta file to the end.

use std::path::Path;

use stonekeep_format::BackupId;
use stonekeep_format::file_name::DbFileName;

use super::context::{RestoreContext, Verb};
use super::copy::Copier;
use super::included;
use super::keep::{Comparison, Kept};
use super::keep_old;
use super::listing::{TargetListing, TargetListings};
use super::old_database::{self, Sequences};
use super::old_options::OldOptions;
use super::owner;
use super::plan::{Plan, PlanInputs};
use super::point::{self, PointReport};
use super::refusals::{Circumstances, require_restorable};
use super::report::RestoreReport;
use super::room::{self, Room};
use super::salvage::{self, Lost, Salvage};
use super::switchover::EarlierMoves;
use super::unfinished::is_freed;
use crate::engine::contents::{BackupContents, Destination, Find, adjust_options, require_stored};
use crate::engine::info::WhichBackup;
use crate::engine::known_damage::{DamageWarnings, Use};
use crate::parallel::run_both;
use crate::repo::catalog::SizedMeta;
use crate::repo::facts::BackupFacts;
use crate::repo::pin::{self, Pinned};
use crate::repo::unbound_facts::without_facts;
use crate::repo::verified::{DamageKind, known_damage};
use crate::target::{CURRENT, TargetDirectories, TargetEntry};
use crate::{Error, ErrorKind, IoContext, Phase, Result, Warning};

/// One backup that may be restored.
pub(super) struct BackupRestore<'c, 'a> {
    context: &'c RestoreContext<'a>,
    id: BackupId,
    pinned: Pinned,
    facts: Option<BackupFacts>,
}

/// How the restored database differs from the backup.
struct Difference {
    /// What is left out of a damaged one.
    salvage: Option<Salvage>,
    /// The point behind it.
    point: Option<PointReport>,
}

impl RestoreContext<'_> {
    /// Refuses a restore that must not begin, before anything is made at the target.
    pub(super) fn refuse(&self) -> Result<()> {
        self.refuse_keep_old()?;
        let targets = &self.targets;
        if self.options.best_effort {
            self.refuse_database()?;
        }
        let current = targets.db().look(&targets.db().at(CURRENT)?)?;
        match (targets.separate_wals(), current) {
            // A database may be restored over whatever else it has.
            (None, Some(TargetEntry::File { .. })) => Ok(()),
            _ => require_restorable(targets, &TargetListings::read(targets)?, self.circumstances()?),
        }
    }

    /// Refuses a target with a database, which a damaged state must not replace.
    fn refuse_database(&self) -> Result<()> {
        let is_data = |name: &DbFileName| !matches!(name, DbFileName::Lock | DbFileName::InfoLog(_));
        let listings = TargetListings::read(&self.targets)?;
        let Some(here) = listings.all().find(|here| here.has_file(is_data)) else {
            return Ok(());
        };
        let path = self.targets.of(here.area).path().display();
        let message = format!("{path} has files of a database, and what is restored may lack some");
        Err(Error::refused(message)
            .with_hint("with best_effort (--best-effort), restore into a new directory"))
    }

    /// Refuses a directory that cannot take the old state.
    fn refuse_keep_old(&self) -> Result<()> {
        let Some(directory) = &self.options.keep_old else {
            return Ok(());
        };
        if self.options.free_old_files_first {
            let message = "the old state cannot be kept and be removed first";
            return Err(Error::invalid(message).with_hint("leave out keep_old or free_old_files_first"));
        }
        keep_old::require_usable(directory, &self.targets, self.store().directory(), self.disk)
    }

    fn comparison<'l>(&'l self, listing: &'l TargetListing) -> Comparison<'l> {
        Comparison {
            engine: self.engine,
            mode: self.options.mode,
            target: self.targets.db(),
            listing,
            observer: self.observer,
        }
    }

    fn circumstances(&self) -> Result<Circumstances<'_>> {
        Ok(Circumstances {
            repository: self.store().directory(),
            keep_log_files: self.options.keep_log_files,
            freed: is_freed(&self.targets)?,
        })
    }
}

impl<'c, 'a> BackupRestore<'c, 'a> {
    /// Reads the meta file and the facts of a backup, unless they are known, and pins it where something is to be written.
    pub(super) fn read(
        context: &'c RestoreContext<'a>,
        id: BackupId,
        known: Option<SizedMeta>,
    ) -> Result<Self> {
        let store = context.store();
        let (loaded, facts) = known.map_or((None, None), |known| (Some(known.loaded), known.facts));
        if !context.needs_only_written_files() {
            context.index.borrow().begin_listing();
        }
        let pinned = match context.verb {
            Verb::Plan => pin::without_pin(store, id)?,
            Verb::Restore => pin::pin_known(store, id, loaded)?,
        };
        let meta = &pinned.loaded;
        let facts = match facts.filter(|facts| meta.is_described_by(facts)) {
            Some(facts) => Some(facts),
            None => meta.facts_for_sizes(store)?,
        };
        Ok(BackupRestore {
            context,
            id,
            pinned,
            facts,
        })
    }

    /// Does what the context is for.
    pub(super) fn run(self) -> Result<RestoreReport> {
        match self.context.verb {
            Verb::Plan => self.dry_run(),
            Verb::Restore => self.restore(),
        }
    }

    fn dry_run(mut self) -> Result<RestoreReport> {
        let (plan, context) = (self.plan()?, self.context);
        context.refuse_keep_old()?;
        match room::look(&plan, &context.targets, context.disk)? {
            Room::None(error) => return Err(error),
            Room::OnlyWithoutOld(error) if !context.options.free_old_files_first => return Err(error),
            _ => {}
        }
        let report = plan.record.report();
        Ok(RestoreReport {
            files: plan.record.files,
            warnings: plan.warnings,
            ..report
        })
    }

    /// R1 to R7.
    fn restore(mut self) -> Result<RestoreReport> {
        let context = self.context;
        let switchover = context.switchover();
        switchover.forget_record()?;
        switchover.prepare()?;
        let mut plan = self.plan()?;
        let mut report = plan.record.report();
        if let Some(directory) = &plan.record.head.keep_old {
            let made = switchover.prepare_keep_old(Path::new(directory))?;
            plan.record.head.keep_old_made = made;
            context.keep_old_made.set(made);
        }
        let copier = Copier {
            engine: context.engine,
            switchover,
            observer: context.observer,
        };
        tracing::info!(id = %self.id, files = plan.writes.len(), "the restore is planned");
        let earlier = copier.discard_unknown(&plan)?;
        self.make_room(&mut plan)?;
        context.needed_bytes.set(plan.bytes());
        let copied = copier.copy(&plan, &earlier);
        let (staged, resumed) = copied.map_err(|error| self.explain(error))?;
        report.resumed = resumed;
        tracing::info!("every file is staged and verified");
        context.begin_phase(Phase::Committing);
        let record = plan.record;
        switchover.write_record(&record, staged)?;
        drop(self.pinned);
        context.finish(&record, EarlierMoves::None)?;
        tracing::info!("the restored database is in place");
        report.restored = true;
        report.warnings = plan.warnings;
        report.warnings.extend(context.clean_up(&record));
        report.warnings.extend(context.disk.warnings());
        report.files = record.files;
        Ok(report)
    }

    /// The files of the backup, what is at the target, and what is left out where that was asked for.
    fn look(
        &mut self,
        circumstances: Circumstances<'_>,
    ) -> Result<(BackupContents, TargetListings, Difference)> {
        let context = self.context;
        let (options, targets, store) = (context.options, &context.targets, context.store());
        let (mut facts, mut whole) = (self.facts.take(), None);
        let lost = self.find_lost()?;
        if let Some(lost) = &lost {
            whole = Some(lost.leave_out(&self.pinned.loaded, &mut facts));
        }
        let loaded = whole.as_ref().unwrap_or(&self.pinned.loaded);
        // Both take a while where there are many files.
        let find = || {
            let index = context.index.borrow();
            let index = Some(&*index).filter(|_| store.traits().lists && !context.needs_only_written_files());
            let how = Find {
                alternate_dirs: &options.alternate_dirs,
                is_incomplete: whole.is_some(),
            };
            BackupContents::find(index, store, loaded, facts, how)
        };
        let (backup, listings) = run_both(2, find, || TargetListings::read(targets));
        let listings = listings?;
        require_restorable(targets, &listings, circumstances)?;
        let mut backup = backup.map_err(|error| self.explain(error))?;
        let salvage = match &lost {
            Some(lost) => Some(salvage::complete(store, lost, &mut backup)?),
            None => None,
        };
        let point = match &context.point {
            Some(point) => Some(point::complete(store, point, &mut backup)?),
            None => None,
        };
        Ok((backup, listings, Difference { salvage, point }))
    }

    fn plan(&mut self) -> Result<Plan> {
        let context = self.context;
        let (options, targets, store) = (context.options, &context.targets, context.store());
        let circumstances = context.circumstances()?;
        let (mut backup, listings, Difference { salvage, point }) = self.look(circumstances)?;
        let freed = circumstances.freed;
        let here = match &backup.database_id {
            Some(_) => old_database::id(targets.db(), context.observer)?,
            None => None,
        };
        let other = here.filter(|here| backup.database_id.as_ref() != Some(here));
        if let Some(other) = other
            .as_deref()
            .filter(|_| !options.allow_other_database && !freed)
        {
            return Err(old_database::refusal(targets.db(), other, &backup));
        }
        let mut adjusted = adjust_options(&mut backup.files, destination(targets), options.keep_wal_dir)?;
        let old_options = OldOptions::read(targets, &listings.db);
        let old_wals = old_options.as_ref().and_then(|old| old.warn_of_old_wals(targets));
        adjusted.warnings.extend(targets.file_system_warnings());
        adjusted.warnings.extend(old_wals);
        adjusted.warnings.extend(owner::warn(targets, &listings.db)?);
        adjusted.warnings.extend(self.known_damage(&backup));
        let is_replaced = !freed && listings.db.is_file(CURRENT) && other.is_none();
        let (kept, sequences) = self.compare(&backup, &listings, is_replaced)?;
        let included = included::decide(&backup, targets, circumstances.repository)?;
        let lacks_facts = backup.lacks_facts;
        let inputs = PlanInputs {
            targets,
            listings: &listings,
            kept: &kept,
            keep_log_files: options.keep_log_files,
            freed,
            repository: store.location(),
            sequences,
        };
        let mut plan = Plan::make(backup, inputs, adjusted)?;
        plan.warnings.extend(salvage.iter().flat_map(Salvage::warnings));
        (plan.record.head.salvage, plan.record.head.point) = (salvage, point);
        // Where nothing can be listed, each look would be a request: what is missing is missed when it is copied.
        if store.traits().lists && context.needs_only_written_files() {
            let written = plan.writes.iter().map(|write| &write.content);
            require_stored(store, self.id, written).map_err(|error| self.explain(error))?;
        }
        plan.add_included(included);
        if lacks_facts {
            plan.warnings
                .extend(without_facts(store, &self.pinned.loaded, "restored")?);
        }
        plan.warnings.extend(sequences.warning(targets.db()));
        if let Some(directory) = options.keep_old.as_deref().filter(|_| plan.record.replaces()) {
            let directory = std::path::absolute(directory).context("finding", directory)?;
            plan.warnings
                .extend(old_options.map(|old| old.warn_of_kept(&directory)));
            plan.record.head.keep_old = directory.to_str().map(str::to_owned);
        }
        Ok(plan)
    }

    /// S1, where that was asked for.
    fn find_lost(&self) -> Result<Option<Lost>> {
        let context = self.context;
        if !context.options.best_effort {
            return Ok(None);
        }
        let lost = Lost::find(context.engine, &self.pinned.loaded, context.observer)?;
        context.begin_phase(Phase::Planning);
        Ok(Some(lost))
    }

    /// What is known to be damaged, unless that is found while files are copied, or was a reason to take another backup.
    fn known_damage(&self, backup: &BackupContents) -> Vec<Warning> {
        let context = self.context;
        let is_plan = context.verb == Verb::Plan && !context.options.best_effort;
        let is_chosen = context.which == WhichBackup::LatestValid;
        let bytes = is_plan.then_some(DamageKind::Bytes);
        let inside = (!is_chosen).then_some(DamageKind::Inside);
        let kinds: Vec<DamageKind> = bytes.into_iter().chain(inside).collect();
        if kinds.is_empty() {
            return Vec::new();
        }
        let stamps = known_damage(context.store(), context.engine.time());
        let mut known = DamageWarnings::default();
        known.add(&stamps, &kinds, &self.pinned.loaded, &backup.included);
        known.warnings(Use::Restored)
    }

    /// Which files of the target stay, and the last sequence number of the database there if that is replaced.
    fn compare(
        &self,
        backup: &BackupContents,
        listings: &TargetListings,
        is_replaced: bool,
    ) -> Result<(Kept, Sequences)> {
        let context = self.context;
        let keep = || context.comparison(&listings.db).files_to_keep(&backup.files);
        if !is_replaced {
            let backup = backup.sequence_number.map(|number| number.0);
            return Ok((keep()?, Sequences { target: None, backup }));
        }
        let targets = &context.targets;
        let last = || old_database::last_sequence(targets, listings, context.observer);
        let (kept, target) = run_both(2, keep, last);
        let (store, loaded) = (context.store(), &self.pinned.loaded);
        Ok((
            kept?,
            Sequences::of(target?, store, loaded, backup.sequence_number)?,
        ))
    }

    /// Refuses where there is no room, or makes it by removing the old state where that was asked for.
    fn make_room(&self, plan: &mut Plan) -> Result<()> {
        let context = self.context;
        match room::look(plan, &context.targets, context.disk)? {
            Room::Enough => Ok(()),
            Room::OnlyWithoutOld(_) if context.options.free_old_files_first => self.free_old_files(plan),
            Room::OnlyWithoutOld(error) | Room::None(error) => Err(context.advise_room(error)),
        }
    }

    fn free_old_files(&self, plan: &mut Plan) -> Result<()> {
        let (context, targets) = (self.context, &self.context.targets);
        let switchover = context.switchover();
        switchover.write_complete(targets.db(), "freed", b"")?;
        switchover.block_opening(&plan.record.head)?;
        context.disk.remove(&targets.db().old_file(CURRENT)?)?;
        for file in plan.record.old_files() {
            context.disk.remove(&targets.of(file.area).at(&file.path())?)?;
        }
        for (_, target) in targets.all() {
            context.disk.sync_directory(target.root())?;
        }
        plan.forget_old_files();
        Ok(())
    }

    /// A file that is missing means that the backup is damaged, or was deleted meanwhile.
    fn explain(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Corrupt | ErrorKind::NotFound => self.pinned.explain(self.context.store(), error),
            _ => error,
        }
    }
}

fn destination(targets: &TargetDirectories) -> Destination<'_> {
    Destination {
        db: targets.db().path(),
        separate_wals: targets.separate_wals().map(|target| target.path()),
    }
}
