//! Checks that the files of a backup exist and have the expected sizes.

use stonekeep_format::backup_meta::MetaFile;
use stonekeep_format::backup_name::RepoPath;

use super::expected_sizes::ExpectedSizes;
use super::stored_files::StoredEntry;
use super::wrong::Wrong;
use crate::{Finding, Result};

/// Everything that is wrong with the files of a backup, given what is stored under their paths. Excluded files are not
/// checked.
///
/// # Errors
/// Those of `get`.
pub fn findings(
    files: &[MetaFile],
    sizes: &ExpectedSizes<'_>,
    mut get: impl FnMut(&RepoPath) -> Result<Option<StoredEntry>>,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !file.excluded) {
        let wrong = Wrong::of(get(&file.path)?, sizes.expected(file));
        findings.extend(wrong.map(|wrong| wrong.finding(&file.path)));
    }
    Ok(findings)
}
