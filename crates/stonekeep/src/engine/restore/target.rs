//! What stands at a target, and whether it may be restored over.

use std::collections::BTreeMap;
use std::path::Path;

use stonekeep_format::file_name::DbFileName;

use super::site::{ARCHIVE, Area, CURRENT, STAGING, Site, Sites, real_path};
use crate::store::{Entry, EntryKind, Key, Store};
use crate::{Error, Result, repo};

/// A name that cannot be shown as it is; nothing of that name is RocksDB's.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// What stands in one of the directories.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) area: Area,
    pub(super) entries: BTreeMap<String, Entry>,
    /// The WALs in `archive/`.
    pub(super) archived: Vec<String>,
    /// Everything else in `archive/`.
    pub(super) archived_strangers: Vec<String>,
}

impl Standing {
    /// Lists a directory; one that is missing is empty.
    pub(super) fn of(area: Area, site: &Site) -> Result<Self> {
        let entries = site.files().list(None)?;
        let mut standing = Standing {
            area,
            entries: entries
                .into_iter()
                .map(|entry| (entry.name.clone(), entry))
                .collect(),
            archived: Vec::new(),
            archived_strangers: Vec::new(),
        };
        let archive = standing.entries.get(ARCHIVE);
        if archive.is_some_and(|entry| entry.kind == EntryKind::Directory) {
            for entry in site.files().list(Some(&Key::new(ARCHIVE)?))? {
                match parse(&entry) {
                    Some(DbFileName::Wal(_)) => standing.archived.push(entry.name),
                    _ => standing.archived_strangers.push(entry.name),
                }
            }
        }
        Ok(standing)
    }

    /// The files that RocksDB would take for its own, `CURRENT` and `LOCK` aside.
    pub(super) fn database_files(&self) -> impl Iterator<Item = (&str, DbFileName)> {
        let entries = self.entries.values();
        entries
            .filter_map(|entry| Some((entry.name.as_str(), parse(entry)?)))
            .filter(|(_, name)| !matches!(name, DbFileName::Current | DbFileName::Lock))
    }

    /// A regular file's length.
    pub(super) fn file_size_bytes(&self, name: &str) -> Option<u64> {
        let entry = self.entries.get(name)?;
        (entry.kind == EntryKind::File).then_some(entry.size_bytes)
    }

    fn has_file(&self, wanted: impl Fn(&DbFileName) -> bool) -> bool {
        let mut files = self
            .entries
            .values()
            .filter(|entry| entry.kind == EntryKind::File);
        files.any(|entry| parse(entry).is_some_and(|name| wanted(&name)))
    }
}

/// What RocksDB takes this for; `None` for directories and names that it does not know.
pub(super) fn parse(entry: &Entry) -> Option<DbFileName> {
    if entry.kind == EntryKind::Directory || entry.name.contains(REPLACEMENT) {
        return None;
    }
    DbFileName::parse(&entry.name)
}

/// What matters to [`require_restorable`] besides what stands there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances<'a> {
    /// Where the repository is, if it is on this machine.
    pub(super) repository: Option<&'a Path>,
    /// Whether WALs at the target stay.
    pub(super) keep_log_files: bool,
    /// Whether an earlier restore has removed the old state.
    pub(super) freed: bool,
}

/// A restore inside the repository would end in its own source.
pub(in crate::engine) fn refuse_repository(sites: &Sites, repository: Option<&Path>) -> Result<()> {
    let Some(repository) = repository.map(real_path) else {
        return Ok(());
    };
    for (_, site) in sites.all() {
        if real_path(site.path()).starts_with(&repository) {
            let message = format!(
                "{} is inside the repository {}",
                site.path().display(),
                repository.display()
            );
            return Err(
                Error::refused(message).with_hint("restore into a directory outside of the repository")
            );
        }
    }
    Ok(())
}

