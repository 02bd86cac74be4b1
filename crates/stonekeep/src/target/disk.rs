//! The target's file system, as the operating system offers it.
//!
//! Below a root each directory is opened relative to the one above without following links, and new files are made
//! with `O_EXCL`, so that nobody who can write there turns a restore somewhere else. When root restores, new
//! files get owner and group of the root directory, and of its mode what makes sense for a file: the database's own
//! user must be able to open what comes back. A root directory that is made for it gets owner and group of the directory
//! above. Where the file system refuses that, the restore continues with a warning.
//!
//! Every operation is atomic but [`TargetDisk::write`], which a crash may leave half done. How content becomes durable is
//! described in `disk/sync.rs`: a restore's files are a batch as a backup's are. Where each file is synced by itself, the
//! descriptor which has just written it does that.

use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use super::hook::{TargetHook, TargetOperation};
use super::names::STAGING;
use super::path::TargetPath;
use super::root::{TargetRoot, key_of};
use crate::buffers::{Buffers, DEFAULT_BUFFER_BYTES};
use crate::disk::no_directory;
use crate::disk::{SyncMethod, Tree};
use crate::{Clock, Error, IoContext, Key, Result, SystemClock, Warning};

/// As RocksDB makes its directories (env/fs_posix.cc); the umask takes away from it.
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);
/// How often, and after which time, it is looked again whether a file system has let a file go that nobody has open.
const KEPT_OPEN_TRIES: u32 = 100;
const KEPT_OPEN_WAIT: Duration = Duration::from_millis(20);

/// How much fits on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FreeSpace {
    /// Identifies the file system.
    pub(crate) device: u64,
    /// Bytes that may still be written.
    pub(crate) free_bytes: u64,
}

/// Carries out what changes something at a target. See the module for how.
#[derive(Debug)]
pub struct TargetDisk {
    pub(super) buffers: Buffers,
    method: SyncMethod,
    pub(super) sync: bool,
    clock: Arc<dyn Clock>,
    roots: Mutex<Vec<Arc<TargetRoot>>>,
    hook: Option<Arc<dyn TargetHook>>,
}

impl Default for TargetDisk {
    fn default() -> Self {
        TargetDisk::new(DEFAULT_BUFFER_BYTES)
    }
}

impl TargetDisk {
    /// Copies through buffers of this size, and makes everything durable.
    pub fn new(buffer_bytes: NonZeroUsize) -> Self {
        TargetDisk {
            buffers: Buffers::new(buffer_bytes),
            method: SyncMethod::default(),
            sync: true,
            clock: Arc::new(SystemClock),
            roots: Mutex::default(),
            hook: None,
        }
    }

