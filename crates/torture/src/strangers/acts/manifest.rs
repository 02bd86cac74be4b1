//! Writes a MANIFEST again with other edits.

use anyhow::Result;
use stonekeep::format::log::{LogScanner, LogWriter};
use stonekeep::format::manifest::VersionEdit;
use stonekeep_format_testkit::Encode as _;

/// Each edit as `change` leaves it.
pub(super) fn with_edits(manifest: &[u8], change: &mut dyn FnMut(&mut VersionEdit)) -> Result<Vec<u8>> {
    let mut writer = LogWriter::new();
    LogScanner::manifest().push(manifest, &mut |record| {
        let mut edit = VersionEdit::decode(record.payload, record.offset)?;
        change(&mut edit);
        writer.write(&edit.encode());
        Ok(())
    })?;
    Ok(writer.take_bytes())
}
