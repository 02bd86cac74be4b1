//! Which files of an image are stored already, which are to be copied, and under which names: data, nothing is changed.

use stonekeep_format::backup_name::{NamingScheme, RepoPath, SharedKind, SharedName};
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::{Crc32c, FileNumber};

use super::identity::Identity;
use super::known::{Known, Resumable, StoredFile};
use super::session::{self, SessionSource};
use crate::engine::{BackupEngineOptions, MaybeExclude};
use crate::image::{DatabaseImage, ImageFile};
use crate::repo::facts::FileFacts;
use crate::repo::layout;
use crate::store::EntryKind;
use crate::{Error, ErrorKind, Result, Warning};

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
    /// Nothing: it is stored.
    Reuse {
        path: RepoPath,
        crc32c: Crc32c,
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
    /// What tells it from others; for tables and blobs.
    pub(super) identity: Option<Identity>,
    pub(super) session_id: Option<String>,
}

/// Everything that a backup will do, in the order of the meta file.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) files: Vec<PlanFile>,
    pub(super) tables_opened: u64,
    pub(super) warnings: Vec<Warning>,
}

/// Plans a backup of this image.
pub(super) fn plan(
    image: &DatabaseImage,
    options: &BackupEngineOptions,
    known: &mut Known<'_>,
) -> Result<Plan> {
    let mut planner = Planner {
        image,
        options,
        known,
        tables_opened: 0,
        warnings: Vec::new(),
    };
    let mut files = Vec::new();
    for (index, file) in image.files.iter().enumerate() {
        if !options.backup_log_files && matches!(file.name, DbFileName::Wal(_)) {
            continue;
        }
        files.push(planner.file(index, file)?);
    }
    planner.warn_of_renaming(&files);
    Ok(Plan {
        files,
        tables_opened: planner.tables_opened,
        warnings: planner.warnings,
    })
}

struct Planner<'p, 'k> {
    image: &'p DatabaseImage,
    options: &'p BackupEngineOptions,
    known: &'p mut Known<'k>,
    tables_opened: u64,
    warnings: Vec<Warning>,
}

impl Planner<'_, '_> {
    fn file(&mut self, index: usize, file: &ImageFile) -> Result<PlanFile> {
        let size_bytes = file.size_bytes;
        let Some((number, kind)) = shareable(&file.name) else {
            let action = Action::Copy(Target::Private);
            return Ok(PlanFile {
                index,
                size_bytes,
                action,
                identity: None,
                session_id: None,
            });
        };
        let identity = Identity::of(file, number)?;
        if !self.options.share_table_files {
            let action = Action::Copy(Target::Private);
            return Ok(PlanFile {
                index,
                size_bytes,
                action,
                identity: Some(identity),
                session_id: None,
            });
        }
        let recognised = self.known.recognise(&identity).cloned();
        let session_id = self.session_id(file, kind, &identity, recognised.as_ref())?;
        let target = self.target(file, number, kind, session_id.as_deref(), recognised.as_ref())?;
        let action = match target {
            Target::Shared(path) => self.shared(file, path, &identity, recognised.as_ref())?,
            other => match self.known.resume(&identity) {
                Some(resumable) => resume(resumable)?,
                None => Action::Copy(other),
            },
        };
        Ok(PlanFile {
            index,
            size_bytes,
            action,
            identity: Some(identity),
            session_id,
        })
    }

    /// The session that wrote a table: only names of the session kind need it.
    fn session_id(
        &mut self,
        file: &ImageFile,
        kind: SharedKind,
        identity: &Identity,
        recognised: Option<&FileFacts>,
    ) -> Result<Option<String>> {
        let naming = self.options.share_files_with_checksum_naming;
        if kind == SharedKind::Blob
            || !self.options.share_files_with_checksum
            || naming.scheme == NamingScheme::LegacyCrc32cAndFileSize
        {
            return Ok(None);
        }
        if let Some(facts) = recognised {
            return Ok(facts.table.as_ref().and_then(|table| table.session_id.clone()));
        }
        let (session, source) = session::find(file, identity, self.image.database_id.as_deref(), self.known)?;
        if source == SessionSource::Properties {
            self.tables_opened += 1;
        }
        if let Some(session) = session {
            self.known.add_session(session);
        }
        Ok(session.map(|session| session.as_str().to_owned()))
    }

    fn target(
        &self,
        file: &ImageFile,
        number: FileNumber,
        kind: SharedKind,
        session_id: Option<&str>,
        recognised: Option<&FileFacts>,
    ) -> Result<Target> {
        if !self.options.share_files_with_checksum {
            return Ok(Target::Shared(RepoPath::Shared(SharedName::unchecked(
                number, kind,
            ))));
        }
        let naming = self.options.share_files_with_checksum_naming;
        let session = session_id.and_then(stonekeep_format::unique_id::SessionId::parse);
        if let Some(name) = naming.name_without_checksum(number, kind, session, file.size_bytes) {
            return Ok(Target::Shared(RepoPath::SharedChecksum(name)));
        }
        // Bytes that an earlier backup has seen, or that the MANIFEST vouches for, need not be read for their name.
        let crc32c = file.crc32c.or(recognised.map(|facts| Crc32c(facts.crc32c)));
        Ok(match crc32c {
            Some(crc32c) => {
                let name = SharedName::legacy(number, kind, crc32c, file.size_bytes);
                Target::Shared(RepoPath::SharedChecksum(name))
            }
            None => Target::SharedByChecksum(number, kind),
        })
    }

