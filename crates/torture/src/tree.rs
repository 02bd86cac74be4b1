//! The files below a directory, for comparisons.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};

/// Files by their path below a directory.
pub type Tree = BTreeMap<String, Arc<[u8]>>;

/// Reads all files below a directory.
///
/// # Errors
/// I/O errors.
pub fn read(directory: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    add(directory, "", &mut tree).with_context(|| format!("reading {}", directory.display()))?;
    Ok(tree)
}

fn add(directory: &Path, prefix: &str, tree: &mut Tree) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            add(&entry.path(), &format!("{name}/"), tree)?;
        } else {
            tree.insert(name, fs::read(entry.path())?.into());
        }
    }
    Ok(())
}

/// Writes files below a directory.
///
/// # Errors
/// I/O errors.
pub fn write(directory: &Path, tree: &Tree) -> Result<()> {
    for (name, bytes) in tree {
        let path = directory.join(name);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above)?;
        }
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// The first difference of two trees; none if they are equal.
pub fn difference(found: &Tree, wanted: &Tree) -> Option<String> {
    for (name, bytes) in wanted {
        match found.get(name) {
            None => return Some(format!("{name} is missing")),
            Some(other) if other != bytes => return Some(format!("{name} has other bytes")),
            Some(_) => {}
        }
    }
    let more = found.keys().find(|name| !wanted.contains_key(*name));
    more.map(|name| format!("{name} is too much"))
}
