//! Other repositories, which may have the files that a backup was made without.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use stonekeep_format::Crc32c;
use stonekeep_format::backup_meta::MetaFile;

use super::backup::{Source, Wanted};
use crate::repo::catalog::{self, LoadedMeta, MetaState};
use crate::repo::presence::Sizes;
use crate::store::Store;
use crate::store::local::LocalStore;
use crate::{ErrorKind, Result, repo};

/// The repositories to look into, in the caller's order; none where the backup lacks nothing.
#[derive(Debug, Default)]
pub(super) struct Alternates(Vec<Alternate>);

#[derive(Debug)]
struct Alternate {
    store: Arc<dyn Store>,
    /// What its meta files say of the files that are looked for.
    checksums: HashMap<String, Crc32c>,
}

impl Alternates {
    /// Reads the meta files of the repositories.
    ///
    /// # Errors
    /// `NotFound` if one of the directories is no repository, and I/O errors.
    pub(super) fn open(loaded: &LoadedMeta, directories: &[PathBuf]) -> Result<Self> {
        let excluded = loaded.meta.files.iter().filter(|file| file.excluded);
        let wanted: HashSet<String> = excluded.map(|file| file.path.to_string()).collect();
        if wanted.is_empty() {
            return Ok(Alternates::default());
        }
        let mut alternates = Vec::new();
        for directory in directories {
            let store: Arc<dyn Store> = Arc::new(LocalStore::new(directory));
            repo::require(&store)?;
            let checksums = checksums(store.as_ref(), &wanted)?;
            alternates.push(Alternate { store, checksums });
        }
        Ok(Alternates(alternates))
    }

    /// Where an excluded file is: the same path in the first repository that has it.
    pub(super) fn find(&self, file: &MetaFile, sizes: &Sizes<'_>) -> Result<Wanted> {
        let mut wanted = Wanted {
            name: file.path.restored_name(),
            size_bytes: sizes.expected(file).unwrap_or(0),
            crc32c: file.told_crc32c(),
            session: file.path.shared_name().and_then(|name| name.session_id()),
            source: Source::Nowhere,
            path: Some(file.path.clone()),
        };
        let key = wanted.key()?;
        for alternate in &self.0 {
            let stat = match alternate.store.stat(&key) {
                Ok(Some(stat)) => stat,
                Ok(None) => continue,
                Err(error) if error.kind() == ErrorKind::Corrupt => continue,
                Err(error) => return Err(error),
            };
            if sizes
                .expected(file)
                .is_some_and(|expected| expected != stat.size_bytes)
            {
                continue;
            }
            wanted.size_bytes = stat.size_bytes;
            wanted.crc32c = wanted.crc32c.or(alternate.checksums.get(key.as_str()).copied());
            wanted.source = Source::Alternate(Arc::clone(&alternate.store));
            break;
        }
        Ok(wanted)
    }
}

fn checksums(store: &dyn Store, wanted: &HashSet<String>) -> Result<HashMap<String, Crc32c>> {
    let mut checksums = HashMap::new();
    for id in catalog::list(store)?.ids {
        let loaded = match catalog::load(store, id) {
            Ok(MetaState::Readable(loaded)) => loaded,
            Ok(MetaState::Unreadable(..)) => continue,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for file in loaded.meta.files.iter().filter(|file| !file.excluded) {
            let path = file.path.to_string();
            if let Some(crc32c) = file.crc32c
                && wanted.contains(&path)
            {
                checksums.insert(path, crc32c);
            }
        }
    }
    Ok(checksums)
}
