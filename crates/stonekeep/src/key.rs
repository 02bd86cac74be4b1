//! The name of a file in a store: a relative path that cannot leave it.

use std::fmt;

use crate::{Error, Result};

/// A relative path with `/` between its parts; no part is empty, `.` or `..`, none has a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// The key of this path.
    ///
    /// # Errors
    /// `InvalidArgument` for anything that is no plain relative path.
    pub fn new(path: impl Into<String>) -> Result<Self> {
        let path = path.into();
        if Key::is_legal(&path) {
            Ok(Key(path))
        } else {
            Err(Error::invalid(format!("{path:?} is not a key")))
        }
    }

    /// Whether this is the path of a key.
    pub(crate) fn is_legal(path: &str) -> bool {
        // A quick test for the usual case.
        let plain = path.bytes().all(|b| (b' '..0x7f).contains(&b) && b != b'\\');
        let special = |c: char| c.is_control() || c == '\\';
        if !plain && path.chars().any(special) {
            return false;
        }
        let mut parts = path.as_bytes().split(|byte| *byte == b'/');
        parts.all(|part| !matches!(part, b"" | b"." | b".."))
    }

    /// A key that this crate made itself.
    pub(crate) fn trusted(path: impl Into<String>) -> Self {
        Key(path.into())
    }

    /// The key of a name inside this directory.
    ///
    /// # Errors
    /// As [`Key::new`].
    pub fn join(&self, name: &str) -> Result<Self> {
        Key::new(format!("{}/{name}", self.0))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the last `/`.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The path of the directory, unless the file lies in the root.
    pub(crate) fn directory(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(directory, _)| directory)
    }

    /// The directory, unless the file lies in the root.
    pub fn parent(&self) -> Option<Key> {
        self.directory().map(|directory| Key(directory.to_owned()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cannot_leave_the_store() {
        assert_eq!(
            Key::new("private/3/CURRENT").unwrap().parent().unwrap().as_str(),
            "private/3"
        );
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "a//b",
            "../x",
            "a/../b",
            "a/.",
            "a/",
            "a\nb",
            "a\\b",
        ] {
            assert!(Key::new(bad).is_err(), "{bad:?}");
        }
    }
}
