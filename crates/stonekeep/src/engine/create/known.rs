//! What the repository knows already when a backup is planned: stored files, their checksums, sessions, leftovers.

use std::collections::{HashMap, HashSet};

use stonekeep_format::backup_name::{NameSuffix, SharedKind, SharedName};
use stonekeep_format::unique_id::SessionId;
use stonekeep_format::{BackupId, Crc32c, FileNumber};

use super::identity::Identity;
use crate::repo::catalog::{self, LoadedMeta, MetaState};
use crate::repo::described::Described;
use crate::repo::facts::{BackupFacts, FileFacts};
use crate::repo::journal::JournalEntry;
use crate::repo::presence::Presence;
use crate::repo::{facts, journal, layout};
use crate::store::{Staged, Store};
use crate::{ErrorKind, Result};

/// What some record says of a stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredFile {
    /// The checksum, where the record has one.
    pub(super) crc32c: Option<Crc32c>,
    /// The newest readable backup that names it; `None` for a leftover of a killed run of ours.
    pub(super) backup: Option<BackupId>,
    /// Whether its bytes are known to be durable.
    pub(super) durable: bool,
    /// Its length, where the record has one.
    pub(super) size_bytes: Option<u64>,
}

/// A file that an earlier run has staged whole.
#[derive(Debug, Clone)]
pub(super) struct Resumable {
    pub(super) staged: Staged,
    pub(super) entry: JournalEntry,
}

/// The repository's knowledge, read newest first and only as far as it is needed.
pub(super) struct Known<'a> {
    store: &'a dyn Store,
    /// What stands in the repository's directories.
    pub(super) presence: Presence<'a>,
    /// The facts of the newest backup that has any.
    pub(super) newest_facts: Option<BackupFacts>,
    /// The newest readable backup.
    pub(super) newest: Option<LoadedMeta>,
    /// Backups whose meta file cannot be read.
    pub(super) unreadable: Vec<BackupId>,
    /// Older backups, not read yet; the newest last.
    unread: Vec<BackupId>,
    leftovers_read: bool,
    legacy_names: Option<HashSet<(FileNumber, SharedKind, u64)>>,
    by_number: HashMap<u64, FileFacts>,
    stored: HashMap<String, StoredFile>,
    sessions: HashMap<u64, Vec<SessionId>>,
    resumable: HashMap<u64, Vec<Resumable>>,
    gone: Vec<JournalEntry>,
}

impl<'a> Known<'a> {
    /// Reads the newest readable backup, and what killed runs have left.
    pub(super) fn read(store: &'a dyn Store) -> Result<Self> {
        let mut known = Known {
            store,
            presence: Presence::new(store),
            newest_facts: None,
            newest: None,
            unreadable: Vec::new(),
            unread: catalog::list(store)?.ids,
            leftovers_read: false,
            legacy_names: None,
            by_number: HashMap::new(),
            stored: HashMap::new(),
            sessions: HashMap::new(),
            resumable: HashMap::new(),
            gone: Vec::new(),
        };
        while known.newest.is_none() {
            let Some(loaded) = known.read_older()? else { break };
            known.newest = Some(loaded);
        }
        known.read_journals()?;
        Ok(known)
    }

    /// What is recorded of a table file with this number in the newest backup, if it is the same file.
    pub(super) fn recognise(&self, identity: &Identity) -> Option<&FileFacts> {
        self.by_number
            .get(&identity.number.0)
            .filter(|facts| identity.is_of(facts))
    }

    /// A staged file of a killed run, if it is the same file.
    pub(super) fn resume(&self, identity: &Identity) -> Option<&Resumable> {
        let staged = self.resumable.get(&identity.number.0)?;
        staged
            .iter()
            .find(|resumable| identity.is_of(&resumable.entry.file))
    }

    /// What the records say of a stored file; reads older backups until one names it.
    pub(super) fn stored(&mut self, path: &str) -> Result<Option<StoredFile>> {
        while !self.stored.contains_key(path) {
            if self.read_older()?.is_none() && !self.read_leftovers()? {
                return Ok(None);
            }
        }
        Ok(self.stored.get(path).cloned())
    }

