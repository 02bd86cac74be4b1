//! The footer, the last bytes of a table file.
//!
//! From `table/format.cc`; all numbers little-endian, the last eight bytes first:
//!
//! | bytes | format version 0 | 1 to 5 | 6 and later |
//! |---|---|---|---|
//! | 1 | absent | checksum type | checksum type |
//! | 40 | metaindex handle, index handle, padding | the same | see below |
//! | 4 | absent | format version | format version |
//! | 8 | legacy magic number | magic number | magic number |
//!
//! The 40 bytes from version 6 on: `3e 00 7a 00`, checksum of the footer (fixed32, over all 53 bytes with this field
//! zeroed, plus the context modifier of the footer's offset), base of the context modifiers (fixed32), size of
//! the metaindex block (fixed32), which ends just before the footer, 16 ignored bytes, 8 zero bytes.

use super::block_handle::{BLOCK_TRAILER_LEN, BlockHandle};
use crate::checksum::{ChecksumType, block_checksum, context_modifier};
use crate::coding::Reader;
use crate::{FileKind, FormatError, Result};

const MAGIC_LEN: usize = 8;
const HANDLES_LEN: usize = 40;
const LEGACY_LEN: usize = HANDLES_LEN + MAGIC_LEN;
const NEW_LEN: usize = 1 + HANDLES_LEN + 4 + MAGIC_LEN;
/// No footer is longer.
pub(super) const MAX_FOOTER_LEN: usize = NEW_LEN;
/// Where the footer's own checksum is, after checksum type and extended magic.
const CHECKSUM_AT: usize = 5;
const EXTENDED_MAGIC: [u8; 4] = [0x3e, 0x00, 0x7a, 0x00];

/// What Pebble's own table formats end with (`sstable/table.go` of Pebble); its first ones are RocksDB's.
const PEBBLE_MAGIC: u64 = u64::from_le_bytes(*b"\xf0\x9f\xaa\xb3\xf0\x9f\xaa\xb3");

/// The first format version with a checksum of the footer and context in every checksum.
const FIRST_WITH_CONTEXT: u32 = 6;

/// What a file's last eight bytes say: which kind of table, and whether its footer is the legacy one.
const MAGICS: [(u64, TableKind, bool); 5] = [
    // `table/block_based/block_based_table_builder.cc`; the legacy one is LevelDB's.
    (0x88e2_41b7_85f4_cff7, TableKind::BlockBased, false),
    (0xdb47_7524_8b80_fb57, TableKind::BlockBased, true),
    // `table/plain/plain_table_builder.cc`
    (0x8242_2296_63bf_9564, TableKind::Plain, false),
    (0x4f34_18eb_7a8f_13b8, TableKind::Plain, true),
    // `table/cuckoo/cuckoo_table_builder.cc`
    (0x9267_89d0_c5f1_7873, TableKind::Cuckoo, false),
];

/// The layout of a table file.
///
/// Exhaustive: RocksDB has no other layouts of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableKind {
    /// `BlockBasedTable`, which nearly every database has.
    BlockBased,
    /// `PlainTable`, for memory-mapped files.
    Plain,
    /// `CuckooTable`, a hash table.
    Cuckoo,
}

impl TableKind {
    /// The newest format version that is known here, as of RocksDB 11.9.
    fn newest_version(self) -> u32 {
        match self {
            TableKind::BlockBased => 7,
            TableKind::Plain | TableKind::Cuckoo => 1,
        }
    }
}

/// What a table file's last bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footer {
    /// The layout of the file.
    pub kind: TableKind,
    /// The version of this footer, for block-based tables `BlockBasedTableOptions::format_version`. 0 means the
    /// legacy footer.
    pub format_version: u32,
    /// The algorithm of the checksums behind each block.
    pub checksum: ChecksumType,
    /// What the context modifiers of all checksums are made of; 0 before format version 6.
    pub base_context_checksum: u32,
    /// Where the metaindex block is.
    pub metaindex: BlockHandle,
    /// Where the index block is; from format version 6 on the metaindex says it, and this is all zero.
    pub index: BlockHandle,
    /// Where in the file the footer begins.
    pub offset: u64,
}

