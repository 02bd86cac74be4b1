//! The settings that decide how a database can be captured.

use crate::Result;

use super::file::{OptionsFile, corrupt};
use super::section::{SectionKind, Setting};

/// What a capture of the database's files must know; the defaults are RocksDB's, and replace missing settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CaptureOptions {
    /// `wal_dir`: see [`OptionsFile::wal_dir`].
    pub wal_dir: Option<Vec<u8>>,
    /// Column families with `enable_blob_direct_write` (11.x): WALs may point into blob files that no
    /// MANIFEST names, so only a flush makes such a database complete.
    pub blob_direct_write: Vec<Vec<u8>>,
    /// `recycle_log_file_num`: above 0, WALs are reused and may end in records of older ones.
    pub recycle_log_file_num: u64,
    /// `wal_recovery_mode`
    pub wal_recovery_mode: WalRecoveryMode,
    /// `wal_compression` is on.
    pub wal_compression: bool,
    /// `manual_wal_flush`: what the process has not flushed cannot be seen from outside.
    pub manual_wal_flush: bool,
    /// `allow_2pc`: WALs with prepared transactions are kept below the log numbers of all column families.
    pub allow_2pc: bool,
    /// `two_write_queues`: with WritePrepared transactions, some commits take a sequence number that is in no WAL.
    pub two_write_queues: bool,
    /// `atomic_flush`: column families are consistent with each other without WALs.
    pub atomic_flush: bool,
    /// `avoid_flush_during_recovery`: WALs of an earlier run may stay, with a torn end.
    pub avoid_flush_during_recovery: bool,
    /// `avoid_flush_during_shutdown`: a closed database may have data in its WALs alone.
    pub avoid_flush_during_shutdown: bool,
    /// `track_and_verify_wals_in_manifest`
    pub track_and_verify_wals_in_manifest: bool,
    /// `track_and_verify_wals`: a database without any WAL does not open.
    pub track_and_verify_wals: bool,
    /// `WAL_ttl_seconds` or `WAL_size_limit_MB` is set: obsolete WALs go to `archive/`.
    pub archives_wals: bool,
}

/// `WALRecoveryMode` (`include/rocksdb/options.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WalRecoveryMode {
    /// `kTolerateCorruptedTailRecords`
    TolerateCorruptedTailRecords,
    /// `kAbsoluteConsistency`
    AbsoluteConsistency,
    /// `kPointInTimeRecovery`
    #[default]
    PointInTimeRecovery,
    /// `kSkipAnyCorruptedRecords`
    SkipAnyCorruptedRecords,
}

impl WalRecoveryMode {
    fn parse(value: &[u8]) -> Option<Self> {
        match value {
            b"kTolerateCorruptedTailRecords" => Some(Self::TolerateCorruptedTailRecords),
            b"kAbsoluteConsistency" => Some(Self::AbsoluteConsistency),
            b"kPointInTimeRecovery" => Some(Self::PointInTimeRecovery),
            b"kSkipAnyCorruptedRecords" => Some(Self::SkipAnyCorruptedRecords),
            _ => None,
        }
    }
}

impl OptionsFile {
    /// The settings that matter to a capture.
    ///
    /// # Errors
    /// Corrupt when one of them has a value that RocksDB could not read.
    pub fn capture_options(&self) -> Result<CaptureOptions> {
        let flag = |name| value(self.database_setting(name), name, boolean);
        let number = |name| value(self.database_setting(name), name, unsigned);
        let mode = self.database_setting("wal_recovery_mode");
        let compression = self.db("wal_compression").unwrap_or(b"kNoCompression");
        Ok(CaptureOptions {
            wal_dir: self.wal_dir(),
            blob_direct_write: self.blob_direct_write()?,
            recycle_log_file_num: number("recycle_log_file_num")?,
            wal_recovery_mode: value(mode, "wal_recovery_mode", WalRecoveryMode::parse)?,
            wal_compression: compression != b"kNoCompression",
            manual_wal_flush: flag("manual_wal_flush")?,
            allow_2pc: flag("allow_2pc")?,
            two_write_queues: flag("two_write_queues")?,
            atomic_flush: flag("atomic_flush")?,
            avoid_flush_during_recovery: flag("avoid_flush_during_recovery")?,
            avoid_flush_during_shutdown: flag("avoid_flush_during_shutdown")?,
            track_and_verify_wals_in_manifest: flag("track_and_verify_wals_in_manifest")?,
            track_and_verify_wals: flag("track_and_verify_wals")?,
            archives_wals: number("WAL_ttl_seconds")? > 0 || number("WAL_size_limit_MB")? > 0,
        })
    }

    fn blob_direct_write(&self) -> Result<Vec<Vec<u8>>> {
        let name = "enable_blob_direct_write";
        let mut families = Vec::new();
        for section in self.of_kind(SectionKind::ColumnFamily) {
            if value(section.find(name), name, boolean)? {
                families.push(section.argument.clone());
            }
        }
        Ok(families)
    }
}

/// The value of a setting, or the default where it is missing.
fn value<T: Default>(setting: Option<&Setting>, name: &str, parse: impl Fn(&[u8]) -> Option<T>) -> Result<T> {
    let Some(setting) = setting else {
        return Ok(T::default());
    };
    parse(&setting.value).ok_or_else(|| {
        let value = setting.value.escape_ascii();
        corrupt(setting.place.start, format!("{name} cannot be \"{value}\""))
    })
}

/// `ParseBoolean` of `util/string_util.cc`.
fn boolean(value: &[u8]) -> Option<bool> {
    match value {
        b"true" | b"1" => Some(true),
        b"false" | b"0" => Some(false),
        _ => None,
    }
}

/// A plain decimal, which is all that RocksDB writes; it would read suffixes like `4K`, too.
fn unsigned(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
