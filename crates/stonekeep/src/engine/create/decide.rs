//! What is done with a table or blob: decided from what is known of the file and of the repository, without reading or
//! changing anything. Where too little is known, the answer is what to read first.

use stonekeep_format::backup_name::{NameSuffix, NamingScheme, RepoPath, SharedKind, SharedName};
use stonekeep_format::{BackupId, Crc32c, FileNumber};

use super::decision::{Action, StagedFile, Target};
use super::identity::Identity;
use super::inputs::PlanInputs;
use super::session;
use super::stored_record::{Lookup, Origin, StoredRecord};
use crate::Result;
use crate::engine::BackupEngineOptions;
use crate::image::ImageFile;
use crate::repo::facts::{FileFacts, Session};
use crate::repo::wrong::Wrong;
use crate::store::{EntryKind, Uploads};

/// A table or blob of the database, with what is known of it.
pub(super) struct Candidate<'i> {
    pub(super) image: &'i ImageFile,
    number: FileNumber,
    kind: SharedKind,
    pub(super) identity: Identity,
    pub(super) session: Session,
    /// The checksum of its content by the MANIFEST or by the newest backup.
    expected: Option<Crc32c>,
    /// The checksum of its content, once that was read.
    pub(super) content: Option<Crc32c>,
}

/// The next step towards a decision.
#[derive(Debug)]
pub(super) enum Step {
    Decided {
        action: Action,
        heals: bool,
    },
    /// Read which session wrote the table.
    ReadSession,
    /// Read the file: its checksum tells whether it is stored, or which name it gets.
    ReadContent,
    /// Read [more](PlanInputs::read_more) of the repository's records.
    ReadMore,
    /// Read the stored file of this path for its checksum.
    ReadStored(RepoPath),
    /// Read [whether the meta file](PlanInputs::read_facts_of) of this backup is the one that its facts describe.
    ReadFacts(BackupId),
    /// Backups name what is stored under this path, which is not the file: for this reason. Content with this checksum may
    /// replace it, if all these backups mean that.
    Conflict {
        path: RepoPath,
        reason: String,
        replacement: Option<Crc32c>,
    },
}

/// What is decided by options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'o> {
    pub(super) engine: &'o BackupEngineOptions,
    /// Whether a callback may exclude files.
    pub(super) may_exclude: bool,
    /// Whether the name of a copy has to be known before it is made.
    pub(super) uploads: Uploads,
}

impl<'i> Candidate<'i> {
    /// What is known of a file before anything is read.
    ///
    /// # Errors
    /// Those of `stat`, for a file without a unique id.
    pub(super) fn of(
        image: &'i ImageFile,
        number: FileNumber,
        kind: SharedKind,
        database_id: Option<&str>,
        inputs: &PlanInputs<'_>,
    ) -> Result<Self> {
        let identity = Identity::of(image)?;
        let recorded = inputs.recognise(number, &identity);
        let proven = || {
            let unique_id = identity.unique_id().filter(|_| kind == SharedKind::Table)?;
            session::proven(unique_id, number, database_id, inputs.sessions(unique_id.low))
        };
        let session = match recorded.map(FileFacts::session) {
            None | Some(Session::Unknown) => proven().map_or(Session::Unknown, Session::Id),
            Some(session) => session,
        };
        let expected = image.crc32c.or(recorded.map(|recorded| Crc32c(recorded.crc32c)));
        Ok(Candidate {
            image,
            number,
            kind,
            identity,
            session,
            expected,
            content: None,
        })
    }

    /// The name that the file gets, as far as that is known.
    fn target(&self, options: &BackupEngineOptions) -> Target {
        let (number, kind, size_bytes) = (self.number, self.kind, self.image.size_bytes);
        if !options.share_files_with_checksum {
            return Target::Shared(RepoPath::Shared(SharedName::unchecked(number, kind)));
        }
        let naming = options.share_files_with_checksum_naming;
        if let Some(name) = naming.name_without_checksum(number, kind, self.session.id(), size_bytes) {
            return Target::Shared(RepoPath::SharedChecksum(name));
        }
        // A checksum that the MANIFEST or an earlier backup has need not be computed for the name.
        match self.expected.or(self.content) {
            Some(crc32c) => {
                let name = SharedName::legacy(number, kind, crc32c, size_bytes);
                Target::Shared(RepoPath::SharedChecksum(name))
            }
            None => Target::SharedByChecksum(number, kind),
        }
    }

