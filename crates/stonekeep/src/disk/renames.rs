//! Renaming without replacing, and what stands in for it.
//!
//! `renameat2` with `RENAME_NOREPLACE` is what is wanted. Some file systems do not know the flag (NFS, some FUSE), and some
//! filters do not let the call through. Then a hard link gives the new name, and the old one is removed: nothing is
//! replaced either. Where there are no hard links (exFAT, some FUSE), the name is looked for, and an ordinary rename
//! follows: under the lock that every change is made under, nobody but a foreign program can make it in between.
//!
//! What has been found missing is left out from then on.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::place::Place;
use crate::disk::unavailable::is_unavailable;

/// What has been found out about renames below one root.
#[derive(Debug, Default)]
pub(crate) struct Renames {
    no_flags: AtomicBool,
    no_links: AtomicBool,
}

impl Renames {
    /// Gives a file another name; `EEXIST` if that is taken, by whatever it is. A crash may leave both names, as an
    /// interrupted rename on disk may, too.
    pub(crate) fn rename(&self, from: &Place, to: &Place) -> rustix::io::Result<()> {
        let link_or_look = || without(&self.no_links, || link(from, to), || look_and_rename(from, to));
        without(&self.no_flags, || rename_with_flag(from, to), link_or_look)
    }

    /// The same, but no crash leaves both names: for who takes the old name for a file that is not renamed yet.
    pub(crate) fn rename_at_once(&self, from: &Place, to: &Place) -> rustix::io::Result<()> {
        without(
            &self.no_flags,
            || rename_with_flag(from, to),
            || look_and_rename(from, to),
        )
    }
}

/// Does something in the one way, or in the other if the first is known to be missing or turns out to be. That is
/// remembered when the other has succeeded: else the answer may have been about these files alone.
fn without(
    missing: &AtomicBool,
    way: impl FnOnce() -> rustix::io::Result<()>,
    other: impl FnOnce() -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    if !missing.load(Ordering::Relaxed) {
        match way() {
            Err(errno) if is_unavailable(errno) => {}
            done => return done,
        }
    }
    other().inspect(|()| missing.store(true, Ordering::Relaxed))
}

fn rename_with_flag(from: &Place, to: &Place) -> rustix::io::Result<()> {
    rustix::fs::renameat_with(
        &*from.directory,
        from.name(),
        &*to.directory,
        to.name(),
        RenameFlags::NOREPLACE,
    )
}

fn link(from: &Place, to: &Place) -> rustix::io::Result<()> {
    from.link_to(to)?;
    match rustix::fs::unlinkat(&*from.directory, from.name(), AtFlags::empty()) {
        // The file has its new name; the answer must not look as if there were no links.
        Err(errno) if is_unavailable(errno) => Err(Errno::IO),
        done => done,
    }
}

fn look_and_rename(from: &Place, to: &Place) -> rustix::io::Result<()> {
    match rustix::fs::statat(&*to.directory, to.name(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Err(Errno::EXIST),
        Err(Errno::NOENT) => rustix::fs::renameat(&*from.directory, from.name(), &*to.directory, to.name()),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;
    use crate::disk::tree::Tree;

    #[test]
    fn no_way_of_renaming_replaces_a_file() {
        for way in [rename_with_flag, link, look_and_rename] {
            let directory = tempfile::tempdir().unwrap();
            for name in ["a", "b"] {
                std::fs::write(directory.path().join(name), name).unwrap();
            }
            let tree = Tree::new(directory.path().to_owned());
            let place = |name: &str| tree.make_place(&Key::new(name).unwrap()).unwrap();
            assert_eq!(way(&place("a"), &place("b")), Err(Errno::EXIST));
            way(&place("a"), &place("c")).unwrap();
            assert_eq!(way(&place("a"), &place("d")), Err(Errno::NOENT));
            let read = |name: &str| std::fs::read_to_string(directory.path().join(name));
            assert!(read("a").is_err());
            assert_eq!(read("b").unwrap(), "b");
            assert_eq!(read("c").unwrap(), "a");
        }
    }

    #[test]
    fn a_way_of_renaming_is_given_up_only_if_another_one_succeeds() {
        let missing = AtomicBool::new(false);
        let denied = || Err(Errno::PERM);
        assert_eq!(without(&missing, denied, denied), Err(Errno::PERM));
        assert!(!missing.load(Ordering::Relaxed));
        assert_eq!(
            without(&missing, || Err(Errno::EXIST), || Ok(())),
            Err(Errno::EXIST)
        );
        assert!(!missing.load(Ordering::Relaxed));
        without(&missing, denied, || Ok(())).unwrap();
        assert!(missing.load(Ordering::Relaxed));
        without(&missing, || panic!("it is known to be missing"), || Ok(())).unwrap();
    }
}
