//! A repository at a plain web server: files are read by their names, nothing can be listed, nothing is changed.
//!
//! Any server that answers GET and HEAD will do. One without ranges is asked for a file from its beginning again when it is
//! read from another place. A file is bound to its ETag, or its time where the server has no ETags, and its size.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use object_store::ClientConfigKey;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use url::Url;

use super::attempts;
use super::client::Client;
use super::limits::Limits;
use super::object::RemoteObject;
use super::traffic::Traffic;
use super::trust;
use super::url as place_url;
use crate::store::contract::{Backend, Lease};
use crate::store::promise::Promise;
use crate::store::{
    Detail, Durability, Entry, Key, Leftover, LockWait, NotDeleted, Object, Parallelism, Persist, PinState,
    Place, Put, PutContent, PutMode, Room, Stat, Store, StoreTraits, SweptUploads, Upload, UploadSweep,
    Uploads,
};
use crate::{Error, ErrorKind, Result, Warning};

/// As many as browsers have to one server.
const REQUESTS: usize = 6;

/// A repository at a web server, read only. See the module.
#[derive(Debug)]
pub struct WebStore {
    place: Place,
    client: Arc<Client>,
    limits: Limits,
}

impl WebStore {
    /// The repository at `https://HOST/PATH`, or `http://HOST/PATH` with the option `allow_http=true`. A query, such as a
    /// signature that is valid for the whole directory, goes with every request, and is in no message. `options` are those of
    /// the crate `object_store` for HTTP clients, such as `proxy_url`, and `ca_bundle`, a file of certificates to trust.
    ///
    /// # Errors
    /// `InvalidArgument` for another URL or an unknown option. The server is not contacted.
    pub fn open(url: &str, options: &[(String, String)]) -> Result<Self> {
        let parsed = Url::parse(url).map_err(|error| place_url::invalid(url, &error))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            let reason = "a user and a password are not supported";
            return Err(place_url::invalid(url, &reason));
        }
        let allowed =
            |(name, value): &(String, String)| name.eq_ignore_ascii_case("allow_http") && value == "true";
        if parsed.scheme() == "http" && !options.iter().any(allowed) {
            let reason = "nothing protects what is read over http";
            return Err(place_url::invalid(url, &reason).with_hint(
                "use https, or accept it with the option allow_http=true (--store-option allow_http=true)",
            ));
        }
        let (limits, options) = &Limits::take(options)?;
        let (options, trust) = &trust::take(options)?;
        let builder = HttpBuilder::new()
            .with_client_options(trust.clone())
            .with_retry(attempts::of_reads())
            .with_url(url)
            .with_http_connector(Traffic::new(*limits));
        let set = |builder: HttpBuilder, key: ClientConfigKey, value: String| builder.with_config(key, value);
        let builder = place_url::with_options(builder, options, set)?;
        let store = builder
            .build()
            .map_err(|error| place_url::contradiction(url, error))?;
        let display = place_url::shown(&parsed);
        Ok(WebStore {
            limits: *limits,
            client: Arc::new(Client::new(Arc::new(store), display.clone())?),
            place: Place {
                identity: display.clone(),
                display,
                directory: None,
            },
        })
    }

    /// As [`RemoteStore::with_stop`](super::RemoteStore::with_stop).
    #[must_use]
    pub fn with_stop(self, should_stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.client.stop().ask(should_stop);
        self
    }

    fn read_only<T>(&self) -> Result<T> {
        Err(self.is_read_only())
    }

    fn is_read_only(&self) -> Error {
        let message = format!("{} is a web server, and can only be read", self.place.display);
        Error::new(ErrorKind::Unsupported, message)
            .with_hint("back up into the place that the server reads its files from")
    }
}

impl From<WebStore> for Store {
    fn from(store: WebStore) -> Self {
        Store::of(store)
    }
}

fn path(key: &Key) -> Result<Path> {
    Path::parse(key.as_str())
        .map_err(|error| Error::invalid(format!("a web server has no such file: {error}")))
}

impl Backend for WebStore {
    fn place(&self) -> &Place {
        &self.place
    }

    fn traits(&self) -> StoreTraits {
        StoreTraits {
            uploads: Uploads::Named,
            lists: false,
        }
    }

    fn parallelism(&self) -> Parallelism {
        Parallelism::Fixed(REQUESTS.min(self.limits.max_requests))
    }

    fn examine(&self, _: &Key, _: &dyn Fn() -> bool) -> Result<Vec<Promise>> {
        Ok(Vec::new())
    }

    fn warnings(&self) -> Vec<Warning> {
        Vec::new()
    }

    fn room(&self) -> Room {
        Room::default()
    }

    fn now(&self) -> Option<SystemTime> {
        None
    }

    /// A directory of a web server is seen in its files alone.
    fn exists(&self) -> Result<bool> {
        Ok(true)
    }

    fn create_root(&self, _: Durability) -> Result<()> {
        self.read_only()
    }

    fn limit_modes(&self, _: u32) {}

    fn list(&self, _: Option<&Key>, _: Detail, _: &mut dyn FnMut(Entry)) -> Result<()> {
        let message = format!("{} is a web server, and cannot be listed", self.place.display);
        Err(Error::new(ErrorKind::Unsupported, message)
            .with_hint("name one backup by its id, or latest: show, verify and restore need no listing then"))
    }

    fn list_below(&self, _: &Key, _: &mut dyn FnMut(Key, Stat)) -> Result<bool> {
        Ok(false)
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        self.client.stat(key, &path(key)?)
    }

