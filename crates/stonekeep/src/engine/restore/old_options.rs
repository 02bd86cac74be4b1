//! The `wal_dir` of the database that is restored over, and what the user should know about it.

use std::path::{Path, PathBuf};

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::{WholeText, options};

use super::listing::TargetListing;
use crate::engine::contents::{is_same_directory, wal_dir_of};
use crate::target::{Area, TargetDirectories, TargetDirectory};
use crate::{Warning, WarningName};

/// The newest OPTIONS file at a target, where it can be read and names a `wal_dir`.
#[derive(Debug)]
pub(super) struct OldOptions {
    name: String,
    wal_dir: PathBuf,
}

impl OldOptions {
    /// Reads the file; one that cannot be read or parsed names no directory.
    pub(super) fn read(targets: &TargetDirectories, listing: &TargetListing) -> Option<Self> {
        let options = listing
            .database_files()
            .filter_map(|(name, parsed)| match parsed {
                DbFileName::Options(number) => Some((number, name)),
                _ => None,
            });
        let (_, name) = options.max().filter(|(_, name)| listing.is_file(name))?;
        let at = targets.db().at(name).ok()?;
        let bytes = targets
            .db()
            .read_text(&at, options::LIMIT_BYTES, WholeText::new());
        Some(OldOptions {
            name: name.to_owned(),
            wal_dir: wal_dir_of(&bytes.ok()??)?,
        })
    }

    /// A warning if that directory has WALs, and this restore does not touch it.
    pub(super) fn warn_of_old_wals(&self, targets: &TargetDirectories) -> Option<Warning> {
        let old = &self.wal_dir;
        let is_restored = targets
            .all()
            .any(|(_, target)| is_same_directory(old, target.path()));
        if is_restored || !old.is_absolute() || !has_wals(old) {
            return None;
        }
        let message = format!(
            "WALs of the old database are in {}, its wal_dir: opened with that wal_dir, the restored database would \
             replay them. Restore with this wal_dir, or remove them",
            old.display()
        );
        Some(Warning::about(
            WarningName::OldWals,
            old.display().to_string(),
            message,
        ))
    }

    /// A warning if the old state is kept in this directory: its OPTIONS file names a `wal_dir` without its WALs.
    pub(super) fn warn_of_kept(&self, directory: &Path) -> Warning {
        let message = format!(
            "wal_dir is {}, which is where the restored database may have its WALs: set wal_dir when you open the old \
             database here",
            self.wal_dir.display()
        );
        let about = directory.join(&self.name).display().to_string();
        Warning::about(WarningName::WalDirOfOptions, about, message)
    }
}

/// A directory that cannot be read has no WALs.
fn has_wals(directory: &Path) -> bool {
    let listed = TargetListing::of(Area::Wal, &TargetDirectory::new(directory));
    listed.is_ok_and(|listed| {
        let mut files = listed.database_files();
        files.any(|(name, parsed)| matches!(parsed, DbFileName::Wal(_)) && listed.is_file(name))
    })
}
