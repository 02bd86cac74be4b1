//! Reading directories, removing what is in them.

use std::borrow::Cow;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Dir, FileType, Stat};
use rustix::io::Errno;

use super::tree::{self, Tree, open_part};
use super::{Entry, EntryKind};
use crate::directory_names::{each_name, file_type};
use crate::{Error, IoContext, Key, Result};

/// What stands directly in a directory; names that vanish meanwhile are left out.
pub(crate) fn list(tree: &Tree, directory: Option<&Key>) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    visit(tree, directory, &mut |entry| entries.push(entry))?;
    Ok(entries)
}

/// The same, handed over one by one.
pub(crate) fn visit(tree: &Tree, directory: Option<&Key>, visit: &mut dyn FnMut(Entry)) -> Result<()> {
    let Some(opened) = tree.find(directory)? else {
        return Ok(());
    };
    let visited = each_name(&opened, |name, _| {
        match rustix::fs::statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => visit(entry(name.to_bytes(), &stat)),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
        Ok(())
    });
    visited.context("listing", &tree.path(directory))
}

/// Removes a file of whatever kind, or an empty directory; whether there was one.
pub(crate) fn delete(tree: &Tree, key: &Key) -> Result<bool> {
    let Some(place) = tree.find_place(key)? else {
        return Ok(false);
    };
    match place.look()? {
        Some(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {}
        _ => return place.unlink(),
    }
    let removed = rustix::fs::unlinkat(&*place.directory, place.name(), AtFlags::REMOVEDIR);
    tree.forget();
    match removed {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(Errno::NOTEMPTY | Errno::EXIST) => {
            Err(Error::refused(format!("{key} is a directory that is not empty")))
        }
        Err(errno) => Err(errno).context("removing", &place.path()),
    }
}

/// The same without lengths and ages. Most file systems report what a name is where they report the name.
pub(crate) fn names(tree: &Tree, directory: Option<&Key>, visit: &mut dyn FnMut(Entry)) -> Result<()> {
    let Some(opened) = tree.find(directory)? else {
        return Ok(());
    };
    let visited = each_name(&opened, |name, reported| {
        if let Some(file_type) = file_type(&opened, name, reported)? {
            let (text, kind) = self::name(name.to_bytes(), file_type);
            visit(Entry {
                name: text.into_owned(),
                kind,
                size_bytes: 0,
                modified: None,
            });
        }
        Ok(())
    });
    visited.context("listing", &tree.path(directory))
}

fn entry(name: &[u8], stat: &Stat) -> Entry {
    let (text, kind) = self::name(name, FileType::from_raw_mode(stat.st_mode));
    let is_file = kind == EntryKind::File;
    Entry {
        name: text.into_owned(),
        kind,
        size_bytes: if is_file { tree::size_bytes(stat) } else { 0 },
        modified: tree::modified(stat),
    }
}

/// A name and what stands there; no key can have some names, which are shown with replacement characters.
pub(crate) fn name(name: &[u8], file_type: FileType) -> (Cow<'_, str>, EntryKind) {
    let Ok(text) = std::str::from_utf8(name) else {
        return (String::from_utf8_lossy(name), EntryKind::Other);
    };
    let is_key = Key::is_legal(text);
    let kind = match file_type {
        FileType::RegularFile if is_key => EntryKind::File,
        FileType::Directory if is_key => EntryKind::Directory,
        _ => EntryKind::Other,
    };
    (Cow::Borrowed(text), kind)
}

/// Removes a name with all that is below it, so many directories deep, following no link.
pub(crate) fn remove_all(parent: BorrowedFd<'_>, name: &CStr, depth: usize) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) if depth > 0 => {}
        Err(errno) => return Err(errno),
    }
    let opened = open_part(parent, name)?;
    for below in Dir::read_from(&opened)? {
        let below = below?;
        if !matches!(below.file_name().to_bytes(), b"." | b"..") {
            remove_all(opened.as_fd(), below.file_name(), depth - 1)?;
        }
    }
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
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
        let mut found = Vec::new();
        names(&tree, None, &mut |entry| found.push((entry.name, entry.kind))).unwrap();
        let listed = list(&tree, None).unwrap().into_iter();
        let mut listed: Vec<_> = listed.map(|entry| (entry.name, entry.kind)).collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        listed.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(found, listed);
        assert_eq!(found.len(), 4);
        names(&tree, Some(&Key::trusted("missing")), &mut |entry| {
            panic!("{entry:?}")
        })
        .unwrap();
    }
}
