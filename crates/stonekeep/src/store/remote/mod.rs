//! A store in an object store: S3, Google Cloud Storage, Azure Blob Storage, or any other client of the crate `object_store`.
//!
//! Files are written under their final keys ([`upload`]). There is no lease yet, so that backups can be listed, verified and
//! restored, but not made: taking a lease or a pin ends with [`ErrorKind::Unsupported`].
//!
//! A key is an object under the prefix of the repository; a directory is a common prefix. Objects of other tools are passed
//! over: markers that end with `/`, and names that no [`Key`] can have. An object that is being read is bound to the ETag
//! that it had when it was opened: another one under its key is an error, never a mixture.
//!
//! The asynchronous client runs on threads of its own. Every function blocks, and must not be called from asynchronous code.

mod ahead;
mod client;
mod errors;
mod object;
mod paths;
mod ranges;
mod upload;
mod url;
mod web;

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::time::SystemTime;

use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{GetOptions, ListResult, ObjectMeta, ObjectStore};

use self::client::Client;
use self::object::RemoteObject;
use self::paths::Paths;
use self::upload::{Sessions, Writer};
use self::url::Opened;
pub use self::web::WebStore;
use super::contract::{Backend, Lease};
use super::staging::record_key;
use super::{
    Detail, Durability, Entry, EntryKind, Key, Leftover, LockWait, NotDeleted, Object, Parallelism, Persist,
    PinState, Place, Put, PutContent, PutMode, Room, Stat, Store, StoreTraits, Upload, Uploads,
};
use crate::{Error, ErrorKind, Result, Warning};

/// How many requests at a time: they wait for the network, not for the processor.
const REQUESTS: usize = 16;

/// A repository in an object store, read only. See the [module](self).
#[derive(Debug)]
pub struct RemoteStore {
    place: Place,
    paths: Paths,
    client: Arc<Client>,
    writer: Writer,
}

impl RemoteStore {
    /// The repository at a URL: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`.
    ///
    /// Credentials, endpoint and region are read from the environment variables of the provider (`AWS_…`, `GOOGLE_…`,
    /// `AZURE_…`); `options` replace them, each named as the crate `object_store` names it, such as `aws_region`.
    ///
    /// # Errors
    /// `InvalidArgument` for another URL, an unknown option, or settings that contradict each other. The store is not
    /// contacted.
    pub fn open(url: &str, options: &[(String, String)]) -> Result<Self> {
        RemoteStore::build(url::open(url, options)?)
    }

    /// The repository under a prefix of any other client of the crate `object_store`. `identity` names the place, without
    /// credentials: it is equal for two stores that are one place, and is shown in messages.
    ///
    /// # Errors
    /// `InvalidArgument` for a prefix that is no path, and I/O errors if no thread can be started.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str, identity: &str) -> Result<Self> {
        let parsed = Path::parse(prefix);
        let prefix = parsed.map_err(|error| Error::invalid(format!("{prefix:?} is not a path: {error}")))?;
        RemoteStore::build(Opened {
            reads: Arc::clone(&store),
            writes: Arc::clone(&store),
            sessions: Sessions::ByHandle(store),
            prefix,
            display: identity.to_owned(),
        })
    }

    /// Gives large files by the requests of multipart uploads, so that a completion is sent once, and what a killed process has
    /// left can be removed. `multipart` is the same client, and repeats no request by itself.
    #[must_use]
    pub fn with_multipart(mut self, multipart: Arc<dyn MultipartStore>) -> Self {
        self.writer.set_sessions(Sessions::ById(multipart));
        self
    }

    fn build(opened: Opened) -> Result<Self> {
        let display = opened.display;
        let client = Arc::new(Client::new(opened.reads, display.clone())?);
        let paths = Paths::new(opened.prefix);
        Ok(RemoteStore {
            writer: Writer::new(Arc::clone(&client), paths.clone(), opened.writes, opened.sessions),
            client,
            paths,
            place: Place {
                identity: display.clone(),
                display,
                directory: None,
            },
        })
    }

    fn list_path(&self, directory: Option<&Key>) -> Result<ListResult> {
        let path = self.paths.of(directory)?;
        let store = Arc::clone(self.client.store());
        let prefix = path.clone();
        let listing = async move { store.list_with_delimiter(Some(&prefix)).await };
        self.client.run(&format!("listing {path}"), listing)
    }

    fn read_only<T>(&self) -> Result<T> {
        Err(read_only(&self.place.display))
    }
}

impl From<RemoteStore> for Store {
    fn from(store: RemoteStore) -> Self {
        Store::of(store)
    }
}

fn read_only(place: &str) -> Error {
    let message = format!("{place} is an object store, and Stonekeep cannot write to object stores yet");
    Error::new(ErrorKind::Unsupported, message)
        .with_hint("back up into a directory, and copy the directory to the object store with another tool")
}

