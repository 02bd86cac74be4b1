//! A segment in a repository, of which the header has been read: its first line, then the header, not the payload.

use stonekeep_format::Crc32c;

use super::content_item::raw_bytes;
use super::first_line::{FirstLine, LINE_BYTES};
use super::header_text::{self, Payload};
use super::segment_header::SegmentHeader;
use super::segment_name::SegmentName;
use super::stream_id::StreamId;
use crate::repo::layout;
use crate::store::{Key, Object, Store};
use crate::{Error, Result};

/// How much is read at first: most headers are shorter.
const FIRST_READ_BYTES: u64 = 16 << 10;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSegment {
    /// Where it is.
    pub key: Key,
    /// What it says of itself.
    pub header: SegmentHeader,
    /// Checksum of all of its bytes, if its payload is what the header says.
    pub crc32c: Crc32c,
    /// Where its payload begins.
    pub(super) payload_at: u64,
    /// What its header says of the payload.
    pub(super) payload: Payload,
}

impl StoredSegment {
    /// Reads the header of a segment.
    ///
    /// # Errors
    /// `Corrupt` if it is damaged or in the place of another one; `Unsupported` for another version; as [`Store::open`].
    pub fn read(store: &Store, stream: StreamId, name: SegmentName) -> Result<Self> {
        let key = layout::segment(stream, name);
        let object = store.open(&key)?;
        let size_bytes = object.size_bytes();
        let mut text = Vec::new();
        read_to(object.as_ref(), &key, &mut text, size_bytes.min(FIRST_READ_BYTES))?;
        let line = text.get(..LINE_BYTES);
        let line = line.ok_or_else(|| Error::corrupt(key.as_str(), "it is cut short"))?;
        let line = FirstLine::read(key.as_str(), line, size_bytes)?;
        let payload_at = LINE_BYTES as u64 + line.header_bytes;
        read_to(object.as_ref(), &key, &mut text, payload_at)?;
        text.truncate(payload_at as usize);
        let header = text.get(LINE_BYTES..).unwrap_or_default();
        let (header, payload) = header_text::read(key.as_str(), header)?;
        let stored = StoredSegment {
            crc32c: whole(&text, payload.crc32c, line.payload_bytes),
            key,
            header,
            payload_at,
            payload,
        };
        stored.require(stream, name, line.payload_bytes)?;
        Ok(stored)
    }

    /// Its name.
    pub fn name(&self) -> SegmentName {
        self.header.name
    }

    /// How long it is.
    pub fn size_bytes(&self) -> u64 {
        self.payload_at + self.payload.size_bytes()
    }

    /// What the segment after it must name: its own checksum, or that of the last one that it joined.
    pub fn end_crc32c(&self) -> Crc32c {
        self.header.last_crc32c.unwrap_or(self.crc32c)
    }

    /// Whether it is what its path says, with a payload of this length, and no part of that is longer than any that zstd makes of what it
    /// holds.
    fn require(&self, stream: StreamId, name: SegmentName, payload_bytes: u64) -> Result<()> {
        let (header, key) = (&self.header, self.key.as_str());
        if header.stream != stream {
            return Err(Error::corrupt(
                key,
                format!("it is of the stream {}", header.stream),
            ));
        }
        if header.name != name {
            let reason = format!(
                "its header says that it is {}, {}",
                header.describe(),
                header.name
            );
            return Err(Error::corrupt(key, reason));
        }
        for (part, bytes) in header.parts.iter().zip(&self.payload.frame_bytes) {
            let raw = raw_bytes(part);
            let most = if raw == 0 {
                0
            } else {
                zstd::zstd_safe::compress_bound(raw as usize) as u64
            };
            if *bytes > most {
                let ordinal = part.ordinal;
                let reason =
                    format!("segment {ordinal} has a payload of {bytes} bytes for {raw} bytes of files");
                return Err(Error::corrupt(key, reason));
            }
        }
        let found = self.payload.size_bytes();
        if found != payload_bytes {
            let reason = format!("its payload has {payload_bytes} bytes, and its parts {found}");
            return Err(Error::corrupt(key, reason));
        }
        Ok(())
    }
}

/// The checksum of a segment, of which the payload is not here.
fn whole(before: &[u8], payload_crc32c: Crc32c, payload_bytes: u64) -> Crc32c {
    let before = crc32c::crc32c(before);
    // The payload is no longer than the file is.
    Crc32c(crc32c::crc32c_combine(
        before,
        payload_crc32c.0,
        payload_bytes as usize,
    ))
}

/// Reads on until `text` has so many bytes, of which the object has more. It grows as bytes come.
fn read_to(object: &dyn Object, key: &Key, text: &mut Vec<u8>, bytes: u64) -> Result<()> {
    let mut at = text.len();
    let end = bytes as usize;
    while at < end {
        text.resize(end.min(at.saturating_mul(2).max(FIRST_READ_BYTES as usize)), 0);
        let free = text.get_mut(at..).unwrap_or_default();
        match object.read_at(free, at as u64) {
            Ok(0) => return Err(Error::corrupt(key.as_str(), "it is cut short")),
            Ok(count) => at += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io(format!("reading {key}"), error)),
        }
    }
    Ok(())
}
