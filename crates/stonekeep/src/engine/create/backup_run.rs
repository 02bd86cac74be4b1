//! One run of a backup: the lock, the id and the staging area that it has, and the engine's side of captures.

use std::os::unix::fs::MetadataExt;
use std::time::Instant;

use stonekeep_format::{BackupId, FileNumber};

use super::area::Area;
use super::context::Context;
use super::copier::Copier;
use super::decision::{Action, PlannedFile};
use super::inputs::PlanInputs;
use super::plan::Plan;
use super::planner::Planner;
use crate::engine::transfer::Amount;
use crate::image::{CaptureHost, DatabaseImage, ImageFile};
use crate::parallel::run_both;
use crate::repo::index::RepositoryIndex;
use crate::repo::{self, RootState, ids, included, layout};
use crate::store::{Held, Key, Uploads};
use crate::{Error, Phase, Result};

/// How often a source that changes is captured. Each attempt has all that the ones before have copied, so it is short; of
/// a database in memory that deletes slowly, half of them came too late.
const ATTEMPTS: u32 = 10;

/// See the [module](self).
pub(super) struct BackupRun<'a> {
    pub(super) context: Context<'a>,
    /// Nothing is to be changed.
    dry_run: bool,
    attempt: u32,
    /// Held as soon as the repository exists.
    lock: Option<Held>,
    /// Whether this run made the repository.
    made_repository: bool,
    pub(super) planner: Planner<'a>,
    pub(super) id: BackupId,
    /// Whether this run has claimed that id.
    id_claimed: bool,
    /// When the repository was read.
    read_at: Instant,
    /// The run's own staging area, once it has something to stage.
    area: Option<Area>,
    /// How much room the backup needs, as far as is known.
    pub(super) new: Amount,
}

/// What a commit needs of a run.
pub(super) struct Writing<'h> {
    pub(super) area: &'h mut Area,
    pub(super) lock: &'h Held,
}

impl<'a> BackupRun<'a> {
    /// Opens the repository, if there is one: a database that cannot be read must not leave a new one behind.
    pub(super) fn begin(context: Context<'a>, dry_run: bool) -> Result<Self> {
        if !dry_run {
            limit_modes(&context);
        }
        let state = repo::root_state(&RepositoryIndex::new(context.store()))?;
        let lock = if state == RootState::Repository && !dry_run {
            Some(open_repository(&context, &state)?)
        } else {
            None
        };
        let read_at = context.engine.clock.instant();
        let (inputs, id) = read(&context, lock.is_some() || dry_run)?;
        Ok(BackupRun {
            context,
            dry_run,
            attempt: 1,
            lock,
            made_repository: false,
            planner: Planner::new(context, inputs),
            id,
            id_claimed: false,
            read_at,
            area: None,
            new: Amount::default(),
        })
    }

    /// Takes the writer's lock, and makes the repository if there is none yet.
    pub(super) fn lock(&mut self) -> Result<()> {
        if self.lock.is_none() {
            let state = repo::root_state(&RepositoryIndex::new(self.context.store()))?;
            self.made_repository = state != RootState::Repository;
            self.lock = Some(open_repository(&self.context, &state)?);
            // Another process may have made the repository meanwhile.
            self.read_at = self.context.engine.clock.instant();
            let (inputs, id) = read(&self.context, true)?;
            self.planner.replace_inputs(inputs);
            self.id = id;
        }
        Ok(())
    }

    /// Removes what this run has made of a new repository, after a refusal: what was copied of a database that cannot be
    /// backed up is of no use. Directories that are not empty stay, as those of another process do. Files that have
    /// their names already are left to a collection, which knows by the journal whose they are.
    pub(super) fn unmake_repository(&mut self) {
        let (Some(lock), true) = (self.lock.take(), self.made_repository) else {
            return;
        };
        if self.names_at_once() {
            return;
        }
        self.discard_areas(|_| false);
        for key in layout::made_by_an_empty_run() {
            if let Err(error) = self.context.store().delete_one(&key) {
                tracing::debug!(%key, reason = %error.one_line(), "it is left in the new repository");
            }
        }
        drop(lock);
    }

