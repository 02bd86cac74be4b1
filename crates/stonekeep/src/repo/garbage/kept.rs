//! Files of deleted backups that stay only because a reader or a deadline keeps them.

use std::collections::BTreeMap;

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::PathId;

use super::inventory::Inventory;
use super::plan::{HeldByPin, KeptForUndelete, Total};
use crate::repo::path_set::PathSet;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Kept {
    shared: Vec<(Option<PathId>, u64)>,
    private: BTreeMap<BackupId, Total>,
}

impl Kept {
    /// A shared file. Of a name that no meta file can have there is no path.
    pub(super) fn add_shared(&mut self, path: Option<PathId>, size_bytes: u64) {
        self.shared.push((path, size_bytes));
    }

    /// Files that this backup has for itself.
    pub(super) fn add_private(&mut self, id: BackupId, sizes: impl Iterator<Item = u64>) {
        let total = self.private.entry(id).or_default();
        sizes.for_each(|size_bytes| total.add(size_bytes));
    }

    /// Which pins keep files, and whether one of them has no record. Usually the record of the pinned backup stays with them. A
    /// reader that came too late, and has not noticed yet, has none; then the file's origin may be known by any record.
    pub(super) fn by_pins(&self, inventory: &Inventory<'_>) -> (Vec<HeldByPin>, bool) {
        let (mut held, mut is_held_without_record) = (Vec::new(), false);
        for pin in &inventory.pins {
            let total = self.total(pin.id, &pin.named);
            if total == Total::default() {
                continue;
            }
            held.push(HeldByPin {
                backup_id: pin.id,
                files: total.files,
                bytes: total.bytes,
            });
            let mut records = inventory.records.iter();
            is_held_without_record |=
                !records.any(|record| (record.id, record.meta_crc32c) == (pin.id, pin.meta_crc32c));
        }
        (held, is_held_without_record)
    }

    /// Which deadlines are not over, and what they keep.
    pub(super) fn for_undelete(&self, inventory: &Inventory<'_>) -> Vec<KeptForUndelete> {
        let kept = inventory.undeletable.iter().map(|backup| {
            let total = self.total(backup.id, &backup.named);
            KeptForUndelete {
                backup_id: backup.id,
                until_seconds: backup.deadline.seconds(),
                files: total.files,
                bytes: total.bytes,
            }
        });
        kept.collect()
    }

    fn total(&self, id: BackupId, named: &PathSet) -> Total {
        let mut total = self.private.get(&id).copied().unwrap_or_default();
        for (path, size_bytes) in &self.shared {
            if path.is_some_and(|path| named.contains(path)) {
                total.add(*size_bytes);
            }
        }
        total
    }
}
