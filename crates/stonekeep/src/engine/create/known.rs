//! What the repository knows already when a backup is planned: stored files, their checksums, sessions, leftovers.

use std::collections::{BTreeSet, HashMap, HashSet};

use foldhash::fast::RandomState;
use stonekeep_format::backup_meta::BackupMeta;
use stonekeep_format::backup_name::{NameSuffix, RepoPath, SharedKind, SharedName};
use stonekeep_format::unique_id::SessionId;
use stonekeep_format::{BackupId, Crc32c, FileNumber};

use super::identity::Identity;
use super::leftovers::{Leftovers, Resumable};
use super::plan::shareable;
use super::recorded::Recorded;
use crate::repo::catalog::{self, LoadedMeta, MetaState};
use crate::repo::described::Described;
use crate::repo::facts::{BackupFacts, FileFacts};
use crate::repo::index::RepositoryIndex;
use crate::repo::layout;
use crate::store::Store;
use crate::{ErrorKind, Observer, Result};

/// What some record says of a stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredFile {
    /// The checksum, where the record has one.
    pub(super) crc32c: Option<Crc32c>,
    /// The newest readable backup that names it; `None` for a leftover of a run of ours that did not end.
    pub(super) backup: Option<BackupId>,
    /// Whether content and name are known to be durable.
    pub(super) durable: bool,
}

/// The repository's knowledge, read newest first and only as far as it is needed.
pub(super) struct Known<'a> {
    pub(super) store: &'a dyn Store,
    /// Who may ask to stop while stored files are read.
    pub(super) observer: &'a dyn Observer,
    /// What stands in the repository's directories.
    pub(super) index: RepositoryIndex<'a>,
    /// The facts of the newest readable backup, without their files.
    newest_facts: Option<BackupFacts>,
    /// The newest readable backup.
    newest: Option<LoadedMeta>,
    /// Older backups, not read yet; the newest last.
    unread: Vec<BackupId>,
    leftovers: Leftovers,
    leftovers_added: bool,
    /// Tables and blobs of the newest backup, if there are no facts about it.
    newest_files: Vec<((FileNumber, SharedKind), RepoPath)>,
    /// The largest file number in the newest backup.
    largest_number: Option<FileNumber>,
    legacy_names: Option<HashSet<(FileNumber, SharedKind, u64)>>,
    /// The files of the newest backup that we have facts about, in the order of their numbers.
    by_number: Vec<(u64, Recorded)>,
    /// Files of backups that are read, those of the newest left out if there are facts about it.
    stored: HashMap<RepoPath, StoredFile, RandomState>,
    sessions: HashMap<u64, Vec<SessionId>>,
    /// Files that backups name and that are missing or wrong: to be stored anew, as all of these backups mean them.
    healed: BTreeSet<RepoPath>,
}

impl<'a> Known<'a> {
    /// Reads the newest readable backup, and what killed runs have left.
    pub(super) fn read(store: &'a dyn Store, observer: &'a dyn Observer) -> Result<Self> {
        let mut known = Known {
            store,
            observer,
            index: RepositoryIndex::new(store),
            newest_facts: None,
            newest: None,
            unread: catalog::list(store)?.ids,
            leftovers: Leftovers::read(store)?,
            leftovers_added: false,
            newest_files: Vec::new(),
            largest_number: None,
            legacy_names: None,
            by_number: Vec::new(),
            stored: HashMap::default(),
            sessions: HashMap::new(),
            healed: BTreeSet::new(),
        };
        // What is stored is asked for only where backups are.
        let newest = match known.unread.is_empty() {
            true => None,
            false => {
                let index = RepositoryIndex::new(store);
                let newest = index.while_listing(|| known.read_older());
                known.index = index;
                newest?
            }
        };
        if let Some(newest) = newest {
            known.add_newest(&newest);
            known.newest = Some(match known.newest_facts.is_some() {
                // Its files are known by now, and nobody else asks for them.
                true => LoadedMeta {
                    meta: BackupMeta::default(),
                    ..newest
                },
                false => newest,
            });
        }
        let sessions: Vec<SessionId> = known.leftovers.files().filter_map(FileFacts::session).collect();
        sessions
            .into_iter()
            .for_each(|session| known.add_session(session));
        Ok(known)
    }

    /// What is recorded of a file with this number in the newest backup, if it is the same file.
    pub(super) fn recognise(&self, identity: &Identity) -> Option<&Recorded> {
        self.recorded(identity.number)
            .filter(|recorded| identity.is_of(recorded))
    }

    fn recorded(&self, number: FileNumber) -> Option<&Recorded> {
        let at = self
            .by_number
            .binary_search_by_key(&number.0, |(number, _)| *number);
        self.by_number.get(at.ok()?).map(|(_, recorded)| recorded)
    }

    /// Frees what only planning needs.
    pub(super) fn forget_files(&mut self) {
        self.by_number = Vec::new();
        self.newest_files = Vec::new();
        self.stored = HashMap::default();
    }

    /// Whether our facts say that what is stored under this path is another file of the same number.
    pub(super) fn is_another(&self, path: &RepoPath, identity: &Identity) -> bool {
        let recorded = self.recorded(identity.number);
        recorded.is_some_and(|recorded| recorded.path == *path && identity.differs_from(recorded))
    }

