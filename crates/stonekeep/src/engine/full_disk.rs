//! What to say when the repository's disk is full.

use super::transfer::Amount;
use crate::shortage::Shortage;
use crate::store::Store;
use crate::{Error, ErrorKind};

/// Whether there is no room, or none that this user may have.
pub(super) fn is_full(error: &Error) -> bool {
    matches!(
        error.shortage(),
        Some(Shortage::Bytes | Shortage::Inodes | Shortage::Quota)
    )
}

/// Says how much was missing, if something ran out, and if it is known already how much is wanted. `needs` is who needs it, as
/// in "the backup needs".
pub(super) fn explain(store: &Store, wanted: Amount, needs: &str, error: Error) -> Error {
    let Some(shortage) = error.shortage().filter(|_| is_full(&error)) else {
        return error;
    };
    let Amount { files, bytes } = wanted;
    let room = store.room().unwrap_or_default();
    let location = store.location();
    let mut message = match shortage {
        Shortage::Inodes => format!("{location} has no inode left for a new file"),
        Shortage::Quota => format!("the quota is exhausted on {location}"),
        _ => format!("{location} is full"),
    };
    match (shortage, room.bytes, room.files) {
        _ if bytes == 0 => {}
        (Shortage::Inodes, _, Some(left)) => {
            message += &format!(
                ": {needs} {files} new files and their directories, {left} inodes are free now that the \
                 unfinished copies are removed"
            );
        }
        (Shortage::Bytes, Some(free), _) if free < bytes => {
            message += &format!(
                ": {needs} {bytes} bytes, {free} are free now that the unfinished copies are removed: {} \
                 are missing",
                bytes - free
            );
        }
        _ => message += &format!(": {needs} {bytes} bytes in {files} new files"),
    }
    // A store may know better how to get more.
    let advice = match (shortage, error.hint()) {
        (Shortage::Quota, Some(hint)) => hint.to_owned(),
        _ => shortage.advice().to_owned(),
    };
    Error::new(ErrorKind::Io, message)
        .with_hint(advice)
        .with_source(error)
}
