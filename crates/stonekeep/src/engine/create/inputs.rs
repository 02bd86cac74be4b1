//! What the repository knows when a backup is planned: stored files, their checksums, sessions, leftovers.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use foldhash::fast::RandomState;
use stonekeep_format::backup_name::{NameSuffix, RepoPath, SharedKind, SharedName};
use stonekeep_format::unique_id::SessionId;
use stonekeep_format::{BackupId, Crc32c, FileNumber};

use super::decision::shareable;
use super::doubts::Doubts;
use super::identity::Identity;
use super::leftovers::Leftovers;
use super::stored_record::{Lookup, Origin, StoredRecord};
use crate::parallel::run_both;
use crate::repo::catalog::{self, LoadedMeta, MetaState};
use crate::repo::described;
use crate::repo::facts::{BackupFacts, FileFacts};
use crate::repo::facts_reader;
use crate::repo::index::RepositoryIndex;
use crate::store::Store;
use crate::{ErrorKind, Result};

/// What a plan is made from. The newest backup is read at first, older ones as far as a plan needs them.
pub(super) struct PlanInputs<'a> {
    store: &'a Store,
    /// What the repository's directories contain.
    pub(super) index: RepositoryIndex<'a>,
    pub(super) leftovers: Leftovers,
    newest: Option<Newest>,
    /// Files of the newest backup, sorted by number, if there are facts about it.
    recorded: Vec<Recorded>,
    /// Tables and blobs of the newest backup, sorted, if there are no facts about it.
    newest_files: Vec<((FileNumber, SharedKind), RepoPath)>,
    /// The largest file number in the newest backup.
    largest_number: Option<FileNumber>,
    legacy_names: OnceCell<HashSet<(FileNumber, SharedKind, u64)>>,
    /// Files of the backups that are read, except those that are `recorded`.
    named: HashMap<RepoPath, StoredRecord, RandomState>,
    /// Those of them that only killed runs have published.
    published: HashMap<RepoPath, FileFacts>,
    sessions: HashMap<u64, Vec<SessionId>>,
    pub(super) doubts: Doubts,
    /// Older backups that are not read yet, newest last.
    unread: Vec<BackupId>,
    leftovers_added: bool,
}

/// What our facts say about a file.
struct Recorded {
    number: FileNumber,
    /// Which of the lines about files.
    line: u32,
    facts: FileFacts,
}

/// The newest readable backup.
enum Newest {
    /// Its facts, without their files.
    Facts(BackupId, Box<BackupFacts>),
    Meta(LoadedMeta),
}

