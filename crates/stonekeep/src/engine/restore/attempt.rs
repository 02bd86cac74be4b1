//! The restore of one backup, from the look at it to the end.

use stonekeep_format::BackupId;

use super::copy::Copier;
use super::included;
use super::keep::files_to_keep;
use super::keep_old;
use super::newer::Sequences;
use super::old_options::OldOptions;
use super::other_database;
use super::owner;
use super::plan::{Ground, Plan};
use super::report::RestoreReport;
use super::room::{self, Room};
use super::run::Run;
use super::site::{CURRENT, Found, Sites};
use super::target::{Circumstances, Standing, require_restorable};
use super::unfinished::is_freed;
use crate::engine::contents::{BackupContents, Destination, adjust_options};
use crate::parallel::run_both;
use crate::repo::catalog::{LoadedMeta, SizedMeta};
use crate::repo::facts::BackupFacts;
use crate::repo::included::without_facts;
use crate::repo::pin::{self, Pinned};
use crate::store::Store;
use crate::{Error, ErrorKind, IoContext, Phase, Result};

/// One backup that may be restored.
pub(super) struct Attempt<'r, 'a> {
    pub(super) run: &'r Run<'a>,
    pub(super) id: BackupId,
    /// What was read of it before.
    pub(super) known: Option<SizedMeta>,
}

/// Whatever speaks against a restore, before anything is made at the target.
pub(super) fn refuse(run: &Run<'_>) -> Result<()> {
    refuse_keep_old(run)?;
    let sites = &run.sites;
    let current = sites.db().look(&sites.db().at(CURRENT)?)?;
    match (sites.separate_wals(), current) {
        // A database may be restored over whatever else it has.
        (None, Some(Found::File(_))) => Ok(()),
        _ => require_restorable(sites, &standing(sites)?, circumstances(run)?),
    }
}

/// Whatever speaks against the directory for the old state.
fn refuse_keep_old(run: &Run<'_>) -> Result<()> {
    let Some(directory) = &run.options.keep_old else {
        return Ok(());
    };
    if run.options.free_old_files_first {
        let message = "the old state cannot be kept and be removed first";
        return Err(Error::invalid(message).with_hint("leave out keep_old or free_old_files_first"));
    }
    keep_old::look(directory, &run.sites, run.engine.store().directory(), run.disk).map(drop)
}

fn standing(sites: &Sites) -> Result<Vec<Standing>> {
    sites.all().map(|(area, site)| Standing::of(area, site)).collect()
}

fn circumstances<'a>(run: &'a Run<'_>) -> Result<Circumstances<'a>> {
    Ok(Circumstances {
        repository: run.engine.store().directory(),
        keep_log_files: run.options.keep_log_files,
        freed: is_freed(&run.sites)?,
    })
}

impl Attempt<'_, '_> {
    /// What would be done.
    pub(super) fn dry_run(self) -> Result<RestoreReport> {
        let pinned = pin::without_pin(self.store(), self.id)?;
        let plan = self.plan(&pinned, None)?;
        refuse_keep_old(self.run)?;
        match room::look(&plan, &self.run.sites, self.run.disk)? {
            Room::None(error) => return Err(error),
            Room::OnlyWithoutOld(error) if !self.run.options.free_old_files_first => return Err(error),
            _ => {}
        }
        let report = plan.report();
        Ok(RestoreReport {
            files: plan.files,
            ..report
        })
    }

    /// R1 to R7.
    pub(super) fn restore(mut self) -> Result<RestoreReport> {
        let mover = self.run.mover();
        mover.forget_record()?;
        mover.prepare()?;
        let (known, facts) = match self.known.take() {
            Some(SizedMeta { loaded, facts }) => (Some(loaded), facts),
            None => (None, None),
        };
        let pinned = pin::pin_known(self.store(), self.id, known)?;
        let mut plan = self.plan(&pinned, facts)?;
        let mut report = plan.report();
        if let Some(directory) = &plan.keep_old {
            plan.keep_old_made = mover.prepare_keep_old(directory)?;
            self.run.keep_old_made.set(plan.keep_old_made);
        }
        let copier = Copier {
            engine: self.run.engine,
            mover,
            observer: self.run.observer,
        };
        tracing::info!(id = %self.id, files = plan.writes.len(), "the restore is planned");
        let earlier = copier.discard_strangers(&plan)?;
        self.make_room(&mut plan)?;
        self.run.needed_bytes.set(plan.bytes());
        let copied = copier.copy(&plan, &earlier);
        let (staged, resumed) = copied.map_err(|error| self.explain(&pinned, error))?;
        report.resumed = resumed;
        tracing::info!("every file is staged and verified");
        self.run.tell(Phase::Committing);
        let record = plan.into_record(&self.run.sites, self.store().location().to_owned());
        mover.write_record(&record, staged)?;
        drop(pinned);
        self.run.finish(&record)?;
        tracing::info!("the restored database is in place");
        report.restored = true;
        report.files.clone_from(&record.files);
        report.warnings.extend(self.run.clean_up(&record));
        report.warnings.extend(self.run.disk.warnings());
        Ok(report)
    }

