//! The commit of a backup, which is its meta file, and taking it back.

use std::collections::BTreeSet;

use stonekeep_format::BackupId;

use crate::repo::{garbage, layout};
use crate::store::{Durability, Put, PutContent, PutMode, Store};
use crate::{Error, Result};

/// Puts the meta file; false if the id is taken.
///
/// # Errors
/// Those of the store. The message says so where the backup may exist all the same.
pub(super) fn put(
    store: &Store,
    run: &str,
    id: BackupId,
    text: &[u8],
    durability: Durability,
) -> Result<bool> {
    let key = layout::meta(id);
    let put = store.put(run, &key, PutContent::Bytes(text), PutMode::IfAbsent, durability);
    match put {
        Ok(put) => Ok(put != Put::Taken),
        Err(error) if matches!(store.stat(&key), Ok(None)) => Err(error),
        Err(error) => Err(Error::new(
            error.kind(),
            format!("backup {id} is there, but whether it survives a power failure is unknown"),
        )
        .with_hint("look at the disk, then verify that backup; nothing was deleted")
        .with_source(error)),
    }
}

/// A look after the commit found a loss: the backup lacks files that it names, so its meta file is deleted. Returns the
/// error to report.
pub(super) fn withdraw(store: &Store, id: BackupId, error: Error) -> Error {
    let withdrawn = garbage::withdraw(store, &BTreeSet::from([id]), &|| Ok(()));
    let left = withdrawn.map(|withdrawn| withdrawn.left.into_iter().next());
    match left {
        // Whoever took the files may have taken the meta file, too.
        Ok(None) => error,
        Ok(Some((_, second))) | Err(second) => Error::new(
            error.kind(),
            format!(
                "backup {id} lost files and could not be withdrawn: {}",
                second.one_line()
            ),
        )
        .with_hint(format!("delete backup {id}"))
        .with_source(error),
    }
}
