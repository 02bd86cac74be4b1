//! Which backups name which shared file.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::MetaReader;
use stonekeep_format::backup_name::RepoPath;

use crate::repo::catalog::{self, MetaState};
use crate::repo::presence::Presence;
use crate::store::Store;
use crate::{ErrorKind, Result};

/// Every file that readable backups name, with the backups. A run of backups that name a file, the usual case, takes
/// the room of one.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    files: HashMap<RepoPath, Vec<(BackupId, BackupId)>, RandomState>,
    ids: Vec<BackupId>,
}

impl Sharing {
    /// Reads every meta file.
    pub(super) fn read(store: &dyn Store) -> Result<Self> {
        let (mut sharing, mut reader) = (Sharing::default(), MetaReader::default());
        for id in catalog::list(store)?.ids {
            match catalog::load_with(&mut reader, store, id) {
                Ok(MetaState::Readable(loaded)) => {
                    let previous = sharing.ids.last().copied();
                    sharing.ids.push(id);
                    for file in loaded.meta.files.iter().filter(|file| !file.excluded) {
                        sharing.add(&file.path, id, previous);
                    }
                }
                Ok(MetaState::Unreadable(..)) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sharing)
    }

    fn add(&mut self, path: &RepoPath, id: BackupId, previous: Option<BackupId>) {
        let Some(runs) = self.files.get_mut(path) else {
            self.files.insert(path.clone(), vec![(id, id)]);
            return;
        };
        match runs.last_mut() {
            Some((_, last)) if Some(*last) == previous => *last = id,
            _ => runs.push((id, id)),
        }
    }

    /// Whether backups other than this one name the file.
    pub(super) fn is_shared(&self, path: &RepoPath, but: BackupId) -> bool {
        let runs = self.files.get(path);
        runs.is_some_and(|runs| runs.as_slice() != [(but, but)])
    }

    /// The backups other than this one that name the file.
    pub(super) fn others(&self, path: &RepoPath, but: BackupId) -> Vec<BackupId> {
        let Some(runs) = self.files.get(path).filter(|_| self.is_shared(path, but)) else {
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
    pub(super) fn total_bytes(&self, presence: &mut Presence<'_>) -> Result<u64> {
        let mut paths: Vec<&RepoPath> = self.files.keys().collect();
        // So that the files of one private directory stand together.
        paths.sort_unstable();
        let (mut total, mut last) = (0, None);
        for path in paths {
            let private = match path {
                RepoPath::Private(name) => Some(name.backup()),
                _ => None,
            };
            if private != last
                && let Some(done) = std::mem::replace(&mut last, private)
            {
                presence.forget_private(done);
            }
            total += presence.get(path)?.map_or(0, |(_, size)| size);
        }
        if let Some(done) = last {
            presence.forget_private(done);
        }
        Ok(total)
    }
}
