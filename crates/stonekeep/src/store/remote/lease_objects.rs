//! The objects of leases and pins in an object store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use object_store::path::Path;
use object_store::{
    Error as Failure, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion,
};

use super::client::Client;
use crate::store::lease::{Found, LeaseObjects, Listed, Overwritten, Version};
use crate::{Error, ErrorKind, Result};

/// The objects in one directory.
#[derive(Debug)]
pub(super) struct LeaseDirectory {
    client: Arc<Client>,
    directory: Path,
    limit: Duration,
    /// The store cannot overwrite a certain version only.
    overwrites_any: AtomicBool,
}

impl LeaseDirectory {
    /// `limit` is how long a request may take.
    pub(super) fn new(client: Arc<Client>, directory: Path, limit: Duration) -> Self {
        LeaseDirectory {
            client,
            directory,
            limit,
            overwrites_any: AtomicBool::new(false),
        }
    }

    fn path(&self, name: &str) -> Path {
        self.directory.clone().join(name)
    }

    fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(self.client.store())
    }

    fn ask<T>(
        &self,
        doing: &str,
        path: &Path,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T> {
        self.client
            .within(&format!("{doing} {path}"), self.limit, request)
    }

    fn put(&self, path: &Path, content: &[u8], mode: PutMode) -> Result<object_store::Result<()>> {
        let store = self.store();
        let payload = PutPayload::from(content.to_vec());
        let put = async {
            let options = PutOptions::from(mode);
            Ok(store.put_opts(path, payload, options).await.map(drop))
        };
        self.ask("writing", path, put)
    }

    fn explain(&self, path: &Path, error: Failure) -> Error {
        self.client.explain(&format!("writing {path}"), error)
    }
}

impl LeaseObjects for LeaseDirectory {
    fn put_new(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.path(name);
        self.put(&path, content, PutMode::Overwrite)?
            .map_err(|error| self.explain(&path, error))
    }

    fn overwrite(&self, name: &str, content: &[u8], read: &Version) -> Result<Overwritten> {
        let path = self.path(name);
        let has_version = read.e_tag.is_some() || read.version.is_some();
        if has_version && !self.overwrites_any.load(Ordering::Relaxed) {
            let version = UpdateVersion {
                e_tag: read.e_tag.clone(),
                version: read.version.clone(),
            };
            match self.put(&path, content, PutMode::Update(version))? {
                Ok(()) => return Ok(Overwritten::Done),
                Err(Failure::Precondition { .. } | Failure::NotFound { .. }) => {
                    return Ok(Overwritten::Changed);
                }
                Err(error) if cannot_compare(&error) => self.overwrites_any.store(true, Ordering::Relaxed),
                Err(error) => return Err(self.explain(&path, error)),
            }
        }
        match self.put(&path, content, PutMode::Overwrite)? {
            Ok(()) => Ok(Overwritten::Done),
            Err(error) => Err(self.explain(&path, error)),
        }
    }

    fn list(&self) -> Result<Vec<Listed>> {
        let (store, directory) = (self.store(), self.directory.clone());
        let listing = async move { store.list_with_delimiter(Some(&directory)).await };
        let found = self.ask("listing", &self.directory, listing)?;
        let listed = found.objects.iter().filter_map(|object| {
            Some(Listed {
                name: object.location.filename()?.to_owned(),
                modified: SystemTime::from(object.last_modified),
            })
        });
        Ok(listed.collect())
    }

    fn get(&self, name: &str) -> Result<Option<Found>> {
        let (store, path) = (self.store(), self.path(name));
        let read = async {
            let found = store.get_opts(&path, GetOptions::new()).await?;
            let version = Version {
                e_tag: found.meta.e_tag.clone(),
                version: found.meta.version.clone(),
            };
            let content = found.bytes().await?.to_vec();
            Ok(Found { content, version })
        };
        match self.ask("reading", &path, read) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn delete(&self, name: &str) -> Result<()> {
        let (store, path) = (self.store(), self.path(name));
        let delete = async { store.delete(&path).await };
        match self.ask("deleting", &path, delete) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The store has no such condition, in whatever way it says so.
fn cannot_compare(error: &Failure) -> bool {
    let is_unknown = matches!(
        error,
        Failure::NotImplemented { .. } | Failure::NotSupported { .. }
    );
    is_unknown || error.to_string().contains("501 Not Implemented")
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[test]
    fn a_lease_s_object_is_written_listed_and_overwritten_as_read() {
        let client = Client::new(Arc::new(InMemory::new()), "memory".to_owned()).unwrap();
        let directory = Path::from("p/stonekeep/leases");
        let objects = LeaseDirectory::new(Arc::new(client), directory, Duration::from_secs(10));
        assert_eq!(objects.list().unwrap(), []);
        assert_eq!(objects.get("a").unwrap(), None);
        objects.put_new("a", b"1").unwrap();
        let [listed] = objects.list().unwrap().try_into().unwrap();
        assert_eq!(listed.name, "a");
        let first = objects.get("a").unwrap().unwrap();
        assert_eq!(first.content, b"1");
        let overwritten = objects.overwrite("a", b"2", &first.version).unwrap();
        assert_eq!(overwritten, Overwritten::Done);
        let stale = objects.overwrite("a", b"3", &first.version).unwrap();
        assert_eq!(stale, Overwritten::Changed);
        assert_eq!(objects.get("a").unwrap().unwrap().content, b"2");
        let any = objects.overwrite("a", b"4", &Version::default()).unwrap();
        assert_eq!(any, Overwritten::Done);
        objects.delete("a").unwrap();
        objects.delete("a").unwrap();
        let gone = objects.overwrite("a", b"5", &first.version).unwrap();
        assert_eq!(gone, Overwritten::Changed);
        assert_eq!(objects.list().unwrap(), []);
    }
}
