//! What is in a directory, to the last attribute, so that each change is seen.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use stonekeep::format::checksum::crc32c;

/// How much of a file is compared byte by byte; its times tell of the rest.
const COMPARED_BYTES: u64 = 64 << 10;

/// Everything that is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    kind: Kind,
    mode: u32,
    owner: (u32, u32),
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    links: u64,
    leads_to: Option<PathBuf>,
    begins_with: u32,
}

/// What a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link,
    /// A FIFO, a socket, a device.
    Other,
}

/// What is below a directory, by paths from it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Shot(BTreeMap<PathBuf, Seen>);

impl Shot {
    /// Takes it, without what is in `except`.
    pub(super) fn of(root: &Path, except: &[PathBuf]) -> io::Result<Self> {
        let mut shot = Shot::default();
        shot.add(root, root, except)?;
        Ok(shot)
    }

    fn add(&mut self, root: &Path, path: &Path, except: &[PathBuf]) -> io::Result<()> {
        let seen = match Seen::of(path) {
            // It is longer than paths can be: nothing reaches it by its path.
            Err(error) if error.kind() == ErrorKind::InvalidFilename => return Ok(()),
            seen => seen?,
        };
        let is_directory = seen.kind == Kind::Directory;
        self.0
            .insert(path.strip_prefix(root).unwrap_or(path).to_owned(), seen);
        if is_directory {
            for entry in fs::read_dir(path)? {
                let below = entry?.path();
                if !except.contains(&below) {
                    self.add(root, &below, except)?;
                }
            }
        }
        Ok(())
    }

    /// The first difference to what was there before. What `may_change` names (from the root) was left out of both; the directories
    /// around it may be new, or have other times. Below `linked` files may have got or lost second names.
    pub(super) fn difference(
        &self,
        before: &Shot,
        may_change: &[PathBuf],
        linked: &[PathBuf],
    ) -> Option<String> {
        let surrounds = |path: &Path| {
            let mut changing = may_change.iter();
            changing.any(|changing| changing.ancestors().skip(1).any(|above| above == path))
        };
        let alike = |path: &Path, now: &Seen, then: &Seen| {
            let (mut now, mut then) = (now.clone(), then.clone());
            let is_around = surrounds(path);
            for seen in [&mut now, &mut then] {
                if is_around || linked.iter().any(|linked| path.starts_with(linked)) {
                    (seen.changed, seen.links) = ((0, 0), 0);
                }
                if is_around {
                    (seen.modified, seen.size) = ((0, 0), 0);
                }
            }
            (now != then).then(|| format!("{} was {then:?} and is {now:?}", path.display()))
        };
        for (path, then) in &before.0 {
            match self.0.get(path) {
                None => return Some(format!("{} is gone", path.display())),
                Some(now) => {
                    if let Some(difference) = alike(path, now, then) {
                        return Some(difference);
                    }
                }
            }
        }
        let mut new = self.0.keys();
        let new = new.find(|path| !before.0.contains_key(*path) && !surrounds(path));
        new.map(|path| format!("{} is new", path.display()))
    }

    /// The first name that is neither a file nor a directory.
    pub(super) fn anything_special(&self) -> Option<String> {
        let mut names = self.0.iter();
        let special = names.find(|(_, seen)| !matches!(seen.kind, Kind::File | Kind::Directory));
        special.map(|(path, seen)| format!("{} is {seen:?}", path.display()))
    }

    /// Whether there is nothing but the root.
    pub(super) fn is_empty(&self) -> bool {
        self.0.len() <= 1
    }
}

impl Seen {
    fn of(path: &Path) -> io::Result<Self> {
        let attributes = fs::symlink_metadata(path)?;
        let kind = match attributes.file_type() {
            kind if kind.is_file() => Kind::File,
            kind if kind.is_dir() => Kind::Directory,
            kind if kind.is_symlink() => Kind::Link,
            kind => {
                debug_assert!(kind.is_fifo() || kind.is_socket() || kind.is_char_device());
                Kind::Other
            }
        };
        let mut begin = Vec::new();
        if kind == Kind::File {
            fs::File::open(path)?
                .take(COMPARED_BYTES)
                .read_to_end(&mut begin)?;
        }
        Ok(Seen {
            kind,
            mode: attributes.mode(),
            owner: (attributes.uid(), attributes.gid()),
            inode: attributes.ino(),
            size: attributes.size(),
            modified: (attributes.mtime(), attributes.mtime_nsec()),
            changed: (attributes.ctime(), attributes.ctime_nsec()),
            links: attributes.nlink(),
            leads_to: (kind == Kind::Link).then(|| fs::read_link(path)).transpose()?,
            begins_with: crc32c(&begin).0,
        })
    }
}

/// The paths below a directory, directories before what is in them; links are not followed.
pub(super) fn paths(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        let mut entries: Vec<_> = entries.map(|entry| entry.path()).collect();
        entries.sort_by(|one, other| one.as_os_str().as_bytes().cmp(other.as_os_str().as_bytes()));
        for path in entries {
            if fs::symlink_metadata(&path).is_ok_and(|attributes| attributes.is_dir()) {
                directories.push(path.clone());
            }
            found.push(path);
        }
    }
    found
}
