//! Files of the application that backups include: `stonekeep/files/<id>/<path>`.
//!
//! Its facts list which ones a backup has, with length and checksum, and so bind them to its meta file. RocksDB's
//! engine knows neither. A file there that the facts of that backup do not name is garbage.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use stonekeep_format::{BackupId, Crc32c};

use super::layout;
use super::stored_files::StoredEntry;
use super::wrong::Wrong;
use crate::image::include::is_storable;
use crate::store::{Entry, EntryKind, Key, Store};
use crate::{Error, Finding, Result};

/// One file of the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncludedFile {
    /// Its path below the database's directory, with `/` between the parts.
    pub path: String,
    /// Its length.
    pub size_bytes: u64,
    /// CRC-32C of all its bytes.
    pub crc32c: u32,
}

impl IncludedFile {
    /// Where it is stored.
    ///
    /// # Errors
    /// `InvalidArgument` for a path that leads elsewhere, which no facts have.
    pub fn key(&self, id: BackupId) -> Result<Key> {
        layout::included(id).join(&self.path)
    }

    /// Its checksum, typed.
    pub fn checksum(&self) -> Crc32c {
        Crc32c(self.crc32c)
    }
}

/// Whether all of these can be stored and restored side by side. Facts may come from an untrusted repository.
pub(crate) fn are_legal(files: &[IncludedFile]) -> bool {
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let has_file_above = |path: &str| {
        let ends = path.match_indices('/').map(|(end, _)| end);
        ends.into_iter()
            .any(|end| path.get(..end).is_some_and(|above| paths.contains(above)))
    };
    paths.len() == files.len()
        && paths
            .iter()
            .all(|path| is_storable(path) && !has_file_above(path))
}

/// The bytes of all of them.
pub(crate) fn bytes_of(files: &[IncludedFile]) -> u64 {
    files.iter().map(|file| file.size_bytes).sum()
}

/// The entries below `stonekeep/files/<id>`.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// Files, by their paths below it.
    pub files: Vec<(String, Entry)>,
    /// Directories below it, those further down first, by their paths below it.
    pub directories: Vec<String>,
}

/// Lists what is stored for a backup.
///
/// # Errors
/// I/O errors of the store.
pub fn stored(store: &Store, id: BackupId) -> Result<Stored> {
    let mut stored = Stored::default();
    list(store, &layout::included(id), "", &mut stored)?;
    Ok(stored)
}

fn list(store: &Store, directory: &Key, below: &str, stored: &mut Stored) -> Result<()> {
    for entry in store.list(Some(directory))? {
        let path = format!("{below}{}", entry.name);
        match (entry.kind, directory.join(&entry.name)) {
            (EntryKind::Directory, Ok(key)) => {
                list(store, &key, &format!("{path}/"), stored)?;
                stored.directories.push(path);
            }
            _ => stored.files.push((path, entry)),
        }
    }
    Ok(())
}

/// Removes everything that is stored for a backup which does not exist.
///
/// # Errors
/// I/O errors of the store.
pub(crate) fn remove_all(store: &Store, id: BackupId) -> Result<()> {
    let (directory, stored) = (layout::included(id), stored(store, id)?);
    let files = stored.files.iter().map(|(path, _)| path);
    let keys = files.chain(&stored.directories).map(|path| directory.join(path));
    let mut keys = keys.collect::<Result<Vec<Key>>>()?;
    keys.push(directory);
    let left = store.delete(&keys).into_iter().next();
    left.map_or(Ok(()), |left| Err(left.error))
}

/// What is wrong with the files that the facts of a backup name, by path in the repository: missing, or of another size.
///
/// # Errors
/// I/O errors of the store.
pub(crate) fn findings(store: &Store, id: BackupId, files: &[IncludedFile]) -> Result<Vec<(String, Wrong)>> {
    let mut findings = Vec::new();
    for file in files {
        let key = file.key(id)?;
        let there = match store.stat(&key) {
            Ok(stat) => stat.map(|stat| StoredEntry::file(stat.size_bytes)),
            Err(error) if error.kind() == crate::ErrorKind::Corrupt => Some(StoredEntry {
                kind: EntryKind::Other,
                size_bytes: None,
            }),
            Err(error) => return Err(error),
        };
        if let Some(wrong) = Wrong::of(there, Some(file.size_bytes)) {
            findings.push((key.to_string(), wrong));
        }
    }
    Ok(findings)
}

/// The same as findings.
///
/// # Errors
/// I/O errors of the store.
pub(crate) fn findings_of(store: &Store, id: BackupId, files: &[IncludedFile]) -> Result<Vec<Finding>> {
    let findings = findings(store, id, files)?.into_iter();
    let finding = |(file, wrong): (String, Wrong)| Finding {
        file,
        reason: wrong.to_string(),
    };
    Ok(findings.map(finding).collect())
}

/// The error for facts that name what must not be restored.
pub(crate) fn illegal(name: &str) -> Error {
    Error::corrupt(
        name,
        "it names included files that cannot be restored side by side",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Vec<IncludedFile> {
        let file = |path: &&str| IncludedFile {
            path: (*path).to_owned(),
            size_bytes: 1,
            crc32c: 2,
        };
        paths.iter().map(file).collect()
    }

    #[test]
    fn included_paths_must_be_restorable_side_by_side() {
        assert!(are_legal(&[]));
        assert!(are_legal(&files(&[
            "rocksdict-config.json",
            "a/b",
            "a/c/d",
            "ab"
        ])));
        let bad: [&[&str]; 16] = [
            &["../x"],
            &["/etc/passwd"],
            &["a//b"],
            &["a/../b"],
            &["a\nb"],
            &["a\\b"],
            &[""],
            &["a", "a"],
            &["a", "a/b"],
            &["CURRENT"],
            &["current"],
            &["000012.SST"],
            &["archive/000003.log"],
            &["LOCK/x"],
            &[".stonekeep-restore/state"],
            &["a/.stonekeep-restore/state"],
        ];
        for paths in bad {
            assert!(!are_legal(&files(paths)), "{paths:?}");
        }
    }
}
