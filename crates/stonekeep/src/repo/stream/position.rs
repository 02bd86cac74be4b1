//! Finds the point of a stream that a target stands for, and refuses what cannot be reached from a base.
//!
//! Everything between the base and the point must be there: the segments in one run, each piece where the one before ended, each WAL from its
//! first byte to an end that is known, and no break. Else it is an error that says what is missing, since RocksDB opens a database without
//! a WAL as if nothing had happened.

use stonekeep_format::SequenceNumber;

use super::chain::{Chain, Run};
use super::crossing::{self, Reach};
use super::segment_header::Part;
use super::sequence_cut::CutPoint;
use super::steps::{end_of_part, steps};
use super::target::{Base, InsidePiece, Position, Resolved, Target};
use crate::{Error, Result};

/// The point of a chain that a target stands for, or the piece that it is in.
///
/// # Errors
/// `Corrupt` if segments or bytes are missing on the way; `Refused` if the target is before the end of the base, behind the end of the
/// stream, behind a break, between two records of which something is missing, or a time that comes twice.
pub fn resolve(chain: &Chain, base: &Base, target: Target) -> Result<Resolved> {
    let run = chain.run_of(base.ordinal)?;
    match target {
        Target::AtSequence(wanted) => at_sequence(run, base, wanted),
        Target::AtTime(wall_ms) => at_time(chain, run, base, wall_ms).map(Resolved::At),
        Target::Latest => latest(run, base).map(Resolved::At),
    }
}

/// The point of a chain at which a piece was cut.
///
/// # Errors
/// `Refused` as [`resolve`].
pub fn settle(chain: &Chain, base: &Base, inside: &InsidePiece, cut: Option<CutPoint>) -> Result<Position> {
    let run = chain.run_of(base.ordinal)?;
    let position = match cut {
        Some(cut) if cut.end > base.end => Position {
            end: cut.end,
            ordinal: inside.ordinal,
            last_sequence: cut.last_sequence,
            measured_ms: Some(inside.measured_ms),
        },
        _ => base.position(),
    };
    // Without an earlier record, the piece begins with the one that is too late.
    let first = inside.piece.sequences.map(|sequences| sequences.first);
    let next = cut.map_or(first, |cut| cut.next);
    require_no_gap(&position, inside.wanted, next)?;
    crossing::require_none(run, base, &position, Reach::Record)?;
    Ok(position)
}

fn at_sequence(run: &Run, base: &Base, wanted: SequenceNumber) -> Result<Resolved> {
    if wanted < base.last_sequence {
        return Err(below_the_base(base, &format!("sequence number {wanted}")));
    }
    let mut reached = base.position();
    let mut next = None;
    for step in steps(run, base) {
        if reached.last_sequence.exact() == Some(wanted) {
            break;
        }
        let step = step.map_err(|error| crossing::explain(run, base, error))?;
        match step.piece.sequences {
            Some(sequences) if sequences.first > wanted => {
                next = Some(sequences.first);
                break;
            }
            Some(sequences) if sequences.last_highest > wanted => {
                return Ok(Resolved::Inside(InsidePiece {
                    ordinal: step.part.ordinal,
                    piece: *step.piece,
                    measured_ms: step.part.measured.after.wall_ms,
                    wanted,
                }));
            }
            _ => reached = step.end(reached.last_sequence),
        }
    }
    if reached.last_sequence.highest < wanted && next.is_none() {
        return Err(behind_the_end(run, &reached, wanted));
    }
    require_no_gap(&reached, wanted, next)?;
    crossing::require_none(run, base, &reached, Reach::Record)?;
    Ok(Resolved::At(reached))
}

/// Sequence numbers between two records belong to something that is in no WAL: the state with them cannot be made.
fn require_no_gap(reached: &Position, wanted: SequenceNumber, next: Option<SequenceNumber>) -> Result<()> {
    let last = reached.last_sequence.highest;
    let Some(next) = next.filter(|next| last < wanted && last.0.saturating_add(1) < next.0) else {
        return Ok(());
    };
    let where_it_is = if wanted < next {
        "is in no WAL of the stream"
    } else {
        "comes after some that are in no WAL of the stream"
    };
    let message = format!("sequence number {wanted} {where_it_is}: {next} follows {last}");
    Err(Error::refused(message).with_hint(format!("sequence number {last} can be reached")))
}

