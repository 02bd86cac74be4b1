//! The names in a directory, without a look at what has each of them.

use std::ffi::CStr;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::listing;
use super::tree::Tree;
use super::{EntryKind, Name};
use crate::directory_names::each_name;
use crate::{IoContext, Key, Result};

/// The names in a directory with what they are; empty if there is no such directory.
pub(crate) fn list(tree: &Tree, directory: Option<&Key>) -> Result<Vec<Name>> {
    let mut names = Vec::new();
    visit(tree, directory, &mut |text, kind| {
        let text = text.to_owned();
        names.push(Name { text, kind });
    })?;
    Ok(names)
}

/// Hands over the names in a directory with what they are. Most file systems tell what a name is where they tell the
/// name.
pub(crate) fn visit(
    tree: &Tree,
    directory: Option<&Key>,
    visit: &mut dyn FnMut(&str, EntryKind),
) -> Result<()> {
    let Some(opened) = tree.find(directory)? else {
        return Ok(());
    };
    let visited = each_name(&opened, |name, told| {
        if let Some(file_type) = file_type(&opened, name, told)? {
            let (text, kind) = listing::name(name.to_bytes(), file_type);
            visit(&text, kind);
        }
        Ok(())
    });
    visited.context("listing", &tree.path(directory))
}

/// `None` if the name is gone by now.
fn file_type(directory: impl AsFd, name: &CStr, told: FileType) -> rustix::io::Result<Option<FileType>> {
    if told != FileType::Unknown {
        return Ok(Some(told));
    }
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn names_are_those_of_a_listing() {
        let directory = tempfile::tempdir().unwrap();
        let tree = Tree::new(directory.path().to_owned());
        std::fs::write(directory.path().join("file"), "x").unwrap();
        std::fs::create_dir(directory.path().join("directory")).unwrap();
        std::os::unix::fs::symlink("file", directory.path().join("link")).unwrap();
        std::fs::write(directory.path().join(OsStr::from_bytes(b"no\xFFtext")), "x").unwrap();
        let mut names = list(&tree, None).unwrap();
        let entries = listing::list(&tree, None).unwrap().into_iter();
        let mut listed: Vec<Name> = entries
            .map(|entry| Name {
                text: entry.name,
                kind: entry.kind,
            })
            .collect();
        names.sort_by(|a, b| a.text.cmp(&b.text));
        listed.sort_by(|a, b| a.text.cmp(&b.text));
        assert_eq!(names, listed);
        assert_eq!(names.len(), 4);
        assert!(list(&tree, Some(&Key::trusted("missing"))).unwrap().is_empty());
    }
}
