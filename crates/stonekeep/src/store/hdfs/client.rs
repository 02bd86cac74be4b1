//! Runs calls of the asynchronous client on threads of its own, each with a limit in time, and repeats those that only read.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdfs_native::ClientBuilder;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::{sleep, timeout};

use super::address::Address;
use super::errors::{self, Cause};
use super::failure::Failure;
use crate::store::stop::Stop;
use crate::{Error, Result};

/// Threads for the network. They move bytes, and compute the checksums that HDFS has of its own.
const NETWORK_THREADS: usize = 2;

/// How long a call may take. The client has no limit of its own: with a NameNode that hangs, it waits for ever.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(30);

/// How long calls are repeated while the NameNode restarts or a replica is being replaced.
const PATIENCE: Duration = Duration::from_secs(180);

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Settings that replace those of the configuration, since each has to end before a limit of ours, which would hide the
/// reason: how often a NameNode is tried, how long a DataNode may be silent until another replica is read.
const CONFIGURATION: [(&str, &str); 2] = [
    ("dfs.client.failover.max.attempts", "3"),
    ("dfs.client.socket-timeout", "20000"),
];

/// A client, and the runtime that it runs on.
pub(super) struct Client {
    address: Address,
    /// For messages.
    display: String,
    /// Replaced when a call was not answered, since its connection may be dead without anybody having noticed.
    native: Mutex<hdfs_native::Client>,
    /// Whether the NameNode has ever answered. A first contact is not repeated: its address may be wrong.
    answered: AtomicBool,
    stop: Stop,
    threads: Handle,
    /// `None` when it is dropped only.
    runtime: Option<Runtime>,
}

impl Client {
    /// Contacts nothing.
    pub(super) fn new(address: Address, stop: Stop) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(NETWORK_THREADS)
            .thread_name("stonekeep-hdfs")
            .enable_all()
            .build()
            .map_err(|error| Error::io("starting threads for the network", error))?;
        let native = build(&address, runtime.handle())
            .map_err(|error| errors::not_opened(&address.url, &address.display(), &error))?;
        Ok(Client {
            display: address.display(),
            native: Mutex::new(native),
            address,
            answered: AtomicBool::new(false),
            stop,
            threads: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// What tells whether to stop.
    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// For messages.
    pub(super) fn display(&self) -> &str {
        &self.display
    }

    /// The absolute path of what is below the repository's root.
    pub(super) fn path(&self, below: &str) -> String {
        format!("{}/{below}", self.address.path)
    }

    /// Waits for a call, which must change nothing: it is repeated while that may help.
    pub(super) fn ask<T, F>(&self, doing: &str, request: impl Fn(hdfs_native::Client) -> F) -> Result<T>
    where
        F: Future<Output = hdfs_native::Result<T>>,
    {
        self.look(doing, request)
            .map_err(|failure| self.explain(doing, &failure))
    }

    /// The same, with the failure as it came.
    pub(super) fn look<T, F>(
        &self,
        doing: &str,
        request: impl Fn(hdfs_native::Client) -> F,
    ) -> std::result::Result<T, Failure>
    where
        F: Future<Output = hdfs_native::Result<T>>,
    {
        self.block_on(self.persistently(doing, request))
    }

    /// The same in asynchronous code.
    pub(super) async fn persistently<T, F>(
        &self,
        doing: &str,
        request: impl Fn(hdfs_native::Client) -> F,
    ) -> std::result::Result<T, Failure>
    where
        F: Future<Output = hdfs_native::Result<T>>,
    {
        let mut patience = Patience::new();
        loop {
            let failure = match self.within(CALL_LIMIT, request(self.native())).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if !failure.cause().may_pass() || !patience.go_on(self, doing, &failure).await {
                return Err(failure);
            }
        }
    }

    /// Whether something is there.
    pub(super) async fn is_there(&self, path: &str, doing: &str) -> Result<bool> {
        let asked = self.persistently(doing, async |native| native.get_file_info(path).await);
        match asked.await {
            Ok(_) => Ok(true),
            Err(failure) if failure.cause() == Cause::Absent => Ok(false),
            Err(failure) => Err(self.explain(doing, &failure)),
        }
    }

    /// Runs asynchronous code.
    pub(super) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.threads.block_on(work)
    }

    /// One try, within a limit. Whatever it was to change may have been changed if it fails.
    pub(super) fn once<T>(
        &self,
        limit: Duration,
        request: impl Future<Output = hdfs_native::Result<T>>,
    ) -> std::result::Result<T, Failure> {
        self.block_on(self.within(limit, request))
    }

    /// The same in asynchronous code.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        request: impl Future<Output = hdfs_native::Result<T>>,
    ) -> std::result::Result<T, Failure> {
        let Ok(answer) = self.stop.wait_for(timeout(limit, request)).await else {
            return Err(Failure::Stopped);
        };
        match answer {
            Ok(Ok(answer)) => {
                self.answered.store(true, Ordering::Relaxed);
                Ok(answer)
            }
            Ok(Err(error)) => {
                // A refusal is an answer, too, but for that of a NameNode that nothing is to be asked of.
                if !matches!(Cause::of(&error), Cause::Unreached | Cause::Standby) {
                    self.answered.store(true, Ordering::Relaxed);
                }
                Err(Failure::Hdfs(error))
            }
            Err(_) => {
                self.reconnect();
                Err(Failure::NoAnswer(limit))
            }
        }
    }

