//! The files that a backup excludes: in other backups of the repository, or in other repositories.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use stonekeep_format::Crc32c;

use super::content::FileSource;
use super::file::BackupFile;
use crate::repo::catalog::LoadedMeta;
use crate::repo::excluded::stored_by_others;
use crate::repo::index::RepositoryIndex;
use crate::store::Store;
use crate::store::local::LocalStore;
use crate::{ErrorKind, Result, repo};

/// Where to look for excluded files; nowhere if the backup lacks nothing.
#[derive(Debug, Default)]
pub(super) struct Alternates {
    /// What other backups of the repository store.
    own: HashMap<String, Option<Crc32c>>,
    /// Other repositories, in the caller's order.
    others: Vec<Alternate>,
}

#[derive(Debug)]
struct Alternate {
    store: Store,
    /// What its meta files say of the files that are looked for.
    checksums: HashMap<String, Option<Crc32c>>,
}

impl Alternates {
    /// Reads the meta files of the repositories.
    ///
    /// # Errors
    /// `NotFound` if one of the directories is no repository, and I/O errors.
    pub(super) fn open(own: &Store, loaded: &LoadedMeta, directories: &[PathBuf]) -> Result<Self> {
        let excluded = loaded.meta.files.iter().filter(|file| file.excluded);
        let wanted: HashSet<String> = excluded.map(|file| file.path.to_string()).collect();
        if wanted.is_empty() {
            return Ok(Alternates::default());
        }
        let mut others = Vec::new();
        for directory in directories {
            let store: Store = Store::from(LocalStore::new(directory));
            repo::require(&RepositoryIndex::new(&store))?;
            let checksums = stored_by_others(&store, &wanted)?;
            others.push(Alternate { store, checksums });
        }
        Ok(Alternates {
            own: stored_by_others(own, &wanted)?,
            others,
        })
    }

    /// Finds an excluded file: under the same path in another backup of the repository, else in the first other repository
    /// that has it. One that is nowhere stays as it is.
    pub(super) fn find(&self, wanted: &mut BackupFile, store: &Store, expected: Option<u64>) -> Result<()> {
        let key = wanted.key()?;
        let own = self.own.get(key.as_str());
        let own = own.map(|crc32c| (store, *crc32c, FileSource::Stored));
        let others = self.others.iter().map(|other| {
            let crc32c = other.checksums.get(key.as_str()).copied().flatten();
            (&other.store, crc32c, FileSource::Alternate(other.store.clone()))
        });
        for (store, crc32c, source) in own.into_iter().chain(others) {
            let stat = match store.stat(&key) {
                Err(error) if error.kind() == ErrorKind::Corrupt => None,
                stat => stat?,
            };
            let size_bytes = stat.map(|stat| stat.size_bytes);
            if let Some(size_bytes) = size_bytes.filter(|found| expected.is_none_or(|size| size == *found)) {
                wanted.size_bytes = size_bytes;
                wanted.crc32c = wanted.crc32c.or(crc32c);
                wanted.source = source;
                break;
            }
        }
        Ok(())
    }
}