/// The target must be empty, or a RocksDB database; anything else has files that nobody meant to lose.
pub(super) fn require_restorable(
    sites: &Sites,
    standing: &[Standing],
    circumstances: Circumstances<'_>,
) -> Result<()> {
    for here in standing {
        let site = sites.site(here.area);
        let refusal = match here.area {
            Area::Db => not_empty_nor_database(sites, here, circumstances)?,
            Area::Wal => no_directory_of_wals(here),
        };
        if let Some(name) = refusal {
            let what = match here.area {
                Area::Db => "neither empty nor a RocksDB database",
                Area::Wal => "no directory of WALs alone",
            };
            let message = format!("{} is {what}: it has {name:?}", site.path().display());
            return Err(Error::refused(message)
                .with_hint("restore into a new directory, or move away what stands there"));
        }
    }
    Ok(())
}

/// The first name that speaks against it.
fn not_empty_nor_database(
    sites: &Sites,
    here: &Standing,
    circumstances: Circumstances<'_>,
) -> Result<Option<String>> {
    let is_database = here.has_file(|name| {
        matches!(
            name,
            DbFileName::Current | DbFileName::Manifest(_) | DbFileName::Options(_) | DbFileName::Identity
        )
    });
    if is_database || circumstances.freed {
        return Ok(None);
    }
    for entry in here.entries.values() {
        if !counts_as_nothing(sites, here, entry, circumstances)? {
            return Ok(Some(entry.name.clone()));
        }
    }
    Ok(None)
}

fn counts_as_nothing(
    sites: &Sites,
    here: &Standing,
    entry: &Entry,
    circumstances: Circumstances<'_>,
) -> Result<bool> {
    let site = sites.site(here.area);
    Ok(match entry.kind {
        EntryKind::Directory => {
            let path = real_path(&site.path().join(&entry.name));
            let leads_to = |other: &Path| real_path(other).starts_with(&path);
            matches!(entry.name.as_str(), STAGING | "lost+found")
                || circumstances.repository.is_some_and(leads_to)
                || sites.separate_wals().is_some_and(|wals| leads_to(wals.path()))
                || (entry.name == ARCHIVE && is_spent_archive(here, circumstances))
                || is_repository(site, entry)
        }
        _ => match parse(entry) {
            Some(DbFileName::Lock | DbFileName::InfoLog(_)) => true,
            Some(DbFileName::Wal(_)) => circumstances.keep_log_files,
            _ => false,
        },
    })
}

fn is_spent_archive(here: &Standing, circumstances: Circumstances<'_>) -> bool {
    here.archived_strangers.is_empty() && (here.archived.is_empty() || circumstances.keep_log_files)
}

/// Repositories lie below the database often, as RocksDB's own documentation has them. What cannot be read is none.
fn is_repository(site: &Site, entry: &Entry) -> bool {
    let store = crate::store::local::LocalStore::new(site.path().join(&entry.name));
    let is_meta = |entry: &Entry| entry.kind == EntryKind::Directory && entry.name == "meta";
    let has_meta = || store.list(None).is_ok_and(|entries| entries.iter().any(is_meta));
    matches!(repo::root_state(&store), Ok(repo::RootState::Repository)) && has_meta()
}

/// A separate `wal_dir` that has anything but WALs may be somebody else's. What RocksDB leaves beside them does not count.
fn no_directory_of_wals(here: &Standing) -> Option<String> {
    let foreign = |entry: &&Entry| match parse(entry) {
        Some(DbFileName::Wal(_) | DbFileName::Trash(_) | DbFileName::InfoLog(_) | DbFileName::Lock) => false,
        Some(_) => true,
        None => entry.kind != EntryKind::Directory,
    };
    here.entries
        .values()
        .find(foreign)
        .map(|entry| entry.name.clone())
}

/// Whether this is something that no report need mention.
pub(super) fn goes_without_saying(entry: &Entry) -> bool {
    let is_directory = entry.kind == EntryKind::Directory;
    match entry.name.as_str() {
        STAGING | ARCHIVE | "lost+found" => is_directory,
        CURRENT | "LOCK" => !is_directory,
        _ => false,
    }
}
