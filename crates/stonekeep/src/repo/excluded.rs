//! Files that a backup was made without: which backups of a repository store them.
//!
//! A file is left out of a backup because something else has it. That may be another backup of the same repository, whose
//! file has the same path: RocksDB's engine looks there first (`BackupEngineImpl::RestoreDBFromBackup`,
//! `utilities/backup/backup_engine.cc`).

use std::collections::{HashMap, HashSet};

use stonekeep_format::Crc32c;

use super::catalog::{self, MetaState};
use crate::store::Store;
use crate::{ErrorKind, Result};

/// Those of the wanted paths that readable meta files name, with a checksum where one has it.
///
/// # Errors
/// I/O errors of the store.
pub fn stored_by_others(store: &Store, wanted: &HashSet<String>) -> Result<HashMap<String, Option<Crc32c>>> {
    let mut stored: HashMap<String, Option<Crc32c>> = HashMap::new();
    // Where the other backups cannot be listed, none of them is known.
    if wanted.is_empty() || !store.traits().lists {
        return Ok(stored);
    }
    for id in catalog::list(store)?.ids {
        let loaded = match catalog::load(store, id) {
            Ok(MetaState::Readable(loaded)) => loaded,
            Ok(MetaState::Unreadable(_)) => continue,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for file in loaded.meta.files.iter().filter(|file| !file.excluded) {
            let path = file.path.to_string();
            if wanted.contains(&path) {
                let known = stored.entry(path).or_default();
                *known = known.or(file.recorded_crc32c());
            }
        }
    }
    Ok(stored)
}
