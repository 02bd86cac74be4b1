//! Listings: of one directory, or of everything below one.
//!
//! A store answers with a page at a time, and names the next page in it, so that the pages of a large directory come one after
//! the other. A directory that was listed before is listed in pieces at the same time, each from a name on that was the last
//! one of a page then. A piece ends where the next one begins, whatever has come or gone since.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, Result as Answer};

use super::super::{Entry, EntryKind, Key, Stat};
use super::client::{Client, stat};
use super::paths::Paths;
use crate::Result;

/// What S3, and what speaks its protocol, puts into one page at most.
const PAGE: usize = 1000;

/// How many pieces are listed at a time.
const PIECES: usize = 8;

/// What is directly in a directory.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) objects: Vec<ObjectMeta>,
    directories: Vec<Path>,
}

/// The listings of one store.
#[derive(Debug)]
pub(super) struct Listings {
    client: Arc<Client>,
    paths: Paths,
    /// Whether the store lists in order, and from any name on.
    in_order: bool,
    /// Of each directory of more than one page: the last name of each.
    cuts: Mutex<HashMap<Path, Vec<Path>>>,
}

impl Listings {
    pub(super) fn new(client: Arc<Client>, paths: Paths, in_order: bool) -> Self {
        Listings {
            client,
            paths,
            in_order,
            cuts: Mutex::default(),
        }
    }

    /// An object store has no empty directories: the root is there if an object is below it. SeaweedFS has them for a while,
    /// but lists them only with a delimiter.
    pub(super) fn is_any(&self) -> Result<bool> {
        let path = self.paths.of(None)?;
        let first = || async {
            let is_below = |object: &ObjectMeta| ready(object.location != path);
            let below = self.client.store().list(Some(&path));
            below.try_filter(is_below).boxed().try_next().await
        };
        let first = self.client.read(&format!("listing {path}"), first)?;
        Ok(first.is_some())
    }

    /// What is directly in a directory.
    pub(super) fn directory(&self, directory: Option<&Key>) -> Result<Listed> {
        let path = self.paths.of(directory)?;
        let doing = format!("listing {path}");
        let in_pieces = match self.cuts_of(&path) {
            Some(cuts) => self.client.read(&doing, || self.in_pieces(&path, &cuts))?,
            None => None,
        };
        let mut listed = match in_pieces {
            Some(listed) => listed,
            None => self.client.read(&doing, || self.in_one_piece(&path))?,
        };
        self.note(&path, &listed);
        // Some stores list the marker of the directory itself, whose key ends with a slash.
        listed.objects.retain(|object| object.location != path);
        Ok(listed)
    }

    /// Every file below a directory.
    pub(super) fn below(&self, directory: &Key, each: &mut dyn FnMut(Key, Stat)) -> Result<()> {
        let path = self.paths.of(Some(directory))?;
        let store = self.client.store();
        let all = || store.list(Some(&path)).try_collect::<Vec<_>>();
        for object in self.client.read(&format!("listing what is below {path}"), all)? {
            if object.location != path
                && let Some(key) = self.paths.key_of(&object.location)
            {
                each(key, stat(&object));
            }
        }
        Ok(())
    }

    async fn in_one_piece(&self, path: &Path) -> Answer<Listed> {
        let found = self.client.store().list_with_delimiter(Some(path)).await?;
        Ok(Listed {
            objects: found.objects,
            directories: found.common_prefixes,
        })
    }

    /// `None` if there are directories in it by now.
    async fn in_pieces(&self, path: &Path, cuts: &[Path]) -> Answer<Option<Listed>> {
        let begins = std::iter::once(None).chain(cuts.iter().map(Some));
        let ends = cuts.iter().map(Some).chain([None]);
        let pieces = begins.zip(ends).map(|(begin, end)| self.piece(path, begin, end));
        let mut pieces = stream::iter(pieces).buffered(PIECES);
        let mut objects = Vec::with_capacity(PAGE * (cuts.len() + 1));
        while let Some(mut piece) = pieces.try_next().await? {
            objects.append(&mut piece);
        }
        let is_in = |object: &ObjectMeta| object.location.parts_count() == path.parts_count() + 1;
        Ok(objects.iter().all(is_in).then(|| Listed {
            objects,
            directories: Vec::new(),
        }))
    }

    /// What comes after one name, up to another one and with it.
    async fn piece(&self, path: &Path, after: Option<&Path>, last: Option<&Path>) -> Answer<Vec<ObjectMeta>> {
        let store = self.client.store();
        let mut listed = match after {
            Some(after) => store.list_with_offset(Some(path), after),
            None => store.list(Some(path)),
        };
        let mut objects = Vec::with_capacity(PAGE);
        while let Some(object) = listed.try_next().await? {
            if last.is_some_and(|last| object.location > *last) {
                break;
            }
            let is_last = last == Some(&object.location);
            objects.push(object);
            // The next page is asked for when another object is.
            if is_last {
                break;
            }
        }
        Ok(objects)
    }

    fn cuts_of(&self, path: &Path) -> Option<Vec<Path>> {
        let cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        cuts.get(path).cloned()
    }

    /// Remembers where the pages of a directory end. Stores without an order list in one piece.
    fn note(&self, path: &Path, listed: &Listed) {
        let mut cuts = Vec::new();
        if self.in_order && listed.directories.is_empty() && listed.objects.is_sorted_by(precedes) {
            let lasts = listed.objects.chunks_exact(PAGE).filter_map(<[_]>::last);
            cuts.extend(lasts.map(|object| object.location.clone()));
        }
        let mut known = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(path);
        if !cuts.is_empty() {
            known.insert(path.clone(), cuts);
        }
    }
}

