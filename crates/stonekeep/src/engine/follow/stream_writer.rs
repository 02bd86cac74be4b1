//! Puts ticks into a stream.

use stonekeep_format::Crc32c;

use super::segment_of_tick::{part_of, raw_of};
use crate::image::follow::Tick;
use crate::repo::stream::encode::encode;
use crate::repo::stream::owner::claim;
use crate::repo::stream::put::put_segment;
use crate::repo::stream::segment_header::{Origin, SegmentHeader};
use crate::repo::stream::segment_name::{Ordinal, Owner, SegmentName};
use crate::repo::stream::stream_id::{StreamId, Token};
use crate::store::Store;
use crate::{Error, ErrorKind, Result};

/// Writes one stream.
#[derive(Debug)]
pub struct StreamWriter {
    store: Store,
    stream: StreamId,
    owner: Owner,
    token: Token,
    /// For the first segment.
    origin: Option<Origin>,
    /// The ordinal of the next segment; `None` after the last one that there can be.
    next: Option<Ordinal>,
    previous_crc32c: Option<Crc32c>,
}

impl StreamWriter {
    /// Begins a new stream of this database. The repository must be there.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn begin(store: &Store, origin: Origin) -> Result<StreamWriter> {
        let writer = StreamWriter {
            store: store.clone(),
            stream: StreamId::random(),
            owner: Owner(1),
            token: Token::random(),
            origin: Some(origin),
            next: Some(Ordinal::FIRST),
            previous_crc32c: None,
        };
        if claim(store, &writer.run(), writer.stream, writer.owner, writer.token)? {
            Ok(writer)
        } else {
            Err(writer.another("claimed it"))
        }
    }

    /// The stream that it writes.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// Puts a tick as the next segment, if there is anything in it. The tick may be [kept](crate::image::follow::Follower::kept) then.
    ///
    /// # Errors
    /// `InvalidArgument` for a tick with more bytes than a segment may have; `Locked` if another follower writes the stream; I/O errors of
    /// the store. After an error the stream is to be read again before anything is added to it.
    pub fn put(&mut self, tick: &Tick) -> Result<()> {
        if tick.is_empty() {
            return Ok(());
        }
        let segments = || {
            Error::refused(format!(
                "the stream {} has no room for more segments",
                self.stream
            ))
        };
        let ordinal = self.next.ok_or_else(segments)?;
        let name = SegmentName::new(ordinal, ordinal, self.token).ok_or_else(segments)?;
        let header = SegmentHeader {
            stream: self.stream,
            name,
            owner: self.owner,
            previous_crc32c: self.previous_crc32c,
            last_crc32c: None,
            origin: self.origin.clone(),
            parts: vec![part_of(tick, ordinal)],
        };
        let segment = encode(&header, &mut raw_of(tick))?;
        if !put_segment(&self.store, &self.run(), &segment)? {
            return Err(self.another(&format!("put segment {ordinal}")));
        }
        tracing::debug!(stream = %self.stream, %ordinal, bytes = segment.bytes.len(), "put a segment");
        (self.next, self.previous_crc32c) = (ordinal.next(), Some(segment.crc32c));
        self.origin = None;
        Ok(())
    }

    fn another(&self, what: &str) -> Error {
        let message = format!("another follower of the stream {} {what}", self.stream);
        Error::new(ErrorKind::Locked, message).with_hint("let one follower run for each database")
    }

    /// For what a kill leaves in the store.
    fn run(&self) -> String {
        format!("follow-{}", self.token)
    }
}
