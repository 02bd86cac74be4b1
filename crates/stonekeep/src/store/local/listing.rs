//! Reading directories, removing whole ones.

use std::borrow::Cow;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Dir, FileType, Stat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::tree::{self, Tree, open_part};
use crate::directory_names::each_name;
use crate::store::staging::{STAGING, area_key};
use crate::store::{Entry, EntryKind, Key, Staged};
use crate::{Error, IoContext, Result};

/// Deeper than anything that Stonekeep makes; a stranger's directories do not exhaust descriptors or the stack.
const DEPTH_LIMIT: usize = 64;

/// What stands directly in a directory; names that vanish meanwhile are left out.
pub(super) fn list(tree: &Tree, directory: Option<&Key>) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    visit(tree, directory, &mut |entry| entries.push(entry))?;
    Ok(entries)
}

/// The same, handed over one by one.
pub(super) fn visit(tree: &Tree, directory: Option<&Key>, visit: &mut dyn FnMut(Entry)) -> Result<()> {
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

/// The areas that there are.
pub(super) fn areas(tree: &Tree) -> Result<Vec<String>> {
    let mut entries = list(tree, Some(&Key::trusted(STAGING)))?;
    entries.retain(|entry| entry.kind == EntryKind::Directory);
    Ok(entries.into_iter().map(|entry| entry.name).collect())
}

/// The regular files in an area and in the directories below it.
pub(super) fn staged(tree: &Tree, area: &str) -> Result<Vec<Staged>> {
    let top = area_key(area)?;
    let mut found = Vec::new();
    let mut directories: Vec<Option<Key>> = vec![None];
    while let Some(below) = directories.pop() {
        let directory = match &below {
            None => top.clone(),
            Some(below) => top.join(below.as_str())?,
        };
        for entry in list(tree, Some(&directory))? {
            if entry.kind == EntryKind::Other {
                continue;
            }
            let key = match &below {
                None => Key::new(&*entry.name)?,
                Some(below) => below.join(&entry.name)?,
            };
            if entry.kind == EntryKind::Directory {
                directories.push(Some(key));
            } else {
                found.push(Staged {
                    area: area.to_owned(),
                    key,
                    size_bytes: entry.size_bytes,
                });
            }
        }
        directories.retain(|key| depth(key.as_ref()) <= DEPTH_LIMIT);
    }
    Ok(found)
}

/// Removes an area with all that is in it.
pub(super) fn discard(tree: &Tree, area: &str) -> Result<()> {
    let Some(place) = tree.find_place(&area_key(area)?)? else {
        return Ok(());
    };
    let removed = place
        .name()
        .into_with_c_str(|name| remove_all(place.directory.as_fd(), name, 0));
    tree.forget();
    removed.context("removing", &place.path())
}

/// Removes a file of whatever kind, or an empty directory; whether there was one.
pub(super) fn delete(tree: &Tree, key: &Key) -> Result<bool> {
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

fn depth(key: Option<&Key>) -> usize {
    key.map_or(0, |key| key.as_str().split('/').count())
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
pub(super) fn name(name: &[u8], file_type: FileType) -> (Cow<'_, str>, EntryKind) {
    let text = String::from_utf8_lossy(name);
    let is_key = text.as_bytes() == name && Key::is_legal(&text);
    let kind = match file_type {
        FileType::RegularFile if is_key => EntryKind::File,
        FileType::Directory if is_key => EntryKind::Directory,
        _ => EntryKind::Other,
    };
    (text, kind)
}

/// Removes a name with all that is below it, following no link.
fn remove_all(parent: BorrowedFd<'_>, name: &CStr, depth: usize) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) if depth < DEPTH_LIMIT => {}
        Err(errno) => return Err(errno),
    }
    let opened = open_part(parent, name)?;
    for below in Dir::read_from(&opened)? {
        let below = below?;
        if !matches!(below.file_name().to_bytes(), b"." | b"..") {
            remove_all(opened.as_fd(), below.file_name(), depth + 1)?;
        }
    }
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}
