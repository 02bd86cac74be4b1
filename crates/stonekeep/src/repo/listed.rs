//! Whether a meta file lists every file that the MANIFEST in the backup names.
//!
//! A line that is missing from a meta file, with a file count that fits, is noticed by nothing else: what is left is
//! right, and the restored database lacks a file. Files that the backup was made without are listed, as excluded ones.

use std::collections::HashSet;

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::{MetaFile, PathTable};
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::DatabaseState;

use super::facts::BackupFacts;
use super::layout;
use super::meta_scanner::ScannedMeta;
use super::path_set::PathSet;
use crate::in_short::in_short;
use crate::{Finding, WarningName};

/// So many missing files are findings of their own.
const FEW: usize = 20;

/// The files that a meta file lists.
#[derive(Debug)]
pub struct Listed<'a> {
    others: HashSet<DbFileName>,
    /// The first paths of plain files.
    plain: PathSet,
    paths: Option<&'a PathTable>,
}

impl<'a> Listed<'a> {
    /// Those in these lines.
    pub fn of(files: &[MetaFile]) -> Self {
        Listed {
            others: files.iter().map(|file| file.path.restored_name()).collect(),
            plain: PathSet::default(),
            paths: None,
        }
    }

    /// Those in a meta file that was read with these paths known.
    pub fn in_scanned(scanned: &ScannedMeta, paths: &'a PathTable) -> Self {
        let mut plain = PathSet::default();
        for (path, _) in &scanned.plain {
            plain.insert(paths.first(*path));
        }
        Listed {
            plain,
            paths: Some(paths),
            ..Self::of(&scanned.loaded.meta.files)
        }
    }

    /// Whether this file is among them.
    pub fn has(&self, name: &DbFileName) -> bool {
        let first = self.paths.and_then(|paths| paths.first_named(name));
        first.is_some_and(|first| self.plain.contains(first)) || self.others.contains(name)
    }
}

/// The files that a backup must list whose MANIFEST adds up to this state: live tables and blobs, and WALs only where the
/// MANIFEST tracks them, since RocksDB's engine flushes first and then needs none. `wals_left_out`: the backup was made
/// without its WALs.
fn needed(state: &DatabaseState, wals_left_out: bool) -> impl Iterator<Item = DbFileName> {
    let tables = state
        .live_tables()
        .map(|table| DbFileName::table(table.file.number));
    let blobs = state
        .live_blobs()
        .map(|blob| DbFileName::Blob(blob.file.addition.number));
    // One without a synced size may have held nothing, and versions that do not track WALs leave stale entries behind.
    let wals = state.tracked_wals().iter().filter_map(move |(number, synced)| {
        let is_needed = synced.is_some_and(|synced| synced > 0) && number >= state.min_wal_to_keep();
        (is_needed && !wals_left_out).then_some(DbFileName::Wal(number))
    });
    tables.chain(blobs).chain(wals)
}

/// Whether the facts of a backup say that it was made without its WALs.
pub fn wals_left_out(facts: Option<&BackupFacts>) -> bool {
    let warnings = facts.map(|facts| facts.warnings.as_slice()).unwrap_or_default();
    warnings
        .iter()
        .any(|warning| warning.name == WarningName::WalsLeftOut)
}

/// What is wrong with the list of a backup whose MANIFEST adds up to this state.
pub fn findings(
    id: BackupId,
    state: &DatabaseState,
    wals_left_out: bool,
    listed: &Listed<'_>,
) -> Vec<Finding> {
    let mut unlisted: Vec<DbFileName> = needed(state, wals_left_out)
        .filter(|name| !listed.has(name))
        .collect();
    unlisted.sort_unstable();
    let finding = |what: String| Finding {
        file: layout::meta(id).to_string(),
        reason: format!("does not list {what}, which the MANIFEST in the backup names"),
    };
    match unlisted.len() {
        0..=FEW => unlisted.iter().map(|name| finding(name.to_string())).collect(),
        count => vec![finding(format!("{count} files ({})", in_short(&unlisted)))],
    }
}
