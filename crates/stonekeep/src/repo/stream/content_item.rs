//! What the payload of a segment consists of, in its order: for each part its pieces, then its OPTIONS file.

use std::fmt;

use stonekeep_format::Crc32c;

use super::segment_header::{OptionsFile, Part, Piece};
use super::segment_name::Ordinal;

/// Bytes of WALs in a single segment, at most, if it has several pieces.
pub const PART_LIMIT_BYTES: u64 = 16 << 20;
/// The same if it has one piece: that may be a single record, which is as long as the application made it.
pub const RECORD_LIMIT_BYTES: u64 = 8 << 30;
/// Raw bytes of a joined segment, at most.
pub const JOINED_LIMIT_BYTES: u64 = 256 << 20;

/// Something in the payload of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentItem<'a> {
    /// Bytes of a WAL, in the part with this ordinal.
    Piece(Ordinal, &'a Piece),
    /// An OPTIONS file, in the part with this ordinal.
    Options(Ordinal, &'a OptionsFile),
}

impl<'a> ContentItem<'a> {
    /// All that a part has.
    pub(super) fn all(part: &'a Part) -> impl Iterator<Item = Self> {
        let pieces = part
            .pieces
            .iter()
            .map(|piece| ContentItem::Piece(part.ordinal, piece));
        let options = part.options.as_ref();
        pieces.chain(options.map(|options| ContentItem::Options(part.ordinal, options)))
    }

    /// How many bytes it has.
    pub fn size_bytes(&self) -> u64 {
        match self {
            // A piece that ends before it begins is refused with its header.
            ContentItem::Piece(_, piece) => piece.to.saturating_sub(piece.from),
            ContentItem::Options(_, options) => options.size_bytes,
        }
    }

    /// Their checksum.
    pub fn crc32c(&self) -> Crc32c {
        match self {
            ContentItem::Piece(_, piece) => piece.crc32c,
            ContentItem::Options(_, options) => options.crc32c,
        }
    }
}

impl fmt::Display for ContentItem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContentItem::Piece(ordinal, piece) => write!(f, "segment {ordinal}, {piece}"),
            ContentItem::Options(ordinal, options) => {
                write!(f, "segment {ordinal}, OPTIONS {}", options.number)
            }
        }
    }
}

/// How many raw bytes a part has; no more than a number can say.
pub(super) fn raw_bytes(part: &Part) -> u64 {
    let options = part.options.map_or(0, |options| options.size_bytes);
    piece_bytes(part).saturating_add(options)
}

/// How many bytes of WALs a part has.
pub(super) fn piece_bytes(part: &Part) -> u64 {
    let pieces = part.pieces.iter();
    pieces
        .map(|piece| piece.to.saturating_sub(piece.from))
        .fold(0, u64::saturating_add)
}
