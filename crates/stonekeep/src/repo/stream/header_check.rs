//! Whether a header makes sense: what is written and what is read has to.

use stonekeep_format::FileNumber;
use stonekeep_format::options::LIMIT_BYTES as OPTIONS_LIMIT_BYTES;

use super::content_item::{JOINED_LIMIT_BYTES, PART_LIMIT_BYTES, RECORD_LIMIT_BYTES, piece_bytes, raw_bytes};
use super::segment_header::{Part, Piece, SegmentHeader};
use super::segment_name::Ordinal;

type Check = Result<(), String>;

/// What is wrong with a header, in words.
pub(super) fn check(header: &SegmentHeader) -> Check {
    let (name, is_first) = (header.name, header.name.first() == Ordinal::FIRST);
    require(header.previous_crc32c.is_none() == is_first, || {
        "it names a segment before it, or none, where there is none, or one".to_owned()
    })?;
    require(header.last_crc32c.is_some() == name.is_joined(), || {
        "only a joined segment has the checksum of the last one that it joined, and it must".to_owned()
    })?;
    let wanted = name.last().0 - name.first().0 + 1;
    require(header.parts.len() as u64 == wanted, || {
        format!("it has {} parts instead of {wanted}", header.parts.len())
    })?;
    let ordinals = name.first().0..=name.last().0;
    for (ordinal, part) in ordinals.zip(&header.parts) {
        require(part.ordinal.0 == ordinal, || {
            format!(
                "it has segment {} in the place of segment {ordinal}",
                part.ordinal
            )
        })?;
    }
    sizes(&header.parts)?;
    pieces(&header.parts)
}

fn require(holds: bool, reason: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(reason()) }
}

/// Nothing is allocated by a size before this has held.
fn sizes(parts: &[Part]) -> Check {
    for part in parts {
        let bytes = piece_bytes(part);
        let limit = match part.pieces.as_slice() {
            [_] => RECORD_LIMIT_BYTES,
            _ => PART_LIMIT_BYTES,
        };
        let ordinal = part.ordinal;
        require(bytes <= limit, || {
            format!("segment {ordinal} has {bytes} bytes of WALs, more than the {limit} that it may have")
        })?;
        let bytes = part.options.map_or(0, |options| options.size_bytes);
        require(bytes <= OPTIONS_LIMIT_BYTES, || {
            format!("segment {ordinal} has an OPTIONS file of {bytes} bytes, more than {OPTIONS_LIMIT_BYTES}")
        })?;
    }
    let bytes = parts.iter().map(raw_bytes).fold(0, u64::saturating_add);
    require(parts.len() == 1 || bytes <= JOINED_LIMIT_BYTES, || {
        format!("it has {bytes} bytes of files, more than the {JOINED_LIMIT_BYTES} that it may have")
    })
}

fn pieces(parts: &[Part]) -> Check {
    let mut before: Option<(FileNumber, u64)> = None;
    for piece in parts.iter().flat_map(|part| &part.pieces) {
        one(piece)?;
        match before {
            Some((wal, _)) if piece.wal < wal => {
                return Err(format!("{piece} come after bytes of WAL {wal}"));
            }
            Some((wal, end)) if piece.wal == wal && piece.from != end => {
                return Err(format!("{piece} follow those that end at byte {end}"));
            }
            _ => {}
        }
        before = Some((piece.wal, piece.to));
    }
    Ok(())
}

fn one(piece: &Piece) -> Check {
    require(piece.from <= piece.to, || {
        format!("{piece} end before they begin")
    })?;
    require(piece.sequences.is_some() == (piece.records > 0), || {
        format!(
            "{piece} have {} records, and sequence numbers do not fit",
            piece.records
        )
    })?;
    let Some(sequences) = &piece.sequences else {
        return Ok(());
    };
    // A batch that writes no key uses up no number.
    let (first, last) = (sequences.first.0, sequences.last());
    require(
        last.lowest <= last.highest && first <= last.lowest.0.saturating_add(1),
        || format!("{piece} end with a smaller sequence number than they begin with"),
    )
}
