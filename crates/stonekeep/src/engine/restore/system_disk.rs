//! The target's file system, as the operating system offers it.
//!
//! Below a root each directory is opened relative to the one above without following links, and new files are made
//! with `O_EXCL`, so that nobody who can write there turns a restore somewhere else. When it is root who restores, new
//! files get owner and group of the root directory, and of its mode what makes sense for a file: the database's own
//! user must be able to open what comes back.
//!
//! What makes content durable, and why that holds, stands in `store/local/sync.rs`: a restore's files are a batch as a
//! backup's are. Where each file is synced by itself, that is done by the descriptor which has just written it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, RenameFlags, Uid};
use rustix::io::Errno;

use super::disk::{FreeSpace, TargetDisk, TargetPath};
use crate::store::buffers::Buffers;
use crate::store::local::{Place, SyncMethod, Syncs, Tree, Written};
use crate::store::{Durability, Key};
use crate::{Error, IoContext, Result};

/// As RocksDB makes its directories (env/fs_posix.cc); the umask takes away from it.
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);
/// What a file may take over of its directory's mode: nobody executes a table.
const INHERITED_MODE: u32 = 0o666;
const MODE_BITS: u32 = 0o7777;

/// The real file system. Below a root no link is followed, and new files are made with `O_EXCL`; when root restores, they
/// get owner, group and mode of the root directory.
#[derive(Debug)]
pub struct SystemDisk {
    buffers: Buffers,
    method: SyncMethod,
    roots: Mutex<Vec<Arc<Root>>>,
}

/// What is known of one root.
#[derive(Debug)]
struct Root {
    tree: Tree,
    syncs: Syncs,
    owner: OnceLock<Option<Owner>>,
}

/// Whose new files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owner {
    user: u32,
    group: u32,
    mode: u32,
}

impl SystemDisk {
    /// Copies through buffers of this size.
    pub fn new(buffer_bytes: NonZeroUsize) -> Self {
        SystemDisk {
            buffers: Buffers::new(buffer_bytes),
            method: SyncMethod::default(),
            roots: Mutex::default(),
        }
    }

    /// Makes files durable in this way.
    #[must_use]
    pub fn with_sync_method(mut self, method: SyncMethod) -> Self {
        self.method = method;
        self
    }

    fn root(&self, at: &TargetPath) -> Arc<Root> {
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        let known = roots.iter().find(|root| root.tree.root_path() == at.root_path());
        if let Some(known) = known {
            return Arc::clone(known);
        }
        let root = Arc::new(Root {
            tree: Tree::new(at.root_path().to_owned()),
            syncs: Syncs::new(self.method),
            owner: OnceLock::new(),
        });
        roots.push(Arc::clone(&root));
        root
    }

