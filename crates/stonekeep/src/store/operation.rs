//! What can be seen of a store's work and stopped before it happens: for records, faults and limits.

use std::fmt;

use super::{Durability, Key, Object, Staged};
use crate::{Error, Result};

/// Sees each operation of a [`Store`](super::Store) before it happens and after it has succeeded.
pub trait Interceptor: fmt::Debug + Send + Sync {
    /// May keep the operation from happening.
    fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal>;

    /// The operation has happened; where its request did not succeed in all, it says what did.
    fn after(&self, operation: &Operation);

    /// Whether each file of a batch is an operation of its own.
    fn splits_batches(&self) -> bool;

    /// What a reader of this file gets.
    fn opened(&self, key: &Key, object: Box<dyn Object>) -> Result<Box<dyn Object>>;

    /// Whether the process counts as dead, so that locks and pins end as those of a killed one.
    fn is_dead(&self) -> bool;
}

/// Why an operation does not happen.
#[derive(Debug)]
pub enum Refusal {
    /// It fails.
    Fails(Error),
    /// The process dies here: what is written stays as it is.
    Dies(Error),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Fails(error) | Refusal::Dies(error) => error,
        }
    }
}

/// An operation, named after the method of [`Store`](super::Store).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the method of its name, with the method's arguments"
)]
pub enum Operation {
    Exists,
    CreateRoot(Durability),
    List(Option<Key>),
    Stat(Key),
    Open(Key),
    Stage(Staged),
    /// Half of the content is written.
    StageHalf(Staged),
    Extend(Staged),
    ExtendHalf(Staged),
    Sync(Vec<Staged>, Durability),
    /// When it has happened: those only whose key was free.
    Publish(Vec<(Staged, Key)>, Durability),
    Replace(Staged, Key, Durability),
    Areas,
    Staged(String),
    OpenStaged(Staged),
    Discard(String),
    /// Whether the key was free comes last.
    Copy(Key, Key, Durability, bool),
    Delete(Key),
    SyncDirectories(Vec<Key>, Durability),
    SyncVisible(Vec<Key>, Durability),
    Exclusive,
    Pin(Key),
    RemoveIfStale(Key),
    Room,
}

impl Operation {
    /// Whether it changes something, so that a process may die just before it.
    pub fn is_change(&self) -> bool {
        !matches!(
            self,
            Operation::Exists
                | Operation::List(_)
                | Operation::Stat(_)
                | Operation::Open(_)
                | Operation::Areas
                | Operation::Staged(_)
                | Operation::OpenStaged(_)
                | Operation::Room
        )
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Exists => write!(f, "exists"),
            Operation::CreateRoot(_) => write!(f, "create_root"),
            Operation::List(None) => write!(f, "list"),
            Operation::List(Some(key)) => write!(f, "list {key}"),
            Operation::Stat(key) => write!(f, "stat {key}"),
            Operation::Open(key) => write!(f, "open {key}"),
            Operation::Stage(staged) => write!(f, "stage {}", name(staged)),
            Operation::StageHalf(staged) => write!(f, "stage {}, second half", name(staged)),
            Operation::Extend(staged) => write!(f, "extend {}", name(staged)),
            Operation::ExtendHalf(staged) => write!(f, "extend {}, second half", name(staged)),
            Operation::Sync(staged, _) => write!(f, "sync {}", words(staged.iter().map(name))),
            Operation::Publish(batch, _) => write!(f, "publish {}", words(batch.iter().map(|(_, key)| key))),
            Operation::Replace(_, key, _) => write!(f, "replace {key}"),
            Operation::Areas => write!(f, "areas"),
            Operation::Staged(area) => write!(f, "staged {area}"),
            Operation::OpenStaged(staged) => write!(f, "open_staged {}", name(staged)),
            Operation::Discard(area) => write!(f, "discard {area}"),
            Operation::Copy(from, to, ..) => write!(f, "copy {from} {to}"),
            Operation::Delete(key) => write!(f, "delete {key}"),
            Operation::SyncDirectories(keys, _) => write!(f, "sync_directories {}", words(keys)),
            Operation::SyncVisible(keys, _) => write!(f, "sync_visible {}", words(keys)),
            Operation::Exclusive => write!(f, "exclusive"),
            Operation::Pin(key) => write!(f, "pin {key}"),
            Operation::RemoveIfStale(key) => write!(f, "remove_if_stale {key}"),
            Operation::Room => write!(f, "room"),
        }
    }
}

fn name(staged: &Staged) -> String {
    format!("{}:{}", staged.area, staged.key)
}

fn words(words: impl IntoIterator<Item = impl ToString>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    words.join(" ")
}
