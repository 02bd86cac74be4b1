//! A store in HDFS, the file system of Hadoop, through the client of the crate `hdfs-native`.
//!
//! A key is a file under the path of the repository.
//!
//! - **Reading.** A file that is being read is bound to the blocks that it had when it was opened: where another one takes its
//!   place, the read fails or goes on with the old one, and never mixes them.
//! - **Writing.** A file is written under a random name, closed, and renamed to its place among the staged ones
//!   (`whole_file.rs`). So what has a name there is complete, and what a killed run has staged can be taken over, not
//!   resumed. Finishing is a rename that replaces nothing, or that replaces in one step.
//! - **One writer.** The lease has a directory that everything goes through, and that the next holder renames first (`holder.rs`).
//!   Without a lease the same happens in `stonekeep/tmp/`, unfenced.
//! - **Failing.** The client has no limit in time of its own: each call has one here. Calls that only read are repeated while the
//!   NameNode restarts or a DataNode is replaced; renames are repeated when a look has shown that they were not carried out
//!   (`rename.rs`); files are written again from their beginning.
//!
//! The client runs on threads of its own. Every function blocks, and must not be called from asynchronous code.

mod address;
mod changes;
mod client;
mod errors;
mod failure;
mod holder;
mod holding;
mod layout;
mod object;
mod rename;
mod small_files;
mod status;
mod whole_file;
mod workshop;

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hdfs_native::client::FileStatus;

use self::address::Address;
use self::changes::Changes;
use self::client::Client;
use self::errors::Cause;
use self::holding::Holding;
use self::object::HdfsObject;
use self::status::{entry, modified};
use super::contract::{Backend, Lease};
use super::lease::Times;
use super::promise::Promise;
use super::stop::Stop;
use super::{
    Detail, Durability, Entry, Key, Leftover, LockWait, NotDeleted, Object, Parallelism, Persist, PinState,
    Place, Put, PutContent, PutMode, Room, Stat, Store, StoreTraits, SweptUploads, Upload, UploadSweep,
    Uploads,
};
use crate::{Error, ErrorKind, Result, Warning};

/// How many calls at a time: they wait for disks and for the NameNode, not for the processor.
const CALLS: usize = 64;

/// A repository in HDFS. See the [module](self).
#[derive(Debug)]
pub struct HdfsStore {
    place: Place,
    client: Arc<Client>,
    changes: Changes,
    holding: Holding,
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
        let (display, stop) = (address.display(), Stop::default());
        let holding = Holding::new(address.clone(), stop.clone());
        let client = Arc::new(Client::new(address, stop)?);
        Ok(HdfsStore {
            changes: Changes::new(Arc::clone(&client)),
            client,
            holding,
            place: Place {
                identity: display.clone(),
                display,
                directory: None,
            },
        })
    }

    /// Gives up waiting for HDFS a few seconds after this says yes: a call that is under way then may have been carried out. An
    /// [`Observer`](crate::Observer) is asked between calls only.
    #[must_use]
    pub fn with_stop(self, should_stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.client.stop().ask(should_stop);
        self
    }

    /// Makes the directory of the URL if it is not there, as the first backup does. So the directories between a place that several
    /// repositories share and one of them can be made.
    ///
    /// # Errors
    /// `NotFound` if the directory above is not there.
    pub fn create_directory(&self) -> Result<()> {
        self.create_root(Durability::Durable)
    }

    fn path(&self, key: Option<&Key>) -> String {
        match (key, self.client.address().path.as_str()) {
            (Some(key), _) => self.client.path(key.as_str()),
            (None, "") => "/".to_owned(),
            (None, root) => root.to_owned(),
        }
    }

    /// The error for a root that is a file.
    fn is_a_file(&self) -> Error {
        let cause = io::Error::from(io::ErrorKind::NotADirectory);
        Error::io(format!("{} is a file", self.place.display), cause)
            .with_hint("a repository is a directory: check the path")
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

    /// Another period of the lease than 10 minutes, at least a second and at most a day. All other times of leases and pins are
    /// parts of it. Every process that uses the repository must have the same one.
    ///
    /// # Errors
    /// `InvalidArgument` for another time.
    pub fn with_lease_period(mut self, period: Duration) -> Result<Self> {
        self.holding.set_times(Times::of_period(period)?);
        Ok(self)
    }
}

impl From<HdfsStore> for Store {
    fn from(store: HdfsStore) -> Self {
        Store::of(store)
    }
}

/// The key as messages name it, before "of" and the place.
fn shown(key: Option<&Key>) -> &str {
    key.map_or("the root", Key::as_str)
}

impl Backend for HdfsStore {
    fn place(&self) -> &Place {
        &self.place
    }

    fn traits(&self) -> StoreTraits {
        StoreTraits {
            uploads: Uploads::Staged,
            lists: true,
        }
    }

