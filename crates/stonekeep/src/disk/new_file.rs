//! Writing new files where no reader looks.

use std::fs::File;
use std::io::{self, Read};

use super::place::Place;
use super::sync::Written;
use super::tree::Tree;
use super::write_back::WriteBack;
use crate::buffers::Buffers;
use crate::disk::copying::{Failed, copy};
use crate::shortage::Shortage;
use crate::{Error, Key};

/// Writes all of `content` to the staged key's place. The file is always a new one: what stands there may still be
/// linked from where it was published, if the power failed between.
pub(crate) fn write_new(
    tree: &Tree,
    place: &Key,
    key: &Key,
    content: &mut dyn Read,
    expected_bytes: u64,
    buffers: &Buffers,
) -> crate::Result<Written> {
    let (place, file) = create_new(tree, place)?;
    let copied = copy(
        content,
        &file,
        WriteBack::of(&place.directory, 0),
        &mut buffers.take(),
    )
    .map_err(|failed| match failed {
        Failed::Reading(error) => Error::of_content(key, error),
        Failed::Writing(error) => {
            let written = file.metadata().map_or(0, |metadata| metadata.len());
            write_error(&place, error, written, expected_bytes)
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
pub(crate) fn share_new(
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

/// Says, where something ran out, which file had how much still to come.
pub(crate) fn write_error(place: &Place, error: io::Error, written: u64, expected: u64) -> Error {
    let path = place.path();
    let Some(shortage) = Shortage::of(error.kind(), &*place.directory) else {
        return Error::io(format!("writing {}", path.display()), error);
    };
    let mut message = shortage.at(path.display());
    match shortage {
        Shortage::FileSize => {}
        _ if expected == 0 => message += &format!(": {written} bytes are written"),
        _ => message += &format!(": {written} of {expected} bytes are written"),
    }
    if shortage == Shortage::Bytes && expected > written {
        let free = rustix::fs::fstatvfs(&*place.directory);
        let free = free.map_or(0, |system| system.f_bavail.saturating_mul(system.f_frsize));
        let missing = (expected - written).saturating_sub(free);
        message += &format!(", {missing} bytes of room are missing");
    }
    let error = Error::io(message, error).with_shortage(shortage);
    match shortage {
        Shortage::FileSize => error.with_hint(shortage.advice()),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_reported_with_the_missing_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let tree = Tree::new(directory.path().to_owned());
        let place = tree.make_place(&Key::trusted("a")).unwrap();
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = write_error(&place, full, 100, u64::MAX);
        let message = error.to_string();
        assert_eq!(error.io_kind(), Some(io::ErrorKind::StorageFull));
        assert!(
            message.contains("/a: 100 of 18446744073709551615 bytes are written, "),
            "{message}"
        );
        let quota = io::Error::from(io::ErrorKind::QuotaExceeded);
        let message = write_error(&place, quota, 3, 9).to_string();
        assert!(message.starts_with("the quota has no room for "), "{message}");
        assert!(message.ends_with("/a: 3 of 9 bytes are written"), "{message}");
        let other = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
        let message = write_error(&place, other, 0, 1).to_string();
        assert!(
            message.starts_with("writing /") && message.ends_with("/a"),
            "{message}"
        );
    }
}
