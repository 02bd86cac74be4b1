//! Files that a restore gives other names, and where each is before and after.

use serde::{Deserialize, Serialize};
use stonekeep_format::file_name::DbFileName;

use crate::Result;
use crate::image::include::is_storable;
use crate::target::{ARCHIVE, Area, TargetDirectories, TargetPath};

/// One file that gets another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Move {
    /// R4: an old file goes to `old/`.
    Away(MovedFile),
    /// R4: a WAL in `archive/` comes back beside the other WALs (`keep_log_files`).
    Back(MovedFile),
    /// R5: a new file goes into place.
    In(MovedFile),
}

/// A file by its name in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MovedFile {
    pub(super) area: Area,
    pub(super) name: String,
    /// Whether it is in `archive/`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) archived: bool,
    /// Of a file of the application its number: the name is a path below the database's directory then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) included: Option<u32>,
}

impl MovedFile {
    pub(super) fn new(area: Area, name: &str) -> Self {
        MovedFile {
            area,
            name: name.to_owned(),
            archived: false,
            included: None,
        }
    }

    /// A file of the application.
    pub(super) fn included(number: u32, path: &str) -> Self {
        MovedFile {
            included: Some(number),
            ..MovedFile::new(Area::Db, path)
        }
    }

    /// The name in `new/` and `old/`.
    pub(super) fn staged_name(&self) -> String {
        match self.included {
            Some(number) => format!("included-{number:06}"),
            None => self.path(),
        }
    }

    pub(super) fn archived(area: Area, name: &str) -> Self {
        MovedFile {
            archived: true,
            ..MovedFile::new(area, name)
        }
    }

    /// The name below the database's directory.
    pub(super) fn path(&self) -> String {
        if self.archived {
            format!("{ARCHIVE}/{}", self.name)
        } else {
            self.name.clone()
        }
    }

    fn is_legal(&self, is_wal: bool) -> bool {
        if self.included.is_some() {
            return !is_wal && !self.archived && self.area == Area::Db && is_storable(&self.name);
        }
        match DbFileName::parse(&self.name) {
            Some(DbFileName::Wal(_)) => true,
            Some(DbFileName::Current | DbFileName::Lock) | None => false,
            Some(_) => !is_wal && !self.archived,
        }
    }
}

impl Move {
    pub(super) fn place(&self) -> &MovedFile {
        match self {
            Move::Away(place) | Move::Back(place) | Move::In(place) => place,
        }
    }

    /// Where the file is before, and after.
    pub(super) fn ends(&self, targets: &TargetDirectories) -> Result<(TargetPath, TargetPath)> {
        let place = self.place();
        let (target, path, staged) = (targets.of(place.area), place.path(), place.staged_name());
        Ok(match self {
            Move::Away(_) => (target.at(&path)?, target.old_file(&staged)?),
            Move::Back(_) => (target.at(&path)?, target.at(&place.name)?),
            Move::In(_) => (target.new_file(&staged)?, target.at(&path)?),
        })
    }

    pub(super) fn is_legal(&self) -> bool {
        match self {
            Move::Away(place) => place.is_legal(false),
            Move::Back(place) => place.archived && place.is_legal(true),
            Move::In(place) => !place.archived && place.is_legal(false),
        }
    }
}
