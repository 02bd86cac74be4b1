//! What meta files say of the files that they name: each file once, however many backups have it.

use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{BackupId, Crc32c};

use crate::repo::path_table::PathTable;

/// A file and what is said of it.
#[derive(Debug)]
pub(super) struct Claim {
    /// In the repository.
    pub(super) path: String,
    /// As far as it is known before the file is opened; for the progress alone.
    pub(super) likely_bytes: u64,
    pub(super) said: Vec<Said>,
}

/// What some backups say of a file. What is not said is nothing that could be wrong.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) size_bytes: Option<u64>,
    pub(super) crc32c: Option<Crc32c>,
    pub(super) ids: Vec<BackupId>,
}

/// All files of the backups that are verified.
#[derive(Debug, Default)]
pub(super) struct Claims {
    paths: PathTable,
    /// Of each path its likely length, and what is said of it.
    said: Vec<(u64, Vec<Said>)>,
}

impl Claims {
    /// Takes the name of a file whose content is not read; whether no other backup has named it.
    pub(super) fn count(&mut self, path: &RepoPath) -> bool {
        // One backup alone names its private files.
        if matches!(path, RepoPath::Private(_)) {
            return true;
        }
        let path = path.to_string();
        let is_new = self.paths.find(path.as_bytes()).is_none();
        if is_new {
            self.paths.push(path.as_bytes());
        }
        is_new
    }

    /// How many files the claims are about.
    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }

    /// Adds what the meta file or the facts of a backup say.
    pub(super) fn add(&mut self, path: &str, likely_bytes: u64, new: Said) {
        let number = self.paths.find(path.as_bytes());
        match number.and_then(|number| self.said.get_mut(number)) {
            Some((likely, said)) => {
                *likely = likely_bytes.max(*likely);
                let same = |said: &&mut Said| (said.size_bytes, said.crc32c) == (new.size_bytes, new.crc32c);
                match said.iter_mut().find(same) {
                    Some(said) => said.ids.extend(new.ids),
                    None => said.push(new),
                }
            }
            None => {
                self.paths.push(path.as_bytes());
                self.said.push((likely_bytes, vec![new]));
            }
        }
    }

    /// The files in the order of their paths, the order in which a disk likes to be read.
    pub(super) fn into_sorted(self) -> Vec<Claim> {
        let claims = self.said.into_iter().enumerate();
        let claim = |(number, (likely_bytes, said))| Claim {
            path: String::from_utf8_lossy(self.paths.at(number)).into_owned(),
            likely_bytes,
            said,
        };
        let mut claims: Vec<Claim> = claims.map(claim).collect();
        // Most of them are in that order already, which a stable sort makes use of.
        claims.sort_by(|a, b| a.path.cmp(&b.path));
        claims
    }
}

impl Claim {
    /// Every backup that names the file.
    pub(super) fn ids(&self) -> impl Iterator<Item = BackupId> + '_ {
        self.said.iter().flat_map(|said| said.ids.iter().copied())
    }

    /// Whether somebody does not give another length.
    pub(super) fn may_have(&self, size_bytes: u64) -> bool {
        self.said.iter().any(|said| said.may_have(size_bytes))
    }

    /// Whether somebody who does not give another length gives this checksum.
    pub(super) fn says(&self, size_bytes: u64, crc32c: Crc32c) -> bool {
        let mut said = self.said.iter().filter(|said| said.may_have(size_bytes));
        said.any(|said| said.crc32c == Some(crc32c))
    }
}

impl Said {
    /// Whether they do not give another length.
    pub(super) fn may_have(&self, size_bytes: u64) -> bool {
        self.size_bytes.is_none_or(|said| said == size_bytes)
    }
}
