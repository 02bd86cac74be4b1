//! Where staged files lie: in an area, on the file system that they are to go to.
//!
//! An area is the directory `stonekeep/tmp/<area>/`. Nothing can be renamed from there into a directory of the root that is
//! a mount of its own, such as `shared_checksum` on a disk for tables. Files for such a directory are staged in
//! `<directory>/stonekeep-staging/<area>/`, which is removed with the area. No listing of the store shows it. RocksDB's
//! collectors delete every file in those directories that they do not know, but no directory (`GarbageCollect` in
//! utilities/backup/backup_engine.cc).

use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use rustix::fs::{AtFlags, StatxFlags};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::disk::listing::{self, list, remove_all};
use crate::disk::tree::Tree;
use crate::store::staging::{STAGING, area_key, staged_key};
use crate::store::{EntryKind, Key, Leftover, Upload};
use crate::{IoContext, Result};

/// The directory of areas below a directory that is a mount of its own.
pub(super) const STAGING_BELOW: &str = "stonekeep-staging";

/// Deeper than anything that Stonekeep makes; a stranger's directories do not exhaust descriptors or the stack.
const DEPTH_LIMIT: usize = 64;

/// What has been found out about the directories of the root.
#[derive(Debug, Default)]
pub(super) struct Areas {
    /// Their names, with whether each is elsewhere than `stonekeep/tmp`.
    known: Mutex<Vec<(String, bool)>>,
}

/// What tells mounts apart: the device, and the mount's own id where the system tells it. Nothing can be renamed
/// between two mounts of one device either.
type Mount = (u64, Option<u64>);

impl Areas {
    /// Disks may have been mounted or taken away since.
    pub(super) fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Where a staged file lies.
    pub(super) fn place(&self, tree: &Tree, area: &str, key: &Key) -> Result<Key> {
        match key.as_str().split_once('/') {
            Some((top, below)) if self.is_elsewhere(tree, top) => Ok(beside(top, area, Some(below))?),
            _ => staged_key(area, key),
        }
    }

    /// The same for many files.
    pub(super) fn places<'a>(
        &self,
        tree: &Tree,
        staged: impl IntoIterator<Item = &'a Upload>,
    ) -> Result<Vec<Key>> {
        let places = staged.into_iter();
        places
            .map(|file| self.place(tree, &file.run, &file.key))
            .collect()
    }

    /// A place for a staged file from which it can get this key, whatever has been found out.
    pub(super) fn place_beside(area: &str, to: &Key) -> Result<Key> {
        match to.as_str().split_once('/') {
            Some((top, below)) if !STAGING.starts_with(&format!("{top}/")) => beside(top, area, Some(below)),
            _ => staged_key(area, to),
        }
    }

    fn is_elsewhere(&self, tree: &Tree, top: &str) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, elsewhere)) = known.iter().find(|(name, _)| name == top) {
            return *elsewhere;
        }
        let mount = mount_of(tree, Some(&Key::trusted(top)));
        let elsewhere = mount.is_some_and(|mount| {
            let homes = [Some(STAGING), Some("stonekeep"), None];
            let mut homes = homes.iter().map(|home| home.map(Key::trusted));
            homes.find_map(|home| mount_of(tree, home.as_ref())) != Some(mount)
        });
        known.push((top.to_owned(), elsewhere));
        elsewhere
    }

    /// The areas that there are.
    pub(super) fn list(tree: &Tree) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let others = directories_of_root(tree)?;
        let others = others.iter().map(|top| format!("{top}/{STAGING_BELOW}"));
        for directory in others.chain([STAGING.to_owned()]) {
            for entry in list(tree, Some(&Key::trusted(directory)))? {
                if entry.kind == EntryKind::Directory && !found.contains(&entry.name) {
                    found.push(entry.name);
                }
            }
        }
        Ok(found)
    }

    /// What a run has left in its area.
    pub(super) fn leftover(&self, tree: &Tree, run: String) -> Result<Leftover> {
        let staged = self.staged(tree, &run)?;
        Ok(Leftover {
            run,
            last_written: staged.iter().filter_map(|(_, modified)| *modified).max(),
            uploads: staged.into_iter().map(|(upload, _)| upload).collect(),
            doubtful: Vec::new(),
        })
    }

    /// The regular files of an area, as far as they lie where [`Areas::place`] has them, each with the time of its last change.
    fn staged(&self, tree: &Tree, area: &str) -> Result<Vec<(Upload, Option<SystemTime>)>> {
        let mut found = Vec::new();
        self.walk(tree, area, area_key(area)?, None, &mut found)?;
        for top in directories_of_root(tree)? {
            if self.is_elsewhere(tree, &top) {
                let directory = beside(&top, area, None)?;
                self.walk(tree, area, directory, Some(Key::new(top)?), &mut found)?;
            }
        }
        Ok(found)
    }

    /// Adds the files of a directory and of those below it; `below` is what their keys begin with.
    fn walk(
        &self,
        tree: &Tree,
        area: &str,
        directory: Key,
        below: Option<Key>,
        found: &mut Vec<(Upload, Option<SystemTime>)>,
    ) -> Result<()> {
        let mut directories = vec![(directory, below)];
        while let Some((directory, below)) = directories.pop() {
            for entry in list(tree, Some(&directory))? {
                let key = match &below {
                    _ if entry.kind == EntryKind::Other => continue,
                    None => Key::new(&*entry.name)?,
                    Some(below) => below.join(&entry.name)?,
                };
                let place = directory.join(&entry.name)?;
                if entry.kind == EntryKind::Directory {
                    directories.push((place, Some(key)));
                } else if self.place(tree, area, &key)? == place {
                    let upload = Upload {
                        run: area.to_owned(),
                        key,
                        size_bytes: entry.size_bytes,
                    };
                    found.push((upload, entry.modified));
                }
            }
            directories.retain(|(directory, _)| depth(directory) <= DEPTH_LIMIT);
        }
        Ok(())
    }

    /// Every directory that files of an area may lie in.
    pub(super) fn directories(tree: &Tree, area: &str) -> Result<Vec<Key>> {
        let mut directories = vec![area_key(area)?];
        for top in directories_of_root(tree)? {
            directories.push(beside(&top, area, None)?);
        }
        Ok(directories)
    }

    /// Removes such a directory with all that is in it, and the one of all areas that only stands for it.
    pub(super) fn remove(tree: &Tree, directory: &Key) -> Result<()> {
        let Some(place) = tree.find_place(directory)? else {
            return Ok(());
        };
        let removed = place
            .name()
            .into_with_c_str(|name| remove_all(place.directory.as_fd(), name, DEPTH_LIMIT));
        tree.forget();
        removed.context("removing", &place.path())?;
        match directory.parent().filter(|above| above.name() == STAGING_BELOW) {
            Some(above) => remove_empty(tree, &above),
            None => Ok(()),
        }
    }
}

