//! A named value in a meta file that this crate gives no meaning to.

use std::borrow::Cow;
use std::fmt;

/// A field of a meta file: a name, and a value of any bytes but a newline. On a file's line the value has no space
/// either and is not empty; the encoder looks at that.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field {
    name: Box<str>,
    value: Box<[u8]>,
}

impl Field {
    /// A field; `None` if RocksDB's grammar has no such name or value.
    pub fn new(name: &str, value: impl AsRef<[u8]>) -> Option<Self> {
        let value = value.as_ref();
        (is_name(name.as_bytes()) && !value.contains(&b'\n')).then(|| Field {
            name: name.into(),
            value: value.into(),
        })
    }

    /// A field from bytes of a line, which has no newline.
    pub(crate) fn decode(name: &[u8], value: &[u8]) -> Option<Self> {
        Field::new(std::str::from_utf8(name).ok()?, value)
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
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
        write!(f, "{}={:?}", self.name, self.value_text())
    }
}

/// RocksDB's comment asks for `[A-Za-z_][A-Za-z_0-9.]+`. Its reader takes one character too, and so does this one.
fn is_name(name: &[u8]) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let further = |byte: u8| first(byte) || byte.is_ascii_digit() || byte == b'.';
    name.split_first()
        .is_some_and(|(head, tail)| first(*head) && tail.iter().copied().all(further))
}
