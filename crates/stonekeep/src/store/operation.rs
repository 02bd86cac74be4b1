//! What can be seen of a store's work and stopped before it happens: for records, faults and limits.

use std::fmt;

use super::{Durability, Key, Object, Persist, Put, PutMode, Upload, UploadSweep};
use crate::{Error, Result};

/// Sees each operation of a [`Store`](super::Store) before it happens and after it has succeeded.
pub trait Interceptor: fmt::Debug + Send + Sync {
    /// May keep the operation from happening.
    fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal>;

    /// The operation has happened; where its request did not succeed in all, it says what did.
    fn after(&self, _operation: &Operation) {}

    /// May lose the answer to an operation that has happened.
    ///
    /// # Errors
    /// What the caller gets instead of the answer.
    fn answered(&self, _operation: &Operation) -> Result<()> {
        Ok(())
    }

    /// Whether each file of a batch is an operation of its own.
    fn splits_batches(&self) -> bool {
        false
    }

    /// What a reader of this file gets.
    ///
    /// # Errors
    /// Those that opening it is to fail with.
    fn opened(&self, _key: &Key, object: Box<dyn Object>) -> Result<Box<dyn Object>> {
        Ok(object)
    }

    /// Whether the process counts as dead, so that locks and pins end as those of a killed one.
    fn is_dead(&self) -> bool {
        false
    }
}

/// Why an operation does not happen.
#[derive(Debug)]
#[non_exhaustive]
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
#[non_exhaustive]
pub enum Operation {
    Exists,
    CreateRoot(Durability),
    List(Option<Key>),
    Stat(Key),
    Open(Key),
    Put {
        key: Key,
        copy_of: Option<Key>,
        durability: Durability,
        /// When it has happened: how it ended.
        put: Put,
    },
    Upload(Upload),
    /// Half of the content is written.
    UploadHalf(Upload),
    Resume(Upload),
    ResumeHalf(Upload),
    OpenUpload(Upload),
    /// When it has happened: those only whose key was free.
    Finish(Vec<(Upload, Key)>, PutMode, Durability),
    PersistUploads(Vec<Upload>, Durability),
    PersistFiles(Vec<Key>, Durability),
    PersistNames(Vec<Key>, Durability),
    Leftovers,
    Discard(String),
    Delete(Key),
    Lease,
    /// The directory of the pin.
    Pin(Key),
    SweepPin(Key),
    /// [`super::Store::sweep_uploads`]
    SweepUploads(UploadSweep),
    Room,
}

impl Operation {
    pub(super) fn persist(what: Persist<'_>, durability: Durability) -> Self {
        match what {
            Persist::Uploads(uploads) => Operation::PersistUploads(uploads.to_vec(), durability),
            Persist::Files(keys) => Operation::PersistFiles(keys.to_vec(), durability),
            Persist::Names(keys) => Operation::PersistNames(keys.to_vec(), durability),
        }
    }

    /// Whether it changes something, so that a process may die just before it.
    pub fn is_change(&self) -> bool {
        !matches!(
            self,
            Operation::Exists
                | Operation::List(_)
                | Operation::Stat(_)
                | Operation::Open(_)
                | Operation::OpenUpload(_)
                | Operation::Leftovers
                | Operation::Room
                | Operation::SweepUploads(UploadSweep::Count)
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
            Operation::Put { key, copy_of, .. } => match copy_of {
                Some(from) => write!(f, "copy {from} {key}"),
                None => write!(f, "put {key}"),
            },
            Operation::Upload(upload) => write!(f, "upload {}", name(upload)),
            Operation::UploadHalf(upload) => write!(f, "upload {}, second half", name(upload)),
            Operation::Resume(upload) => write!(f, "resume {}", name(upload)),
            Operation::ResumeHalf(upload) => write!(f, "resume {}, second half", name(upload)),
            Operation::OpenUpload(upload) => write!(f, "open_upload {}", name(upload)),
            Operation::Finish(batch, PutMode::IfAbsent, _) => {
                write!(f, "finish {}", words(batch.iter().map(|(_, key)| key)))
            }
            Operation::Finish(batch, PutMode::Replace, _) => {
                write!(f, "replace {}", words(batch.iter().map(|(_, key)| key)))
            }
            Operation::PersistUploads(uploads, _) => {
                write!(f, "persist uploads {}", words(uploads.iter().map(name)))
            }
            Operation::PersistFiles(keys, _) => write!(f, "persist files {}", words(keys)),
            Operation::PersistNames(keys, _) => write!(f, "persist names {}", words(keys)),
            Operation::Leftovers => write!(f, "leftovers"),
            Operation::Discard(run) => write!(f, "discard {run}"),
            Operation::Delete(key) => write!(f, "delete {key}"),
            Operation::Lease => write!(f, "lease"),
            Operation::Pin(directory) => write!(f, "pin {directory}"),
            Operation::SweepPin(key) => write!(f, "sweep_pin {key}"),
            Operation::SweepUploads(sweep) => write!(f, "sweep_uploads {sweep:?}"),
            Operation::Room => write!(f, "room"),
        }
    }
}

fn name(upload: &Upload) -> String {
    format!("{}:{}", upload.run, upload.key)
}

fn words(words: impl IntoIterator<Item = impl ToString>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    words.join(" ")
}
