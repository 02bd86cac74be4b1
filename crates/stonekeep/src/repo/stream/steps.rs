//! The pieces of a chain behind the end of a base, each of which continues the one before.

use std::collections::BTreeMap;

use stonekeep_format::FileNumber;
use stonekeep_format::wal::SequenceBounds;

use super::chain::Run;
use super::segment_header::{Part, Piece, WalPosition};
use super::segment_name::Ordinal;
use super::stream_id::StreamId;
use super::target::{Base, Position};
use crate::Error;
use crate::repo::layout;

/// A piece that a restore replays, or a part of one.
pub(super) struct Step<'a> {
    pub(super) part: &'a Part,
    pub(super) piece: &'a Piece,
}

impl Step<'_> {
    /// The point after it, given the last sequence number before it.
    pub(super) fn end(&self, before: SequenceBounds) -> Position {
        Position {
            end: end_of(self.piece),
            ordinal: self.part.ordinal,
            last_sequence: self.piece.sequences.map_or(before, |sequences| sequences.last()),
            measured_ms: Some(self.part.measured.after.wall_ms),
        }
    }
}

/// That a piece does not continue the one before.
pub(super) struct Discontinuity {
    /// The segment that it is in.
    pub(super) ordinal: Ordinal,
    stream: Option<StreamId>,
    reason: String,
}

impl Discontinuity {
    pub(super) fn error(&self) -> Error {
        let file = self.stream.map(|stream| layout::stream(stream).to_string());
        let reason = format!("segment {}: {}", self.ordinal, self.reason);
        Error::corrupt(file.unwrap_or_default(), reason)
    }
}

fn end_of(piece: &Piece) -> WalPosition {
    WalPosition {
        number: piece.wal,
        offset: piece.to,
    }
}

/// The steps of a run from a base on. One that does not continue the one before is an error: a hole in the WALs, or bytes that come
/// twice.
pub(super) fn steps<'a>(run: &'a Run, base: &Base) -> impl Iterator<Item = Result<Step<'a>, Discontinuity>> {
    let finals: BTreeMap<FileNumber, u64> = run
        .parts()
        .flat_map(|part| &part.finals)
        .map(|end| (end.number, end.offset))
        .collect();
    let stream = run.segments.first().map(|segment| segment.header.stream);
    let base_end = base.end;
    let mut end = base_end;
    let pieces = run
        .parts()
        .flat_map(|part| part.pieces.iter().map(move |piece| Step { part, piece }));
    let behind = pieces.filter(move |step| end_of(step.piece) > base_end);
    behind.map(move |step| match continues(step.piece, end, base_end, &finals) {
        Ok(()) => {
            end = end_of(step.piece);
            Ok(step)
        }
        Err(reason) => Err(Discontinuity {
            ordinal: step.part.ordinal,
            stream,
            reason,
        }),
    })
}

fn continues(
    piece: &Piece,
    end: WalPosition,
    base_end: WalPosition,
    finals: &BTreeMap<FileNumber, u64>,
) -> Result<(), String> {
    let WalPosition { number, offset } = end;
    if piece.wal == number {
        // A piece may have begun before the base was captured.
        let meets = piece.from == offset || (piece.from < offset && end == base_end);
        return if meets {
            Ok(())
        } else {
            Err(format!("{piece} do not continue at {end}"))
        };
    }
    if piece.wal < number {
        return Err(format!("{piece} come after {end}"));
    }
    if piece.from != 0 {
        return Err(format!(
            "{piece} do not begin with the WAL, of which nothing is there"
        ));
    }
    match finals.get(&number) {
        Some(last) if *last == offset => Ok(()),
        Some(last) => Err(format!(
            "WAL {number} ends at byte {last}, and what is there of it at byte {offset}"
        )),
        None => Err(format!(
            "{piece} come after {end}, which is not known to be the end of that WAL"
        )),
    }
}

/// Where all WALs end that a part and those before it have; if they have nothing, where the next piece begins.
pub(super) fn end_of_part(run: &Run, part: &Part) -> Option<WalPosition> {
    let until = run.parts().take_while(|other| other.ordinal <= part.ordinal);
    let last = until.flat_map(|part| &part.pieces).last().map(end_of);
    let next = || {
        let piece = run.parts().flat_map(|part| &part.pieces).next()?;
        Some(WalPosition {
            number: piece.wal,
            offset: piece.from,
        })
    };
    last.or_else(next)
}
