//! A store in which a foreign program does something at a chosen moment.

use std::fmt;
use std::sync::{Arc, Mutex};

use stonekeep::store::{Interceptor, Key, Operation, Refusal, Store};

use crate::support::scene::{key, put};

/// Does something to the repository just before or after a file of this name is published, copied to or deleted, or a directory of
/// this name is listed.
#[derive(Debug)]
pub(crate) struct Meddler {
    inner: Store,
    at: Key,
    /// Whether opening the file counts.
    opened: bool,
    after: bool,
    deed: Mutex<Option<Deed>>,
}

/// What it does.
pub(crate) enum Deed {
    Delete(String),
    Put(String, Vec<u8>),
    Do(Box<dyn FnOnce() + Send>),
}

impl fmt::Debug for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Deed::Delete(_) => "Delete",
            Deed::Put(..) => "Put",
            Deed::Do(_) => "Do",
        })
    }
}

impl Meddler {
    pub(crate) fn store(inner: &Store, at: &str, after: bool, deed: Deed) -> Store {
        Self::around(inner, at, false, after, deed)
    }

    /// The same, when a file of this name has been opened.
    pub(crate) fn after_opening(inner: &Store, at: &str, deed: Deed) -> Store {
        Self::around(inner, at, true, true, deed)
    }

    fn around(inner: &Store, at: &str, opened: bool, after: bool, deed: Deed) -> Store {
        inner.intercepted_by(Arc::new(Meddler {
            inner: inner.clone(),
            at: key(at),
            opened,
            after,
            deed: Mutex::new(Some(deed)),
        }))
    }

    fn is_here(&self, operation: &Operation) -> bool {
        match operation {
            Operation::List(directory) => directory.as_ref() == Some(&self.at),
            Operation::Finish(batch, ..) => batch.iter().any(|(_, key)| *key == self.at),
            Operation::Put { key, .. } | Operation::Delete(key) => *key == self.at,
            Operation::Open(key) => self.opened && *key == self.at,
            _ => false,
        }
    }

    fn meddle(&self) {
        match self.deed.lock().unwrap().take() {
            Some(Deed::Delete(path)) => {
                assert!(self.inner.stat(&key(&path)).unwrap().is_some(), "{path}");
                self.inner.delete_one(&key(&path)).unwrap();
            }
            Some(Deed::Put(path, bytes)) => put(&self.inner, &path, &bytes),
            Some(Deed::Do(deed)) => deed(),
            None => {}
        }
    }
}

impl Interceptor for Meddler {
    fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal> {
        if !self.after && self.is_here(operation) {
            self.meddle();
        }
        Ok(())
    }

    fn after(&self, operation: &Operation) {
        if self.after && self.is_here(operation) {
            self.meddle();
        }
    }
}
