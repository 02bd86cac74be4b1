//! Which files of an image are stored already, which are to be copied, and under which names: data, nothing is changed.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use stonekeep_format::backup_name::{RepoPath, SharedKind};
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::{FileNumber, SequenceNumber};

use super::host::Host;
use super::leftovers::Resumable;
use super::session::Session;
use crate::engine::MaybeExclude;
use crate::image::{DatabaseImage, ImageFile};
use crate::repo::facts::FileOrigin;
use crate::repo::went_back::WentBack;
use crate::store::Staged;
use crate::{Error, Result, Warning};

/// The name that a file is to have in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A shared name that is known now.
    Shared(RepoPath),
    /// The legacy name, which has the checksum of the content in it.
    SharedByChecksum(FileNumber, SharedKind),
    /// In the backup's own directory.
    Private,
}

/// What is to be done for a file.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// Read it and write it.
    Copy(Target),
    /// Nothing more: this run has copied it already.
    Taken {
        path: RepoPath,
        crc32c: stonekeep_format::Crc32c,
        staged: Box<Staged>,
        durable: bool,
    },
    /// Nothing: it is stored.
    Reuse {
        path: RepoPath,
        crc32c: stonekeep_format::Crc32c,
        durable: bool,
    },
    /// Publish what a killed run has staged.
    Resume {
        path: RepoPath,
        resumable: Box<Resumable>,
    },
    /// Leave it out, by the callback's wish.
    Exclude(RepoPath),
}

/// One file of the image with what is to be done for it.
#[derive(Debug, Clone)]
pub(super) struct PlanFile {
    /// Its place in the image.
    pub(super) index: usize,
    pub(super) size_bytes: u64,
    pub(super) action: Action,
    /// For tables and blobs without a unique id.
    pub(super) origin: Option<Box<FileOrigin>>,
    pub(super) session: Session,
}

/// Everything that a backup will do, in the order of the meta file.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) files: Vec<PlanFile>,
    /// Files that need not be copied if they are what is stored under their name, which reading them tells.
    pub(super) unsure: Vec<usize>,
    /// The last sequence number in the backup.
    pub(super) sequence_number: SequenceNumber,
    /// Transactions that are prepared in its WALs, and neither committed nor rolled back.
    pub(super) prepared_transactions: u64,
    pub(super) tables_opened: u64,
    pub(super) warnings: Vec<Warning>,
    /// That the database went back to an older state, as far as nobody has accepted it.
    pub(super) went_back: Vec<WentBack>,
}

/// Plans a backup of this image.
pub(super) fn plan(image: &DatabaseImage, host: &mut Host<'_>) -> Result<Plan> {
    check_names(&image.files)?;
    let options = host.context.engine.options();
    let mut plan = Plan {
        files: Vec::with_capacity(image.files.len()),
        unsure: Vec::new(),
        sequence_number: match options.backup_log_files {
            true => image.sequence_number,
            false => image.sequence_number_without_wals,
        },
        prepared_transactions: match options.backup_log_files {
            true => image.prepared_transactions,
            false => 0,
        },
        tables_opened: host.tables_opened,
        warnings: Vec::new(),
        went_back: Vec::new(),
    };
    for (index, file) in image.files.iter().enumerate() {
        if !options.backup_log_files && matches!(file.name, DbFileName::Wal(_)) {
            continue;
        }
        if let Some(settled) = host.settled.take(file) {
            plan.files.push(PlanFile { index, ..settled });
            continue;
        }
        let mut planner = host.planner();
        let (planned, unsure) = planner.file(index, file)?;
        plan.tables_opened += planner.tables_opened;
        if unsure {
            plan.unsure.push(plan.files.len());
        }
        plan.files.push(planned);
    }
    Ok(plan)
}

/// Two files that come back under one name cannot both be in a backup, and one would be lost without a word.
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

/// Number and kind of a file that backups share.
pub(super) fn shareable(name: &DbFileName) -> Option<(FileNumber, SharedKind)> {
    match name {
        DbFileName::Table { number, .. } => Some((*number, SharedKind::Table)),
        DbFileName::Blob(number) => Some((*number, SharedKind::Blob)),
        _ => None,
    }
}

impl Plan {
    /// The files that an exclude callback may leave out: those that no backup has stored yet.
    pub(super) fn excludable(&self) -> Vec<(usize, RepoPath, MaybeExclude)> {
        let files = self.files.iter().enumerate();
        files
            .filter_map(|(at, file)| match &file.action {
                Action::Copy(Target::Shared(path @ RepoPath::SharedChecksum(_)))
                | Action::Taken { path, .. }
                | Action::Resume { path, .. } => {
                    let offered = MaybeExclude {
                        path: path.to_string(),
                        size_bytes: file.size_bytes,
                    };
                    Some((at, path.clone(), offered))
                }
                _ => None,
            })
            .collect()
    }

    /// Staging areas of killed runs that have something of use.
    pub(super) fn areas_to_keep(&self) -> HashSet<&str> {
        let files = self.files.iter();
        files
            .filter_map(|file| match &file.action {
                Action::Resume { resumable, .. } => Some(resumable.staged.area.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Bytes and files that are not stored yet, staged or not.
    pub(super) fn bytes_and_files_to_store(&self) -> (u64, u64) {
        let is_new = |action: &Action| !matches!(action, Action::Reuse { .. } | Action::Exclude(_));
        let new = self.files.iter().filter(|file| is_new(&file.action));
        new.fold((0, 0), |(bytes, files), file| {
            (bytes + file.size_bytes, files + 1)
        })
    }
}
