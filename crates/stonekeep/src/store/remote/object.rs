//! Reads an object as a stream that begins where it is asked for.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{GetOptions, GetRange};

use super::client::Client;
use crate::store::{LocalFile, Object};
use crate::{Error, Result};

/// An object, bound to the version that it had when it was opened.
pub(super) struct RemoteObject {
    client: Arc<Client>,
    path: Path,
    size_bytes: u64,
    /// What a later request must find again; `None` if the store has no ETags.
    e_tag: Option<String>,
    body: Mutex<Body>,
}

/// The body of an answer, and how far it was read.
struct Body {
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    /// Bytes that have arrived and were not read.
    rest: Bytes,
    /// The offset of the first of them in the object.
    offset: u64,
}

impl RemoteObject {
    /// One request: its answer has the size, and its body is read as it is asked for.
    pub(super) fn open(client: Arc<Client>, path: Path) -> Result<Self> {
        let store = Arc::clone(client.store());
        let at = path.clone();
        let get = async move { store.get_opts(&at, GetOptions::new()).await };
        let found = client.run(&format!("reading {path}"), get)?;
        Ok(RemoteObject {
            client,
            path,
            size_bytes: found.meta.size,
            e_tag: found.meta.e_tag.clone(),
            body: Mutex::new(Body {
                stream: found.into_stream(),
                rest: Bytes::new(),
                offset: 0,
            }),
        })
    }

    /// A body that begins here, of the same version.
    fn body_from(&self, offset: u64) -> Result<Body> {
        let store = Arc::clone(self.client.store());
        let options = GetOptions::new()
            .with_if_match(self.e_tag.clone())
            .with_range(Some(GetRange::Offset(offset)));
        let path = self.path.clone();
        let get = async move { store.get_opts(&path, options).await };
        let found = self.client.run(&format!("reading {}", self.path), get)?;
        if found.meta.size != self.size_bytes || found.range.start != offset {
            let reason = "another object took its place while it was read";
            return Err(Error::io(
                format!("reading {}", self.path),
                io::Error::other(reason),
            ));
        }
        Ok(Body {
            stream: found.into_stream(),
            rest: Bytes::new(),
            offset,
        })
    }

    fn body(&self) -> MutexGuard<'_, Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until unread bytes are there. The caller has not reached the end of the object, so the end of the body is an error.
    fn fill(&self, body: &mut Body) -> Result<()> {
        while body.rest.is_empty() {
            let doing = format!("reading {}", self.path);
            let next = async { body.stream.next().await.transpose() };
            body.rest = self.client.next(&doing, next)?.ok_or_else(|| {
                let at = body.offset;
                let reason = format!("the body ended at {at} of {} bytes", self.size_bytes);
                Error::io(doing, io::Error::new(io::ErrorKind::UnexpectedEof, reason))
            })?;
        }
        Ok(())
    }
}

impl Object for RemoteObject {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Every byte is of the version with the ETag, so that the length cannot change.
    fn size_bytes_now(&self) -> io::Result<u64> {
        Ok(self.size_bytes)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.size_bytes || buffer.is_empty() {
            return Ok(0);
        }
        let mut body = self.body();
        if body.offset != offset {
            *body = self.body_from(offset).map_err(io::Error::other)?;
        }
        self.fill(&mut body).map_err(io::Error::other)?;
        let count = buffer.len().min(body.rest.len());
        let bytes = body.rest.split_to(count);
        if let Some(buffer) = buffer.get_mut(..count) {
            buffer.copy_from_slice(&bytes);
        }
        body.offset += count as u64;
        Ok(count)
    }

    fn local_file(&self) -> Option<LocalFile<'_>> {
        None
    }
}
