//! Giving files other names without ever replacing one.

use rustix::io::Errno;

use super::tree::{self, Tree};
use crate::store::Key;
use crate::{Error, ErrorKind, Result};

/// Gives a regular file another name, in a directory that is made where it is missing; whether the name was free.
/// Where the file's length is known, it must have it.
pub(super) fn move_file(tree: &Tree, from: &Key, to: &Key, expected_bytes: Option<u64>) -> Result<bool> {
    match try_to_move(tree, from, to, expected_bytes) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // One of the directories may have been removed and made again since it was opened.
            tree.forget();
            try_to_move(tree, from, to, expected_bytes)
        }
        moved => moved,
    }
}

fn try_to_move(tree: &Tree, from: &Key, to: &Key, expected_bytes: Option<u64>) -> Result<bool> {
    let missing = || Error::not_found(format!("{from} is not there"));
    let source = tree.find_place(from)?.ok_or_else(missing)?;
    let stat = source.look_at_file()?.ok_or_else(missing)?;
    if let Some(expected) = expected_bytes
        && tree::size_bytes(&stat) != expected
    {
        let reason = format!(
            "{} bytes, not the {expected} that were written",
            tree::size_bytes(&stat)
        );
        return Err(Error::corrupt(from.as_str(), reason));
    }
    let target = tree.make_place(to)?;
    match tree.renames.rename(&source, &target) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(Errno::NOENT) => Err(missing()),
        Err(errno) => Err(target.failed(&format!("renaming {} to", source.path().display()), errno)),
    }
}
