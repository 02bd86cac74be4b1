//! The paths of keys: objects below the prefix of the repository.

use object_store::path::Path;

use super::super::Key;
use crate::{Error, Result};

/// The prefix of a repository.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    prefix: Path,
}

impl Paths {
    pub(super) fn new(prefix: Path) -> Self {
        Paths { prefix }
    }

    /// The path of a key; `None` is the root.
    pub(super) fn of(&self, key: Option<&Key>) -> Result<Path> {
        let joined = match key {
            Some(key) => format!("{}/{key}", self.prefix),
            None => self.prefix.to_string(),
        };
        let parsed = Path::parse(joined);
        parsed.map_err(|error| Error::invalid(format!("an object store has no such key: {error}")))
    }

    /// The key of an object; `None` for one that is not below the prefix, and for a name that no key can have.
    pub(super) fn key_of(&self, path: &Path) -> Option<Key> {
        let below = path.as_ref().strip_prefix(self.prefix.as_ref())?;
        let below = match self.prefix.as_ref() {
            "" => below,
            _ => below.strip_prefix('/')?,
        };
        Key::new(below).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_path_and_the_path_one_key() {
        let key = Key::new("meta/1").unwrap();
        for (prefix, path) in [("", "meta/1"), ("db/one", "db/one/meta/1")] {
            let paths = Paths::new(Path::parse(prefix).unwrap());
            assert_eq!(paths.of(Some(&key)).unwrap().as_ref(), path);
            assert_eq!(paths.key_of(&Path::parse(path).unwrap()), Some(key.clone()));
        }
        let paths = Paths::new(Path::parse("db/one").unwrap());
        for elsewhere in ["db/oneself/meta/1", "db", "db/one"] {
            assert_eq!(
                paths.key_of(&Path::parse(elsewhere).unwrap()),
                None,
                "{elsewhere}"
            );
        }
    }
}
