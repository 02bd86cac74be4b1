//! The objects of a store, as its servers keep them: each change is carried out whole, and a listing shows what was changed before.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use object_store::Attributes;
use object_store::path::Path;

use super::clock::begin;
use super::peek::Peek;
use super::schedule::Schedule;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Bucket {
    schedule: Arc<Schedule>,
    objects: Mutex<BTreeMap<Path, Stored>>,
}

/// An object.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) content: Bytes,
    pub(super) attributes: Attributes,
    pub(super) modified: SystemTime,
    /// Of the write.
    pub(super) version: u64,
    /// Of the first write under its name.
    order: u64,
}

/// What a write asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    Any,
    Absent,
    Version(String),
}

impl Bucket {
    pub(super) fn new(schedule: &Arc<Schedule>) -> Arc<Self> {
        Arc::new(Bucket {
            schedule: Arc::clone(schedule),
            objects: Mutex::default(),
        })
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<Path, Stored>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store's clock, which is right.
    pub(super) fn now(&self) -> SystemTime {
        begin() + self.schedule.now()
    }

    /// Writes an object; its version, or `None` if the condition does not hold.
    pub(super) fn write(
        &self,
        path: &Path,
        content: Bytes,
        attributes: Attributes,
        condition: &Condition,
    ) -> Option<u64> {
        let version = self.schedule.serial();
        // Some stores show whole seconds.
        let modified = begin() + Duration::from_secs(self.schedule.now().as_secs());
        let mut objects = self.objects();
        let there = objects.get(path);
        let holds = match condition {
            Condition::Any => true,
            Condition::Absent => there.is_none(),
            Condition::Version(wanted) => there.is_some_and(|it| it.version.to_string() == *wanted),
        };
        if !holds {
            return None;
        }
        let order = there.map_or(version, |it| it.order);
        let stored = Stored {
            content,
            attributes,
            modified,
            version,
            order,
        };
        objects.insert(path.clone(), stored);
        Some(version)
    }

    /// Removes an object; whether it was there.
    pub(super) fn remove(&self, path: &Path) -> bool {
        self.objects().remove(path).is_some()
    }

    /// An object.
    pub(super) fn get(&self, path: &Path) -> Option<Stored> {
        self.objects().get(path).cloned()
    }

    /// The objects below a prefix. Those with names of chance are listed in the order in which they were made, since no seed
    /// decides what they are called.
    pub(super) fn below(&self, prefix: Option<&Path>) -> Vec<(Path, Stored)> {
        let objects = self.objects();
        let from = prefix.map_or(Bound::Unbounded, Bound::Excluded);
        let found = objects.range::<Path, _>((from, Bound::Unbounded));
        let mut found: Vec<(Path, Stored)> = match prefix {
            None => found.map(|(path, it)| (path.clone(), it.clone())).collect(),
            Some(prefix) => found
                .take_while(|(path, _)| path.as_ref().starts_with(prefix.as_ref()))
                .filter(|(path, _)| path.prefix_matches(prefix))
                .map(|(path, it)| (path.clone(), it.clone()))
                .collect(),
        };
        if found.iter().any(|(path, _)| has_name_of_chance(path)) {
            found.sort_by_key(|(_, it)| it.order);
        }
        found
    }
}

/// Leases, pins and runs.
fn has_name_of_chance(path: &Path) -> bool {
    let parts = ["stonekeep/leases/", "stonekeep/pins/", "stonekeep/runs/"];
    parts.iter().any(|part| path.as_ref().contains(part))
}

/// The repository under one prefix, as [`Peek`] sees it.
#[derive(Debug)]
pub(super) struct Below {
    pub(super) bucket: Arc<Bucket>,
    pub(super) prefix: Path,
}

impl Below {
    fn path(&self, key: &str) -> Path {
        Path::from(format!("{}/{key}", self.prefix))
    }
}

impl Peek for Below {
    fn content(&self, key: &str) -> Option<Arc<[u8]>> {
        let stored = self.bucket.get(&self.path(key))?;
        Some(Arc::from(&stored.content[..]))
    }

    fn names(&self, directory: &str) -> Vec<String> {
        let prefix = self.path(directory);
        let below = self.bucket.below(Some(&prefix)).into_iter();
        let names = below.filter_map(|(path, _)| {
            let mut rest = path.prefix_match(&prefix)?;
            let name = rest.next()?.as_ref().to_owned();
            rest.next().is_none().then_some(name)
        });
        names.collect()
    }
}
