//! A directory that a restore writes into, and where everything of its own lies in it.
//!
//! ```text
//! <target>/.stonekeep-restore/lock        flocked while a restore or an abort runs
//!                             state       what moves where, from R2 to R7; in a separate wal_dir, of which restore it is
//!                             new/        the new state's files, until they are moved into place
//!                             old/        the old state's files, those of archive/ in old/archive/
//!                             marker      the CURRENT that RocksDB rejects
//!                             aborting    exists while old files move back
//!                             freed       the old state was removed to make room
//! ```
//!
//! RocksDB ignores a directory of that name. A separate `wal_dir` has one as well, with the WALs in its `new/` and `old/`.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use stonekeep_format::WholeText;

use super::disk::TargetDisk;
use super::file::TargetFile;
use super::names::STAGING;
use super::path::TargetPath;
use crate::disk::{Entry, EntryKind, FileSystems, SparingReads, Tree, file_system, listing, tree};
use crate::{Error, ErrorKind, IoContext, Key, Result, Warning, whole_text};

/// What has a name at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetEntry {
    /// A regular file.
    File {
        /// Its length.
        size_bytes: u64,
    },
    Directory,
    /// A link, FIFO, socket or device, or something below one of these.
    Other,
}

/// A directory that a restore writes into. It is only read here, and no link below it is followed.
#[derive(Debug)]
pub(crate) struct TargetDirectory {
    root: TargetPath,
    tree: Tree,
    file_systems: FileSystems,
}

impl TargetDirectory {
    pub(crate) fn new(path: &Path) -> Self {
        TargetDirectory {
            root: TargetPath::root(path),
            tree: Tree::new(path.to_owned()),
            file_systems: FileSystems::default(),
        }
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> &TargetPath {
        &self.root
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.root_path()
    }

    /// A file of the database.
    pub(crate) fn at(&self, name: &str) -> Result<TargetPath> {
        Ok(self.root.with_key(Key::new(name)?))
    }

    /// The staging directory.
    pub(crate) fn staging(&self) -> TargetPath {
        self.root.with_key(Key::trusted(STAGING))
    }

    /// A name in the staging directory.
    pub(crate) fn staged(&self, name: &str) -> TargetPath {
        self.root.with_key(Key::trusted(format!("{STAGING}/{name}")))
    }

    /// A new file before it is in place.
    pub(crate) fn new_file(&self, name: &str) -> Result<TargetPath> {
        self.at(&format!("{STAGING}/new/{name}"))
    }

    /// An old file that was moved away.
    pub(crate) fn old_file(&self, name: &str) -> Result<TargetPath> {
        self.at(&format!("{STAGING}/old/{name}"))
    }

    /// What is at a place below this directory, if anything is.
    pub(crate) fn look(&self, at: &TargetPath) -> Result<Option<TargetEntry>> {
        let Some(key) = at.key() else {
            return Ok(Some(TargetEntry::Directory));
        };
        let found = match self.tree.find_place(key) {
            Ok(Some(place)) => place.look()?,
            Ok(None) => None,
            Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(Some(TargetEntry::Other)),
            Err(error) => return Err(error),
        };
        Ok(found.map(|stat| match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => TargetEntry::File {
                size_bytes: tree::size_bytes(&stat),
            },
            FileType::Directory => TargetEntry::Directory,
            _ => TargetEntry::Other,
        }))
    }

    pub(crate) fn is_directory(&self, at: &TargetPath) -> Result<bool> {
        Ok(self.look(at)? == Some(TargetEntry::Directory))
    }

    /// Whether anything is at a place.
    pub(crate) fn has(&self, at: &TargetPath) -> Result<bool> {
        Ok(self.look(at)?.is_some())
    }

    /// Whether two names are those of one file, as a power failure in the middle of a rename may leave it (seen on btrfs).
    pub(crate) fn is_one_file(&self, one: &TargetPath, other: &TargetPath) -> Result<bool> {
        let (Some(one), Some(other)) = (one.key(), other.key()) else {
            return Ok(false);
        };
        let places = self.tree.find_place(one)?.zip(self.tree.find_place(other)?);
        places.map_or(Ok(false), |(one, other)| one.is_one_with(&other))
    }

