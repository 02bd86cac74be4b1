//! The directories that a restore writes into, and where everything of its own lies in them.
//!
//! ```text
//! <target>/.stonekeep-restore/lock        flocked for as long as a restore or an abort runs
//!                             state       what moves where: there from R2 to R7; in a separate wal_dir, whose it is
//!                             new/        the new state's files, until they are moved into place
//!                             old/        the old state's files, those of archive/ in old/archive/
//!                             marker      the CURRENT that RocksDB rejects
//!                             aborting    there while old files move back
//!                             freed       the old state was removed to make room
//! ```
//!
//! RocksDB ignores a directory of that name. A separate `wal_dir` has one as well, with the WALs in its `new/` and `old/`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::disk::{TargetDisk, TargetPath};
use crate::store::local::LocalStore;
use crate::store::{Durability, EntryKind, Key, Stat, Store};
use crate::target::real_path;
use crate::{Error, ErrorKind, IoContext, Result, Warning};

/// The directory of everything that a restore keeps at the target.
pub(super) const STAGING: &str = ".stonekeep-restore";
/// WALs that RocksDB keeps although the database needs them no more (`kArchivalDirName` in file/filename.cc).
pub(super) const ARCHIVE: &str = "archive";
pub(super) const CURRENT: &str = "CURRENT";

/// Whether a file system keeps an unlinked file under this name, until whoever has it open closes it: NFS (`fs/nfs/unlink.c`
/// in Linux), libfuse (`hide_node` in `lib/fuse.c`).
pub(super) fn is_kept_open(name: &str) -> bool {
    name.starts_with(".nfs") || name.starts_with(".fuse_hidden")
}

/// Which of the two directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Area {
    /// The database's.
    Db,
    /// That of its WALs, where it is another one.
    Wal,
}

/// A directory that a restore writes into.
#[derive(Debug)]
pub(super) struct Site {
    root: TargetPath,
    files: Store,
}

impl Site {
    pub(super) fn new(path: &Path) -> Self {
        Site {
            root: TargetPath::root(path),
            files: LocalStore::new(path).into(),
        }
    }

    /// The directory itself.
    pub(super) fn root(&self) -> &TargetPath {
        &self.root
    }

    pub(super) fn path(&self) -> &Path {
        self.root.root_path()
    }

    /// Reads what stands there; never follows a link.
    pub(super) fn files(&self) -> &Store {
        &self.files
    }

    /// A file of the database.
    pub(super) fn at(&self, name: &str) -> Result<TargetPath> {
        Ok(self.root.with_key(Key::new(name)?))
    }

    /// The staging directory, or a name in it.
    pub(super) fn staging(&self, name: Option<&str>) -> TargetPath {
        let key = name.map_or_else(|| STAGING.to_owned(), |name| format!("{STAGING}/{name}"));
        self.root.with_key(Key::trusted(key))
    }

    /// A new file before it is in place.
    pub(super) fn new_file(&self, name: &str) -> Result<TargetPath> {
        Ok(self.root.with_key(Key::new(format!("{STAGING}/new/{name}"))?))
    }

    /// An old file that was moved away.
    pub(super) fn old_file(&self, name: &str) -> Result<TargetPath> {
        Ok(self.root.with_key(Key::new(format!("{STAGING}/old/{name}"))?))
    }

