//! Whether a process has a database open: who holds its `LOCK`.
//!
//! RocksDB holds a POSIX record lock on `LOCK` for as long as the database is open for writing
//! (`PosixFileSystem::LockFile`, `env/fs_posix.cc`). Such a lock belongs to a process, is invisible to that process
//! itself, and is dropped when the process closes *any* descriptor of the file. So the file is opened only when this
//! process holds none of it; then `F_GETLK` reports, through a read-only descriptor, every other process, including those
//! in other pid namespaces. Nothing is locked, and nothing is written.
//!
//! Read-only and secondary instances hold no `LOCK`; nothing shows them.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::listing::is_absent;
use crate::{Error, ErrorKind, IoContext, Result};

/// The name of the file that an open database holds a lock on.
const LOCK: &str = "LOCK";

/// The descriptors of this process.
const OWN_DESCRIPTORS: &str = "/proc/self/fd";

/// One thread looks at a time: it would mistake another thread's descriptor for that of an open database.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Whether this process may have databases open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnDatabases {
    /// Its descriptors are looked through before a `LOCK` is opened.
    Possible,
    /// It has no lock that could be dropped.
    Never,
}

/// Who holds a database's `LOCK`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockState {
    /// No process, or there is no `LOCK`.
    Free,
    /// This very process has the file open; its `LOCK` must not be opened, since closing it again would drop the lock.
    HeldByThisProcess,
    /// Another process.
    HeldBy {
        /// Its id, unless it lives in another pid namespace (another container, usually) or on another machine.
        pid: Option<u32>,
        /// The name of its program, if the system reports it.
        name: Option<String>,
    },
}

impl LockState {
    /// Asks who has the database in this directory open.
    ///
    /// # Errors
    /// `Io` if `LOCK` cannot be looked at; `Unsupported` if the descriptors of this process cannot be listed, which
    /// takes a mounted `/proc`.
    pub fn of(database: &Path) -> Result<LockState> {
        Self::looked_at(database, OwnDatabases::Possible)
    }

    /// As [`of`](Self::of), in a process that may or may not open databases itself.
    pub(super) fn looked_at(database: &Path, own: OwnDatabases) -> Result<LockState> {
        let path = database.join(LOCK);
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        if own == OwnDatabases::Never {
            return ask_kernel(&path);
        }
        let identity = match std::fs::metadata(&path) {
            Ok(metadata) => (metadata.dev(), metadata.ino()),
            Err(error) if is_absent(&error) => return Ok(LockState::Free),
            Err(error) => return Err(error).context("looking at", &path),
        };
        if this_process_has_open(identity)? {
            return Ok(LockState::HeldByThisProcess);
        }
        ask_kernel(&path)
    }

    /// Who holds it, in words that fit after "is open in". `None` if no process does.
    pub fn holder(&self) -> Option<String> {
        match self {
            LockState::Free => None,
            LockState::HeldByThisProcess => Some("this process".to_owned()),
            LockState::HeldBy { pid: None, .. } => {
                Some("a process of another container or machine".to_owned())
            }
            LockState::HeldBy {
                pid: Some(pid),
                name: None,
            } => Some(format!("process {pid}")),
            LockState::HeldBy {
                pid: Some(pid),
                name: Some(name),
            } => Some(format!("process {pid} ({name})")),
        }
    }
}

/// Whether any descriptor of this process is the file of this device and inode.
fn this_process_has_open(identity: (u64, u64)) -> Result<bool> {
    let unsupported = |error: io::Error| {
        Error::new(
            ErrorKind::Unsupported,
            "it is not known whether this process itself has the database open",
        )
        .with_hint("mount /proc")
        .with_source(error)
    };
    for entry in std::fs::read_dir(OWN_DESCRIPTORS).map_err(unsupported)? {
        let entry = entry.map_err(unsupported)?;
        // The descriptor of the listing itself, or one that another thread has closed, is gone by now.
        let Ok(metadata) = std::fs::metadata(entry.path()) else {
            continue;
        };
        if (metadata.dev(), metadata.ino()) == identity {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Asks for the lock that would be in the way of a write lock on the whole file.
fn ask_kernel(path: &Path) -> Result<LockState> {
    // Not blocking, so that a FIFO in the place of the file cannot hang the caller.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
        Ok(descriptor) => File::from(descriptor),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(LockState::Free),
        Err(error) => return Err(error).context("opening", path),
    };
    let blocking =
        fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).context("asking who holds", path)?;
    Ok(match blocking {
        None => LockState::Free,
        Some(lock) => {
            // 0 means another pid namespace, a negative number for another machine.
            let pid = lock
                .pid
                .and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok());
            LockState::HeldBy {
                pid,
                name: pid.and_then(program_name),
            }
        }
    })
}

/// The name of the program that a process runs.
fn program_name(pid: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    let name = name.trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}
