//! Blob files that the MANIFEST does not name yet, though WALs may point into them (`enable_blob_direct_write`).
//!
//! With that option a write goes to a blob file first, and its WAL record only says where. The MANIFEST names the file when
//! the memtable is flushed. After a kill RocksDB opens the directory's other blob files for the replay of the WALs
//! (`db/blob/blob_file_partition_manager.h`, "FILE NUMBER ALLOCATION"), so without them the keys in the WALs are lost.

use std::collections::BTreeMap;

use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;

use super::listing::Listing;
use super::manifest::plain_file;
use super::pinned::Pinned;
use super::{Content, ImageFile};
use crate::Result;

/// The blob files in these directories that are not among `named`, as they are: for a database at rest.
pub(super) fn at_rest(directories: &[Listing], named: &[ImageFile]) -> Result<Vec<ImageFile>> {
    let mut found = Vec::new();
    for (name, directory) in others(directories, named).into_values() {
        if let Some(size_bytes) = directory.size_of(&name.to_string())? {
            let path = directory.path.join(name.to_string());
            found.push(plain_file(name.clone(), size_bytes, Content::Path(path)));
        }
    }
    Ok(found)
}

/// The same for a database that is being written: held open, as long as they are now. Call this after the WALs were
/// measured: what these point to was written before.
pub(super) fn held(directories: &[Listing], named: &[ImageFile]) -> Result<(Vec<ImageFile>, Vec<Pinned>)> {
    let (mut found, mut pins) = (Vec::new(), Vec::new());
    for (name, directory) in others(directories, named).into_values() {
        if let Some(pin) = Pinned::open(&directory.path.join(name.to_string()))? {
            found.push(plain_file(name.clone(), pin.size_bytes, pin.content()));
            pins.push(pin);
        }
    }
    Ok((found, pins))
}

/// By number, each once: the database's own directory comes first.
fn others<'a>(
    directories: &'a [Listing],
    named: &[ImageFile],
) -> BTreeMap<FileNumber, (&'a DbFileName, &'a Listing)> {
    let mut others = BTreeMap::new();
    for directory in directories {
        for name in directory.files.iter().filter_map(|file| file.parsed.as_ref()) {
            if let DbFileName::Blob(number) = name {
                others.entry(*number).or_insert((name, directory));
            }
        }
    }
    for file in named {
        if let DbFileName::Blob(number) = &file.name {
            others.remove(number);
        }
    }
    others
}
