//! Puts ticks into a stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stonekeep_format::Crc32c;

use super::resume_point::resume_point;
use super::segment_of_tick::{part_of, raw_of};
use crate::image::follow::Tick;
use crate::repo::layout;
use crate::repo::stream::content_item::PART_LIMIT_BYTES;
use crate::repo::stream::encode::encode;
use crate::repo::stream::owner::claim;
use crate::repo::stream::put::put_segment;
use crate::repo::stream::resume_point::{BasesSoFar, ResumePoint};
use crate::repo::stream::segment_header::{Origin, SegmentHeader};
use crate::repo::stream::segment_name::{Ordinal, Owner, SegmentName};
use crate::repo::stream::stored_segment::StoredSegment;
use crate::repo::stream::stream_id::{StreamId, Token};
use crate::store::Store;
use crate::{Clock, Error, ErrorKind, Result};

/// How long a writer goes on without looking whether another one has taken the stream over.
const LOOKS_EVERY: Duration = Duration::from_secs(10);

/// Writes one stream.
#[derive(Debug)]
pub struct StreamWriter {
    store: Store,
    clock: Arc<dyn Clock>,
    stream: StreamId,
    owner: Owner,
    token: Token,
    origin: Origin,
    /// The ordinal of the next segment; `None` after the last one that there can be.
    next: Option<Ordinal>,
    previous_crc32c: Option<Crc32c>,
    /// When it was last known that no other one has the stream.
    looked: Instant,
    /// Ticks that are not put yet, and where a follower can go on behind each.
    pending: VecDeque<(Tick, Option<ResumePoint>)>,
}

/// A segment that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutSegment {
    /// Its ordinal.
    pub ordinal: u64,
    /// How long it is in the store.
    pub stored_bytes: u64,
    /// How many bytes of WALs it has.
    pub wal_bytes: u64,
    /// Checksum of all its bytes.
    crc32c: Crc32c,
}

impl StreamWriter {
    /// Begins a new stream of this database. The repository must be there.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn begin(store: &Store, clock: Arc<dyn Clock>, origin: Origin) -> Result<StreamWriter> {
        StreamWriter {
            store: store.clone(),
            looked: clock.instant(),
            clock,
            stream: StreamId::random(),
            owner: Owner(1),
            token: Token::random(),
            origin,
            next: Some(Ordinal::FIRST),
            previous_crc32c: None,
            pending: VecDeque::new(),
        }
        .claimed()
    }

    /// Goes on with a stream behind its newest segment, as the owner after this one.
    ///
    /// # Errors
    /// `Locked` if another one has just done so; I/O errors of the store.
    pub(super) fn resume(
        store: &Store,
        clock: Arc<dyn Clock>,
        newest: &StoredSegment,
        owner: Owner,
    ) -> Result<StreamWriter> {
        StreamWriter {
            store: store.clone(),
            looked: clock.instant(),
            clock,
            stream: newest.header.stream,
            owner: owner.next(),
            token: Token::random(),
            origin: newest.header.origin.clone(),
            next: newest.name().last().next(),
            previous_crc32c: Some(newest.end_crc32c()),
            pending: VecDeque::new(),
        }
        .claimed()
    }

    fn claimed(self) -> Result<StreamWriter> {
        if claim(&self.store, &self.run(), self.stream, self.owner, self.token)? {
            Ok(self)
        } else {
            Err(self.another())
        }
    }

    /// The stream that it writes.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// The ordinal of the newest segment.
    pub(super) fn newest(&self) -> Option<Ordinal> {
        self.next.map_or(Some(Ordinal::MAX), Ordinal::previous)
    }

    /// Takes a tick, which becomes the next segment, with what is known of the bases by then. One that is too large becomes several.
    pub fn take(&mut self, tick: Tick, bases: BasesSoFar) {
        let mut ticks = split(tick);
        let last = ticks.pop();
        self.pending.extend(ticks.into_iter().map(|tick| (tick, None)));
        self.pending.extend(last.map(|tick| {
            let resume = resume_point(&tick.position, bases);
            (tick, resume)
        }));
    }

    /// Puts what was taken. After that the ticks may be [kept](crate::image::follow::Follower::kept).
    ///
    /// # Errors
    /// `Locked` if another follower writes the stream; I/O errors of the store: what was not put is still there, and can be put again.
    pub fn put(&mut self) -> Result<Vec<PutSegment>> {
        let mut put = Vec::new();
        if !self.pending.is_empty() {
            self.look()?;
        }
        while let Some((tick, resume)) = self.pending.front() {
            put.push(self.put_one(tick, resume.clone())?);
            self.pending.pop_front();
            let last = put.last();
            self.next = last.and_then(|put| Ordinal(put.ordinal).next());
            self.previous_crc32c = last.map(|put| put.crc32c);
        }
        Ok(put)
    }

    fn put_one(&self, tick: &Tick, resume: Option<ResumePoint>) -> Result<PutSegment> {
        let full = || {
            Error::refused(format!(
                "the stream {} has no room for more segments",
                self.stream
            ))
        };
        let ordinal = self.next.ok_or_else(full)?;
        let name = SegmentName::new(ordinal, ordinal, self.token).ok_or_else(full)?;
        let header = SegmentHeader {
            stream: self.stream,
            name,
            owner: self.owner,
            previous_crc32c: self.previous_crc32c,
            last_crc32c: None,
            origin: self.origin.clone(),
            parts: vec![part_of(tick, ordinal)],
            resume,
        };
        let segment = encode(&header, &mut raw_of(tick))?;
        if !put_segment(&self.store, &self.run(), &segment)? {
            return Err(self.another());
        }
        tracing::debug!(stream = %self.stream, %ordinal, bytes = segment.bytes.len(), "put a segment");
        Ok(PutSegment {
            ordinal: ordinal.0,
            stored_bytes: segment.bytes.len() as u64,
            wal_bytes: tick.wal_bytes(),
            crc32c: segment.crc32c,
        })
    }

    /// Looks, now and then, whether another one has taken the stream over.
    fn look(&mut self) -> Result<()> {
        let now = self.clock.instant();
        if now.saturating_duration_since(self.looked) < LOOKS_EVERY {
            return Ok(());
        }
        if self
            .store
            .stat(&layout::owner(self.stream, self.owner.next()))?
            .is_some()
        {
            return Err(self.another());
        }
        self.looked = now;
        Ok(())
    }

    fn another(&self) -> Error {
        let message = format!("another follower has taken the stream {} over", self.stream);
        Error::new(ErrorKind::Locked, message).with_hint("let one follower run for each database")
    }

    /// For what a kill leaves in the store.
    fn run(&self) -> String {
        format!("follow-{}", self.token)
    }
}

/// Ticks none of which is too large for a segment. What else a tick has comes with its first piece.
fn split(mut tick: Tick) -> Vec<Tick> {
    let mut ticks = Vec::new();
    while tick.pieces.len() > 1 && tick.wal_bytes() > PART_LIMIT_BYTES {
        ticks.push(Tick {
            pieces: vec![tick.pieces.remove(0)],
            finals: std::mem::take(&mut tick.finals),
            edits: std::mem::take(&mut tick.edits),
            breaks: std::mem::take(&mut tick.breaks),
            options: tick.options.take(),
            position: tick.position.clone(),
            ..tick
        });
    }
    ticks.push(tick);
    ticks
}
