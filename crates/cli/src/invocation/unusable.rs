//! The repositories of a backup that cannot be used.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stonekeep::{Error, Result};

use super::job::{Job, Place};

/// Those of several repositories for which something failed before the command ran, each with its error: the command reports it as that
/// repository's outcome.
#[derive(Debug, Default)]
pub(crate) struct Unusable(Mutex<Vec<(PathBuf, Error)>>);

impl Unusable {
    /// The value, or what stands for it if this place is one of several repositories.
    pub(crate) fn or_default<T: Default>(&self, job: &Job, place: &Place, value: Result<T>) -> Result<T> {
        match value {
            Err(error) if job.is_one_of_several(place) => {
                self.list().push((place.target.location.clone().into(), error));
                Ok(T::default())
            }
            value => value,
        }
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