    fn copy(&self, content: &mut dyn Read, mut file: &File, at: &TargetPath) -> Result<u64> {
        let mut buffer = self.buffers.take();
        let mut written = 0;
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => return Ok(written),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::io(format!("reading what {at} is to hold"), error)),
            };
            file.write_all(buffer.get(..count).unwrap_or_default())
                .map_err(|error| Error::io(format!("writing {at}"), error))?;
            written += count as u64;
        }
    }

    fn fill(&self, root: &Root, place: &Place, content: &mut dyn Read, at: &TargetPath) -> Result<Written> {
        let made = place.create()?;
        let file = made.ok_or_else(|| place.failed("making", Errno::EXIST))?;
        let filled = root
            .hand_over(&file, place)
            .and_then(|()| self.copy(content, &file, at));
        match filled {
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

impl Root {
    /// The place of a file, whose directory must be there.
    fn place(&self, at: &TargetPath) -> Result<Place> {
        let missing = || Error::io(format!("opening the directory of {at}"), Errno::NOENT.into());
        self.find_place(at)?.ok_or_else(missing)
    }

    fn find_place(&self, at: &TargetPath) -> Result<Option<Place>> {
        self.tree.find_place(key_of(at)?)
    }

    /// Gives a new file to the owner of the root directory.
    fn hand_over(&self, file: &File, place: &Place) -> Result<()> {
        let Some(owner) = self.owner()? else {
            return Ok(());
        };
        let stat = rustix::fs::fstat(file).map_err(|errno| place.failed("looking at", errno))?;
        if (stat.st_uid, stat.st_gid) != (owner.user, owner.group) {
            let (user, group) = (Uid::from_raw(owner.user), Gid::from_raw(owner.group));
            rustix::fs::fchown(file, Some(user), Some(group))
                .map_err(|errno| place.failed("changing the owner of", errno))?;
        }
        if stat.st_mode & MODE_BITS != owner.mode {
            rustix::fs::fchmod(file, Mode::from_raw_mode(owner.mode))
                .map_err(|errno| place.failed("changing the mode of", errno))?;
        }
        Ok(())
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
            Ok(()) => Ok(()),
            // Whatever stands there must be a directory.
            Err(Errno::EXIST) => open_directory(at).map(drop),
            Err(errno) => Err(errno).context("making", &at.path()),
        }
    }

    fn write(
        &self,
        at: &TargetPath,
        content: &mut dyn Read,
        _expected_bytes: u64,
        durability: Durability,
    ) -> Result<u64> {
        let (root, key) = (self.root(at), key_of(at)?);
        root.syncs.begin(&root.tree)?;
        let place = root.place(at)?;
        let written = self.fill(&root, &place, content, at)?;
        let size_bytes = written.size_bytes;
        root.syncs.written(key.clone(), written);
        if durability == Durability::Durable
            && root.syncs.syncs_each(&root.tree)?
            && let Err(error) = root.syncs.sync_staged(&root.tree, std::slice::from_ref(key))
        {
            discard(&place);
            return Err(error);
        }
        Ok(size_bytes)
    }

    fn sync_files(&self, files: &[TargetPath]) -> Result<()> {
        let mut rest: Vec<&TargetPath> = files.iter().collect();
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
                root.syncs.sync_staged(&root.tree, &keys)?;
            }
            rest = others;
        }
        Ok(())
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
                    Durability::Durable => self.sync_files(std::slice::from_ref(to)),
                    Durability::Buffered => Ok(()),
                }
            }
        }
    }

    fn rename(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
        let (root, target) = (self.root(from), self.root(to).place(to)?);
        let source = root.place(from)?;
        root.syncs.forget(key_of(from)?);
        let (old, new) = (&*source.directory, &*target.directory);
        let flags = RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(old, source.name(), new, target.name(), flags) {
            // Some file systems (NFS, some FUSE) cannot promise not to replace: look first.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                match rustix::fs::statat(new, target.name(), AtFlags::SYMLINK_NOFOLLOW) {
                    Err(Errno::NOENT) => rustix::fs::renameat(old, source.name(), new, target.name()),
                    Ok(_) => Err(Errno::EXIST),
                    Err(errno) => Err(errno),
                }
            }
            renamed => renamed,
        }
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
        match rustix::fs::unlinkat(&*place.directory, place.name(), AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(place.failed("removing", errno)),
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

fn key_of(at: &TargetPath) -> Result<&Key> {
    let no_file = || Error::invalid(format!("{at} is a directory's root, and no file in it"));
    at.key().ok_or_else(no_file)
}

/// Opens a directory, never through a link below the root.
pub(super) fn open_directory(at: &TargetPath) -> Result<OwnedFd> {
    let missing = || Error::io(format!("opening {at}"), Errno::NOENT.into());
    Tree::new(at.root_path().to_owned())
        .find(at.key())?
        .ok_or_else(missing)
}

fn discard(place: &Place) {
    if let Err(left) = place.unlink() {
        tracing::warn!(reason = %left.one_line(), "a file that is not whole stays");
    }
}