    /// All backups that name this file, for a message. Reads every meta file.
    pub(super) fn backups_that_name(&self, path: &str) -> Result<Vec<BackupId>> {
        let mut ids = Vec::new();
        for id in catalog::list(self.store)?.ids {
            let MetaState::Readable(loaded) = catalog::load(self.store, id)? else {
                continue;
            };
            if loaded.meta.files.iter().any(|file| file.path.to_string() == path) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// The sessions that end in these 64 bits.
    pub(super) fn sessions(&self, low: u64) -> &[SessionId] {
        self.sessions.get(&low).map(Vec::as_slice).unwrap_or_default()
    }

    /// Remembers a session for the files that follow.
    pub(super) fn add_session(&mut self, session: SessionId) {
        let sessions = self.sessions.entry(session.lower()).or_default();
        if !sessions.contains(&session) {
            sessions.push(session);
        }
    }

    /// The id of the database that the newest backup is of.
    pub(super) fn database_id(&self) -> Result<Option<String>> {
        match (&self.newest_facts, &self.newest) {
            (Some(facts), _) => Ok(facts.database_id.clone()),
            (None, Some(loaded)) => Ok(Described::read(self.store, loaded)?.database_id),
            (None, None) => Ok(None),
        }
    }

    /// Whether a file with a legacy name of this number and size is stored.
    pub(super) fn has_legacy_name(
        &mut self,
        number: FileNumber,
        kind: SharedKind,
        size_bytes: u64,
    ) -> Result<bool> {
        if self.legacy_names.is_none() {
            let entries = self.store.list(Some(&layout::shared_checksum_directory()))?;
            let names = entries.iter().filter_map(|entry| SharedName::parse(&entry.name));
            let legacy = names.filter(|name| matches!(name.suffix(), NameSuffix::LegacyCrcSize { .. }));
            let key = |name: SharedName| Some((name.number(), name.kind(), name.size_bytes()?));
            self.legacy_names = Some(legacy.filter_map(key).collect());
        }
        Ok(self
            .legacy_names
            .as_ref()
            .is_some_and(|names| names.contains(&(number, kind, size_bytes))))
    }

    /// Reads the newest backup that is not read yet; `None` when all are.
    fn read_older(&mut self) -> Result<Option<LoadedMeta>> {
        while let Some(id) = self.unread.pop() {
            match catalog::load(self.store, id) {
                Ok(MetaState::Readable(loaded)) => {
                    self.add_backup(&loaded)?;
                    return Ok(Some(loaded));
                }
                Ok(MetaState::Unreadable(id, error)) => {
                    tracing::warn!(%id, reason = %error.one_line(), "the meta file cannot be read");
                    self.unreadable.push(id);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn add_backup(&mut self, loaded: &LoadedMeta) -> Result<()> {
        let first = self.newest.is_none();
        let facts = if first { loaded.facts(self.store)? } else { None };
        let durable = facts.as_ref().is_some_and(|facts| facts.durable);
        for file in loaded.meta.files.iter().filter(|file| !file.excluded) {
            if let Some(NameSuffix::Session { session, .. }) =
                file.path.shared_name().map(|name| name.suffix())
            {
                self.add_session(*session);
            }
            let stored = StoredFile {
                crc32c: file.crc32c,
                backup: Some(loaded.id),
                durable,
                size_bytes: file.size_bytes.or(file.path.size_bytes()),
            };
            self.stored.entry(file.path.to_string()).or_insert(stored);
        }
        if let Some(facts) = facts {
            for file in &facts.files {
                self.add_facts(file);
            }
            self.newest_facts = Some(BackupFacts {
                files: Vec::new(),
                ..facts
            });
        }
        Ok(())
    }

    fn add_facts(&mut self, file: &FileFacts) {
        if let Some(session) = session_of(file) {
            self.add_session(session);
        }
        if let Some(stored) = self.stored.get_mut(&file.path) {
            stored.size_bytes = Some(file.size_bytes);
        }
        if let Some(number) = number_of(file) {
            self.by_number.insert(number, file.clone());
        }
    }

    fn read_journals(&mut self) -> Result<()> {
        for area in self.store.areas()? {
            let journal = journal::read(self.store, &area)?;
            for (staged, entry) in journal.staged {
                if let Some(session) = session_of(&entry.file) {
                    self.add_session(session);
                }
                if let Some(number) = number_of(&entry.file) {
                    self.resumable
                        .entry(number)
                        .or_default()
                        .push(Resumable { staged, entry });
                }
            }
            self.gone.extend(journal.gone);
        }
        Ok(())
    }

    /// Files that a killed run of ours published and no backup names: from its facts and its journal. Read last, since
    /// what a meta file says wins. Whether there was anything to read.
    fn read_leftovers(&mut self) -> Result<bool> {
        if std::mem::replace(&mut self.leftovers_read, true) {
            return Ok(false);
        }
        for entry in std::mem::take(&mut self.gone) {
            self.add_leftover(&entry.file, entry.durable);
        }
        let committed = catalog::list(self.store)?.ids;
        for entry in self.store.list(Some(&layout::facts_directory()))? {
            let Some(id) = BackupId::parse(&entry.name).filter(|id| !committed.contains(id)) else {
                continue;
            };
            if let Some(facts) = facts::read_orphan(self.store, id)? {
                facts
                    .files
                    .iter()
                    .for_each(|file| self.add_leftover(file, facts.durable));
            }
        }
        Ok(true)
    }

    fn add_leftover(&mut self, file: &FileFacts, durable: bool) {
        if let Some(session) = session_of(file) {
            self.add_session(session);
        }
        self.stored.entry(file.path.clone()).or_insert(StoredFile {
            crc32c: Some(Crc32c(file.crc32c)),
            backup: None,
            durable,
            size_bytes: Some(file.size_bytes),
        });
    }
}

fn session_of(file: &FileFacts) -> Option<SessionId> {
    SessionId::parse(file.table.as_ref()?.session_id.as_deref()?)
}

fn number_of(file: &FileFacts) -> Option<u64> {
    let path = stonekeep_format::backup_name::RepoPath::parse(&file.path)?;
    path.restored_name().number().map(|number| number.0)
}
