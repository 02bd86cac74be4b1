//! What stands at a target, and whether it may be restored over.

use std::collections::BTreeMap;
use std::path::Path;

use stonekeep_format::file_name::DbFileName;

use super::site::{ARCHIVE, Area, CURRENT, STAGING, Site, Sites};
use crate::store::{Entry, EntryKind, Key, Store};
use crate::target::real_path;
use crate::{Error, Result, repo};

/// A name that cannot be shown as it is; nothing of that name is RocksDB's.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// What stands in one of the directories.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) area: Area,
    pub(super) entries: BTreeMap<String, Occupant>,
    /// The WALs in `archive/`.
    pub(super) archived: Vec<String>,
    /// Everything else in `archive/`.
    pub(super) archived_strangers: Vec<String>,
}

/// What has a name there.
#[derive(Debug)]
pub(super) struct Occupant {
    pub(super) kind: EntryKind,
    /// What RocksDB takes it for; `None` for directories and names that it does not know.
    pub(super) parsed: Option<DbFileName>,
}

impl Standing {
    /// Lists a directory; one that is missing is empty.
    pub(super) fn of(area: Area, site: &Site) -> Result<Self> {
        let names = site.files().names(None)?;
        let mut standing = Standing {
            area,
            entries: names
                .into_iter()
                .map(|name| {
                    let parsed = parse(&name);
                    let kind = name.kind;
                    (name.name, Occupant { kind, parsed })
                })
                .collect(),
            archived: Vec::new(),
            archived_strangers: Vec::new(),
        };
        let archive = standing.entries.get(ARCHIVE);
        if archive.is_some_and(|found| found.kind == EntryKind::Directory) {
            for name in site.files().names(Some(&Key::new(ARCHIVE)?))? {
                match parse(&name) {
                    Some(DbFileName::Wal(_)) => standing.archived.push(name.name),
                    _ => standing.archived_strangers.push(name.name),
                }
            }
        }
        Ok(standing)
    }

    /// The files that RocksDB would take for its own, `CURRENT` and `LOCK` aside.
    pub(super) fn database_files(&self) -> impl Iterator<Item = (&str, &DbFileName)> {
        let entries = self.entries.iter();
        entries
            .filter_map(|(name, found)| Some((name.as_str(), found.parsed.as_ref()?)))
            .filter(|(_, name)| !matches!(name, DbFileName::Current | DbFileName::Lock))
    }

    /// Whether a regular file has this name.
    pub(super) fn is_file(&self, name: &str) -> bool {
        self.entries
            .get(name)
            .is_some_and(|found| found.kind == EntryKind::File)
    }

    fn has_file(&self, wanted: impl Fn(&DbFileName) -> bool) -> bool {
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

/// Refuses a directory inside the repository: a restore there would end in its own source.
pub(in crate::engine) fn refuse_repository(directory: &Path, repository: Option<&Path>) -> Result<()> {
    match repository.map(real_path) {
        Some(repository) if real_path(directory).starts_with(&repository) => {
            let message = format!(
                "{} is inside the repository {}",
                directory.display(),
                repository.display()
            );
            Err(Error::refused(message).with_hint("restore into a directory outside of the repository"))
        }
        _ => Ok(()),
    }
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
    for (name, found) in &here.entries {
        if !counts_as_nothing(sites, here, (name, found), circumstances)? {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

fn counts_as_nothing(
    sites: &Sites,
    here: &Standing,
    (name, found): (&str, &Occupant),
    circumstances: Circumstances<'_>,
) -> Result<bool> {
    let site = sites.site(here.area);
    Ok(match found.kind {
        EntryKind::Directory => {
            let path = real_path(&site.path().join(name));
            let leads_to = |other: &Path| real_path(other).starts_with(&path);
            matches!(name, STAGING | "lost+found")
                || circumstances.repository.is_some_and(leads_to)
                || sites.separate_wals().is_some_and(|wals| leads_to(wals.path()))
                || (name == ARCHIVE && is_spent_archive(here, circumstances))
                || is_repository(site, name)
        }
        _ => match found.parsed {
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
fn is_repository(site: &Site, name: &str) -> bool {
    let store = Store::from(crate::store::local::LocalStore::new(site.path().join(name)));
    let is_meta = |entry: &Entry| entry.kind == EntryKind::Directory && entry.name == "meta";
    let has_meta = || store.list(None).is_ok_and(|entries| entries.iter().any(is_meta));
    matches!(repo::root_state(&store), Ok(repo::RootState::Repository)) && has_meta()
}

/// A separate `wal_dir` that has anything but WALs may be somebody else's. What RocksDB leaves beside them does not count.
fn no_directory_of_wals(here: &Standing) -> Option<String> {
    let foreign = |found: &Occupant| match found.parsed {
        Some(DbFileName::Wal(_) | DbFileName::Trash(_) | DbFileName::InfoLog(_) | DbFileName::Lock) => false,
        Some(_) => true,
        None => found.kind != EntryKind::Directory,
    };
    let mut entries = here.entries.iter();
    entries
        .find(|(_, found)| foreign(found))
        .map(|(name, _)| name.clone())
}

/// Whether this is something that no report need mention.
pub(super) fn goes_without_saying(name: &str, found: &Occupant) -> bool {
    let is_directory = found.kind == EntryKind::Directory;
    match name {
        STAGING | ARCHIVE | "lost+found" => is_directory,
        CURRENT | "LOCK" => !is_directory,
        _ => false,
    }
}
