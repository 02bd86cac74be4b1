//! Writing new files where no reader looks.

use std::fs::File;
use std::io::{self, Read};

use super::place::Place;
use super::sync::Written;
use super::tree::Tree;
use crate::Error;
use crate::store::buffers::Buffers;
use crate::store::copying::{Failed, copy};
use crate::store::{Key, content_error};

/// Writes all of `content` to the staged key's place. The file is always a new one: what stands there may still be
/// linked from where it was published, if the power failed between.
pub(super) fn write_new(
    tree: &Tree,
    place: &Key,
    key: &Key,
    content: &mut dyn Read,
    expected_bytes: u64,
    buffers: &Buffers,
) -> crate::Result<Written> {
    let (place, file) = create_new(tree, place)?;
    let copied = copy(content, &file, &mut buffers.take()).map_err(|failed| match failed {
        Failed::Reading(error) => content_error(key, error),
        Failed::Writing(error) => {
            let written = file.metadata().map_or(0, |metadata| metadata.len());
            write_error(tree, &place, error, written, expected_bytes)
        }
    });
    match copied {
        Ok(size_bytes) => Ok(Written {
            file,
            size_bytes,
            device: place.directory.device,
        }),
        Err(error) => {
            drop(file);
            if let Err(left) = place.unlink() {
                tracing::warn!(reason = %left.one_line(), "a file that is not whole stays in the area");
            }
            Err(error)
        }
    }
}

/// Makes a new file that shares the blocks of another one; `None`, and nothing there, if `share` says that it cannot.
pub(super) fn share_new(
    tree: &Tree,
    place: &Key,
    size_bytes: u64,
    share: impl FnOnce(&File) -> bool,
) -> crate::Result<Option<Written>> {
    let (place, file) = create_new(tree, place)?;
    if !share(&file) {
        place.unlink()?;
        return Ok(None);
    }
    Ok(Some(Written {
        file,
        size_bytes,
        device: place.directory.device,
    }))
}

fn create_new(tree: &Tree, key: &Key) -> crate::Result<(Place, File)> {
    let (place, file) = tree.create(key)?;
    if let Some(file) = file {
        return Ok((place, file));
    }
    place.unlink()?;
    let another = || Error::refused(format!("another process writes {}", place.path().display()));
    let file = place.create()?.ok_or_else(another)?;
    Ok((place, file))
}

/// Says on a full disk which file had how much still to come.
fn write_error(tree: &Tree, place: &Place, error: io::Error, written: u64, expected: u64) -> Error {
    let path = place.path();
    let path = path.display();
    let message = match error.kind() {
        io::ErrorKind::StorageFull => {
            let free = super::free_bytes(tree).unwrap_or(0);
            let missing = expected.saturating_sub(written).saturating_sub(free);
            format!(
                "no room for {path}: {written} of {expected} bytes are written, {missing} bytes of room are missing"
            )
        }
        io::ErrorKind::QuotaExceeded => {
            format!("the quota has no room for {path}: {written} of {expected} bytes are written")
        }
        _ => format!("writing {path}"),
    };
    Error::io(message, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_with_what_is_missing() {
        let directory = tempfile::tempdir().unwrap();
        let tree = Tree::new(directory.path().to_owned());
        let place = tree.make_place(&Key::trusted("a")).unwrap();
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = write_error(&tree, &place, full, 100, u64::MAX);
        let message = error.to_string();
        assert_eq!(error.io_kind(), Some(io::ErrorKind::StorageFull));
        assert!(
            message.contains("/a: 100 of 18446744073709551615 bytes are written, "),
            "{message}"
        );
        let other = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
        let message = write_error(&tree, &place, other, 0, 1).to_string();
        assert!(
            message.starts_with("writing /") && message.ends_with("/a"),
            "{message}"
        );
    }
}
