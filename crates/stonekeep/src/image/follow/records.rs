//! What the records of a WAL show while they are scanned.

use std::ops::Range;

use stonekeep_format::SequenceNumber;
use stonekeep_format::options::CaptureOptions;
use stonekeep_format::wal::{FollowedRecord, SequenceBounds, SequenceBreak};

use super::inspection::Inspection;
use super::tick::{Break, BreakKind, Place};
use crate::Observer;

/// What the scan is judged by.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    /// What OPTIONS say.
    pub(super) settings: &'a CaptureOptions,
    /// What the MANIFEST has shown.
    pub(super) inspection: &'a Inspection,
    /// Asked whether to stop.
    pub(super) observer: &'a dyn Observer,
}

/// What the records of a push show.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) count: u64,
    pub(super) first_sequence: Option<SequenceNumber>,
    pub(super) last_sequence: Option<SequenceBounds>,
    pub(super) first: Option<FirstRecord>,
    pub(super) breaks: Vec<Break>,
}

/// The first record of a push.
#[derive(Debug, Clone, Copy)]
pub(super) struct FirstRecord {
    /// What a break before it is.
    pub(super) before: BreakBefore,
    /// Whether it follows the one before without a gap.
    pub(super) is_next: bool,
}

/// Where a break lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct BreakBefore {
    pub(super) place: Place,
    pub(super) last_sequence: Option<SequenceNumber>,
}

impl BreakBefore {
    pub(super) fn is(self, kind: BreakKind, text: impl Into<String>) -> Break {
        Break {
            kind,
            place: self.place,
            last_sequence: self.last_sequence,
            text: text.into(),
        }
    }
}

impl Records {
    /// Notes a record, before whose push this was the last sequence number.
    pub(super) fn take(
        &mut self,
        record: &FollowedRecord<'_>,
        before: Option<SequenceBounds>,
        rules: Rules<'_>,
    ) {
        let before = BreakBefore {
            place: Place::Wal {
                number: record.number,
                offset: record.offset,
            },
            last_sequence: self.last_sequence.or(before).and_then(|last| last.exact()),
        };
        self.count += 1;
        self.first_sequence.get_or_insert(record.batch.sequence);
        self.last_sequence = Some(record.last_sequence);
        self.first.get_or_insert(FirstRecord {
            before,
            is_next: record.gap.is_none(),
        });
        let mut add = |kind, text: String| self.breaks.push(before.is(kind, text));
        match record.gap {
            Some(gap) if gap.goes_back() => add(BreakKind::SequenceWentBack, gap.to_string()),
            Some(gap) if !rules.inspection.explains(missing_in(gap)) => {
                add(BreakKind::SequenceGap, gap.to_string())
            }
            _ => {}
        }
        if record.batch.unknown_commits > 0 {
            let text = "a transaction is committed that is prepared in no WAL that was read";
            add(BreakKind::UnknownCommit, text.to_owned());
        }
    }
}

/// The sequence numbers that a gap leaves out.
fn missing_in(gap: SequenceBreak) -> Range<u64> {
    gap.last.highest.0 + 1..gap.found.0
}
