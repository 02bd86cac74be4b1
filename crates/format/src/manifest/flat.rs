//! Rewrites a MANIFEST for a database that moves into one directory.

use crate::Result;
use crate::log::{LogScanner, LogWriter};

use super::edit::VersionEdit;
use super::reader::ManifestReader;

/// The MANIFEST with every table on the first path: for a database of several `db_paths` or `cf_paths` that is
/// stored in one directory. Records that name no other path keep their bytes; what does not count any more (a torn
/// record, an incomplete atomic group) is left out.
///
/// # Errors
/// As [`ManifestReader::read`].
pub fn rewrite_flat(bytes: &[u8]) -> Result<Vec<u8>> {
    let (_, end) = ManifestReader::read(bytes)?;
    let applied = usize::try_from(end.applied_bytes).unwrap_or(usize::MAX);
    let counts = bytes.get(..applied).unwrap_or(bytes);
    let mut writer = LogWriter::new();
    LogScanner::manifest().push(counts, &mut |record| {
        let mut edit = VersionEdit::decode(record.payload, record.offset)?;
        if edit.flatten_paths() {
            writer.write(&edit.encode())
        } else {
            writer.write(record.payload)
        }
        Ok(())
    })?;
    Ok(writer.take_bytes())
}
