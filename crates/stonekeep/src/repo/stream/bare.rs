//! Numbers that have a type of their own here, and are plain integers in JSON.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use stonekeep_format::{Crc32c, FileNumber, SequenceNumber};

use super::segment_name::{Ordinal, Owner};

/// A type with a plain form.
pub(super) trait Bare: Copy {
    type Plain: Serialize + DeserializeOwned;

    fn of(plain: Self::Plain) -> Self;
    fn plain(self) -> Self::Plain;
}

macro_rules! bare {
    ($($name:ident($plain:ty)),*) => {$(
        impl Bare for $name {
            type Plain = $plain;

            fn of(plain: $plain) -> Self {
                $name(plain)
            }

            fn plain(self) -> $plain {
                self.0
            }
        }
    )*};
}

bare!(
    Crc32c(u32),
    FileNumber(u64),
    SequenceNumber(u64),
    Ordinal(u64),
    Owner(u64)
);

impl<T: Bare> Bare for Option<T> {
    type Plain = Option<T::Plain>;

    fn of(plain: Self::Plain) -> Self {
        plain.map(T::of)
    }

    fn plain(self) -> Self::Plain {
        self.map(T::plain)
    }
}

pub(super) fn serialize<T: Bare, S: Serializer>(number: &T, serializer: S) -> Result<S::Ok, S::Error> {
    number.plain().serialize(serializer)
}

pub(super) fn deserialize<'de, T: Bare, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::Plain::deserialize(deserializer).map(T::of)
}
