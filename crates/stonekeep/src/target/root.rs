//! A directory that a restore was given, with what is known of it while files are made in and below it.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use rustix::fs::{Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use super::names::is_kept_open;
use super::path::TargetPath;
use crate::disk::{Clones, Directory, Place, SyncMethod, Syncs, Tree, Written, listing};
use crate::{Error, IoContext, Key, Result, Warning, WarningName};

/// What a file may take over of its directory's mode: nobody executes a table.
const INHERITED_MODE: u32 = 0o666;
const MODE_BITS: u32 = 0o7777;
const ROOT: u32 = 0;

/// What is known of one root.
#[derive(Debug)]
pub(super) struct TargetRoot {
    pub(super) tree: Tree,
    pub(super) syncs: Syncs,
    pub(super) clones: Clones,
    owner: OnceLock<Option<Owner>>,
    /// Why an owner or a mode could not be given to what was made.
    owner_refused: OnceLock<Errno>,
    /// Directories in which a new file is the owner's as it is made. Process and directory decide that, so that what one
    /// file shows holds for all.
    fitting: Mutex<Vec<Weak<Directory>>>,
}

/// Whose new files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owner {
    user: u32,
    group: u32,
    mode: u32,
}

impl TargetRoot {
    pub(super) fn new(path: &Path, method: SyncMethod) -> Self {
        TargetRoot {
            tree: Tree::new(path.to_owned()),
            syncs: Syncs::new(method),
            clones: Clones::default(),
            owner: OnceLock::new(),
            owner_refused: OnceLock::new(),
            fitting: Mutex::default(),
        }
    }

    /// Takes a written file over; synced where each is synced by itself.
    pub(super) fn keep(&self, place: &Place, key: &Key, written: Written, sync: bool) -> Result<()> {
        self.syncs.written(key.clone(), written);
        if sync
            && self.syncs.syncs_each(&self.tree)?
            && let Err(error) = self.syncs.sync_staged(&self.tree, std::slice::from_ref(key))
        {
            discard(place);
            return Err(error);
        }
        Ok(())
    }

    /// The place of a file, whose directory must be there.
    pub(super) fn place(&self, at: &TargetPath) -> Result<Place> {
        let missing = || Error::io(format!("opening the directory of {at}"), Errno::NOENT.into());
        self.find_place(at)?.ok_or_else(missing)
    }

    pub(super) fn find_place(&self, at: &TargetPath) -> Result<Option<Place>> {
        self.tree.find_place(key_of(at)?)
    }

    /// Makes a new file, which belongs to the owner of the root directory.
    pub(super) fn create(&self, place: &Place) -> Result<File> {
        let made = place.create()?;
        let file = made.ok_or_else(|| place.failed("making", Errno::EXIST))?;
        match self.hand_over(&file, place) {
            Ok(()) => Ok(file),
            Err(error) => {
                discard(place);
                Err(error)
            }
        }
    }

    /// Gives a new file to the owner of the root directory.
    fn hand_over(&self, file: &File, place: &Place) -> Result<()> {
        let Some(owner) = self.owner()?.filter(|_| !self.fits(&place.directory)) else {
            return Ok(());
        };
        let stat = rustix::fs::fstat(file).map_err(|errno| place.failed("looking at", errno))?;
        if owner.has(&stat) {
            self.fitting().push(Arc::downgrade(&place.directory));
            return Ok(());
        }
        if (stat.st_uid, stat.st_gid) != (owner.user, owner.group) {
            let (user, group) = (Uid::from_raw(owner.user), Gid::from_raw(owner.group));
            self.unless_refused(rustix::fs::fchown(file, Some(user), Some(group)))
                .map_err(|errno| place.failed("changing the owner of", errno))?;
        }
        if stat.st_mode & MODE_BITS != owner.mode {
            self.unless_refused(rustix::fs::fchmod(file, Mode::from_raw_mode(owner.mode)))
                .map_err(|errno| place.failed("changing the mode of", errno))?;
        }
        Ok(())
    }

