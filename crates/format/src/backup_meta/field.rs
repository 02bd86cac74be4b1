//! A named value in a meta file that this crate gives no meaning to.

use std::borrow::Cow;
use std::fmt;

/// A field of a meta file: a name, and a value of any bytes but a newline. On a file's line the value has no space
/// either; the encoder looks at that. A name that was read is any bytes but a space and a newline, as for RocksDB.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field {
    name: Box<[u8]>,
    value: Box<[u8]>,
}

impl Field {
    /// A field to be written; `None` if RocksDB's grammar has no such name or value.
    pub fn new(name: &str, value: impl AsRef<[u8]>) -> Option<Self> {
        let value = value.as_ref();
        (is_name(name.as_bytes()) && !value.contains(&b'\n')).then(|| Field {
            name: name.as_bytes().into(),
            value: value.into(),
        })
    }

    /// A field from bytes of a line. RocksDB's reader looks at no more of a name than whether it begins with `ni::`.
    pub(crate) fn decode(name: &[u8], value: &[u8]) -> Self {
        Field {
            name: name.into(),
            value: value.into(),
        }
    }

    /// The name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The name to show to people.
    pub fn name_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    /// The value.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The value to show to people.
    pub fn value_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.value)
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?}", self.name_text(), self.value_text())
    }
}

/// RocksDB's comment asks for `[A-Za-z_][A-Za-z_0-9.]+`; one character is taken, too.
fn is_name(name: &[u8]) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let further = |byte: u8| first(byte) || byte.is_ascii_digit() || byte == b'.';
    name.split_first()
        .is_some_and(|(head, tail)| first(*head) && tail.iter().copied().all(further))
}
