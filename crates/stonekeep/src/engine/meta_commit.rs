//! The commit of a backup, which is its meta file, and taking it back.

use std::collections::BTreeSet;

use stonekeep_format::BackupId;

use crate::repo::{garbage, layout};
use crate::store::{Durability, Put, PutContent, PutMode, Store};
use crate::{Error, ErrorKind, Result};

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
    let error = match put {
        Ok(put) => return Ok(put != Put::Taken),
        Err(error) => error,
    };
    let there = store.stat(&key);
    // Where requests are given up, one may still be carried out.
    if matches!(there, Ok(None)) && error.kind() != ErrorKind::Stopped {
        return Err(error);
    }
    let told = match there {
        Ok(Some(_)) if store.directory().is_some() => {
            format!("backup {id} is there, but whether it survives a power failure is unknown")
        }
        Ok(Some(_)) => format!("backup {id} is there, although writing it failed"),
        _ => format!("whether backup {id} was made is unknown"),
    };
    let advice = match store.directory() {
        Some(_) => "look at the disk, then verify that backup; nothing was deleted".to_owned(),
        None => {
            format!("see whether stonekeep list shows backup {id}, and verify it then; nothing was deleted")
        }
    };
    Err(Error::new(error.kind(), told)
        .with_hint(advice)
        .with_source(error))
}

/// The error to report after a look at the files of a committed backup that ended with this one. A loss takes the backup back: it
/// lacks files that it names, so that its meta file is deleted. A look that only failed says nothing about the files.
pub(super) fn after_last_look(store: &Store, id: BackupId, error: Error) -> Error {
    let is_loss = matches!(
        error.kind(),
        ErrorKind::Refused | ErrorKind::Corrupt | ErrorKind::NotFound
    );
    if !is_loss {
        let message = format!("backup {id} was made, but the last look at its files failed");
        let hint = format!("verify backup {id}, and delete it if it is incomplete");
        return Error::new(error.kind(), message)
            .with_hint(hint)
            .with_source(error);
    }
    let withdrawn = garbage::withdraw(store, &BTreeSet::from([id]), None, &|| Ok(()));
    let left = withdrawn.map(|withdrawn| withdrawn.left.into_iter().next());
    match left {
        // Whoever took the files may have taken the meta file, too.
        Ok(None) => error,
        Ok(Some((_, second))) | Err(second) => Error::new(
            error.kind(),
            format!(
                "backup {id} lost files, and it may still be listed, since it could not be withdrawn: {}",
                second.one_line()
            ),
        )
        .with_hint(format!("delete backup {id} if it is listed"))
        .with_source(error),
    }
}
