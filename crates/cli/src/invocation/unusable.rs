//! The repositories of a backup that cannot be used.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stonekeep::Error;

/// Those of several repositories for which something failed before the command ran, each with its error: the command reports it as that
/// repository's outcome.
#[derive(Debug, Default)]
pub(crate) struct Unusable(Mutex<Vec<(PathBuf, Error)>>);

impl Unusable {
    /// Adds one.
    pub(super) fn add(&self, repository: &str, error: Error) {
        self.list().push((repository.into(), error));
    }

    /// Whether it is one of them.
    pub(crate) fn has(&self, repository: &str) -> bool {
        self.list()
            .iter()
            .any(|(unusable, _)| unusable == Path::new(repository))
    }

    /// Why this repository cannot be used, once.
    pub(crate) fn take(&self, repository: &Path) -> Option<Error> {
        let mut list = self.list();
        let at = list.iter().position(|(unusable, _)| unusable == repository)?;
        Some(list.remove(at).1)
    }

    fn list(&self) -> MutexGuard<'_, Vec<(PathBuf, Error)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
