//! Which directories may be restored over.

use std::path::Path;

use stonekeep_format::file_name::DbFileName;

use super::listing::{ListedEntry, TargetListing, TargetListings};
use crate::repo::index::RepositoryIndex;
use crate::store::local::LocalStore;
use crate::store::{Entry, EntryKind, Store};
use crate::target::{ARCHIVE, Area, STAGING, TargetDirectories, TargetDirectory, real_path};
use crate::{Error, Result, repo};

/// What matters to [`require_restorable`] besides what is listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances<'a> {
    /// Where the repository is, if it is on this machine.
    pub(super) repository: Option<&'a Path>,
    /// Whether WALs at the target stay.
    pub(super) keep_log_files: bool,
    /// Whether an earlier restore has removed the old state.
    pub(super) freed: bool,
}

/// The target must be empty, or a RocksDB database; anything else has files that nobody meant to lose.
pub(super) fn require_restorable(
    targets: &TargetDirectories,
    listings: &TargetListings,
    circumstances: Circumstances<'_>,
) -> Result<()> {
    for here in listings.all() {
        let target = targets.of(here.area);
        let refusal = match here.area {
            Area::Db => not_empty_nor_database(targets, here, circumstances)?,
            Area::Wal => no_directory_of_wals(here),
        };
        if let Some(name) = refusal {
            let what = match here.area {
                Area::Db => "neither empty nor a RocksDB database",
                Area::Wal => "no directory of WALs alone",
            };
            let message = format!("{} is {what}: it has {name:?}", target.path().display());
            return Err(
                Error::refused(message).with_hint("restore into a new directory, or move away what is there")
            );
        }
    }
    Ok(())
}

/// The first name that makes it neither.
fn not_empty_nor_database(
    targets: &TargetDirectories,
    here: &TargetListing,
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
        if !counts_as_nothing(targets, here, (name, found), circumstances)? {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

fn counts_as_nothing(
    targets: &TargetDirectories,
    here: &TargetListing,
    (name, found): (&str, &ListedEntry),
    circumstances: Circumstances<'_>,
) -> Result<bool> {
    let target = targets.of(here.area);
    Ok(match found.kind {
        EntryKind::Directory => {
            let path = real_path(&target.path().join(name));
            let leads_to = |other: &Path| real_path(other).starts_with(&path);
            matches!(name, STAGING | "lost+found")
                || circumstances.repository.is_some_and(leads_to)
                || targets.separate_wals().is_some_and(|wals| leads_to(wals.path()))
                || (name == ARCHIVE && is_spent_archive(here, circumstances))
                || is_repository(target, name)
        }
        _ => match found.parsed {
            Some(DbFileName::Lock | DbFileName::InfoLog(_)) => true,
            Some(DbFileName::Wal(_)) => circumstances.keep_log_files,
            _ => false,
        },
    })
}

fn is_spent_archive(here: &TargetListing, circumstances: Circumstances<'_>) -> bool {
    here.archived_unknown.is_empty() && (here.archived.is_empty() || circumstances.keep_log_files)
}

/// Repositories lie below the database often, as RocksDB's own documentation has them. What cannot be read is none.
fn is_repository(target: &TargetDirectory, name: &str) -> bool {
    let store = Store::from(LocalStore::new(target.path().join(name)));
    let is_meta = |entry: &Entry| entry.kind == EntryKind::Directory && entry.name == "meta";
    let has_meta = || store.list(None).is_ok_and(|entries| entries.iter().any(is_meta));
    matches!(
        repo::root_state(&RepositoryIndex::new(&store)),
        Ok(repo::RootState::Repository)
    ) && has_meta()
}

/// A separate `wal_dir` that has anything but WALs may be somebody else's. What RocksDB leaves beside them does not count.
fn no_directory_of_wals(here: &TargetListing) -> Option<String> {
    let foreign = |found: &ListedEntry| match found.parsed {
        Some(DbFileName::Wal(_) | DbFileName::Trash(_) | DbFileName::InfoLog(_) | DbFileName::Lock) => false,
        Some(_) => true,
        None => found.kind != EntryKind::Directory,
    };
    let mut entries = here.entries.iter();
    entries
        .find(|(_, found)| foreign(found))
        .map(|(name, _)| name.clone())
}
