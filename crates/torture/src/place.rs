//! Where a repository is put for a trial: in memory or in a directory, always filled from the same files.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use fastrand::Rng;
use object_store::memory::InMemory;
use stonekeep::store::local::LocalStore;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::remote::RemoteStore;
use stonekeep::store::{Durability, EntryKind, Key, ObjectReader, PutContent, PutMode, Store};
use tempfile::TempDir;

use crate::tree::{self, Tree};

/// The shortest that there is.
const LEASE_PERIOD: Duration = Duration::from_secs(1);

/// A kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A directory.
    Local,
    /// A store in memory that works as a directory does.
    Memory,
    /// A store in memory whose uploads have their keys at once, as those of object stores.
    Named,
    /// An object store in memory, behind the store of object stores, with its leases.
    Objects,
}

impl Kind {
    /// Those in which no lease has to be waited for.
    pub const ALL: [Kind; 3] = [Kind::Local, Kind::Memory, Kind::Named];
}

/// What becomes of what is not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// All stays.
    Stays,
    /// It is gone.
    Fails,
    /// All names are there, and no content.
    FailsAfterNames,
    /// Any part of it is there.
    FailsByChance(u64),
}

impl Power {
    /// One of those that there are in such a place.
    pub fn any(kind: Kind, rng: &mut Rng) -> Self {
        match rng.u8(0..4) {
            1 if kind == Kind::Memory => Power::Fails,
            2 if kind == Kind::Memory => Power::FailsAfterNames,
            3 if kind == Kind::Memory => Power::FailsByChance(rng.u64(..)),
            _ => Power::Stays,
        }
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Power::Stays => "stays",
            Power::Fails => "fails",
            Power::FailsAfterNames => "fails, all names are there",
            Power::FailsByChance(_) => "fails, anything may be there",
        }
    }
}

/// A place with a repository; it is gone when this is dropped.
#[derive(Debug)]
pub struct Place {
    /// The store there.
    pub store: Store,
    memory: Option<MemoryStore>,
    objects: Option<Arc<InMemory>>,
    directory: Option<TempDir>,
    /// Completions of uploads that had no answer are remembered there.
    keeps_marks: bool,
}

impl Place {
    /// An empty place, whose root is made.
    ///
    /// # Errors
    /// I/O errors.
    pub fn new(kind: Kind) -> Result<Self> {
        let (mut memory, mut objects, mut directory) = (None, None, None);
        let store = match kind {
            Kind::Local => {
                let parent = directory.insert(tempfile::tempdir()?);
                Store::from(LocalStore::new(parent.path().join("repository")))
            }
            Kind::Memory => memory.insert(MemoryStore::new()).clone().into(),
            Kind::Named => Store::from(MemoryStore::with_named_uploads()),
            Kind::Objects => client(objects.insert(Arc::default()))?,
        };
        store.create_root(Durability::Durable)?;
        Ok(Place {
            store,
            memory,
            objects,
            directory,
            keeps_marks: false,
        })
    }

    /// A place with these files.
    ///
    /// # Errors
    /// I/O errors.
    pub fn with(kind: Kind, files: &Tree) -> Result<Self> {
        let place = Place::new(kind)?;
        place.fill(files)?;
        Ok(place)
    }

    /// A place that is in a store that exists, and outlives this.
    pub fn of_store(store: Store) -> Self {
        Place {
            store,
            memory: None,
            objects: None,
            directory: None,
            keeps_marks: false,
        }
    }

    /// The same in a bucket of a server.
    pub fn of_bucket(store: Store) -> Self {
        Place {
            keeps_marks: true,
            ..Place::of_store(store)
        }
    }

    /// Whether a collection may leave this file: the mark of a completion that had no answer stays for a quarter of an hour.
    pub fn keeps(&self, name: &str) -> bool {
        self.keeps_marks && name.starts_with("stonekeep/runs/") && name.contains("/marks/")
    }

    /// Puts these files there.
    ///
    /// # Errors
    /// I/O errors.
    pub fn fill(&self, files: &Tree) -> Result<()> {
        if let Some(root) = self.store.directory() {
            return tree::write(root, files);
        }
        for (name, bytes) in files {
            let (key, content) = (Key::new(name.as_str())?, PutContent::Bytes(bytes));
            let put = self
                .store
                .put("fill", &key, content, PutMode::Replace, Durability::Durable);
            put.with_context(|| format!("filling in {name}"))?;
        }
        Ok(())
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

    /// The next process opens the store anew.
    ///
    /// # Errors
    /// I/O errors.
    pub fn reopen(&mut self) -> Result<()> {
        if let Some(objects) = &self.objects {
            self.store = client(objects)?;
        }
        Ok(())
    }

    /// Ends the power, where that means anything.
    pub fn cut(&self, power: Power) {
        let Some(memory) = &self.memory else { return };
        match power {
            Power::Stays => {}
            Power::Fails => memory.crash(),
            Power::FailsAfterNames => memory.crash_after_names(),
            Power::FailsByChance(seed) => memory.crash_by_chance(seed),
        }
    }

    /// A directory beside the repository, where there is one.
    pub fn directory(&self) -> Option<&TempDir> {
        self.directory.as_ref()
    }
}

/// A process's client of an object store. The lease of a dead one is taken over after about a second.
fn client(objects: &Arc<InMemory>) -> Result<Store> {
    let store = RemoteStore::new(Arc::clone(objects) as _, "repository", "objects in memory")?;
    Ok(store
        .with_lease_period(LEASE_PERIOD)?
        .used_by_one_process()
        .into())
}

/// The files of a store that can be listed, staged ones included.
pub(crate) fn listed(store: &Store) -> Result<Tree> {
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
