//! What a backup does with each file of an image.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use stonekeep_format::backup_name::{PrivateName, RepoPath, SharedKind, SharedName};
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::{BackupId, Crc32c, FileNumber};

use super::identity::Identity;
use crate::image::ImageFile;
use crate::repo::facts::{FileFacts, Session};
use crate::store::{PutMode, Upload};
use crate::{Error, Result};

/// The name that a file gets in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A shared name that is known now.
    Shared(RepoPath),
    /// The legacy name, which contains the checksum of the content.
    SharedByChecksum(FileNumber, SharedKind),
    /// In the backup's own directory.
    Private,
}

/// What is done with a file.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// Read it and write it.
    Copy(Target),
    /// Nothing: it is stored.
    Reuse {
        path: RepoPath,
        crc32c: Crc32c,
        /// Whether content and name are known to be durable.
        durable: bool,
    },
    /// Give it its name: it is staged.
    Publish(Box<StagedFile>),
    /// Leave it out, as the exclude callback says.
    Exclude(RepoPath),
}

/// A file that is complete in a staging area.
#[derive(Debug, Clone)]
pub(super) struct StagedFile {
    /// Its path, unless it goes to the backup's own directory.
    pub(super) path: Option<RepoPath>,
    pub(super) crc32c: Crc32c,
    pub(super) staged: Upload,
    pub(super) durable: bool,
    /// Whether an earlier run staged it, which was killed.
    pub(super) by_killed_run: bool,
}

/// The decision about one file.
#[derive(Debug, Clone)]
pub(super) struct Decision {
    pub(super) identity: Identity,
    pub(super) session: Session,
    pub(super) action: Action,
    /// What a copy does with what has its name.
    pub(super) mode: PutMode,
    /// Whether older backups name the file and lack it, so that storing it again heals them.
    pub(super) heals: bool,
    /// Which line about a file of the newest backup's facts says the same.
    pub(super) line: Option<u32>,
}

/// A file of the image with the decision about it.
#[derive(Debug)]
pub(super) struct PlannedFile<'i> {
    pub(super) image: &'i ImageFile,
    /// Boxed: it is kept from capture to commit, and a large database has many.
    pub(super) decision: Box<Decision>,
}

/// Where a file is before the commit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready<'p> {
    /// Its path, unless it goes to the backup's own directory.
    pub(super) path: Option<&'p RepoPath>,
    pub(super) crc32c: Crc32c,
    /// Where it is staged, if it is not stored yet.
    pub(super) staged: Option<&'p Upload>,
}

impl Target {
    /// The path of a shared file whose content has this checksum; `None` for a private one.
    pub(super) fn path(&self, crc32c: Crc32c, size_bytes: u64) -> Option<RepoPath> {
        match self {
            Target::Shared(path) => Some(path.clone()),
            Target::SharedByChecksum(number, kind) => {
                let name = SharedName::legacy(*number, *kind, crc32c, size_bytes);
                Some(RepoPath::SharedChecksum(name))
            }
            Target::Private => None,
        }
    }
}

impl PlannedFile<'_> {
    pub(super) fn size_bytes(&self) -> u64 {
        self.image.size_bytes
    }

    /// `None` if it is still to be copied, or excluded.
    pub(super) fn ready(&self) -> Option<Ready<'_>> {
        match &self.decision.action {
            Action::Reuse { path, crc32c, .. } => Some(Ready {
                path: Some(path),
                crc32c: *crc32c,
                staged: None,
            }),
            Action::Publish(file) => Some(Ready {
                path: file.path.as_ref(),
                crc32c: file.crc32c,
                staged: Some(&file.staged),
            }),
            Action::Copy(_) | Action::Exclude(_) => None,
        }
    }

    /// The path of the file in the repository: `shared` if it is shared, else in the backup's own directory.
    pub(super) fn path(&self, shared: Option<&RepoPath>, id: BackupId) -> Result<RepoPath> {
        if let Some(path) = shared {
            return Ok(path.clone());
        }
        let name = PrivateName::new(id, self.image.name.clone());
        let name = name.ok_or_else(|| {
            let message = format!("{} is not a file of a backup", self.image.name);
            Error::invalid(message)
        })?;
        Ok(RepoPath::Private(name))
    }

    /// The facts to keep of it.
    pub(super) fn facts(&self, path: &RepoPath, crc32c: Crc32c) -> FileFacts {
        self.decision.identity.facts(path, crc32c, self.decision.session)
    }
}

/// Number and kind of a file that backups share.
pub(super) fn shareable(name: &DbFileName) -> Option<(FileNumber, SharedKind)> {
    match name {
        DbFileName::Table { number, .. } => Some((*number, SharedKind::Table)),
        DbFileName::Blob(number) => Some((*number, SharedKind::Blob)),
        _ => None,
    }
}

/// Decisions about tables and blobs that are made before the image is complete, until the plan takes them.
#[derive(Default)]
pub(super) struct EarlyDecisions {
    decisions: HashMap<(FileNumber, SharedKind), Box<Decision>, RandomState>,
}

impl EarlyDecisions {
    pub(super) fn insert(&mut self, image: &ImageFile, decision: Box<Decision>) {
        if let Some(key) = shareable(&image.name) {
            self.decisions.insert(key, decision);
        }
    }

    /// Whether there is one about this very file.
    pub(super) fn contains(&self, image: &ImageFile) -> bool {
        let decision = shareable(&image.name).and_then(|key| self.decisions.get(&key));
        decision.is_some_and(|decision| is_about(decision, image))
    }

    pub(super) fn take(&mut self, image: &ImageFile) -> Option<Box<Decision>> {
        let decision = self.decisions.remove(&shareable(&image.name)?)?;
        is_about(&decision, image).then_some(decision)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.decisions.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.decisions.clear();
    }

    /// Frees the memory of decisions that were taken.
    pub(super) fn shrink_to_fit(&mut self) {
        self.decisions.shrink_to_fit();
    }
}

fn is_about(decision: &Decision, image: &ImageFile) -> bool {
    decision.identity.size_bytes == image.size_bytes && decision.identity.table == image.table
}
