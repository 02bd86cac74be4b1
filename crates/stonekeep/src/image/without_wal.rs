//! Whether a database shows that it is written without WAL (`WriteOptions::disableWAL`).

use std::path::Path;

use stonekeep_format::wal::SequenceBounds;

use super::diagnostics::Diagnostics;
use super::manifest::Manifest;
use crate::WarningName;

/// Warns where the MANIFEST proves it; `in_wals` is the last sequence number in the needed WALs, if they hold anything.
pub(super) fn judge(
    manifest: &Manifest,
    in_wals: Option<SequenceBounds>,
    directory: &Path,
    diagnostics: &mut Diagnostics,
) {
    let newest = in_wals.map(|bounds| bounds.highest);
    let Some(family) = manifest.state.written_without_wal(manifest.number, newest) else {
        return;
    };
    let name = String::from_utf8_lossy(&family.name);
    let message = format!(
        "it is written without WAL (disableWAL): a flush of column family \"{name}\" holds writes that were in no WAL. Such \
         writes are not in the backup unless they were flushed, and its column families may lie apart"
    );
    diagnostics.warn(WarningName::WritesWithoutWal, directory, message);
}
