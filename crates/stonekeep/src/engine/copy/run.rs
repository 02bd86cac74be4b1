//! A copy from the list of backups to its report.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;

use stonekeep_format::BackupId;

use super::context::Context;
use super::database_of_target::database_of;
use super::one_backup::OneBackup;
use super::options::CopyWhat;
use super::renamed;
use super::report::{CopiedBackup, CopiedFiles, CopyReport, CopyState};
use super::shared_files::SharedPlan;
use super::source_backup::{self, Hold, SourceBackup};
use super::staging::Staging;
use super::target_files::TargetFiles;
use super::target_ids::{TargetIds, UnderId};
use crate::engine::full_disk;
use crate::engine::known_damage::{DamageWarnings, Use};
use crate::engine::transfer::Amount;
use crate::repo::index::RepositoryIndex;
use crate::repo::loaded_meta::no_such_backup;
use crate::repo::verified::{DamageKind, Stamps, known_damage};
use crate::repo::{self, RootState, described, ids, latest_hint, layout};
use crate::store::{Held, Persist};
use crate::{Error, ErrorKind, Phase, Progress, Result};

/// What the steps share that change something.
struct Writing {
    lock: Held,
    staging: Staging,
    /// Whether this run made the repository.
    made_repository: bool,
}

/// See the [module](self).
struct Run<'a> {
    context: Context<'a>,
    all: bool,
    source: &'a RepositoryIndex<'a>,
    ids: TargetIds<'a>,
    files: TargetFiles<'a>,
    /// The database that the target had backups of before, if that is known.
    database_id: Option<String>,
    /// Files and bytes that are copied.
    done: Amount,
    /// Files and bytes that the backup needs which is being copied.
    wanted: Amount,
    /// What verifications of the source have found: read for the first backup that is copied.
    stamps: Option<Stamps>,
    /// Those of the files that are copied.
    damage: DamageWarnings,
    report: CopyReport,
}

/// Copies the backups.
pub(super) fn copy(context: Context<'_>, what: &CopyWhat) -> Result<CopyReport> {
    let source = RepositoryIndex::new(context.source());
    let chosen = choose(&context, &source, what)?;
    let mut writing = begin(&context)?;
    let (target, mut wanted) = (RepositoryIndex::new(context.target()), Amount::default());
    let outcome = Run::new(context, what, &source, &target).and_then(|mut run| {
        let outcome = run.each(&chosen, Some(&mut writing));
        wanted = run.wanted;
        latest_hint::repair(context.target(), run.ids.newest());
        let outcome = outcome.and_then(|()| run.secure(&writing.staging.area));
        match outcome {
            Ok(()) => Ok(run.end()),
            Err(error) => Err(after_copying(error, &run.report)),
        }
    });
    end(&context, writing, &outcome);
    let mut report =
        outcome.map_err(|error| full_disk::explain(context.target(), wanted, "the copy needs", error))?;
    report.done = true;
    report.warnings.extend(context.target().warnings());
    Ok(report)
}

/// Reports what would be copied.
pub(super) fn preview(context: Context<'_>, what: &CopyWhat) -> Result<CopyReport> {
    let source = RepositoryIndex::new(context.source());
    let chosen = choose(&context, &source, what)?;
    let target = RepositoryIndex::new(context.target());
    let mut run = Run::new(context, what, &source, &target)?;
    run.each(&chosen, None)?;
    Ok(run.end())
}

/// The backups that are asked for, oldest first.
fn choose(context: &Context<'_>, source: &RepositoryIndex<'_>, what: &CopyWhat) -> Result<Vec<BackupId>> {
    context.observer.progressed(&Progress::begin(Phase::Planning));
    match what {
        CopyWhat::All => {
            let there = source.backups()?.ids.clone();
            if there.is_empty() {
                return Err(context.from.no_backup());
            }
            Ok(there)
        }
        CopyWhat::Backups(ids) if ids.is_empty() => Err(Error::invalid("no backup is named to be copied")),
        CopyWhat::Backups(ids) => {
            let ids: BTreeSet<BackupId> = ids.iter().copied().collect();
            for id in &ids {
                if source.meta_size(*id)?.is_none() {
                    return Err(no_such_backup(context.source(), *id));
                }
            }
            Ok(ids.into_iter().collect())
        }
    }
}

/// K0 and K1.
fn begin(context: &Context<'_>) -> Result<Writing> {
    let target = context.target();
    // A repository shows nobody more than the one that it is copied from.
    let directory = context.source().directory();
    if let Some(metadata) = directory.and_then(|directory| std::fs::metadata(directory).ok()) {
        target.limit_modes(metadata.mode());
    }
    let state = repo::root_state(&RepositoryIndex::new(target))?;
    repo::require_or_create(target, &state, context.durability())?;
    let lock = context.to.lock(context.observer)?;
    repo::settle(target, &lock, context.to.workers())?;
    Ok(Writing {
        lock,
        staging: Staging::begin(target)?,
        made_repository: state != RootState::Repository,
    })
}

