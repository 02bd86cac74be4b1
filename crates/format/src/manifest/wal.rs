//! The WALs that a MANIFEST tracks (`track_and_verify_wals_in_manifest`).

use std::collections::BTreeMap;

use crate::coding::Reader;
use crate::{FileNumber, Result};

use super::tag::{WAL_SYNCED_SIZE, WAL_TERMINATE};

/// A WAL that was created or synced (`db/wal_edit.cc`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WalAddition {
    /// The number in its name.
    pub number: FileNumber,
    /// How many of its bytes are durable; unknown for one that was only created.
    pub synced_size_bytes: Option<u64>,
}

impl WalAddition {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let mut wal = WalAddition {
            number: FileNumber(reader.varint64()?),
            synced_size_bytes: None,
        };
        loop {
            let at = reader.clone();
            match reader.varint32()? {
                WAL_TERMINATE => return Ok(wal),
                WAL_SYNCED_SIZE => wal.synced_size_bytes = Some(reader.varint64()?),
                // These fields have no length: what follows an unknown one cannot be found.
                tag => return Err(at.unsupported(format!("tag {tag} of a WAL addition is not known"))),
            }
        }
    }
}

/// The WALs that RocksDB expects when it opens the database: `WalSet` of `db/wal_edit.h`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrackedWals {
    wals: BTreeMap<FileNumber, Option<u64>>,
    deleted_before: FileNumber,
}

impl TrackedWals {
    /// Each tracked WAL in ascending order, with the bytes of it that are known to be durable. RocksDB refuses a
    /// database in which one that has such a size is missing or shorter (`WalSet::CheckWals`).
    pub fn iter(&self) -> impl Iterator<Item = (FileNumber, Option<u64>)> + '_ {
        self.wals.iter().map(|(number, size)| (*number, *size))
    }

    /// How many bytes of this WAL are known to be durable.
    pub fn synced_size(&self, number: FileNumber) -> Option<u64> {
        self.wals.get(&number).copied().flatten()
    }

    /// Whether this WAL is tracked.
    pub fn contains(&self, number: FileNumber) -> bool {
        self.wals.contains_key(&number)
    }

    /// Whether no WAL is tracked.
    pub fn is_empty(&self) -> bool {
        self.wals.is_empty()
    }

    /// Takes in an addition. False when it announces a WAL as new that is tracked already.
    ///
    /// Syncs may be committed out of order, so a smaller size than the known one says nothing, and neither does an
    /// addition of a WAL that was deleted meanwhile.
    pub(super) fn add(&mut self, wal: &WalAddition) -> bool {
        if wal.number < self.deleted_before {
            return true;
        }
        match self.wals.get_mut(&wal.number) {
            None => {
                self.wals.insert(wal.number, wal.synced_size_bytes);
                true
            }
            Some(known) => {
                *known = (*known).max(wal.synced_size_bytes);
                wal.synced_size_bytes.is_some()
            }
        }
    }

    /// Forgets every WAL below this number, for good.
    pub(super) fn delete_before(&mut self, number: FileNumber) {
        if number > self.deleted_before {
            self.deleted_before = number;
            self.wals = self.wals.split_off(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wal(number: u64, synced_size_bytes: Option<u64>) -> WalAddition {
        WalAddition {
            number: FileNumber(number),
            synced_size_bytes,
        }
    }

    #[test]
    fn synced_sizes_only_grow() {
        let mut wals = TrackedWals::default();
        for addition in [wal(4, None), wal(4, Some(20)), wal(4, Some(10))] {
            assert!(wals.add(&addition));
        }
        assert_eq!(wals.iter().collect::<Vec<_>>(), [(FileNumber(4), Some(20))]);
        assert!(!wals.add(&wal(4, None)), "created twice");
    }

    #[test]
    fn deleted_wals_do_not_come_back() {
        let mut wals = TrackedWals::default();
        assert!(wals.add(&wal(4, Some(1))) && wals.add(&wal(7, Some(2))));
        wals.delete_before(FileNumber(7));
        wals.delete_before(FileNumber(5));
        assert!(wals.add(&wal(4, Some(9))), "late, but no damage");
        assert_eq!(wals.iter().collect::<Vec<_>>(), [(FileNumber(7), Some(2))]);
        assert!(wals.contains(FileNumber(7)) && !wals.contains(FileNumber(4)));
    }
}