impl Listed {
    /// What a repository may have of it: no markers, and no names that no key can have.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        let directories = self
            .directories
            .iter()
            .filter_map(|prefix| entry(prefix, EntryKind::Directory));
        let files = self.objects.iter().filter_map(|object| {
            let entry = entry(&object.location, EntryKind::File)?;
            let Stat { size_bytes, modified } = stat(object);
            Some(Entry {
                size_bytes,
                modified,
                ..entry
            })
        });
        directories.chain(files)
    }
}

fn entry(path: &Path, kind: EntryKind) -> Option<Entry> {
    let name = path.filename().filter(|name| Key::is_legal(name))?;
    Some(Entry {
        name: name.to_owned(),
        kind,
        size_bytes: 0,
        modified: None,
    })
}

fn precedes(one: &ObjectMeta, other: &ObjectMeta) -> bool {
    one.location < other.location
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use object_store::memory::InMemory;
    use object_store::{ObjectStore, ObjectStoreExt};

    use super::*;

    struct Bucket {
        objects: Arc<InMemory>,
        listings: Listings,
    }

    impl Bucket {
        fn new(in_order: bool) -> Self {
            let objects = Arc::new(InMemory::new());
            let store = Arc::clone(&objects) as Arc<dyn ObjectStore>;
            let client = Arc::new(Client::new(store, "memory".to_owned()).unwrap());
            let listings = Listings::new(client, Paths::new(Path::from("at")), in_order);
            Bucket { objects, listings }
        }

        fn put(&self, paths: impl Iterator<Item = Path>) {
            for path in paths {
                let put = self.objects.put(&path, "x".into());
                self.listings.client.block_on(put).unwrap().unwrap();
            }
        }

        fn delete(&self, paths: impl Iterator<Item = Path>) {
            for path in paths {
                let deletion = self.objects.delete(&path);
                self.listings.client.block_on(deletion).unwrap().unwrap();
            }
        }

        fn list(&self) -> Vec<String> {
            let listed = self.listings.directory(Some(&Key::new("d").unwrap())).unwrap();
            listed.entries().map(|entry| entry.name).collect()
        }

        fn cuts(&self) -> Vec<String> {
            let cuts = self.listings.cuts_of(&path("")).unwrap_or_default();
            cuts.iter()
                .map(|cut| cut.filename().unwrap().to_owned())
                .collect()
        }
    }

    fn path(name: &str) -> Path {
        Path::from(format!("at/d/{name}"))
    }

    fn names(numbers: impl IntoIterator<Item = usize>) -> impl Iterator<Item = String> {
        numbers.into_iter().map(|number| format!("{number:06}.sst"))
    }

    fn paths(numbers: impl IntoIterator<Item = usize>) -> impl Iterator<Item = Path> {
        names(numbers).map(|name| path(&name))
    }

    #[test]
    fn what_has_come_and_gone_since_the_first_listing_is_seen_in_the_pieces_of_the_second() {
        let bucket = Bucket::new(true);
        bucket.put(paths((0..5000).step_by(2)));
        assert_eq!(bucket.list().len(), 2500);
        assert_eq!(bucket.cuts(), ["001998.sst", "003998.sst"]);
        // The last of a piece, one around it, and more than a page of one piece.
        let (gone, come) = (
            [0, 1998, 4000, 4998],
            (3001..3999).step_by(2).chain([1999, 5000, 7000]),
        );
        bucket.delete(paths(gone));
        bucket.put(paths(come.clone()));
        let expected: BTreeSet<usize> = (0..5000).step_by(2).chain(come).collect();
        let expected = expected.into_iter().filter(|number| !gone.contains(number));
        assert_eq!(bucket.list(), names(expected).collect::<Vec<_>>());
        // The next listing has the pages of this one.
        assert_eq!(bucket.cuts().len(), 2);
        assert_ne!(bucket.cuts(), ["001998.sst", "003998.sst"]);
    }

    #[test]
    fn a_directory_that_has_directories_by_now_is_listed_in_one_piece() {
        let bucket = Bucket::new(true);
        bucket.put(paths(0..1500));
        assert_eq!(bucket.list().len(), 1500);
        assert_eq!(bucket.cuts(), ["000999.sst"]);
        bucket.put(["a/1", "a/2"].map(path).into_iter());
        let listed = bucket.list();
        assert_eq!(listed.len(), 1501);
        assert!(listed.contains(&"a".to_owned()));
        assert_eq!(bucket.cuts(), [""; 0]);
    }

    #[test]
    fn a_directory_of_one_page_and_a_store_without_an_order_are_listed_in_one_piece() {
        let (small, without_order) = (Bucket::new(true), Bucket::new(false));
        small.put(paths(0..999));
        without_order.put(paths(0..1001));
        assert_eq!((small.list().len(), without_order.list().len()), (999, 1001));
        assert_eq!([small.cuts(), without_order.cuts()], [[""; 0]; 2]);
    }

    #[test]
    fn every_file_below_a_directory_has_its_key() {
        let bucket = Bucket::new(true);
        let files = ["1/CURRENT", "1/MANIFEST-000004", "2/CURRENT", "3.tmp"];
        bucket.put(files.map(path).into_iter());
        bucket.put(
            ["at/dd/1/CURRENT", "at/d2", "d/1/CURRENT"]
                .map(Path::from)
                .into_iter(),
        );
        let mut found = Vec::new();
        let directory = Key::new("d").unwrap();
        bucket
            .listings
            .below(&directory, &mut |key, stat| {
                found.push((key.to_string(), stat.size_bytes))
            })
            .unwrap();
        found.sort();
        assert_eq!(found, files.map(|file| (format!("d/{file}"), 1)));
    }
}
