//! What happens to a database whose WALs are followed.

use stonekeep_format::manifest::VersionEdit;
use stonekeep_format::{ColumnFamilyId, FileNumber, SequenceNumber};

use super::content::append;
use super::{FakeDatabase, manifest};

impl FakeDatabase {
    /// Writes any batch to the WAL, which uses up so many sequence numbers.
    pub fn write_batch(&mut self, batch: &[u8], used: u64) {
        self.sequence += used;
        self.wal.write(batch);
        self.wal_has_data = true;
        append(&self.wal_path(self.wal_number), &self.wal.take_bytes());
    }

    /// Writes so many keys with `disableWAL`: their sequence numbers are in no WAL.
    pub fn write_without_wal(&mut self, keys: u64) {
        self.sequence += keys;
    }

    /// Writes the next batch with this sequence number, as a database that has lost the later ones.
    pub fn go_back_to(&mut self, sequence: SequenceNumber) {
        self.sequence = sequence.0 - 1;
    }

    /// Makes a table of what is in the WALs, which use up no further sequence numbers, goes on in a new WAL and deletes those before.
    pub fn flush_wals(&mut self) -> FileNumber {
        self.start_wal();
        self.wal_has_data = false;
        let (number, mut edit) = self.make_table(ColumnFamilyId::DEFAULT, 2_000, 0, None);
        edit.log_number = Some(self.wal_number);
        self.apply(edit);
        self.let_wals_go();
        number
    }

    /// Ingests a table into the default column family. If it overlaps with others, it gets the next sequence number.
    pub fn ingest(&mut self, overlaps: bool) -> FileNumber {
        self.sequence += u64::from(overlaps);
        let sequence = SequenceNumber(if overlaps { self.sequence } else { 0 });
        let (number, mut edit) = self.make_table(ColumnFamilyId::DEFAULT, 2_000, 0, None);
        for file in &mut edit.new_files {
            (file.smallest_seqno, file.largest_seqno) = (sequence, sequence);
        }
        self.apply(edit);
        number
    }

    /// Takes the tables of the default column family away, as `DeleteFilesInRange` does. The files stay.
    pub fn take_tables_away(&mut self) {
        let family = self.family(ColumnFamilyId::DEFAULT);
        let tables = family.tables.values().map(|table| (table.level, table.number));
        let tables: Vec<_> = tables.collect();
        self.apply(manifest::replacing(tables.into_iter(), VersionEdit::default()));
    }
}
