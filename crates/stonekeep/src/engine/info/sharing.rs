//! Which backups name which shared file.

use std::collections::HashMap;

use stonekeep_format::BackupId;

use crate::repo::catalog::{self, MetaState};
use crate::repo::layout;
use crate::repo::presence::Presence;
use crate::store::{Key, Store};
use crate::{ErrorKind, Result};

/// Every file that readable backups name, with the backups. A run of backups that name a file, the usual case, takes
/// the room of one.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    files: HashMap<Box<str>, Vec<(BackupId, BackupId)>>,
    ids: Vec<BackupId>,
}

impl Sharing {
    /// Reads every meta file.
    pub(super) fn read(store: &dyn Store) -> Result<Self> {
        let mut sharing = Sharing::default();
        for id in catalog::list(store)?.ids {
            match catalog::load(store, id) {
                Ok(MetaState::Readable(loaded)) => {
                    let previous = sharing.ids.last().copied();
                    sharing.ids.push(id);
                    for file in loaded.meta.files.iter().filter(|file| !file.excluded) {
                        sharing.add(file.path.to_string(), id, previous);
                    }
                }
                Ok(MetaState::Unreadable(..)) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sharing)
    }

    fn add(&mut self, path: String, id: BackupId, previous: Option<BackupId>) {
        let runs = self.files.entry(path.into_boxed_str()).or_default();
        match runs.last_mut() {
            Some((_, last)) if Some(*last) == previous => *last = id,
            _ => runs.push((id, id)),
        }
    }

    /// The backups other than this one that name the file.
    pub(super) fn others(&self, path: &str, but: BackupId) -> Vec<BackupId> {
        let Some(runs) = self.files.get(path) else {
            return Vec::new();
        };
        if runs.as_slice() == [(but, but)] {
            return Vec::new();
        }
        let named = |id: &BackupId| runs.iter().any(|(first, last)| (first..=last).contains(&id));
        self.ids
            .iter()
            .filter(|id| **id != but && named(id))
            .copied()
            .collect()
    }

    /// Bytes of all files, each counted once, as they stand there.
    pub(super) fn total_bytes(&self, presence: &mut Presence<'_>) -> Result<u64> {
        let mut paths: Vec<&str> = self.files.keys().map(AsRef::as_ref).collect();
        paths.sort_unstable();
        let (mut total, mut private) = (0, None);
        for path in paths {
            let key = Key::new(path)?;
            let directory = key
                .parent()
                .filter(|parent| parent.as_str().starts_with("private/"));
            if directory != private
                && let Some(done) = std::mem::replace(&mut private, directory)
            {
                presence.forget_directory(&done);
            }
            total += presence.get(&key)?.map_or(0, |(_, size)| size);
        }
        if let Some(done) = private.filter(|key| *key != layout::private_directory()) {
            presence.forget_directory(&done);
        }
        Ok(total)
    }
}
