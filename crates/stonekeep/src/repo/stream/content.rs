//! What a segment holds, item by item, each with its checksum.
//!
//! The payload has a zstd frame for each part that holds something, so that one part can be read without those before it.

use std::io::{self, BufReader, Read};
use std::{iter, slice, vec};

use zstd::stream::read::Decoder;

use super::content_item::ContentItem;
use super::payload::PayloadReader;
use super::segment_header::Part;
use super::segment_name::Ordinal;
use super::stored_segment::StoredSegment;
use crate::store::Store;
use crate::{Error, Result};

/// The largest window that a frame may ask for, as a power of two. That of level 1 is smaller.
const MAX_WINDOW_LOG: u32 = 23;

/// Reads the payload of a segment. The bytes of an item count when its end was read: only then its checksum is known to be right.
pub struct SegmentContent<'a> {
    segment: &'a StoredSegment,
    /// The parts that were not begun, and the lengths of their frames.
    parts: iter::Zip<slice::Iter<'a, Part>, slice::Iter<'a, u64>>,
    /// The items of the part that were not begun.
    items: vec::IntoIter<ContentItem<'a>>,
    item: Option<OpenItem<'a>>,
    source: Source<'a>,
    /// Whether the payload is read from its beginning, so that its checksum can be compared.
    reads_all: bool,
}

/// The item that is being read.
struct OpenItem<'a> {
    item: ContentItem<'a>,
    left: u64,
    crc32c: u32,
}

enum Source<'a> {
    /// Before a frame, or behind the last one.
    Between(PayloadReader<'a>),
    /// In the frame of a part.
    In(Decoder<'static, BufReader<PayloadReader<'a>>>),
    /// After an error.
    Lost,
}

impl<'a> SegmentContent<'a> {
    /// Begins with the first item.
    ///
    /// # Errors
    /// As [`Store::open`]; `Corrupt` if the segment has another length now.
    pub fn open(store: &Store, segment: &'a StoredSegment) -> Result<Self> {
        SegmentContent::open_at(store, segment, segment.name().first())
    }