    /// Only names of the session kind need the session.
    fn needs_session(&self, options: &BackupEngineOptions) -> bool {
        self.session == Session::Unknown
            && self.kind == SharedKind::Table
            && options.share_files_with_checksum
            && options.share_files_with_checksum_naming.scheme != NamingScheme::LegacyCrc32cAndFileSize
    }
}

/// The next step for this file.
///
/// # Errors
/// I/O errors of the store, where a directory is listed for the first time.
pub(super) fn next_step(file: &Candidate<'_>, rules: Rules<'_>, inputs: &PlanInputs<'_>) -> Result<Step> {
    if !rules.engine.share_table_files {
        return Ok(copy(Target::Private));
    }
    if file.needs_session(rules.engine) {
        return Ok(Step::ReadSession);
    }
    let target = file.target(rules.engine);
    let step = match &target {
        Target::Shared(path) => compare(file, path, inputs)?,
        // The callback is asked by name, and some stores have to know it; and it is better to read a file twice than to write
        // it in vain.
        _ if rules.may_exclude
            || rules.uploads == Uploads::Named
            || inputs.has_legacy_name(file.number, file.kind, file.image.size_bytes)? =>
        {
            Step::ReadContent
        }
        _ => copy(target.clone()),
    };
    let heals = match &step {
        Step::Decided {
            action: Action::Copy(_),
            heals,
        } => *heals,
        Step::ReadContent => false,
        _ => return Ok(step),
    };
    // What a killed run has staged is as good as a copy, and need not be read.
    let wanted = |staged: &FileFacts| {
        let path = target.path(Crc32c(staged.crc32c), staged.size_bytes);
        path.as_ref() == Some(&staged.path)
    };
    let staged = match file.content {
        None => inputs.leftovers.find(file.number, &file.identity, wanted),
        Some(_) => None,
    };
    Ok(match staged {
        Some(leftover) => {
            let action = Action::Publish(Box::new(StagedFile {
                path: Some(leftover.facts.path.clone()),
                crc32c: Crc32c(leftover.facts.crc32c),
                staged: leftover.staged.clone(),
                durable: leftover.durable,
                by_killed_run: true,
            }));
            Step::Decided { action, heals }
        }
        None => step,
    })
}

fn copy(target: Target) -> Step {
    Step::Decided {
        action: Action::Copy(target),
        heals: false,
    }
}

/// Compares the file with what is stored under the path that it would have.
fn compare(file: &Candidate<'_>, path: &RepoPath, inputs: &PlanInputs<'_>) -> Result<Step> {
    let found = inputs.index.get(path)?;
    let record = if found.is_some() || inputs.may_be_named(file.number) {
        match inputs.lookup(path) {
            Lookup::Named(record) => Some(record),
            Lookup::Unnamed => None,
            Lookup::MoreToRead => return Ok(Step::ReadMore),
        }
    } else {
        None
    };
    let Some(found) = found else {
        return Ok(missing(file, path, record));
    };
    let record = record.unwrap_or_default();
    if record.backup.is_none() && inputs.leftovers.is_doubtful(path) {
        return Ok(copy(Target::Shared(path.clone())));
    }
    let found_bytes = found.size_bytes.unwrap_or_default();
    let has_its_size = found_bytes == file.image.size_bytes;
    if found.kind == EntryKind::File && is_damaged_inside(file, path, &record, inputs) {
        match file.content {
            None if has_its_size => return Ok(Step::ReadContent),
            Some(content) if record.crc32c.is_some_and(|recorded| recorded != content) => {
                let name = SharedName::legacy(file.number, file.kind, content, file.image.size_bytes);
                return compare(file, &RepoPath::SharedChecksum(name), inputs);
            }
            _ => {}
        }
    }
    Ok(match found.kind {
        EntryKind::File if has_its_size => same_size(file, path, record, inputs),
        EntryKind::File => {
            let size_bytes = file.image.size_bytes;
            let reason = format!("has {found_bytes} bytes, the database's file {size_bytes}");
            match (record.backup, file.content) {
                (Some(_), None) => Step::ReadContent,
                (_, content) => conflict(path, record, reason, content),
            }
        }
        _ => conflict(path, record, Wrong::NoFile.to_string(), None),
    })
}

