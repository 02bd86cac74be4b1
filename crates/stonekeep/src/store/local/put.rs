//! Putting one small file: bytes, or another file's content.

use std::slice;

use rustix::io::Errno;

use super::LocalStore;
use crate::disk::Tree;
use crate::store::contract::Backend;
use crate::store::{Durability, Key, Object, ObjectReader, Persist, Put, PutMode, Upload};
use crate::{Error, ErrorKind, IoContext, Result};

/// How much of two files is compared at a time.
const COMPARED_BYTES: usize = 64 << 10;

impl LocalStore {
    /// Puts bytes.
    pub(super) fn put_bytes(
        &self,
        run: &str,
        key: &Key,
        bytes: &[u8],
        mode: PutMode,
        durability: Durability,
    ) -> Result<Put> {
        let upload = self.upload(run, key, &mut &*bytes, bytes.len() as u64, mode)?;
        let taken = self.finish(vec![(upload, key.clone())], mode, durability)?;
        let Some((upload, _)) = taken.first() else {
            return Ok(Put::Done);
        };
        let put = compare(self, &*self.open_upload(upload)?, key);
        remove_upload(self, upload)?;
        put
    }

    /// Puts the content of another file, if possible by a link: that needs no room, so that backups can be deleted on a
    /// full disk. Nothing of it stays in a staging area.
    pub(super) fn put_copy(
        &self,
        run: &str,
        key: &Key,
        from: &Key,
        mode: PutMode,
        durability: Durability,
    ) -> Result<Put> {
        if mode == PutMode::IfAbsent
            && let Some(is_free) = link_file(&self.tree, from, key)?
        {
            if !is_free {
                return compare(self, &*self.open(from)?, key);
            }
            if durability == Durability::Durable {
                self.persist(Persist::Files(slice::from_ref(key)))?;
            }
            return Ok(Put::Done);
        }
        // The run's own area may have files in it that are to stay.
        let area = format!("{run}-copy");
        let put = put_staged_copy(self, &area, key, from, mode, durability);
        let discarded = self.discard(&area);
        let put = put?;
        discarded.map(|()| put)
    }
}

/// Stages a link or a copy, and gives it its name: one step for readers, also where a file is replaced.
fn put_staged_copy(
    store: &LocalStore,
    area: &str,
    key: &Key,
    from: &Key,
    mode: PutMode,
    durability: Durability,
) -> Result<Put> {
    let object = store.open(from)?;
    let place = store.areas.place(&store.tree, area, key)?;
    let upload = match link_file(&store.tree, from, &place)? {
        Some(true) => Upload {
            run: area.to_owned(),
            key: key.clone(),
            size_bytes: object.size_bytes(),
        },
        Some(false) | None => {
            let mut content = ObjectReader::new(object.as_ref());
            store.upload(area, key, &mut content, object.size_bytes(), mode)?
        }
    };
    let taken = store.finish(vec![(upload, key.clone())], mode, durability)?;
    if taken.is_empty() {
        Ok(Put::Done)
    } else {
        compare(store, &*object, key)
    }
}

/// Whether the file that has the key has this content.
fn compare(store: &LocalStore, content: &dyn Object, key: &Key) -> Result<Put> {
    let there = match store.open(key) {
        Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(Put::Taken),
        there => there?,
    };
    if there.size_bytes() != content.size_bytes() {
        return Ok(Put::Taken);
    }
    let (mut a, mut b) = (vec![0; COMPARED_BYTES], vec![0; COMPARED_BYTES]);
    let mut offset = 0;
    while offset < content.size_bytes() {
        let path = store.tree.path(Some(key));
        let count = content.read_at(&mut a, offset).context("comparing with", &path)?;
        let mut filled = 0;
        while filled < count {
            let rest = b.get_mut(filled..count).unwrap_or_default();
            match there
                .read_at(rest, offset + filled as u64)
                .context("reading", &path)?
            {
                0 => return Ok(Put::Taken),
                more => filled += more,
            }
        }
        if count == 0 || a.get(..count) != b.get(..count) {
            return Ok(Put::Taken);
        }
        offset += count as u64;
    }
    Ok(Put::Same)
}

fn remove_upload(store: &LocalStore, upload: &Upload) -> Result<()> {
    let place = store.areas.place(&store.tree, &upload.run, &upload.key)?;
    store.syncs.forget(&place);
    match store.tree.find_place(&place)? {
        Some(place) => place.unlink().map(drop),
        None => Ok(()),
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
    match source.link_to(&target) {
        Ok(()) => Ok(Some(true)),
        Err(Errno::EXIST) => Ok(Some(false)),
        Err(Errno::NOENT) => Err(missing()),
        // Without links, with too many, or of a file of somebody else's (`fs.protected_hardlinks`).
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::PutContent;

    #[test]
    fn links_and_copies_have_the_same_content_and_replace_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::new(directory.path());
        std::fs::create_dir(directory.path().join("meta")).unwrap();
        std::fs::write(directory.path().join("meta/1"), "one").unwrap();
        let (from, tree) = (Key::trusted("meta/1"), &store.tree);
        let copy = |from: &Key, to: &Key| {
            let (area, mode) = ("copies", PutMode::IfAbsent);
            let put = put_staged_copy(&store, area, to, from, mode, Durability::Durable).unwrap();
            store.discard(area).unwrap();
            put
        };
        let (linked, copied) = (Key::trusted("d/linked"), Key::trusted("e/copied"));
        let read = |key: &Key| std::fs::read_to_string(directory.path().join(key.as_str())).unwrap();
        assert_eq!(link_file(tree, &from, &linked).unwrap(), Some(true));
        assert_eq!(copy(&from, &copied), Put::Done);
        assert_eq!(
            (read(&linked), read(&copied)),
            ("one".to_owned(), "one".to_owned())
        );
        std::fs::write(directory.path().join("meta/2"), "two").unwrap();
        let second = Key::trusted("meta/2");
        assert_eq!(link_file(tree, &second, &linked).unwrap(), Some(false));
        assert_eq!(copy(&second, &copied), Put::Taken);
        assert_eq!(copy(&from, &copied), Put::Same);
        assert_eq!(
            (read(&linked), read(&copied)),
            ("one".to_owned(), "one".to_owned())
        );
        assert!(!directory.path().join("stonekeep/tmp/copies").exists());
    }

    #[test]
    fn a_copy_that_replaces_leaves_the_area_of_its_run_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::new(directory.path());
        for (name, content) in [("a", "one"), ("b", "two")] {
            std::fs::write(directory.path().join(name), content).unwrap();
        }
        let (from, to, kept) = (Key::trusted("a"), Key::trusted("b"), Key::trusted("kept"));
        let upload = store
            .upload("7", &kept, &mut &b"x"[..], 1, PutMode::IfAbsent)
            .unwrap();
        for durability in [Durability::Durable, Durability::Buffered] {
            let put = store.put("7", &to, PutContent::CopyOf(&from), PutMode::Replace, durability);
            assert_eq!(put.unwrap(), Put::Done);
            assert_eq!(std::fs::read(directory.path().join("b")).unwrap(), b"one");
            let leftovers = store.leftovers().unwrap();
            assert_eq!(leftovers.len(), 1, "{leftovers:?}");
            assert_eq!(leftovers[0].uploads, slice::from_ref(&upload));
            std::fs::remove_file(directory.path().join("b")).unwrap();
            std::fs::write(directory.path().join("b"), "two").unwrap();
        }
    }
}
