//! Runs requests of the asynchronous client on threads of its own, with a limit in time for each answer.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::attempts::{self, Attempts};
use super::errors;
use crate::store::stop::Stop;
use crate::store::{Key, Machine, Stat};
use crate::{Error, ErrorKind, Result};

/// Threads for the network. They only move bytes: checksums are computed by the callers.
const NETWORK_THREADS: usize = 2;

/// How long a request may take, its repetitions included: a listing of many pages, the begin of a body.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(180);

/// How long a body may bring no byte.
pub(super) const STALL_LIMIT: Duration = Duration::from_secs(30);

/// What all objects together may fetch before it is asked for.
const READING_BYTES: u64 = 48 << 20;
const READING_UNIT_BYTES: u64 = 1 << 10;

/// A client, and the runtime that it runs on.
pub(super) struct Client {
    store: Arc<dyn ObjectStore>,
    /// For messages; has no credentials.
    display: String,
    /// What may be fetched before it is asked for.
    reading: Arc<Semaphore>,
    /// One for each object that is read in order.
    streams: Arc<()>,
    stop: Stop,
    /// Where it runs, if that is another machine.
    machine: Option<Arc<dyn Machine>>,
    /// `None` when it is dropped only.
    runtime: Option<Runtime>,
}

impl Client {
    pub(super) fn new(store: Arc<dyn ObjectStore>, display: String) -> Result<Self> {
        Client::of(store, display, Stop::default(), None)
    }

    /// One that stops with others. For another machine it starts no threads: requests run on those that wait for them.
    pub(super) fn of(
        store: Arc<dyn ObjectStore>,
        display: String,
        stop: Stop,
        machine: Option<Arc<dyn Machine>>,
    ) -> Result<Self> {
        let mut builder = match &machine {
            Some(_) => Builder::new_current_thread(),
            None => Builder::new_multi_thread(),
        };
        if machine.is_none() {
            builder
                .worker_threads(NETWORK_THREADS)
                .thread_name("stonekeep-net")
                .enable_io();
        }
        let runtime = builder
            .enable_time()
            .build()
            .map_err(|error| Error::io("starting threads for the network", error))?;
        Ok(Client {
            store,
            display,
            reading: Arc::new(Semaphore::new((READING_BYTES / READING_UNIT_BYTES) as usize)),
            streams: Arc::new(()),
            stop,
            machine,
            runtime: Some(runtime),
        })
    }

    pub(super) fn display(&self) -> &str {
        &self.display
    }

    /// Where it runs, if that is another machine.
    pub(super) fn machine(&self) -> Option<&Arc<dyn Machine>> {
        self.machine.as_ref()
    }

    /// The attempts at a request that is made several times outside of one wait.
    pub(super) fn attempts(&self) -> Attempts {
        Attempts::on(self.machine.clone())
    }

    /// What tells whether to stop.
    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    pub(super) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Waits for the answer to a request.
    pub(super) fn run<T>(
        &self,
        doing: &str,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T> {
        self.within(doing, ANSWER_LIMIT, request)
    }

    /// Waits for the answer to a request that reads, which is made again where the answer was none.
    pub(super) fn read<T, R>(&self, doing: &str, request: impl FnMut() -> R) -> Result<T>
    where
        R: Future<Output = object_store::Result<T>>,
    {
        self.run(doing, attempts::read(request))
    }

    /// Size and age of an object; `None` if there is none.
    pub(super) fn stat(&self, key: &Key, path: &Path) -> Result<Option<Stat>> {
        let head = || self.store.get_opts(path, GetOptions::new().with_head(true));
        match self.read(&format!("asking for {key}"), head) {
            Ok(found) => Ok(Some(stat(&found.meta))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits for the next bytes of a body.
    pub(super) fn next<T>(
        &self,
        doing: &str,
        bytes: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T> {
        self.within(doing, STALL_LIMIT, bytes)
    }

    /// Waits for the answer to a request with a limit of its own.
    pub(super) fn within<T>(
        &self,
        doing: &str,
        limit: Duration,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T> {
        match self.block_on(async { timeout(limit, request).await })? {
            Ok(answer) => answer.map_err(|error| self.explain(doing, error)),
            Err(_) => Err(errors::no_answer(doing, &self.display, limit)),
        }
    }

    /// Waits for work that keeps limits in time of its own, unless somebody asks to stop.
    pub(super) fn block_on<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(attempts::on(self.machine.clone(), self.stop.wait_for(work))),
            None => Err(Error::refused(format!("{} is closed", self.display))),
        }
    }

    /// Does work on the threads of the network; `None` if they have ended.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        self.runtime.as_ref().map(|runtime| runtime.spawn(work))
    }

    /// Room for bytes that are fetched before they are asked for; `None` if there is none now.
    pub(super) fn share_for_reading(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(READING_UNIT_BYTES)).ok()?;
        Arc::clone(&self.reading).try_acquire_many_owned(units).ok()
    }

    /// What an object has as long as it is read in order.
    pub(super) fn stream(&self) -> Arc<()> {
        Arc::clone(&self.streams)
    }

    /// How many objects are read in order.
    pub(super) fn streams(&self) -> usize {
        Arc::strong_count(&self.streams) - 1
    }

    /// The error of a request to this store.
    pub(super) fn explain(&self, doing: &str, error: object_store::Error) -> Error {
        errors::explain(doing, &self.display, error)
    }
}

/// Size and age, as an answer or a listing has them.
pub(super) fn stat(object: &ObjectMeta) -> Stat {
    Stat {
        size_bytes: object.size,
        modified: Some(SystemTime::from(object.last_modified)),
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, and panics in asynchronous code.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client's own text may have credentials in it.
        f.debug_tuple("Client").field(&self.display).finish()
    }
}
