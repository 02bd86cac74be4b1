//! When files were changed last.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::SystemTime;

use crate::Result;
use crate::store::{Detail, Key, Store};

/// The times of these files, as far as the store knows them, by listings of their own: they are asked for few files, and the
/// index has no times.
///
/// # Errors
/// I/O errors of the store.
pub(super) fn of<'k>(
    store: &Store,
    files: impl Iterator<Item = &'k Key>,
) -> Result<HashMap<Key, SystemTime>> {
    let (mut wanted, mut directories) = (HashSet::new(), BTreeSet::new());
    for file in files {
        wanted.insert(file.as_str());
        directories.extend(file.parent());
    }
    let mut times = HashMap::new();
    for directory in directories {
        store.visit(Some(&directory), Detail::Sizes, &mut |entry| {
            let path = format!("{directory}/{}", entry.name);
            if let (Some(modified), true) = (entry.modified, wanted.contains(path.as_str())) {
                times.insert(Key::trusted(path), modified);
            }
        })?;
    }
    Ok(times)
}
