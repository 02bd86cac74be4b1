//! Reads an object as a stream that begins where it is asked for, with the ranges that come next under way.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::GetResult;
use object_store::path::Path;

use super::ahead::Ahead;
use super::client::Client;
use super::ranges::{self, ATTEMPTS, Ranges, Version};
use super::whole;
use crate::store::{LocalFile, Object};
use crate::{Error, Result};

/// What is read in order before it is likely that the rest is read, too: the end of a table is looked at alone.
const IN_ORDER_BYTES: u64 = 1 << 20;

/// An object, bound to the version that it had when it was opened.
pub(super) struct RemoteObject {
    client: Arc<Client>,
    ranges: Ranges,
    content: Content,
}

enum Content {
    /// All of a small one, checked.
    Whole(Bytes),
    Stream(Mutex<Body>),
}

/// The body of an answer, and how far it was read.
struct Body {
    /// The stream of the range that is read, which ends before the object does. Empty for a range that has arrived as a whole.
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    /// Bytes that have arrived and were not read.
    rest: Bytes,
    /// The offset of the first of them in the object.
    offset: u64,
    /// Where the range ends.
    end: u64,
    in_order_bytes: u64,
    /// How many bodies in a row brought no byte.
    failures: u32,
    ahead: Ahead,
}

impl Body {
    fn new(found: GetResult, ahead: Ahead) -> Self {
        Body {
            offset: found.range.start,
            end: found.range.end,
            stream: found.into_stream(),
            rest: Bytes::new(),
            in_order_bytes: 0,
            failures: 0,
            ahead,
        }
    }
}

impl RemoteObject {
    /// One request: its answer has the size, and its body is read as it is asked for.
    pub(super) fn open(client: Arc<Client>, path: Path) -> Result<Self> {
        let store = Arc::clone(client.store());
        let found = client.read(&format!("reading {path}"), || ranges::first(&store, &path))?;
        let ranges = Ranges {
            version: Version::of(&found.meta),
            path,
        };
        let content = match whole::expected(&found) {
            Some(expected) => Content::Whole(whole::read(&client, &ranges, found, &expected)?),
            None => Content::Stream(Mutex::new(Body::new(found, Ahead::default()))),
        };
        Ok(RemoteObject {
            client,
            ranges,
            content,
        })
    }

    /// A body that begins here, of the same version. A server without ranges sends the object from its beginning.
    fn begin_at(&self, body: &mut Body, offset: u64) -> Result<()> {
        let doing = format!("reading {}", self.ranges.path);
        let get = || self.ranges.get(Arc::clone(self.client.store()), offset);
        let found = self.client.read(&doing, get)?;
        let ahead = std::mem::take(&mut body.ahead);
        *body = Body {
            in_order_bytes: body.in_order_bytes,
            failures: body.failures,
            ..Body::new(found, ahead)
        };
        self.skip_to(offset, body)
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

    /// Waits until unread bytes are there. The caller has not reached the end of the object.
    fn fill(&self, body: &mut Body) -> Result<()> {
        while body.rest.is_empty() {
            if body.offset >= body.end {
                self.next_range(body)?;
                continue;
            }
            let doing = format!("reading {}", self.ranges.path);
            let next = async { body.stream.next().await.transpose() };
            let ended = match self.client.next(&doing, next) {
                Ok(Some(bytes)) => {
                    // A piece may be empty: it is no progress.
                    body.failures = if bytes.is_empty() { body.failures } else { 0 };
                    body.rest = bytes;
                    continue;
                }
                Ok(None) => {
                    let reason = format!("the body ended at {} of {} bytes", body.offset, body.end);
                    Error::io(doing, io::Error::new(io::ErrorKind::UnexpectedEof, reason))
                }
                Err(error) => error,
            };
            body.failures += 1;
            if body.failures == ATTEMPTS {
                return Err(ended);
            }
            // The rest of the range is asked for again.
            self.begin_at(body, body.offset)?;
        }
        Ok(())
    }

    fn next_range(&self, body: &mut Body) -> Result<()> {
        let doing = format!("reading {}", self.ranges.path);
        match body.ahead.take(body.offset) {
            Some(under_way) => {
                let bytes = self.client.block_on(under_way.bytes())?;
                body.rest = bytes.map_err(|error| self.client.explain(&doing, error))?;
                body.end = body.offset + body.rest.len() as u64;
                body.stream = stream::empty().boxed();
            }
            None => self.begin_at(body, body.offset)?,
        }
        Ok(())
    }
}

impl Object for RemoteObject {
    fn size_bytes(&self) -> u64 {
        self.ranges.version.size_bytes
    }

    /// Every byte is of the version with the ETag, so that the length cannot change.
    fn size_bytes_now(&self) -> io::Result<u64> {
        Ok(self.ranges.version.size_bytes)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.ranges.version.size_bytes || buffer.is_empty() {
            return Ok(0);
        }
        let mut body = match &self.content {
            Content::Whole(bytes) => return Ok(copy_from(bytes, offset, buffer)),
            Content::Stream(body) => body.lock().unwrap_or_else(PoisonError::into_inner),
        };
        if body.offset != offset {
            body.in_order_bytes = 0;
            body.ahead = Ahead::default();
            self.begin_at(&mut body, offset).map_err(io::Error::other)?;
        }
        self.fill(&mut body).map_err(io::Error::other)?;
        let count = buffer.len().min(body.rest.len());
        let bytes = body.rest.split_to(count);
        if let Some(buffer) = buffer.get_mut(..count) {
            buffer.copy_from_slice(&bytes);
        }
        body.offset += count as u64;
        body.in_order_bytes += count as u64;
        if body.in_order_bytes >= IN_ORDER_BYTES {
            let end = body.end;
            body.ahead.extend(&self.client, &self.ranges, end);
        }
        Ok(count)
    }

    fn local_file(&self) -> Option<LocalFile<'_>> {
        None
    }
}

/// How many bytes from this offset on were copied.
fn copy_from(bytes: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..));
    let rest = rest.unwrap_or_default();
    let count = buffer.len().min(rest.len());
    if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
        to.copy_from_slice(from);
    }
    count
}