    /// Begins with the first item of the part with this ordinal, or of the first one after it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_at(store: &Store, segment: &'a StoredSegment, ordinal: Ordinal) -> Result<Self> {
        let (key, parts) = (&segment.key, &segment.header.parts);
        let object = store.open(key)?;
        let end = segment.size_bytes();
        if object.size_bytes() != end {
            let reason = format!("it has {} bytes now instead of {end}", object.size_bytes());
            return Err(Error::corrupt(key.as_str(), reason));
        }
        let skipped = parts.partition_point(|part| part.ordinal < ordinal);
        let (before, frames) = segment.payload.frame_bytes.split_at(skipped);
        let offset = segment.payload_at + before.iter().sum::<u64>();
        Ok(SegmentContent {
            segment,
            parts: parts.get(skipped..).unwrap_or_default().iter().zip(frames),
            items: Vec::new().into_iter(),
            item: None,
            source: Source::Between(PayloadReader {
                object,
                key,
                offset,
                end: offset,
                crc32c: 0,
            }),
            reads_all: skipped == 0,
        })
    }

    /// Puts the bytes of the next item into `bytes`, in the place of what is there. `None` after the last one.
    ///
    /// # Errors
    /// As [`Self::next_item`].
    pub fn next(&mut self, bytes: &mut Vec<u8>) -> Result<Option<ContentItem<'a>>> {
        bytes.clear();
        let item = self.next_item()?;
        if item.is_some() {
            // It grows as bytes come.
            self.read_to_end(bytes).map_err(|error| self.failed(error))?;
        }
        Ok(item)
    }

    /// Goes on to the next item, whose bytes can be [read](Read) then; what is left of the one before is passed over, and its checksum
    /// compared. `None` after the last one: then the payload has been read to its end, and its checksum is right if it was read from its
    /// beginning.
    ///
    /// # Errors
    /// `Corrupt` for any damage, and I/O errors. Nothing can be read after an error.
    pub fn next_item(&mut self) -> Result<Option<ContentItem<'a>>> {
        io::copy(self, &mut io::sink()).map_err(|error| self.failed(error))?;
        let item = loop {
            if let Some(item) = self.items.next() {
                break item;
            }
            self.end_part()?;
            let Some((part, frame_bytes)) = self.parts.next() else {
                return self.finish().map(|()| None);
            };
            self.begin_part(part, *frame_bytes)?;
        };
        self.item = Some(OpenItem {
            item,
            left: item.size_bytes(),
            crc32c: 0,
        });
        Ok(Some(item))
    }

    /// Whether all bytes of the item were read, and its checksum is not compared yet.
    pub fn is_at_end(&self) -> bool {
        self.item.as_ref().is_some_and(|open| open.left == 0)
    }

    fn begin_part(&mut self, part: &'a Part, frame_bytes: u64) -> Result<()> {
        self.items = ContentItem::all(part).collect::<Vec<_>>().into_iter();
        self.source = match std::mem::replace(&mut self.source, Source::Lost) {
            Source::Between(mut payload) if frame_bytes > 0 => {
                payload.end += frame_bytes;
                let key = payload.key;
                let failed = |error| Error::io(format!("preparing to decompress {key}"), error);
                let mut decoder = Decoder::new(payload).map_err(failed)?.single_frame();
                decoder.window_log_max(MAX_WINDOW_LOG).map_err(failed)?;
                Source::In(decoder)
            }
            other => other,
        };
        Ok(())
    }

    /// Requires that the frame of the part has nothing else, and nothing follows it.
    fn end_part(&mut self) -> Result<()> {
        let mut decoder = match std::mem::replace(&mut self.source, Source::Lost) {
            Source::In(decoder) => decoder,
            other => {
                self.source = other;
                return Ok(());
            }
        };
        let more = (&mut decoder).take(1).read_to_end(&mut Vec::new());
        if more.map_err(|error| self.failed(error))? > 0 {
            return Err(self.corrupt("its payload has more bytes than its header names"));
        }
        let mut payload = decoder.finish();
        let left = (&mut payload).take(1).read_to_end(&mut Vec::new());
        if left.map_err(|error| self.failed(error))? > 0 {
            return Err(self.corrupt("something follows a zstd frame"));
        }
        self.source = Source::Between(payload.into_inner());
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        match &self.source {
            Source::Between(payload) if self.reads_all && payload.crc32c != self.segment.payload.crc32c.0 => {
                Err(self.corrupt("the checksum of its payload is wrong"))
            }
            _ => Ok(()),
        }
    }

    fn read_item(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let Some(open) = &mut self.item else { return Ok(0) };
        if open.left == 0 {
            let (item, found) = (open.item, open.crc32c);
            self.item = None;
            return if item.crc32c().0 == found {
                Ok(0)
            } else {
                Err(self.corrupt(format!("{item}: their checksum is wrong")))
            };
        }
        let wanted = buffer.len().min(usize::try_from(open.left).unwrap_or(usize::MAX));
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        let read = match &mut self.source {
            Source::In(decoder) => decoder.read(buffer),
            Source::Between(_) | Source::Lost => Ok(0),
        };
        match read {
            Ok(0) if wanted > 0 => {
                let (item, read) = (open.item, open.item.size_bytes() - open.left);
                Err(self.corrupt(format!("{item}: the payload ends after {read} of them")))
            }
            Ok(count) => {
                open.crc32c = crc32c::crc32c_append(open.crc32c, buffer.get(..count).unwrap_or_default());
                open.left -= count as u64;
                Ok(count)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    fn corrupt(&self, reason: impl Into<String>) -> Error {
        Error::corrupt(self.segment.key.as_str(), reason)
    }

    /// An error of the store, or else of zstd.
    fn failed(&self, error: io::Error) -> Error {
        match error.downcast::<Error>() {
            Ok(error) => error,
            Err(error) => self.corrupt(format!("its payload cannot be decompressed: {error}")),
        }
    }
}

/// Reads the bytes of the item. At its end its checksum is compared.
impl Read for SegmentContent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_item(buffer).map_err(|error| {
            self.source = Source::Lost;
            io::Error::other(error)
        })
    }
}
