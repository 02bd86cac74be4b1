//! P0 to P2: which base, and where in its stream the point is.

use std::sync::Arc;

use stonekeep_format::{BackupId, SequenceNumber};

use super::bases::{self, FoundBase};
use super::cut::Cutting;
use super::report::PointReport;
use crate::engine::BackupEngineReadOnly;
use crate::engine::info::WhichBackup;
use crate::engine::restore_point::{PointTarget, RestorePoint};
use crate::repo::stream::chain::Chain;
use crate::repo::stream::chain_reader;
use crate::repo::stream::position::{is_below, resolve as resolve_in, settle};
use crate::repo::stream::stored_segment::StoredSegment;
use crate::repo::stream::stream_id::StreamId;
use crate::repo::stream::target::{Base, Position, Resolved, Target, wall_ms};
use crate::{Error, Result};

/// A point that can be reached.
#[derive(Debug)]
pub(in crate::engine::restore) struct ResolvedPoint {
    pub(in crate::engine::restore) base_id: BackupId,
    pub(super) stream: StreamId,
    pub(super) base: Base,
    pub(super) position: Position,
    /// The segments from that of the base to that of the point.
    pub(super) segments: Arc<[StoredSegment]>,
    /// Transactions that are prepared there, where that is known.
    pub(super) prepared_transactions: Option<u64>,
    /// When the newest segment of the stream was measured.
    newest_ms: Option<i64>,
}

/// Finds the point, and the base to begin from.
///
/// # Errors
/// `NotFound` if there is no base; `Refused` if the point is before all bases, behind the end of the stream, behind a break, or in two
/// streams; `Corrupt` if segments are missing or damaged on the way; I/O errors.
pub(in crate::engine::restore) fn resolve(
    engine: &BackupEngineReadOnly,
    which: WhichBackup,
    point: RestorePoint,
) -> Result<ResolvedPoint> {
    let bases = bases::find(engine, which)?;
    let mut streams: Vec<StreamId> = Vec::new();
    for base in &bases {
        if !streams.contains(&base.stream) {
            streams.push(base.stream);
        }
    }
    let time = match point.at {
        PointTarget::Time(time) => Some(wall_ms(time)),
        _ => None,
    };
    match point.stream {
        Some(stream) => streams.retain(|other| *other == stream),
        None if time.is_none() => streams.truncate(1),
        None => {}
    }
    let mut found: Option<ResolvedPoint> = None;
    for stream in &streams {
        match (in_stream(engine, *stream, &bases, point.at)?, &found) {
            // A stream that had ended by then does not have the time.
            (Some(other), Some(found)) if other.goes_on_after(time) => return Err(twice(found, &other)),
            (Some(point), None) => found = Some(point),
            _ => {}
        }
    }
    found.ok_or_else(|| before_all(&bases, &streams))
}

/// The point in one stream; `None` if it is before all of its bases.
fn in_stream(
    engine: &BackupEngineReadOnly,
    stream: StreamId,
    bases: &[FoundBase],
    at: PointTarget,
) -> Result<Option<ResolvedPoint>> {
    for found in bases.iter().filter(|base| base.stream == stream) {
        let base = found.base;
        if matches!(at, PointTarget::Sequence(wanted) if wanted < base.last_sequence.0) {
            continue;
        }
        let chain = chain_reader::read(engine.store(), stream, base.ordinal, engine.workers())?;
        let target = target_of(at, &chain)?;
        if is_below(&chain, &base, target)? {
            continue;
        }
        return in_chain(engine, found, chain, target).map(Some);
    }
    Ok(None)
}

