//! Which edits of a MANIFEST change the contents of a database other than by way of the WAL.

use stonekeep_format::FileNumber;
use stonekeep_format::manifest::VersionEdit;

/// Whether an edit may bring tables from outside; `epoch_of` knows the epochs of the tables before it. A flush says from which WAL on
/// its column family goes on (`FlushJob`, `db/flush_job.cc`), a compaction takes away the tables whose epoch it goes on with. Ingestion
/// begins an epoch (`ExternalSstFileIngestionJob::AssignLevelsForOneBatch`, `db/external_sst_file_ingestion_job.cc`),
/// also where it replaces a range.
pub(super) fn may_be_an_ingestion(edit: &VersionEdit, epoch_of: impl Fn(FileNumber) -> Option<u64>) -> bool {
    if edit.new_files.is_empty() || edit.log_number.is_some() {
        return false;
    }
    let gone = edit.deleted_files.iter().map(|file| epoch_of(file.number));
    let newest_gone = gone.max().flatten();
    edit.deleted_files.is_empty() || edit.new_files.iter().any(|file| file.epoch_number > newest_gone)
}

/// Whether an edit takes tables away and brings none, as `DeleteFilesInRange` does, FIFO compaction, and the compaction of mere
/// tombstones.
pub(super) fn only_takes_tables(edit: &VersionEdit) -> bool {
    edit.new_files.is_empty() && !edit.deleted_files.is_empty()
}
