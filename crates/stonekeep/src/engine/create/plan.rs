//! Everything that a backup will do, as data: nothing is changed.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::{BackupId, SequenceNumber};

use super::context::Context;
use super::decision::{Action, PlannedFile, Target, shareable};
use super::planner::Planner;
use super::{history, warnings};
use crate::engine::MaybeExclude;
use crate::engine::transfer::Amount;
use crate::image::{DatabaseImage, ImageFile};
use crate::repo::went_back::WentBack;
use crate::{Error, ErrorKind, Result, Warning};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Plan<'i> {
    pub(super) image: &'i DatabaseImage,
    /// The files of the image, in the order of the meta file.
    pub(super) files: Vec<PlannedFile<'i>>,
    /// The last sequence number in the backup.
    pub(super) sequence_number: SequenceNumber,
    /// Transactions that are prepared in its WALs, and neither committed nor rolled back.
    pub(super) prepared_transactions: u64,
    /// The backup whose facts the [lines](super::decision::Decision::line) of decisions are of.
    pub(super) newest: Option<BackupId>,
    pub(super) tables_opened: u64,
    pub(super) warnings: Vec<Warning>,
    /// That the database went back to an older state, as far as nobody has accepted it.
    pub(super) went_back: Vec<WentBack>,
}

impl<'i> Plan<'i> {
    /// Plans a backup of this image.
    ///
    /// # Errors
    /// As [`Planner::decide`]; `Aborted` by the exclude callback.
    pub(super) fn make(
        image: &'i DatabaseImage,
        context: &Context<'_>,
        planner: &mut Planner<'_>,
    ) -> Result<Self> {
        check_names(&image.files)?;
        let options = context.engine.options();
        let is_wanted =
            |file: &&ImageFile| options.backup_log_files || !matches!(file.name, DbFileName::Wal(_));
        let decided = planner.decide(image.files.iter().filter(is_wanted))?;
        if let Some(number) = decided.shortened.first() {
            planner.keep_staged(decided.files);
            let message = format!("table or blob {} became shorter while it was read", number.0);
            return Err(Error::source_changed(message));
        }
        let mut plan = Plan {
            image,
            files: decided.files,
            sequence_number: image.sequence_number_without_wals,
            prepared_transactions: 0,
            newest: planner.inputs.newest_facts().map(|(id, _)| id),
            tables_opened: planner.tables_opened,
            warnings: Vec::new(),
            went_back: history::went_back(image, context.store(), &planner.inputs)?,
        };
        if options.backup_log_files {
            plan.sequence_number = image.sequence_number;
            plan.prepared_transactions = image.prepared_transactions;
        }
        plan.exclude(context)?;
        plan.warnings = warnings::of_plan(image, &plan.files, options, &planner.inputs);
        plan.warnings.extend(history::warnings(&plan.went_back));
        Ok(plan)
    }

    /// Staging areas of killed runs that contain files of the plan.
    pub(super) fn areas(&self) -> HashSet<&str> {
        let staged = self.files.iter().filter_map(|file| file.ready()?.staged);
        staged.map(|staged| staged.run.as_str()).collect()
    }

    /// Whether it uses nothing that is stored or staged.
    pub(super) fn copies_all(&self) -> bool {
        self.files.iter().all(|file| file.ready().is_none())
    }

    /// What is not stored yet, staged or not.
    pub(super) fn new_files(&self) -> Amount {
        let is_new =
            |file: &&PlannedFile<'_>| matches!(file.decision.action, Action::Copy(_) | Action::Publish(_));
        let new = self.files.iter().filter(is_new);
        new.map(PlannedFile::size_bytes).collect()
    }

    /// Asks the exclude callback about files that no backup has stored yet.
    fn exclude(&mut self, context: &Context<'_>) -> Result<()> {
        let Some(callback) = &context.engine.exclude_files_callback else {
            return Ok(());
        };
        let failed = |reason: String| {
            let message = format!("the exclude callback failed: {reason}");
            Error::new(ErrorKind::Aborted, message)
        };
        let mut offered = Vec::new();
        let mut files: Vec<(&mut PlannedFile<'_>, RepoPath)> = Vec::new();
        for file in &mut self.files {
            let path = match &file.decision.action {
                Action::Copy(Target::Shared(path @ RepoPath::SharedChecksum(_))) => Some(path.clone()),
                Action::Publish(staged) => staged.path.clone(),
                _ => None,
            };
            if let Some(path) = path {
                offered.push(MaybeExclude {
                    path: path.to_string(),
                    size_bytes: file.size_bytes(),
                });
                files.push((file, path));
            }
        }
        let answers = callback(&offered).map_err(failed)?;
        if answers.len() != offered.len() {
            let reason = format!("{} answers for {} files", answers.len(), offered.len());
            return Err(failed(reason));
        }
        for ((file, path), excluded) in files.into_iter().zip(answers) {
            if excluded {
                file.decision.action = Action::Exclude(path);
            }
        }
        Ok(())
    }
}

/// Two files that are restored under one name cannot both be in a backup, and one would be lost silently.
fn check_names(files: &[ImageFile]) -> Result<()> {
    let (mut shared, mut others) = (HashSet::with_hasher(RandomState::default()), HashSet::new());
    for file in files {
        let is_new = match shareable(&file.name) {
            Some(name) => shared.insert(name),
            None => others.insert(&file.name),
        };
        if !is_new {
            return Err(Error::invalid(format!("the image has {} twice", file.name)));
        }
    }
    Ok(())
}
