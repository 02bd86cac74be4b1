//! What runs that did not end have left: files in staging areas, and published files that no backup names.

use std::collections::{HashMap, HashSet};

use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::unique_id::SessionId;
use stonekeep_format::{BackupId, FileNumber};

use super::decision::StagedFile;
use super::identity::Identity;
use crate::repo::facts::FileFacts;
use crate::repo::journal::JournalEntry;
use crate::repo::{catalog, facts_reader, journal, layout};
use crate::store::{self, Key, Store, Upload};
use crate::{Observer, Result};

/// A file that an earlier run has staged, all of it.
#[derive(Debug)]
pub(super) struct Leftover {
    pub(super) staged: Upload,
    pub(super) facts: FileFacts,
    pub(super) durable: bool,
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Leftovers {
    /// What each of those runs has uploaded.
    pub(super) runs: Vec<store::Leftover>,
    staged: HashMap<FileNumber, Vec<Leftover>>,
    /// Files that a journal names and that are not in its area any more.
    gone: Vec<JournalEntry>,
    /// Keys that may have no complete object, although they have one of the right size.
    doubtful: HashSet<String>,
}

impl Leftovers {
    /// Reads the journals of all areas.
    pub(super) fn read(store: &Store) -> Result<Self> {
        let mut leftovers = Leftovers {
            runs: store.leftovers()?,
            staged: HashMap::new(),
            gone: Vec::new(),
            doubtful: HashSet::new(),
        };
        for run in &leftovers.runs {
            let journal = journal::read(store, run)?;
            for (staged, entry) in journal.staged {
                if let Some(number) = entry.file.number() {
                    let leftover = Leftover {
                        staged,
                        facts: entry.file,
                        durable: entry.durable,
                    };
                    leftovers.staged.entry(number).or_default().push(leftover);
                }
            }
            leftovers.gone.extend(journal.gone);
            let doubtful = run.doubtful.iter().map(|key| key.as_str().to_owned());
            leftovers.doubtful.extend(doubtful);
        }
        Ok(leftovers)
    }

    /// The sessions that wrote the tables among them.
    pub(super) fn sessions(&self) -> Vec<SessionId> {
        let staged = self.staged.values().flatten();
        let staged = staged.filter_map(|leftover| leftover.facts.session().id());
        staged
            .chain(self.gone.iter().filter_map(|entry| entry.file.session().id()))
            .collect()
    }

    /// A staged copy of this file that has such a path.
    pub(super) fn find(
        &self,
        number: FileNumber,
        identity: &Identity,
        wanted: impl Fn(&FileFacts) -> bool,
    ) -> Option<&Leftover> {
        let mut staged = self.staged.get(&number)?.iter();
        staged.find(|leftover| identity.is_of(&leftover.facts) && wanted(&leftover.facts))
    }

    /// Whether what is stored under this path may be incomplete.
    pub(super) fn is_doubtful(&self, path: &RepoPath) -> bool {
        !self.doubtful.is_empty() && self.doubtful.contains(&path.to_string())
    }

    /// What is stored under this key is not complete.
    pub(super) fn doubt(&mut self, key: Key) {
        self.doubtful.insert(key.as_str().to_owned());
    }

    /// Forgets staged files: one that is not what its journal says, or those of an area that is discarded.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&Upload) -> bool) {
        let lists = self.staged.values_mut();
        lists.for_each(|leftovers| leftovers.retain(|leftover| !is_gone(&leftover.staged)));
    }

    /// Files that were durable when they were published, and that no backup may name: by journals, and by facts
    /// without a meta file.
    pub(super) fn published(&self, store: &Store) -> Result<Vec<FileFacts>> {
        let durable = self.gone.iter().filter(|entry| entry.durable);
        let mut files: Vec<FileFacts> = durable.map(|entry| entry.file.clone()).collect();
        let committed = catalog::list(store)?.ids;
        for entry in store.names(Some(&layout::facts_directory()))? {
            let id = BackupId::parse(&entry.name).filter(|id| committed.binary_search(id).is_err());
            let Some(id) = id else { continue };
            let facts = facts_reader::read_orphan(store, id)?.filter(|facts| facts.durable);
            files.extend(facts.into_iter().flat_map(|facts| facts.files));
        }
        Ok(files)
    }
}

/// Whether a staged file has the checksum that its journal says.
///
/// # Errors
/// `Stopped`, and I/O errors of the store.
pub(super) fn is_complete(store: &Store, observer: &dyn Observer, file: &StagedFile) -> Result<bool> {
    let object = store.open_upload(&file.staged)?;
    let found = store::checksum(object.as_ref(), file.staged.key.as_str(), observer)?;
    Ok(found == file.crc32c)
}