    /// What stands at a place below this directory.
    pub(super) fn look(&self, at: &TargetPath) -> Result<Option<Found>> {
        let Some(key) = at.key() else { return Ok(None) };
        match self.files.stat(key) {
            Ok(stat) => Ok(stat.map(Found::File)),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Some(Found::Other)),
            Err(error) => Err(error),
        }
    }

    /// Whether a real directory stands there.
    pub(super) fn is_directory(&self, at: &TargetPath) -> Result<bool> {
        let Some(parent) = at.parent() else {
            return Ok(true);
        };
        let name = at.key().map(Key::name);
        let names = self.files.names(parent.key())?;
        Ok(names
            .iter()
            .any(|one| Some(one.name.as_str()) == name && one.kind == EntryKind::Directory))
    }

    /// Whether something stands there.
    pub(super) fn has(&self, at: &TargetPath) -> Result<bool> {
        Ok(self.look(at)?.is_some())
    }

    /// The names in a directory below this one.
    pub(super) fn names(&self, directory: &TargetPath) -> Result<Vec<String>> {
        let names = self.files.names(directory.key())?;
        Ok(names.into_iter().map(|name| name.name).collect())
    }

    /// A whole file; `None` if nothing stands there.
    pub(super) fn read(&self, at: &TargetPath, limit_bytes: u64) -> Result<Option<Vec<u8>>> {
        let Some(key) = at.key() else { return Ok(None) };
        match self.files.read(key, limit_bytes) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a directory below this one with all that is in it; how many files that were.
    pub(super) fn remove_tree(&self, disk: &dyn TargetDisk, directory: &TargetPath) -> Result<u64> {
        let Some(key) = directory.key() else { return Ok(0) };
        let mut removed = 0;
        for name in self.files.names(Some(key))? {
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
}

/// What stands at a place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    /// A regular file.
    File(Stat),
    /// Anything else.
    Other,
}

/// The directories of one restore.
#[derive(Debug)]
pub(super) struct Sites {
    db: Site,
    wal: Option<Site>,
}

impl Sites {
    /// The directories that the caller has named, absolute. A `wal_dir` that is the database's own directory is none.
    pub(super) fn locate(db_dir: &Path, wal_dir: Option<&Path>) -> Result<Self> {
        let absolute = |path: &Path| std::path::absolute(path).context("finding", path);
        let db = absolute(db_dir)?;
        let wal = wal_dir.map(absolute).transpose()?;
        for path in wal.iter().chain([&db]) {
            if path.components().any(|part| part.as_os_str() == STAGING) {
                return Err(Error::invalid(format!(
                    "{} is a directory that restores use for themselves",
                    path.display()
                )));
            }
        }
        let wal = wal.filter(|wal| real_path(wal) != real_path(&db));
        Ok(Sites {
            db: Site::new(&db),
            wal: wal.map(|path| Site::new(&path)),
        })
    }

    pub(super) fn db(&self) -> &Site {
        &self.db
    }

    /// Where WALs go.
    pub(super) fn wals(&self) -> &Site {
        self.wal.as_ref().unwrap_or(&self.db)
    }

    /// The separate directory of WALs, if there is one.
    pub(super) fn separate_wals(&self) -> Option<&Site> {
        self.wal.as_ref()
    }

    /// Where WALs go.
    pub(super) fn wal_area(&self) -> Area {
        if self.wal.is_some() { Area::Wal } else { Area::Db }
    }

    pub(super) fn site(&self, area: Area) -> &Site {
        match area {
            Area::Db => &self.db,
            Area::Wal => self.wals(),
        }
    }

    /// Both, or the one.
    pub(super) fn all(&self) -> impl Iterator<Item = (Area, &Site)> {
        let wal = self.wal.iter().map(|site| (Area::Wal, site));
        [(Area::Db, &self.db)].into_iter().chain(wal)
    }

    /// The same, the database's at last.
    pub(super) fn last_first(&self) -> impl Iterator<Item = &Site> {
        self.wal.iter().chain([&self.db])
    }

    /// What the user should know of the file systems that they are on, each once.
    pub(super) fn file_system_warnings(&self) -> Vec<Warning> {
        let of_site = |site: &Site| {
            let there = site.path().ancestors().find(|path| path.exists())?;
            LocalStore::new(there).file_system_warning()
        };
        let mut warnings: Vec<Warning> = Vec::new();
        for warning in self.all().filter_map(|(_, site)| of_site(site)) {
            if !warnings.iter().any(|known| known.message == warning.message) {
                warnings.push(warning);
            }
        }
        warnings
    }

    /// Makes the directories that are missing, those above them too.
    pub(super) fn make(&self, disk: &dyn TargetDisk, durability: Durability) -> Result<()> {
        self.all()
            .try_for_each(|(_, site)| make_upwards(disk, site.path(), durability))
    }
}

fn make_upwards(disk: &dyn TargetDisk, path: &Path, durability: Durability) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_upwards(disk, parent, durability)?;
    }
    disk.make_directory(&TargetPath::root(path))?;
    match (parent, durability) {
        (Some(parent), Durability::Durable) => disk.sync_directory(&TargetPath::root(parent)),
        _ => Ok(()),
    }
}
