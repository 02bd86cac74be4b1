//! A file that is put together: the stored file of a backup, then what a stream has of it.

use std::io::{self, Read};
use std::sync::Arc;

use stonekeep_format::Crc32c;

use crate::repo::stream::content::SegmentContent;
use crate::repo::stream::content_item::ContentItem;
use crate::repo::stream::segment_header::Piece;
use crate::repo::stream::segment_name::Ordinal;
use crate::repo::stream::stored_segment::StoredSegment;
use crate::store::{Key, Object, Store};
use crate::{Error, Result};

/// The parts of a file, in their order.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Assembly {
    /// The segments that the parts are in.
    pub(in crate::engine) segments: Arc<[StoredSegment]>,
    pub(in crate::engine) parts: Vec<AssembledPart>,
}

/// Some of the bytes.
#[derive(Debug, Clone)]
pub(in crate::engine) struct AssembledPart {
    pub(in crate::engine) size_bytes: u64,
    /// Their checksum, where it is known.
    pub(in crate::engine) crc32c: Option<Crc32c>,
    pub(in crate::engine) source: PartSource,
}

/// Where they are.
#[derive(Debug, Clone)]
pub(in crate::engine) enum PartSource {
    /// Bytes of a stored file, after so many that are not wanted.
    Stored(Key, u64),
    /// Bytes of a piece in a segment, after so many that are not wanted.
    Piece(PieceAt, u64),
    /// Here.
    Bytes(Arc<[u8]>),
}

/// A piece in one of the segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct PieceAt {
    /// Which segment.
    pub(in crate::engine) segment: usize,
    /// Which part of it.
    pub(in crate::engine) ordinal: Ordinal,
    pub(in crate::engine) piece: Piece,
}

impl AssembledPart {
    /// Whether a stream has it.
    pub(in crate::engine) fn is_piece(&self) -> bool {
        matches!(self.source, PartSource::Piece(..))
    }
}

impl Assembly {
    /// How long the file is.
    pub(in crate::engine) fn size_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.size_bytes).sum()
    }

    /// Its checksum, if that of each part is known.
    pub(in crate::engine) fn crc32c(&self) -> Option<Crc32c> {
        let combined = self.parts.iter().try_fold(0, |before, part| {
            let size_bytes = usize::try_from(part.size_bytes).ok()?;
            Some(crc32c::crc32c_combine(before, part.crc32c?.0, size_bytes))
        });
        combined.map(Crc32c)
    }

    /// Reads the file.
    pub(in crate::engine) fn reader<'a>(&'a self, store: &'a Store) -> AssemblyReader<'a> {
        AssemblyReader {
            store,
            segments: &self.segments,
            parts: self.parts.iter(),
            left: 0,
            open: OpenPart::None,
            segment: None,
        }
    }
}

/// Reads the parts of a file one after the other. A segment that the next part is in, too, stays open.
pub(in crate::engine) struct AssemblyReader<'a> {
    store: &'a Store,
    segments: &'a [StoredSegment],
    parts: std::slice::Iter<'a, AssembledPart>,
    /// Bytes of the part that are not read yet.
    left: u64,
    open: OpenPart<'a>,
    segment: Option<OpenSegment<'a>>,
}

enum OpenPart<'a> {
    None,
    Stored {
        key: &'a Key,
        object: Box<dyn Object>,
        offset: u64,
    },
    Piece,
    Bytes(&'a [u8]),
}

struct OpenSegment<'a> {
    index: usize,
    content: SegmentContent<'a>,
    /// The item that is being read.
    at: Option<ContentItem<'a>>,
}

impl<'a> AssemblyReader<'a> {
    fn open(&mut self, part: &'a AssembledPart) -> Result<()> {
        self.left = part.size_bytes;
        self.open = match &part.source {
            PartSource::Bytes(bytes) => OpenPart::Bytes(bytes),
            PartSource::Stored(key, skipped) => OpenPart::Stored {
                key,
                object: self.store.open(key)?,
                offset: *skipped,
            },
            PartSource::Piece(at, skipped) => {
                self.open_piece(at)?;
                self.skip(*skipped)?;
                OpenPart::Piece
            }
        };
        Ok(())
    }

    /// Goes to a piece: on in the open segment, if it is further on there.
    fn open_piece(&mut self, at: &PieceAt) -> Result<()> {
        let Some(segment) = self.segments.get(at.segment) else {
            return Err(Error::invalid("a part of a file is in no segment"));
        };
        let is_ahead = |open: &OpenSegment<'_>| open.index == at.segment && open.is_before(at);
        let mut open = match self.segment.take().filter(is_ahead) {
            Some(open) => open,
            None => OpenSegment {
                index: at.segment,
                content: SegmentContent::open_at(self.store, segment, at.ordinal)?,
                at: None,
            },
        };
        loop {
            open.at = open.content.next_item()?;
            match open.at {
                Some(ContentItem::Piece(ordinal, piece)) if ordinal == at.ordinal && *piece == at.piece => {
                    break;
                }
                Some(_) => {}
                None => {
                    let reason = format!("it has no {}", at.piece);
                    return Err(Error::corrupt(segment.key.as_str(), reason));
                }
            }
        }
        self.segment = Some(open);
        Ok(())
    }

    fn skip(&mut self, bytes: u64) -> Result<()> {
        let Some(open) = &mut self.segment else {
            return Ok(());
        };
        let skipped = io::copy(&mut (&mut open.content).take(bytes), &mut io::sink());
        skipped.map_err(|error| Error::of_content("a segment", error))?;
        Ok(())
    }

    fn read_part(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.open {
            OpenPart::None => Ok(0),
            OpenPart::Stored { object, offset, .. } => {
                let count = object.read_at(buffer, *offset)?;
                *offset += count as u64;
                Ok(count)
            }
            OpenPart::Piece => self
                .segment
                .as_mut()
                .map_or(Ok(0), |open| open.content.read(buffer)),
            OpenPart::Bytes(bytes) => bytes.read(buffer),
        }
    }

    /// The end of a piece is read for its checksum.
    fn end_part(&mut self) -> io::Result<()> {
        let is_piece = matches!(self.open, OpenPart::Piece);
        self.open = OpenPart::None;
        match self
            .segment
            .as_mut()
            .filter(|open| is_piece && open.content.is_at_end())
        {
            Some(open) => open.content.read(&mut [0]).map(drop),
            None => Ok(()),
        }
    }
}

impl OpenSegment<'_> {
    /// Whether a piece comes behind what is being read.
    fn is_before(&self, at: &PieceAt) -> bool {
        match self.at {
            Some(ContentItem::Piece(ordinal, piece)) => {
                (ordinal, piece.wal, piece.from) < (at.ordinal, at.piece.wal, at.piece.from)
            }
            _ => false,
        }
    }
}

impl Read for AssemblyReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 {
            self.end_part()?;
            let Some(part) = self.parts.next() else {
                return Ok(0);
            };
            self.open(part).map_err(io::Error::other)?;
        }
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        match self.read_part(buffer)? {
            0 if most > 0 => {
                let key = match &self.open {
                    OpenPart::Stored { key, .. } => key.as_str(),
                    _ => "a segment",
                };
                Err(io::Error::other(Error::corrupt(key, "it ends early")))
            }
            count => {
                self.left -= count as u64;
                // Whoever knows how long the file is does not read on.
                if self.left == 0 {
                    self.end_part()?;
                }
                Ok(count)
            }
        }
    }
}
