//! Compares paths that may not exist yet.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use crate::{Error, Result};

/// The absolute path without symbolic links, as far as it exists.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    if let Ok(real) = fs::canonicalize(path) {
        return real;
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut resolved = PathBuf::new();
    for component in absolute.components() {
        if component == Component::ParentDir {
            // The path before it has no links any more, so its parent is the one above.
            resolved.pop();
            continue;
        }
        resolved.push(component);
        if let Ok(real) = fs::canonicalize(&resolved) {
            resolved = real;
        }
    }
    resolved
}

/// Refuses a directory of a database, named `what` in the message, that is the repository or lies inside it. A repository
/// inside the directory is usual (`<db>/backups`).
pub(crate) fn refuse_inside(directory: &Path, what: &str, repository: &Path) -> Result<()> {
    let path = directory.display();
    let message = match levels_below(directory, repository) {
        None => return Ok(()),
        Some(0) => format!("{path} is named as {what} and as the repository"),
        Some(_) => format!(
            "{path}, {what}, lies inside the repository {}",
            repository.display()
        ),
    };
    Err(Error::refused(message)
        .with_hint("everything in a repository belongs to its backups; name a directory outside"))
}

/// How many levels a path lies below a directory, 0 if it is the directory; `None` if it lies elsewhere.
fn levels_below(path: &Path, directory: &Path) -> Option<usize> {
    let (path, directory) = (real_path(path), real_path(directory));
    let identity = |place: &Path| fs::metadata(place).ok().map(|meta| (meta.dev(), meta.ino()));
    let wanted = identity(&directory);
    // One directory can have several paths, through bind mounts.
    let is_directory = |place: &Path| place == directory || wanted.is_some() && identity(place) == wanted;
    path.ancestors().position(is_directory)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn places_are_compared_without_links_and_dots() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("repo/private")).unwrap();
        fs::create_dir_all(root.join("db/backups")).unwrap();
        symlink(root.join("repo"), root.join("link")).unwrap();
        let levels_below = |a: &str, b: &str| levels_below(&root.join(a), &root.join(b));
        assert_eq!(levels_below("repo", "link"), Some(0));
        assert_eq!(levels_below("db/../repo/.", "repo"), Some(0));
        assert_eq!(levels_below("link/private/new", "repo"), Some(2));
        assert_eq!(levels_below("repo", "repo/private"), None);
        assert_eq!(levels_below("repo2", "repo"), None);
        assert_eq!(levels_below("new/a", "new"), Some(1));
        assert_eq!(levels_below("link/../db/new", "repo"), None);
    }

    #[test]
    fn a_repository_inside_the_database_is_usual() {
        let root = tempfile::tempdir().unwrap();
        let (database, repository) = (root.path().join("db"), root.path().join("db/backups"));
        refuse_inside(&database, "the database", &repository).unwrap();
    }

    #[test]
    fn a_directory_in_the_repository_is_refused() {
        let repository = Path::new("/repo");
        for (path, expected) in [
            ("/repo", "is named as the target and as the repository"),
            ("/repo/x", "the target, lies inside the repository /repo"),
        ] {
            let error = refuse_inside(Path::new(path), "the target", repository).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
