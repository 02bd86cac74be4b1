//! The requests of a multipart upload, by its id or through the client's own handle.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{Attributes, MultipartUpload, ObjectStore, PutMultipartOptions, PutPayload, Result};

use super::super::answer;
use super::super::attempts::{ANSWER_LIMIT, repeated, repeated_within, within};
use super::line::Sending;

/// How a store begins multipart uploads.
pub(in super::super) enum Sessions {
    /// By the id of an upload, through a client that repeats no request: the completion is sent once, and an upload of
    /// another process can be aborted.
    ById(Arc<dyn MultipartStore>),
    /// Through a handle, whose client repeats what it likes. Azure has no ids, and a repeated completion does no harm there.
    ByHandle(Arc<dyn ObjectStore>),
}

/// An upload that has begun.
pub(super) enum Session {
    ById(Arc<dyn MultipartStore>, String),
    ByHandle(Box<dyn MultipartUpload>),
}

/// A part that has arrived, as its completion names it. A handle names its parts itself.
pub(super) type Arrived = Option<PartId>;

impl Sessions {
    pub(super) async fn begin(&self, path: &Path, attributes: Attributes) -> Result<Session> {
        let options = || PutMultipartOptions {
            attributes: attributes.clone(),
            ..PutMultipartOptions::default()
        };
        match self {
            Sessions::ById(store) => {
                let begin = || store.create_multipart_opts(path, options());
                let id = repeated(ANSWER_LIMIT, begin).await?;
                Ok(Session::ById(Arc::clone(store), id))
            }
            Sessions::ByHandle(store) => {
                let begin = || store.put_multipart_opts(path, options());
                repeated(ANSWER_LIMIT, begin).await.map(Session::ByHandle)
            }
        }
    }

    /// Aborts an upload of any process. It must never have been completed.
    pub(super) async fn abort(&self, path: &Path, id: &str) -> Result<()> {
        match self {
            Sessions::ById(store) => abort_twice(store.as_ref(), path, &id.to_owned()).await,
            Sessions::ByHandle(_) => Ok(()),
        }
    }
}

impl Session {
    /// The id; a handle does not tell its own.
    pub(super) fn id(&self) -> &str {
        match self {
            Session::ById(_, id) => id,
            Session::ByHandle(_) => "",
        }
    }

    /// Sends a part. Dropping the future stops it.
    pub(super) fn send(
        &mut self,
        path: &Path,
        index: usize,
        content: PutPayload,
        mut sending: Sending,
    ) -> BoxFuture<'static, Result<Arrived>> {
        match self {
            Session::ById(store, id) => {
                let (store, id, path) = (Arc::clone(store), id.clone(), path.clone());
                Box::pin(async move {
                    let send = || store.put_part(&path, &id, index, content.clone());
                    let part = repeated_within(|| sending.limit(), send).await?;
                    sending.arrived(content.content_length() as u64);
                    Ok(Some(part))
                })
            }
            Session::ByHandle(handle) => {
                let part = handle.put_part(content);
                // The client repeats the request by itself within its own limits.
                Box::pin(async move { part.await.map(|()| None) })
            }
        }
    }

    /// Makes the parts one object, whose ETag is returned. Not repeated.
    pub(super) async fn complete(
        &mut self,
        path: &Path,
        parts: Vec<PartId>,
        limit: std::time::Duration,
    ) -> Result<Option<String>> {
        let completed = match self {
            Session::ById(store, id) => within(limit, store.complete_multipart(path, id, parts)).await,
            Session::ByHandle(handle) => within(limit, handle.complete()).await,
        };
        completed.map(|put| put.e_tag)
    }

    /// Removes the parts of an upload that was never completed.
    pub(super) async fn abort(&mut self, path: &Path) -> Result<()> {
        match self {
            Session::ById(store, id) => abort_twice(store.as_ref(), path, id).await,
            Session::ByHandle(handle) => match within(ANSWER_LIMIT, handle.abort()).await {
                Err(
                    object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. },
                ) => Ok(()),
                aborted => answer::unless_absent(aborted).map(drop),
            },
        }
    }
}

/// A part that arrives late may bring an aborted upload back: the second request finds it. Absent is aborted.
async fn abort_twice(store: &dyn MultipartStore, path: &Path, id: &String) -> Result<()> {
    for _ in 0..2 {
        let abort = || store.abort_multipart(path, id);
        if answer::unless_absent(repeated(ANSWER_LIMIT, abort).await)?.is_none() {
            break;
        }
    }
    Ok(())
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client's own text may have credentials in it.
        f.write_str(match self {
            Sessions::ById(_) => "ById",
            Sessions::ByHandle(_) => "ByHandle",
        })
    }
}
