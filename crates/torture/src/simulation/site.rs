//! Where a repository of a history is, and how a process reaches it.

use std::io::Read;
use std::sync::Arc;

use anyhow::Result;
use object_store::client::HttpClient;
use object_store::path::Path;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::remote::{self, RemoteStore};
use stonekeep::store::{Durability, EntryKind, Key, ObjectReader, Store};

use super::bucket::{Below, Bucket};
use super::clock::SimulatedClock;
use super::machine::ClientMachine;
use super::peek::Peek;
use super::process::{Alive, OnDisk, Process, Watch};
use super::requests::Requests;
use super::signed::SignedRequests;

/// The place of one repository.
#[derive(Debug)]
pub(super) enum Site {
    /// A directory, in memory.
    Directory(MemoryStore),
    /// Below a prefix of a bucket.
    Objects(Below),
}

impl Site {
    /// A directory that is not there yet.
    pub(super) fn directory(clock: &Arc<SimulatedClock>) -> Result<Self> {
        let memory = MemoryStore::with_clock(Arc::clone(clock) as _);
        memory.create_root(Durability::Durable)?;
        Ok(Site::Directory(memory))
    }

    /// A prefix in a bucket.
    pub(super) fn objects(bucket: &Arc<Bucket>, prefix: &str) -> Self {
        Site::Objects(Below {
            bucket: Arc::clone(bucket),
            prefix: Path::from(prefix),
        })
    }

    /// Its name in counts.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Site::Directory(_) => "directory",
            Site::Objects(_) => "objects",
        }
    }

    /// The store as this process has it.
    pub(super) fn store(&self, process: &Arc<Process>, watch: Watch) -> Result<Store> {
        Ok(match self {
            Site::Directory(memory) => memory.intercepted_by(Arc::new(OnDisk {
                process: Arc::clone(process),
                watch,
            })),
            Site::Objects(below) => client(below, process, watch)?,
        })
    }

    /// What is there, seen by nobody.
    pub(super) fn peek(&self) -> &dyn Peek {
        match self {
            Site::Directory(memory) => memory,
            Site::Objects(below) => below,
        }
    }
}

/// A process's client of a bucket, with a signer.
fn client(below: &Below, process: &Arc<Process>, watch: Watch) -> Result<Store> {
    let machine = ClientMachine {
        clock: Arc::clone(&process.clock),
        schedule: Arc::clone(&process.schedule),
        number: process.number,
    };
    let requests = Requests {
        process: Arc::clone(process),
        bucket: Arc::clone(&below.bucket),
    };
    let signed = SignedRequests {
        requests: requests.clone(),
        watch,
        prefix: below.prefix.clone(),
    };
    let prefix = below.prefix.as_ref();
    let store = RemoteStore::new_on(
        Arc::new(machine),
        Arc::new(requests),
        prefix,
        &format!("bucket/{prefix}"),
    )?;
    let http = HttpClient::new(signed.clone());
    let store = Store::from(store.with_signer(Arc::new(signed), remote::SignedRequests::S3, http));
    Ok(store.intercepted_by(Arc::new(Alive(Arc::clone(process)))))
}

impl Peek for MemoryStore {
    fn content(&self, key: &str) -> Option<Arc<[u8]>> {
        let object = self.open(&Key::new(key).ok()?).ok()?;
        let mut bytes = Vec::with_capacity(object.size_bytes() as usize);
        ObjectReader::new(object.as_ref()).read_to_end(&mut bytes).ok()?;
        Some(bytes.into())
    }

    fn names(&self, directory: &str) -> Vec<String> {
        let listed = Key::new(directory).and_then(|key| self.list(Some(&key)));
        let files = listed.unwrap_or_default().into_iter();
        files
            .filter(|entry| entry.kind == EntryKind::File)
            .map(|entry| entry.name)
            .collect()
    }
}
