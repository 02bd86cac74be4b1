//! Why a directory is not the database that was meant.

use std::path::{Path, PathBuf};

use stonekeep_format::file_name::DbFileName;

use super::listing::Listing;
use crate::Error;

/// The error about a directory without CURRENT, with a hint at what was meant.
pub(super) fn no_database(directory: &Path) -> Error {
    let path = directory.display();
    let home = match Listing::of(directory) {
        Ok(Some(home)) => home,
        Ok(None) => return Error::not_found(format!("there is no directory {path}")),
        Err(error) => return error,
    };
    let is_part = |name: &DbFileName| matches!(name, DbFileName::Manifest(_) | DbFileName::Table { .. });
    if home
        .files
        .iter()
        .any(|file| file.parsed.as_ref().is_some_and(is_part))
    {
        let file = directory.join(DbFileName::Current.to_string());
        return Error::corrupt(
            file.display().to_string(),
            "it is missing, though there is a database",
        );
    }
    let error = Error::not_found(format!(
        "there is no RocksDB database in {path}: it has no CURRENT"
    ));
    if directory.join("meta").is_dir() && directory.join("private").is_dir() {
        return error.with_hint("this looks like a backup repository; give the directory of the database");
    }
    match below(directory) {
        Some(database) => error.with_hint(format!("did you mean {}?", database.display())),
        None => error.with_hint("give the directory that holds CURRENT and MANIFEST-*"),
    }
}

/// A database in a sub-directory, if there is exactly one.
fn below(directory: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(directory).ok()?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut databases = paths.filter(|path| path.join(DbFileName::Current.to_string()).is_file());
    databases.next().filter(|_| databases.next().is_none())
}
