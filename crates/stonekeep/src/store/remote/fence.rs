//! Changes that a holder of the lease makes, and that nobody makes after it has lost the lease.
//!
//! A process can be stopped at any moment, and go on when another one holds the lease. So each change is a request that the
//! store itself refuses after a time before the earliest take-over:
//! - F1 Sign it, for less than what remains of the lease, by the store's clock: a wall clock that is ahead makes it shorter.
//! - F2 Look at the leases. The own one gone: it is lost. Another one there: wait until it is gone, then F1 again.
//! - F3 Send it, once. Too late for the store: renew the lease, and F1 again.
//!
//! | stopped after | then |
//! |---|---|
//! | F1, F2 | the request is refused by the store, or arrives while nobody else can hold the lease |
//! | F3 | the same; the release waits as long as the store accepts what was not answered |
//!
//! Without a signer there is only a look at the lease just before the request. Then a stopped process changes the repository
//! when it goes on: enough for one that nobody else writes to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use tokio::time::timeout;

use super::attempts::{no_answer, within};
use super::client::Client;
use super::signed::{Answer, Signed, SignedClient, deleted, failure};
use crate::store::lease::Keeper;
use crate::{Error, ErrorKind, Result};

/// How often a request is signed again that came too late.
const SIGNATURES: u32 = 4;

/// What S3 allows in one request.
const KEYS_AT_ONCE: usize = 1_000;

/// How a store is changed under a lease.
#[derive(Debug, Clone)]
pub(super) enum Sender {
    /// By requests that run out.
    Signed(SignedClient),
    /// By a client that signs nothing for others.
    Plain {
        store: Arc<dyn ObjectStore>,
        /// The caller vouches for that.
        used_by_one_process: bool,
    },
}

/// Makes changes under a lease. The inner results are answers of the store.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    keeper: Arc<Keeper>,
    client: Arc<Client>,
    sender: Sender,
}

impl Fence {
    pub(super) fn new(keeper: Arc<Keeper>, client: Arc<Client>, sender: Sender) -> Self {
        Fence {
            keeper,
            client,
            sender,
        }
    }

    /// Puts an object, once. After an error of the store it may be there nevertheless, unless the error says why it is not.
    ///
    /// # Errors
    /// `Locked` if the lease is lost.
    pub(super) fn put(
        &self,
        path: &Path,
        content: &Bytes,
        options: &PutOptions,
    ) -> Result<object_store::Result<()>> {
        let client = match &self.sender {
            Sender::Signed(client) => client,
            Sender::Plain { store, .. } => {
                let put = store.put_opts(path, content.clone().into(), options.clone());
                return self.plain(async { put.await.map(drop) });
            }
        };
        let create = options.mode == PutMode::Create;
        let sign = async |time| {
            let content = content.clone();
            client.put(path, content, &options.attributes, create, time).await
        };
        let answer = self.signed(client, sign)?;
        Ok(answer.and_then(|answer| done(&answer)))
    }

    /// Deletes objects. Those that are not there count as deleted. One answer for each, in their order.
    ///
    /// # Errors
    /// `Locked` if the lease is lost.
    pub(super) fn delete(&self, paths: &[Path]) -> Result<Vec<object_store::Result<()>>> {
        self.keeper.doing_deletions()?;
        let client = match &self.sender {
            Sender::Signed(client) => client,
            Sender::Plain { store, .. } => {
                let one = |path| self.plain(async { unless_absent(store.delete(path).await) });
                return paths.iter().map(one).collect();
            }
        };
        let mut outcomes = Vec::with_capacity(paths.len());
        for batch in paths.chunks(KEYS_AT_ONCE) {
            let mut known = if client.deletes_many() && batch.len() > 1 {
                self.delete_many(client, batch)?
            } else {
                Vec::new()
            };
            known.resize_with(batch.len(), || None);
            for (path, outcome) in batch.iter().zip(known) {
                outcomes.push(match outcome {
                    Some(outcome) => outcome,
                    None => self.delete_one(client, path)?,
                });
            }
        }
        Ok(outcomes)
    }

    /// What became of each; `None` for those that have to be deleted one by one, since the store does not do it otherwise, or
    /// has not said what became of them.
    fn delete_many(
        &self,
        client: &SignedClient,
        paths: &[Path],
    ) -> Result<Vec<Option<object_store::Result<()>>>> {
        let answer = self.signed(client, async |time| client.delete_many(paths, time).await)?;
        let outcomes = answer.and_then(|answer| {
            done(&answer)?;
            deleted(paths, answer.body())
        });
        Ok(outcomes.unwrap_or_else(|error| {
            let error = super::errors::without_secrets(&error.to_string());
            tracing::debug!(%error, "many objects are deleted one by one");
            Vec::new()
        }))
    }

