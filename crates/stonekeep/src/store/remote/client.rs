//! Runs requests of the asynchronous client on threads of its own, with a limit in time for each answer.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::errors;
use crate::{Error, Result};

/// Threads for the network. They only move bytes: checksums are computed by the callers.
const NETWORK_THREADS: usize = 2;

/// How long a request may take, its repetitions included: a listing of many pages, the begin of a body.
const ANSWER_LIMIT: Duration = Duration::from_secs(180);

/// How long a body may bring no byte.
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// A client, and the runtime that it runs on.
pub(super) struct Client {
    store: Arc<dyn ObjectStore>,
    /// For messages; has no credentials.
    display: String,
    /// `None` when it is dropped only.
    runtime: Option<Runtime>,
}

impl Client {
    pub(super) fn new(store: Arc<dyn ObjectStore>, display: String) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(NETWORK_THREADS)
            .thread_name("stonekeep-net")
            .enable_all()
            .build()
            .map_err(|error| Error::io("starting threads for the network", error))?;
        Ok(Client {
            store,
            display,
            runtime: Some(runtime),
        })
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
        self.wait(doing, ANSWER_LIMIT, request)
    }

    /// Waits for the next bytes of a body.
    pub(super) fn next<T>(
        &self,
        doing: &str,
        bytes: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T> {
        self.wait(doing, STALL_LIMIT, bytes)
    }

    /// Waits for work that keeps limits in time of its own.
    pub(super) fn block_on<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        match &self.runtime {
            Some(runtime) => Ok(runtime.block_on(work)),
            None => Err(Error::refused(format!("{} is closed", self.display))),
        }
    }

    /// The error of a request to this store.
    pub(super) fn explain(&self, doing: &str, error: object_store::Error) -> Error {
        errors::explain(doing, &self.display, error)
    }

    fn wait<T>(
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