    /// The error of a failure; `doing` is what was tried on which path, as in "listing meta".
    pub(super) fn explain(&self, doing: &str, failure: &Failure) -> Error {
        match failure {
            Failure::Hdfs(error) => errors::explain(doing, &self.display, error),
            Failure::NoAnswer(limit) => errors::no_answer(doing, &self.display, *limit),
            Failure::Stopped => Error::stopped(),
        }
    }

    pub(super) fn native(&self) -> hdfs_native::Client {
        self.native.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn reconnect(&self) {
        if let Ok(new) = build(&self.address, &self.threads) {
            *self.native.lock().unwrap_or_else(PoisonError::into_inner) = new;
        }
    }

    pub(super) fn pause(&self, duration: Duration) {
        // A sleep can be made on a thread of the runtime only.
        let _ = self.block_on(async { self.stop.wait_for(sleep(duration)).await });
    }
}

/// How long something is tried again, and with which pauses.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    waited: Duration,
    pause: Duration,
}

impl Patience {
    pub(super) fn new() -> Self {
        Patience::of(PATIENCE)
    }

    pub(super) fn of(limit: Duration) -> Self {
        Patience {
            limit,
            waited: Duration::ZERO,
            pause: FIRST_PAUSE,
        }
    }

    /// Pauses after a failure that may pass; `false` if it is no use. A first contact is not repeated: its address may be wrong.
    pub(super) async fn go_on(&mut self, client: &Client, doing: &str, failure: &Failure) -> bool {
        if !client.answered.load(Ordering::Relaxed) || self.waited >= self.limit || client.stop.is_asked() {
            return false;
        }
        tracing::warn!("{doing} of {}: {failure}; trying again", client.display);
        let _ = client.stop.wait_for(sleep(self.pause)).await;
        self.waited += self.pause;
        if let Failure::NoAnswer(limit) = failure {
            self.waited += *limit;
        }
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

fn build(address: &Address, threads: &Handle) -> hdfs_native::Result<hdfs_native::Client> {
    let builder = ClientBuilder::new()
        .with_url(&address.url)
        .with_config(CONFIGURATION)
        .with_io_runtime(threads.clone());
    match &address.settings.user {
        Some(user) => builder.with_user(user).build(),
        None => builder.build(),
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
        f.debug_tuple("Client").field(&self.display).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::io;

    use super::*;
    use crate::ErrorKind;

    /// Nothing is contacted.
    fn client(stop: Stop) -> Client {
        Client::new(Address::parse("hdfs://n1:8020/p", &[]).unwrap(), stop).unwrap()
    }

    fn never() -> impl Future<Output = hdfs_native::Result<()>> {
        pending()
    }

    #[test]
    fn a_call_without_an_answer_is_given_up_and_says_whom_to_look_at() {
        let client = client(Stop::default());
        let failure = client.once(Duration::from_millis(1), never()).unwrap_err();
        assert_eq!(failure.cause(), Cause::Unreached);
        assert!(!client.answered.load(Ordering::Relaxed));
        let error = client.explain("listing meta", &Failure::NoAnswer(CALL_LIMIT));
        let text = "listing meta of hdfs://n1:8020/p: no answer within 30 s";
        assert_eq!(error.one_line(), text);
        assert_eq!(error.io_kind(), Some(io::ErrorKind::TimedOut));
        assert!(error.hint().unwrap().contains("NameNode"), "{error:?}");
        assert_eq!(Failure::NoAnswer(CALL_LIMIT).to_string(), "no answer within 30 s");
    }

    #[test]
    fn a_call_that_is_given_up_because_somebody_stops_is_no_error_of_hdfs() {
        let (stopped, failure) = (client(Stop::default()), Failure::Stopped);
        assert_eq!(failure.to_string(), "stopped on request");
        assert!(!failure.cause().may_pass());
        assert_eq!(
            stopped.explain("listing meta", &failure).kind(),
            ErrorKind::Stopped
        );
    }

    #[test]
    fn patience_counts_the_time_of_calls_that_were_not_answered() {
        let (patient, failure) = (client(Stop::default()), Failure::NoAnswer(CALL_LIMIT));
        let goes_on =
            |patience: &mut Patience| patient.block_on(patience.go_on(&patient, "listing meta", &failure));
        // A first contact is not repeated: its address may be wrong.
        assert!(!goes_on(&mut Patience::new()));
        patient.answered.store(true, Ordering::Relaxed);
        let mut patience = Patience::of(CALL_LIMIT);
        assert!(goes_on(&mut patience));
        assert!(!goes_on(&mut patience));
        let stop = Stop::default();
        stop.ask(|| true);
        let stopped = client(stop);
        stopped.answered.store(true, Ordering::Relaxed);
        let mut patience = Patience::new();
        assert!(!stopped.block_on(patience.go_on(&stopped, "listing meta", &failure)));
    }
}
