//! What was probably meant by a command line that cannot be parsed, or that names places in the wrong order.

use std::path::Path;

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use stonekeep::Error as LibraryError;

/// What can be typed instead, for a command line that the parser refuses.
pub(crate) fn hint(error: &Error, verb: Option<&str>) -> Option<String> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    if word.starts_with('-') {
        return None;
    }
    let option = match verb? {
        "purge" if word.parse::<usize>().is_ok() => format!("--keep {word}"),
        "open" if !is_repository(word) => format!("--at {word}"),
        "restore" if !is_repository(word) => format!("--to {word}"),
        "backup" | "list" | "show" | "verify" | "restore" | "open" | "delete" | "purge" | "gc" | "diff" => {
            format!("--repo {word}")
        }
        _ => return None,
    };
    Some(format!("options are named: {option}"))
}

/// Refuses a database and a repository that are in each other's place.
pub(crate) fn check_order(database: &Path, repo: &Path) -> Result<(), LibraryError> {
    if !is_repository(database) || !is_database(repo) {
        return Ok(());
    }
    let (database, repo) = (database.display(), repo.display());
    Err(
        LibraryError::refused(format!("{database} is a repository, and {repo} is a database")).with_hint(format!(
            "the database is named first and the repository with --repo: stonekeep backup {repo} --repo {database}"
        )),
    )
}

/// What to do about a repository that cannot be opened because it is a database.
pub(crate) fn names_a_database(repo: &Path) -> Option<String> {
    (is_database(repo) && !is_repository(repo)).then(|| {
        format!(
            "{} is a RocksDB database; --repo names the directory of its backups",
            repo.display()
        )
    })
}

fn is_repository(path: impl AsRef<Path>) -> bool {
    let path = path.as_ref();
    path.join("meta").is_dir() && !is_database(path)
}

fn is_database(path: impl AsRef<Path>) -> bool {
    path.as_ref().join("CURRENT").is_file()
}
