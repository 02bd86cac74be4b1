//! Which backups name which shared file.

use stonekeep_format::BackupId;
use stonekeep_format::backup_name::RepoPath;

use crate::repo::catalog;
use crate::repo::index::RepositoryIndex;
use crate::repo::names::{NameId, Names};
use crate::repo::skim::{SkimState, Skimmed, Skimmer};
use crate::store::Store;
use crate::{ErrorKind, Result};

/// Every file that readable backups name, with the backups. A run of backups that name a file, the usual case, takes
/// the room of one.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    names: Names,
    runs: Vec<Vec<(BackupId, BackupId)>>,
    /// Files that one backup alone can name.
    private: Vec<RepoPath>,
    ids: Vec<BackupId>,
}

impl Sharing {
    /// Reads every meta file.
    pub(super) fn read(store: &Store) -> Result<Self> {
        let (mut sharing, mut skimmer) = (Sharing::default(), Skimmer::default());
        for id in catalog::list(store)?.ids {
            match skimmer.read(store, &sharing.names, id) {
                Ok(SkimState::Readable(skimmed)) => sharing.add(id, *skimmed),
                Ok(SkimState::Unreadable(_)) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sharing)
    }

    fn add(&mut self, id: BackupId, skimmed: Skimmed) {
        let previous = self.ids.last().copied();
        self.ids.push(id);
        for name in skimmed.plain {
            self.add_name(name, id, previous);
        }
        for file in skimmed
            .loaded
            .meta
            .files
            .into_iter()
            .filter(|file| !file.excluded)
        {
            match self.names.insert_plain(&file.path) {
                Some(name) => self.add_name(name, id, previous),
                None => self.private.push(file.path),
            }
        }
    }

    fn add_name(&mut self, name: NameId, id: BackupId, previous: Option<BackupId>) {
        let Some(runs) = self.runs.get_mut(name.index()) else {
            // A new name is the last one.
            self.runs.push(vec![(id, id)]);
            return;
        };
        match runs.last_mut() {
            Some((_, last)) if Some(*last) == previous => *last = id,
            _ => runs.push((id, id)),
        }
    }

    fn runs(&self, path: &RepoPath) -> Option<&[(BackupId, BackupId)]> {
        path.shared_name()?;
        let name = self.names.find(path.to_string().as_bytes())?;
        self.runs.get(name.index()).map(Vec::as_slice)
    }

    /// Whether backups other than this one name the file.
    pub(super) fn is_shared(&self, path: &RepoPath, but: BackupId) -> bool {
        let runs = self.runs(path);
        runs.is_some_and(|runs| runs != [(but, but)])
    }

    /// The backups other than this one that name the file.
    pub(super) fn others(&self, path: &RepoPath, but: BackupId) -> Vec<BackupId> {
        let Some(runs) = self.runs(path).filter(|runs| *runs != [(but, but)]) else {
            return Vec::new();
        };
        let named = |id: &BackupId| runs.iter().any(|(first, last)| (first..=last).contains(&id));
        self.ids
            .iter()
            .filter(|id| **id != but && named(id))
            .copied()
            .collect()
    }

    /// Bytes of all files, each counted once, as they stand there.
    pub(super) fn total_bytes(&self, index: &RepositoryIndex<'_>) -> Result<u64> {
        let mut total = 0;
        for name in self.names.ids() {
            let path = std::str::from_utf8(self.names.path(name)).ok();
            if let Some(path) = path.and_then(RepoPath::parse) {
                total += size_of(&path, index)?;
            }
        }
        for path in &self.private {
            total += size_of(path, index)?;
        }
        Ok(total)
    }
}

fn size_of(path: &RepoPath, index: &RepositoryIndex<'_>) -> Result<u64> {
    let found = index.get(path)?;
    Ok(found.and_then(|found| found.size_bytes).unwrap_or(0))
}