    /// A staged file of a killed run, if it is the same file and is to have such a path.
    pub(super) fn resume(
        &self,
        identity: &Identity,
        wanted: impl Fn(&Recorded) -> bool,
    ) -> Result<Option<Resumable>> {
        self.leftovers.resume(self.store, self.observer, identity, wanted)
    }

    /// What the records say of a stored file; reads older backups until one names it.
    pub(super) fn stored(&mut self, path: &RepoPath) -> Result<Option<StoredFile>> {
        if let Some(stored) = self.in_newest(path) {
            return Ok(Some(stored));
        }
        while !self.stored.contains_key(path) {
            if self.read_older()?.is_none() && !self.add_leftovers()? {
                return Ok(None);
            }
        }
        Ok(self.stored.get(path).cloned())
    }

    /// The same, of the facts of the newest backup.
    fn in_newest(&self, path: &RepoPath) -> Option<StoredFile> {
        let recorded = self.recorded(path.restored_name().number()?)?;
        let newest = self.newest_facts.as_ref()?;
        (recorded.path == *path).then_some(StoredFile {
            crc32c: Some(recorded.crc32c),
            backup: BackupId::new(newest.backup_id),
            durable: newest.durable,
        })
    }

    /// Whether backups may name a file of this number. File numbers only grow, so those above all of the newest
    /// backup's are new, and no older meta file need be read to know it.
    pub(super) fn may_be_named(&self, number: FileNumber) -> bool {
        self.largest_number.is_some_and(|largest| number <= largest)
    }

    /// Where the newest backup has its file of this number and kind.
    pub(super) fn path_in_newest(&self, number: FileNumber, kind: SharedKind) -> Option<&RepoPath> {
        if self.newest_facts.is_some() {
            let path = &self.recorded(number)?.path;
            return (shareable(&path.restored_name()) == Some((number, kind))).then_some(path);
        }
        let at = self
            .newest_files
            .binary_search_by_key(&(number, kind), |(file, _)| *file);
        self.newest_files.get(at.ok()?).map(|(_, path)| path)
    }

    /// A file that backups name is missing or wrong, and is about to be stored anew.
    pub(super) fn heals(&mut self, path: &RepoPath) {
        self.healed.insert(path.clone());
    }

    /// Those files.
    pub(super) fn healed(&self) -> &BTreeSet<RepoPath> {
        &self.healed
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

    /// The facts of the newest readable backup, if there are any about it.
    pub(super) fn newest_facts(&self) -> Option<(BackupId, &BackupFacts)> {
        let facts = self.newest_facts.as_ref()?;
        Some((BackupId::new(facts.backup_id)?, facts))
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
        let names = self.legacy_names.as_ref();
        Ok(names.is_some_and(|names| names.contains(&(number, kind, size_bytes))))
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
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn add_newest(&mut self, loaded: &LoadedMeta) {
        for file in &loaded.meta.files {
            let name = file.path.restored_name();
            self.largest_number = self.largest_number.max(name.number());
            if self.newest_facts.is_some() {
                continue;
            }
            if let Some(shared) = shareable(&name).filter(|_| !file.excluded) {
                self.newest_files.push((shared, file.path.clone()));
            }
        }
        self.newest_files.sort_by_key(|(file, _)| *file);
    }

    fn add_backup(&mut self, loaded: &LoadedMeta) -> Result<()> {
        let first = self.newest.is_none();
        let mut recorded = Vec::new();
        let facts = match first {
            true => {
                recorded.reserve_exact(loaded.meta.files.len());
                loaded.facts_each(self.store, &mut |file| recorded.extend(numbered(&file)))?
            }
            false => None,
        };
        for file in loaded.meta.files.iter().filter(|file| !file.excluded) {
            if let Some(session) = file.path.shared_name().and_then(SharedName::session_id) {
                self.add_session(session);
            }
            if facts.is_none() {
                let stored = StoredFile {
                    crc32c: file.crc32c,
                    backup: Some(loaded.id),
                    durable: false,
                };
                self.stored.entry(file.path.clone()).or_insert(stored);
            }
        }
        if let Some(facts) = facts {
            let sessions = recorded.iter().filter_map(|(_, file)| file.session.id());
            sessions.for_each(|session| self.add_session(session));
            recorded.sort_by_key(|(number, _)| *number);
            self.by_number = recorded;
            self.newest_facts = Some(facts);
        }
        Ok(())
    }

    /// Adds the files that a run of ours published before it was killed. Done last, since what a meta file says wins.
    /// Whether there was anything to do.
    fn add_leftovers(&mut self) -> Result<bool> {
        if std::mem::replace(&mut self.leftovers_added, true) {
            return Ok(false);
        }
        for file in self.leftovers.published(self.store)? {
            if let Some(session) = file.session() {
                self.add_session(session);
            }
            let stored = StoredFile {
                crc32c: Some(Crc32c(file.crc32c)),
                backup: None,
                // The run may have been killed between giving the name and making it durable.
                durable: false,
            };
            if let Some(path) = RepoPath::parse(&file.path) {
                self.stored.entry(path).or_insert(stored);
            }
        }
        Ok(true)
    }
}

/// What facts say of a file, with its number in the database, if it has one.
fn numbered(facts: &FileFacts) -> Option<(u64, Recorded)> {
    let recorded = Recorded::of(facts)?;
    Some((recorded.number()?, recorded))
}
