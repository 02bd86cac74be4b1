//! What the records of a repository say about one stored file.

use stonekeep_format::{BackupId, Crc32c};

/// See the [module](self).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct StoredRecord {
    /// The checksum, where a record has one.
    pub(super) crc32c: Option<Crc32c>,
    /// Where the checksum is from.
    pub(super) origin: Origin,
    /// The newest readable backup that names it; `None` for a leftover of a run that did not end.
    pub(super) backup: Option<BackupId>,
    /// Whether content and name are known to be durable.
    pub(super) durable: bool,
}

/// Where a recorded checksum is from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Origin {
    /// A meta file, which may be damaged without a trace in itself.
    #[default]
    Meta,
    /// Facts or a journal, which have checksums of their own.
    Checked,
    /// The stored bytes, which this run has read.
    Bytes,
}

/// Whether the records name a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    Named(StoredRecord),
    /// No record does.
    Unnamed,
    /// No record does that is read: [`read_more`](super::inputs::PlanInputs::read_more).
    MoreToRead,
}
