//! The engine's side of a capture: it knows what is stored, and copies files before the image is whole.
//!
//! What it finds out of a file is kept until the end of the run, over all attempts: a table or blob that is stored, or
//! that was copied whole, is neither opened nor read again, and may vanish from the database meanwhile.

use std::os::unix::fs::MetadataExt;

use stonekeep_format::{BackupId, FileNumber};

use super::area::Area;
use super::content;
use super::context::Context;
use super::copy::{Copier, Ready};
use super::known::Known;
use super::plan::{Action, PlanFile};
use super::planner::Planner;
use super::settled::Settled;
use crate::image::{CaptureHost, ImageFile};
use crate::repo::{self, RootState, garbage, ids, layout};
use crate::store::Guard;
use crate::{Error, Phase, Result};

/// How often a source that changes is captured. Each attempt has all that the ones before have copied, so it is short; of
/// a database in memory that deletes slowly, half of them came too late.
const ATTEMPTS: u32 = 10;

/// See the [module](self).
pub(super) struct Host<'a> {
    pub(super) context: Context<'a>,
    /// Nothing is to be changed.
    dry_run: bool,
    attempt: u32,
    /// Held as soon as the repository exists.
    lock: Option<Box<dyn Guard>>,
    /// Whether this run made the repository.
    made_repository: bool,
    pub(super) known: Known<'a>,
    pub(super) id: BackupId,
    /// The run's own staging area, once it has something to stage.
    area: Option<Area>,
    database_id: Option<String>,
    /// Until they are planned; those that were copied, until the run ends.
    pub(super) settled: Settled,
    pub(super) tables_opened: u64,
    /// How much room the backup needs, as far as is known.
    pub(super) new_bytes: u64,
    /// The files of which these are.
    pub(super) new_files: u64,
}

impl<'a> Host<'a> {
    /// Opens the repository, if there is one: a database that cannot be read must not leave a new one behind.
    pub(super) fn new(context: Context<'a>, dry_run: bool) -> Result<Self> {
        if !dry_run {
            limit_modes(&context);
        }
        let there = repo::root_state(context.store())? == RootState::Repository;
        let lock = match there && !dry_run {
            true => Some(open_repository(&context)?),
            false => None,
        };
        let (known, id) = read(&context)?;
        Ok(Host {
            context,
            dry_run,
            attempt: 1,
            lock,
            made_repository: false,
            known,
            id,
            area: None,
            database_id: None,
            settled: Settled::default(),
            tables_opened: 0,
            new_bytes: 0,
            new_files: 0,
        })
    }

    /// The writer's lock; makes the repository if there is none yet.
    pub(super) fn lock(&mut self) -> Result<&dyn Guard> {
        if self.lock.is_none() {
            self.made_repository = repo::root_state(self.context.store())? != RootState::Repository;
            self.lock = Some(open_repository(&self.context)?);
            // Another process may have made the repository meanwhile.
            (self.known, self.id) = read(&self.context)?;
            self.settled.clear();
        }
        let lock = self.lock.as_deref();
        lock.ok_or_else(|| Error::refused("the repository is not locked"))
    }

    /// Whether the writer's lock is held.
    pub(super) fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Removes what this run has made of a new repository, after a refusal: what was copied of a database that cannot be
    /// backed up is of no use. Directories that are not empty stay, as those of another process do.
    pub(super) fn unmake_repository(&mut self) {
        let (Some(lock), true) = (self.lock.take(), self.made_repository) else {
            return;
        };
        self.context.discard_areas(|_| false);
        for key in layout::made_by_an_empty_run() {
            if let Err(error) = self.context.store().delete(&key) {
                tracing::debug!(%key, reason = %error.one_line(), "it is left in the new repository");
            }
        }
        drop(lock);
    }

    /// Goes on to another attempt.
    pub(super) fn begin_next_attempt(&mut self) {
        self.attempt += 1;
    }

    /// The area, and whatever a commit needs beside it.
    pub(super) fn parts(&mut self) -> Result<Parts<'_, 'a>> {
        self.lock()?;
        if self.area.is_none() {
            self.area = Some(Area::new(self.context.store(), self.id)?);
        }
        let (Some(area), Some(lock)) = (self.area.as_mut(), self.lock.as_deref()) else {
            return Err(Error::refused("the repository is not locked"));
        };
        Ok(Parts {
            area,
            lock,
            known: &mut self.known,
            settled: &mut self.settled,
        })
    }

    /// A planner that knows what the repository knows.
    pub(super) fn planner(&mut self) -> Planner<'_, 'a> {
        Planner::new(
            self.database_id.as_deref(),
            self.context.engine.options(),
            &mut self.known,
        )
    }

