//! Step K3 of a copy: the files that backups share.

use stonekeep_format::Crc32c;
use stonekeep_format::backup_name::RepoPath;

use super::context::Context;
use super::report::CopiedFiles;
use super::source_backup::{SourceBackup, WantedFile};
use super::staging::Staging;
use super::target_files::{TargetFiles, There};
use crate::engine::create::namers::Namers;
use crate::parallel::run_bounded;
use crate::repo::layout;
use crate::store::{self, Key};
use crate::{Error, ErrorKind, Result};

/// What is to be done for the shared files of one backup.
#[derive(Default)]
pub(super) struct SharedPlan<'b> {
    /// Files that the target does not have.
    pub(super) new: Vec<&'b WantedFile>,
    /// Files in whose place the target has something else, which harms backups there or belongs to none.
    pub(super) replaced: Vec<&'b WantedFile>,
    /// Files whose bytes are to be compared.
    pub(super) compared: Vec<&'b WantedFile>,
    /// Files that are used again and that nobody is known to have made durable.
    pub(super) unsynced: Vec<Key>,
    /// What need not be copied.
    pub(super) files: CopiedFiles,
}

impl<'b> SharedPlan<'b> {
    /// Compares names, lengths and records; no shared file is read.
    ///
    /// # Errors
    /// I/O errors of the target.
    pub(super) fn make(backup: &'b SourceBackup, files: &mut TargetFiles<'_>) -> Result<Self> {
        let mut plan = SharedPlan::default();
        for wanted in &backup.shared {
            let (Some(path), Some(crc32c)) = (&wanted.path, wanted.crc32c) else {
                continue;
            };
            match files.look(path, wanted.size_bytes, crc32c)? {
                There::Nothing => plan.new.push(wanted),
                There::Another => plan.replaced.push(wanted),
                There::Unknown => plan.compared.push(wanted),
                There::Same { durable } => {
                    plan.files.reused(wanted.size_bytes);
                    if !durable {
                        plan.unsynced.push(layout::file(path)?);
                    }
                }
            }
        }
        Ok(plan)
    }

    /// Reads the files whose bytes decide, and refuses to replace what backups of the target name.
    ///
    /// # Errors
    /// `Refused`, `Stopped`, and I/O errors of the target.
    pub(super) fn settle(
        &mut self,
        context: &Context<'_>,
        staging: &Staging,
        backup: &SourceBackup,
    ) -> Result<()> {
        let compared = std::mem::take(&mut self.compared).into_iter();
        let (doubtful, compared): (Vec<_>, Vec<_>) =
            compared.partition(|wanted| staging.is_doubtful(&wanted.from));
        self.replaced.extend(doubtful);
        let compare = |wanted: &'b WantedFile| Ok((wanted, has_content(context, wanted, &wanted.from)?));
        for (wanted, same) in run_bounded(context.workers(), compared, compare)? {
            if same {
                self.files.resumed(wanted.size_bytes);
                self.unsynced.push(wanted.from.clone());
            } else {
                self.replaced.push(wanted);
            }
        }
        self.require_replaceable(context, backup)
    }

    /// Refuses where a backup of the target would be harmed.
    ///
    /// # Errors
    /// `Refused`, and I/O errors of the target.
    pub(super) fn require_replaceable(&self, context: &Context<'_>, backup: &SourceBackup) -> Result<()> {
        for wanted in &self.replaced {
            if let (Some(path), Some(crc32c)) = (&wanted.path, wanted.crc32c) {
                may_replace(context, path, crc32c, backup)?;
            }
        }
        Ok(())
    }
}

/// Whether the target has just these bytes under a key.
///
/// # Errors
/// `Stopped`, and I/O errors of the target.
pub(super) fn has_content(context: &Context<'_>, wanted: &WantedFile, key: &Key) -> Result<bool> {
    let object = match context.target().open(key) {
        Ok(object) if object.size_bytes() == wanted.size_bytes => object,
        Ok(_) => return Ok(false),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => return Ok(false),
        Err(error) => return Err(error),
    };
    let found = store::checksum(object.as_ref(), key.as_str(), context.observer)?;
    Ok(Some(found) == wanted.crc32c)
}

/// What backups name is replaced only by what all of them mean; nothing is, while some backup cannot be read.
///
/// # Errors
/// `Refused`, and I/O errors of the target.
pub(super) fn may_replace(
    context: &Context<'_>,
    path: &RepoPath,
    crc32c: Crc32c,
    backup: &SourceBackup,
) -> Result<()> {
    let namers = Namers::read(context.target(), path)?;
    if namers.agree_on(crc32c) {
        return Ok(());
    }
    let (id, location) = (backup.pinned.loaded.id, context.target().location());
    let ids: Vec<String> = namers.ids().map(|id| id.to_string()).collect();
    let message = match ids.as_slice() {
        [] => format!(
            "{path} in {location} is another file than in backup {id}, and may belong to a backup that cannot be read"
        ),
        ids => format!(
            "{path} in {location} is another file than in backup {id}, and belongs to backup {} there",
            ids.join(", ")
        ),
    };
    let hint = if ids.is_empty() {
        "delete the backups there that cannot be read, then copy again"
    } else {
        "verify the backups there; if they are right, copy this one into another repository: a repository has one file of each name"
    };
    Err(Error::refused(message).with_hint(hint))
}
