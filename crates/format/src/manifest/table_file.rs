//! A table file as the state of a database has it.

use crate::unique_id::UniqueId;
use crate::{FileNumber, SequenceNumber, Temperature};

use super::new_file::NewFile;

/// What remains of a [`NewFile`] in the state: without its keys, since a database has a hundred thousand tables, unless the
/// reader [keeps](super::ManifestReader::with_bounds) them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableFile {
    /// The number in its name.
    pub number: FileNumber,
    /// The level it is on.
    pub level: u32,
    /// Which of `db_paths` or `cf_paths` it lies in.
    pub path_id: u32,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The smallest sequence number in it; see [`NewFile::smallest_seqno`].
    pub smallest_seqno: SequenceNumber,
    /// The largest sequence number in it; see [`NewFile::largest_seqno`].
    pub largest_seqno: SequenceNumber,
    /// The order of flushes and ingestions (since 7.9).
    pub epoch_number: Option<u64>,
    /// The oldest blob file that it points into.
    pub oldest_blob_file_number: Option<FileNumber>,
    /// The unique id; files from before 7.3 have none.
    pub unique_id: Option<UniqueId>,
    /// The checksum of the complete file, if the MANIFEST has one.
    pub checksum: Option<Box<FileChecksum>>,
    /// The storage temperature.
    pub temperature: Temperature,
    /// Its first and its last key, if they are kept.
    pub bounds: Option<Box<TableBounds>>,
}

/// The keys of a table that the MANIFEST has: internal keys, as [`NewFile::smallest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableBounds {
    /// No key of the table is smaller.
    pub smallest: Box<[u8]>,
    /// No key of the table is larger.
    pub largest: Box<[u8]>,
}

/// The checksum of a complete file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileChecksum {
    /// The name of its function; empty if there is none.
    pub function: Vec<u8>,
    /// Its value, in the encoding of the function.
    pub value: Vec<u8>,
}

impl TableFile {
    /// The table that an edit adds. Checksum and keys are moved out of it, the rest is copied.
    pub(super) fn take(file: &mut NewFile) -> Self {
        let (function, value) = (file.file_checksum_func_name.take(), file.file_checksum.take());
        let checksum = (function.is_some() || value.is_some()).then(|| FileChecksum {
            function: function.unwrap_or_default(),
            value: value.unwrap_or_default(),
        });
        // Internal keys are never empty, unless they were left out.
        let has_bounds = !file.smallest.is_empty() && !file.largest.is_empty();
        let bounds = has_bounds.then(|| TableBounds {
            smallest: std::mem::take(&mut file.smallest).into_boxed_slice(),
            largest: std::mem::take(&mut file.largest).into_boxed_slice(),
        });
        TableFile {
            number: file.number,
            level: file.level,
            path_id: file.path_id,
            size_bytes: file.size_bytes,
            smallest_seqno: file.smallest_seqno,
            largest_seqno: file.largest_seqno,
            epoch_number: file.epoch_number,
            oldest_blob_file_number: file.oldest_blob_file_number,
            unique_id: file.unique_id,
            checksum: checksum.map(Box::new),
            temperature: file.temperature,
            bounds: bounds.map(Box::new),
        }
    }
}

impl From<NewFile> for TableFile {
    fn from(mut file: NewFile) -> Self {
        TableFile::take(&mut file)
    }
}
