//! Disturbs one operation of a run: on a store, on what is read from it, or on the target of a restore.

use std::fs::OpenOptions;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use stonekeep::engine::restore::{TargetHook, TargetOperation, TargetPath};
use stonekeep::store::{Interceptor, Key, LocalFile, Object, Operation, Refusal};
use stonekeep::{Error, Result};

/// What happens to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// Nothing: operations are only counted.
    None,
    /// It fails with this number of the operating system.
    Fails(Errno),
    /// A read gives less than was asked for, and goes on.
    ShortRead,
    /// Half of a file is written, and then there is no room.
    ShortWrite,
    /// It is done, and its answer is an error.
    LateSuccess,
    /// The process is killed before it.
    Kill,
}

/// Those that the process survives.
pub const FAULTS: [Disturbance; 13] = [
    Disturbance::Fails(Errno::IO),
    Disturbance::Fails(Errno::NOSPC),
    Disturbance::Fails(Errno::DQUOT),
    Disturbance::Fails(Errno::ACCESS),
    Disturbance::Fails(Errno::PERM),
    Disturbance::Fails(Errno::ROFS),
    Disturbance::Fails(Errno::INTR),
    Disturbance::Fails(Errno::MFILE),
    Disturbance::Fails(Errno::NOMEM),
    Disturbance::Fails(Errno::STALE),
    Disturbance::ShortRead,
    Disturbance::ShortWrite,
    Disturbance::LateSuccess,
];

/// An operation that was disturbed.
#[derive(Debug, Clone)]
pub struct Hit {
    /// What it was.
    pub operation: String,
    /// The error that it gave, if it gave one.
    pub errno: Option<Errno>,
}

/// Disturbs the operation of one number, counted from 1. Clones share the count.
#[derive(Debug, Clone)]
pub struct Disturber {
    at: usize,
    how: Disturbance,
    /// Whether looks are operations, too, not only changes.
    counts_looks: bool,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    operations: Vec<String>,
    hit: Option<Hit>,
    is_dead: bool,
}

/// What becomes of an operation.
enum Fate {
    Goes,
    Fails(Errno),
    Halves,
    Late,
    Short,
    Dies,
}

impl Disturber {
    /// Counts looks and changes.
    pub fn new(at: usize, how: Disturbance) -> Self {
        Disturber {
            at,
            how,
            counts_looks: true,
            seen: Arc::default(),
        }
    }

    /// Kills the process before a change.
    pub fn killing(at: usize) -> Self {
        Disturber {
            counts_looks: false,
            ..Disturber::new(at, Disturbance::Kill)
        }
    }

    /// The operations so far.
    pub fn operations(&self) -> Vec<String> {
        self.seen().operations.clone()
    }

    /// The operation that was disturbed.
    pub fn hit(&self) -> Option<Hit> {
        self.seen().hit.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation that begins. `may` says what can happen to it besides an error.
    fn begin(&self, name: &str, is_read: bool, is_write: bool) -> Fate {
        let mut seen = self.seen();
        if seen.is_dead {
            return Fate::Dies;
        }
        seen.operations.push(name.to_owned());
        if seen.operations.len() != self.at {
            return Fate::Goes;
        }
        let (fate, errno) = match self.how {
            Disturbance::None => return Fate::Goes,
            Disturbance::Fails(errno) => (Fate::Fails(errno), Some(errno)),
            Disturbance::ShortRead if is_read => (Fate::Short, None),
            Disturbance::ShortWrite if is_write => (Fate::Halves, Some(Errno::NOSPC)),
            Disturbance::LateSuccess if !is_read => (Fate::Late, Some(Errno::IO)),
            Disturbance::Kill => (Fate::Dies, None),
            _ => return Fate::Goes,
        };
        seen.is_dead = matches!(fate, Fate::Dies);
        seen.hit = Some(Hit {
            operation: name.to_owned(),
            errno,
        });
        fate
    }

    /// Whether the answer to this operation, which has happened, is lost.
    fn loses_answer(&self, name: &str) -> bool {
        let seen = self.seen();
        self.how == Disturbance::LateSuccess
            && seen.operations.len() == self.at
            && seen.operations.last().is_some_and(|last| last == name)
    }
}

fn failed(name: &str, errno: Errno) -> Error {
    Error::io(name, errno.into())
}

fn dead() -> Error {
    Error::io("an operation of a dead process", io::Error::other("killed"))
}

impl Interceptor for Disturber {
    fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal> {
        if !self.counts_looks && !operation.is_change() {
            let is_dead = self.seen().is_dead;
            return if is_dead {
                Err(Refusal::Fails(dead()))
            } else {
                Ok(())
            };
        }
        let name = operation.to_string();
        let is_write = matches!(operation, Operation::UploadHalf(_) | Operation::ResumeHalf(_));
        match self.begin(&name, !operation.is_change(), is_write) {
            Fate::Goes | Fate::Late | Fate::Short => Ok(()),
            Fate::Fails(errno) => Err(Refusal::Fails(failed(&name, errno))),
            Fate::Halves => Err(Refusal::Fails(failed(&name, Errno::NOSPC))),
            Fate::Dies => Err(Refusal::Dies(dead())),
        }
    }

