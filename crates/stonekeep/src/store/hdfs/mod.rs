//! A store in HDFS, the file system of Hadoop, through the client of the crate `hdfs-native`.
//!
//! It is read only: backups can be listed, verified and restored from it. Everything that changes the store ends with
//! [`ErrorKind::Unsupported`], so that readers hold no pin.
//!
//! A key is a file under the path of the repository. A file that is being read is bound to the blocks that it had when it was
//! opened: where another one takes its place, the read fails or goes on with the old one, and never mixes them.
//!
//! The client has no limit in time of its own: each call has one here, and those that only read are repeated while the
//! NameNode restarts or a DataNode is replaced. It runs on threads of its own. Every function blocks, and must not be called
//! from asynchronous code.

mod address;
mod client;
mod errors;
mod object;

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hdfs_native::client::{FileStatus, ListStatusIterator};

use self::address::Address;
use self::client::Client;
use self::errors::Cause;
use self::object::HdfsObject;
use super::contract::{Backend, Lease};
use super::{
    Detail, Durability, Entry, EntryKind, Key, Leftover, LockWait, NotDeleted, Object, Parallelism, Persist,
    PinState, Place, Put, PutContent, PutMode, Room, Stat, Store, StoreTraits, Upload, Uploads,
};
use crate::{Error, ErrorKind, Result, Warning};

/// How many calls at a time: they wait for disks and for the NameNode, not for the processor.
const CALLS: usize = 16;

/// A repository in HDFS, read only. See the [module](self).
#[derive(Debug)]
pub struct HdfsStore {
    place: Place,
    client: Arc<Client>,
}

impl HdfsStore {
    /// The repository at a URL: `hdfs://HOST:PORT/PATH`, or `hdfs://NAMESERVICE/PATH`.
    ///
    /// `options` are `hdfs_user`, `hdfs_replication` and `hdfs_block_size`. Where they say nothing, the crate `hdfs-native`
    /// reads the files `core-site.xml` and `hdfs-site.xml` in the directory named by the environment variable
    /// `HADOOP_CONF_DIR` (or in `etc/hadoop` of `HADOOP_HOME`), and the variables `HADOOP_USER_NAME`, `HADOOP_PROXY_USER` and
    /// `HADOOP_TOKEN_FILE_LOCATION`.
    ///
    /// # Errors
    /// `InvalidArgument` for another URL, an unknown option, or a name service that the configuration does not have. The
    /// store is not contacted.
    pub fn open(url: &str, options: &[(String, String)]) -> Result<Self> {
        let address = Address::parse(url, options)?;
        let display = address.display();
        Ok(HdfsStore {
            client: Arc::new(Client::new(address)?),
            place: Place {
                identity: display.clone(),
                display,
                directory: None,
            },
        })
    }

    fn path(&self, key: Option<&Key>) -> String {
        let root = self.client.root();
        match key {
            Some(key) => format!("{root}/{key}"),
            None if root.is_empty() => "/".to_owned(),
            None => root.to_owned(),
        }
    }

    /// `None` if nothing is there.
    fn status(&self, key: Option<&Key>) -> Result<Option<FileStatus>> {
        let path = self.path(key);
        let doing = format!("asking for {}", shown(key));
        match self
            .client
            .look(&doing, async |native| native.get_file_info(&path).await)
        {
            Ok(status) => Ok(Some(status)),
            Err(failure) if failure.cause() == Cause::Absent => Ok(None),
            Err(failure) => Err(self.client.explain(&doing, &failure)),
        }
    }

    fn read_only<T>(&self) -> Result<T> {
        Err(read_only(&self.place.display))
    }
}

impl From<HdfsStore> for Store {
    fn from(store: HdfsStore) -> Self {
        Store::of(store)
    }
}

fn read_only(place: &str) -> Error {
    let message = format!("{place} is in HDFS, and Stonekeep cannot write to HDFS yet");
    Error::new(ErrorKind::Unsupported, message)
        .with_hint("back up into a directory, and copy the directory with hdfs dfs -put")
}

