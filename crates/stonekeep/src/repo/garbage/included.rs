//! Files of the application in `stonekeep/files` that no backup has: the facts of each say which ones are its own.

use std::collections::BTreeSet;

use stonekeep_format::BackupId;

use super::inventory::{IncludedDirectory, Inventory};
use crate::repo::catalog::{self, MetaState};
use crate::repo::{facts_reader, included, layout};
use crate::store::{EntryKind, Store};
use crate::{ErrorKind, Result};

/// What is known of the files that a backup has.
enum Owned {
    /// It may be any of them.
    Any,
    /// These, by their paths.
    These(BTreeSet<String>),
}

impl Inventory<'_> {
    /// Adds the files that backups include.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn add_included(&mut self) -> Result<()> {
        let root = layout::included_directory();
        for entry in self.store.list(Some(&root))? {
            let id = BackupId::parse(&entry.name).filter(|_| entry.kind == EntryKind::Directory);
            let Some(id) = id else {
                self.unknown.insert(format!("{root}/{}", entry.name));
                continue;
            };
            let owned = if self.metas.ids.contains(&id) {
                owned_by(self.store, id)?
            } else {
                Owned::These(BTreeSet::new())
            };
            if let Owned::These(paths) = owned {
                self.add_included_of(id, &paths)?;
            }
        }
        Ok(())
    }

    fn add_included_of(&mut self, id: BackupId, owned: &BTreeSet<String>) -> Result<()> {
        let (directory, stored) = (layout::included(id), included::stored(self.store, id)?);
        let mut included = IncludedDirectory {
            id,
            of_deleted: !self.metas.ids.contains(&id),
            files: Vec::new(),
            directories: Vec::new(),
        };
        for (path, entry) in stored.files {
            match directory.join(&path) {
                _ if owned.contains(&path) => {}
                Ok(key) => included.files.push((key, entry.size_bytes)),
                Err(_) => drop(self.unknown.insert(format!("{directory}/{path}"))),
            }
        }
        let directories = stored.directories.iter();
        included.directories = directories.filter_map(|path| directory.join(path).ok()).collect();
        included.directories.push(directory);
        // Of a backup that is there only what is not its own can go.
        if owned.is_empty() || !included.files.is_empty() {
            self.included.push(included);
        }
        Ok(())
    }
}

/// Where the facts are of another backup with the same id, the files are that one's, and it is gone.
fn owned_by(store: &Store, id: BackupId) -> Result<Owned> {
    let loaded = match catalog::load(store, id) {
        Ok(MetaState::Readable(loaded)) => loaded,
        Ok(MetaState::Unreadable(_)) => return Ok(Owned::Any),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Owned::Any),
        Err(error) => return Err(error),
    };
    Ok(match facts_reader::read_any_head(store, id)? {
        None => Owned::Any,
        Some(facts) if loaded.is_described_by(&facts) => {
            Owned::These(facts.included.into_iter().map(|file| file.path).collect())
        }
        Some(_) => Owned::These(BTreeSet::new()),
    })
}
