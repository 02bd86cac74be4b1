//! The way from a file's end to its properties, with as few reads as possible.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

use super::block::{Block, check_trailer};
use super::block_handle::BlockHandle;
use super::properties::GLOBAL_SEQNO;
use super::{Footer, TableProperties};
use crate::coding::Reader;
use crate::unique_id::SessionId;
use crate::{FileKind, FormatError};

/// The most that is read of a metaindex or properties block. RocksDB has no limit; real blocks have one or two kilobytes,
/// with users' collectors up to some hundred. A larger one is called unsupported.
pub const MAX_META_BLOCK_BYTES: u64 = 32 << 20;

/// The first read begins at a multiple of this, at least as far from the end: between one and two pages, mostly enough
/// for everything.
const PAGE: u64 = 4096;
/// How much of the end is read first for the session alone: enough where no collector of a user's adds properties.
const SESSION_BYTES: u64 = 2048;

const PROPERTIES: &[u8] = b"rocksdb.properties";
/// Its name in the first versions of RocksDB (`table/meta_blocks.cc` up to version 7).
const OLD_PROPERTIES: &[u8] = b"rocksdb.stats";

/// Why the properties of a table file could not be read.
///
/// Exhaustive: reading fails, or what was read is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed; this says nothing about the bytes.
    #[error("cannot read {len} bytes at byte {offset} of a table file")]
    Io {
        /// Where reading began.
        offset: u64,
        /// How many bytes were asked for.
        len: usize,
        /// What the reader said.
        source: io::Error,
    },
    /// The bytes are damaged or of an unknown format.
    #[error(transparent)]
    Format(#[from] FormatError),
}

/// What the end of a table file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableTail {
    /// The footer.
    pub footer: Footer,
    /// The properties; all unknown if the file has no properties block, as LevelDB's have none.
    pub properties: TableProperties,
}

/// Reads the properties of a table file of `file_size` bytes; see [`read_tail`].
///
/// # Errors
/// As [`read_tail`].
pub fn read_properties(
    file_size: u64,
    read: &mut dyn FnMut(u64, usize) -> io::Result<Vec<u8>>,
) -> Result<TableProperties, ReadError> {
    Ok(read_tail(file_size, read)?.properties)
}

/// Reads footer and properties of a table file of `file_size` bytes and checks the checksums of all that is read.
///
/// `read(offset, len)` returns these bytes of the file; it is called once if the metadata are in the last page, at most
/// three times, never for bytes outside of the file, never for more than [`MAX_META_BLOCK_BYTES`] and a trailer.
///
/// # Errors
/// [`ReadError::Io`] if `read` fails or returns another number of bytes than asked for, [`ReadError::Format`] if the
/// bytes are wrong or too new.
pub fn read_tail(
    file_size: u64,
    read: &mut dyn FnMut(u64, usize) -> io::Result<Vec<u8>>,
) -> Result<TableTail, ReadError> {
    let tail_at = file_size.saturating_sub(PAGE) / PAGE * PAGE;
    let (footer, properties) = read_block(file_size, tail_at, read, TableProperties::decode)?;
    Ok(TableTail {
        footer,
        properties: properties.unwrap_or_default(),
    })
}

/// Reads like [`read_tail`], but less at first, and takes nothing but the session that made the file: for many files.
///
/// # Errors
/// As [`read_tail`].
pub fn read_session_id(
    file_size: u64,
    read: &mut dyn FnMut(u64, usize) -> io::Result<Vec<u8>>,
) -> Result<Option<SessionId>, ReadError> {
    let tail_at = file_size.saturating_sub(SESSION_BYTES);
    let (_, session) = read_block(file_size, tail_at, read, TableProperties::session_id_in)?;
    Ok(session.flatten())
}