/// Whether no listing shows this name of this directory.
pub(super) fn is_hidden(directory: Option<&Key>, name: &str) -> bool {
    name == STAGING_BELOW && directory.is_some_and(|directory| !directory.as_str().contains('/'))
}

/// A place in an area below a directory of the root.
fn beside(top: &str, area: &str, below: Option<&str>) -> Result<Key> {
    area_key(area)?;
    let below = below.map_or_else(String::new, |below| format!("/{below}"));
    Ok(Key::trusted(format!("{top}/{STAGING_BELOW}/{area}{below}")))
}

fn directories_of_root(tree: &Tree) -> Result<Vec<String>> {
    let mut directories = Vec::new();
    listing::names(tree, None, &mut |entry| {
        if entry.kind == EntryKind::Directory {
            directories.push(entry.name);
        }
    })?;
    Ok(directories)
}

fn mount_of(tree: &Tree, directory: Option<&Key>) -> Option<Mount> {
    let opened = tree.find(directory).ok()??;
    let device = rustix::fs::fstat(&opened).ok()?.st_dev;
    let told = rustix::fs::statx(&opened, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok();
    let told = told.filter(|told| told.stx_mask & StatxFlags::MNT_ID.bits() != 0);
    Some((device, told.map(|told| told.stx_mnt_id)))
}

/// Where other areas are left the directory stays.
fn remove_empty(tree: &Tree, directory: &Key) -> Result<()> {
    let Some(place) = tree.find_place(directory)? else {
        return Ok(());
    };
    let removed = rustix::fs::unlinkat(&*place.directory, place.name(), AtFlags::REMOVEDIR);
    tree.forget();
    match removed {
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        removed => removed.context("removing", &place.path()),
    }
}

fn depth(key: &Key) -> usize {
    key.as_str().split('/').count()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::Durability;
    use crate::store::contract::Backend;
    use crate::store::local::LocalStore;
    use crate::store::{Detail, Persist, PutMode};

    /// A store for which `tables` is a mount of its own.
    fn store(root: &Path) -> LocalStore {
        let store = LocalStore::new(root);
        let known = [("tables".to_owned(), true), ("stonekeep".to_owned(), false)];
        *store.areas.known.lock().unwrap() = known.to_vec();
        store
    }

    fn runs(store: &LocalStore) -> Vec<String> {
        let leftovers = store.leftovers().unwrap().into_iter();
        leftovers.map(|leftover| leftover.run).collect()
    }

    fn names(store: &LocalStore, directory: &str) -> Vec<String> {
        let directory = Some(Key::trusted(directory));
        let listed = |detail| {
            let mut names = Vec::new();
            store
                .list(directory.as_ref(), detail, &mut |entry| names.push(entry.name))
                .unwrap();
            names.sort();
            names
        };
        let (names, by_name) = (listed(Detail::Sizes), listed(Detail::Names));
        assert_eq!(names, by_name);
        names
    }

    #[test]
    fn files_for_a_mount_are_staged_on_it_and_seen_by_no_listing() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        std::fs::create_dir(root.join("tables")).unwrap();
        let (one, two) = (store(root), Key::trusted("tables/2.sst"));
        let table = one
            .upload("7", &two, &mut &b"table"[..], 5, PutMode::IfAbsent)
            .unwrap();
        let own = one
            .upload(
                "7",
                &Key::trusted("private/7/CURRENT"),
                &mut &b"x"[..],
                1,
                PutMode::IfAbsent,
            )
            .unwrap();
        one.persist(Persist::Uploads(&[table.clone(), own.clone()]))
            .unwrap();
        assert!(root.join("tables/stonekeep-staging/7/2.sst").exists());
        assert!(root.join("stonekeep/tmp/7/private/7/CURRENT").exists());
        assert!(names(&one, "tables").is_empty());
        // As a later run sees it.
        let later = store(root);
        assert_eq!(runs(&later), ["7"]);
        let staged = later.areas.staged(&later.tree, "7").unwrap();
        assert!(staged.iter().all(|(_, modified)| modified.is_some()));
        let mut staged: Vec<Upload> = staged.into_iter().map(|(upload, _)| upload).collect();
        staged.sort_by(|a, b| a.key.cmp(&b.key));
        assert_eq!(staged, [own, table.clone()]);
        assert_eq!(later.open_upload(&table).unwrap().size_bytes(), 5);
        later
            .finish(vec![(table, two.clone())], PutMode::IfAbsent, Durability::Durable)
            .unwrap();
        assert_eq!(names(&later, "tables"), ["2.sst"]);
        later.discard("7").unwrap();
        assert!(!root.join("tables/stonekeep-staging").exists());
        assert!(runs(&later).is_empty());
        assert_eq!(std::fs::read(root.join(two.as_str())).unwrap(), b"table");
    }

    /// The disk was taken away, or has come, since they were staged.
    #[test]
    fn staged_files_on_the_wrong_mount_are_discarded() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        std::fs::create_dir(root.join("tables")).unwrap();
        let key = Key::trusted("tables/2.sst");
        store(root)
            .upload("7", &key, &mut &b"table"[..], 5, PutMode::IfAbsent)
            .unwrap();
        let without = LocalStore::new(root);
        assert_eq!(runs(&without), ["7"]);
        assert!(without.areas.staged(&without.tree, "7").unwrap().is_empty());
        without
            .upload("8", &key, &mut &b"table"[..], 5, PutMode::IfAbsent)
            .unwrap();
        without.discard("7").unwrap();
        let with = store(root);
        assert_eq!(runs(&with), ["8"]);
        assert!(with.areas.staged(&with.tree, "8").unwrap().is_empty());
        with.discard("8").unwrap();
        assert!(runs(&with).is_empty());
    }

    #[test]
    fn a_directory_on_the_file_system_of_the_root_needs_no_staging_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("tables")).unwrap();
        let tree = Tree::new(directory.path().to_owned());
        let areas = Areas::default();
        assert!(!areas.is_elsewhere(&tree, "tables"));
        assert!(!areas.is_elsewhere(&tree, "missing"));
        let proc = Tree::new("/".into());
        assert!(areas.is_elsewhere(&proc, "proc"));
    }

    #[test]
    fn what_lies_in_the_root_or_beside_the_areas_is_staged_in_the_usual_place() {
        for (key, place) in [
            ("CURRENT", "stonekeep/tmp/7/CURRENT"),
            ("stonekeep/facts/1", "stonekeep/tmp/7/stonekeep/facts/1"),
            ("tables/1", "tables/stonekeep-staging/7/1"),
        ] {
            let found = Areas::place_beside("7", &Key::trusted(key)).unwrap();
            assert_eq!(found.as_str(), place);
        }
    }
}
