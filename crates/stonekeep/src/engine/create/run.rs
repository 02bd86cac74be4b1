//! One backup from its plan to its commit.

use stonekeep_format::BackupId;

use super::commit::{Commit, Outcome};
use super::content;
use super::copy::Copier;
use super::known::Known;
use super::plan::{self, Action, Plan};
use super::report::CreateReport;
use crate::engine::{BackupEngine, CreateBackupOptions};
use crate::image::{Capture, DatabaseImage};
use crate::store::Store;
use crate::{Error, ErrorKind, Observer, Phase, Progress, Result, Warning, repo};

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

    /// Worker threads inherit the priority of the thread that starts them.
    pub(super) fn with_less_priority(&self) -> Result<CreateReport> {
        const LOWEST: i32 = 19;
        std::thread::scope(|scope| {
            let run = scope.spawn(|| {
                if let Err(error) = rustix::process::setpriority_process(None, LOWEST) {
                    tracing::warn!(%error, "the priority could not be lowered");
                }
                self.run()
            });
            run.join()
                .unwrap_or_else(|_| Err(Error::new(ErrorKind::Io, "the thread of the backup panicked")))
        })
    }

    pub(super) fn run(&self) -> Result<CreateReport> {
        let (plan, mut known, id) = self.plan()?;
        let area = id.to_string();
        let outcome = self.carry_out(&plan, &mut known, id, &area);
        match &outcome {
            Ok(_) => self.discard_areas(),
            Err(error) if error.io_kind() == Some(std::io::ErrorKind::StorageFull) => self.discard_areas(),
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
        let mut known = Known::read(self.store())?;
        self.check_database(&known)?;
        let id = match repo::catalog::largest_id(self.store())? {
            None => BackupId::FIRST,
            Some(largest) => next(largest)?,
        };
        let mut plan = plan::plan(self.image(), self.engine.options(), &mut known)?;
        content::name_by_content(self, &mut plan, &mut known)?;
        self.exclude(&mut plan)?;
        if !self.engine.options().share_files_with_checksum && self.engine.options().share_table_files {
            let message = "share_files_with_checksum is off: files of one number cannot be told apart, \
                           and a backup of a restored or copied database may take one for the other";
            plan.warnings.push(Warning::general(message));
        }
        Ok((plan, known, id))
    }

    fn carry_out(&self, plan: &Plan, known: &mut Known<'a>, id: BackupId, area: &str) -> Result<BackupId> {
        let (engine, image, observer) = (self.engine, self.image(), self.observer);
        let mut copier = Copier {
            engine,
            image,
            plan,
            area,
            id,
            observer,
        };
        let ready = copier.run()?;
        self.capture.confirm()?;
        self.tell(Phase::Committing);
        let mut commit = Commit {
            engine,
            options: self.options,
            image,
            plan,
            known,
            area,
            ready,
        };
        commit.share()?;
        while let Outcome::IdTaken = commit.commit(copier.id)? {
            copier.id = next(
                copier
                    .id
                    .max(repo::catalog::largest_id(self.store())?.unwrap_or(copier.id)),
            )?;
            copier.stage_private_again(&mut commit.ready)?;
        }
        Ok(copier.id)
    }

    fn tell(&self, phase: Phase) {
        let (bytes_done, bytes_total, files_done, files_total) = (0, 0, 0, 0);
        self.observer.progressed(&Progress {
            phase,
            bytes_done,
            bytes_total,
            files_done,
            files_total,
        });
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

    /// What is left in areas is of no use any more. That they cannot be removed harms nothing; the next run tries again.
    fn discard_areas(&self) {
        let areas = self.store().areas();
        let discarded = areas.and_then(|areas| areas.iter().try_for_each(|area| self.store().discard(area)));
        if let Err(error) = discarded {
            tracing::warn!(reason = %error.one_line(), "the staging area could not be removed");
        }
    }

    fn explain_full_disk(&self, plan: &Plan, error: Error) -> Error {
        if error.io_kind() != Some(std::io::ErrorKind::StorageFull) {
            return error;
        }
        let wanted: u64 = plan.bytes_to_copy();
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

fn next(id: BackupId) -> Result<BackupId> {
    id.next()
        .ok_or_else(|| Error::refused("the largest backup id that RocksDB allows is taken"))
}
