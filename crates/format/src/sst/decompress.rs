//! Decompression of blocks, with a limit and a dictionary.
//!
//! Before the compressed bytes stands how many they expand to (`util/compression.h` and `util/compression.cc`):
//!
//! | algorithm | format versions 0 and 1 | 2 and later |
//! |---|---|---|
//! | snappy | varint32, snappy's own | the same |
//! | zlib, bzip2 | nothing | varint32 |
//! | lz4, lz4hc | fixed32, then four ignored bytes | varint32 |
//! | zstd | varint32 | varint32 |
//!
//! That number is compared with the limit before anything is allocated. Snappy and bzip2 ignore dictionaries, zstd takes
//! trained and raw ones, the others take the dictionary as the bytes before the block.

use flate2::{Decompress, FlushDecompress, Status};

use super::compression::Compression;
use super::trailer::StoredBlock;
use crate::coding::Reader;
use crate::{FileKind, FormatError, Result};

/// The first format version that says the size before the content under each algorithm.
const FIRST_WITH_SIZES: u32 = 2;
/// The least that a buffer of an unknown size grows by.
const GROWTH_BYTES: usize = 64 * 1024;

/// Decompresses the blocks of one table file into a buffer that is used again.
pub struct Decompressor {
    format_version: u32,
    limit_bytes: usize,
    output: Vec<u8>,
    plain: Codec,
    /// For blocks that were compressed with the file's dictionary.
    with_dictionary: Option<Codec>,
}

/// What the algorithms keep from block to block.
struct Codec {
    dictionary: Vec<u8>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    inflate: Option<Decompress>,
}

impl Decompressor {
    /// A decompressor for a table of this format version, of blocks up to `limit_bytes`.
    pub fn new(format_version: u32, limit_bytes: usize) -> Self {
        Decompressor {
            format_version,
            limit_bytes,
            output: Vec::new(),
            plain: Codec::new(Vec::new()),
            with_dictionary: None,
        }
    }

    /// Sets the content of the file's compression dictionary block, which data blocks are compressed with.
    pub fn set_dictionary(&mut self, dictionary: Vec<u8>) {
        self.with_dictionary = Some(Codec::new(dictionary));
    }

    /// The content of a block: in place if it is not compressed, else valid until the next call. `is_data` says whether the file's
    /// dictionary, if it has one, was used for it.
    ///
    /// # Errors
    /// At the block's offset: unsupported for unknown algorithms and for more than the limit, corrupt for anything else.
    pub fn decompress<'a>(&'a mut self, block: &StoredBlock<'a>, is_data: bool) -> Result<&'a [u8]> {
        let error = At(block.offset);
        match block.compression {
            Compression::None => return Ok(block.content),
            other if !other.is_supported() => {
                return Err(error.unsupported(format!(
                    "the block is compressed with {other}, which is not supported"
                )));
            }
            _ => {}
        }
        let (size, payload) = self.split_size(block)?;
        let limit = self.limit_bytes;
        let codec = match &mut self.with_dictionary {
            Some(codec) if is_data => codec,
            _ => &mut self.plain,
        };
        let Some(size) = size else {
            let len = codec.expand_unsized(block, payload, &mut self.output, limit)?;
            return Ok(&self.output[..len]);
        };
        if size > limit as u64 {
            let reason = format!("the block says that it has {size} bytes, more than {limit}");
            return Err(error.unsupported(reason));
        }
        let size = size as usize;
        if self.output.len() < size {
            self.output.resize(size, 0);
        }
        let output = &mut self.output[..size];
        let written = codec.expand(block, payload, output)?;
        if written != size {
            let reason = format!("the block has {written} bytes, not {size} as it says");
            return Err(error.corrupt(reason));
        }
        Ok(&self.output[..size])
    }

    /// The content of a block that is no data block.
    ///
    /// # Errors
    /// As [`Self::decompress`].
    pub(super) fn decompress_once(mut self, block: &StoredBlock<'_>) -> Result<Vec<u8>> {
        let (len, is_stored) = {
            let content = self.decompress(block, false)?;
            (content.len(), block.compression == Compression::None)
        };
        if is_stored {
            return Ok(block.content.to_vec());
        }
        self.output.truncate(len);
        Ok(self.output)
    }

    /// The size that the block says, and what comes after it.
    fn split_size<'a>(&self, block: &StoredBlock<'a>) -> Result<(Option<u64>, &'a [u8])> {
        let error = At(block.offset);
        let mut reader = Reader::new(FileKind::Table, block.offset, block.content);
        let early = self.format_version < FIRST_WITH_SIZES;
        let size = match block.compression {
            Compression::Snappy => {
                let size = snap::raw::decompress_len(block.content);
                let size = size.map_err(|source| error.failed(block.compression, source))?;
                return Ok((Some(size as u64), block.content));
            }
            Compression::Zlib | Compression::Bzip2 if early => return Ok((None, block.content)),
            Compression::Lz4 | Compression::Lz4hc if early => {
                let size = u64::from(reader.fixed32()?);
                reader.bytes(4)?;
                size
            }
            _ => reader.varint64()?,
        };
        Ok((Some(size), reader.rest()))
    }
}

