//! What meta files say of the files that they name: each file once, however many backups have it.

use std::collections::BTreeMap;

use stonekeep_format::backup_meta::{PathId, PathTable};
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{BackupId, Crc32c};

use crate::repo::known_files::KnownFiles;
use crate::repo::verified::Wanted;

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

impl Said {
    /// What a stamp of the file is about.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            size_bytes: self.size_bytes,
            crc32c: self.crc32c,
        }
    }
}

/// All files of the backups that are verified.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Shared files with their sizes in their names.
    shared: PathTable,
    /// What is said of each of those, with the size in its name.
    said: Vec<(u64, Vec<Said>)>,
    /// All others, by their paths: the likely length, and what is said.
    others: BTreeMap<String, (u64, Vec<Said>)>,
}

impl Claims {
    /// The files of which a line with a checksum says all that there is to know.
    pub(super) fn known(&self) -> KnownFiles<'_> {
        KnownFiles {
            paths: &self.shared,
            plain: None,
        }
    }

    /// Adds what a backup says of a file that is [known](Self::known).
    pub(super) fn add_known(&mut self, path: PathId, crc32c: Crc32c, id: BackupId) {
        if let Some((size_bytes, said)) = self.said.get_mut(path.index()) {
            add(said, Said::by(id, Some(*size_bytes), Some(crc32c)));
        }
    }

    /// Adds what a backup says of a file.
    pub(super) fn add(&mut self, path: &RepoPath, likely_bytes: u64, new: Said) {
        let Some(size_bytes) = path.size_bytes() else {
            return self.add_other(path.to_string(), likely_bytes, new);
        };
        let id = self.shared.insert(path);
        if id.index() == self.said.len() {
            self.said.push((size_bytes, Vec::new()));
        }
        if let Some((_, said)) = self.said.get_mut(id.index()) {
            add(said, new);
        }
    }

    /// The same for a path in the repository that no meta file names.
    pub(super) fn add_other(&mut self, path: String, likely_bytes: u64, new: Said) {
        let (likely, said) = self.others.entry(path).or_default();
        *likely = likely_bytes.max(*likely);
        add(said, new);
    }

    /// The files in the order of their paths, in which a disk is read fastest.
    pub(super) fn into_sorted(self) -> Vec<Claim> {
        let shared = self
            .shared
            .ids()
            .zip(self.said)
            .map(|(id, (size_bytes, said))| Claim {
                path: String::from_utf8_lossy(self.shared.path(id)).into_owned(),
                likely_bytes: size_bytes,
                said,
            });
        let others = self.others.into_iter().map(|(path, (likely_bytes, said))| Claim {
            path,
            likely_bytes,
            said,
        });
        let mut claims: Vec<Claim> = shared.chain(others).collect();
        // Most of them are in that order already, which a stable sort makes use of.
        claims.sort_by(|a, b| a.path.cmp(&b.path));
        claims
    }
}

fn add(said: &mut Vec<Said>, new: Said) {
    let is_same = |said: &&mut Said| (said.size_bytes, said.crc32c) == (new.size_bytes, new.crc32c);
    match said.iter_mut().find(is_same) {
        Some(said) => said.ids.extend(new.ids),
        None => said.push(new),
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
    /// What one backup says.
    pub(super) fn by(id: BackupId, size_bytes: Option<u64>, crc32c: Option<Crc32c>) -> Self {
        Said {
            size_bytes,
            crc32c,
            ids: vec![id],
        }
    }

    /// Whether they do not give another length.
    pub(super) fn may_have(&self, size_bytes: u64) -> bool {
        self.size_bytes.is_none_or(|said| said == size_bytes)
    }
}
