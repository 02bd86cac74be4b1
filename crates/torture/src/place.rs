//! Where a repository is put for a trial: in memory or in a directory, always filled from the same files.

use anyhow::{Context as _, Result};
use stonekeep::store::local::LocalStore;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Durability, EntryKind, Key, ObjectReader, PutContent, PutMode, Store};
use tempfile::TempDir;

use crate::tree::{self, Tree};

/// A kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A directory.
    Local,
    /// A store in memory that works as a directory does.
    Memory,
    /// A store in memory whose uploads have their keys at once, as those of object stores.
    Named,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 3] = [Kind::Local, Kind::Memory, Kind::Named];
}

/// A place with a repository; it is gone when this is dropped.
#[derive(Debug)]
pub struct Place {
    /// The store there.
    pub store: Store,
    directory: Option<TempDir>,
}

impl Place {
    /// An empty place, whose root is made.
    ///
    /// # Errors
    /// I/O errors.
    pub fn new(kind: Kind) -> Result<Self> {
        let (store, directory) = match kind {
            Kind::Local => {
                let directory = tempfile::tempdir()?;
                let store = Store::from(LocalStore::new(directory.path().join("repository")));
                (store, Some(directory))
            }
            Kind::Memory => (Store::from(MemoryStore::new()), None),
            Kind::Named => (Store::from(MemoryStore::with_named_uploads()), None),
        };
        store.create_root(Durability::Buffered)?;
        Ok(Place { store, directory })
    }

    /// A place with these files.
    ///
    /// # Errors
    /// I/O errors.
    pub fn with(kind: Kind, files: &Tree) -> Result<Self> {
        let place = Place::new(kind)?;
        match place.store.directory() {
            Some(root) => tree::write(root, files)?,
            None => {
                for (name, bytes) in files {
                    let (key, content) = (Key::new(name.as_str())?, PutContent::Bytes(bytes));
                    let put = place
                        .store
                        .put("fill", &key, content, PutMode::Replace, Durability::Durable);
                    put.with_context(|| format!("filling in {name}"))?;
                }
            }
        }
        Ok(place)
    }

    /// All files.
    ///
    /// # Errors
    /// I/O errors.
    pub fn files(&self) -> Result<Tree> {
        match self.store.directory() {
            Some(root) => tree::read(root),
            None => listed(&self.store),
        }
    }

    /// A directory beside the repository, where there is one.
    pub fn directory(&self) -> Option<&TempDir> {
        self.directory.as_ref()
    }
}

/// The files of a store that can be listed, staged ones included.
fn listed(store: &Store) -> Result<Tree> {
    let mut tree = Tree::new();
    let mut directories: Vec<Option<Key>> = vec![None];
    while let Some(directory) = directories.pop() {
        for entry in store.list(directory.as_ref())? {
            let key = match &directory {
                None => Key::new(entry.name.as_str())?,
                Some(above) => above.join(&entry.name)?,
            };
            if entry.kind == EntryKind::Directory {
                directories.push(Some(key));
                continue;
            }
            let (object, mut bytes) = (store.open(&key)?, Vec::new());
            std::io::Read::read_to_end(&mut ObjectReader::new(object.as_ref()), &mut bytes)?;
            tree.insert(key.to_string(), bytes.into());
        }
    }
    Ok(tree)
}