    /// Removes staging areas that are not to be kept, which may be the run's own. That it fails harms nothing; the next run
    /// tries again.
    pub(super) fn discard_areas(&mut self, keep: impl Fn(&str) -> bool) {
        let leftovers = &mut self.planner.inputs.leftovers;
        let runs = leftovers.runs.iter().map(|leftover| leftover.run.clone());
        let useless: Vec<String> = runs.filter(|run| !keep(run)).collect();
        leftovers.runs.retain(|leftover| keep(&leftover.run));
        leftovers.forget(|upload| useless.contains(&upload.run));
        let own = self.area.as_ref().map(|area| &area.name);
        for area in useless.iter().chain(own.filter(|name| !keep(name))) {
            if let Err(error) = self.context.store().discard(area) {
                tracing::warn!(reason = %error.one_line(), "the staging area could not be removed");
            }
        }
    }

    /// Goes on to another attempt.
    pub(super) fn begin_next_attempt(&mut self) {
        self.attempt += 1;
    }

    /// The lock and the area, which is made if there is none yet.
    pub(super) fn writing(&mut self) -> Result<Writing<'_>> {
        self.lock()?;
        if self.area.is_none() {
            let leftovers = &self.planner.inputs.leftovers.runs;
            self.area = Some(Area::new(self.context.store(), self.id, leftovers)?);
        }
        match (self.area.as_mut(), self.lock.as_ref()) {
            (Some(area), Some(lock)) => Ok(Writing { area, lock }),
            _ => Err(Error::refused("the repository is not locked")),
        }
    }

    /// Whether files have their final names as soon as they are copied.
    pub(super) fn names_at_once(&self) -> bool {
        self.context.store().traits().uploads == Uploads::Named
    }

    /// Where files have their final names as soon as they are copied: claims the id, so that private files can be copied,
    /// and removes what an earlier attempt has copied.
    pub(super) fn prepare_private(&mut self) -> Result<()> {
        if !self.names_at_once() {
            return Ok(());
        }
        let (context, durability) = (self.context, self.context.engine.durability());
        let store = context.store();
        if self.id_claimed {
            let left = store.list(Some(&layout::private(self.id)))?;
            let left: Result<Vec<Key>> = left
                .iter()
                .map(|entry| layout::private(self.id).join(&entry.name))
                .collect();
            store
                .delete(&left?)
                .into_iter()
                .try_for_each(|left| Err(left.error))?;
            return included::remove_all(store, self.id);
        }
        self.lock()?;
        while !ids::take(store, &self.id.to_string(), self.id, durability)? {
            self.id = next_free(&context, self.id)?;
        }
        self.id_claimed = true;
        Ok(())
    }

    /// When the repository was read.
    pub(super) fn read_at(&self) -> Instant {
        self.read_at
    }

    /// The id, if this run has claimed it.
    pub(super) fn claimed_id(&self) -> Option<BackupId> {
        self.id_claimed.then_some(self.id)
    }

    /// The plan for this image.
    pub(super) fn plan<'i>(&mut self, image: &'i DatabaseImage) -> Result<Plan<'i>> {
        self.check_database(image.database_id.as_deref())?;
        let plan = Plan::make(image, &self.context, &mut self.planner)?;
        if self.lock.is_some() || self.dry_run {
            return Ok(plan);
        }
        // A new repository is made only for a plan that was not refused.
        self.lock()?;
        if self.id == BackupId::FIRST && plan.copies_all() {
            return Ok(plan);
        }
        // Another process has made the repository meanwhile, and may have removed what the plan found there.
        self.plan(image)
    }

    /// Copies what is planned to be copied. What is staged when an error ends it is staged all the same.
    pub(super) fn copy(&mut self, files: &mut [PlannedFile<'_>], early: bool) -> Result<Vec<FileNumber>> {
        let (context, id) = (self.context, self.id);
        let area = self.writing()?.area;
        let mut copier = Copier::new(context, id, area, early);
        let outcome = copier.run(files);
        let (done, shortened) = copier.into_done();
        for (at, staged) in done {
            if let Some(file) = files.get_mut(at) {
                file.decision.action = Action::Publish(Box::new(staged));
            }
        }
        outcome.map(|()| shortened)
    }
}

