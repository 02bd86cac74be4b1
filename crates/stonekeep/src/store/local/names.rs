//! The names in a directory, without a look at what has each of them.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, FileType};
use rustix::io::Errno;

use super::listing;
use super::tree::Tree;
use crate::store::{Key, Name};
use crate::{IoContext, Result};

/// The names in a directory with what they are; empty if there is no such directory. Most file systems tell what a name
/// is where they tell the name.
pub(super) fn list(tree: &Tree, directory: Option<&Key>) -> Result<Vec<Name>> {
    let Some(opened) = tree.find(directory)? else {
        return Ok(Vec::new());
    };
    read(&opened).context("listing", &tree.path(directory))
}

fn read(directory: &OwnedFd) -> rustix::io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for found in Dir::read_from(directory)? {
        let found = found?;
        let name = found.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let file_type = match found.file_type() {
            FileType::Unknown => match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno),
            },
            known => known,
        };
        names.push(listing::name(name.to_bytes(), file_type));
    }
    Ok(names)
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