    fn delete_one(&self, client: &SignedClient, path: &Path) -> Result<object_store::Result<()>> {
        let answer = self.signed(client, async |time| client.delete(path, time).await)?;
        Ok(unless_absent(answer.and_then(|answer| done(&answer))))
    }

    /// Ends a multipart upload that was not completed. One that is not there counts as ended. `None` without a signer: there
    /// is no request for it then.
    ///
    /// # Errors
    /// `Locked` if the lease is lost.
    pub(super) fn abort(&self, path: &Path, upload_id: &str) -> Result<Option<object_store::Result<()>>> {
        let Sender::Signed(client) = &self.sender else {
            return Ok(None);
        };
        self.keeper.doing_deletions()?;
        let answer = self.signed(client, async |time| client.abort(path, upload_id, time).await)?;
        Ok(Some(unless_absent(answer.and_then(|answer| done(&answer)))))
    }

    /// Signs, looks, sends.
    fn signed(
        &self,
        client: &SignedClient,
        sign: impl AsyncFn(Duration) -> object_store::Result<Signed>,
    ) -> Result<object_store::Result<Answer>> {
        for _ in 0..SIGNATURES {
            let life = self.life()?;
            let begun = self.keeper.ground().clock.boottime();
            let signed = match self.client.block_on(sign(life.as_signed))? {
                Ok(signed) => signed,
                Err(error) => return Ok(Err(error)),
            };
            if self.wall_clock_jumped(&life) || self.keeper.wait_until_alone()? {
                continue;
            }
            let until = begun + life.by_store;
            let limit = until.saturating_sub(self.keeper.ground().clock.boottime());
            let sent = self.client.block_on(within(limit, client.send(signed)));
            let is_definite = matches!(&sent, Ok(Ok(answer)) if !answer.is_doubtful());
            if !is_definite {
                let rest = until.saturating_sub(self.keeper.ground().clock.boottime());
                self.keeper.in_doubt_for(rest);
            }
            match sent? {
                Ok(late) if late.is_expired() => self.keeper.renew_now()?,
                answer => return Ok(answer),
            }
        }
        Err(self.too_late())
    }

    /// For how long the next signature is.
    fn life(&self) -> Result<Life> {
        for _ in 0..2 {
            let clock = self.keeper.ground().clock.as_ref();
            let store_clock = self.keeper.store_clock();
            let (lead, lag) = (store_clock.lead(clock), store_clock.lag(clock));
            let by_store = self.keeper.may_be_accepted_for()?.min(self.keeper.accepted_for());
            // A signature's time is written in whole seconds, so that less than one is none.
            let seconds = (by_store + lag).saturating_sub(lead).as_secs();
            if seconds > 0 {
                return Ok(Life {
                    as_signed: Duration::from_secs(seconds),
                    by_store,
                    lead,
                });
            }
            self.keeper.renew_now()?;
        }
        Err(self.too_late())
    }

    /// A signature made after a jump would be too long.
    fn wall_clock_jumped(&self, life: &Life) -> bool {
        const TOLERATED: Duration = Duration::from_secs(1);
        let lead = self
            .keeper
            .store_clock()
            .lead(self.keeper.ground().clock.as_ref());
        lead > life.lead + TOLERATED
    }

    fn too_late(&self) -> Error {
        let (wall, store) = (self.keeper.ground().clock.wall(), self.keeper.store_now());
        let difference = match wall.duration_since(store) {
            Ok(ahead) => format!("{} s ahead of", ahead.as_secs()),
            Err(behind) => format!("{} s behind", behind.duration().as_secs()),
        };
        let message = format!(
            "{}: no request arrives in time: the clock of this machine is {difference} the store's",
            self.keeper.ground().location
        );
        Error::new(ErrorKind::Io, message).with_hint("set the clock of this machine, and check the network")
    }

    fn plain<T>(
        &self,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<object_store::Result<T>> {
        self.keeper.wait_until_alone()?;
        let limit = self.keeper.may_be_accepted_for()?;
        let answer = self.client.block_on(async { timeout(limit, request).await });
        if !matches!(answer, Ok(Ok(_))) {
            self.keeper.in_doubt_for(self.keeper.ground().times.sent_within());
        }
        Ok(answer?.unwrap_or_else(|_| Err(no_answer(limit))))
    }
}

/// How long a request is accepted.
struct Life {
    /// As the URL says it, counted from the wall clock's time.
    as_signed: Duration,
    /// By the store's clock, at most.
    by_store: Duration,
    lead: Duration,
}

fn done(answer: &Answer) -> object_store::Result<()> {
    if answer.is_done() {
        return Ok(());
    }
    Err(failure(answer))
}

fn unless_absent(answer: object_store::Result<()>) -> object_store::Result<()> {
    match answer {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        answer => answer,
    }
}