impl CaptureHost for BackupRun<'_> {
    fn attempt(&self) -> u32 {
        self.attempt
    }

    fn is_last_attempt(&self) -> bool {
        self.attempt >= ATTEMPTS
    }

    fn flush_before_backup(&self) -> bool {
        self.context.options.flush_before_backup && !self.dry_run
    }

    fn workers(&self) -> usize {
        self.context.engine.workers()
    }

    /// Backups of two databases in one repository are a mistake more often than not.
    fn check_database(&mut self, database_id: Option<&str>) -> Result<()> {
        self.planner.set_database_id(database_id);
        let (Some(ours), Some(theirs)) = (database_id, self.planner.inputs.database_id()?) else {
            return Ok(());
        };
        if self.context.options.allow_other_database || theirs == ours {
            return Ok(());
        }
        let message = format!(
            "the repository {} holds backups of the database {theirs}, and {} is the database {ours}",
            self.context.store().location(),
            self.context.source.describe()
        );
        Err(Error::refused(message).with_hint(
            "use a repository for each database; a database that RocksDB before 9.7 restored has a new id: \
             allow_other_database (--allow-other-database) backs it up here all the same",
        ))
    }

    fn needed(&mut self, files: &[ImageFile]) -> Result<Vec<bool>> {
        let needed = files.iter().map(|file| Ok(!self.planner.is_at_hand(file)?));
        needed.collect()
    }

    /// Files that are shared have their final names as soon as they are copied; private ones would have to wait for
    /// the backup's id.
    fn takes_early(&self) -> bool {
        self.context.engine.options().share_table_files
    }

    fn take(&mut self, files: &[ImageFile]) -> Result<Vec<FileNumber>> {
        if !self.takes_early() {
            return Err(Error::invalid(
                "files can be taken early only with share_table_files",
            ));
        }
        if !self.dry_run {
            self.lock()?;
        }
        let mut decided = self.planner.decide(files.iter())?;
        if self.dry_run {
            self.planner.keep(decided.files, |_| true);
            return Ok(decided.shortened);
        }
        let is_new = |file: &&PlannedFile<'_>| matches!(file.decision.action, Action::Copy(_));
        let new = decided.files.iter().filter(is_new);
        self.new = self.new + new.map(PlannedFile::size_bytes).collect();
        let copied = self.copy(&mut decided.files, true);
        self.planner
            .keep(decided.files, |action| !matches!(action, Action::Copy(_)));
        decided.shortened.extend(copied?);
        Ok(decided.shortened)
    }
}

/// A repository shows nobody more than the database's directory does.
fn limit_modes(context: &Context<'_>) {
    let directories = context.source.directories();
    if let Some(metadata) = directories
        .first()
        .and_then(|directory| std::fs::metadata(directory).ok())
    {
        context.store().limit_modes(metadata.mode());
    }
}

fn open_repository(context: &Context<'_>, state: &RootState) -> Result<Held> {
    repo::require_or_create(context.store(), state, context.engine.durability())?;
    let lock = context.engine.lock(context.observer)?;
    repo::settle(context.store(), &lock, context.engine.workers())?;
    Ok(lock)
}

/// An id that is larger than this one and all others.
pub(super) fn next_free(context: &Context<'_>, taken: BackupId) -> Result<BackupId> {
    let store = context.store();
    let largest = ids::largest(&RepositoryIndex::new(store), ids::claimed(store)?)?;
    ids::next(taken.max(largest.unwrap_or(taken)))
}

/// C1: what the repository knows, and the id of the next backup. Without the lock, staged files may be those of a run that is alive.
fn read<'a>(context: &Context<'a>, uses_leftovers: bool) -> Result<(PlanInputs<'a>, BackupId)> {
    context.report(Phase::Planning);
    let (store, workers) = (context.store(), context.engine.workers());
    let (inputs, claimed) = run_both(
        workers,
        || PlanInputs::read(store, context.engine.clock.now(), workers, uses_leftovers),
        || ids::claimed(store),
    );
    let inputs = inputs?;
    let id = match ids::largest(&inputs.index, claimed?)? {
        None => BackupId::FIRST,
        Some(largest) => ids::next(largest)?,
    };
    Ok((inputs, id))
}