    /// Leaves all syncs out, as RocksDB's `sync = false` does. The order of steps stays.
    #[must_use]
    pub fn with_sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }

    /// Has this hook see every operation.
    #[must_use]
    pub fn with_hook(mut self, hook: Arc<dyn TargetHook>) -> Self {
        self.hook = Some(hook);
        self
    }

    /// Makes files durable in this way.
    #[must_use]
    pub fn with_sync_method(mut self, method: SyncMethod) -> Self {
        self.method = method;
        self
    }

    /// Waits by this clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    pub(super) fn root(&self, at: &TargetPath) -> Arc<TargetRoot> {
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        // As text, which is quicker than part by part.
        let is_it = |root: &&Arc<TargetRoot>| root.tree.root_path().as_os_str() == at.root_path().as_os_str();
        let known = roots.iter().find(is_it);
        if let Some(known) = known {
            return Arc::clone(known);
        }
        let root = Arc::new(TargetRoot::new(at.root_path(), self.method));
        roots.push(Arc::clone(&root));
        root
    }

    pub(super) fn run(
        &self,
        operation: TargetOperation<'_>,
        mut act: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        match &self.hook {
            Some(hook) => hook.run(operation, &mut act),
            None => act(),
        }
    }

    /// Makes a directory in one that exists, unless it exists.
    pub(crate) fn make_directory(&self, at: &TargetPath) -> Result<()> {
        self.run(TargetOperation::MakeDirectory(at), || self.mkdir(at))
    }

    fn mkdir(&self, at: &TargetPath) -> Result<()> {
        let root = self.root(at);
        let made = match at.key() {
            None => rustix::fs::mkdirat(CWD, at.root_path(), DIRECTORY_MODE),
            Some(_) => {
                let place = root.place(at)?;
                rustix::fs::mkdirat(&*place.directory, place.name(), DIRECTORY_MODE)
            }
        };
        match made {
            Ok(()) => match at.key() {
                None => root.take_owner_of_parent(),
                Some(key) if key.as_str().starts_with(STAGING) => Ok(()),
                Some(_) => root.hand_over_directory(&open_directory(at)?, at),
            },
            // It must be a directory.
            Err(Errno::EXIST) => open_directory(at).map(drop),
            Err(errno) => Err(no_directory(&at.path(), errno.into())),
        }
    }

    /// Makes the content of existing files durable, written here or by an earlier run, unless syncs are left out. True if
    /// all names below the roots of these files are durable by that, too.
    pub(crate) fn sync_files(&self, files: &[TargetPath]) -> Result<bool> {
        let mut act = || self.sync_roots(files);
        match &self.hook {
            _ if !self.sync => Ok(false),
            Some(hook) => hook.sync_files(files, &mut act),
            None => act(),
        }
    }

    fn sync_roots(&self, files: &[TargetPath]) -> Result<bool> {
        let (mut rest, mut names): (Vec<&TargetPath>, _) = (files.iter().collect(), true);
        while let Some(first) = rest.first().copied() {
            let is_of_root = |at: &&TargetPath| at.root_path() == first.root_path();
            let (these, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_of_root);
            let keys: Vec<Key> = these
                .into_iter()
                .map(|at| key_of(at).cloned())
                .collect::<Result<_>>()?;
            let root = self.root(first);
            names &= root.syncs.sync_staged(&root.tree, &keys)?;
            rest = others;
        }
        Ok(names)
    }

    /// Gives a file a second name, or makes a copy of it where the file system has no hard links.
    pub(crate) fn duplicate(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
        self.run(TargetOperation::Duplicate { from, to }, || self.link(from, to))
    }

    fn link(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
        let (source, target) = (self.root(from).place(from)?, self.root(to).place(to)?);
        match source.link_to(&target) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(target.failed("making", Errno::EXIST)),
            Err(_) => {
                let opened = source.open(OFlags::RDONLY)?;
                let mut file = opened.ok_or_else(|| source.failed("opening", Errno::NOENT))?;
                self.write(to, &mut file, 0)?;
                self.sync_files(std::slice::from_ref(to)).map(drop)
            }
        }
    }

    /// Gives a file another name on the same file system. An error if that is taken, unless it is taken by this file: of a rename
    /// that a power failure has interrupted, both names may be there.
    pub(crate) fn rename(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
        self.run(TargetOperation::Rename { from, to }, || {
            let (root, target) = (self.root(from), self.root(to).place(to)?);
            let source = root.place(from)?;
            root.syncs.forget(key_of(from)?);
            match root.tree.renames.rename_at_once(&source, &target) {
                Err(Errno::EXIST) if source.is_one_with(&target)? => source.unlink().map(drop),
                renamed => renamed.map_err(|errno| target.failed(&format!("renaming {from} to"), errno)),
            }
        })
    }

    /// Gives a file another name, in place of the file that has it, if there is one.
    pub(crate) fn replace(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
        self.run(TargetOperation::Replace { from, to }, || {
            let (root, target) = (self.root(from), self.root(to).place(to)?);
            let source = root.place(from)?;
            root.syncs.forget(key_of(from)?);
            rustix::fs::renameat(
                &*source.directory,
                source.name(),
                &*target.directory,
                target.name(),
            )
            .map_err(|errno| target.failed(&format!("renaming {from} to"), errno))
        })
    }

    /// Removes a file, or a link itself, if it exists.
    pub(crate) fn remove(&self, at: &TargetPath) -> Result<()> {
        self.run(TargetOperation::Remove(at), || {
            let root = self.root(at);
            root.syncs.forget(key_of(at)?);
            match root.find_place(at)? {
                Some(place) => place.unlink().map(drop),
                None => Ok(()),
            }
        })
    }

    /// Removes an empty directory, if it exists.
    pub(crate) fn remove_directory(&self, at: &TargetPath) -> Result<()> {
        self.run(TargetOperation::RemoveDirectory(at), || self.rmdir(at))
    }

    fn rmdir(&self, at: &TargetPath) -> Result<()> {
        let root = self.root(at);
        let Some(place) = root.find_place(at)? else {
            return Ok(());
        };
        root.tree.forget();
        let mut tries = KEPT_OPEN_TRIES;
        loop {
            match rustix::fs::unlinkat(&*place.directory, place.name(), AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                // The program behind a FUSE file system learns of a closed file somewhat later.
                Err(Errno::NOTEMPTY | Errno::EXIST) if tries > 0 && root.has_only_kept_open(at)? => {
                    tries -= 1;
                    self.clock.sleep(KEPT_OPEN_WAIT);
                }
                Err(errno) => return Err(place.failed("removing", errno)),
            }
        }
    }

    /// Makes the names in a directory durable, as far as the file system can, unless syncs are left out.
    pub(crate) fn sync_directory(&self, at: &TargetPath) -> Result<()> {
        if !self.sync {
            return Ok(());
        }
        self.run(TargetOperation::SyncDirectory(at), || {
            match rustix::fs::fsync(open_directory(at)?) {
                Err(errno @ (Errno::INVAL | Errno::NOTSUP | Errno::NOSYS)) => {
                    tracing::warn!(directory = %at, %errno, "the file system cannot sync a directory");
                    Ok(())
                }
                synced => synced.context("syncing the directory", &at.path()),
            }
        })
    }

    /// The free space for this directory: that of the first one above it which exists.
    pub(crate) fn free_space(&self, directory: &Path) -> Result<FreeSpace> {
        let there = directory.ancestors().find(|path| path.exists());
        let there = there.unwrap_or(directory);
        let stat = rustix::fs::stat(there).context("looking at", there)?;
        let system = rustix::fs::statvfs(there).context("looking at", there)?;
        let free_bytes = system.f_bavail.saturating_mul(system.f_frsize);
        Ok(FreeSpace {
            device: stat.st_dev,
            free_bytes: match &self.hook {
                Some(hook) => hook.free_bytes(free_bytes),
                None => free_bytes,
            },
        })
    }

    /// What the user should know of the file systems that were written to.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        roots.iter().filter_map(|root| root.warning()).collect()
    }
}