    fn store(&self) -> &Store {
        self.run.engine.store()
    }

    fn look(&self, loaded: &LoadedMeta, facts: Option<BackupFacts>) -> Result<BackupContents> {
        let facts = match facts.filter(|facts| facts.belong_to(loaded.id, loaded.crc32c, loaded.size_bytes)) {
            Some(facts) => Some(facts),
            None => loaded.facts_for_sizes(self.store())?,
        };
        let index = self.run.index.borrow();
        let alternates = &self.run.options.alternate_dirs;
        BackupContents::find(&index, self.store(), loaded, facts, alternates)
    }

    /// With the facts that were read of it before, if they were.
    fn plan(&self, pinned: &Pinned, facts: Option<BackupFacts>) -> Result<Plan> {
        let (run, options, sites) = (self.run, self.run.options, &self.run.sites);
        // Both take a while where there are many files.
        let look = || self.look(&pinned.loaded, facts);
        let (backup, standing) = run_both(2, look, || standing(sites));
        let (standing, circumstances) = (standing?, circumstances(run)?);
        require_restorable(sites, &standing, circumstances)?;
        let mut backup = backup.map_err(|error| self.explain(pinned, error))?;
        let freed = circumstances.freed;
        if !options.allow_other_database && !freed {
            other_database::refuse(sites.db(), &backup)?;
        }
        let destination = Destination {
            db: sites.db().path(),
            separate_wals: sites.separate_wals().map(|site| site.path()),
        };
        let mut adjusted = adjust_options(&mut backup.files, destination, options.keep_wal_dir)?;
        adjusted.warnings.extend(sites.file_system_warnings());
        let mut kept = Default::default();
        let old_options = standing.first().and_then(|here| OldOptions::read(sites, here));
        let old_wals = old_options.as_ref().and_then(|old| old.warn_of_old_wals(sites));
        adjusted.warnings.extend(old_wals);
        if let Some(here) = standing.first() {
            adjusted.warnings.extend(owner::warn(sites, here)?);
            let place = (sites.db(), here);
            kept = files_to_keep(run.engine, options.mode, &backup.files, place, run.observer)?;
        }
        let ground = Ground {
            sites,
            standing: &standing,
            kept: &kept,
            keep_log_files: options.keep_log_files,
            freed,
        };
        let sequences = match standing.first() {
            Some(here)
                if !freed && here.is_file(CURRENT) && !other_database::is_another(sites.db(), &backup) =>
            {
                let source = (self.store(), &pinned.loaded);
                Sequences::read(sites, &standing, source, backup.sequence_number)?
            }
            _ => Sequences {
                target: None,
                backup: backup.sequence_number.map(|number| number.0),
            },
        };
        let included = included::decide(&backup.included, sites, circumstances.repository)?;
        let lacks_facts = backup.lacks_facts;
        let mut plan = Plan::make(backup, ground, adjusted)?;
        plan.add_included(included);
        if lacks_facts {
            let unknown = without_facts(self.store(), self.id, "restored")?;
            plan.warnings.extend(unknown);
        }
        plan.sequences = sequences;
        plan.warnings.extend(sequences.warning(sites.db()));
        if let Some(directory) = options.keep_old.as_deref().filter(|_| plan.replaces()) {
            let directory = std::path::absolute(directory).context("finding", directory)?;
            plan.warnings
                .extend(old_options.map(|old| old.warn_of_kept(&directory)));
            plan.keep_old = Some(directory);
        }
        Ok(plan)
    }

    /// Refuses where there is no room, or makes it by removing the old state where that was asked for.
    fn make_room(&self, plan: &mut Plan) -> Result<()> {
        match room::look(plan, &self.run.sites, self.run.disk)? {
            Room::Enough => Ok(()),
            Room::OnlyWithoutOld(_) if self.run.options.free_old_files_first => self.free_old_files(plan),
            Room::OnlyWithoutOld(error) | Room::None(error) => Err(error),
        }
    }

    fn free_old_files(&self, plan: &mut Plan) -> Result<()> {
        let (mover, sites) = (self.run.mover(), &self.run.sites);
        mover.write_whole(sites.db(), "freed", b"")?;
        mover.block_opening(&plan.head(sites, self.store().location().to_owned()))?;
        self.run.disk.remove(&sites.db().old_file(CURRENT)?)?;
        for place in plan.old_files() {
            let site = sites.site(place.area);
            self.run.disk.remove(&site.at(&place.path())?)?;
        }
        for (_, site) in sites.all() {
            mover.sync(site.root())?;
        }
        plan.forget_old_files();
        Ok(())
    }

    /// A file that is missing means that the backup is damaged, or was deleted meanwhile.
    fn explain(&self, pinned: &Pinned, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Corrupt | ErrorKind::NotFound => pinned.explain(self.store(), error),
            _ => error,
        }
    }
}
