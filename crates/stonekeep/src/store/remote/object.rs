//! Reads an object as a stream that begins where it is asked for.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta};

use super::client::Client;
use crate::store::{LocalFile, Object};
use crate::{Error, Result};

/// An object, bound to the version that it had when it was opened.
pub(super) struct RemoteObject {
    client: Arc<Client>,
    path: Path,
    /// What a later request must find again.
    version: Version,
    body: Mutex<Body>,
}

/// Which version of an object an answer is of.
#[derive(PartialEq, Eq)]
struct Version {
    /// `None` if the store has no ETags.
    e_tag: Option<String>,
    /// In whole seconds on most stores, and the same for all objects of some: an ETag says more.
    modified: SystemTime,
    size_bytes: u64,
}

impl Version {
    fn of(meta: &ObjectMeta) -> Self {
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
            version: Version::of(&found.meta),
            body: Mutex::new(Body {
                stream: found.into_stream(),
                rest: Bytes::new(),
                offset: 0,
            }),
        })
    }

    /// A body that begins here, of the same version. A server without ranges sends the object from its beginning.
    fn body_from(&self, offset: u64) -> Result<Body> {
        let store = Arc::clone(self.client.store());
        let whole = GetOptions::new().with_if_match(self.version.strong());
        let rest = whole.clone().with_range(Some(GetRange::Offset(offset)));
        let path = self.path.clone();
        let get = async move {
            match store.get_opts(&path, rest).await {
                Err(object_store::Error::NotSupported { .. }) => store.get_opts(&path, whole).await,
                found => found,
            }
        };
        let doing = format!("reading {}", self.path);
        let found = self.client.run(&doing, get)?;
        if Version::of(&found.meta) != self.version {
            let reason = "another object took its place while it was read";
            return Err(Error::io(doing, io::Error::other(reason)));
        }
        let mut body = Body {
            offset: found.range.start,
            stream: found.into_stream(),
            rest: Bytes::new(),
        };
        self.skip_to(offset, &mut body)?;
        Ok(body)
    }

    /// Passes over what comes before this offset.
    fn skip_to(&self, offset: u64, body: &mut Body) -> Result<()> {
        while body.offset < offset {
            self.fill(body)?;
            let before = usize::try_from(offset - body.offset).unwrap_or(usize::MAX);
            let count = before.min(body.rest.len());
            body.rest.advance(count);
            body.offset += count as u64;
        }
        Ok(())
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
                let reason = format!("the body ended at {at} of {} bytes", self.version.size_bytes);
                Error::io(doing, io::Error::new(io::ErrorKind::UnexpectedEof, reason))
            })?;
        }
        Ok(())
    }
}

impl Object for RemoteObject {
    fn size_bytes(&self) -> u64 {
        self.version.size_bytes
    }

    /// Every byte is of the version with the ETag, so that the length cannot change.
    fn size_bytes_now(&self) -> io::Result<u64> {
        Ok(self.version.size_bytes)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.version.size_bytes || buffer.is_empty() {
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
