//! Compares directories that were typed, to refuse those that cannot be meant.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use stonekeep::{Error, Result};

use crate::mount_points;

/// How one directory lies to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Same,
    Inside,
    Apart,
}

/// Refuses a repository that is one of the database's directories, or that has one of them inside it. A repository
/// inside a database's directory is usual (`<db>/backups`).
pub(crate) fn check_source(repo: &Path, database: &Path, others: &[PathBuf]) -> Result<()> {
    match relation(database, repo) {
        Relation::Same => Err(Error::refused(format!(
            "{} is named as the database and as the repository",
            database.display()
        ))
        .with_hint("the repository is a directory of its own, such as --repo /backups/name")),
        Relation::Inside => Err(inside(database, "the database", repo)),
        Relation::Apart => others.iter().try_for_each(|other| match relation(other, repo) {
            Relation::Apart => Ok(()),
            _ => Err(inside(other, "a directory of the database", repo)),
        }),
    }
}

/// Refuses a directory to write to that is the repository or lies inside it. A repository inside the directory is fine.
pub(crate) fn check_target(repo: &Path, target: &Path, what: &str) -> Result<()> {
    match relation(target, repo) {
        Relation::Apart => Ok(()),
        Relation::Same => Err(Error::refused(format!(
            "{} is named as {what} and is the repository",
            target.display()
        ))),
        Relation::Inside => Err(inside(target, what, repo)),
    }
}

/// Refuses to make a repository at a mount point, or below one, while nothing is mounted there: the disk that the
/// repository is on, or is meant to be on, is missing.
pub(crate) fn check_mounted(repo: &Path) -> Result<()> {
    let Some(point) = missing_disk(repo).filter(|_| mount_points::is_absent_or_empty(repo)) else {
        return Ok(());
    };
    Err(Error::refused(format!(
        "there is no repository at {}, and {} is a mount point of /etc/fstab that nothing is mounted on",
        repo.display(),
        point.display()
    ))
    .with_hint(format!("mount {} first", point.display())))
}

/// The mount point at this place or above it that nothing is mounted on.
pub(crate) fn missing_disk(repo: &Path) -> Option<PathBuf> {
    mount_points::unmounted_above(&resolve(repo))
}

fn inside(path: &Path, what: &str, repo: &Path) -> Error {
    Error::refused(format!(
        "{}, {what}, lies inside the repository {}",
        path.display(),
        repo.display()
    ))
    .with_hint("everything in a repository belongs to its backups; name a directory outside")
}

fn relation(path: &Path, container: &Path) -> Relation {
    let (path, container) = (resolve(path), resolve(container));
    let identity = |place: &Path| fs::metadata(place).ok().map(|meta| (meta.dev(), meta.ino()));
    let container_identity = identity(&container);
    let is_container = |place: &Path| {
        // One directory can have several paths, through bind mounts.
        place == container || container_identity.is_some() && identity(place) == container_identity
    };
    match path.ancestors().position(is_container) {
        Some(0) => Relation::Same,
        Some(_) => Relation::Inside,
        None => Relation::Apart,
    }
}

/// The absolute path without links, as far as it exists; what does not exist is taken by its letters.
fn resolve(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut resolved = PathBuf::new();
    for component in absolute.components() {
        match component {
            // What stands before it has no links any more, so its parent is the one above.
            Component::ParentDir => {
                resolved.pop();
            }
            other => {
                resolved.push(other);
                if let Ok(real) = fs::canonicalize(&resolved) {
                    resolved = real;
                }
            }
        }
    }
    resolved
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
        let relation = |a: &str, b: &str| relation(&root.join(a), &root.join(b));
        assert_eq!(relation("repo", "link"), Relation::Same);
        assert_eq!(relation("db/../repo/.", "repo"), Relation::Same);
        assert_eq!(relation("link/private/new", "repo"), Relation::Inside);
        assert_eq!(relation("repo", "repo/private"), Relation::Apart);
        assert_eq!(relation("repo2", "repo"), Relation::Apart);
        assert_eq!(relation("new/a", "new"), Relation::Inside);
        assert_eq!(relation("link/../db/new", "repo"), Relation::Apart);
    }

    #[test]
    fn a_repository_inside_the_database_is_usual() {
        let root = tempfile::tempdir().unwrap();
        let (database, repo) = (root.path().join("db"), root.path().join("db/backups"));
        check_source(&repo, &database, &[]).unwrap();
        check_target(&repo, &database, "the target").unwrap();
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let (repo, below) = (root.path().join("r"), root.path().join("r/x"));
        let apart = root.path().join("db");
        assert!(check_source(&repo, &repo, &[]).is_err());
        assert!(check_source(&repo, &below, &[]).is_err());
        assert!(check_source(&repo, &apart, std::slice::from_ref(&below)).is_err());
        assert!(check_target(&repo, &repo, "the target").is_err());
        assert!(check_target(&repo, &below, "the target").is_err());
    }
}
