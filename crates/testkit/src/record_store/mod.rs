//! A store that records the operations it is asked for.
//!
//! Requests make tests of cost ("a second backup makes three requests") and of order: [`RecordStore::durable_before`]
//! says what would have survived a power failure just before a file appeared.

mod durable;

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stonekeep::store::{Durability, Interceptor, Key, Operation, Put, Refusal, Store};

use self::durable::durable_before;

/// A store with a record of its requests; clones share one record. See the [module](self).
#[derive(Debug, Clone)]
pub struct RecordStore {
    store: Store,
    record: Arc<Record>,
}

#[derive(Debug, Default)]
struct Record(Mutex<Vec<Operation>>);

impl RecordStore {
    /// A record that is empty.
    pub fn new(inner: impl Into<Store>) -> Self {
        let record = Arc::<Record>::default();
        RecordStore {
            store: inner.into().intercepted_by(record.clone()),
            record,
        }
    }

    /// Every request that was answered without an error, in the order of the answers.
    pub fn requests(&self) -> Vec<Operation> {
        self.record.requests().clone()
    }

    /// The requests as lines, as in `publish meta/1 (Durable)`.
    pub fn lines(&self) -> Vec<String> {
        self.record.requests().iter().map(line).collect()
    }

    /// Forgets all requests so far.
    pub fn clear(&self) {
        self.record.requests().clear();
    }

    /// The visible files that were durable, content and name, when this one appeared; `None` if it never did.
    /// Files from before the record was begun count only if they were synced since.
    pub fn durable_before(&self, key: &Key) -> Option<BTreeSet<Key>> {
        durable_before(&self.record.requests(), key)
    }
}

impl Deref for RecordStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl From<RecordStore> for Store {
    fn from(recorded: RecordStore) -> Self {
        recorded.store
    }
}

impl Record {
    fn requests(&self) -> MutexGuard<'_, Vec<Operation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interceptor for Record {
    fn before(&self, _: &Operation) -> std::result::Result<(), Refusal> {
        Ok(())
    }

    fn after(&self, operation: &Operation) {
        self.requests().push(operation.clone());
    }
}

/// An operation with what became of it.
fn line(operation: &Operation) -> String {
    match (operation, durability(operation)) {
        (
            Operation::Put {
                put: Put::Same | Put::Taken,
                ..
            },
            _,
        ) => format!("{operation}, which is taken"),
        (_, Some(durability)) => format!("{operation} ({durability:?})"),
        (_, None) => operation.to_string(),
    }
}

fn durability(operation: &Operation) -> Option<Durability> {
    match operation {
        Operation::CreateRoot(durability)
        | Operation::Put { durability, .. }
        | Operation::Finish(.., durability)
        | Operation::PersistUploads(_, durability)
        | Operation::PersistFiles(_, durability)
        | Operation::PersistNames(_, durability) => Some(*durability),
        _ => None,
    }
}