/// The footer, and what `parse` makes of the properties block if there is one.
fn read_block<T>(
    file_size: u64,
    tail_at: u64,
    read: &mut dyn FnMut(u64, usize) -> io::Result<Vec<u8>>,
    parse: impl Fn(&Block<'_>) -> crate::Result<T>,
) -> Result<(Footer, Option<T>), ReadError> {
    let tail = read_at(read, tail_at, (file_size - tail_at) as usize)?;
    let footer = Footer::decode(&tail, file_size)?;
    let mut source = Source {
        tail_at,
        tail: &tail,
        read,
    };
    let stored = source.block(&footer, footer.metaindex)?;
    match check_trailer(&footer, footer.metaindex.offset, &stored) {
        // RocksDB compresses no meta block; of the rest there are no properties to be had.
        Err(error) if footer.format_version == 0 && error.is_unsupported() => return Ok((footer, None)),
        checked => checked?,
    }
    let metaindex = Block::new(&footer, footer.metaindex.offset, &stored)?;
    let Some(handle) = properties_handle(&footer, &metaindex)? else {
        return Ok((footer, None));
    };
    let stored = source.block(&footer, handle)?;
    let parsed = parse_properties(&footer, handle, stored, parse)?;
    Ok((footer, Some(parsed)))
}

/// What the metaindex says about where the properties are.
fn properties_handle(footer: &Footer, metaindex: &Block<'_>) -> crate::Result<Option<BlockHandle>> {
    let mut found = None;
    metaindex.for_each(|name, value, value_at| {
        if name == PROPERTIES || name == OLD_PROPERTIES {
            let place = footer.metaindex.offset + value_at as u64;
            found = Some(BlockHandle::decode(&mut Reader::new(
                FileKind::Table,
                place,
                value,
            )));
        }
    })?;
    found.transpose()
}

/// Ingestion may have rewritten the global sequence number inside the block without renewing the checksum, which
/// then only matches with the number that `SstFileWriter` wrote, zero (`ReadTablePropertiesHelper` in
/// `table/meta_blocks.cc`).
pub(super) fn parse_properties<T>(
    footer: &Footer,
    handle: BlockHandle,
    mut stored: Cow<'_, [u8]>,
    parse: impl Fn(&Block<'_>) -> crate::Result<T>,
) -> crate::Result<T> {
    let block = Block::new(footer, handle.offset, &stored)?;
    let properties = parse(&block);
    let Err(mismatch) = check_trailer(footer, handle.offset, &stored) else {
        return properties;
    };
    let properties = properties.map_err(|_| mismatch.clone())?;
    let seqno_at = global_seqno_at(&block)?.ok_or_else(|| mismatch.clone())?;
    stored.to_mut()[seqno_at].fill(0);
    check_trailer(footer, handle.offset, &stored).map_err(|_| mismatch)?;
    Ok(properties)
}

/// Where in the properties block the eight bytes of the global sequence number are.
fn global_seqno_at(block: &Block<'_>) -> crate::Result<Option<Range<usize>>> {
    let mut found = None;
    block.for_each(|name, value, value_at| {
        if name == GLOBAL_SEQNO.as_bytes() && value.len() == 8 {
            found = Some(value_at..value_at + 8);
        }
    })?;
    Ok(found)
}

/// The file, of which the end is known already.
struct Source<'a> {
    tail_at: u64,
    tail: &'a [u8],
    read: &'a mut dyn FnMut(u64, usize) -> io::Result<Vec<u8>>,
}

fn read_at(
    read: &mut dyn FnMut(u64, usize) -> io::Result<Vec<u8>>,
    offset: u64,
    len: usize,
) -> Result<Vec<u8>, ReadError> {
    let failed = |source| ReadError::Io { offset, len, source };
    let bytes = read(offset, len).map_err(failed)?;
    if bytes.len() != len {
        let reason = format!("{} bytes came", bytes.len());
        return Err(failed(io::Error::new(io::ErrorKind::UnexpectedEof, reason)));
    }
    Ok(bytes)
}

impl<'a> Source<'a> {
    /// A meta block with its trailer.
    fn block(&mut self, footer: &Footer, handle: BlockHandle) -> Result<Cow<'a, [u8]>, ReadError> {
        let trailer_len = footer.block_trailer_len();
        let inside = handle.end(trailer_len).is_some_and(|end| end <= footer.offset);
        if !inside {
            let reason = format!("a meta block, {handle}, is not before the footer");
            return Err(FormatError::corrupt(FileKind::Table, footer.offset, reason).into());
        }
        if handle.size > MAX_META_BLOCK_BYTES {
            let reason = format!("a meta block of {} bytes", handle.size);
            return Err(FormatError::unsupported(FileKind::Table, handle.offset, reason).into());
        }
        let len = handle.size as usize + trailer_len;
        match handle.offset.checked_sub(self.tail_at) {
            Some(at) => Ok(Cow::Borrowed(&self.tail[at as usize..][..len])),
            None => read_at(self.read, handle.offset, len).map(Cow::Owned),
        }
    }
}