    fn open(&self, key: &Key) -> Result<Box<dyn Object>> {
        Ok(Box::new(RemoteObject::open(
            Arc::clone(&self.client),
            path(key)?,
        )?))
    }

    fn put(&self, _: &str, _: &Key, _: PutContent<'_>, _: PutMode, _: Durability) -> Result<Put> {
        self.read_only()
    }

    fn upload(&self, _: &str, _: &Key, _: &mut dyn Read, _: u64, _: PutMode) -> Result<Upload> {
        self.read_only()
    }

    fn record(&self, _: &str, _: &Key, _: &mut dyn Read) -> Result<Upload> {
        self.read_only()
    }

    fn resume(&self, _: &Upload, _: &str, _: &mut dyn Read, _: u64) -> Result<Upload> {
        self.read_only()
    }

    fn upload_clone(&self, _: &str, _: &Key, _: &File, _: u64) -> Result<Option<Upload>> {
        self.read_only()
    }

    fn open_upload(&self, _: &Upload) -> Result<Box<dyn Object>> {
        self.read_only()
    }

    fn finish(&self, _: Vec<(Upload, Key)>, _: PutMode, _: Durability) -> Result<Vec<(Upload, Key)>> {
        self.read_only()
    }

    fn persist(&self, _: Persist<'_>) -> Result<()> {
        self.read_only()
    }

    fn leftovers(&self) -> Result<Vec<Leftover>> {
        Ok(Vec::new())
    }

    fn discard(&self, _: &str) -> Result<()> {
        self.read_only()
    }

    fn delete(&self, keys: &[Key]) -> Vec<NotDeleted> {
        let refused = |key: &Key| NotDeleted {
            key: key.clone(),
            error: self.is_read_only(),
        };
        keys.iter().map(refused).collect()
    }

    fn require_collectable(&self) -> Result<()> {
        self.read_only()
    }

    fn lease(&self, _: LockWait, _: &str, _: &dyn Fn() -> bool) -> Result<Box<dyn Lease>> {
        self.read_only()
    }

    fn pin(&self, _: &Key, _: &[u8]) -> Result<(Key, Box<dyn Lease>)> {
        self.read_only()
    }

    /// There are no such uploads.
    fn sweep_uploads(&self, _: Duration, _: UploadSweep) -> Result<SweptUploads> {
        Ok(SweptUploads::default())
    }

    fn sweep_pin(&self, _: &Key, _: &dyn Fn() -> bool) -> Result<PinState> {
        self.read_only()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No server is contacted: a change is refused before.
    #[test]
    fn each_change_is_refused_with_where_to_make_it() {
        let allowed = ("allow_http".to_owned(), "true".to_owned());
        let store = WebStore::open("http://127.0.0.1:1/repository", &[allowed]).unwrap();
        let (key, never) = (Key::trusted("meta/1"), || false);
        let upload = Upload {
            run: "run".to_owned(),
            key: key.clone(),
            size_bytes: 1,
        };
        let (content, durable) = (PutContent::Bytes(b"x"), Durability::Durable);
        let refused = [
            store.create_root(durable).err(),
            store.put("run", &key, content, PutMode::IfAbsent, durable).err(),
            store
                .upload("run", &key, &mut &b"x"[..], 1, PutMode::IfAbsent)
                .err(),
            store.record("run", &key, &mut &b"x"[..]).err(),
            store.resume(&upload, "run", &mut &b"x"[..], 1).err(),
            store
                .upload_clone("run", &key, &tempfile::tempfile().unwrap(), 1)
                .err(),
            store.open_upload(&upload).err(),
            store
                .finish(vec![(upload.clone(), key.clone())], PutMode::IfAbsent, durable)
                .err(),
            store.persist(Persist::Names(std::slice::from_ref(&key))).err(),
            store.discard("run").err(),
            store.require_collectable().err(),
            store.lease(LockWait::Fail, "holder", &never).err(),
            store.pin(&key, b"x").err(),
            store.sweep_pin(&key, &never).err(),
            store
                .delete(std::slice::from_ref(&key))
                .pop()
                .map(|not| not.error),
        ];
        for (at, error) in refused.into_iter().enumerate() {
            let error = error.unwrap_or_else(|| panic!("number {at} was not refused"));
            assert_eq!(error.kind(), ErrorKind::Unsupported, "number {at}");
            assert!(error.to_string().contains("can only be read"), "{error}");
            assert_eq!(
                error.hint(),
                Some("back up into the place that the server reads its files from")
            );
        }
        let listed = store.list(None, Detail::Names, &mut |_| {}).unwrap_err();
        assert!(listed.to_string().contains("cannot be listed"), "{listed}");
        assert!(!store.list_below(&key, &mut |_, _| {}).unwrap());
    }

    /// A server of files says none of it, and is not asked: nothing listens there.
    #[test]
    fn what_a_server_of_files_cannot_tell_is_not_known() {
        let allowed = ("allow_http".to_owned(), "true".to_owned());
        let store = WebStore::open("http://127.0.0.1:1/repository", &[allowed]).unwrap();
        let (directory, never) = (Key::trusted("stonekeep/check"), || false);
        assert!(store.exists().unwrap(), "it is seen in its files alone");
        assert_eq!(store.room(), Room::default());
        assert_eq!(store.now(), None);
        assert!(store.examine(&directory, &never).unwrap().is_empty());
        assert!(store.leftovers().unwrap().is_empty() && store.warnings().is_empty());
        let swept = store.sweep_uploads(Duration::ZERO, UploadSweep::Abort).unwrap();
        assert_eq!(swept.aborted, 0);
    }
}
