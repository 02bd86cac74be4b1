//! What a tick has, in the words of a segment.

use std::io::{Cursor, Read};

use stonekeep_format::Crc32c;

use crate::image::follow::{self, Tick};
use crate::repo::stream::raw_record::RawRecord;
use crate::repo::stream::segment_header::{
    Break, BreakKind, BreakPlace, ClockReading, Edit, ManifestPosition, Measured, OptionsFile, Part, Piece,
    PieceSequences, WalPosition,
};
use crate::repo::stream::segment_name::Ordinal;

/// The part of a segment.
pub(super) fn part_of(tick: &Tick, ordinal: Ordinal) -> Part {
    let edits = tick.edits.iter().map(|edit| Edit {
        end: ManifestPosition {
            number: edit.manifest,
            offset: edit.end_offset,
        },
        record: RawRecord(edit.record.clone()),
    });
    let finals = tick.finals.iter().map(|wal| WalPosition {
        number: wal.wal,
        offset: wal.end,
    });
    Part {
        ordinal,
        measured: Measured {
            before: reading(tick.before),
            after: reading(tick.after),
        },
        pieces: tick.pieces.iter().map(piece).collect(),
        finals: finals.collect(),
        edits: edits.collect(),
        breaks: tick.breaks.iter().map(broken).collect(),
        options: tick.options.as_ref().map(|options| OptionsFile {
            number: options.number,
            size_bytes: options.bytes.len() as u64,
            crc32c: Crc32c(crc32c::crc32c(&options.bytes)),
        }),
    }
}

/// The bytes that the part describes, in its order.
pub(super) fn raw_of(tick: &Tick) -> Box<dyn Read + '_> {
    let pieces = tick.pieces.iter().map(|piece| piece.bytes.as_slice());
    let options = tick.options.iter().map(|options| options.bytes.as_slice());
    let empty: Box<dyn Read + '_> = Box::new(std::io::empty());
    pieces
        .chain(options)
        .fold(empty, |before, bytes| Box::new(before.chain(Cursor::new(bytes))))
}

fn reading(clocks: follow::Clocks) -> ClockReading {
    ClockReading {
        wall_ms: i64::try_from(clocks.wall_ms).unwrap_or(i64::MAX),
        monotonic_ms: clocks.monotonic_ms,
    }
}

fn piece(piece: &follow::Piece) -> Piece {
    let sequences = piece.first_sequence.zip(piece.last_sequence);
    Piece {
        wal: piece.wal,
        from: piece.from,
        to: piece.to(),
        records: piece.records,
        sequences: sequences.map(|(first, last)| PieceSequences {
            first,
            last_lowest: last.lowest,
            last_highest: last.highest,
        }),
        crc32c: Crc32c(crc32c::crc32c(&piece.bytes)),
    }
}

fn broken(found: &follow::Break) -> Break {
    let place = match found.place {
        follow::Place::Wal { number, offset } => BreakPlace::Wal(WalPosition { number, offset }),
        follow::Place::Manifest { number, offset } => {
            BreakPlace::Manifest(ManifestPosition { number, offset })
        }
    };
    Break {
        kind: kind(found.kind),
        place,
        last_sequence: found.last_sequence,
        text: found.text.clone(),
    }
}

/// The kind of a break.
pub(super) fn kind(kind: follow::BreakKind) -> BreakKind {
    use follow::BreakKind as Seen;
    match kind {
        Seen::SequenceGap | Seen::MissedWal | Seen::UnknownCommit | Seen::WritesWithoutWal => {
            BreakKind::SequenceGap
        }
        Seen::SequenceWentBack => BreakKind::SequenceBack,
        Seen::UncleanEnd | Seen::LostBytes | Seen::Overwritten => BreakKind::WalEnd,
        Seen::Ingestion => BreakKind::Ingest,
        Seen::TablesDropped => BreakKind::FilesDeleted,
        Seen::MissedManifest => BreakKind::MissedManifest,
    }
}