    /// Plans what is to be taken; those that turn out shorter are only named.
    fn plan_to_take(&mut self, files: &[ImageFile], short: &mut Vec<usize>) -> Result<Vec<PlanFile>> {
        let (mut planned, mut unsure) = (Vec::with_capacity(files.len()), Vec::new());
        for (index, file) in files.iter().enumerate() {
            let mut planner = self.planner();
            let outcome = planner.file(index, file);
            let opened = planner.tables_opened;
            self.tables_opened += opened;
            match outcome {
                Ok((file, is_unsure)) => {
                    if is_unsure {
                        unsure.push(planned.len());
                    }
                    planned.push(file);
                }
                Err(error) if error.is_source_changed() => short.push(index),
                Err(error) => return Err(error),
            }
        }
        let shortened = content::settle(&self.context, files, &mut planned, &unsure, &mut self.known)?;
        for at in shortened.into_iter().rev() {
            short.push(planned.remove(at).index);
        }
        Ok(planned)
    }

    fn copy_early(
        &mut self,
        files: &[ImageFile],
        planned: &[PlanFile],
        short: &mut Vec<usize>,
    ) -> Result<()> {
        let (context, id) = (self.context, self.id);
        let copies = planned
            .iter()
            .filter(|file| matches!(file.action, Action::Copy(_)));
        for file in copies {
            self.new_bytes += file.size_bytes;
            self.new_files += 1;
        }
        let parts = self.parts()?;
        let mut copier = Copier::new(context, files, planned, id, parts.area);
        copier.early = true;
        let outcome = copier.run();
        remember(parts.settled, files, planned, &copier.ready);
        short.extend(copier.short.iter().filter_map(|at| Some(planned.get(*at)?.index)));
        outcome
    }
}

/// What a host lends to the commit.
pub(super) struct Parts<'h, 'a> {
    pub(super) area: &'h mut Area,
    pub(super) lock: &'h dyn Guard,
    pub(super) known: &'h mut Known<'a>,
    pub(super) settled: &'h mut Settled,
}

/// Keeps what has been copied whole for another attempt.
pub(super) fn remember(settled: &mut Settled, files: &[ImageFile], planned: &[PlanFile], ready: &[Ready]) {
    for ready in ready {
        let file = planned.get(ready.at);
        let image = file.and_then(|file| files.get(file.index));
        let (Some(file), Some(image)) = (file, image) else {
            continue;
        };
        if let Some(action) = ready.as_taken(&file.action) {
            let taken = PlanFile {
                action,
                ..file.clone()
            };
            settled.insert(image, taken);
        }
    }
}

impl CaptureHost for Host<'_> {
    fn attempt(&self) -> u32 {
        self.attempt
    }

    fn is_last_attempt(&self) -> bool {
        self.attempt >= ATTEMPTS
    }

    fn flush_before_backup(&self) -> bool {
        self.context.options.flush_before_backup && !self.dry_run
    }

    /// Backups of two databases in one repository are a mistake more often than not.
    fn check_database(&mut self, database_id: Option<&str>) -> Result<()> {
        let ours = database_id.map(str::to_owned);
        if self.database_id != ours {
            self.settled.clear();
            self.database_id.clone_from(&ours);
        }
        let (Some(ours), Some(theirs)) = (ours, self.known.database_id()?) else {
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
        let mut needed = Vec::with_capacity(files.len());
        for (index, file) in files.iter().enumerate() {
            if self.settled.get(file).is_some() {
                needed.push(false);
                continue;
            }
            let stored = self.planner().stored(index, file)?;
            needed.push(stored.is_none());
            if let Some(stored) = stored {
                self.settled.insert(file, stored);
            }
        }
        Ok(needed)
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
        let mut short = Vec::new();
        if !self.dry_run {
            self.lock()?;
        }
        let planned = self.plan_to_take(files, &mut short)?;
        if self.dry_run {
            for file in planned {
                if let Some(image) = files.get(file.index) {
                    self.settled.insert(image, file);
                }
            }
        } else {
            self.copy_early(files, &planned, &mut short)?;
            for file in planned {
                if let (Some(image), Action::Reuse { .. } | Action::Resume { .. }) =
                    (files.get(file.index), &file.action)
                {
                    self.settled.insert(image, file);
                }
            }
        }
        let short = short.iter().filter_map(|index| files.get(*index)?.name.number());
        Ok(short.collect())
    }
}

/// A repository shows nobody more than the database's directory does.
fn limit_modes(context: &Context<'_>) {
    let directory = context.source.directory();
    if let Some(metadata) = directory.and_then(|directory| std::fs::metadata(directory).ok()) {
        context.store().limit_modes(metadata.mode());
    }
}

fn open_repository(context: &Context<'_>) -> Result<Box<dyn Guard>> {
    repo::require_or_create(context.engine.store(), context.engine.durability())?;
    let lock = context.engine.lock(context.observer)?;
    garbage::drop_void_records(context.store())?;
    Ok(lock)
}

/// C1: what the repository knows, and the id of the next backup.
fn read<'a>(context: &Context<'a>) -> Result<(Known<'a>, BackupId)> {
    context.tell(Phase::Planning);
    let known = Known::read(context.store(), context.observer)?;
    let id = match ids::largest(context.store())? {
        None => BackupId::FIRST,
        Some(largest) => ids::next(largest)?,
    };
    Ok((known, id))
}
