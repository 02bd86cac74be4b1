//! The files and directories at a target, before a restore changes them.

use std::collections::BTreeMap;

use stonekeep_format::file_name::DbFileName;

use crate::Result;
use crate::store::{Entry, EntryKind, Key};
use crate::target::{ARCHIVE, Area, CURRENT, STAGING, TargetDirectories, TargetDirectory};

/// A name that cannot be shown as it is; nothing of that name is RocksDB's.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// The names in one of the directories.
#[derive(Debug)]
pub(super) struct TargetListing {
    pub(super) area: Area,
    pub(super) entries: BTreeMap<String, ListedEntry>,
    /// The WALs in `archive/`.
    pub(super) archived: Vec<String>,
    /// Everything else in `archive/`.
    pub(super) archived_unknown: Vec<String>,
}

/// The names in the directories of one restore.
#[derive(Debug)]
pub(super) struct TargetListings {
    pub(super) db: TargetListing,
    wals: Option<TargetListing>,
}

impl TargetListings {
    /// Lists them; a missing directory is empty.
    pub(super) fn read(targets: &TargetDirectories) -> Result<Self> {
        let wals = targets.separate_wals();
        Ok(TargetListings {
            db: TargetListing::of(Area::Db, targets.db())?,
            wals: wals.map(|wals| TargetListing::of(Area::Wal, wals)).transpose()?,
        })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &TargetListing> {
        [&self.db].into_iter().chain(&self.wals)
    }
}

/// What has one of the names.
#[derive(Debug)]
pub(super) struct ListedEntry {
    pub(super) kind: EntryKind,
    /// What RocksDB takes it for; `None` for directories and names that it does not know.
    pub(super) parsed: Option<DbFileName>,
}

impl TargetListing {
    /// Lists a directory; one that is missing is empty.
    pub(super) fn of(area: Area, target: &TargetDirectory) -> Result<Self> {
        let names = target.entries(None)?;
        let mut listing = TargetListing {
            area,
            entries: names
                .into_iter()
                .map(|name| {
                    let parsed = parse(&name);
                    let kind = name.kind;
                    (name.name, ListedEntry { kind, parsed })
                })
                .collect(),
            archived: Vec::new(),
            archived_unknown: Vec::new(),
        };
        let archive = listing.entries.get(ARCHIVE);
        if archive.is_some_and(|found| found.kind == EntryKind::Directory) {
            for name in target.entries(Some(&Key::new(ARCHIVE)?))? {
                match parse(&name) {
                    Some(DbFileName::Wal(_)) => listing.archived.push(name.name),
                    _ => listing.archived_unknown.push(name.name),
                }
            }
        }
        Ok(listing)
    }

    /// The files that RocksDB would take for its own, `CURRENT` and `LOCK` aside.
    pub(super) fn database_files(&self) -> impl Iterator<Item = (&str, &DbFileName)> {
        let entries = self.entries.iter();
        entries
            .filter_map(|(name, found)| Some((name.as_str(), found.parsed.as_ref()?)))
            .filter(|(_, name)| !matches!(name, DbFileName::Current | DbFileName::Lock))
    }

    /// The names of regular files, in their order.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let files = self
            .entries
            .iter()
            .filter(|(_, found)| found.kind == EntryKind::File);
        files.map(|(name, _)| name.as_str())
    }

    /// Whether a regular file has this name.
    pub(super) fn is_file(&self, name: &str) -> bool {
        self.entries
            .get(name)
            .is_some_and(|found| found.kind == EntryKind::File)
    }

    pub(super) fn has_file(&self, wanted: impl Fn(&DbFileName) -> bool) -> bool {
        let mut files = self
            .entries
            .values()
            .filter(|found| found.kind == EntryKind::File);
        files.any(|found| found.parsed.as_ref().is_some_and(&wanted))
    }
}

fn parse(name: &Entry) -> Option<DbFileName> {
    if name.kind == EntryKind::Directory || name.name.contains(REPLACEMENT) {
        return None;
    }
    DbFileName::parse(&name.name)
}

/// Whether no report needs to mention this.
pub(super) fn goes_without_saying(name: &str, found: &ListedEntry) -> bool {
    let is_directory = found.kind == EntryKind::Directory;
    match name {
        STAGING | ARCHIVE | "lost+found" => is_directory,
        CURRENT | "LOCK" => !is_directory,
        _ => false,
    }
}