impl Codec {
    fn new(dictionary: Vec<u8>) -> Self {
        Codec {
            dictionary,
            zstd: None,
            inflate: None,
        }
    }

    /// Fills `output`; returns how much of it was needed.
    fn expand(&mut self, block: &StoredBlock<'_>, payload: &[u8], output: &mut [u8]) -> Result<usize> {
        let error = At(block.offset);
        let kind = block.compression;
        match kind {
            Compression::Snappy => {
                let written = snap::raw::Decoder::new().decompress(payload, output);
                written.map_err(|source| error.failed(kind, source))
            }
            Compression::Lz4 | Compression::Lz4hc => {
                let written = if self.dictionary.is_empty() {
                    lz4_flex::block::decompress_into(payload, output)
                } else {
                    lz4_flex::block::decompress_into_with_dict(payload, output, &self.dictionary)
                };
                written.map_err(|source| error.failed(kind, source))
            }
            Compression::Zlib => {
                let inflate = self.inflate(error)?;
                let status = inflate.decompress(payload, output, FlushDecompress::Finish);
                match status.map_err(|source| error.failed(kind, source))? {
                    Status::StreamEnd => Ok(inflate.total_out() as usize),
                    Status::Ok | Status::BufError => {
                        Err(error.failed(kind, "the block does not end where it should"))
                    }
                }
            }
            Compression::Bzip2 => {
                let mut bunzip = bzip2::Decompress::new(false);
                match bunzip.decompress(payload, output) {
                    Ok(bzip2::Status::StreamEnd) => Ok(bunzip.total_out() as usize),
                    Ok(_) => Err(error.failed(kind, "the block does not end where it should")),
                    Err(source) => Err(error.failed(kind, source)),
                }
            }
            Compression::Zstd | Compression::ZstdNotFinal => {
                let written = self.zstd(error)?.decompress_to_buffer(payload, output);
                written.map_err(|source| error.failed(kind, source))
            }
            Compression::None | Compression::Xpress | Compression::Other(_) => {
                Err(error.unsupported(format!("no decompression of {kind}")))
            }
        }
    }

    /// Expands what does not say its size, the early forms of zlib and bzip2, into a buffer that grows up to `limit`.
    fn expand_unsized(
        &mut self,
        block: &StoredBlock<'_>,
        payload: &[u8],
        output: &mut Vec<u8>,
        limit: usize,
    ) -> Result<usize> {
        let error = At(block.offset);
        let kind = block.compression;
        let mut bunzip = bzip2::Decompress::new(false);
        let inflate = self.inflate(error)?;
        let (mut read, mut written) = (0, 0);
        loop {
            if written == output.len() {
                if written >= limit {
                    return Err(error.unsupported(format!("the block has more than {limit} bytes")));
                }
                output.resize(limit.min(written.saturating_mul(2).max(GROWTH_BYTES)), 0);
            }
            let before = (read, written);
            let (input, room) = (&payload[read..], &mut output[written..]);
            let is_end = if kind == Compression::Zlib {
                let status = inflate.decompress(input, room, FlushDecompress::None);
                (read, written) = (inflate.total_in() as usize, inflate.total_out() as usize);
                status.map_err(|source| error.failed(kind, source))? == Status::StreamEnd
            } else {
                let status = bunzip.decompress(input, room);
                (read, written) = (bunzip.total_in() as usize, bunzip.total_out() as usize);
                status.map_err(|source| error.failed(kind, source))? == bzip2::Status::StreamEnd
            };
            if is_end {
                return Ok(written);
            }
            if before == (read, written) {
                return Err(error.failed(kind, "the block is cut short"));
            }
        }
    }

    /// A decompressor of raw deflate that stands at the beginning, behind the dictionary if there is one.
    fn inflate(&mut self, error: At) -> Result<&mut Decompress> {
        let inflate = self.inflate.get_or_insert_with(|| Decompress::new(false));
        inflate.reset(false);
        if !self.dictionary.is_empty() {
            let set = inflate.set_dictionary(&self.dictionary);
            set.map_err(|source| error.failed(Compression::Zlib, source))?;
        }
        Ok(inflate)
    }

    fn zstd(&mut self, error: At) -> Result<&mut zstd::bulk::Decompressor<'static>> {
        let decoder = match self.zstd.take() {
            Some(decoder) => decoder,
            None => zstd::bulk::Decompressor::with_dictionary(&self.dictionary)
                .map_err(|source| error.failed(Compression::Zstd, source))?,
        };
        Ok(self.zstd.insert(decoder))
    }
}

/// Makes errors about the block at this offset.
#[derive(Clone, Copy)]
struct At(u64);

impl At {
    fn corrupt(self, reason: impl Into<String>) -> FormatError {
        FormatError::corrupt(FileKind::Table, self.0, reason)
    }

    fn unsupported(self, reason: impl Into<String>) -> FormatError {
        FormatError::unsupported(FileKind::Table, self.0, reason)
    }

    fn failed(self, kind: Compression, source: impl std::fmt::Display) -> FormatError {
        self.corrupt(format!("the block cannot be decompressed with {kind}: {source}"))
    }
}
