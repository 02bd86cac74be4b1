//! The target's file system, as the operating system offers it.
//!
//! Below a root each directory is opened relative to the one above without following links, and new files are made
//! with `O_EXCL`, so that nobody who can write there turns a restore somewhere else. When it is root who restores, new
//! files get owner and group of the root directory, and of its mode what makes sense for a file: the database's own
//! user must be able to open what comes back. A root directory that is made for it gets owner and group of the directory
//! above. Where the file system refuses that, the restore goes on with a warning.
//!
//! What makes content durable, and why that holds, stands in `store/local/sync.rs`: a restore's files are a batch as a
//! backup's are. Where each file is synced by itself, that is done by the descriptor which has just written it.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use super::disk::{FreeSpace, TargetDisk, TargetPath};
use super::root::{Root, discard, key_of};
use super::site::STAGING;
use crate::disk::buffers::Buffers;
use crate::disk::copying::{self, Failed};
use crate::disk::{Place, SyncMethod, Tree, Written, write_error};
use crate::shortage::no_directory;
use crate::store::{Durability, Key, LocalFile};
use crate::{Clock, Error, IoContext, Result, SystemClock, Warning};

/// As RocksDB makes its directories (env/fs_posix.cc); the umask takes away from it.
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);
/// How often, and after which time, it is looked again whether a file system has let a file go that nobody has open.
const KEPT_OPEN_TRIES: u32 = 100;
const KEPT_OPEN_WAIT: Duration = Duration::from_millis(20);

/// The real file system. Below a root no link is followed, and new files are made with `O_EXCL`; when root restores, they
/// get owner, group and mode of the root directory.
#[derive(Debug)]
pub struct SystemDisk {
    buffers: Buffers,
    method: SyncMethod,
    clock: Arc<dyn Clock>,
    roots: Mutex<Vec<Arc<Root>>>,
}

impl SystemDisk {
    /// Copies through buffers of this size.
    pub fn new(buffer_bytes: NonZeroUsize) -> Self {
        SystemDisk {
            buffers: Buffers::new(buffer_bytes),
            method: SyncMethod::default(),
            clock: Arc::new(SystemClock),
            roots: Mutex::default(),
        }
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

    fn root(&self, at: &TargetPath) -> Arc<Root> {
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        // As text, which is quicker than part by part.
        let is_it = |root: &&Arc<Root>| root.tree.root_path().as_os_str() == at.root_path().as_os_str();
        let known = roots.iter().find(is_it);
        if let Some(known) = known {
            return Arc::clone(known);
        }
        let root = Arc::new(Root::new(at.root_path(), self.method));
        roots.push(Arc::clone(&root));
        root
    }

    fn copy(
        &self,
        content: &mut dyn Read,
        expected_bytes: u64,
        (file, place): (&File, &Place),
        at: &TargetPath,
    ) -> Result<u64> {
        let copied = copying::copy(content, file, &mut self.buffers.take());
        copied.map_err(|failed| match failed {
            Failed::Reading(error) => Error::of_reading(error, || format!("reading the content of {at}")),
            Failed::Writing(error) => {
                let written = file.metadata().map_or(0, |metadata| metadata.len());
                write_error(place, error, written, expected_bytes)
            }
        })
    }

    fn fill(
        &self,
        (root, place): (&Root, &Place),
        content: &mut dyn Read,
        expected_bytes: u64,
        at: &TargetPath,
    ) -> Result<Written> {
        let file = root.create(place)?;
        match self.copy(content, expected_bytes, (&file, place), at) {
            Ok(size_bytes) => Ok(Written {
                file,
                size_bytes,
                device: place.directory.device,
            }),
            Err(error) => {
                discard(place);
                Err(error)
            }
        }
    }
}

impl TargetDisk for SystemDisk {
    fn make_directory(&self, at: &TargetPath) -> Result<()> {
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
            // Whatever stands there must be a directory.
            Err(Errno::EXIST) => open_directory(at).map(drop),
            Err(errno) => Err(no_directory(&at.path(), errno.into())),
        }
    }

    fn write(
        &self,
        at: &TargetPath,
        content: &mut dyn Read,
        expected_bytes: u64,
        durability: Durability,
    ) -> Result<u64> {
        let (root, key) = (self.root(at), key_of(at)?);
        root.syncs.begin(&root.tree)?;
        let place = root.place(at)?;
        let written = self.fill((&root, &place), content, expected_bytes, at)?;
        let size_bytes = written.size_bytes;
        root.keep(&place, key, written, durability)?;
        Ok(size_bytes)
    }

