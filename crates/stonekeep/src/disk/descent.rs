//! The directories on the way from a root to one below it, each open.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::tree::{Tree, open_part};
use crate::{Key, Result};

/// A way down. Going on to a directory nearby opens only what differs.
pub(super) struct Descent<'t> {
    tree: &'t Tree,
    root: OwnedFd,
    below: Vec<(Key, OwnedFd)>,
}

impl<'t> Descent<'t> {
    /// At the root; `None` if it is missing.
    pub(super) fn begin(tree: &'t Tree) -> Result<Option<Self>> {
        let root = tree.find(None)?;
        Ok(root.map(|root| Descent {
            tree,
            root,
            below: Vec::new(),
        }))
    }

    /// Goes to a directory (`None`: the root); `None` if it or one above it is missing.
    pub(super) fn to(&mut self, directory: Option<&Key>) -> Result<Option<&OwnedFd>> {
        let Some(directory) = directory else {
            return Ok(Some(&self.root));
        };
        let leads_there = |above: &Key| {
            let rest = directory.as_str().strip_prefix(above.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        while self.below.last().is_some_and(|(above, _)| !leads_there(above)) {
            self.below.pop();
        }
        let mut begin = self.below.last().map_or(0, |(above, _)| above.as_str().len() + 1);
        while begin < directory.as_str().len() {
            let rest = &directory.as_str()[begin..];
            let part = rest.split('/').next().unwrap_or(rest);
            let above = self.below.last().map_or(&self.root, |(_, opened)| opened);
            let opened = match open_part(above, part) {
                Ok(opened) => opened,
                Err(Errno::NOENT | Errno::NAMETOOLONG) => return Ok(None),
                Err(errno) => return Err(self.tree.no_directory(Some(directory.as_str()), errno)),
            };
            let key = Key::trusted(&directory.as_str()[..begin + part.len()]);
            self.below.push((key, opened));
            begin += part.len() + 1;
        }
        Ok(self.below.last().map(|(_, opened)| opened))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::AtFlags;

    use super::*;
    use crate::ErrorKind;

    #[test]
    fn it_goes_to_directories_in_any_order_through_no_link() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for made in ["a/b/c", "a-b", "d"] {
            fs::create_dir_all(root.join(made)).unwrap();
            fs::write(root.join(made).join("here"), made).unwrap();
        }
        symlink("a", root.join("link")).unwrap();
        let tree = Tree::new(root.to_owned());
        let mut descent = Descent::begin(&tree).unwrap().unwrap();
        for made in ["a/b/c", "a-b", "a/b/c", "d", "a/b/c"] {
            let opened = descent.to(Some(&Key::trusted(made))).unwrap().unwrap();
            rustix::fs::accessat(opened, "here", rustix::fs::Access::EXISTS, AtFlags::empty()).unwrap();
        }
        for missing in ["a/b/x", "a/x/c", "x/y"] {
            assert!(descent.to(Some(&Key::trusted(missing))).unwrap().is_none());
        }
        let error = descent.to(Some(&Key::trusted("link/b"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let root = descent.to(None).unwrap().unwrap();
        rustix::fs::accessat(root, "d", rustix::fs::Access::EXISTS, AtFlags::empty()).unwrap();

        let nowhere = Tree::new(directory.path().join("no"));
        assert!(Descent::begin(&nowhere).unwrap().is_none());
    }
}