    fn parallelism(&self) -> Parallelism {
        Parallelism::Fixed(CALLS)
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

    fn exists(&self) -> Result<bool> {
        let found = self.status(None)?;
        match found {
            Some(status) if !status.isdir => Err(self.is_a_file()),
            found => Ok(found.is_some()),
        }
    }

    fn create_root(&self, _: Durability) -> Result<()> {
        let (path, mode) = (self.path(None), self.changes.workshop.directory_mode());
        let made = self.client.ask("making the root", async |native| {
            native.mkdirs(&path, mode, false).await
        });
        match made {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let message = format!(
                    "{}: the directory that the repository is to be in does not exist",
                    self.place.display
                );
                let hint = "check the path, or make that directory (hdfs dfs -mkdir -p)";
                Err(Error::not_found(message).with_hint(hint))
            }
            made => made,
        }
    }

    fn limit_modes(&self, directory_mode: u32) {
        self.changes.workshop.limit_modes(directory_mode);
    }

    fn list(&self, at: Option<&Key>, _: Detail, each: &mut dyn FnMut(Entry)) -> Result<()> {
        let path = self.path(at);
        let doing = format!("listing {}", shown(at));
        let listing = self
            .client
            .look(&doing, async |native| native.list_status(&path, false).await);
        let entries = match listing {
            Ok(entries) => entries,
            Err(failure) if failure.cause() == Cause::Absent => return Ok(()),
            Err(failure) if failure.cause() == Cause::NotADirectory => {
                return Err(match at {
                    Some(key) => Error::corrupt(key.as_str(), "a part of this path is a file"),
                    None => self.client.explain(&doing, &failure),
                });
            }
            Err(failure) => return Err(self.client.explain(&doing, &failure)),
        };
        // The listing of a file is the file itself.
        if entries.iter().any(|status| status.path == path) {
            return Err(match at {
                Some(key) => Error::corrupt(key.as_str(), "it is no directory"),
                None => self.is_a_file(),
            });
        }
        entries.iter().map(entry).for_each(each);
        Ok(())
    }

    fn list_below(&self, _: &Key, _: &mut dyn FnMut(Key, Stat)) -> Result<bool> {
        Ok(false)
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

    fn put(&self, _: &str, key: &Key, content: PutContent<'_>, mode: PutMode, _: Durability) -> Result<Put> {
        self.changes.put(key, content, mode)
    }

    fn now(&self) -> Option<SystemTime> {
        Some(self.changes.workshop.keeper()?.store_now())
    }

    fn upload(&self, run: &str, key: &Key, content: &mut dyn Read, _: u64, _: PutMode) -> Result<Upload> {
        self.changes.upload(run, key, content)
    }

    fn record(&self, run: &str, name: &Key, content: &mut dyn Read) -> Result<Upload> {
        self.changes.upload(run, name, content)
    }

    fn resume(&self, upload: &Upload, _: &str, _: &mut dyn Read, _: u64) -> Result<Upload> {
        let message = format!("{} is complete: uploads to HDFS are not resumed", upload.key);
        Err(Error::refused(message))
    }

    fn upload_clone(&self, _: &str, _: &Key, _: &File, _: u64) -> Result<Option<Upload>> {
        Ok(None)
    }

    fn open_upload(&self, upload: &Upload) -> Result<Box<dyn Object>> {
        Ok(Box::new(self.changes.open(upload)?))
    }

    fn finish(
        &self,
        uploads: Vec<(Upload, Key)>,
        mode: PutMode,
        _: Durability,
    ) -> Result<Vec<(Upload, Key)>> {
        self.changes.finish(uploads, mode)
    }

    /// Each DataNode of a file's replicas has acknowledged it when it was closed, and the NameNode logs a change before it
    /// answers.
    fn persist(&self, what: Persist<'_>) -> Result<()> {
        match what {
            Persist::Files(keys) => self.changes.require_there(keys),
            Persist::Uploads(_) | Persist::Names(_) => Ok(()),
        }
    }

    fn leftovers(&self) -> Result<Vec<Leftover>> {
        self.changes.workshop.leftovers()
    }

    fn discard(&self, run: &str) -> Result<()> {
        self.changes.workshop.discard(run)
    }

    fn delete(&self, keys: &[Key]) -> Vec<NotDeleted> {
        self.changes.delete(keys)
    }

    /// Renames fence them.
    fn require_collectable(&self) -> Result<()> {
        Ok(())
    }

    fn lease(&self, wait: LockWait, holder: &str, should_stop: &dyn Fn() -> bool) -> Result<Box<dyn Lease>> {
        self.holding
            .take(&self.changes.workshop, wait, holder, should_stop)
    }

    fn pin(&self, directory: &Key, content: &[u8]) -> Result<(Key, Box<dyn Lease>)> {
        self.holding.pin(directory, content)
    }

    /// There are no such uploads.
    fn sweep_uploads(&self, _: Duration, _: UploadSweep) -> Result<SweptUploads> {
        Ok(SweptUploads::default())
    }

    fn sweep_pin(&self, key: &Key, should_stop: &dyn Fn() -> bool) -> Result<PinState> {
        let keeper = self.changes.workshop.keeper();
        self.holding.sweep_pin(keeper.as_deref(), key, should_stop)
    }
}