    fn shared(
        &mut self,
        file: &ImageFile,
        path: RepoPath,
        identity: &Identity,
        recognised: Option<&FileFacts>,
    ) -> Result<Action> {
        let text = path.to_string();
        let found = self.known.presence.get(&layout::file(&path)?)?;
        let stored = match found {
            Some(_) => self.known.stored(&text)?,
            None => None,
        };
        let crc32c = stored.as_ref().and_then(|stored| stored.crc32c);
        let crc32c = crc32c.or(recognised
            .filter(|facts| facts.path == text)
            .map(|facts| Crc32c(facts.crc32c)));
        match (found, stored, crc32c) {
            (Some(found), Some(stored), Some(crc32c)) => {
                match self.usable(file, &text, found, &stored, crc32c)? {
                    true => Ok(Action::Reuse {
                        path,
                        crc32c,
                        durable: stored.durable,
                    }),
                    false => Ok(Action::Copy(Target::Shared(path))),
                }
            }
            _ => match self.known.resume(identity) {
                Some(resumable) if resumable.entry.file.path == text => resume(resumable),
                _ => Ok(Action::Copy(Target::Shared(path))),
            },
        }
    }

    /// Whether the stored file may stand for the database's: an error where readable backups would be harmed.
    fn usable(
        &self,
        file: &ImageFile,
        path: &str,
        found: (EntryKind, u64),
        stored: &StoredFile,
        crc32c: Crc32c,
    ) -> Result<bool> {
        let wrong_size = found != (EntryKind::File, file.size_bytes);
        let wrong_checksum = file.crc32c.is_some_and(|wanted| wanted != crc32c);
        if !wrong_size && !wrong_checksum {
            return Ok(true);
        }
        if stored.backup.is_none() {
            return Ok(false);
        }
        let reason = match (found, wrong_size) {
            ((EntryKind::File, size), true) => {
                format!("has {size} bytes, the database's file {}", file.size_bytes)
            }
            (_, true) => "is no regular file".to_owned(),
            _ => "has another checksum than the database's file".to_owned(),
        };
        Err(harmed(path, &reason, &self.known.backups_that_name(path)?))
    }

    /// Another naming or sharing option stores everything again; that is told before it is done.
    fn warn_of_renaming(&mut self, files: &[PlanFile]) {
        let again = files.iter().filter(|file| {
            let copied = matches!(file.action, Action::Copy(_));
            copied
                && file
                    .identity
                    .as_ref()
                    .is_some_and(|identity| self.known.recognise(identity).is_some())
        });
        let (count, bytes) = again.fold((0u64, 0), |(count, bytes), file| {
            (count + 1, bytes + file.size_bytes)
        });
        if count > 0 {
            self.warnings.push(Warning::general(format!(
                "{count} files ({bytes} bytes) are in the repository under other names, and are stored again: \
                 the sharing or naming options differ from those of the backup before, or files of it are missing"
            )));
        }
    }
}

fn resume(resumable: &Resumable) -> Result<Action> {
    let path = RepoPath::parse(&resumable.entry.file.path).ok_or_else(|| {
        Error::corrupt(
            resumable.staged.key.as_str(),
            "the journal gives it an impossible path",
        )
    })?;
    Ok(Action::Resume {
        path,
        resumable: Box::new(resumable.clone()),
    })
}

/// The error for a stored file that is not what the database and older backups take it for.
pub(super) fn harmed(path: &str, reason: &str, backups: &[stonekeep_format::BackupId]) -> Error {
    let ids: Vec<String> = backups.iter().map(ToString::to_string).collect();
    let finding = crate::Finding {
        file: path.to_owned(),
        reason: reason.to_owned(),
    };
    Error::new(
        ErrorKind::Corrupt,
        format!(
            "{path} in the repository {reason}; it belongs to backups {}",
            ids.join(", ")
        ),
    )
    .with_hint("verify those backups; a damaged one can be deleted, and the next backup stores the file anew")
    .with_findings(vec![finding])
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
    /// The files that an exclude callback may leave out: those that are not stored yet.
    pub(super) fn excludable(&self) -> Vec<(usize, RepoPath, MaybeExclude)> {
        let files = self.files.iter().enumerate();
        files
            .filter_map(|(at, file)| match &file.action {
                Action::Copy(Target::Shared(path @ RepoPath::SharedChecksum(_))) => {
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

    /// What will be read and written.
    pub(super) fn bytes_to_copy(&self) -> u64 {
        let copied = self
            .files
            .iter()
            .filter(|file| matches!(file.action, Action::Copy(_)));
        copied.map(|file| file.size_bytes).sum()
    }
}