fn in_chain(
    engine: &BackupEngineReadOnly,
    found: &FoundBase,
    chain: Chain,
    target: Target,
) -> Result<ResolvedPoint> {
    let base = found.base;
    let (position, mut prepared) = match resolve_in(&chain, &base, target)? {
        Resolved::At(position) => (position, None),
        Resolved::Inside(inside) => {
            let run = chain.run_of(base.ordinal)?;
            let cut = Cutting {
                engine,
                base_id: found.id,
                base: &base,
                segments: &run.segments,
            };
            let cut = cut.find(&inside)?;
            let position = settle(&chain, &base, &inside, cut)?;
            (position, cut.map(|cut| cut.prepared_transactions))
        }
    };
    let newest_ms = chain.parts().map(|part| part.measured.after.wall_ms).max();
    let mut segments = take_run(chain, &base)?;
    segments.retain(|segment| segment.name().first() <= position.ordinal);
    let newest = segments.last().and_then(|newest| newest.header.resume.as_ref());
    prepared = prepared.or(newest
        .filter(|resume| resume.wal == position.end)
        .map(|resume| resume.prepared.len() as u64));
    Ok(ResolvedPoint {
        base_id: found.id,
        stream: found.stream,
        base,
        position,
        segments: segments.into(),
        prepared_transactions: prepared,
        newest_ms,
    })
}

impl ResolvedPoint {
    /// Whether a restore went to this point; "latest" is whatever was latest then.
    pub(in crate::engine::restore) fn is_of(&self, report: &PointReport, at: PointTarget) -> bool {
        let end = self.position.end;
        let is_there = (report.wal_number, report.wal_offset) == (end.number.0, end.offset);
        report.stream == self.stream && (at.is_latest() || is_there)
    }

    fn goes_on_after(&self, time: Option<i64>) -> bool {
        self.newest_ms > time
    }
}

fn take_run(chain: Chain, base: &Base) -> Result<Vec<StoredSegment>> {
    chain.run_of(base.ordinal)?;
    let is_it =
        |segment: &StoredSegment| (segment.name().first()..=segment.name().last()).contains(&base.ordinal);
    let run = chain.runs.into_iter().find(|run| run.segments.iter().any(is_it));
    Ok(run.map(|run| run.segments).unwrap_or_default())
}

fn target_of(at: PointTarget, chain: &Chain) -> Result<Target> {
    Ok(match at {
        PointTarget::Sequence(wanted) => Target::AtSequence(SequenceNumber(wanted)),
        PointTarget::Latest => Target::Latest,
        PointTarget::Time(time) => Target::AtTime(wall_ms(time)),
        PointTarget::BeforeLatest(before) => {
            let newest = chain.parts().last();
            let newest = newest.ok_or_else(|| Error::refused("the stream has no segment"))?;
            let before = i64::try_from(before.as_millis()).unwrap_or(i64::MAX);
            Target::AtTime(newest.measured.after.wall_ms.saturating_sub(before))
        }
    })
}

fn twice(found: &ResolvedPoint, other: &ResolvedPoint) -> Error {
    let words = |point: &ResolvedPoint| {
        let last = point.position.last_sequence.highest;
        format!("sequence number {last} of the stream {}", point.stream)
    };
    let message = format!(
        "that time is in two streams: {}, and {}",
        words(found),
        words(other)
    );
    Error::refused(message).with_hint("name the stream (--stream)")
}

fn before_all(bases: &[FoundBase], streams: &[StreamId]) -> Error {
    let of_stream = |base: &&FoundBase| streams.contains(&base.stream);
    let Some(oldest) = bases.iter().rfind(of_stream) else {
        return Error::not_found("the stream has no base")
            .with_hint("see which there are (stonekeep timeline)");
    };
    let lowest = oldest.base.last_sequence;
    let (which, hint) = if bases.iter().all(|base| of_stream(&base)) {
        (String::new(), "restore a backup that is older, if there is one")
    } else {
        let which = format!(" of the stream {}", oldest.stream);
        (
            which,
            "name another stream (--stream), or restore a backup that is older",
        )
    };
    Error::refused(format!(
        "the point is before the end of the oldest base{which}, backup {}: the lowest one that can be reached is sequence number {lowest}",
        oldest.id
    ))
    .with_hint(hint)
}
