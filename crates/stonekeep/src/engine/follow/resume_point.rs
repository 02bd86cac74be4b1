//! Where a follower is, in the words of a segment, and back.

use crate::image::follow::{self, Position, Recent};
use crate::repo::stream::raw_record::RawRecord;
use crate::repo::stream::resume_point::{BasesSoFar, PreparedKeys, ResumePoint};
use crate::repo::stream::segment_header::{ManifestPosition, WalPosition};

/// So many prepared transactions are kept with each segment; with more, a follower that is started again begins a new stream.
const MOST_PREPARED: usize = 1_000;

/// What another follower needs to go on there, unless it is too much.
pub(super) fn resume_point(position: &Position, bases: BasesSoFar) -> Option<ResumePoint> {
    let Position {
        wal,
        manifest,
        last_sequence,
        replay,
        options,
    } = position;
    if replay.prepared.len() > MOST_PREPARED {
        return None;
    }
    let prepared = replay.prepared.iter().map(|(transaction, keys)| PreparedKeys {
        transaction: RawRecord(transaction.to_be_bytes().to_vec()),
        keys: *keys,
    });
    Some(ResumePoint {
        wal: WalPosition {
            number: wal.number,
            offset: wal.end,
        },
        recent_bytes: wal.recent.bytes,
        recent_crc32c: wal.recent.crc32c,
        manifest: ManifestPosition {
            number: manifest.number,
            offset: manifest.bytes,
        },
        last_lowest: last_sequence.map(|last| last.lowest),
        last_highest: last_sequence.map(|last| last.highest),
        options: *options,
        prepared: prepared.collect(),
        seen_per_key: replay.seen_per_key,
        seen_per_batch: replay.seen_per_batch,
        base: bases.newest,
        gap: bases.gap,
    })
}

/// The position that a segment has; `None` if it makes no sense.
pub(super) fn position_of(point: &ResumePoint) -> Option<Position> {
    Some(Position {
        wal: follow::WalPosition {
            number: point.wal.number,
            end: point.wal.offset,
            recent: Recent {
                bytes: point.recent_bytes,
                crc32c: point.recent_crc32c,
            },
        },
        manifest: follow::ManifestPosition {
            number: point.manifest.number,
            bytes: point.manifest.offset,
        },
        last_sequence: point.last_sequence(),
        replay: point.replay()?,
        options: point.options,
    })
}
