//! Which points the streams of a repository can be restored to.
//!
//! The header of every segment is read, and no payload: what is damaged inside of a segment is found when it is restored.

use stonekeep_format::BackupId;

use super::BackupEngineReadOnly;
use super::info::WhichBackup;
use super::restore::point::bases::{FoundBase, all};
use crate::repo::stream::chain::Chain;
use crate::repo::stream::reach::reach;
use crate::repo::stream::segment_name::Ordinal;
use crate::repo::stream::stream_id::StreamId;
use crate::repo::stream::{chain_reader, listing};
use crate::{Finding, Result};

/// A stream, and what of it can be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StreamTimeline {
    /// The stream.
    pub stream: StreamId,
    /// The database id, if the database has one.
    pub database_id: Option<String>,
    /// The directory of the database, on the machine that followed it.
    pub directory: Option<String>,
    /// How many segments there are; a joined one counts once.
    pub segments: u64,
    /// Their lengths in the repository.
    pub stored_bytes: u64,
    /// Bytes of WALs in them.
    pub wal_bytes: u64,
    /// When its newest segment was measured, in milliseconds since 1970.
    pub newest_ms: Option<i64>,
    /// The ranges that can be reached, oldest first.
    pub ranges: Vec<TimelineRange>,
    /// Its bases, oldest first.
    pub bases: Vec<TimelineBase>,
    /// What no restore crosses, in the order of the stream.
    pub breaks: Vec<TimelineBreak>,
    /// Segments that are missing or damaged.
    pub findings: Vec<Finding>,
}

/// Points that can be reached, from the end of a base on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TimelineRange {
    /// The lowest sequence number: the last one of the first base.
    pub from_sequence: u64,
    /// The highest one.
    pub to_sequence: u64,
    /// When the segment with the end of the first base was measured, in milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// When the segment of the last point was measured.
    pub to_ms: Option<i64>,
    /// Why it ends; `None` if the stream ends there.
    pub ends: Option<String>,
    /// The bases that lead there.
    pub bases: Vec<BackupId>,
}

/// A base of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TimelineBase {
    /// The backup.
    pub backup_id: BackupId,
    /// The last sequence number in it.
    pub sequence_number: u64,
}

/// A break of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TimelineBreak {
    /// The segment that has it.
    pub segment: u64,
    /// When that was measured, in milliseconds since 1970.
    pub measured_ms: i64,
    /// What happened.
    pub reason: String,
}

impl BackupEngineReadOnly {
    /// The streams of the repository, the one with the newest segment last, and which of their points can be reached.
    ///
    /// # Errors
    /// I/O errors of the store. Segments that are missing or damaged are in the report.
    pub fn timeline(&self) -> Result<Vec<StreamTimeline>> {
        let bases = all(self, WhichBackup::Latest)?;
        let mut timelines = Vec::new();
        for stream in listing::streams(self.store())?.streams {
            let chain = chain_reader::read(self.store(), stream, Ordinal::FIRST, self.workers())?;
            let of_stream = bases.iter().rev().filter(|base| base.stream == stream);
            timelines.push(timeline_of(
                stream,
                &chain,
                &of_stream.copied().collect::<Vec<_>>(),
            ));
        }
        timelines.sort_by_key(|timeline| timeline.newest_ms);
        Ok(timelines)
    }
}

/// The bases are those of the stream, oldest first.
fn timeline_of(stream: StreamId, chain: &Chain, bases: &[FoundBase]) -> StreamTimeline {
    let segments: Vec<_> = chain.runs.iter().flat_map(|run| &run.segments).collect();
    let origin = segments.last().map(|segment| &segment.header.origin);
    let breaks = chain.parts().flat_map(|part| {
        part.breaks.iter().map(|broken| TimelineBreak {
            segment: part.ordinal.0,
            measured_ms: part.measured.after.wall_ms,
            reason: broken.text.clone(),
        })
    });
    let holes = chain.runs.iter().filter_map(|run| run.hole.as_ref());
    let holes = chain.before.iter().chain(holes);
    let pieces = chain.parts().flat_map(|part| &part.pieces);
    let mut timeline = StreamTimeline {
        stream,
        database_id: origin.and_then(|origin| origin.database_id.clone()),
        directory: origin.map(|origin| origin.directory.clone()),
        segments: segments.len() as u64,
        stored_bytes: segments.iter().map(|segment| segment.size_bytes()).sum(),
        wal_bytes: pieces.map(|piece| piece.to - piece.from).sum(),
        newest_ms: chain.parts().last().map(|part| part.measured.after.wall_ms),
        ranges: Vec::new(),
        bases: Vec::new(),
        breaks: breaks.collect(),
        findings: holes.map(|hole| hole.finding.clone()).collect(),
    };
    for base in bases {
        timeline.bases.push(TimelineBase {
            backup_id: base.id,
            sequence_number: base.base.last_sequence.0,
        });
        timeline.add_range(chain, base);
    }
    timeline
}

impl StreamTimeline {
    fn add_range(&mut self, chain: &Chain, found: &FoundBase) {
        let base = &found.base;
        let (to_sequence, to_ms, ends) = match chain.run_of(base.ordinal) {
            Ok(run) => {
                let reach = reach(run, base);
                (
                    reach.end.last_sequence.lowest.0,
                    reach.end.measured_ms,
                    reach.stop,
                )
            }
            Err(error) => (base.last_sequence.0, None, Some(error.one_line())),
        };
        let part = chain.parts().find(|part| part.ordinal >= base.ordinal);
        let range = TimelineRange {
            from_sequence: base.last_sequence.0,
            to_sequence,
            from_ms: part.map(|part| part.measured.after.wall_ms),
            to_ms,
            ends,
            bases: vec![found.id],
        };
        match self.ranges.last_mut() {
            // The base before leads there, too.
            Some(last) if range.from_sequence <= last.to_sequence => {
                last.bases.push(found.id);
                if range.to_sequence >= last.to_sequence {
                    (last.to_sequence, last.to_ms, last.ends) = (range.to_sequence, range.to_ms, range.ends);
                }
            }
            _ => self.ranges.push(range),
        }
    }
}
