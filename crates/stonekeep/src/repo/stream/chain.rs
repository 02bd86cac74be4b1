//! The segments of a stream that follow each other.

use super::segment_header::Part;
use super::segment_name::{Ordinal, SegmentName};
use super::stored_segment::StoredSegment;
use super::stream_id::StreamId;
use crate::{Error, ErrorKind, Finding, Result};

/// What is left of a stream. It has one run, unless a segment is missing, damaged or of another follower.
#[derive(Debug, PartialEq, Eq)]
pub struct Chain {
    /// The stream.
    pub stream: StreamId,
    /// Why it begins where it does, unless with the segment that was asked for: nothing is wrong with that if a retention has
    /// removed what was before.
    pub before: Option<Hole>,
    /// The runs, in the order of their ordinals.
    pub runs: Vec<Run>,
    /// Segments that are no part of it: of another follower, or joined by now.
    pub unused: Vec<SegmentName>,
}

/// Segments each of which names the checksum of the one before.
#[derive(Debug, PartialEq, Eq)]
pub struct Run {
    /// The segments, in the order of their ordinals.
    pub segments: Vec<StoredSegment>,
    /// Why it ends where it does, unless with the newest segment.
    pub hole: Option<Hole>,
}

/// Why one segment does not lead to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// The kind of the error that it is to whoever has to cross it.
    pub kind: ErrorKind,
    /// The segment or the stream, and what is wrong.
    pub finding: Finding,
}

impl Hole {
    pub(super) fn corrupt(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Hole {
            kind: ErrorKind::Corrupt,
            finding: Finding::new(file, reason),
        }
    }

    /// The refusal to cross it.
    pub fn error(&self) -> Error {
        Error::new(self.kind, self.finding.to_string()).with_findings(vec![self.finding.clone()])
    }
}

impl Chain {
    /// Requires one run without a hole, which begins anywhere.
    ///
    /// # Errors
    /// That of the first hole; `NotFound` if there is no segment at all.
    pub fn require_whole(&self) -> Result<&Run> {
        let hole = self.runs.iter().find_map(|run| run.hole.as_ref());
        match (hole, self.runs.as_slice(), &self.before) {
            (Some(hole), ..) => Err(hole.error()),
            (None, [run], _) => Ok(run),
            (None, _, Some(hole)) => Err(hole.error()),
            (None, ..) => Err(Error::not_found(format!(
                "the stream {} has no segment",
                self.stream
            ))),
        }
    }

    /// The run that has this ordinal.
    ///
    /// # Errors
    /// `Corrupt` with the reason why there is none.
    pub fn run_of(&self, ordinal: Ordinal) -> Result<&Run> {
        let mut before = self.before.as_ref();
        for run in &self.runs {
            match (run.first(), run.last()) {
                (Some(first), _) if ordinal < first => break,
                (_, Some(last)) if ordinal <= last => return Ok(run),
                _ => before = run.hole.as_ref(),
            }
        }
        let missing = || Hole::corrupt(self.stream.to_string(), format!("segment {ordinal} is missing"));
        Err(before.cloned().unwrap_or_else(missing).error())
    }

    /// What the segments hold, in the order of their ordinals.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.runs.iter().flat_map(Run::parts)
    }
}

impl Run {
    /// Its first ordinal.
    pub fn first(&self) -> Option<Ordinal> {
        self.segments.first().map(|segment| segment.name().first())
    }

    /// Its last ordinal.
    pub fn last(&self) -> Option<Ordinal> {
        self.segments.last().map(|segment| segment.name().last())
    }

    /// What its segments hold, in the order of their ordinals.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.segments.iter().flat_map(|segment| &segment.header.parts)
    }
}
