//! The directories of one restore: the database's, and that of its WALs where it is another one.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::directory::TargetDirectory;
use super::disk::TargetDisk;
use super::names::STAGING;
use super::path::TargetPath;
use crate::disk::real_path;
use crate::{Error, IoContext, Result, Warning};

/// One of the two directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Area {
    /// The database's.
    Db,
    /// That of its WALs, where it is another one.
    Wal,
}

/// The directories of one restore.
#[derive(Debug)]
pub(crate) struct TargetDirectories {
    db: TargetDirectory,
    wal: Option<TargetDirectory>,
}

impl TargetDirectories {
    /// The directories that the caller has named, absolute. A `wal_dir` that is the database's own directory is none.
    pub(crate) fn locate(db_dir: &Path, wal_dir: Option<&Path>) -> Result<Self> {
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
        Ok(TargetDirectories {
            db: TargetDirectory::new(&db),
            wal: wal.map(|path| TargetDirectory::new(&path)),
        })
    }

    pub(crate) fn db(&self) -> &TargetDirectory {
        &self.db
    }

    /// The separate directory of WALs, if there is one.
    pub(crate) fn separate_wals(&self) -> Option<&TargetDirectory> {
        self.wal.as_ref()
    }

    /// Where WALs go.
    pub(crate) fn wal_area(&self) -> Area {
        if self.wal.is_some() { Area::Wal } else { Area::Db }
    }

    /// The directory of an area.
    pub(crate) fn of(&self, area: Area) -> &TargetDirectory {
        match area {
            Area::Db => &self.db,
            Area::Wal => self.wal.as_ref().unwrap_or(&self.db),
        }
    }

    /// Both directories, or the only one.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Area, &TargetDirectory)> {
        let wal = self.wal.iter().map(|target| (Area::Wal, target));
        [(Area::Db, &self.db)].into_iter().chain(wal)
    }

    /// The same, that of the database last.
    pub(crate) fn last_first(&self) -> impl Iterator<Item = &TargetDirectory> {
        self.wal.iter().chain([&self.db])
    }

    /// What the user should know of the file systems that they are on, each once.
    pub(crate) fn file_system_warnings(&self) -> Vec<Warning> {
        let mut warnings: Vec<Warning> = Vec::new();
        for warning in self.all().filter_map(|(_, target)| target.file_system_warning()) {
            if !warnings.iter().any(|known| known.message == warning.message) {
                warnings.push(warning);
            }
        }
        warnings
    }

    /// Makes the directories that are missing, and those above them.
    pub(crate) fn make(&self, disk: &TargetDisk) -> Result<()> {
        self.all()
            .try_for_each(|(_, target)| make_upwards(disk, target.path()))
    }
}

fn make_upwards(disk: &TargetDisk, path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_upwards(disk, parent)?;
    }
    disk.make_directory(&TargetPath::root(path))?;
    parent.map_or(Ok(()), |parent| disk.sync_directory(&TargetPath::root(parent)))
}
