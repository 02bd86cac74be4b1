//! A store in an object store: S3, Google Cloud Storage, Azure Blob Storage, or any other client of the crate `object_store`.
//!
//! Files are written under their final keys (`upload`). While the lease is held (`holding.rs`), each put and each deletion goes
//! through a fence (`fence.rs`); uploads do not, since no reader looks at them before a put names them.
//!
//! A key is an object under the prefix of the repository; a directory is a common prefix. Objects of other tools are passed
//! over: markers that end with `/`, and names that no [`Key`] can have. An object that is being read is bound to the ETag
//! that it had when it was opened: another one under its key is an error, never a mixture.
//!
//! The asynchronous client runs on threads of its own. Every function blocks, and must not be called from asynchronous code.

mod ahead;
mod answer;
#[cfg(test)]
mod answering;
mod attempts;
mod client;
mod climb;
mod concurrency;
mod credentials;
mod encryption;
mod errors;
mod fence;
mod first_contact;
mod headers;
mod holding;
mod lease_objects;
mod limits;
mod listing;
mod object;
mod paths;
mod probe;
mod provider;
mod ranges;
mod region;
mod said;
mod signed;
mod traffic;
mod trust;
mod under_lease;
mod upload;
mod url;
mod web;
mod whole;

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use object_store::ObjectStore;
use object_store::multipart::MultipartStore;
use object_store::path::Path;

use self::client::Client;
pub use self::credentials::{CredentialSource, Credentials};
use self::fence::Sender;
use self::holding::Holding;
use self::limits::Limits;
use self::listing::Listings;
use self::object::RemoteObject;
use self::paths::Paths;
use self::provider::Clients;
pub use self::signed::SignedRequests;
use self::upload::{Sessions, Writer};
use self::url::Opened;
pub use self::web::WebStore;
use super::contract::{Backend, Lease};
use super::lease::Times;
use super::machine::Machine;
use super::promise::Promise;
use super::staging::record_key;
use super::stop::Stop;
use super::{
    Detail, Durability, Entry, Key, Leftover, LockWait, NotDeleted, Object, Parallelism, Persist, PinState,
    Place, Put, PutContent, PutMode, Room, Stat, Store, StoreTraits, SweptUploads, Upload, UploadSweep,
    Uploads,
};
use crate::{Clock, Error, Result, SystemClock, Warning};

/// How many files at a time: they wait for the network alone. How many requests these send at a time is found out.
const FILES: usize = 128;

/// A repository in an object store. See the [module](self).
#[derive(Debug)]
pub struct RemoteStore {
    place: Place,
    paths: Paths,
    client: Arc<Client>,
    listings: Listings,
    writer: Writer,
    holding: Holding,
    limits: Limits,
}

impl RemoteStore {
    /// The repository at a URL: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`.
    ///
    /// `options` are credentials, endpoint, region and the like, each named as the crate `object_store` names it, such as
    /// `aws_region`, or [`ca_bundle`](RemoteStore::has_option), a file of certificates in PEM to trust besides the system's. Without
    /// credentials, those of the container or of the instance are used. No environment variable is read. Without a region, S3 is
    /// asked for that of the bucket; nothing else is asked for before the store is used.
    ///
    /// # Errors
    /// `InvalidArgument` for another URL, an unknown option, or settings that contradict each other.
    pub fn open(url: &str, options: &[(String, String)]) -> Result<Self> {
        RemoteStore::build(url::open(url, options, None)?)
    }

    /// The same with credentials from a source, which may end while they are used.
    ///
    /// # Errors
    /// As [`RemoteStore::open`]; `InvalidArgument` also for what is not S3.
    pub fn open_with_credentials(
        url: &str,
        options: &[(String, String)],
        credentials: Arc<dyn CredentialSource>,
    ) -> Result<Self> {
        RemoteStore::build(url::open(url, options, Some(credentials))?)
    }

    /// Whether a store of this URL has an option of this name, which is that of the provider's variable in lower case.
    pub fn has_option(url: &str, name: &str) -> bool {
        url::has_option(url, name)
    }

