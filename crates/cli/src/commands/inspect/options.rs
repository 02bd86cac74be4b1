//! What an OPTIONS file says that matters to a backup.

use serde::Serialize;
use stonekeep::format::options::{CaptureOptions, OptionsFile};

use super::dump::{Dump, lossy};
use super::source::Source;

/// RocksDB's own are some kilobytes a column family.
const LIMIT_BYTES: u64 = 256 << 20;

#[derive(Serialize)]
struct OptionsJson {
    engine: &'static str,
    rocksdb_version: Option<String>,
    options_file_version: Option<String>,
    wal_dir: Option<String>,
    column_families: Vec<FamilyJson>,
    capture: CaptureJson,
}

#[derive(Serialize)]
struct FamilyJson {
    name: String,
    comparator: Option<String>,
    merge_operator: Option<String>,
    compression: Option<String>,
    compaction_style: Option<String>,
    enable_blob_files: Option<String>,
}

#[derive(Serialize)]
struct CaptureJson {
    recycle_log_file_num: u64,
    wal_recovery_mode: String,
    wal_compression: bool,
    manual_wal_flush: bool,
    allow_2pc: bool,
    atomic_flush: bool,
    avoid_flush_during_recovery: bool,
    avoid_flush_during_shutdown: bool,
    track_and_verify_wals_in_manifest: bool,
    track_and_verify_wals: bool,
    archives_wals: bool,
}

pub(super) fn dump(source: &Source) -> anyhow::Result<Dump> {
    let bytes = source.whole(LIMIT_BYTES)?;
    let file = OptionsFile::parse(&bytes).map_err(|error| source.complaint(error))?;
    let capture = file.capture_options().map_err(|error| source.complaint(error))?;
    Dump::whole(&OptionsJson {
        engine: if file.is_of_speedb() { "Speedb" } else { "RocksDB" },
        rocksdb_version: file.rocksdb_version().map(ToOwned::to_owned),
        options_file_version: file.options_file_version().map(ToOwned::to_owned),
        wal_dir: file.wal_dir().as_deref().map(lossy),
        column_families: file.column_families().map(|name| family(&file, name)).collect(),
        capture: capture_json(&capture),
    })
}

fn family(file: &OptionsFile, name: &[u8]) -> FamilyJson {
    let setting = |setting: &str| file.cf(name, setting).map(lossy);
    FamilyJson {
        name: lossy(name),
        comparator: setting("comparator"),
        merge_operator: setting("merge_operator"),
        compression: setting("compression"),
        compaction_style: setting("compaction_style"),
        enable_blob_files: setting("enable_blob_files"),
    }
}

fn capture_json(capture: &CaptureOptions) -> CaptureJson {
    CaptureJson {
        recycle_log_file_num: capture.recycle_log_file_num,
        wal_recovery_mode: format!("{:?}", capture.wal_recovery_mode),
        wal_compression: capture.wal_compression,
        manual_wal_flush: capture.manual_wal_flush,
        allow_2pc: capture.allow_2pc,
        atomic_flush: capture.atomic_flush,
        avoid_flush_during_recovery: capture.avoid_flush_during_recovery,
        avoid_flush_during_shutdown: capture.avoid_flush_during_shutdown,
        track_and_verify_wals_in_manifest: capture.track_and_verify_wals_in_manifest,
        track_and_verify_wals: capture.track_and_verify_wals,
        archives_wals: capture.archives_wals,
    }
}
