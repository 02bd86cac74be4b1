//! What a segment holds, piece by piece: nothing is handed out before its checksum was right.

use std::io::{self, BufReader, Read};
use std::vec;

use zstd::stream::read::Decoder;

use super::content_item::ContentItem;
use super::stored_segment::StoredSegment;
use crate::store::{Key, Object, Store};
use crate::{Error, Result};

/// The largest window that a frame may ask for, as a power of two. That of level 1 is smaller.
const MAX_WINDOW_LOG: u32 = 23;

/// Reads the payload of a segment. It holds one item at a time, which is no longer than a single segment may be.
pub struct SegmentContent<'a> {
    segment: &'a StoredSegment,
    items: vec::IntoIter<ContentItem<'a>>,
    decoder: Decoder<'static, BufReader<Payload<'a>>>,
}

impl<'a> SegmentContent<'a> {
    /// Begins with the first item.
    ///
    /// # Errors
    /// As [`Store::open`]; `Corrupt` if the segment has another length now.
    pub fn open(store: &Store, segment: &'a StoredSegment) -> Result<Self> {
        let key = &segment.key;
        let object = store.open(key)?;
        let end = segment.payload_at + segment.payload_bytes;
        if object.size_bytes() != end {
            let reason = format!("it has {} bytes now instead of {end}", object.size_bytes());
            return Err(Error::corrupt(key.as_str(), reason));
        }
        let payload = Payload {
            object,
            key,
            offset: segment.payload_at,
            end,
            crc32c: 0,
        };
        let failed = |error| Error::io(format!("preparing to decompress {key}"), error);
        let mut decoder = Decoder::new(payload).map_err(failed)?.single_frame();
        decoder.window_log_max(MAX_WINDOW_LOG).map_err(failed)?;
        Ok(SegmentContent {
            segment,
            items: ContentItem::all(&segment.header).collect::<Vec<_>>().into_iter(),
            decoder,
        })
    }

    /// Puts the bytes of the next item into `bytes`, in the place of what is there. `None` after the last one: then the payload has been
    /// read to its end, and its checksum is right.
    ///
    /// # Errors
    /// `Corrupt` for any damage, and I/O errors. Nothing can be read after an error.
    pub fn next(&mut self, bytes: &mut Vec<u8>) -> Result<Option<ContentItem<'a>>> {
        bytes.clear();
        let Some(item) = self.items.next() else {
            self.finish()?;
            return Ok(None);
        };
        // It grows as bytes come.
        let read = (&mut self.decoder).take(item.size_bytes()).read_to_end(bytes);
        read.map_err(|error| self.failed(error))?;
        if bytes.len() as u64 != item.size_bytes() {
            return Err(self.corrupt(format!("{item}: the payload ends after {} of them", bytes.len())));
        }
        if crc32c::crc32c(bytes) != item.crc32c().0 {
            return Err(self.corrupt(format!("{item}: their checksum is wrong")));
        }
        Ok(Some(item))
    }

    fn finish(&mut self) -> Result<()> {
        let more = (&mut self.decoder).take(1).read_to_end(&mut Vec::new());
        if more.map_err(|error| self.failed(error))? > 0 {
            return Err(self.corrupt("its payload has more bytes than its header names"));
        }
        let payload = self.decoder.get_mut();
        let left = payload.take(1).read_to_end(&mut Vec::new());
        if left.map_err(|error| self.failed(error))? > 0 {
            return Err(self.corrupt("something follows the zstd frame"));
        }
        if self.decoder.get_ref().get_ref().crc32c != self.segment.payload_crc32c.0 {
            return Err(self.corrupt("the checksum of its payload is wrong"));
        }
        Ok(())
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

/// The compressed bytes of a segment, from the store.
struct Payload<'a> {
    object: Box<dyn Object>,
    key: &'a Key,
    offset: u64,
    end: u64,
    crc32c: u32,
}

impl Read for Payload<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = match self.object.read_at(buffer, self.offset) {
            Ok(0) => {
                return Err(io::Error::other(Error::corrupt(
                    self.key.as_str(),
                    "it is cut short",
                )));
            }
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let error = Error::of_content(self.key, error);
                return Err(io::Error::other(error));
            }
        };
        self.crc32c = crc32c::crc32c_append(self.crc32c, buffer.get(..count).unwrap_or_default());
        self.offset += count as u64;
        Ok(count)
    }
}
