//! When the files of backups were last verified, and what was found wrong with them then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use stonekeep_format::backup_meta::{MetaFile, PathId};
use stonekeep_format::backup_name::RepoPath;

use crate::repo::included::IncludedFile;
use crate::repo::meta_scanner::ScannedMeta;
use crate::repo::path_set::PathSet;
use crate::repo::stored_files::StoredFiles;
use crate::repo::verified::{Known, StampsByPath, Wanted};
use crate::{Finding, Result};

/// What is remembered of verifications of some files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Verified {
    /// When the file was read that was not read for the longest time; `None` if one never was.
    pub(super) oldest_seconds: Option<i64>,
    /// Bytes of the files that were never read.
    pub(super) never_bytes: u64,
    /// When the file was read that was not read for the longest time, of those that were.
    pub(super) oldest_read_seconds: Option<i64>,
}

impl Verified {
    /// Since when a byte of a backup of this time was not verified: one that never was, since the backup.
    pub(super) fn unverified_since(&self, backup_seconds: i64) -> i64 {
        let never = self.oldest_seconds.is_none().then_some(backup_seconds);
        let oldest = never.into_iter().chain(self.oldest_read_seconds).min();
        oldest.unwrap_or(backup_seconds)
    }
}

/// What is remembered of the verifications of all files.
pub(super) struct Verifications<'a> {
    stamps: StampsByPath<'a>,
    stored: &'a StoredFiles,
    all: Mutex<All>,
}

/// Of all backups together, each file once.
#[derive(Default)]
struct All {
    sum: Sum,
    /// Shared files that were never read as one of the backups expects them.
    never: PathSet,
    /// Those of them that are not stored, with the largest size that a backup expects.
    never_missing: HashMap<RepoPath, u64>,
}

impl All {
    /// Whichever backup comes first.
    fn add_shared(&mut self, id: PathId, verified_ms: Option<u64>, stored_bytes: u64) {
        let is_new = verified_ms.is_none() && self.never.insert(id);
        self.sum.add(verified_ms, if is_new { stored_bytes } else { 0 });
    }

    /// The same for a file that is not stored.
    fn add_missing(&mut self, path: &RepoPath, verified_ms: Option<u64>, size_bytes: u64) {
        let mut new_bytes = 0;
        if verified_ms.is_none() {
            let counted = self.never_missing.entry(path.clone()).or_default();
            new_bytes = size_bytes.saturating_sub(*counted);
            *counted += new_bytes;
        }
        self.sum.add(verified_ms, new_bytes);
    }
}

/// Files that are looked at one after another.
#[derive(Debug, Clone, Copy)]
struct Sum {
    /// `None` if one of them never was.
    oldest_ms: Option<u64>,
    oldest_read_ms: u64,
    never_bytes: u64,
}

impl Default for Sum {
    fn default() -> Self {
        Sum {
            oldest_ms: Some(u64::MAX),
            oldest_read_ms: u64::MAX,
            never_bytes: 0,
        }
    }
}

impl Sum {
    fn add(&mut self, verified_ms: Option<u64>, size_bytes: u64) {
        self.oldest_ms = self.oldest_ms.min(verified_ms);
        self.oldest_read_ms = self.oldest_read_ms.min(verified_ms.unwrap_or(u64::MAX));
        if verified_ms.is_none() {
            // Meta files may tell any sizes.
            self.never_bytes = self.never_bytes.saturating_add(size_bytes);
        }
    }

    fn verified(&self) -> Verified {
        // Without a file, there is no time.
        let seconds = |ms: u64| i64::try_from(ms / 1000).ok().filter(|_| ms != u64::MAX);
        Verified {
            oldest_seconds: self.oldest_ms.and_then(seconds),
            never_bytes: self.never_bytes,
            oldest_read_seconds: seconds(self.oldest_read_ms),
        }
    }
}

impl<'a> Verifications<'a> {
    pub(super) fn new(stamps: StampsByPath<'a>, stored: &'a StoredFiles) -> Self {
        Verifications {
            stamps,
            stored,
            all: Mutex::default(),
        }
    }

    /// Those of the files of a backup, and what was found wrong with them; adds them to those of all backups.
    ///
    /// # Errors
    /// None in practice; an included file with an impossible path.
    pub(super) fn of(
        &self,
        scanned: &ScannedMeta,
        size_of: impl Fn(&MetaFile) -> Option<u64>,
        included: &[IncludedFile],
    ) -> Result<(Verified, Vec<Finding>)> {
        let (mut own, mut findings) = (Sum::default(), Vec::new());
        let mut note = |path: &dyn Fn() -> String, known: Known<'_>, size_bytes: u64| {
            own.add(known.verified_ms, size_bytes);
            if let Some(reason) = known.damage {
                let reason = format!("{reason}, as a verification found");
                findings.push(Finding { file: path(), reason });
            }
        };
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, crc32c) in &scanned.plain {
            let wanted = Wanted {
                size_bytes: None,
                crc32c: Some(*crc32c),
            };
            let known = self.stamps.known(*id, wanted);
            let size_bytes = self
                .stored
                .entry(*id)
                .and_then(|entry| entry.size_bytes)
                .unwrap_or(0);
            let path = || String::from_utf8_lossy(self.stored.paths().path(*id)).into_owned();
            note(&path, known, size_bytes);
            all.add_shared(*id, known.verified_ms, size_bytes);
        }
        for file in scanned.others() {
            let size_bytes = size_of(file);
            let wanted = Wanted {
                size_bytes,
                crc32c: file.recorded_crc32c(),
            };
            let known = self.stamps.other(&file.path.to_string(), wanted);
            note(&|| file.path.to_string(), known, size_bytes.unwrap_or(0));
            match self.stored.find(&file.path) {
                Some(id) => {
                    let stored = self.stored.entry(id).and_then(|entry| entry.size_bytes);
                    all.add_shared(id, known.verified_ms, stored.unwrap_or(0));
                }
                None => all.add_missing(&file.path, known.verified_ms, size_bytes.unwrap_or(0)),
            }
        }
        for file in included {
            let path = file.key(scanned.loaded.id)?.to_string();
            let known = self.stamps.other(&path, Wanted::of_included(file));
            note(&|| path.clone(), known, file.size_bytes);
            all.sum.add(known.verified_ms, file.size_bytes);
        }
        Ok((own.verified(), findings))
    }

    /// Those of the files of all backups that were asked for.
    pub(super) fn of_all(self) -> Verified {
        let all = self.all.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.sum.verified()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_backups_does_not_matter() {
        let path = RepoPath::parse("shared/000014.sst").unwrap();
        let sum = |sizes: [u64; 3]| {
            let mut all = All::default();
            for size_bytes in sizes {
                all.add_missing(&path, None, size_bytes);
            }
            all.sum.verified().never_bytes
        };
        assert_eq!([sum([0, 9, 7]), sum([9, 7, 0]), sum([7, 0, 9])], [9; 3]);
    }
}