fn at_time(chain: &Chain, run: &Run, base: &Base, wall_ms: i64) -> Result<Position> {
    require_once(chain, wall_ms)?;
    let Some(last) = last_before(chain, wall_ms).filter(|last| !is_in_base(run, base, last)) else {
        return Err(below_the_base(base, "that time"));
    };
    let is_last_of_run = run.last().is_some_and(|end| last.ordinal >= end);
    match &run.hole {
        Some(hole) if is_last_of_run => return Err(hole.error()),
        _ => {}
    }
    end_of_segment(run, base, last)
}

/// Whether a target is before the end of a base, so that an older one is needed.
///
/// # Errors
/// `Corrupt` if the segment is missing that the base goes on from.
pub fn is_below(chain: &Chain, base: &Base, target: Target) -> Result<bool> {
    let run = chain.run_of(base.ordinal)?;
    Ok(match target {
        Target::AtSequence(wanted) => wanted < base.last_sequence,
        Target::AtTime(wall_ms) => last_before(chain, wall_ms).is_none_or(|last| is_in_base(run, base, last)),
        Target::Latest => false,
    })
}

fn last_before(chain: &Chain, wall_ms: i64) -> Option<&Part> {
    let is_before = |part: &&Part| part.measured.after.wall_ms <= wall_ms;
    chain.parts().filter(is_before).last()
}

/// Whether a base goes on behind the end of a part.
fn is_in_base(run: &Run, base: &Base, part: &Part) -> bool {
    part.ordinal < base.ordinal || end_of_part(run, part).is_some_and(|end| end < base.end)
}

fn latest(run: &Run, base: &Base) -> Result<Position> {
    if let Some(hole) = &run.hole {
        return Err(hole.error());
    }
    let last = run.parts().last();
    last.map_or_else(|| Ok(base.position()), |last| end_of_segment(run, base, last))
}

/// The end of all that was there when a segment was measured.
fn end_of_segment(run: &Run, base: &Base, last: &Part) -> Result<Position> {
    let mut reached = base.position();
    for step in steps(run, base) {
        let step = step.map_err(|error| crossing::explain(run, base, error))?;
        if step.part.ordinal > last.ordinal {
            break;
        }
        reached = step.end(reached.last_sequence);
    }
    // The base may have been captured later.
    let is_base = is_in_base(run, base, last);
    let position = Position {
        ordinal: last.ordinal.max(base.ordinal),
        measured_ms: Some(last.measured.after.wall_ms).filter(|_| !is_base),
        ..reached
    };
    crossing::require_none(run, base, &position, Reach::Segment)?;
    Ok(position)
}

/// The clock may have been set back.
fn require_once(chain: &Chain, wall_ms: i64) -> Result<()> {
    let mut first = None;
    let mut last = None;
    let mut was_before = false;
    for part in chain.parts() {
        let is_before = part.measured.after.wall_ms <= wall_ms;
        if was_before && !is_before && first.is_none() {
            first = last;
        }
        if is_before {
            last = Some(part);
        }
        was_before = is_before;
    }
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(());
    };
    if first.ordinal == last.ordinal {
        return Ok(());
    }
    let message = format!(
        "that time comes twice in the stream, since the clock of its host was set back: after segment {}{}, and after segment {}{}",
        first.ordinal,
        sequence_at(chain, first),
        last.ordinal,
        sequence_at(chain, last)
    );
    Err(Error::refused(message).with_hint("choose one of them by its sequence number"))
}

/// The last sequence number up to a part, in words.
fn sequence_at(chain: &Chain, part: &Part) -> String {
    let until = chain.parts().take_while(|other| other.ordinal <= part.ordinal);
    let pieces = until.flat_map(|part| &part.pieces);
    match pieces.filter_map(|piece| piece.sequences).last() {
        Some(sequences) => format!(" (sequence number {})", sequences.last_highest),
        None => String::new(),
    }
}

fn below_the_base(base: &Base, what: &str) -> Error {
    let lowest = base.last_sequence;
    Error::refused(format!(
        "{what} is before the end of the base: the lowest point that can be reached from it is sequence number {lowest}"
    ))
    .with_hint("choose an older base")
}

fn behind_the_end(run: &Run, reached: &Position, wanted: SequenceNumber) -> Error {
    if let Some(hole) = &run.hole {
        return hole.error();
    }
    let last = reached.last_sequence.highest;
    Error::refused(format!(
        "the stream ends at sequence number {last}, before {wanted}"
    ))
}
