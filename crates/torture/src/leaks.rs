//! What nobody needs in a repository: after a collection, nothing.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use stonekeep::engine::BackupEngineReadOnly;
use stonekeep::repo::catalog;
use stonekeep::store::Store;

use crate::place::Place;
use crate::tree::Tree;
use crate::world::options;

/// Files that are no part of a backup, and stay.
const OURS: [&str; 7] = [
    "stonekeep/lock",
    "stonekeep/leases/",
    // For a day after a lease was taken over.
    "stonekeep/doubtful/",
    "stonekeep/latest",
    "stonekeep/verified/",
    "stonekeep/ids/",
    "stonekeep/holds/",
];

/// Fails if there is a file that no backup needs, and that no collection keeps for somebody.
///
/// # Errors
/// The files.
pub fn require_none(place: &Place) -> Result<()> {
    let mut files = place.files()?;
    files.retain(|name, _| !place.keeps(name));
    require_none_in(&place.store, &files)
}

/// The same of a store that has these files.
///
/// # Errors
/// As [`require_none`].
pub fn require_none_in(store: &Store, files: &Tree) -> Result<()> {
    let Ok(reader) = BackupEngineReadOnly::open(options(), store.clone()) else {
        return Ok(());
    };
    let mut needed = BTreeSet::new();
    let mut prefixes: Vec<String> = OURS.map(str::to_owned).to_vec();
    let mut need = |meta: &stonekeep::repo::loaded_meta::LoadedMeta| {
        needed.extend(meta.meta.files.iter().map(|file| file.path.to_string()));
        needed.insert(format!("stonekeep/backups/{}", meta.id));
        prefixes.push(format!("stonekeep/files/{}/", meta.id));
    };
    for backup in reader.backup_ids()? {
        need(&catalog::load(store, backup)?.into_result()?);
    }
    let mut kept = Vec::new();
    for (deleted, deadline) in stonekeep::repo::garbage::deleted(store)? {
        if deadline.is_some() {
            need(&deleted);
            // The directory stays as it is, also if RocksDB's engine gave the id again.
            kept.push(format!("private/{}/", deleted.id));
        }
    }
    prefixes.extend(kept);
    prefixes.extend(["meta/".to_owned(), "stonekeep/deleted/".to_owned()]);
    let is_needed =
        |name: &str| needed.contains(name) || prefixes.iter().any(|start| name.starts_with(start));
    let left: Vec<&String> = files.keys().filter(|name| !is_needed(name)).collect();
    ensure!(left.is_empty(), "a collection leaves {left:?}");
    let claims = files
        .keys()
        .filter(|name| name.starts_with("stonekeep/ids/"))
        .count();
    ensure!(claims <= 1, "a collection leaves {claims} claims");
    Ok(())
}
