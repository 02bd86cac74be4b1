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
pub(super) fn of(store: &Store, files: &[&Key]) -> Result<HashMap<Key, SystemTime>> {
    let wanted: HashSet<&str> = files.iter().map(|file| file.as_str()).collect();
    let directories: BTreeSet<Key> = files.iter().filter_map(|file| file.parent()).collect();
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