    fn write_clone(
        &self,
        at: &TargetPath,
        source: LocalFile<'_>,
        size_bytes: u64,
        durability: Durability,
    ) -> Result<bool> {
        let (root, key) = (self.root(at), key_of(at)?);
        let LocalFile { file: source, device } = source;
        if !root.clones.may_share(device) {
            return Ok(false);
        }
        root.syncs.begin(&root.tree)?;
        let place = root.place(at)?;
        let file = root.create(&place)?;
        if !root.clones.share(source, device, &file, size_bytes) {
            place.unlink()?;
            return Ok(false);
        }
        let written = Written {
            file,
            size_bytes,
            device: place.directory.device,
        };
        root.keep(&place, key, written, durability)?;
        Ok(true)
    }

    fn sync_files(&self, files: &[TargetPath]) -> Result<bool> {
        let (mut rest, mut names): (Vec<&TargetPath>, _) = (files.iter().collect(), true);
        while let Some(first) = rest.first() {
            let of_one = first.root_path().to_owned();
            let (these, others) = rest.into_iter().partition(|at| at.root_path() == of_one);
            let these: Vec<&TargetPath> = these;
            let keys: Vec<Key> = these
                .iter()
                .map(|at| key_of(at).cloned())
                .collect::<Result<_>>()?;
            if let Some(at) = these.first() {
                let root = self.root(at);
                names &= root.syncs.sync_staged(&root.tree, &keys)?;
            }
            rest = others;
        }
        Ok(names)
    }

    fn duplicate(&self, from: &TargetPath, to: &TargetPath, durability: Durability) -> Result<()> {
        let (source, target) = (self.root(from).place(from)?, self.root(to).place(to)?);
        let linked = rustix::fs::linkat(
            &*source.directory,
            source.name(),
            &*target.directory,
            target.name(),
            AtFlags::empty(),
        );
        match linked {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(target.failed("making", Errno::EXIST)),
            Err(_) => {
                let opened = source.open(OFlags::RDONLY)?;
                let mut file = opened.ok_or_else(|| source.failed("opening", Errno::NOENT))?;
                self.write(to, &mut file, 0, durability)?;
                match durability {
                    Durability::Durable => self.sync_files(std::slice::from_ref(to)).map(drop),
                    Durability::Buffered => Ok(()),
                }
            }
        }
    }

    fn rename(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
        let (root, target) = (self.root(from), self.root(to).place(to)?);
        let source = root.place(from)?;
        root.syncs.forget(key_of(from)?);
        root.tree
            .renames
            .rename_at_once(&source, &target)
            .map_err(|errno| target.failed(&format!("renaming {from} to"), errno))
    }

    fn replace(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
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
    }

    fn remove(&self, at: &TargetPath) -> Result<()> {
        let root = self.root(at);
        root.syncs.forget(key_of(at)?);
        match root.find_place(at)? {
            Some(place) => place.unlink().map(drop),
            None => Ok(()),
        }
    }

    fn remove_directory(&self, at: &TargetPath) -> Result<()> {
        let root = self.root(at);
        let Some(place) = root.find_place(at)? else {
            return Ok(());
        };
        root.tree.forget();
        let mut tries = KEPT_OPEN_TRIES;
        loop {
            match rustix::fs::unlinkat(&*place.directory, place.name(), AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                // The program behind a FUSE file system hears of a closed file somewhat later.
                Err(Errno::NOTEMPTY | Errno::EXIST) if tries > 0 && root.has_only_kept_open(at)? => {
                    tries -= 1;
                    self.clock.sleep(KEPT_OPEN_WAIT);
                }
                Err(errno) => return Err(place.failed("removing", errno)),
            }
        }
    }

    fn free_space(&self, directory: &Path) -> Result<FreeSpace> {
        let stat = rustix::fs::stat(directory).context("looking at", directory)?;
        let system = rustix::fs::statvfs(directory).context("looking at", directory)?;
        Ok(FreeSpace {
            device: stat.st_dev,
            free_bytes: system.f_bavail.saturating_mul(system.f_frsize),
        })
    }

    fn warnings(&self) -> Vec<Warning> {
        let roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        roots.iter().filter_map(|root| root.warning()).collect()
    }

    fn sync_directory(&self, at: &TargetPath) -> Result<()> {
        match rustix::fs::fsync(open_directory(at)?) {
            Err(errno @ (Errno::INVAL | Errno::NOTSUP | Errno::NOSYS)) => {
                tracing::warn!(directory = %at, %errno, "the file system cannot sync a directory");
                Ok(())
            }
            synced => synced.context("syncing the directory", &at.path()),
        }
    }
}

/// Opens a directory, never through a link below the root.
pub(super) fn open_directory(at: &TargetPath) -> Result<OwnedFd> {
    let missing = || Error::io(format!("opening {at}"), Errno::NOENT.into());
    Tree::new(at.root_path().to_owned())
        .find(at.key())?
        .ok_or_else(missing)
}