/// Opens a directory, never through a link below the root.
pub(super) fn open_directory(at: &TargetPath) -> Result<OwnedFd> {
    let missing = || Error::io(format!("opening {at}"), Errno::NOENT.into());
    Tree::new(at.root_path().to_owned())
        .find(at.key())?
        .ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::time::{Instant, SystemTime};

    use super::*;

    /// A program behind a file system, which closes the file while somebody waits.
    #[derive(Debug)]
    struct ClosesWhileWaiting(PathBuf);

    impl Clock for ClosesWhileWaiting {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }

        fn instant(&self) -> Instant {
            SystemClock.instant()
        }

        fn sleep(&self, _: Duration) {
            fs::remove_file(&self.0).unwrap();
        }
    }

    #[test]
    fn removing_a_directory_waits_for_files_that_are_kept_open() {
        for (name, is_waited_for) in [
            (".nfs00000000012a4f5e00000001", true),
            (".fuse_hidden0000000800000002", true),
            ("somebody's", false),
        ] {
            let root = tempfile::tempdir().unwrap();
            let at = TargetPath::root(root.path()).with_key(Key::trusted("directory"));
            fs::create_dir(at.path()).unwrap();
            let kept = at.path().join(name);
            fs::write(&kept, "").unwrap();
            let disk = TargetDisk::default().with_clock(Arc::new(ClosesWhileWaiting(kept.clone())));
            assert_eq!(disk.remove_directory(&at).is_ok(), is_waited_for, "{name}");
            assert_eq!(kept.exists(), !is_waited_for, "{name}");
        }
    }
}
