//! A local store in which another program acts before a chosen operation.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stonekeep::store::local::LocalStore;
use stonekeep::store::{Interceptor, Operation, Refusal, Store};

/// What the other program does, given the directory of the repository.
pub(crate) type Action = dyn Fn(&Path) + Send + Sync;

/// Counts the operations that look at directories or change something, and lets the other program in once.
#[derive(Clone)]
pub(crate) struct MeddledStore(Arc<Meddling>);

struct Meddling {
    repository: PathBuf,
    before: usize,
    operations: AtomicUsize,
    action: Box<Action>,
}

impl MeddledStore {
    /// The action is done before the operation of this number, counted from zero.
    pub(crate) fn new(repository: &Path, before: usize, action: Box<Action>) -> Self {
        Self(Arc::new(Meddling {
            repository: repository.to_owned(),
            before,
            operations: AtomicUsize::new(0),
            action,
        }))
    }

    /// Whether there were so many operations.
    pub(crate) fn was_meddled_with(&self) -> bool {
        self.0.operations.load(Ordering::SeqCst) > self.0.before
    }
}

impl From<MeddledStore> for Store {
    fn from(meddled: MeddledStore) -> Self {
        let store = Store::from(LocalStore::new(&meddled.0.repository));
        store.intercepted_by(meddled.0)
    }
}

impl fmt::Debug for Meddling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "another program that changes {}", self.repository.display())
    }
}

impl Interceptor for Meddling {
    fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal> {
        let counts = match operation {
            Operation::List(_) => true,
            Operation::PersistUploads(..)
            | Operation::PersistFiles(..)
            | Operation::PersistNames(..)
            | Operation::CreateRoot(_)
            | Operation::Lease
            | Operation::Pin(_)
            | Operation::SweepPin(_)
            | Operation::SweepUploads(_)
            | Operation::UploadHalf(_)
            | Operation::ResumeHalf(_) => false,
            operation => operation.is_change(),
        };
        if counts && self.operations.fetch_add(1, Ordering::SeqCst) == self.before {
            (self.action)(&self.repository);
        }
        Ok(())
    }
}
