//! What an edit of the MANIFEST means to those who follow the WALs.

use std::collections::BTreeSet;
use std::ops::Range;

use stonekeep_format::manifest::{ColumnFamilyChange, DatabaseState};
use stonekeep_format::options::OptionsFile;
use stonekeep_format::{ColumnFamilyId, FileNumber, SequenceNumber};

use super::manifest_tail::ReadEdit;
use super::tick::{Break, BreakKind, ColumnFamilyEdit, Place};
use crate::image::edit_rules::{may_be_an_ingestion, only_takes_tables};

/// `compaction_style` of column families that drop their oldest tables.
const FIFO: &[u8] = b"kCompactionStyleFIFO";

/// What edits have shown.
#[derive(Debug, Default)]
pub(super) struct Inspection {
    /// Column families that came or went in this tick.
    pub(super) edits: Vec<ColumnFamilyEdit>,
    /// How many column families were dropped so far.
    pub(super) dropped: u64,
    /// What is not in the WALs.
    pub(super) breaks: Vec<Break>,
    /// Sequence numbers of tables from outside.
    ingested: BTreeSet<SequenceNumber>,
    /// The largest last sequence number of an edit, and where it ends.
    pub(super) newest: Option<(SequenceNumber, Place)>,
    /// The names of the column families with FIFO compaction.
    fifo: BTreeSet<Vec<u8>>,
}

impl Inspection {
    /// The column families with FIFO compaction are those in this OPTIONS file.
    pub(super) fn learn(&mut self, options: &OptionsFile) {
        let names = options.column_families();
        let fifo = names.filter(|name| options.cf(name, "compaction_style") == Some(FIFO));
        self.fifo = fifo.map(<[u8]>::to_vec).collect();
    }

    /// Tables of this state that may have come from outside explain a gap behind them.
    pub(super) fn begin(&mut self, state: &DatabaseState) {
        let tables = state.live_tables().map(|table| table.file);
        let of_one_number = tables.filter(|table| table.smallest_seqno == table.largest_seqno);
        self.ingested
            .extend(of_one_number.map(|table| table.largest_seqno));
    }

    /// Notes a new edit.
    pub(super) fn note(&mut self, read: &ReadEdit<'_>) {
        let (edit, number, offset) = (read.edit, read.manifest, read.end_offset);
        if let Some(change) = &edit.column_family_change {
            self.dropped += u64::from(matches!(change, ColumnFamilyChange::Drop));
            self.edits.push(ColumnFamilyEdit {
                manifest: number,
                end_offset: offset,
                record: read.record.to_vec(),
            });
        }
        if let Some(last) = edit.last_sequence
            && self.newest.is_none_or(|(newest, _)| last > newest)
        {
            self.newest = Some((last, Place::Manifest { number, offset }));
        }
        let epoch_of = |number| epoch_of(read.before, edit.column_family, number);
        let family = family_of(read.before, edit.column_family);
        if may_be_an_ingestion(edit, epoch_of) {
            self.ingested
                .extend(edit.new_files.iter().map(|file| file.largest_seqno));
            let text = format!(
                "tables were ingested or imported into column family \"{family}\": they are in no WAL"
            );
            self.breaks
                .push(Break::in_manifest(BreakKind::Ingestion, number, offset, text));
        }
        if only_takes_tables(edit) && !self.fifo.contains(family.as_bytes()) {
            let text = format!(
                "tables of column family \"{family}\" were taken away, and none came in their place: DeleteFilesInRange, or the \
                 compaction of mere tombstones"
            );
            self.breaks
                .push(Break::in_manifest(BreakKind::TablesDropped, number, offset, text));
        }
    }

    /// Whether all these sequence numbers are those of tables from outside, about which there is a break already.
    pub(super) fn explains(&self, missing: Range<u64>) -> bool {
        let count = missing.end.saturating_sub(missing.start);
        count <= self.ingested.len() as u64
            && missing
                .into_iter()
                .all(|number| self.ingested.contains(&SequenceNumber(number)))
    }

    /// Forgets the sequence numbers up to this one: they explain nothing any more.
    pub(super) fn forget_up_to(&mut self, last: SequenceNumber) {
        self.ingested = self.ingested.split_off(&SequenceNumber(last.0.saturating_add(1)));
    }
}

fn epoch_of(state: &DatabaseState, family: ColumnFamilyId, table: FileNumber) -> Option<u64> {
    let family = state.column_families().get(&family)?;
    family.tables.get(&table)?.epoch_number
}

fn family_of(state: &DatabaseState, family: ColumnFamilyId) -> String {
    let family = state.column_families().get(&family);
    family.map_or_else(String::new, |family| {
        String::from_utf8_lossy(&family.name).into_owned()
    })
}
