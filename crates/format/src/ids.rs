//! Numbers that must not be mistaken for each other.

use std::fmt;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id_type! {
    /// The number in the name of a table, blob, WAL, MANIFEST or OPTIONS file.
    FileNumber(u64)
}
id_type! {
    /// RocksDB's sequence number of a write.
    SequenceNumber(u64)
}
id_type! {
    /// A column family's number; the default column family is 0.
    ColumnFamilyId(u32)
}
id_type! {
    /// A CRC-32C as it is computed, not masked as RocksDB stores it inside files.
    Crc32c(u32)
}

/// As messages have it, with `{:#010x}`.
impl fmt::LowerHex for Crc32c {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

impl ColumnFamilyId {
    /// The column family that exists without being added.
    pub const DEFAULT: ColumnFamilyId = ColumnFamilyId(0);
}

/// The number of a backup: RocksDB's `BackupID`, from 1 to [`BackupId::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct BackupId(u32);

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for BackupId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        BackupId::new(number).ok_or_else(|| serde::de::Error::custom("no backup has this id"))
    }
}

impl BackupId {
    /// The first id that an engine gives.
    pub const FIRST: BackupId = BackupId(1);
    /// The largest id: RocksDB gives 2^32-1 and 2^32-2 a meaning of their own
    /// (`kLatestBackupIDMarker` in `include/rocksdb/utilities/backup_engine.h`).
    pub const MAX: BackupId = BackupId(u32::MAX - 2);

    /// The id with this number, if it is a legal one.
    pub fn new(number: u32) -> Option<Self> {
        (Self::FIRST.0..=Self::MAX.0)
            .contains(&number)
            .then_some(BackupId(number))
    }

    /// The id that a name in `meta/` or `private/` spells: plain decimal without a leading zero.
    pub fn parse(name: &str) -> Option<Self> {
        let plain = !name.starts_with('0') && name.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| name.parse().ok()).flatten().and_then(Self::new)
    }

    /// The id as a number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// The next id, if there is one.
    pub fn next(self) -> Option<Self> {
        Self::new(self.0.checked_add(1)?)
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backup_ids_are_plain_decimals_in_range() {
        assert_eq!(BackupId::parse("1"), BackupId::new(1));
        assert_eq!(BackupId::parse("4294967293"), Some(BackupId::MAX));
        for bad in [
            "",
            "0",
            "01",
            "+1",
            "4294967294",
            "4294967295",
            "99999999999",
            "1.tmp",
            " 1",
        ] {
            assert_eq!(BackupId::parse(bad), None, "{bad}");
        }
        assert_eq!(BackupId::MAX.next(), None);
    }
}