    /// The repository under a prefix of any other client of the crate `object_store`. `identity` names the place, without
    /// credentials: it is equal for two stores that are one place, and is shown in messages.
    ///
    /// # Errors
    /// `InvalidArgument` for a prefix that is no path, and I/O errors if no thread can be started.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str, identity: &str) -> Result<Self> {
        RemoteStore::of_client(store, prefix, identity, None)
    }

    /// The same on another machine than this one, for simulations of several. It starts no threads: requests run on the threads
    /// that wait for them.
    ///
    /// # Errors
    /// As [`RemoteStore::new`].
    pub fn new_on(
        machine: Arc<dyn Machine>,
        store: Arc<dyn ObjectStore>,
        prefix: &str,
        identity: &str,
    ) -> Result<Self> {
        RemoteStore::of_client(store, prefix, identity, Some(machine))
    }

    fn of_client(
        store: Arc<dyn ObjectStore>,
        prefix: &str,
        identity: &str,
        machine: Option<Arc<dyn Machine>>,
    ) -> Result<Self> {
        let parsed = Path::parse(prefix);
        let prefix = parsed.map_err(|error| Error::invalid(format!("{prefix:?} is not a path: {error}")))?;
        RemoteStore::build(Opened {
            machine,
            new_client: Box::new({
                let store = Arc::clone(&store);
                move || Ok(Arc::clone(&store))
            }),
            clients: Clients {
                reads: Arc::clone(&store),
                writes: Arc::clone(&store),
                lists_in_order: false,
                sender: Sender::Plain {
                    store: Arc::clone(&store),
                    used_by_one_process: false,
                },
                sessions: Sessions::ByHandle(store),
            },
            times: Times::default(),
            prefix,
            display: identity.to_owned(),
            limits: Limits::default(),
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
        let Clients {
            reads,
            writes,
            lists_in_order,
            sessions,
            sender,
        } = opened.clients;
        let client = Client::of(reads, display.clone(), Stop::default(), opened.machine)?;
        let client = Arc::new(client);
        let paths = Paths::new(opened.prefix);
        let new_client = opened.new_client;
        Ok(RemoteStore {
            writer: Writer::new(Arc::clone(&client), paths.clone(), writes, sessions),
            holding: Holding::new(&client, paths.clone(), new_client, sender, opened.times),
            listings: Listings::new(Arc::clone(&client), paths.clone(), lists_in_order),
            client,
            paths,
            limits: opened.limits,
            place: Place {
                identity: display.clone(),
                display,
                directory: None,
            },
        })
    }
}

impl From<RemoteStore> for Store {
    fn from(store: RemoteStore) -> Self {
        Store::of(store)
    }
}

impl Backend for RemoteStore {
    fn place(&self) -> &Place {
        &self.place
    }

    fn traits(&self) -> StoreTraits {
        StoreTraits {
            uploads: Uploads::Named,
            lists: true,
        }
    }

    fn parallelism(&self) -> Parallelism {
        Parallelism::Fixed(FILES.min(self.limits.max_requests))
    }

    fn examine(&self, below: &Key, should_stop: &dyn Fn() -> bool) -> Result<Vec<Promise>> {
        self.probe(below, should_stop)
    }

    fn warnings(&self) -> Vec<Warning> {
        Vec::new()
    }

    fn room(&self) -> Room {
        Room::default()
    }

    fn exists(&self) -> Result<bool> {
        self.listings.is_any()
    }

    fn create_root(&self, _: Durability) -> Result<()> {
        Ok(())
    }

    fn limit_modes(&self, _: u32) {}

    fn list(&self, at: Option<&Key>, detail: Detail, each: &mut dyn FnMut(Entry)) -> Result<()> {
        let listed = self.listings.directory(at)?;
        if detail == Detail::AsUploaded {
            self.writer.require_as_uploaded(&listed.objects)?;
        }
        listed.entries().for_each(each);
        Ok(())
    }

    fn list_below(&self, directory: &Key, each: &mut dyn FnMut(Key, Stat)) -> Result<bool> {
        self.listings.below(directory, each)?;
        Ok(true)
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        self.client.stat(key, &self.paths.of(Some(key))?)
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
        let fence = self.holding.fence(&self.client);
        self.writer.put(run, key, content, mode, fence.as_ref())
    }

    fn now(&self) -> Option<SystemTime> {
        self.holding.now()
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
        let fence = self.holding.fence(&self.client);
        self.writer.discard(run, fence.as_ref())
    }

    fn delete(&self, keys: &[Key]) -> Vec<NotDeleted> {
        self.writer
            .delete(keys, self.holding.fence(&self.client).as_ref())
    }

    fn sweep_uploads(&self, min_age: Duration, sweep: UploadSweep) -> Result<SweptUploads> {
        let Some(signed) = self.holding.signed() else {
            return Ok(SweptUploads::default());
        };
        let now = self.now().unwrap_or_else(|| SystemClock.now());
        let fence = self.holding.fence(&self.client);
        self.writer
            .sweep_unmarked(signed, fence.as_ref(), now, min_age, sweep)
    }

    fn require_collectable(&self) -> Result<()> {
        self.holding.require_collectable()
    }

    fn lease(&self, wait: LockWait, holder: &str, should_stop: &dyn Fn() -> bool) -> Result<Box<dyn Lease>> {
        self.holding.take(wait, holder, should_stop)
    }

    fn pin(&self, directory: &Key, content: &[u8]) -> Result<(Key, Box<dyn Lease>)> {
        self.holding.pin(directory, content)
    }

    fn sweep_pin(&self, key: &Key, should_stop: &dyn Fn() -> bool) -> Result<PinState> {
        self.holding.sweep_pin(key, should_stop)
    }
}
