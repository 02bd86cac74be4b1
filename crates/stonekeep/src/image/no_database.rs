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
        Ok(None) if directory.is_file() => {
            return Error::invalid(format!("{path} is a file, not a directory"))
                .with_hint("name the directory of the database, which has CURRENT in it");
        }
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
    match below(directory).as_slice() {
        [] => error.with_hint("give the directory that holds CURRENT and MANIFEST-*"),
        [database] => error.with_hint(format!("did you mean {}?", database.display())),
        databases => error.with_hint(several(databases)),
    }
}

/// How many databases below a directory a hint names.
const NAMED: usize = 5;

/// How many names are looked at, and how many levels down.
const MOST_LOOKS: usize = 2000;
const LEVELS: u32 = 2;

fn several(databases: &[PathBuf]) -> String {
    let named = databases
        .iter()
        .take(NAMED)
        .map(|path| path.display().to_string());
    let named: Vec<String> = named.collect();
    let more = match databases.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("give one of the databases below it: {}{more}", named.join(", "))
}

/// Databases one or two levels down, in order, as far as a bounded look shows.
fn below(directory: &Path) -> Vec<PathBuf> {
    let (mut found, mut looks) = (Vec::new(), MOST_LOOKS);
    look_below(directory, LEVELS, &mut looks, &mut found);
    found.sort();
    found
}

fn look_below(directory: &Path, levels: u32, looks: &mut usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    let mut further = Vec::new();
    for entry in entries.flatten() {
        if *looks == 0 {
            return;
        }
        *looks -= 1;
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        if path.join(DbFileName::Current.to_string()).is_file() {
            found.push(path);
        } else if levels > 1 {
            further.push(path);
        }
    }
    further.sort();
    for path in further {
        look_below(&path, levels - 1, looks, found);
    }
}
