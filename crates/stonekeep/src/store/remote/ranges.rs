//! Requests for the ranges of one version of an object.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore, Result};

use super::attempts::within;
use super::client::{ANSWER_LIMIT, STALL_LIMIT};
use super::errors;

/// What one request asks for.
const RANGE_BYTES: u64 = 16 << 20;

/// How many times a range is asked for that ends early.
pub(super) const ATTEMPTS: u32 = 3;

/// Which version of an object an answer is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    /// `None` if the store has no ETags.
    e_tag: Option<String>,
    /// In whole seconds on most stores, and the same for all objects of some: an ETag says more.
    modified: SystemTime,
    pub(super) size_bytes: u64,
}

impl Version {
    pub(super) fn of(meta: &ObjectMeta) -> Self {
        Version {
            e_tag: meta.e_tag.clone(),
            modified: SystemTime::from(meta.last_modified),
            size_bytes: meta.size,
        }
    }

    /// What If-Match must say. A weak ETag matches nothing there.
    fn strong(&self) -> Option<String> {
        self.e_tag.clone().filter(|tag| !tag.starts_with("W/"))
    }
}

/// The first range of an object, whatever its version is.
pub(super) async fn first(store: &Arc<dyn ObjectStore>, path: &Path) -> Result<GetResult> {
    let range = GetOptions::new().with_range(Some(GetRange::Bounded(0..RANGE_BYTES)));
    match store.get_opts(path, range).await {
        // The server has no ranges, or the object is empty, so that it has none.
        Err(error) if errors::is_about_a_range(&error) => store.get_opts(path, GetOptions::new()).await,
        found => found,
    }
}

/// The ranges of one version of an object.
#[derive(Debug, Clone)]
pub(super) struct Ranges {
    pub(super) path: Path,
    /// What each request must find again.
    pub(super) version: Version,
}

impl Ranges {
    /// Where the range ends that begins here.
    pub(super) fn end_of(&self, offset: u64) -> u64 {
        self.version.size_bytes.min(offset + RANGE_BYTES)
    }

    /// Asks for the range that begins here. A server without ranges sends the whole object.
    pub(super) async fn get(&self, store: Arc<dyn ObjectStore>, offset: u64) -> Result<GetResult> {
        let whole = GetOptions::new().with_if_match(self.version.strong());
        let range = GetRange::Bounded(offset..self.end_of(offset));
        let found = match store
            .get_opts(&self.path, whole.clone().with_range(Some(range)))
            .await
        {
            Err(Error::NotSupported { .. }) => store.get_opts(&self.path, whole).await?,
            found => found?,
        };
        if Version::of(&found.meta) != self.version {
            return Err(Error::Precondition {
                path: self.path.to_string(),
                source: "another object took its place while it was read".into(),
            });
        }
        Ok(found)
    }

    /// The whole range that begins here.
    pub(super) async fn fetch(&self, store: Arc<dyn ObjectStore>, offset: u64) -> Result<Bytes> {
        let wanted = (self.end_of(offset) - offset) as usize;
        let mut failures = 0;
        loop {
            let mut bytes = BytesMut::with_capacity(wanted);
            let failure = match self.read(Arc::clone(&store), offset, &mut bytes).await {
                Ok(()) if bytes.len() == wanted => return Ok(bytes.freeze()),
                Ok(()) => Error::Generic {
                    store: "range",
                    source: format!("the body ended after {} of {wanted} bytes", bytes.len()).into(),
                },
                Err(error @ (Error::NotFound { .. } | Error::Precondition { .. })) => return Err(error),
                Err(error) => error,
            };
            failures += 1;
            if failures == ATTEMPTS {
                return Err(failure);
            }
        }
    }

    async fn read(&self, store: Arc<dyn ObjectStore>, offset: u64, bytes: &mut BytesMut) -> Result<()> {
        let mut body = within(ANSWER_LIMIT, self.get(store, offset)).await?.into_stream();
        while let Some(some) = within(STALL_LIMIT, async { body.next().await.transpose() }).await? {
            bytes.extend_from_slice(&some);
        }
        Ok(())
    }
}
