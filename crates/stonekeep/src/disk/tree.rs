//! The directories below a store's root, opened so that no symbolic link is ever followed.
//!
//! The root's own path may lead through links: its owner chose it. What lies below may come from a stranger, so a
//! directory is opened from the root's descriptor with `RESOLVE_NO_SYMLINKS`, or part by part, each relative to its
//! parent's descriptor with `O_NOFOLLOW`.
//!
//! Walking down to a directory for each of its files costs more than a small file itself. So the directories of the
//! files that were worked with lately stay open. All are walked to again after any directory was opened for itself, as
//! each listing and each sync does, and after this process has removed one: a directory that was moved away, or a disk
//! that was mounted over it, is noticed there at the latest. In one that somebody else has removed nothing is found, and
//! nothing can be made; then it is walked to again, too.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::directory::{Directory, path_of};
use super::making::{DIRECTORY_MODE, Making};
use super::place::Place;
use super::renames::Renames;
use crate::Key;
use crate::shortage::Shortage;
use crate::{Error, IoContext, Result};

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// So many directories stay open: a backup's, or a restore's, source and target.
const KEPT_OPEN: usize = 8;

/// The root and what lies below it.
#[derive(Debug)]
pub(crate) struct Tree {
    root: Arc<Path>,
    lately: Mutex<Vec<(Option<String>, Arc<Directory>)>>,
    /// Owner and mode of what is made, in a repository.
    making: Option<Arc<Making>>,
    /// How files are renamed here.
    pub(crate) renames: Renames,
}

impl Tree {
    pub(crate) fn new(root: PathBuf) -> Self {
        Tree {
            root: root.into(),
            lately: Mutex::default(),
            making: None,
            renames: Renames::default(),
        }
    }

    /// The tree of a repository; what is made in it follows the rules of [`Making`].
    pub(crate) fn of_repository(root: PathBuf) -> Self {
        let making = Making::new(&root);
        Tree {
            making: Some(Arc::new(making)),
            ..Tree::new(root)
        }
    }

    /// The rules of a repository.
    pub(crate) fn making(&self) -> Option<&Making> {
        self.making.as_deref()
    }

    pub(crate) fn root_path(&self) -> &Path {
        &self.root
    }

    /// The path of a directory, for messages.
    pub(crate) fn path(&self, key: Option<&Key>) -> PathBuf {
        path_of(&self.root, key.map(Key::as_str))
    }

    /// Opens the root, which must be there.
    pub(crate) fn open_root(&self) -> Result<OwnedFd> {
        let missing = || Error::not_found(format!("{} is not there", self.root.display()));
        self.find(None)?.ok_or_else(missing)
    }

    /// Opens a directory; `None` if it or one above it is missing.
    pub(crate) fn find(&self, directory: Option<&Key>) -> Result<Option<OwnedFd>> {
        self.forget();
        self.walk(directory.map(Key::as_str), None)
    }

    /// Opens a directory, making it and those above it where they are missing; the root must be there.
    fn make(&self, directory: Option<&str>) -> Result<OwnedFd> {
        let missing = || Error::not_found(format!("{} is not there", self.root.display()));
        self.walk(directory, Some(self.making()))?.ok_or_else(missing)
    }

    /// Opens a directory, in one call where the system has it; `made` if what is missing is made.
    fn walk(&self, directory: Option<&str>, made: Option<Option<&Making>>) -> Result<Option<OwnedFd>> {
        let mut opened = match rustix::fs::openat(CWD, &*self.root, DIRECTORY, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            root => root.context("opening", &self.root)?,
        };
        match directory.map(|directory| open_parts(&opened, directory)) {
            Some(Ok(below)) => return Ok(Some(below)),
            Some(Err(Errno::NOENT)) if made.is_none() => return Ok(None),
            // Part by part it is seen what is wrong, or nothing is.
            Some(Err(_)) | None => {}
        }
        for part in directory.iter().flat_map(|key| key.split('/')) {
            let below = match open_part(&opened, part) {
                Err(Errno::NOENT) => match made {
                    Some(making) => make_part(&opened, part, making),
                    None => Err(Errno::NOENT),
                },
                there => there,
            };
            match below {
                Ok(below) => opened = below,
                Err(Errno::NOENT | Errno::NAMETOOLONG) => return Ok(None),
                Err(errno) => return Err(self.no_directory(directory, errno)),
            }
        }
        Ok(Some(opened))
    }

    /// The place of a file; `None` if its directory is missing.
    pub(crate) fn find_place(&self, key: &Key) -> Result<Option<Place>> {
        let directory = key.directory();
        let opened = match self.lately(directory) {
            Some(lately) => Some(lately),
            None => match self.walk(directory, None)? {
                Some(opened) => Some(self.remember(directory, opened)?),
                None => None,
            },
        };
        Ok(opened.map(|directory| self.place(directory, key)))
    }

