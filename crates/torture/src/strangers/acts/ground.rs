//! Where hostile changes are made, and how files are read and written there without being hurt oneself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;

use crate::strangers::shot;
use crate::strangers::site::Site;

/// Where something is done.
pub(in crate::strangers) struct Ground<'a> {
    pub(in crate::strangers) site: &'a Site,
    pub(in crate::strangers) rng: &'a mut Rng,
    /// Whether devices can be made.
    pub(in crate::strangers) is_root: bool,
    /// Whether there is now a file that takes hours to read.
    pub(in crate::strangers) is_endless: bool,
}

impl Ground<'_> {
    /// One of these.
    pub(super) fn one_of<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.rng.usize(0..these.len())]
    }

    /// The root of a tree: mostly the repository.
    pub(super) fn root(&mut self) -> PathBuf {
        match self.rng.u8(0..10) {
            0..=6 => self.site.repository(),
            7..=8 => self.site.database(),
            _ => self.site.target(),
        }
    }

    /// Any path below a root, each directory as often as any other.
    pub(super) fn path_below(&mut self, root: &Path) -> Result<PathBuf> {
        let paths = shot::paths(root);
        let mut directories: Vec<_> = paths.iter().filter_map(|path| path.parent()).collect();
        directories.sort_unstable();
        directories.dedup();
        let directory = directories.get(self.rng.usize(0..directories.len().max(1)));
        let directory = directory.context("an empty tree")?;
        let inside: Vec<_> = paths
            .iter()
            .filter(|path| path.parent() == Some(directory))
            .collect();
        Ok(inside[self.rng.usize(0..inside.len())].clone())
    }

    /// Any regular file below a root whose path from there fits.
    pub(super) fn file_below(&mut self, root: &Path, fits: impl Fn(&Path) -> bool) -> Result<PathBuf> {
        let is_one = |path: &PathBuf| {
            path.strip_prefix(root).is_ok_and(&fits)
                && fs::symlink_metadata(path).is_ok_and(|attributes| attributes.is_file())
        };
        let files: Vec<PathBuf> = shot::paths(root).into_iter().filter(is_one).collect();
        let file = files.get(self.rng.usize(0..files.len().max(1)));
        file.cloned().context("no such file")
    }

    /// Any regular file of the repository whose path from there begins so.
    pub(super) fn repository_file(&mut self, begins: &[&str]) -> Result<PathBuf> {
        let root = self.site.repository();
        self.file_below(&root, |path| {
            let path = path.to_string_lossy();
            begins.iter().any(|begin| path.starts_with(begin))
        })
    }

    /// A path as reports show it.
    pub(super) fn shown(&self, path: &Path) -> String {
        let path = path.strip_prefix(self.site.base()).unwrap_or(path);
        path.to_string_lossy().escape_debug().to_string()
    }
}

/// What is longer is not read here.
const READABLE_BYTES: u64 = 32 << 20;

/// The content of a regular file. Nothing is read through links, from FIFOs and devices, or for hours.
pub(super) fn content(path: &Path) -> Result<Vec<u8>> {
    let attributes = fs::symlink_metadata(path)?;
    ensure!(
        attributes.is_file() && attributes.len() <= READABLE_BYTES,
        "it is not read"
    );
    Ok(fs::read(path)?)
}

/// The same as text.
pub(super) fn text(path: &Path) -> Result<String> {
    Ok(String::from_utf8(content(path)?)?)
}

/// Writes a regular file, new or not. Nothing is written through links.
pub(super) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let there = fs::symlink_metadata(path);
    ensure!(
        there.is_err() || there.is_ok_and(|there| there.is_file()),
        "it is no file"
    );
    Ok(fs::write(path, content)?)
}

/// A directory and those above it, below a root. None is made through a link.
pub(super) fn directories(root: &Path, path: &Path) -> Result<()> {
    let mut directory = root.to_owned();
    for part in path.strip_prefix(root)? {
        directory.push(part);
        match fs::symlink_metadata(&directory) {
            Ok(there) => ensure!(there.is_dir(), "something else is in its place"),
            Err(_) => fs::create_dir(&directory)?,
        }
    }
    Ok(())
}

/// Takes away whatever a name is.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(attributes) if attributes.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    }
}
