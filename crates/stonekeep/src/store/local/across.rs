//! Giving a file its name in a directory that is a mount of its own, where no rename leads to.
//!
//! What is staged lies on the right mount already, as a rule. It does not where the system does not tell mounts of one
//! device apart, and where a directory was made only after a file for it was staged. Then a copy is staged beside the new
//! name, made durable if asked, and renamed; the old name goes last.

use std::io::ErrorKind::CrossesDevices;

use super::LocalStore;
use super::areas::Areas;
use crate::Result;
use crate::disk::{new_file, rename};
use crate::store::{Durability, Key, ObjectReader, PutMode, Upload};

impl LocalStore {
    /// Gives an upload, which lies at `from`, its final name, whatever mounts are between; whether the name was free or the
    /// file there was replaced.
    pub(super) fn give_name(
        &self,
        upload: &Upload,
        from: &Key,
        to: &Key,
        mode: PutMode,
        durability: Durability,
    ) -> Result<bool> {
        let rename = |from: &Key| match mode {
            PutMode::IfAbsent => rename::move_file(&self.tree, from, to, Some(upload.size_bytes)),
            PutMode::Replace => rename::replace_file(&self.tree, from, to, upload.size_bytes).map(|()| true),
        };
        match rename(from) {
            Err(error) if error.io_kind() == Some(CrossesDevices) => {
                if mode == PutMode::IfAbsent && self.tree.make_place(to)?.look()?.is_some() {
                    return Ok(false);
                }
                let place = self.copy_beside(from, &upload.run, to, durability)?;
                let is_named = rename(&place)?;
                if is_named {
                    self.end_copy(from, &place, to, durability)?;
                }
                Ok(is_named)
            }
            named => named,
        }
    }

    /// Stages a copy from which the name can be given.
    fn copy_beside(&self, from: &Key, area: &str, to: &Key, durability: Durability) -> Result<Key> {
        let place = Areas::place_beside(area, to)?;
        let object = self.open_file(from)?;
        let mut content = ObjectReader::new(object.as_ref());
        let size_bytes = object.size_bytes();
        self.syncs.begin(&self.tree)?;
        self.syncs.forget(&place);
        let written = new_file::write_new(&self.tree, &place, to, &mut content, size_bytes, &self.buffers)?;
        self.syncs.written(place.clone(), written);
        if durability == Durability::Durable {
            self.syncs.sync_staged(&self.tree, std::slice::from_ref(&place))?;
        }
        Ok(place)
    }

    /// The copy has the name; the old one goes when that is durable.
    fn end_copy(&self, from: &Key, place: &Key, to: &Key, durability: Durability) -> Result<()> {
        self.syncs.forget(place);
        if durability == Durability::Durable {
            self.sync_parents([to])?;
        }
        match self.tree.find_place(from)? {
            Some(old) => old.unlink().map(drop),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::Backend;

    const AREA: &str = "7";

    #[test]
    fn a_copy_is_staged_beside_the_name_and_the_original_goes_last() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let store = LocalStore::new(root);
        let (from, to) = (Key::trusted("stonekeep/tmp/7/x"), Key::trusted("tables/1"));
        std::fs::create_dir(root.join("tables")).unwrap();
        for durability in [Durability::Durable, Durability::Buffered] {
            store
                .upload(AREA, &Key::trusted("x"), &mut &b"one"[..], 3, PutMode::IfAbsent)
                .unwrap();
            let place = store.copy_beside(&from, AREA, &to, durability).unwrap();
            assert_eq!(place.as_str(), "tables/stonekeep-staging/7/1");
            assert!(root.join(place.as_str()).exists() && root.join(from.as_str()).exists());
            rename::replace_file(&store.tree, &place, &to, 3).unwrap();
            store.end_copy(&from, &place, &to, durability).unwrap();
            assert!(!root.join(from.as_str()).exists());
            assert_eq!(std::fs::read(root.join(to.as_str())).unwrap(), b"one");
        }
        store.discard(AREA).unwrap();
        assert!(store.leftovers().unwrap().is_empty());
        assert!(!root.join("tables/stonekeep-staging").exists());
    }
}