impl Footer {
    /// Reads the footer of a file of `file_size` bytes from `tail`, its last bytes: 53 of them, or all of a smaller file.
    ///
    /// A magic number that is not known is corruption, a format version that is not known is unsupported, unless the checksum of the
    /// footer is wrong.
    /// Offsets in errors are those of the file.
    pub fn decode(tail: &[u8], file_size: u64) -> Result<Self> {
        let base = file_size.checked_sub(tail.len() as u64).ok_or_else(|| {
            FormatError::corrupt(
                FileKind::Table,
                file_size,
                "more bytes than the file is said to have",
            )
        })?;
        let (body, magic_at) = tail.split_at(tail.len().saturating_sub(MAGIC_LEN));
        let mut magic_reader = Reader::new(FileKind::Table, base + body.len() as u64, magic_at);
        let start = magic_reader.clone();
        let magic = magic_reader.fixed64()?;
        if magic == PEBBLE_MAGIC {
            return Err(start.unsupported("it is a table of Pebble, not of RocksDB"));
        }
        let (_, kind, legacy) = *MAGICS.iter().find(|(known, ..)| *known == magic).ok_or_else(|| {
            start.corrupt(format!("no table file ends with the magic number {magic:#018x}"))
        })?;
        let length = if legacy { LEGACY_LEN } else { NEW_LEN };
        let skipped = tail.len().checked_sub(length).ok_or_else(|| {
            start.corrupt(format!(
                "{} bytes are too few for a footer of {length}",
                tail.len()
            ))
        })?;
        let place = Place {
            kind,
            offset: base + skipped as u64,
            bytes: &tail[skipped..],
        };
        if legacy { place.legacy() } else { place.versioned() }
    }

    /// Whether a table format of RocksDB has this magic number.
    pub(super) fn is_known_magic(magic: u64) -> bool {
        MAGICS.iter().any(|(known, ..)| *known == magic)
    }

    /// How many bytes follow each block: compression type and checksum in block-based tables, else nothing.
    pub fn block_trailer_len(&self) -> usize {
        match self.kind {
            TableKind::BlockBased => BLOCK_TRAILER_LEN,
            TableKind::Plain | TableKind::Cuckoo => 0,
        }
    }

    /// Where the footer itself is, in a file of `file_size` bytes.
    pub(super) fn own_handle(&self, file_size: u64) -> BlockHandle {
        BlockHandle {
            offset: self.offset,
            size: file_size.saturating_sub(self.offset),
        }
    }

    /// Whether what is left of the room for the handles is zero, in footers without a checksum of their own. `tail` is what
    /// was decoded.
    pub(super) fn check_padding(&self, tail: &[u8]) -> Result<()> {
        if self.format_version >= FIRST_WITH_CONTEXT {
            return Ok(());
        }
        let (len, before) = if self.format_version == 0 {
            (LEGACY_LEN, 0)
        } else {
            (NEW_LEN, 1)
        };
        let bytes = &tail[tail.len().saturating_sub(len)..];
        let mut reader = Reader::new(FileKind::Table, self.offset, &bytes[..before + HANDLES_LEN]);
        reader.bytes(before)?;
        let mut shortest = before;
        for _ in 0..4 {
            shortest += varint_len(reader.varint64()?);
        }
        let is_shortest = shortest == reader.position();
        if !is_shortest || reader.rest().iter().any(|byte| *byte != 0) {
            return Err(
                reader.corrupt("the handles in the footer, or what follows them, were not written so")
            );
        }
        Ok(())
    }

    /// Refuses a metaindex block that would not end before the footer.
    fn checked(self) -> Result<Self> {
        let fits = self
            .metaindex
            .end(self.block_trailer_len())
            .is_some_and(|end| end <= self.offset);
        if !fits {
            let reason = format!(
                "the metaindex block, {}, is not before the footer",
                self.metaindex
            );
            return Err(FormatError::corrupt(FileKind::Table, self.offset, reason));
        }
        Ok(self)
    }
}

/// How many groups of seven bits a number needs.
fn varint_len(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// The checksum of a footer with the field of the checksum zeroed.
fn own_checksum(footer: &[u8], kind: ChecksumType, base: u32, offset: u64) -> u32 {
    let mut copy = footer.to_vec();
    copy[CHECKSUM_AT..CHECKSUM_AT + 4].fill(0);
    let last = copy.pop().unwrap_or_default();
    block_checksum(kind, &copy, last).wrapping_add(context_modifier(base, offset))
}

/// A footer's bytes, of the length that its magic number asks for.
struct Place<'a> {
    kind: TableKind,
    offset: u64,
    bytes: &'a [u8],
}

