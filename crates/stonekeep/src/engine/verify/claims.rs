//! What meta files say of the files that they name: each file once, however many backups have it.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{BackupId, Crc32c};

/// A file and what is said of it.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) path: RepoPath,
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
    all: Vec<Claim>,
    by_path: HashTable<u32>,
    hasher: RandomState,
}

impl Claims {
    /// Adds what the meta file of a backup says.
    pub(super) fn add(&mut self, path: &RepoPath, likely_bytes: u64, said: Said) {
        let (all, hasher) = (&mut self.all, &self.hasher);
        let hash = hasher.hash_one(path);
        let is_it = |number: &u32| all.get(*number as usize).is_some_and(|claim| claim.path == *path);
        let known = self.by_path.find(hash, is_it).copied();
        if let Some(claim) = known.and_then(|number| all.get_mut(number as usize)) {
            claim.likely_bytes = claim.likely_bytes.max(likely_bytes);
            claim.add(said);
            return;
        }
        // Four thousand million claims take more memory than there is.
        let number = all.len() as u32;
        all.push(Claim {
            path: path.clone(),
            likely_bytes,
            said: vec![said],
        });
        let hash_of = |number: &u32| {
            let claim = all.get(*number as usize);
            claim.map_or(0, |claim| hasher.hash_one(&claim.path))
        };
        self.by_path.insert_unique(hash, number, hash_of);
    }

    /// Makes room for the files of one more backup, unless most of them are known.
    pub(super) fn reserve(&mut self, files: usize) {
        self.all.reserve(files.saturating_sub(self.all.len()));
    }

    /// The files in the order of their paths, the order in which a disk likes to be read.
    pub(super) fn into_sorted(self) -> Vec<Claim> {
        let mut claims = self.all;
        // Most of them are in that order already, which a stable sort makes use of.
        claims.sort_by(|a, b| a.path.cmp(&b.path));
        claims
    }
}

impl Claim {
    fn add(&mut self, new: Said) {
        let same = |said: &&mut Said| (said.size_bytes, said.crc32c) == (new.size_bytes, new.crc32c);
        match self.said.iter_mut().find(same) {
            Some(said) => said.ids.extend(new.ids),
            None => self.said.push(new),
        }
    }

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
