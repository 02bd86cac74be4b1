//! Why what a record says of a stored file is not believed until the file has been read.
//!
//! A meta file of schema 1 has no checksum of its own: a changed digit in the checksum of a file shows in nothing but the facts
//! about that meta file. A new backup that trusted it would record the same wrong checksum.
//!
//! A stored file that was found damaged inside has the bytes that backups mean, since it was damaged before it was stored, or on the way. The
//! database's file of the same name is read: if its bytes are others, it gets another name.

use std::collections::HashMap;
use std::time::SystemTime;

use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{BackupId, Crc32c};

use super::stored_record::StoredRecord;
use crate::repo::catalog::LoadedMeta;
use crate::repo::unbound_facts;
use crate::repo::verified::{Stamps, Wanted, known_damage};
use crate::store::Store;
use crate::{ErrorKind, Result};

/// See the [module](self).
#[derive(Default)]
pub(super) struct Doubts {
    /// Stored files that a verification found damaged.
    damage: Stamps,
    /// Backups whose meta files were compared with their facts, each with whether it is another one than the facts describe.
    contradicted: HashMap<BackupId, bool>,
}

impl Doubts {
    /// What verifications have found. If that cannot be read, they have found nothing.
    pub(super) fn read(store: &Store, now: SystemTime) -> Self {
        Doubts {
            damage: known_damage(store, now),
            ..Doubts::default()
        }
    }

    /// Whether a verification found that a stored file of this size is not what a record says.
    pub(super) fn is_known_damage(&self, path: &RepoPath, size_bytes: u64, record: &StoredRecord) -> bool {
        let wanted = wanted(size_bytes, record.crc32c);
        !self.damage.is_empty() && self.damage.damage(&path.to_string(), wanted).is_some()
    }

    /// What a verification found wrong inside of a stored file with this size and checksum.
    pub(super) fn damage_inside(
        &self,
        path: &RepoPath,
        size_bytes: u64,
        crc32c: Option<Crc32c>,
    ) -> Option<&str> {
        if self.damage.is_empty() {
            return None;
        }
        let wanted = wanted(size_bytes, crc32c);
        self.damage.damaged_contents(&path.to_string(), wanted)
    }

    /// Whether a verification found anything of this path damaged inside.
    pub(super) fn is_any_damaged_inside(&self, path: &RepoPath) -> bool {
        !self.damage.is_empty() && self.damage.is_damaged_inside(&path.to_string())
    }

    /// Whether the meta file of a backup is another one than its facts describe; `None` if that is [still to be
    /// read](Self::read_facts_of).
    pub(super) fn is_contradicted(&self, id: BackupId) -> Option<bool> {
        self.contradicted.get(&id).copied()
    }

    /// Compares a backup's meta file with the facts about it.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn read_facts_of(&mut self, store: &Store, id: BackupId) -> Result<()> {
        let meta = LoadedMeta::unparsed(store, id);
        let is_another = match meta.and_then(|meta| unbound_facts::are_of_another(store, &meta)) {
            // It has changed since it was read.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => true,
            is_another => is_another?,
        };
        self.contradicted.insert(id, is_another);
        Ok(())
    }
}

fn wanted(size_bytes: u64, crc32c: Option<Crc32c>) -> Wanted {
    Wanted {
        size_bytes: Some(size_bytes),
        crc32c,
    }
}
