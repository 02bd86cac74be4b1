//! Rewrites a MANIFEST for a database that moves into one directory.

use crate::Result;
use crate::log::{LogRecord, LogWriter};

use super::edit::VersionEdit;

/// Writes a record of a MANIFEST with every table on the first path, for a database of several `db_paths` or `cf_paths` that is
/// stored in one directory. A record that names no other path keeps its bytes.
///
/// # Errors
/// As [`VersionEdit::decode`].
pub fn write_flat(record: &LogRecord<'_>, writer: &mut LogWriter) -> Result<()> {
    let mut edit = VersionEdit::decode(record.payload, record.offset)?;
    if edit.flatten_paths() {
        writer.write(&edit.encode());
    } else {
        writer.write(record.payload);
    }
    Ok(())
}
