//! Whether a meta file lists every file that the MANIFEST in the backup names.
//!
//! A line that is missing from a meta file, with a file count that fits, is noticed by nothing else: what is left is
//! right, and the restored database lacks a file. Files that the backup was made without are listed, as excluded ones.

use std::collections::HashSet;

use stonekeep_format::backup_meta::MetaFile;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::DatabaseState;
use stonekeep_format::{BackupId, FileNumber};

use super::catalog::LoadedMeta;
use super::facts::BackupFacts;
use super::{described, layout};
use crate::in_short::in_short;
use crate::store::Store;
use crate::{Finding, Result, WarningName};

/// So many missing files are findings of their own.
const FEW: usize = 20;

/// What tells files of a database apart that a MANIFEST names: kind and number. A table may have either extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Table(FileNumber),
    Blob(FileNumber),
    Wal(FileNumber),
}

impl Key {
    fn of(name: &DbFileName) -> Option<Self> {
        match name {
            DbFileName::Table { number, .. } => Some(Key::Table(*number)),
            DbFileName::Blob(number) => Some(Key::Blob(*number)),
            DbFileName::Wal(number) => Some(Key::Wal(*number)),
            _ => None,
        }
    }
}

/// The files that some lines of a meta file name.
#[derive(Debug, Clone)]
pub struct Listed(HashSet<Key>);

impl Listed {
    /// Those of these lines.
    pub fn of(files: &[MetaFile]) -> Self {
        let names = files.iter().map(|file| file.path.restored_name());
        Listed(names.filter_map(|name| Key::of(&name)).collect())
    }

    /// Whether this file is among them.
    pub fn has(&self, name: &DbFileName) -> bool {
        Key::of(name).is_some_and(|key| self.0.contains(&key))
    }
}

/// The files that a backup must list whose MANIFEST adds up to this state: live tables and blobs, and WALs only where the
/// MANIFEST tracks them, since RocksDB's engine flushes first and then needs none. `wals_left_out`: the backup was made
/// without its WALs.
pub fn needed(state: &DatabaseState, wals_left_out: bool) -> Vec<DbFileName> {
    let tables = state.live_tables().map(|table| table.file.number);
    let blobs = state.live_blobs().map(|blob| blob.file.addition.number);
    // One without a synced size may have held nothing, and versions that do not track WALs leave stale entries behind.
    let wals = state.tracked_wals().iter().filter_map(|(number, synced)| {
        let is_needed = synced.is_some_and(|synced| synced > 0) && number >= state.min_wal_to_keep();
        (is_needed && !wals_left_out).then_some(number)
    });
    let tables = tables.map(DbFileName::table);
    let mut needed: Vec<DbFileName> = tables
        .chain(blobs.map(DbFileName::Blob))
        .chain(wals.map(DbFileName::Wal))
        .collect();
    needed.sort();
    needed
}

/// Whether the facts of a backup say that it was made without its WALs.
pub fn wals_left_out(facts: Option<&BackupFacts>) -> bool {
    let warnings = facts.map(|facts| facts.warnings.as_slice()).unwrap_or_default();
    warnings
        .iter()
        .any(|warning| warning.name == WarningName::WalsLeftOut)
}

/// What is wrong with the list of a backup, by the MANIFEST in it. A MANIFEST that is not there says nothing.
///
/// # Errors
/// `Corrupt`, `Unsupported` or `NotFound` if the MANIFEST cannot be read, and I/O errors of the store.
pub fn check(store: &Store, loaded: &LoadedMeta, facts: Option<&BackupFacts>) -> Result<Vec<Finding>> {
    let Some(state) = described::manifest(store, loaded)? else {
        return Ok(Vec::new());
    };
    let listed = Listed::of(&loaded.meta.files);
    let needed = needed(&state, wals_left_out(facts));
    Ok(findings(loaded.id, &needed, |name| listed.has(name)))
}

/// What is wrong with the list of a backup that needs these files.
pub fn findings(
    id: BackupId,
    needed: &[DbFileName],
    is_listed: impl Fn(&DbFileName) -> bool,
) -> Vec<Finding> {
    let unlisted: Vec<&DbFileName> = needed.iter().filter(|name| !is_listed(name)).collect();
    let finding = |what: String| Finding {
        file: layout::meta(id).to_string(),
        reason: format!("does not list {what}, which the MANIFEST in the backup names"),
    };
    match unlisted.len() {
        0..=FEW => unlisted.iter().map(|name| finding(name.to_string())).collect(),
        count => vec![finding(format!("{count} files ({})", in_short(&unlisted)))],
    }
}
