//! Whether a break lies between a base and a point.

use super::chain::Run;
use super::segment_header::{Break, BreakKind, BreakPlace, Part};
use super::steps::{Discontinuity, steps};
use super::target::{Base, Position};
use crate::{Error, Result};

/// How far a restore to a point goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// To the end of a record.
    Record,
    /// To all that happened until the segment was measured.
    Segment,
}

/// Refuses a point with a break before it, unless that is in the base.
///
/// # Errors
/// `Refused`, with the break and the last point before it.
pub(super) fn require_none(run: &Run, base: &Base, position: &Position, reach: Reach) -> Result<()> {
    if position.end == base.end && (reach == Reach::Record || position.ordinal == base.ordinal) {
        return Ok(());
    }
    let parts = run.parts().take_while(|part| part.ordinal <= position.ordinal);
    for (part, broken) in parts.flat_map(|part| part.breaks.iter().map(move |broken| (part, broken))) {
        if !is_in(base, broken) && lies_before(broken, position, reach) {
            return Err(refusal(run, base, part, broken));
        }
    }
    Ok(())
}

/// Why the pieces do not go on: a break, if there is one so far.
pub(super) fn explain(run: &Run, base: &Base, discontinuity: Discontinuity) -> Error {
    let until = |part: &&Part| part.ordinal <= discontinuity.ordinal;
    let mut breaks = run
        .parts()
        .take_while(until)
        .flat_map(|part| part.breaks.iter().map(move |broken| (part, broken)));
    match breaks.find(|(_, broken)| !is_in(base, broken)) {
        Some((part, broken)) => refusal(run, base, part, broken),
        None => discontinuity.error(),
    }
}

/// Whether a base has what a break is about.
///
/// Writes that are in no WAL may still be in memory when a base is captured: they are in it only if every column family was flushed since.
pub(super) fn is_in(base: &Base, broken: &Break) -> bool {
    match (broken.place, broken.kind) {
        (BreakPlace::Manifest(end), _) => end <= base.manifest,
        (BreakPlace::Wal(place), BreakKind::SequenceGap | BreakKind::Unknown) => {
            base.lowest_log_number > place.number
        }
        (BreakPlace::Wal(place), _) => place < base.end,
    }
}

/// Whether a break in the segment of a point, or in an earlier one, lies before it.
fn lies_before(broken: &Break, position: &Position, reach: Reach) -> bool {
    match (broken.place, reach) {
        // Records that were in WALs before it are in the segment before.
        (BreakPlace::Manifest(_), _) | (_, Reach::Segment) => true,
        (BreakPlace::Wal(place), Reach::Record) => place < position.end,
    }
}

fn refusal(run: &Run, base: &Base, part: &Part, broken: &Break) -> Error {
    let Break { place, text, .. } = broken;
    let ordinal = part.ordinal;
    let message = format!(
        "the point cannot be reached from the base: {text} (a break of the stream at {place}, in segment {ordinal}); {}",
        last_point(run, base, part, broken)
    );
    Error::refused(message).with_hint("choose an earlier point, or a base that was made after the break")
}

/// The last point before a break, in words.
fn last_point(run: &Run, base: &Base, part: &Part, broken: &Break) -> String {
    let (end, sequence) = match broken.place {
        BreakPlace::Wal(place) => (place, broken.last_sequence),
        BreakPlace::Manifest(_) => {
            let before = steps(run, base).map_while(|step| step.ok());
            let before = before.take_while(|step| step.part.ordinal < part.ordinal);
            let last = before.fold(base.position(), |reached, step| step.end(reached.last_sequence));
            (last.end, last.last_sequence.exact())
        }
    };
    if end <= base.end {
        return "no point after the end of the base can be reached".to_owned();
    }
    match sequence {
        Some(sequence) => format!("the last point before it is sequence number {sequence}"),
        None => format!("the last point before it is {end}"),
    }
}
