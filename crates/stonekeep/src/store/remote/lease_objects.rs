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
    use std::fmt;
    use std::sync::atomic::AtomicUsize;

    use async_trait::async_trait;
    use futures_util::stream::BoxStream;
    use object_store::memory::InMemory;
    use object_store::{
        CopyOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, PutMultipartOptions, PutResult,
        Result as Answer,
    };

    use super::*;

    /// Objects in memory behind a store that refuses some puts.
    #[derive(Debug)]
    struct Refusing {
        objects: InMemory,
        refusal: fn(&PutMode) -> Option<Failure>,
        refused: AtomicUsize,
    }

    impl fmt::Display for Refusing {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a store that refuses")
        }
    }

    #[async_trait]
    impl ObjectStore for Refusing {
        async fn put_opts(&self, path: &Path, content: PutPayload, options: PutOptions) -> Answer<PutResult> {
            if let Some(refusal) = (self.refusal)(&options.mode) {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Err(refusal);
            }
            self.objects.put_opts(path, content, options).await
        }

        async fn put_multipart_opts(
            &self,
            path: &Path,
            options: PutMultipartOptions,
        ) -> Answer<Box<dyn MultipartUpload>> {
            self.objects.put_multipart_opts(path, options).await
        }

        async fn get_opts(&self, path: &Path, options: GetOptions) -> Answer<GetResult> {
            self.objects.get_opts(path, options).await
        }

        fn delete_stream(&self, paths: BoxStream<'static, Answer<Path>>) -> BoxStream<'static, Answer<Path>> {
            self.objects.delete_stream(paths)
        }

        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Answer<ObjectMeta>> {
            self.objects.list(prefix)
        }

        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Answer<ListResult> {
            self.objects.list_with_delimiter(prefix).await
        }

        async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Answer<()> {
            self.objects.copy_opts(from, to, options).await
        }
    }

    fn refusing(refusal: fn(&PutMode) -> Option<Failure>) -> (Arc<Refusing>, LeaseDirectory) {
        let store = Arc::new(Refusing {
            objects: InMemory::new(),
            refusal,
            refused: AtomicUsize::new(0),
        });
        let client = Client::new(Arc::clone(&store) as _, "a bucket".to_owned()).unwrap();
        let limit = Duration::from_secs(10);
        let objects = LeaseDirectory::new(Arc::new(client), Path::from("p/leases"), limit);
        (store, objects)
    }

    fn generic(text: &'static str) -> Failure {
        Failure::Generic {
            store: "test",
            source: text.into(),
        }
    }

    #[test]
    fn a_store_that_cannot_compare_is_found_out_once_and_the_lease_is_renewed() {
        let unknown: [fn(&PutMode) -> Option<Failure>; 3] = [
            |mode| {
                let source = "no conditions".into();
                matches!(mode, PutMode::Update(_)).then_some(Failure::NotSupported { source })
            },
            |mode| {
                let (operation, implementer) = ("put if match".to_owned(), "test".to_owned());
                matches!(mode, PutMode::Update(_)).then_some(Failure::NotImplemented {
                    operation,
                    implementer,
                })
            },
            |mode| {
                let text = "Server returned non-2xx status code: 501 Not Implemented: If-Match";
                matches!(mode, PutMode::Update(_)).then(|| generic(text))
            },
        ];
        for refusal in unknown {
            let (store, objects) = refusing(refusal);
            objects.put_new("a", b"1").unwrap();
            for content in [b"2", b"3"] {
                let version = objects.get("a").unwrap().unwrap().version;
                assert!(version.e_tag.is_some());
                let overwritten = objects.overwrite("a", content, &version).unwrap();
                assert_eq!(overwritten, Overwritten::Done);
                assert_eq!(objects.get("a").unwrap().unwrap().content, content);
            }
            assert_eq!(store.refused.load(Ordering::Relaxed), 1);
        }
    }

    #[test]
    fn a_lease_that_cannot_be_written_is_an_error_that_names_it() {
        let (_, objects) = refusing(|mode| matches!(mode, PutMode::Update(_)).then(|| generic("reset")));
        objects.put_new("a", b"1").unwrap();
        let version = objects.get("a").unwrap().unwrap().version;
        let compared = objects.overwrite("a", b"2", &version).unwrap_err();
        assert_eq!(objects.get("a").unwrap().unwrap().content, b"1");
        let (_, objects) = refusing(|_| Some(generic("reset")));
        let put = objects.put_new("a", b"1").unwrap_err();
        let overwritten = objects.overwrite("a", b"2", &Version::default()).unwrap_err();
        for error in [compared, put, overwritten] {
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
            let text = error.one_line();
            assert!(text.contains("writing p/leases/a of a bucket"), "{text}");
        }
    }

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
