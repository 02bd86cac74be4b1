//! What meta files say of the checksums of the files that they name: each file once, however many backups have it.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{BackupId, Crc32c};

/// Backups that give a file the same checksum.
type Run = (Option<Crc32c>, Vec<BackupId>);

/// A file and what is said of it.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) path: RepoPath,
    pub(super) size_bytes: u64,
    said: Vec<Run>,
}

/// All files of the backups that are verified.
#[derive(Debug, Default)]
pub(super) struct Claims(HashMap<RepoPath, (u64, Vec<Run>), RandomState>);

impl Claims {
    /// Adds what the meta file of a backup says.
    pub(super) fn add(&mut self, path: &RepoPath, crc32c: Option<Crc32c>, size_bytes: u64, id: BackupId) {
        let Some((_, said)) = self.0.get_mut(path) else {
            let said = vec![(crc32c, vec![id])];
            self.0.insert(path.clone(), (size_bytes, said));
            return;
        };
        match said.iter_mut().find(|(known, _)| *known == crc32c) {
            Some((_, ids)) => ids.push(id),
            None => said.push((crc32c, vec![id])),
        }
    }

    /// Makes room for the files of one more backup, unless most of them are known.
    pub(super) fn reserve(&mut self, files: usize) {
        self.0.reserve(files.saturating_sub(self.0.len()));
    }

    /// The files in the order of their paths, the order in which a disk likes to be read.
    pub(super) fn into_sorted(self) -> Vec<Claim> {
        let claims = self.0.into_iter().map(|(path, (size_bytes, said))| Claim {
            path,
            size_bytes,
            said,
        });
        let mut claims: Vec<Claim> = claims.collect();
        claims.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        claims
    }
}

impl Claim {
    /// Every backup that names the file.
    pub(super) fn ids(&self) -> impl Iterator<Item = BackupId> + '_ {
        self.said.iter().flat_map(|(_, ids)| ids.iter().copied())
    }

    /// Whether some meta file gives this checksum.
    pub(super) fn says(&self, crc32c: Crc32c) -> bool {
        self.said.iter().any(|(said, _)| *said == Some(crc32c))
    }

    /// The other checksums that are given, with the backups that give them. No checksum is no wrong one.
    pub(super) fn wrong(
        &self,
        found: Crc32c,
    ) -> impl Iterator<Item = (Crc32c, impl Iterator<Item = BackupId> + '_)> {
        self.said.iter().filter_map(move |(said, ids)| {
            let wanted = said.filter(|said| *said != found)?;
            Some((wanted, ids.iter().copied()))
        })
    }
}