impl<'a> PlanInputs<'a> {
    /// Reads the newest readable backup, and, with `uses_leftovers`, what killed runs have left.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn read(
        store: &'a Store,
        now: SystemTime,
        workers: usize,
        uses_leftovers: bool,
    ) -> Result<Self> {
        let index = RepositoryIndex::new(store);
        if workers > 1 {
            index.begin_listing();
        }
        let leftovers = || {
            let read = uses_leftovers.then(|| Leftovers::read(store));
            read.unwrap_or_else(|| Ok(Leftovers::default()))
        };
        let records = || run_both(workers, || Doubts::read(store, now), leftovers);
        let (backups, (doubts, leftovers)) = run_both(workers, || index.backups().map(drop), records);
        backups?;
        let mut inputs = PlanInputs {
            store,
            index,
            leftovers: leftovers?,
            newest: None,
            recorded: Vec::new(),
            newest_files: Vec::new(),
            largest_number: None,
            legacy_names: OnceCell::new(),
            named: HashMap::default(),
            published: HashMap::new(),
            sessions: HashMap::new(),
            doubts,
            unread: Vec::new(),
            leftovers_added: false,
        };
        inputs.unread.clone_from(&inputs.index.backups()?.ids);
        if !inputs.unread.is_empty() {
            inputs.read_newest(workers)?;
        }
        let sessions = inputs.leftovers.sessions().into_iter();
        sessions.for_each(|session| inputs.add_session(session));
        Ok(inputs)
    }

    /// What is recorded of this very file in the newest backup.
    pub(super) fn recognise(&self, number: FileNumber, identity: &Identity) -> Option<&FileFacts> {
        let recorded = self.recorded(number)?;
        identity.is_of(&recorded.facts).then_some(&recorded.facts)
    }

    /// Which line of the newest backup's facts says just this.
    pub(super) fn line_of(&self, facts: &FileFacts) -> Option<u32> {
        let recorded = self.recorded(facts.number()?)?;
        (recorded.facts == *facts).then_some(recorded.line)
    }

    /// Whether our facts say that what is stored under this path is another file of the same number.
    pub(super) fn is_another(&self, path: &RepoPath, number: FileNumber, identity: &Identity) -> bool {
        let recorded = self.recorded(number);
        let recorded = recorded.filter(|recorded| recorded.facts.path == *path);
        let published = self.published.get(path);
        let mut records = recorded
            .map(|recorded| &recorded.facts)
            .into_iter()
            .chain(published);
        records.any(|facts| identity.is_not_of(facts))
    }

    /// Whether no backup names this path, as far as records have been read.
    pub(super) fn is_unnamed(&self, path: &RepoPath) -> bool {
        match self.lookup(path) {
            Lookup::Named(record) => record.backup.is_none(),
            Lookup::Unnamed | Lookup::MoreToRead => true,
        }
    }

    /// What the records say about a stored file.
    pub(super) fn lookup(&self, path: &RepoPath) -> Lookup {
        let named = self.named.get(path).copied();
        let read = named.filter(|record| record.origin == Origin::Bytes);
        match read.or_else(|| self.in_newest(path)).or(named) {
            Some(record) => Lookup::Named(record),
            None if self.unread.is_empty() && self.leftovers_added => Lookup::Unnamed,
            None => Lookup::MoreToRead,
        }
    }

    /// Reads the next older backup; after the oldest, what runs that did not end have published.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn read_more(&mut self) -> Result<()> {
        match self.next_older()? {
            Some(loaded) => self.add_meta(&loaded),
            None => self.add_leftovers()?,
        }
        Ok(())
    }

    /// A stored file was read: this is its checksum, whatever is recorded.
    pub(super) fn add_checksum(&mut self, path: &RepoPath, crc32c: Crc32c) {
        let known = match self.lookup(path) {
            Lookup::Named(record) => record,
            Lookup::Unnamed | Lookup::MoreToRead => StoredRecord::default(),
        };
        let read = StoredRecord {
            crc32c: Some(crc32c),
            origin: Origin::Bytes,
            ..known
        };
        self.named.insert(path.clone(), read);
    }

    /// Whether backups may name a file of this number. File numbers only grow, so a larger one than the newest backup
    /// has is new, and no older meta file need be read to know that.
    pub(super) fn may_be_named(&self, number: FileNumber) -> bool {
        self.largest_number.is_some_and(|largest| number <= largest)
    }

    /// Where the newest backup has its file of this number and kind.
    pub(super) fn path_in_newest(&self, number: FileNumber, kind: SharedKind) -> Option<&RepoPath> {
        if let Some(recorded) = self.recorded(number) {
            let path = &recorded.facts.path;
            return (shareable(&path.restored_name()) == Some((number, kind))).then_some(path);
        }
        let files = &self.newest_files;
        let at = files.binary_search_by_key(&(number, kind), |(file, _)| *file);
        files.get(at.ok()?).map(|(_, path)| path)
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

    /// The facts of the newest readable backup, if there are any.
    pub(super) fn newest_facts(&self) -> Option<(BackupId, &BackupFacts)> {
        match &self.newest {
            Some(Newest::Facts(id, facts)) => Some((*id, facts)),
            _ => None,
        }
    }

    /// The id of the database of the newest backup.
    ///
    /// # Errors
    /// I/O errors of the store: without facts, the backup's own MANIFEST is read.
    pub(super) fn database_id(&self) -> Result<Option<String>> {
        match &self.newest {
            Some(Newest::Facts(_, facts)) => Ok(facts.database_id.clone()),
            Some(Newest::Meta(loaded)) => described::database_id(self.store, loaded),
            None => Ok(None),
        }
    }

    /// Whether a file with a legacy name of this number and size is stored.
    ///
    /// # Errors
    /// I/O errors of the store, if the directory was not listed yet.
    pub(super) fn has_legacy_name(
        &self,
        number: FileNumber,
        kind: SharedKind,
        size_bytes: u64,
    ) -> Result<bool> {
        let shared = self.index.shared()?;
        let names = self.legacy_names.get_or_init(|| {
            let paths = shared.paths();
            let paths = paths.ids().filter_map(|id| paths.repo_path(id));
            let legacy = paths.filter_map(|path| {
                let name = path.shared_name()?;
                let is_legacy = matches!(name.suffix(), NameSuffix::LegacyCrcSize { .. });
                is_legacy.then_some((name.number(), name.kind(), name.size_bytes()?))
            });
            legacy.collect()
        });
        Ok(names.contains(&(number, kind, size_bytes)))
    }

    /// Frees what only planning needs.
    pub(super) fn forget_files(&mut self) {
        self.recorded = Vec::new();
        self.newest_files = Vec::new();
        self.named = HashMap::default();
        self.published = HashMap::new();
    }

    fn recorded(&self, number: FileNumber) -> Option<&Recorded> {
        let recorded = &self.recorded;
        let at = recorded.binary_search_by_key(&number, |recorded| recorded.number);
        recorded.get(at.ok()?)
    }

    fn in_newest(&self, path: &RepoPath) -> Option<StoredRecord> {
        let facts = &self.recorded(path.restored_name().number()?)?.facts;
        let (id, newest) = self.newest_facts()?;
        (facts.path == *path).then_some(StoredRecord {
            crc32c: Some(Crc32c(facts.crc32c)),
            backup: Some(id),
            durable: newest.durable,
            origin: Origin::Checked,
        })
    }

    fn next_older(&mut self) -> Result<Option<LoadedMeta>> {
        while let Some(id) = self.unread.pop() {
            match catalog::load(self.store, id) {
                Ok(MetaState::Readable(loaded)) => return Ok(Some(loaded)),
                Ok(MetaState::Unreadable(error)) => {
                    tracing::warn!(%id, reason = %error.one_line(), "the meta file cannot be read");
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn read_newest(&mut self, workers: usize) -> Result<()> {
        // Facts that are bound to the meta file say everything that is in it, so that it need not be parsed.
        if let Some(id) = self.unread.last().copied()
            && self.read_newest_facts(id, workers)?
        {
            self.unread.pop();
            return Ok(());
        }
        let Some(loaded) = self.next_older()? else {
            return Ok(());
        };
        // Another one than the last, if that cannot be read.
        if self.read_newest_facts(loaded.id, workers)? {
            return Ok(());
        }
        let numbers = loaded.meta.files.iter();
        self.largest_number = numbers
            .filter_map(|file| file.path.restored_name().number())
            .max();
        self.add_meta(&loaded);
        let files = loaded.meta.files.iter().filter(|file| !file.excluded);
        let shared =
            files.filter_map(|file| Some((shareable(&file.path.restored_name())?, file.path.clone())));
        self.newest_files = shared.collect();
        self.newest_files.sort_by_key(|(file, _)| *file);
        self.newest = Some(Newest::Meta(loaded));
        Ok(())
    }

    /// Reads the facts about a backup; whether there are any about its present meta file.
    fn read_newest_facts(&mut self, id: BackupId, workers: usize) -> Result<bool> {
        let store = self.store;
        let (mut recorded, mut line) = (Vec::new(), 0);
        let facts = || {
            facts_reader::read_each(store, id, &mut |facts| {
                if let Some(number) = facts.number() {
                    recorded.push(Recorded { number, line, facts });
                }
                line += 1;
            })
        };
        let (facts, loaded) = run_both(workers, facts, || LoadedMeta::unparsed(store, id));
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let Some(facts) = facts?.filter(|facts| loaded.is_described_by(facts)) else {
            return Ok(false);
        };
        for Recorded { number, facts, .. } in &recorded {
            let in_name = || facts.path.shared_name()?.session_id();
            if let Some(session) = facts.session().id().or_else(in_name) {
                self.add_session(session);
            }
            self.largest_number = self.largest_number.max(Some(*number));
        }
        recorded.sort_by_key(|recorded| recorded.number);
        recorded.shrink_to_fit();
        self.recorded = recorded;
        self.newest = Some(Newest::Facts(id, Box::new(facts)));
        Ok(true)
    }

    fn add_meta(&mut self, loaded: &LoadedMeta) {
        for file in loaded.meta.files.iter().filter(|file| !file.excluded) {
            if let Some(session) = file.path.shared_name().and_then(SharedName::session_id) {
                self.add_session(session);
            }
            let record = StoredRecord {
                crc32c: file.crc32c,
                backup: Some(loaded.id),
                durable: false,
                origin: Origin::Meta,
            };
            self.named.entry(file.path.clone()).or_insert(record);
        }
    }

    /// Adds the files that a killed run has published. Done last, since what a meta file says takes precedence.
    fn add_leftovers(&mut self) -> Result<()> {
        self.leftovers_added = true;
        for file in self.leftovers.published(self.store)? {
            if let Some(session) = file.session().id() {
                self.add_session(session);
            }
            let record = StoredRecord {
                crc32c: Some(Crc32c(file.crc32c)),
                backup: None,
                // The run may have been killed between giving the name and making it durable.
                durable: false,
                origin: Origin::Checked,
            };
            self.named.entry(file.path.clone()).or_insert(record);
            self.published.insert(file.path.clone(), file);
        }
        Ok(())
    }
}
