//! How far a base reaches in its stream.

use super::chain::Run;
use super::crossing::is_in;
use super::segment_header::{BreakPlace, Part};
use super::steps::steps;
use super::target::{Base, Position, exactly};

/// The last point that can be reached from a base, and why none behind it can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The point.
    pub end: Position,
    /// A break, or what is missing or damaged; `None` if the stream ends there.
    pub stop: Option<String>,
}

/// How far a base reaches in the run that it goes on in.
pub fn reach(run: &Run, base: &Base) -> Reach {
    let breaks = run
        .parts()
        .flat_map(|part| part.breaks.iter().map(move |broken| (part, broken)));
    let first = breaks.into_iter().find(|(_, broken)| !is_in(base, broken));
    let stopped = |end, reason: &str| Reach {
        end,
        stop: Some(reason.to_owned()),
    };
    let mut reached = base.position();
    for step in steps(run, base) {
        let step = match step {
            Ok(step) => step,
            Err(discontinuity) => return stopped(reached, &discontinuity.error().one_line()),
        };
        let next = step.end(reached.last_sequence);
        match first.map(|(part, broken)| (part, broken.place, broken)) {
            Some((part, BreakPlace::Manifest(_), broken)) if step.part.ordinal >= part.ordinal => {
                return stopped(reached, &broken.text);
            }
            Some((_, BreakPlace::Wal(place), broken)) if place < next.end => {
                let is_further = place > reached.end && place.offset > 0;
                if let Some(last) = broken.last_sequence.filter(|_| is_further) {
                    reached = Position {
                        end: place,
                        last_sequence: exactly(last),
                        ..next
                    };
                }
                return stopped(reached, &broken.text);
            }
            _ => reached = next,
        }
    }
    // A segment without bytes says that nothing was written until then.
    let last: Option<&Part> = run.parts().last();
    let measured = last.map(|part| part.measured.after.wall_ms);
    let stop = first.map(|(_, broken)| broken.text.clone());
    Reach {
        end: Position {
            measured_ms: measured.filter(|_| stop.is_none()).or(reached.measured_ms),
            ..reached
        },
        stop: stop.or_else(|| run.hole.as_ref().map(|hole| hole.finding.to_string())),
    }
}
