//! What is to be done for one file of the image, by its name, its identity and what is stored.

use stonekeep_format::backup_name::{NameSuffix, NamingScheme, RepoPath, SharedKind, SharedName};
use stonekeep_format::{Crc32c, FileNumber};

use super::identity::Identity;
use super::known::Known;
use super::leftovers::Resumable;
use super::plan::{Action, PlanFile, Target, shareable};
use super::recorded::Recorded;
use super::session::{self, Session};
use super::stored::{self, Evidence, Found};
use crate::engine::BackupEngineOptions;
use crate::image::ImageFile;
use crate::{Error, Result};

/// Plans file by file.
pub(super) struct Planner<'p, 'k> {
    /// The database that the files are of.
    database_id: Option<&'p str>,
    options: &'p BackupEngineOptions,
    known: &'p mut Known<'k>,
    pub(super) tables_opened: u64,
}

/// A file that backups share, with what is known of it.
struct Shareable<'f> {
    file: &'f ImageFile,
    number: FileNumber,
    kind: SharedKind,
    identity: &'f Identity,
    /// The same file in the newest backup.
    recognised: Option<Recognised>,
}

/// What the newest backup says of a file, as far as a plan needs it.
struct Recognised {
    session: Session,
    crc32c: Crc32c,
}

impl Recognised {
    fn of(recorded: &Recorded) -> Self {
        Recognised {
            session: recorded.session,
            crc32c: recorded.crc32c,
        }
    }
}

impl<'p, 'k> Planner<'p, 'k> {
    pub(super) fn new(
        database_id: Option<&'p str>,
        options: &'p BackupEngineOptions,
        known: &'p mut Known<'k>,
    ) -> Self {
        Planner {
            database_id,
            options,
            known,
            tables_opened: 0,
        }
    }

    /// The plan for a file, and whether reading it may tell that it need not be copied.
    pub(super) fn file(&mut self, index: usize, file: &ImageFile) -> Result<(PlanFile, bool)> {
        let planned = self.plan(index, file, true)?;
        planned.ok_or_else(|| Error::invalid(format!("{} was not opened", file.name)))
    }

    /// The plan for a table or blob that is stored or staged, if that can be told without opening it.
    pub(super) fn stored(&mut self, index: usize, file: &ImageFile) -> Result<Option<PlanFile>> {
        let planned = match self.plan(index, file, false) {
            // The database has deleted it meanwhile.
            Err(error) if error.io_kind() == Some(std::io::ErrorKind::NotFound) => None,
            planned => planned?,
        };
        let planned = planned.map(|(planned, _)| planned);
        Ok(planned.filter(|planned| !matches!(planned.action, Action::Copy(_))))
    }

    /// `None` if the file would have to be opened.
    fn plan(&mut self, index: usize, file: &ImageFile, may_open: bool) -> Result<Option<(PlanFile, bool)>> {
        let mut planned = PlanFile {
            index,
            size_bytes: file.size_bytes,
            action: Action::Copy(Target::Private),
            origin: None,
            session: Session::Unknown,
        };
        let Some((number, kind)) = shareable(&file.name) else {
            return Ok(Some((planned, false)));
        };
        let identity = &Identity::of(file, number)?;
        planned.origin = identity.origin.clone().map(Box::new);
        if !self.options.share_table_files {
            return Ok(Some((planned, false)));
        }
        let shareable = Shareable {
            file,
            number,
            kind,
            recognised: self.known.recognise(identity).map(Recognised::of),
            identity,
        };
        let Some(session) = self.session(&shareable, may_open)? else {
            return Ok(None);
        };
        planned.session = session;
        let (action, unsure) = match self.target(&shareable, &planned.session) {
            Target::Shared(path) => self.shared(&shareable, path)?,
            target => (self.unnamed(&shareable, target)?, false),
        };
        planned.action = action;
        Ok(Some((planned, unsure)))
    }