    /// A new file, in a directory that is made where it is missing; only its place if something stands there.
    pub(crate) fn create(&self, key: &Key) -> Result<(Place, Option<File>)> {
        let place = self.make_place(key)?;
        match place.create() {
            Err(error) if error.io_kind() == Some(io::ErrorKind::NotFound) => {
                self.forget();
                let place = self.make_place(key)?;
                let file = place.create()?;
                Ok((place, file))
            }
            created => created.map(|file| (place, file)),
        }
    }

    /// The place of a file, in a directory that is made where it is missing.
    pub(crate) fn make_place(&self, key: &Key) -> Result<Place> {
        let directory = key.directory();
        let opened = match self.lately(directory) {
            Some(lately) => lately,
            None => self.remember(directory, self.make(directory)?)?,
        };
        Ok(self.place(opened, key))
    }

    fn place(&self, directory: Arc<Directory>, key: &Key) -> Place {
        Place::new(
            directory,
            Arc::clone(&self.root),
            self.making.clone(),
            key.clone(),
        )
    }

    /// Lets every directory go that was kept open.
    pub(crate) fn forget(&self) {
        self.kept().clear();
    }

    fn kept(&self) -> MutexGuard<'_, Vec<(Option<String>, Arc<Directory>)>> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lately(&self, directory: Option<&str>) -> Option<Arc<Directory>> {
        let kept = self.kept();
        let mut found = kept.iter().filter(|(key, _)| key.as_deref() == directory);
        found.next().map(|(_, opened)| Arc::clone(opened))
    }

    fn remember(&self, directory: Option<&str>, opened: OwnedFd) -> Result<Arc<Directory>> {
        let opened = Directory::new(opened).context("looking at", &path_of(&self.root, directory))?;
        let opened = Arc::new(opened);
        let mut kept = self.kept();
        kept.retain(|(key, _)| key.as_deref() != directory);
        if kept.len() >= KEPT_OPEN {
            kept.remove(0);
        }
        kept.push((directory.map(str::to_owned), Arc::clone(&opened)));
        Ok(opened)
    }

    fn no_room_for_directory(&self, path: &Path, error: io::Error) -> Error {
        let root = rustix::fs::openat(CWD, &*self.root, DIRECTORY, Mode::empty());
        let shortage = root.ok().and_then(|root| Shortage::of(error.kind(), root));
        let shortage = shortage.unwrap_or(Shortage::Bytes);
        Error::io(shortage.at(path.display()), error).with_shortage(shortage)
    }

    pub(super) fn no_directory(&self, directory: Option<&str>, errno: Errno) -> Error {
        let path = path_of(&self.root, directory);
        match errno {
            Errno::NOTDIR | Errno::LOOP => Error::corrupt(
                path.display().to_string(),
                "a file or a symbolic link stands where a directory should be; links are not followed",
            ),
            errno => {
                let error = io::Error::from(errno);
                match Shortage::of_kind(error.kind()) {
                    Some(_) => self.no_room_for_directory(&path, error),
                    None => Error::io(format!("opening {}", path.display()), error),
                }
            }
        }
    }
}

/// When a file was last changed.
pub(crate) fn modified(stat: &Stat) -> Option<SystemTime> {
    let nanoseconds = Duration::from_nanos(stat.st_mtime_nsec);
    let seconds = Duration::from_secs(stat.st_mtime.unsigned_abs());
    let whole = if stat.st_mtime < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(seconds)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(seconds)
    };
    whole?.checked_add(nanoseconds)
}

/// A file's length, from its status.
pub(crate) fn size_bytes(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

/// Opens a directory in another one, never through a link.
pub(crate) fn open_part(parent: impl AsFd, name: impl Arg) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(parent, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())
}

/// Opens a directory below another one, never through a link: `openat2`, since Linux 5.6, where no filter denies it.
fn open_parts(root: &OwnedFd, below: &str) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
    rustix::fs::openat2(root, below, DIRECTORY, Mode::empty(), resolve)
}

fn make_part(parent: &OwnedFd, name: &str, making: Option<&Making>) -> rustix::io::Result<OwnedFd> {
    let mode = making.map_or(Mode::from_raw_mode(DIRECTORY_MODE), Making::directory_mode);
    match rustix::fs::mkdirat(parent, name, mode) {
        Ok(()) => {
            let made = open_part(parent, name)?;
            if let Some(making) = making {
                making.hand_over(&made);
            }
            Ok(made)
        }
        Err(Errno::EXIST) => open_part(parent, name),
        Err(errno) => Err(errno),
    }
}