/// Whether a stored file that has its name from a session has the bytes that backups mean, and was found damaged inside: the database's file
/// may be right, and then gets the name that contains its own checksum.
fn is_damaged_inside(
    file: &Candidate<'_>,
    path: &RepoPath,
    record: &StoredRecord,
    inputs: &PlanInputs<'_>,
) -> bool {
    let size_bytes = file.image.size_bytes;
    let damage = || inputs.doubts.damage_inside(path, size_bytes, record.crc32c);
    names_one_file(path) && damage().is_some()
}

/// Nothing has the path. A copy heals the backups that name it, if it is what they mean.
fn missing(file: &Candidate<'_>, path: &RepoPath, record: Option<StoredRecord>) -> Step {
    let record = record.unwrap_or_default();
    match (record.crc32c, file.content) {
        (Some(_), None) => Step::ReadContent,
        (Some(recorded), Some(content)) if recorded != content => {
            let reason = "is missing, and the database's file is another".to_owned();
            conflict(path, record, reason, None)
        }
        _ => Step::Decided {
            action: Action::Copy(Target::Shared(path.clone())),
            heals: record.backup.is_some(),
        },
    }
}

/// A file of the right size has the path.
fn same_size(file: &Candidate<'_>, path: &RepoPath, record: StoredRecord, inputs: &PlanInputs<'_>) -> Step {
    let reuse = |crc32c| Step::Decided {
        action: Action::Reuse {
            path: path.clone(),
            crc32c,
            durable: record.durable,
        },
        heals: false,
    };
    let name_proves = || names_one_file(path) && !inputs.is_another(path, file.number, &file.identity);
    let is_read = record.origin == Origin::Bytes;
    let damaged = !is_read
        && inputs
            .doubts
            .is_known_damage(path, file.image.size_bytes, &record);
    match (record.crc32c, file.content.or(file.expected)) {
        // What was found damaged is read once more, and replaced if it is.
        _ if damaged && file.content.is_none() => Step::ReadContent,
        _ if damaged => Step::ReadStored(path.clone()),
        (Some(recorded), None) if name_proves() => match (record.origin, record.backup) {
            (Origin::Meta, Some(id)) => match inputs.doubts.is_contradicted(id) {
                None => Step::ReadFacts(id),
                Some(true) => Step::ReadContent,
                Some(false) => reuse(recorded),
            },
            _ => reuse(recorded),
        },
        (_, None) => Step::ReadContent,
        (Some(recorded), Some(expected)) if recorded == expected => reuse(recorded),
        // Either the stored file is another one, or the record is wrong.
        _ if !is_read => Step::ReadStored(path.clone()),
        _ => {
            let reason = "has another checksum than the database's file".to_owned();
            conflict(path, record, reason, file.content)
        }
    }
}

/// What is stored is not the file. It is replaced without further ado if no backup names it.
fn conflict(path: &RepoPath, record: StoredRecord, reason: String, replacement: Option<Crc32c>) -> Step {
    match record.backup {
        None => copy(Target::Shared(path.clone())),
        Some(_) => Step::Conflict {
            path: path.clone(),
            reason,
            replacement,
        },
    }
}

/// Whether no two files have this name: it contains the session that wrote the file.
fn names_one_file(path: &RepoPath) -> bool {
    let name = path.shared_name();
    name.is_some_and(|name| matches!(name.suffix(), NameSuffix::Session { .. }))
}
