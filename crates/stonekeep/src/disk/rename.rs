//! Giving files other names without ever replacing one.

use rustix::io::Errno;

use super::place::Place;
use super::tree::{self, Tree};
use crate::Key;
use crate::{Error, ErrorKind, Result};

/// Gives a regular file another name, in a directory that is made where it is missing; whether the name was free.
/// Where the file's length is known, it must have it.
pub(crate) fn move_file(tree: &Tree, from: &Key, to: &Key, expected_bytes: Option<u64>) -> Result<bool> {
    match try_to_move(tree, from, to, expected_bytes) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // One of the directories may have been removed and made again since it was opened.
            tree.forget();
            try_to_move(tree, from, to, expected_bytes)
        }
        moved => moved,
    }
}

/// Moves a file of this length over the one that has the name.
pub(crate) fn replace_file(tree: &Tree, from: &Key, to: &Key, expected_bytes: u64) -> Result<()> {
    let source = place_of(tree, from, Some(expected_bytes))?;
    let target = tree.make_place(to)?;
    rustix::fs::renameat(
        &*source.directory,
        source.name(),
        &*target.directory,
        target.name(),
    )
    .map_err(|errno| target.failed(&format!("renaming {} to", source.path().display()), errno))
}

/// The place of a regular file, of this length where it is known.
fn place_of(tree: &Tree, key: &Key, expected_bytes: Option<u64>) -> Result<Place> {
    let missing = || Error::not_found(format!("{key} is not there"));
    let place = tree.find_place(key)?.ok_or_else(missing)?;
    let stat = place.look_at_file()?.ok_or_else(missing)?;
    match expected_bytes {
        Some(expected) if tree::size_bytes(&stat) != expected => {
            let found = tree::size_bytes(&stat);
            let reason = format!("{found} bytes, not the {expected} that were written");
            Err(Error::corrupt(key.as_str(), reason))
        }
        _ => Ok(place),
    }
}

fn try_to_move(tree: &Tree, from: &Key, to: &Key, expected_bytes: Option<u64>) -> Result<bool> {
    let missing = || Error::not_found(format!("{from} is not there"));
    let source = place_of(tree, from, expected_bytes)?;
    let target = tree.make_place(to)?;
    match tree.renames.rename(&source, &target) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(Errno::NOENT) => Err(missing()),
        Err(errno) => Err(target.failed(&format!("renaming {} to", source.path().display()), errno)),
    }
}