    /// The session that wrote a table: only names of the session kind need it. `None` if the file would have to be opened.
    fn session(&mut self, shareable: &Shareable<'_>, may_open: bool) -> Result<Option<Session>> {
        let naming = self.options.share_files_with_checksum_naming;
        let recognised = shareable.recognised.as_ref();
        let known = recognised.map_or(Session::Unknown, |recognised| recognised.session);
        if known != Session::Unknown
            || shareable.kind == SharedKind::Blob
            || !self.options.share_files_with_checksum
            || naming.scheme == NamingScheme::LegacyCrc32cAndFileSize
        {
            return Ok(Some(known));
        }
        let session = match session::proven(shareable.identity, self.database_id, self.known) {
            Some(session) => session,
            None if !may_open => return Ok(None),
            None => {
                self.tables_opened += 1;
                session::read(shareable.file)?
            }
        };
        if let Some(session) = session.id() {
            self.known.add_session(session);
        }
        Ok(Some(session))
    }

    fn target(&self, shareable: &Shareable<'_>, session: &Session) -> Target {
        let (number, kind, size_bytes) = (shareable.number, shareable.kind, shareable.file.size_bytes);
        if !self.options.share_files_with_checksum {
            return Target::Shared(RepoPath::Shared(SharedName::unchecked(number, kind)));
        }
        let naming = self.options.share_files_with_checksum_naming;
        if let Some(name) = naming.name_without_checksum(number, kind, session.id(), size_bytes) {
            return Target::Shared(RepoPath::SharedChecksum(name));
        }
        // Bytes that an earlier backup has seen, or that the MANIFEST vouches for, need not be read for their name.
        match shareable.crc32c() {
            Some(crc32c) => {
                let name = SharedName::legacy(number, kind, crc32c, size_bytes);
                Target::Shared(RepoPath::SharedChecksum(name))
            }
            None => Target::SharedByChecksum(number, kind),
        }
    }

    fn shared(&mut self, shareable: &Shareable<'_>, path: RepoPath) -> Result<(Action, bool)> {
        let evidence = Evidence {
            crc32c: shareable.crc32c(),
            read: false,
            name_proves: names_one_file(&path) && !self.known.is_another(&path, shareable.identity),
        };
        let found = stored::find(self.known, &path, shareable.file.size_bytes, evidence)?;
        if let Found::Same { crc32c, durable } = found {
            let reuse = Action::Reuse {
                path,
                crc32c,
                durable,
            };
            return Ok((reuse, false));
        }
        let resumable = self
            .known
            .resume(shareable.identity, |staged| staged.path == path)?;
        match resumable {
            Some(resumable) => Ok((resume(resumable)?, false)),
            None => Ok((Action::Copy(Target::Shared(path)), found == Found::Unsure)),
        }
    }

    /// A file whose name is known only when it has been read, by this run or by one that was killed.
    fn unnamed(&self, shareable: &Shareable<'_>, target: Target) -> Result<Action> {
        let named = |staged: &Recorded| {
            let (crc32c, size_bytes) = (staged.crc32c, staged.size_bytes);
            let name = SharedName::legacy(shareable.number, shareable.kind, crc32c, size_bytes);
            RepoPath::SharedChecksum(name) == staged.path
        };
        match self.known.resume(shareable.identity, named)? {
            Some(resumable) => resume(resumable),
            None => Ok(Action::Copy(target)),
        }
    }
}

impl Shareable<'_> {
    /// The checksum that the file should have.
    fn crc32c(&self) -> Option<Crc32c> {
        let recognised = self.recognised.as_ref();
        self.file
            .crc32c
            .or(recognised.map(|recognised| recognised.crc32c))
    }
}

/// Whether no two files have this name: it has the session that wrote the file in it.
fn names_one_file(path: &RepoPath) -> bool {
    let name = path.shared_name();
    name.is_some_and(|name| matches!(name.suffix(), NameSuffix::Session { .. }))
}

fn resume(resumable: Resumable) -> Result<Action> {
    let path = RepoPath::parse(&resumable.entry.file.path).ok_or_else(|| {
        Error::corrupt(
            resumable.staged.key.as_str(),
            "the journal gives it an impossible path",
        )
    })?;
    Ok(Action::Resume {
        path,
        resumable: Box::new(resumable),
    })
}
