//! RocksDB's storage temperature of a file.

use std::fmt;

/// `rocksdb::Temperature` (`include/rocksdb/types.h`); [`Temperature::Unknown`] is the absence of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Temperature {
    /// `kUnknown`
    #[default]
    Unknown,
    /// `kHot`
    Hot,
    /// `kWarm`
    Warm,
    /// `kCool`
    Cool,
    /// `kCold`
    Cold,
    /// `kIce`
    Ice,
}

impl Temperature {
    /// Every temperature with its byte in a MANIFEST and its name in a backup's meta file.
    const ALL: [(Temperature, u8, &'static str); 6] = [
        (Temperature::Unknown, 0x00, "kUnknown"),
        (Temperature::Hot, 0x04, "kHot"),
        (Temperature::Warm, 0x08, "kWarm"),
        (Temperature::Cool, 0x0A, "kCool"),
        (Temperature::Cold, 0x0C, "kCold"),
        (Temperature::Ice, 0x10, "kIce"),
    ];

    /// The temperature of this MANIFEST byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|entry| entry.1 == byte)
            .map(|entry| entry.0)
    }

    /// The temperature of this name in a backup's meta file.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|entry| entry.2 == name)
            .map(|entry| entry.0)
    }

    /// The byte that a MANIFEST has for it.
    pub fn byte(self) -> u8 {
        Self::ALL
            .iter()
            .find(|entry| entry.0 == self)
            .map_or(0, |entry| entry.1)
    }

    /// The name that a backup's meta file has for it.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|entry| entry.0 == self)
            .map_or("kUnknown", |entry| entry.2)
    }
}

/// The name, and nothing where there is no temperature.
#[cfg(feature = "serde")]
impl serde::Serialize for Temperature {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (*self != Temperature::Unknown)
            .then(|| self.name())
            .serialize(serializer)
    }
}

impl fmt::Display for Temperature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