    /// The names in this directory (`None`) or in one below it, with what they are; none if it does not exist.
    pub(crate) fn entries(&self, directory: Option<&Key>) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        listing::names(&self.tree, directory, &mut |entry| entries.push(entry))?;
        Ok(entries)
    }

    /// The names in a directory below this one.
    pub(crate) fn names(&self, directory: &TargetPath) -> Result<Vec<String>> {
        let entries = self.entries(directory.key())?;
        Ok(entries.into_iter().map(|entry| entry.name).collect())
    }

    /// Opens a regular file of this directory; `None` if there is nothing.
    pub(crate) fn open(&self, at: &TargetPath) -> Result<Option<TargetFile>> {
        let Some(key) = at.key() else { return Ok(None) };
        let Some(place) = self.tree.find_place(key)? else {
            return Ok(None);
        };
        let opened = place.open_and_look(OFlags::RDONLY)?;
        Ok(opened.map(|(file, stat)| {
            let reads = self.file_systems.reads(stat.st_dev);
            TargetFile::new(file, reads, tree::size_bytes(&stat))
        }))
    }

    /// The files in the directory itself, for many that a listing shows to be regular ones.
    pub(crate) fn listed_files(&self) -> Result<ListedFiles> {
        let directory = self.tree.open_root()?;
        let stat = rustix::fs::fstat(&directory).context("looking at", self.path())?;
        Ok(ListedFiles {
            directory,
            reads: self.file_systems.reads(stat.st_dev),
            path: self.path().to_owned(),
        })
    }

    /// The content of a file of at most this length; `None` if there is nothing.
    ///
    /// # Errors
    /// `Corrupt` if it is longer or no regular file, I/O errors.
    pub(crate) fn read(&self, at: &TargetPath, limit_bytes: u64) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.open_at_most(at, limit_bytes)? else {
            return Ok(None);
        };
        let failed = |error| Error::io(format!("reading {at}"), error);
        let length = usize::try_from(file.size_bytes()).unwrap_or(usize::MAX);
        file.read_at(0, length).map(Some).map_err(failed)
    }

    /// The content of a text of lines of at most this length; `None` if there is nothing.
    ///
    /// # Errors
    /// `Corrupt` if it is longer, no text of lines or no regular file, I/O errors.
    pub(crate) fn read_text(
        &self,
        at: &TargetPath,
        limit_bytes: u64,
        text: WholeText,
    ) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.open_at_most(at, limit_bytes)? else {
            return Ok(None);
        };
        let mut source = file.reader();
        let read = &mut |buffer: &mut [u8], _| source.read(buffer);
        whole_text::read(text, at, file.size_bytes(), read).map(Some)
    }

    fn open_at_most(&self, at: &TargetPath, limit_bytes: u64) -> Result<Option<TargetFile>> {
        let opened = self.open(at)?;
        let size_bytes = opened.as_ref().map_or(0, TargetFile::size_bytes);
        if size_bytes > limit_bytes {
            let reason = format!("{size_bytes} bytes, more than the {limit_bytes} that it may have");
            return Err(Error::corrupt(at.to_string(), reason));
        }
        Ok(opened)
    }

    /// Removes a directory below this one with everything in it; how many files that were.
    pub(crate) fn remove_tree(&self, disk: &TargetDisk, directory: &TargetPath) -> Result<u64> {
        let Some(key) = directory.key() else { return Ok(0) };
        let mut removed = 0;
        for name in self.entries(Some(key))? {
            let at = self.root.with_key(key.join(&name.name)?);
            if name.kind == EntryKind::Directory {
                removed += self.remove_tree(disk, &at)?;
            } else {
                disk.remove(&at)?;
                removed += 1;
            }
        }
        disk.remove_directory(directory)?;
        Ok(removed)
    }

    /// What the user should know of the file system, of which the directory may not exist yet.
    pub(super) fn file_system_warning(&self) -> Option<Warning> {
        let there = self.path().ancestors().find(|path| path.exists())?;
        let root = Tree::new(there.to_owned()).open_root().ok()?;
        file_system::warning(&root, &there.display().to_string())
    }
}

/// Opens listed files without another look at each: their lengths are not known.
#[derive(Debug)]
pub(crate) struct ListedFiles {
    directory: OwnedFd,
    reads: Arc<SparingReads>,
    path: PathBuf,
}

impl ListedFiles {
    /// Opens the file with this name, which is one part of a path.
    pub(crate) fn open(&self, name: &str) -> Result<TargetFile> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.directory, name, flags, Mode::empty());
        let failed = |errno: Errno| {
            Error::io(
                format!("opening {}", self.path.join(name).display()),
                errno.into(),
            )
        };
        let file = opened.map_err(failed)?;
        Ok(TargetFile::new(file.into(), Arc::clone(&self.reads), 0))
    }
}
