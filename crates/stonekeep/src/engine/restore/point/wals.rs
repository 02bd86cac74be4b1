//! P3 for WALs: what the base has of each, then what the stream has.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use stonekeep_format::{Crc32c, FileNumber};

use crate::engine::contents::assembly::{AssembledPart, Assembly, PartSource, PieceAt};
use crate::repo::stream::segment_header::WalPosition;
use crate::repo::stream::segment_name::Ordinal;
use crate::repo::stream::stored_segment::StoredSegment;
use crate::repo::stream::target::Base;
use crate::store::{Key, Store};
use crate::{Error, Result};

/// How much is read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// A WAL of a base.
#[derive(Debug, Clone)]
pub(super) struct BaseWal {
    pub(super) number: FileNumber,
    pub(super) key: Key,
    pub(super) size_bytes: u64,
    pub(super) crc32c: Option<Crc32c>,
}

/// What a base and its stream have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) base: &'a Base,
    pub(super) base_wals: &'a [BaseWal],
    pub(super) segments: &'a Arc<[StoredSegment]>,
}

/// The WALs up to a place.
pub(super) type Wals = BTreeMap<FileNumber, Vec<AssembledPart>>;

impl Sources<'_> {
    /// The parts of each WAL up to this place, which is in the segment of this ordinal. The checksum of a part of a piece is not known.
    pub(super) fn wals(self, end: WalPosition, ordinal: Ordinal) -> Wals {
        let mut wals = Wals::new();
        for wal in self.base_wals.iter().filter(|wal| wal.number <= end.number) {
            let part = AssembledPart {
                size_bytes: wal.size_bytes,
                crc32c: wal.crc32c,
                source: PartSource::Stored(wal.key.clone(), 0),
            };
            wals.insert(wal.number, vec![part]);
        }
        for at in self.pieces().filter(|at| at.ordinal <= ordinal) {
            if let Some(part) = self.part_of(at, end) {
                wals.entry(at.piece.wal).or_default().push(part);
            }
        }
        for parts in wals.values_mut().filter(|parts| parts.len() > 1) {
            parts.retain(|part| part.size_bytes > 0);
        }
        wals
    }

    /// What is wanted of a piece: what the base has not, up to the end.
    fn part_of(self, at: PieceAt, end: WalPosition) -> Option<AssembledPart> {
        let (piece, base_end) = (at.piece, self.base.end);
        if piece.wal < base_end.number || piece.wal > end.number {
            return None;
        }
        let from = if piece.wal == base_end.number {
            piece.from.max(base_end.offset)
        } else {
            piece.from
        };
        let to = if piece.wal == end.number {
            piece.to.min(end.offset)
        } else {
            piece.to
        };
        let is_whole = (from, to) == (piece.from, piece.to);
        let size_bytes = to.checked_sub(from).filter(|bytes| *bytes > 0 || is_whole)?;
        Some(AssembledPart {
            size_bytes,
            crc32c: is_whole.then_some(piece.crc32c),
            source: PartSource::Piece(at, from - piece.from),
        })
    }

    fn pieces(self) -> impl Iterator<Item = PieceAt> {
        let segments = self.segments.iter().enumerate();
        segments.flat_map(|(segment, stored)| {
            let parts = stored.header.parts.iter();
            parts.flat_map(move |part| {
                let ordinal = part.ordinal;
                part.pieces.iter().map(move |piece| PieceAt {
                    segment,
                    ordinal,
                    piece: *piece,
                })
            })
        })
    }

    /// P2: what was followed since the capture of the base began, and is in it, too, must be the same.
    ///
    /// # Errors
    /// `Corrupt` if it is not: the base is of another history; I/O errors.
    pub(super) fn compare(self, store: &Store) -> Result<()> {
        for at in self.pieces().filter(|at| at.ordinal > self.base.ordinal) {
            let wal = self.base_wals.iter().find(|wal| wal.number == at.piece.wal);
            let Some(wal) = wal.filter(|wal| at.piece.from < wal.size_bytes) else {
                continue;
            };
            let to = at.piece.to.min(wal.size_bytes);
            let checksum = |source| {
                let (size_bytes, crc32c) = (to - at.piece.from, None);
                self.checksum(
                    store,
                    AssembledPart {
                        size_bytes,
                        crc32c,
                        source,
                    },
                )
            };
            let of_base = checksum(PartSource::Stored(wal.key.clone(), at.piece.from))?;
            let of_stream = if to == at.piece.to {
                at.piece.crc32c
            } else {
                checksum(PartSource::Piece(at, 0))?
            };
            if of_base != of_stream {
                let reason = format!(
                    "the base has other bytes than segment {}, {}",
                    at.ordinal, at.piece
                );
                return Err(Error::corrupt(wal.key.as_str(), reason)
                    .with_hint("choose another base: this one is not of the same history as the stream"));
            }
        }
        Ok(())
    }

    /// Learns the checksums of parts of pieces.
    ///
    /// # Errors
    /// `Corrupt` if a segment is damaged, and I/O errors.
    pub(super) fn complete(self, store: &Store, wals: &mut Wals) -> Result<()> {
        for part in wals.values_mut().flatten() {
            if part.crc32c.is_none() && part.is_piece() {
                part.crc32c = Some(self.checksum(store, part.clone())?);
            }
        }
        Ok(())
    }

    fn checksum(self, store: &Store, part: AssembledPart) -> Result<Crc32c> {
        let mut crc32c = 0;
        self.read(store, vec![part], &mut |bytes| {
            crc32c = crc32c::crc32c_append(crc32c, bytes);
            Ok(true)
        })?;
        Ok(Crc32c(crc32c))
    }

    /// Reads parts of a WAL, as long as `take` says so.
    ///
    /// # Errors
    /// `Corrupt` if a segment or a file of the base is damaged, and I/O errors; those of `take`.
    pub(super) fn read(
        self,
        store: &Store,
        parts: Vec<AssembledPart>,
        take: &mut dyn FnMut(&[u8]) -> Result<bool>,
    ) -> Result<()> {
        let segments = Arc::clone(self.segments);
        let assembly = Assembly { segments, parts };
        let mut reader = assembly.reader(store);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = reader.read(&mut buffer);
            let count = read.map_err(|error| Error::of_content("a stream", error))?;
            let bytes = buffer.get(..count).unwrap_or_default();
            if bytes.is_empty() || !take(bytes)? {
                return Ok(());
            }
        }
    }
}
