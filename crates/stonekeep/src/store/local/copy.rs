//! A second file with the content of a visible one: a link, or else a copy of the bytes.

use rustix::fs::AtFlags;
use rustix::io::Errno;

use crate::disk::tree::Tree;
use crate::store::contract::Backend;
use crate::store::{Durability, Key, ObjectReader};
use crate::{Error, ErrorKind, Result};

/// The area in which copies are written.
const COPIES: &str = "copies";

/// Gives the content of a file a second name; whether the name was free. A link needs no room, so that backups can be
/// deleted on a full disk.
pub(super) fn link_or_copy(store: &dyn Backend, tree: &Tree, from: &Key, to: &Key) -> Result<bool> {
    match link_file(tree, from, to)? {
        Some(is_free) => Ok(is_free),
        None => copy_bytes(store, from, to),
    }
}

/// Gives a regular file a second name, in a directory that is made where it is missing; whether the name was free.
/// `None` where the file cannot be linked.
fn link_file(tree: &Tree, from: &Key, to: &Key) -> Result<Option<bool>> {
    match try_to_link(tree, from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            tree.forget();
            try_to_link(tree, from, to)
        }
        linked => linked,
    }
}

fn try_to_link(tree: &Tree, from: &Key, to: &Key) -> Result<Option<bool>> {
    let missing = || Error::not_found(format!("{from} is not there"));
    let source = tree.find_place(from)?.ok_or_else(missing)?;
    source.look_at_file()?.ok_or_else(missing)?;
    let target = tree.make_place(to)?;
    let linked = rustix::fs::linkat(
        &*source.directory,
        source.name(),
        &*target.directory,
        target.name(),
        AtFlags::empty(),
    );
    match linked {
        Ok(()) => Ok(Some(true)),
        Err(Errno::EXIST) => Ok(Some(false)),
        Err(Errno::NOENT) => Err(missing()),
        // Without links, with too many, or of a file of somebody else's (`fs.protected_hardlinks`).
        Err(_) => Ok(None),
    }
}

fn copy_bytes(store: &dyn Backend, from: &Key, to: &Key) -> Result<bool> {
    let object = store.open(from)?;
    let mut content = ObjectReader::new(object.as_ref());
    let staged = store.stage(COPIES, to, &mut content, object.size_bytes())?;
    store.sync(std::slice::from_ref(&staged), Durability::Durable)?;
    let taken = store.publish(vec![(staged, to.clone())], Durability::Buffered)?;
    store.discard(COPIES)?;
    Ok(taken.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::local::LocalStore;

    #[test]
    fn both_ways_copy_the_same_and_replace_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::new(directory.path());
        std::fs::create_dir(directory.path().join("meta")).unwrap();
        std::fs::write(directory.path().join("meta/1"), "one").unwrap();
        let (from, tree) = (Key::trusted("meta/1"), Tree::new(directory.path().to_owned()));
        let (linked, copied) = (Key::trusted("d/linked"), Key::trusted("e/copied"));
        let read = |key: &Key| std::fs::read_to_string(directory.path().join(key.as_str())).unwrap();
        assert_eq!(link_file(&tree, &from, &linked).unwrap(), Some(true));
        assert!(copy_bytes(&store, &from, &copied).unwrap());
        assert_eq!(
            (read(&linked), read(&copied)),
            ("one".to_owned(), "one".to_owned())
        );
        std::fs::write(directory.path().join("meta/2"), "two").unwrap();
        let second = Key::trusted("meta/2");
        assert_eq!(link_file(&tree, &second, &linked).unwrap(), Some(false));
        assert!(!copy_bytes(&store, &second, &copied).unwrap());
        assert_eq!(
            (read(&linked), read(&copied)),
            ("one".to_owned(), "one".to_owned())
        );
        assert!(!directory.path().join("stonekeep/tmp/copies").exists());
    }
}
