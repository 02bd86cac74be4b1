//! The requests that writing is made of, and the limits that they share.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use object_store::path::Path;
use object_store::{GetOptions, ObjectStore};

use super::super::answer;
use super::super::attempts::{ANSWER_LIMIT, repeated};
use super::budget::Budget;
use super::buffers::Buffers;
use super::creates::Creates;
use super::session::Sessions;
use super::stamp::There;
use crate::store::remote::client::Client;
use crate::store::remote::paths::Paths;
use crate::{Error, Key, Result};

/// What sends requests that change something.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) client: Arc<Client>,
    pub(super) paths: Paths,
    /// A client that repeats no request by itself, where there is one.
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) sessions: Sessions,
    pub(super) budget: Budget,
    pub(super) buffers: Buffers,
    pub(super) creates: Creates,
    /// The runs that may have something beside their files: those that were listed, and those that this process wrote for.
    pub(super) touched: Mutex<BTreeSet<String>>,
}

impl Requests {
    pub(super) fn touched(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is under a path now.
    pub(super) async fn look(&self, path: &Path) -> object_store::Result<Option<There>> {
        let head = || async {
            let options = GetOptions::new().with_head(true);
            answer::unless_absent(self.objects.get_opts(path, options).await)
        };
        let found = repeated(ANSWER_LIMIT, head).await?;
        Ok(found.as_ref().map(There::new))
    }

    /// Waits for requests that have their own limits in time.
    pub(super) fn wait<T>(
        &self,
        doing: &str,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T> {
        let done = self.client.block_on(work)?;
        done.map_err(|error| self.client.explain(doing, error))
    }
}

/// The error for a key that another object has.
pub(super) fn taken(key: &Key) -> Error {
    Error::refused(format!("{key} is taken by another object"))
}