/// What is staged stays only for a run that may use it.
fn end(context: &Context<'_>, writing: Writing, outcome: &Result<CopyReport>) {
    let target = context.target();
    if outcome.as_ref().err().is_none_or(full_disk::is_full) {
        writing.staging.discard(target);
    }
    let is_empty = |report: &CopyReport| report.in_state(CopyState::Copied).next().is_none();
    if writing.made_repository && outcome.as_ref().is_ok_and(is_empty) {
        for key in layout::made_by_an_empty_run() {
            if let Err(error) = target.delete_one(&key) {
                tracing::debug!(%key, reason = %error.one_line(), "it is left in the new repository");
            }
        }
    }
    drop(writing.lock);
}

/// Adds to an error which backups were copied before it.
fn after_copying(error: Error, report: &CopyReport) -> Error {
    let ids: Vec<String> = report
        .in_state(CopyState::Copied)
        .map(|backup| backup.id.to_string())
        .collect();
    match ids.as_slice() {
        [] => error,
        [id] => error.with_note(&format!("backup {id} is copied")),
        ids => error.with_note(&format!("backups {} are copied", ids.join(", "))),
    }
}

impl<'a> Run<'a> {
    fn new(
        context: Context<'a>,
        what: &CopyWhat,
        source: &'a RepositoryIndex<'a>,
        target: &'a RepositoryIndex<'a>,
    ) -> Result<Self> {
        Ok(Run {
            context,
            all: *what == CopyWhat::All,
            source,
            ids: TargetIds::read(&context, target)?,
            files: TargetFiles::list(target)?,
            database_id: database_of(target)?,
            done: Amount::default(),
            wanted: Amount::default(),
            stamps: None,
            damage: DamageWarnings::default(),
            report: CopyReport {
                done: false,
                from: context.source().location().to_owned(),
                to: context.target().location().to_owned(),
                backups: Vec::new(),
                files: CopiedFiles::default(),
                warnings: Vec::new(),
            },
        })
    }

    fn end(self) -> CopyReport {
        let mut report = self.report;
        report.warnings.extend(self.damage.warnings(Use::Copied));
        report
    }

    /// Copies each of these backups, or looks at what would be copied.
    fn each(&mut self, ids: &[BackupId], mut writing: Option<&mut Writing>) -> Result<()> {
        for id in ids {
            if self.context.observer.should_stop() {
                return Err(Error::stopped());
            }
            match self.one(*id, writing.as_deref_mut()) {
                Ok(backup) => self.report.add(backup),
                Err(error) if self.all && self.was_deleted(*id, &error)? => {}
                Err(error) => {
                    let backup = not_copied(*id, error)?;
                    self.report.add(backup);
                }
            }
        }
        Ok(())
    }

    /// Whether a backup of the source was deleted there since it was listed. That something is not there may be said of the
    /// target, too.
    fn was_deleted(&self, id: BackupId, error: &Error) -> Result<bool> {
        let meta = layout::meta(id);
        Ok(error.kind() == ErrorKind::NotFound && self.context.source().stat(&meta)?.is_none())
    }

    /// Ends a copy that was killed when its backup was there already: makes that durable, and the claim one like any other.
    fn secure(&self, area: &str) -> Result<()> {
        if self.report.in_state(CopyState::AlreadyThere).next().is_none() {
            return Ok(());
        }
        let (target, durability) = (self.context.target(), self.context.durability());
        let directories = [layout::meta_directory(), layout::ids_directory()];
        target.persist(Persist::Names(&directories), durability)?;
        match self.ids.claimed_for_a_copy_that_is_there()? {
            Some(id) => ids::end_copy(target, area, id, durability),
            None => Ok(()),
        }
    }

    fn one(&mut self, id: BackupId, writing: Option<&mut Writing>) -> Result<CopiedBackup> {
        if !self.context.options.new_ids {
            let under_id = self.ids.under_id(self.source, id)?;
            if under_id != UnderId::Free {
                return Ok(self.not_free(id, under_id));
            }
        }
        let hold = if writing.is_some() {
            Hold::Pin
        } else {
            Hold::Nothing
        };
        let backup = source_backup::read(&self.context, self.source, id, hold)?;
        let (mut new_id, mut content) = (id, None);
        if self.context.options.new_ids {
            let text = backup.meta_text(&self.context)?;
            let binding = renamed::binding_without_id(&text, id);
            if let Some(there) = self.ids.with_content(&binding) {
                return Ok(CopiedBackup::new(id, CopyState::AlreadyThere).under(there));
            }
            (new_id, content) = (self.ids.next_free(&backup, &text)?, Some(binding));
        }
        self.check_database(&backup)?;
        let (files, kinds) = match writing {
            // Wrong bytes are found while they are copied.
            Some(writing) => (
                self.copy_one(&backup, new_id, writing)?,
                &[DamageKind::Inside][..],
            ),
            None => (
                self.preview_one(&backup)?,
                &[DamageKind::Bytes, DamageKind::Inside][..],
            ),
        };
        let read = || known_damage(self.context.source(), self.context.from.time());
        let stamps = self.stamps.get_or_insert_with(read);
        self.damage
            .add(stamps, kinds, &backup.pinned.loaded, &backup.included);
        self.ids.remember(new_id, content);
        self.report.warnings.extend(backup.warnings);
        let copied = CopiedBackup::new(id, CopyState::Copied).under(new_id);
        Ok(CopiedBackup { files, ..copied })
    }

