//! Where hostile changes are made, and how files are read and written there without being hurt oneself.

use std::io;
use std::path::PathBuf;

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
    pub(super) fn path_below(&mut self, root: &std::path::Path) -> Result<PathBuf> {
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

    /// Any regular file of the repository whose path from there begins so.
    pub(super) fn repository_file(&mut self, begins: &[&str]) -> Result<PathBuf> {
        let root = self.site.repository();
        let is_one = |path: &&PathBuf| {
            let from_root = path
                .strip_prefix(&root)
                .unwrap_or(path)
                .to_string_lossy()
                .into_owned();
            path.is_file() && begins.iter().any(|begin| from_root.starts_with(begin))
        };
        let paths = shot::paths(&root);
        let files: Vec<_> = paths.iter().filter(is_one).collect();
        let file = files.get(self.rng.usize(0..files.len().max(1)));
        Ok((*file.context("no such file")?).clone())
    }

    /// A path as reports show it.
    pub(super) fn shown(&self, path: &std::path::Path) -> String {
        let path = path.strip_prefix(self.site.base()).unwrap_or(path);
        path.to_string_lossy().escape_debug().to_string()
    }
}

/// What is longer is not read here.
const READABLE_BYTES: u64 = 32 << 20;

/// The content of a regular file. Nothing is read through links, from FIFOs and devices, or for hours.
pub(super) fn content(path: &std::path::Path) -> Result<Vec<u8>> {
    let attributes = std::fs::symlink_metadata(path)?;
    ensure!(
        attributes.is_file() && attributes.len() <= READABLE_BYTES,
        "it is not read"
    );
    Ok(std::fs::read(path)?)
}

/// The same as text.
pub(super) fn text(path: &std::path::Path) -> Result<String> {
    Ok(String::from_utf8(content(path)?)?)
}

/// Writes a regular file, new or not. Nothing is written through links.
pub(super) fn write(path: &std::path::Path, content: impl AsRef<[u8]>) -> Result<()> {
    let there = std::fs::symlink_metadata(path);
    ensure!(
        there.is_err() || there.is_ok_and(|there| there.is_file()),
        "it is no file"
    );
    Ok(std::fs::write(path, content)?)
}

/// A directory and those above it, below a root, none of them a link.
pub(super) fn directories(root: &std::path::Path, path: &std::path::Path) -> Result<()> {
    std::fs::create_dir_all(path)?;
    ensure!(
        path.canonicalize()? == root.canonicalize()?.join(path.strip_prefix(root)?),
        "a link leads elsewhere"
    );
    Ok(())
}

/// Takes away whatever a name is.
pub(super) fn remove(path: &std::path::Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(attributes) if attributes.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(_) => Ok(()),
    }
}