impl Place<'_> {
    fn reader(&self) -> Reader<'_> {
        Reader::new(FileKind::Table, self.offset, self.bytes)
    }

    fn legacy(&self) -> Result<Footer> {
        self.with_handles(self.reader(), 0, ChecksumType::Crc32c)
    }

    fn versioned(&self) -> Result<Footer> {
        let mut version_reader = self.reader();
        version_reader.bytes(1 + HANDLES_LEN)?;
        let at_version = version_reader.clone();
        let version = version_reader.fixed32()?;
        // RocksDB reads plain tables of version 0 under the new magic number too, but never wrote any.
        if version == 0 || version > self.kind.newest_version() {
            return Err(match self.damage_at(version) {
                Some(reason) => at_version.corrupt(reason),
                None => at_version.unsupported(format!(
                    "format version {version} is unknown to this version of Stonekeep: a newer RocksDB may have written the table"
                )),
            });
        }
        let mut reader = self.reader();
        let at_checksum = reader.clone();
        let number = reader.u8()?;
        // No version of RocksDB has another one, and it calls that damage, too (`Footer::DecodeFrom`, `table/format.cc`).
        let checksum = ChecksumType::from_number(number)
            .ok_or_else(|| at_checksum.corrupt(format!("unknown checksum type {number}")))?;
        if version >= FIRST_WITH_CONTEXT {
            self.with_context(reader, version, checksum)
        } else {
            self.with_handles(reader, version, checksum)
        }
    }

    /// Why a footer with this unknown version is damaged, by its own checksum. One of another form, or with an unknown kind of checksum,
    /// may be that of a newer version.
    fn damage_at(&self, version: u32) -> Option<String> {
        let mut reader = self.reader();
        let checksum = ChecksumType::from_number(reader.u8().ok()?)?;
        if version < FIRST_WITH_CONTEXT || reader.clone().array().ok()? != EXTENDED_MAGIC {
            return None;
        }
        let error = self.with_context(reader, version, checksum).err()?;
        (!error.is_unsupported())
            .then(|| format!("format version {version} is unknown, and {}", error.reason()))
    }

    fn with_handles(&self, mut reader: Reader<'_>, version: u32, checksum: ChecksumType) -> Result<Footer> {
        let metaindex = BlockHandle::decode(&mut reader)?;
        let index = BlockHandle::decode(&mut reader)?;
        let footer = Footer {
            kind: self.kind,
            format_version: version,
            checksum,
            base_context_checksum: 0,
            metaindex,
            index,
            offset: self.offset,
        };
        footer.checked()
    }

    fn with_context(&self, mut reader: Reader<'_>, version: u32, checksum: ChecksumType) -> Result<Footer> {
        let start = reader.clone();
        if reader.array()? != EXTENDED_MAGIC {
            return Err(start.corrupt("the extended magic number is wrong"));
        }
        let at_sum = reader.clone();
        let stored = reader.fixed32()?;
        let base = reader.fixed32()?;
        let computed = own_checksum(self.bytes, checksum, base, self.offset);
        if base == 0 || stored != computed {
            let reason = format!("the footer's checksum is {computed:#010x}, not {stored:#010x}");
            return Err(at_sum.corrupt(reason));
        }
        let size = u64::from(reader.fixed32()?);
        reader.bytes(16)?;
        let at_reserved = reader.clone();
        if reader.fixed64()? != 0 {
            return Err(at_reserved.unsupported("the footer uses a feature that is not known"));
        }
        let behind = size + BLOCK_TRAILER_LEN as u64;
        let offset = self.offset.checked_sub(behind);
        let offset =
            offset.ok_or_else(|| at_sum.corrupt("the metaindex block would begin before the file"))?;
        let footer = Footer {
            kind: self.kind,
            format_version: version,
            checksum,
            base_context_checksum: base,
            metaindex: BlockHandle { offset, size },
            index: BlockHandle::default(),
            offset: self.offset,
        };
        footer.checked()
    }
}