    fn copy_one(
        &mut self,
        backup: &SourceBackup,
        id: BackupId,
        writing: &mut Writing,
    ) -> Result<CopiedFiles> {
        let mut one = OneBackup {
            context: self.context,
            lock: &writing.lock,
            staging: &mut writing.staging,
            files: &mut self.files,
            done: &mut self.done,
            wanted: &mut self.wanted,
            backup,
            id,
        };
        let copied = one.copy();
        let copied = copied.map_err(|error| match error.kind() {
            ErrorKind::Corrupt => backup.pinned.explain(self.context.source(), error),
            _ => error,
        })?;
        tracing::info!(id = %backup.pinned.loaded.id, new_id = %id, "copied a backup");
        Ok(copied)
    }

    fn preview_one(&mut self, backup: &SourceBackup) -> Result<CopiedFiles> {
        let plan = SharedPlan::make(backup, &mut self.files)?;
        plan.require_replaceable(&self.context, backup)?;
        let mut files = plan.files;
        plan.compared
            .iter()
            .for_each(|wanted| files.reused(wanted.size_bytes));
        let new = plan.new.iter().chain(&plan.replaced).copied();
        for wanted in new.chain(&backup.private) {
            files.copied(wanted.size_bytes);
        }
        backup
            .included
            .iter()
            .for_each(|file| files.copied(file.size_bytes));
        for wanted in &backup.shared {
            if let (Some(path), Some(crc32c)) = (&wanted.path, wanted.crc32c) {
                self.files.remember(path, crc32c);
            }
        }
        files.files_excluded = backup.excluded;
        Ok(files)
    }

    /// A backup whose id is taken.
    fn not_free(&self, id: BackupId, under_id: UnderId) -> CopiedBackup {
        let location = self.context.target().location();
        const HINT: &str = "--new-ids copies it under a new id";
        match under_id {
            UnderId::Free | UnderId::Same => CopiedBackup::new(id, CopyState::AlreadyThere).under(id),
            UnderId::Another => {
                let reason = format!("another backup has the id {id} in {location}");
                CopiedBackup::new(id, CopyState::Refused).because(reason, HINT)
            }
            UnderId::Used => {
                let state = if self.all {
                    CopyState::Purged
                } else {
                    CopyState::Refused
                };
                let reason =
                    format!("the id {id} was used in {location} before: that backup was deleted there");
                CopiedBackup::new(id, state).because(reason, HINT)
            }
        }
    }

    /// Backups of two databases in one repository are a mistake more often than not.
    fn check_database(&self, backup: &SourceBackup) -> Result<()> {
        let Some(there) = self
            .database_id
            .as_ref()
            .filter(|_| !self.context.options.allow_other_database)
        else {
            return Ok(());
        };
        let ours = match &backup.facts {
            Some(facts) => facts.database_id.clone(),
            None => described::database_id(self.context.source(), &backup.pinned.loaded)?,
        };
        match ours {
            Some(ours) if ours != *there => {
                let message = format!(
                    "the repository {} holds backups of the database {there}, and {} is of the database {ours}",
                    self.context.target().location(),
                    self.context.backup_of_source(backup.pinned.loaded.id)
                );
                Err(Error::refused(message).with_hint(
                    "use a repository for each database; allow_other_database (--allow-other-database) copies it all the same",
                ))
            }
            _ => Ok(()),
        }
    }
}

/// The report of a backup that is not copied; an error that is not about this backup alone ends the run.
fn not_copied(id: BackupId, error: Error) -> Result<CopiedBackup> {
    match error.kind() {
        ErrorKind::Corrupt | ErrorKind::Unsupported if !error.findings().is_empty() => Ok(CopiedBackup {
            findings: error.findings().to_vec(),
            reason: Some(error.one_line()),
            ..CopiedBackup::new(id, CopyState::Damaged)
        }),
        ErrorKind::Refused => Ok(CopiedBackup {
            hint: error.hint().map(str::to_owned),
            reason: Some(error.one_line()),
            ..CopiedBackup::new(id, CopyState::Refused)
        }),
        _ => Err(error),
    }
}
