//! What the process that holds the `LOCK` of a database shows of its directories and its open WALs.
//!
//! `/proc/PID` of a process shows its working directory, its root and its descriptors to the same user and to root.
//! Where it does not, nothing is known, and other proof is needed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use stonekeep_format::file_name::DbFileName;

use super::listing::{FileIdentity, Listing, parse_as_written};
use super::lock::LockState;
use crate::Result;

/// A process that has a database open.
#[derive(Debug, Clone, Copy)]
pub(super) struct LockHolder {
    pid: u32,
}

impl LockHolder {
    /// The process that holds the `LOCK` in this directory. `None` if there is none, or it cannot be seen from here.
    ///
    /// # Errors
    /// As [`LockState::of`].
    pub(super) fn of(database: &Path) -> Result<Option<LockHolder>> {
        let pid = match LockState::of(database)? {
            LockState::HeldByThisProcess => Some(std::process::id()),
            LockState::HeldBy { pid, .. } => pid,
            LockState::Free => None,
        };
        Ok(pid.map(|pid| LockHolder { pid }))
    }

    /// Where a path leads in that process, which may have another working directory and another root; `None` if that
    /// cannot be seen.
    ///
    /// # Errors
    /// `Io` if the directory is there and cannot be looked at.
    pub(super) fn resolve(&self, path: &Path) -> Result<Option<PathBuf>> {
        let seen = match path.strip_prefix("/") {
            Ok(below_root) => self.see("root").join(below_root),
            Err(_) => self.see("cwd").join(path),
        };
        if !seen.is_dir() {
            return Ok(None);
        }
        // Outside a container the ordinary path leads to the same directory.
        let plain = std::fs::canonicalize(&seen).ok();
        let identity = Listing::identity_of(&seen)?;
        Ok(Some(match plain {
            Some(plain) if Listing::identity_of(&plain)? == identity => plain,
            _ => seen,
        }))
    }

    /// Which directories it has WALs open in; `None` if its descriptors cannot be seen.
    pub(super) fn directories_of_open_wals(&self) -> Option<BTreeSet<FileIdentity>> {
        let mut parents = BTreeSet::new();
        for entry in std::fs::read_dir(self.see("fd")).ok()? {
            // A descriptor that was closed meanwhile is gone.
            let target = entry.ok().and_then(|entry| std::fs::read_link(entry.path()).ok());
            parents.extend(target.as_deref().and_then(directory_of_wal).map(Path::to_owned));
        }
        let root = self.see("root");
        let seen = parents.iter().map(|parent| match parent.strip_prefix("/") {
            Ok(below_root) => root.join(below_root),
            Err(_) => parent.clone(),
        });
        Some(
            seen.filter_map(|path| Listing::identity_of(&path).ok()?)
                .collect(),
        )
    }

    fn see(&self, what: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{what}", self.pid))
    }
}

/// The directory of an open file, if that is a WAL. The kernel appends a word to the path of a deleted one, which then
/// has another name.
fn directory_of_wal(path: &Path) -> Option<&Path> {
    match parse_as_written(path.file_name()?.to_str()?)? {
        DbFileName::Wal(_) => path.parent(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wals_that_are_there_count() {
        let directory = |path| directory_of_wal(Path::new(path));
        assert_eq!(directory("/db/000012.log"), Some(Path::new("/db")));
        assert_eq!(directory("/db/000012.log (deleted)"), None);
        assert_eq!(directory("/db/12.log"), None);
        assert_eq!(directory("/db/LOG"), None);
        assert_eq!(directory("socket:[4711]"), None);
    }

    #[test]
    fn paths_are_those_of_the_process() {
        let this = LockHolder {
            pid: std::process::id(),
        };
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        assert_eq!(this.resolve(Path::new("")).unwrap(), Some(here.clone()));
        assert_eq!(this.resolve(&here).unwrap(), Some(here));
        assert_eq!(this.resolve(Path::new("no such directory")).unwrap(), None);
    }

    #[test]
    fn an_open_wal_shows_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        let this = LockHolder {
            pid: std::process::id(),
        };
        let identity = Listing::identity_of(directory.path()).unwrap().unwrap();
        let has_open = || this.directories_of_open_wals().unwrap().contains(&identity);
        assert!(!has_open());
        let wal = std::fs::File::create(directory.path().join("000007.log")).unwrap();
        assert!(has_open());
        drop(wal);
        assert!(!has_open());
    }
}
