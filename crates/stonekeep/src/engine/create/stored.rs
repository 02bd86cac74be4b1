//! Whether what is stored under a name is the file that is to have it.

use stonekeep_format::Crc32c;
use stonekeep_format::backup_name::RepoPath;

use super::known::{Known, StoredFile};
use super::namers::Namers;
use crate::Result;
use crate::repo::file_check::Wrong;
use crate::repo::layout;
use crate::store::{self, EntryKind, Key};

/// What is known of the database's file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence {
    /// Its checksum.
    pub(super) crc32c: Option<Crc32c>,
    /// Whether that is what its bytes have now, not what some record says of them.
    pub(super) read: bool,
    /// Whether the name alone tells that it is the same file.
    pub(super) name_proves: bool,
}

/// What is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing of use.
    Nothing,
    /// The file.
    Same { crc32c: Crc32c, durable: bool },
    /// The file, or another one: its bytes would tell.
    Unsure,
}

/// Looks for the file under its name.
///
/// # Errors
/// `Corrupt` if readable backups name what is stored there, and it cannot be the database's file.
pub(super) fn find(
    known: &mut Known<'_>,
    path: &RepoPath,
    size_bytes: u64,
    evidence: Evidence,
) -> Result<Found> {
    let there = known.index.get(path)?;
    let may_be_named = path
        .restored_name()
        .number()
        .is_some_and(|n| known.may_be_named(n));
    let stored = match there.is_some() || may_be_named {
        true => known.stored(path)?,
        false => None,
    };
    let Some(there) = there else {
        return match stored {
            Some(stored) => missing(known, path, &stored, evidence),
            None => Ok(Found::Nothing),
        };
    };
    match (there.kind, there.size_bytes.unwrap_or_default()) {
        (EntryKind::File, size) if size == size_bytes => {
            let nobodys = StoredFile {
                crc32c: None,
                backup: None,
                durable: false,
            };
            named(known, path, &stored.unwrap_or(nobodys), evidence)
        }
        (EntryKind::File, size) => {
            let reason = format!("has {size} bytes, the database's file {size_bytes}");
            wrong_size(known, path, stored.as_ref(), (evidence, &reason))
        }
        _ => useless(known, path, stored.as_ref(), &Wrong::NoFile.to_string()),
    }
}

/// A file is there, and is not what backups that name it mean: the database's file heals them, if it is that.
fn wrong_size(
    known: &mut Known<'_>,
    path: &RepoPath,
    stored: Option<&StoredFile>,
    (evidence, reason): (Evidence, &str),
) -> Result<Found> {
    if stored.is_none_or(|stored| stored.backup.is_none()) {
        return Ok(Found::Nothing);
    }
    let namers = Namers::read(known.store, path)?;
    match evidence.crc32c {
        Some(crc32c) if !namers.agree_on(crc32c) => Err(namers.harmed(path, reason)),
        Some(_) if evidence.read => {
            known.heals(path);
            Ok(Found::Nothing)
        }
        _ => Ok(Found::Unsure),
    }
}

/// A file that some record names is not there: copying it heals backups that lack it, if it is the same.
fn missing(known: &mut Known<'_>, path: &RepoPath, stored: &StoredFile, evidence: Evidence) -> Result<Found> {
    match (stored.crc32c, evidence.crc32c.filter(|_| evidence.read)) {
        (Some(_), None) => Ok(Found::Unsure),
        (Some(wanted), Some(crc32c)) if wanted != crc32c => useless(
            known,
            path,
            Some(stored),
            "is missing, and the database's file is another",
        ),
        _ => {
            if stored.backup.is_some() {
                known.heals(path);
            }
            Ok(Found::Nothing)
        }
    }
}

/// A file of the right size is there.
fn named(known: &Known<'_>, path: &RepoPath, stored: &StoredFile, evidence: Evidence) -> Result<Found> {
    let same = |crc32c| Found::Same {
        crc32c,
        durable: stored.durable,
    };
    let recorded = match (stored.crc32c, evidence.crc32c) {
        (Some(recorded), None) if evidence.name_proves => return Ok(same(recorded)),
        (_, None) => return Ok(Found::Unsure),
        (Some(recorded), Some(_)) => recorded,
        (None, Some(_)) => checksum(known, &layout::file(path)?)?,
    };
    match evidence.crc32c == Some(recorded) {
        true => Ok(same(recorded)),
        false => useless(
            known,
            path,
            Some(stored),
            "has another checksum than the database's file",
        ),
    }
}

fn checksum(known: &Known<'_>, key: &Key) -> Result<Crc32c> {
    let object = known.store.open(key)?;
    store::checksum(object.as_ref(), key.as_str(), known.observer)
}

/// What is stored is not the database's file: that is to be replaced, unless backups would be harmed.
fn useless(known: &Known<'_>, path: &RepoPath, stored: Option<&StoredFile>, reason: &str) -> Result<Found> {
    match stored.and_then(|stored| stored.backup) {
        Some(_) => Err(Namers::read(known.store, path)?.harmed(path, reason)),
        None => Ok(Found::Nothing),
    }
}
