//! Makes a segment of its header and the raw bytes of what it holds.

use std::io::{Read, Write};

use stonekeep_format::Crc32c;

use super::content_item::{ContentItem, raw_bytes};
use super::first_line::FirstLine;
use super::header_text::Payload;
use super::segment_header::{Part, SegmentHeader};
use super::segment_name::SegmentName;
use super::stream_id::StreamId;
use super::{header_check, header_text};
use crate::{Error, Result};

/// The level of zstd: WALs are read soon or never.
const LEVEL: i32 = 1;
/// How much is compressed at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// A segment in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedSegment {
    /// Its stream.
    pub stream: StreamId,
    /// Its name.
    pub name: SegmentName,
    /// All of its bytes.
    pub bytes: Vec<u8>,
    /// Checksum of all of them: the next segment names it.
    pub crc32c: Crc32c,
}

/// Makes a segment. `raw` has for each part the bytes of its pieces in their order, then those of its OPTIONS file.
///
/// # Errors
/// `InvalidArgument` if the header does not make sense, or the bytes are not those that it describes; those of `raw`.
pub fn encode(header: &SegmentHeader, raw: &mut dyn Read) -> Result<EncodedSegment> {
    header_check::check(header)
        .map_err(|reason| Error::invalid(format!("{} cannot be written: {reason}", header.describe())))?;
    let (mut payload, mut frame_bytes) = (Vec::new(), Vec::new());
    for part in &header.parts {
        let before = payload.len();
        payload = compress(part, raw, payload)?;
        frame_bytes.push((payload.len() - before) as u64);
    }
    let facts = Payload {
        crc32c: Crc32c(crc32c::crc32c(&payload)),
        frame_bytes,
    };
    let text = header_text::write(header, &facts)?;
    let line = FirstLine {
        header_bytes: text.len() as u64,
        payload_bytes: payload.len() as u64,
    };
    let bytes = [line.write()?, text, payload].concat();
    Ok(EncodedSegment {
        stream: header.stream,
        name: header.name,
        crc32c: Crc32c(crc32c::crc32c(&bytes)),
        bytes,
    })
}

/// Appends the frame of a part; nothing if it holds no bytes.
fn compress(part: &Part, raw: &mut dyn Read, payload: Vec<u8>) -> Result<Vec<u8>> {
    let size_bytes = raw_bytes(part);
    if size_bytes == 0 {
        return Ok(payload);
    }
    let failed = |error| Error::io(format!("compressing segment {}", part.ordinal), error);
    let mut encoder = zstd::stream::write::Encoder::new(payload, LEVEL).map_err(failed)?;
    encoder.set_pledged_src_size(Some(size_bytes)).map_err(failed)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    for item in ContentItem::all(part) {
        let mut bytes = (&mut *raw).take(item.size_bytes());
        let (mut crc32c, mut left) = (0, item.size_bytes());
        while left > 0 {
            let count = bytes
                .read(&mut buffer)
                .map_err(|error| Error::of_content(item, error))?;
            let read = buffer.get(..count).unwrap_or_default();
            if read.is_empty() {
                return Err(Error::invalid(format!("{item}: {left} bytes are missing")));
            }
            crc32c = crc32c::crc32c_append(crc32c, read);
            left -= read.len() as u64;
            encoder.write_all(read).map_err(failed)?;
        }
        if item.crc32c().0 != crc32c {
            return Err(Error::invalid(format!("{item}: the bytes have another checksum")));
        }
    }
    encoder.finish().map_err(failed)
}