/// The key as messages name it, before "of" and the place.
fn shown(key: Option<&Key>) -> &str {
    key.map_or("the root", Key::as_str)
}

/// Times of HDFS are in milliseconds.
fn modified(status: &FileStatus) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(status.modification_time))
}

fn entry(status: &FileStatus) -> Entry {
    let name = status.path.rsplit('/').next().unwrap_or_default();
    let kind = match status.isdir {
        _ if !Key::is_legal(name) => EntryKind::Other,
        true => EntryKind::Directory,
        false => EntryKind::File,
    };
    Entry {
        name: name.to_owned(),
        kind,
        size_bytes: if status.isdir { 0 } else { status.length as u64 },
        modified: modified(status),
    }
}

impl Backend for HdfsStore {
    fn place(&self) -> &Place {
        &self.place
    }

    fn traits(&self) -> StoreTraits {
        StoreTraits {
            parallelism: Parallelism::Fixed(CALLS),
            uploads: Uploads::Staged,
            lists: true,
        }
    }

    fn warnings(&self) -> Vec<Warning> {
        Vec::new()
    }

    fn room(&self) -> Room {
        Room::default()
    }

    fn exists(&self) -> Result<bool> {
        let found = self.status(None)?;
        match found {
            Some(status) if !status.isdir => {
                let cause = io::Error::from(io::ErrorKind::NotADirectory);
                Err(Error::io(format!("{} is a file", self.place.display), cause))
            }
            found => Ok(found.is_some()),
        }
    }

    fn create_root(&self, _: Durability) -> Result<()> {
        self.read_only()
    }

    fn limit_modes(&self, _: u32) {}

    fn list(&self, at: Option<&Key>, _: Detail, each: &mut dyn FnMut(Entry)) -> Result<()> {
        let path = self.path(at);
        let doing = format!("listing {}", shown(at));
        let listing = self.client.look(&doing, async |native| {
            let pages = native.list_status_iter(&path, false);
            all(&pages).await
        });
        let entries = match listing {
            Ok(entries) => entries,
            Err(failure) if failure.cause() == Cause::Absent => return Ok(()),
            Err(failure) if failure.cause() == Cause::NotADirectory => {
                return Err(Error::corrupt(shown(at), "a part of this path is a file"));
            }
            Err(failure) => return Err(self.client.explain(&doing, &failure)),
        };
        // The listing of a file is the file itself.
        if entries.iter().any(|status| status.path == path) {
            return Err(Error::corrupt(shown(at), "it is no directory"));
        }
        entries.iter().map(entry).for_each(each);
        Ok(())
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        match self.status(Some(key))? {
            Some(status) if status.isdir => Err(Error::corrupt(key.as_str(), "it is a directory")),
            Some(status) => Ok(Some(Stat {
                size_bytes: status.length as u64,
                modified: modified(&status),
            })),
            None => Ok(None),
        }
    }

    fn open(&self, key: &Key) -> Result<Box<dyn Object>> {
        let path = self.path(Some(key));
        Ok(Box::new(HdfsObject::open(Arc::clone(&self.client), path, key)?))
    }

    fn put(&self, _: &str, _: &Key, _: PutContent<'_>, _: PutMode, _: Durability) -> Result<Put> {
        self.read_only()
    }

    fn now(&self) -> Option<SystemTime> {
        None
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
            error: read_only(&self.place.display),
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

    fn sweep_pin(&self, _: &Key, _: &dyn Fn() -> bool) -> Result<PinState> {
        self.read_only()
    }
}

/// Every page of a listing.
async fn all(pages: &ListStatusIterator) -> hdfs_native::Result<Vec<FileStatus>> {
    let mut found = Vec::new();
    while let Some(status) = pages.next().await {
        found.push(status?);
    }
    Ok(found)
}
