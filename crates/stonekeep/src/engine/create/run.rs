//! One backup from its plan to its commit.

use stonekeep_format::BackupId;

use super::commit::{Commit, Outcome};
use super::content;
use super::copy::Copier;
use super::known::Known;
use super::plan::{self, Action, Plan};
use super::report::CreateReport;
use super::warnings;
use crate::engine::transfer::Meter;
use crate::engine::{BackupEngine, CreateBackupOptions};
use crate::image::{Capture, DatabaseImage};
use crate::store::{Guard, Store};
use crate::{Error, ErrorKind, Observer, Phase, Progress, Result, repo};

/// One backup under way.
pub(super) struct Run<'a> {
    pub(super) engine: &'a BackupEngine,
    pub(super) options: &'a CreateBackupOptions,
    pub(super) capture: &'a dyn Capture,
    pub(super) observer: &'a dyn Observer,
}

impl<'a> Run<'a> {
    pub(super) fn store(&self) -> &'a dyn Store {
        self.engine.store().as_ref()
    }

    pub(super) fn image(&self) -> &'a DatabaseImage {
        self.capture.image()
    }

    /// The length of a file of the image.
    pub(super) fn size(&self, index: usize) -> u64 {
        self.image().files.get(index).map_or(0, |file| file.size_bytes)
    }

    /// Counts the work of a phase: files and bytes to do.
    pub(super) fn meter(&self, phase: Phase, to_do: (u64, u64)) -> Meter<'a> {
        let limiter = &self.engine.options().backup_rate_limiter;
        self.engine.meter(self.observer, limiter, phase, to_do)
    }

    /// Worker threads inherit the priority of the thread that starts them.
    pub(super) fn with_less_priority(&self, lock: &dyn Guard) -> Result<CreateReport> {
        const LOWEST: i32 = 19;
        std::thread::scope(|scope| {
            let run = scope.spawn(|| {
                if let Err(error) = rustix::process::setpriority_process(None, LOWEST) {
                    tracing::warn!(%error, "the priority could not be lowered");
                }
                self.run(lock)
            });
            run.join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    pub(super) fn run(&self, lock: &dyn Guard) -> Result<CreateReport> {
        let (plan, mut known, id) = self.plan()?;
        let outcome = self.carry_out(&plan, &mut known, id, lock);
        match &outcome {
            Ok(_) => self.discard_areas(|_| false),
            Err(error) if is_full(error) => self.discard_areas(|_| false),
            Err(_) => {}
        }
        let id = outcome.map_err(|error| self.explain_full_disk(&plan, error))?;
        Ok(CreateReport {
            committed: true,
            ..CreateReport::of(&plan, self.image(), id)
        })
    }

    /// C1, and what is to be done.
    pub(super) fn plan(&self) -> Result<(Plan, Known<'a>, BackupId)> {
        self.tell(Phase::Planning);
        let mut known = Known::read(self.store(), self.observer)?;
        self.check_database(&known)?;
        let id = match repo::catalog::largest_id(self.store())? {
            None => BackupId::FIRST,
            Some(largest) => next(largest)?,
        };
        let mut plan = plan::plan(self.image(), self.engine.options(), &mut known)?;
        content::settle(self, &mut plan, &mut known)?;
        self.exclude(&mut plan)?;
        plan.warnings = warnings::of_plan(&plan, self.image(), self.engine.options(), &known);
        Ok((plan, known, id))
    }

    /// C2 to C8.
    fn carry_out(
        &self,
        plan: &Plan,
        known: &mut Known<'a>,
        id: BackupId,
        lock: &dyn Guard,
    ) -> Result<BackupId> {
        let useful = plan.areas_to_keep();
        self.discard_areas(|area| useful.contains(area));
        let area = &self.new_area(id)?;
        let mut copier = Copier {
            run: self,
            plan,
            area,
            id,
        };
        let ready = copier.run()?;
        self.capture.confirm()?;
        self.tell(Phase::Committing);
        let mut commit = Commit {
            run: self,
            plan,
            known,
            area,
            ready,
            lock,
        };
        commit.share()?;
        while let Outcome::IdTaken = commit.commit(copier.id)? {
            let largest = repo::catalog::largest_id(self.store())?;
            copier.id = next(copier.id.max(largest.unwrap_or(copier.id)))?;
            copier.stage_private_again(&mut commit.ready)?;
            self.capture.confirm()?;
        }
        Ok(copier.id)
    }

    /// An area of its own: what lies in those of killed runs is neither replaced nor mixed up.
    fn new_area(&self, id: BackupId) -> Result<String> {
        let areas = self.store().areas()?;
        let names = (1u64..).map(|n| match n {
            1 => id.to_string(),
            n => format!("{id}-{n}"),
        });
        let mut free = names.filter(|name| !areas.contains(name));
        free.next()
            .ok_or_else(|| Error::refused("no name is left for a staging area"))
    }

    fn tell(&self, phase: Phase) {
        self.observer.progressed(&Progress::begin(phase));
    }

    /// Backups of two databases in one repository are a mistake more often than not.
    fn check_database(&self, known: &Known<'_>) -> Result<()> {
        let Some(id) = &self.image().database_id else {
            return Ok(());
        };
        let Some(theirs) = known.database_id()? else {
            return Ok(());
        };
        if self.options.allow_other_database || theirs == *id {
            return Ok(());
        }
        let message = format!(
            "the repository {} holds backups of the database {theirs}, and {} is the database {id}",
            self.store().location(),
            self.image().directory.display()
        );
        Err(Error::refused(message).with_hint(
            "use a repository for each database; a database that RocksDB before 9.7 restored has a new id: \
             allow_other_database (--allow-other-database) backs it up here all the same",
        ))
    }

    fn exclude(&self, plan: &mut Plan) -> Result<()> {
        let Some(callback) = &self.options.exclude_files_callback else {
            return Ok(());
        };
        let (places, offered): (Vec<_>, Vec<_>) = plan
            .excludable()
            .into_iter()
            .map(|(at, path, offered)| ((at, path), offered))
            .unzip();
        let failed = |reason: String| {
            Error::new(
                ErrorKind::Aborted,
                format!("the exclude callback failed: {reason}"),
            )
        };
        let answers = callback(&offered).map_err(failed)?;
        if answers.len() != offered.len() {
            return Err(failed(format!(
                "{} answers for {} files",
                answers.len(),
                offered.len()
            )));
        }
        for ((at, path), excluded) in places.into_iter().zip(answers) {
            if let Some(file) = plan.files.get_mut(at).filter(|_| excluded) {
                file.action = Action::Exclude(path);
            }
        }
        Ok(())
    }

    /// Removes areas that are of no use. That it fails harms nothing; the next run tries again.
    fn discard_areas(&self, keep: impl Fn(&str) -> bool) {
        let areas = self.store().areas();
        let discarded = areas.and_then(|areas| {
            let mut useless = areas.iter().filter(|area| !keep(area));
            useless.try_for_each(|area| self.store().discard(area))
        });
        if let Err(error) = discarded {
            tracing::warn!(reason = %error.one_line(), "the staging area could not be removed");
        }
    }

    fn explain_full_disk(&self, plan: &Plan, error: Error) -> Error {
        if !is_full(&error) {
            return error;
        }
        let wanted = plan.new_bytes();
        let free = self.store().free_bytes().ok().flatten();
        let missing = free.map_or_else(String::new, |free| {
            format!(
                ", {free} are free now that the unfinished copies are removed: {} are missing",
                wanted.saturating_sub(free)
            )
        });
        Error::new(
            ErrorKind::Io,
            format!(
                "{} is full: the backup needs {wanted} bytes{missing}",
                self.store().location()
            ),
        )
        .with_hint("free room or purge old backups; the backups that are there are unharmed")
        .with_source(error)
    }
}

/// Whether there is no room, or none that this user may have.
pub(super) fn is_full(error: &Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.io_kind(), Some(StorageFull | QuotaExceeded))
}

fn next(id: BackupId) -> Result<BackupId> {
    id.next()
        .ok_or_else(|| Error::refused("the largest backup id that RocksDB allows is taken"))
}