    /// Gives a new directory of the application's to the owner of the root directory.
    pub(super) fn hand_over_directory(&self, directory: impl AsFd, at: &TargetPath) -> Result<()> {
        let Some(owner) = self.owner()? else {
            return Ok(());
        };
        let directory = directory.as_fd();
        let stat = rustix::fs::fstat(directory).context("looking at", &at.path())?;
        if (stat.st_uid, stat.st_gid) != (owner.user, owner.group) {
            let (user, group) = (Uid::from_raw(owner.user), Gid::from_raw(owner.group));
            self.unless_refused(rustix::fs::fchown(directory, Some(user), Some(group)))
                .context("changing the owner of", &at.path())?;
        }
        // Who may read it may search it.
        let mode = owner.mode | ((owner.mode & 0o444) >> 2);
        self.unless_refused(rustix::fs::fchmod(directory, Mode::from_raw_mode(mode)))
            .context("changing the mode of", &at.path())
    }

    /// Remembers what a file system answers that has no owners and modes, or lets nobody change them (FUSE, CIFS, FAT, NFS
    /// that maps root to nobody).
    fn unless_refused(&self, changed: rustix::io::Result<()>) -> rustix::io::Result<()> {
        match changed {
            Err(errno @ (Errno::PERM | Errno::ACCESS | Errno::INVAL | Errno::NOTSUP | Errno::NOSYS)) => {
                self.owner_refused.get_or_init(|| errno);
                Ok(())
            }
            changed => changed,
        }
    }

    /// Gives the root directory, which root has just made, to the owner of the directory above it.
    pub(super) fn take_owner_of_parent(&self) -> Result<()> {
        let path = self.tree.root_path();
        let Some(parent) = path.parent().filter(|_| rustix::process::geteuid().is_root()) else {
            return Ok(());
        };
        let above = rustix::fs::stat(parent).context("looking at", parent)?;
        // Through a descriptor of the directory itself: whoever owns the one above may put a link in its place.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = rustix::fs::open(path, flags, Mode::empty()).context("opening", path)?;
        let stat = rustix::fs::fstat(&made).context("looking at", path)?;
        if (stat.st_uid, stat.st_gid) == (above.st_uid, above.st_gid) || stat.st_uid != ROOT {
            return Ok(());
        }
        let (user, group) = (Uid::from_raw(above.st_uid), Gid::from_raw(above.st_gid));
        self.unless_refused(rustix::fs::fchown(&made, Some(user), Some(group)))
            .context("changing the owner of", path)
    }

    /// What the user should know.
    pub(super) fn warning(&self) -> Option<Warning> {
        let errno = self.owner_refused.get()?;
        let message = format!(
            "the file system refuses to change owner or mode of what is restored ({errno}): the user who runs the \
             database may not be able to open it"
        );
        let path = self.tree.root_path().display().to_string();
        Some(Warning::about(WarningName::Owner, path, message))
    }

    /// Whether nothing is in a directory but what the file system keeps of files that were open when they were removed.
    pub(super) fn has_only_kept_open(&self, at: &TargetPath) -> Result<bool> {
        let mut is_kept = true;
        listing::names(&self.tree, at.key(), &mut |entry| {
            is_kept &= is_kept_open(&entry.name);
        })?;
        Ok(is_kept)
    }

    fn fits(&self, directory: &Arc<Directory>) -> bool {
        let is_it = |known: &Weak<Directory>| known.as_ptr() == Arc::as_ptr(directory);
        self.fitting().iter().any(is_it)
    }

    fn fitting(&self) -> MutexGuard<'_, Vec<Weak<Directory>>> {
        self.fitting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose new files are to be, when it is root who makes them.
    fn owner(&self) -> Result<Option<Owner>> {
        if let Some(known) = self.owner.get() {
            return Ok(*known);
        }
        let owner = if rustix::process::geteuid().is_root() {
            let path = self.tree.root_path();
            let directory = rustix::fs::stat(path).context("looking at", path)?;
            Some(Owner {
                user: directory.st_uid,
                group: directory.st_gid,
                mode: directory.st_mode & INHERITED_MODE,
            })
        } else {
            None
        };
        Ok(*self.owner.get_or_init(|| owner))
    }
}

impl Owner {
    fn has(&self, stat: &Stat) -> bool {
        let is = (stat.st_uid, stat.st_gid, stat.st_mode & MODE_BITS);
        is == (self.user, self.group, self.mode)
    }
}

/// What is below the root.
pub(super) fn key_of(at: &TargetPath) -> Result<&Key> {
    let no_file = || Error::invalid(format!("{at} is a directory's root, and no file in it"));
    at.key().ok_or_else(no_file)
}

/// Removes a file that is not complete.
pub(super) fn discard(place: &Place) {
    if let Err(left) = place.unlink() {
        tracing::warn!(reason = %left.one_line(), "an incomplete file stays");
    }
}
