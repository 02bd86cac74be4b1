//! The settings in an OPTIONS file that matter to a backup.

use serde_json::{Value, json};
use stonekeep::format::WholeText;
use stonekeep::format::options::{CaptureOptions, LIMIT_BYTES, OptionsFile};

use super::dump::{Dump, lossy};
use super::source::Source;

pub(super) fn dump(source: &Source) -> anyhow::Result<Dump> {
    let bytes = source.text(LIMIT_BYTES, WholeText::new())?;
    let file = OptionsFile::parse(&bytes).map_err(|error| source.complaint(error))?;
    let capture = file.capture_options().map_err(|error| source.complaint(error))?;
    Ok(Dump::whole(json!({
        "engine": if file.is_of_speedb() { "Speedb" } else { "RocksDB" },
        "rocksdb_version": file.rocksdb_version().map(ToOwned::to_owned),
        "options_file_version": file.options_file_version().map(ToOwned::to_owned),
        "wal_dir": file.wal_dir().as_deref().map(lossy),
        "column_families": file.column_families().map(|name| family(&file, name)).collect::<Vec<_>>(),
        "capture": capture_json(&capture),
    })))
}

fn family(file: &OptionsFile, name: &[u8]) -> Value {
    let setting = |setting: &str| file.cf(name, setting).map(lossy);
    json!({
        "name": lossy(name),
        "comparator": setting("comparator"),
        "merge_operator": setting("merge_operator"),
        "compression": setting("compression"),
        "compaction_style": setting("compaction_style"),
        "enable_blob_files": setting("enable_blob_files"),
    })
}

fn capture_json(capture: &CaptureOptions) -> Value {
    json!({
        "recycle_log_file_num": capture.recycle_log_file_num,
        "wal_recovery_mode": format!("{:?}", capture.wal_recovery_mode),
        "wal_compression": capture.wal_compression,
        "manual_wal_flush": capture.manual_wal_flush,
        "allow_2pc": capture.allow_2pc,
        "atomic_flush": capture.atomic_flush,
        "avoid_flush_during_recovery": capture.avoid_flush_during_recovery,
        "avoid_flush_during_shutdown": capture.avoid_flush_during_shutdown,
        "track_and_verify_wals_in_manifest": capture.track_and_verify_wals_in_manifest,
        "track_and_verify_wals": capture.track_and_verify_wals,
        "archives_wals": capture.archives_wals,
    })
}
