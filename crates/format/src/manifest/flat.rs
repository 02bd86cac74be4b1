//! Rewrites a MANIFEST for a database that moves into one directory.

use std::ops::Range;

use crate::coding::Reader;
use crate::log::{LogRecord, LogWriter};
use crate::{FileKind, Result};

use super::edit::VersionEdit;
use super::new_file::{Keys, internal_key};
use super::tag::{self, custom};

/// Writes a record of a MANIFEST with every table on the first path, for a database of several `db_paths` or `cf_paths` that is
/// stored in one directory: RocksDB indexes its paths with the id unchecked (`Version::~Version` in `db/version_set.cc`). All
/// bytes but those of path ids stay as they are.
///
/// # Errors
/// As [`VersionEdit::decode`].
pub fn write_flat(record: &LogRecord<'_>, writer: &mut LogWriter) -> Result<()> {
    let mut payload = record.payload.to_vec();
    let mut reader = Reader::new(FileKind::Manifest, record.offset, record.payload);
    while !reader.is_empty() {
        let tag = reader.varint32()?;
        let fields = reader.clone();
        // Checks the field, and moves the reader past it.
        VersionEdit::default().read_field(tag, &mut reader, Keys::Checked)?;
        for id in path_ids(tag, fields)? {
            // A varint of 0 with the same length.
            payload
                .get_mut(id)
                .into_iter()
                .flatten()
                .for_each(|byte| *byte &= 0x80);
        }
    }
    writer.write(&payload);
    Ok(())
}

/// Where the path ids of a new file are. The reader is behind the tag.
fn path_ids(tag: u32, mut reader: Reader<'_>) -> Result<Vec<Range<usize>>> {
    let mut found = Vec::new();
    if !matches!(tag, tag::NEW_FILE_3 | tag::NEW_FILE_4) {
        return Ok(found);
    }
    reader.varint32()?;
    reader.varint64()?;
    if tag == tag::NEW_FILE_3 {
        let start = reader.position();
        reader.varint32()?;
        found.push(start..reader.position());
        return Ok(found);
    }
    reader.varint64()?;
    internal_key(&mut reader)?;
    internal_key(&mut reader)?;
    reader.varint64()?;
    reader.varint64()?;
    loop {
        match reader.varint32()? {
            custom::TERMINATE => return Ok(found),
            tag => {
                let value = reader.length_prefixed()?;
                let end = reader.position();
                found.extend((tag == custom::PATH_ID).then_some(end - value.len()..end));
            }
        }
    }
}