/// The entry of an object; `None` for markers and for names that no key can have.
fn file(object: &ObjectMeta) -> Option<Entry> {
    let name = object.location.filename().filter(|name| Key::is_legal(name))?;
    Some(Entry {
        name: name.to_owned(),
        kind: EntryKind::File,
        size_bytes: object.size,
        modified: Some(SystemTime::from(object.last_modified)),
    })
}

fn directory(prefix: &Path) -> Option<Entry> {
    let name = prefix.filename().filter(|name| Key::is_legal(name))?;
    Some(Entry {
        name: name.to_owned(),
        kind: EntryKind::Directory,
        size_bytes: 0,
        modified: None,
    })
}

impl Backend for RemoteStore {
    fn place(&self) -> &Place {
        &self.place
    }

    fn traits(&self) -> StoreTraits {
        StoreTraits {
            parallelism: Parallelism::Fixed(REQUESTS),
            uploads: Uploads::Named,
            lists: true,
        }
    }

    fn warnings(&self) -> Vec<Warning> {
        Vec::new()
    }

    fn room(&self) -> Room {
        Room::default()
    }

    /// An object store has no empty directories: the root is there if anything is in it.
    fn exists(&self) -> Result<bool> {
        let found = self.list_path(None)?;
        Ok(!found.objects.is_empty() || !found.common_prefixes.is_empty())
    }

    fn create_root(&self, _: Durability) -> Result<()> {
        Ok(())
    }

    fn limit_modes(&self, _: u32) {}

    fn list(&self, at: Option<&Key>, _: Detail, each: &mut dyn FnMut(Entry)) -> Result<()> {
        let found = self.list_path(at)?;
        found
            .common_prefixes
            .iter()
            .filter_map(directory)
            .for_each(&mut *each);
        found.objects.iter().filter_map(file).for_each(each);
        Ok(())
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        let path = self.paths.of(Some(key))?;
        let store = Arc::clone(self.client.store());
        let head = async move { store.get_opts(&path, GetOptions::new().with_head(true)).await };
        match self.client.run(&format!("asking for {key}"), head) {
            Ok(found) => Ok(Some(Stat {
                size_bytes: found.meta.size,
                modified: Some(SystemTime::from(found.meta.last_modified)),
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open(&self, key: &Key) -> Result<Box<dyn Object>> {
        let path = self.paths.of(Some(key))?;
        Ok(Box::new(RemoteObject::open(Arc::clone(&self.client), path)?))
    }

    /// A put that was acknowledged is durable.
    fn put(
        &self,
        run: &str,
        key: &Key,
        content: PutContent<'_>,
        mode: PutMode,
        _: Durability,
    ) -> Result<Put> {
        self.writer.put(run, key, content, mode)
    }

    fn now(&self) -> Option<SystemTime> {
        None
    }

    fn upload(
        &self,
        run: &str,
        key: &Key,
        content: &mut dyn Read,
        expected_bytes: u64,
        mode: PutMode,
    ) -> Result<Upload> {
        self.writer.upload(run, key, content, expected_bytes, mode)
    }

    fn record(&self, run: &str, name: &Key, content: &mut dyn Read) -> Result<Upload> {
        self.writer.record(run, name, content)
    }

    fn resume(&self, upload: &Upload, _: &str, _: &mut dyn Read, _: u64) -> Result<Upload> {
        let key = &upload.key;
        Err(Error::refused(format!("{key}: no object can be extended")))
    }

    fn upload_clone(&self, _: &str, _: &Key, _: &File, _: u64) -> Result<Option<Upload>> {
        Ok(None)
    }

    fn open_upload(&self, upload: &Upload) -> Result<Box<dyn Object>> {
        self.open(&record_key(&upload.run, &upload.key)?)
    }

    fn finish(&self, uploads: Vec<(Upload, Key)>, _: PutMode, _: Durability) -> Result<Vec<(Upload, Key)>> {
        match uploads.iter().find(|(upload, key)| upload.key != *key) {
            None => Ok(Vec::new()),
            Some((upload, key)) => Err(Error::refused(format!(
                "{} is the name of an object already, and cannot become {key}: {} has no rename",
                upload.key, self.place.display
            ))),
        }
    }

    fn persist(&self, _: Persist<'_>) -> Result<()> {
        Ok(())
    }

    fn leftovers(&self) -> Result<Vec<Leftover>> {
        self.writer.leftovers()
    }

    fn discard(&self, run: &str) -> Result<()> {
        self.writer.discard(run)
    }

    fn delete(&self, keys: &[Key]) -> Vec<NotDeleted> {
        self.writer.delete(keys)
    }

    fn lease(&self, _: LockWait, _: &str, _: &dyn Fn() -> bool) -> Result<Box<dyn Lease>> {
        self.read_only()
    }

    fn pin(&self, _: &Key, _: &[u8]) -> Result<(Key, Box<dyn Lease>)> {
        self.read_only()
    }

    fn sweep_pin(&self, _: &Key) -> Result<PinState> {
        self.read_only()
    }
}
