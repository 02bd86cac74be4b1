//! Giving files other names without ever replacing one.

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::place::Place;
use super::tree::{self, Tree};
use crate::store::Key;
use crate::{Error, ErrorKind, Result};

/// Gives a regular file another name, in a directory that is made where it is missing; whether the name was free.
/// Where the file's length is known, it must have it.
pub(super) fn move_file(tree: &Tree, from: &Key, to: &Key, expected_bytes: Option<u64>) -> Result<bool> {
    match try_to_move(tree, from, to, expected_bytes) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // One of the directories may have been removed and made again since it was opened.
            tree.forget();
            try_to_move(tree, from, to, expected_bytes)
        }
        moved => moved,
    }
}

fn try_to_move(tree: &Tree, from: &Key, to: &Key, expected_bytes: Option<u64>) -> Result<bool> {
    let missing = || Error::not_found(format!("{from} is not there"));
    let source = tree.find_place(from)?.ok_or_else(missing)?;
    let stat = source.look_at_file()?.ok_or_else(missing)?;
    if let Some(expected) = expected_bytes
        && tree::size_bytes(&stat) != expected
    {
        let reason = format!(
            "{} bytes, not the {expected} that were written",
            tree::size_bytes(&stat)
        );
        return Err(Error::corrupt(from.as_str(), reason));
    }
    let target = tree.make_place(to)?;
    match move_without_replacing(&source, &target) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(Errno::NOENT) => Err(missing()),
        Err(errno) => Err(target.failed(&format!("renaming {} to", source.path().display()), errno)),
    }
}

/// `EEXIST` if the name is taken, by whatever it is.
fn move_without_replacing(from: &Place, to: &Place) -> rustix::io::Result<()> {
    let renamed = rustix::fs::renameat_with(
        &*from.directory,
        from.name(),
        &*to.directory,
        to.name(),
        RenameFlags::NOREPLACE,
    );
    match renamed {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => link_without_replacing(from, to),
        done => done,
    }
}

/// For file systems whose rename always replaces (NFS, some FUSE). A crash between leaves both names, as an
/// interrupted rename on disk may, too.
fn link_without_replacing(from: &Place, to: &Place) -> rustix::io::Result<()> {
    rustix::fs::linkat(
        &*from.directory,
        from.name(),
        &*to.directory,
        to.name(),
        AtFlags::empty(),
    )?;
    rustix::fs::unlinkat(&*from.directory, from.name(), AtFlags::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linking_replaces_nothing_either() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a"), "a").unwrap();
        std::fs::write(directory.path().join("b"), "b").unwrap();
        let tree = Tree::new(directory.path().to_owned());
        let place = |name: &str| tree.make_place(&Key::new(name).unwrap()).unwrap();
        assert_eq!(
            link_without_replacing(&place("a"), &place("b")),
            Err(Errno::EXIST)
        );
        link_without_replacing(&place("a"), &place("c")).unwrap();
        let read = |name: &str| std::fs::read_to_string(directory.path().join(name));
        assert!(read("a").is_err());
        assert_eq!(read("b").unwrap(), "b");
        assert_eq!(read("c").unwrap(), "a");
    }
}
