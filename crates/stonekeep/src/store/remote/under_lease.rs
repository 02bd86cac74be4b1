//! Settings of a store: how changes are made under its lease, and when to give up waiting for it.

use std::sync::Arc;
use std::time::Duration;

use object_store::client::HttpClient;
use object_store::signer::Signer;

use super::RemoteStore;
use super::signed::SignedRequests;
use crate::Result;
use crate::store::lease::Times;

impl RemoteStore {
    /// Makes changes by signed requests, which the store refuses when they arrive so late that another process may hold the
    /// lease. `signer` is the same client, `http` sends the requests. Stores that [`RemoteStore::open`] opens have one.
    #[must_use]
    pub fn with_signer(
        mut self,
        signer: Arc<dyn Signer>,
        requests: SignedRequests,
        http: HttpClient,
    ) -> Self {
        self.holding.set_signer(signer, requests, http);
        self
    }

    /// The caller vouches that no other process writes to the repository. Without a signer nothing else keeps a process that
    /// was stopped, and goes on when another one holds the lease, from changing the repository. So purge and gc refuse
    /// without a signer and without this.
    #[must_use]
    pub fn used_by_one_process(mut self) -> Self {
        self.holding.trust_one_process();
        self
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

    /// Gives up waiting for the store a few seconds after this says yes: a request that is under way then may have been carried out.
    /// An [`Observer`](crate::Observer) is asked between requests only.
    #[must_use]
    pub fn with_stop(self, should_stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.client.stop().ask(should_stop);
        self
    }
}