    fn answered(&self, operation: &Operation) -> Result<()> {
        let name = operation.to_string();
        if operation.is_change() && self.loses_answer(&name) {
            return Err(failed(&name, Errno::IO));
        }
        Ok(())
    }

    fn splits_batches(&self) -> bool {
        true
    }

    fn opened(&self, key: &Key, object: Box<dyn Object>) -> Result<Box<dyn Object>> {
        if !self.counts_looks {
            return Ok(object);
        }
        Ok(Box::new(Read {
            disturber: self.clone(),
            name: format!("read {key}"),
            object,
        }))
    }

    fn is_dead(&self) -> bool {
        self.seen().is_dead
    }
}

/// A file each read of which is an operation.
struct Read {
    disturber: Disturber,
    name: String,
    object: Box<dyn Object>,
}

impl Object for Read {
    fn size_bytes(&self) -> u64 {
        self.object.size_bytes()
    }

    fn size_bytes_now(&self) -> io::Result<u64> {
        self.object.size_bytes_now()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.disturber.begin(&self.name, true, false) {
            Fate::Fails(errno) => Err(errno.into()),
            Fate::Dies => Err(io::Error::other("killed")),
            Fate::Short => {
                let some = buffer.len().div_ceil(3);
                self.object
                    .read_at(buffer.get_mut(..some).unwrap_or_default(), offset)
            }
            _ => self.object.read_at(buffer, offset),
        }
    }

    fn local_file(&self) -> Option<LocalFile<'_>> {
        None
    }
}

/// What an operation on a target does, and where.
fn name_of(operation: &TargetOperation<'_>) -> String {
    let (name, at) = match operation {
        TargetOperation::MakeDirectory(at) => ("make directory", at),
        TargetOperation::Write { at, .. } => ("write", at),
        TargetOperation::Duplicate { to, .. } => ("duplicate", to),
        TargetOperation::Rename { to, .. } => ("rename to", to),
        TargetOperation::Replace { to, .. } => ("replace", to),
        TargetOperation::Remove(at) => ("remove", at),
        TargetOperation::RemoveDirectory(at) => ("remove directory", at),
        TargetOperation::SyncDirectory(at) => ("sync directory", at),
        _ => return format!("{operation:?}"),
    };
    format!("{name} {}", at.path().display())
}

impl TargetHook for Disturber {
    fn run(&self, operation: TargetOperation<'_>, act: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let name = name_of(&operation);
        match self.begin(&name, false, matches!(operation, TargetOperation::Write { .. })) {
            Fate::Goes | Fate::Short => act(),
            Fate::Fails(errno) => Err(failed(&name, errno)),
            Fate::Late => act().and_then(|()| Err(failed(&name, Errno::IO))),
            Fate::Halves => {
                act()?;
                halve(&operation)?;
                Err(failed(&name, Errno::NOSPC))
            }
            Fate::Dies => Err(dead()),
        }
    }

    fn sync_files(&self, files: &[TargetPath], act: &mut dyn FnMut() -> Result<bool>) -> Result<bool> {
        let first = files.first().map(|at| at.path().display().to_string());
        let name = format!("sync {}", first.unwrap_or_default());
        match self.begin(&name, false, false) {
            Fate::Fails(errno) => Err(failed(&name, errno)),
            Fate::Late => act().and_then(|_| Err(failed(&name, Errno::IO))),
            Fate::Dies => Err(dead()),
            _ => act(),
        }
    }

    fn free_bytes(&self, on_disk: u64) -> u64 {
        on_disk
    }
}

/// Cuts the file that was written in two.
fn halve(operation: &TargetOperation<'_>) -> Result<()> {
    if let TargetOperation::Write { at, .. } = operation
        && at.path().exists()
    {
        let cut = || {
            let file = OpenOptions::new().write(true).open(at.path())?;
            file.set_len(file.metadata()?.len() / 2)
        };
        cut().map_err(|error| Error::io("cutting", error))?;
    }
    Ok(())
}
