//! The kinds of databases that are captured while they are written.

use std::path::{Path, PathBuf};

use super::history::{History, Work};
use crate::oracle::OpenOptions;

/// A database, and how it is written.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// In a test's words.
    pub name: &'static str,
    /// RocksDB's options for the database and each column family, beside `CHURN`: `name=value`.
    pub options: &'static [&'static str],
    /// What the writer does besides its batches.
    pub work: Work,
    /// How many threads write.
    pub lanes: usize,
    /// The WALs stand in a directory of their own.
    pub wal_elsewhere: bool,
    /// Tables stand in two directories (`db_paths`).
    pub two_paths: bool,
    /// With `manual_wal_flush`, after how many batches the writer calls `FlushWAL`.
    pub flush_wal_every: Option<u64>,
    /// Batches go past the WAL, and after so many of them the writer flushes.
    pub flush_without_wal_every: Option<u64>,
    /// The writer is killed and started again, over and over.
    pub killed: bool,
    /// Files are deleted slowly and in pieces (`SstFileManager`).
    pub slow_deletion: bool,
    /// RocksDB may drop what is older than so many batches.
    pub forgets_after: Option<u64>,
    /// Batches add to counters, too; `options` name the merge operator.
    pub counts: bool,
    /// Each write is synced.
    pub sync: bool,
    /// The writer notes when it has written what.
    pub journal: bool,
}

/// Memtables and levels so small that files come and go all the time.
const CHURN: &str = "write_buffer_size=262144;max_write_buffer_number=3;level0_file_num_compaction_trigger=2;\
    target_file_size_base=65536;max_bytes_for_level_base=262144;max_bytes_for_level_multiplier=4;\
    max_background_jobs=4;stats_dump_period_sec=0;stats_persist_period_sec=0;keep_log_file_num=1;\
    max_log_file_size=1048576";
pub(crate) const RECYCLED: &str = "recycle_log_file_num=4";
/// What was in WALs stays there when the database is closed and opened.
pub(crate) const WALS_KEPT: &str = "avoid_flush_during_shutdown=true;avoid_flush_during_recovery=true";
pub(crate) const TINY_MANIFESTS: &str = "max_manifest_file_size=2048;max_manifest_space_amp_pct=0";
const BLOBS: &[&str] = &[
    "enable_blob_files=true",
    "min_blob_size=150",
    "blob_file_size=32768",
    "enable_blob_garbage_collection=true",
    "blob_garbage_collection_age_cutoff=0.5",
    "blob_garbage_collection_force_threshold=0.5",
];

impl Setting {
    /// What its writer writes.
    pub fn history(&self, seed: u64) -> History {
        History {
            seed,
            work: self.work,
            counts: self.counts,
        }
    }

    /// The database directory below `root`.
    pub fn database(&self, root: &Path) -> PathBuf {
        root.join("db")
    }

    /// The other directories below `root`.
    pub fn places(&self, root: &Path) -> OpenOptions {
        OpenOptions {
            wal_dir: self.wal_elsewhere.then(|| root.join("wal")),
            db_paths: if self.two_paths {
                vec![self.database(root), root.join("path2")]
            } else {
                Vec::new()
            },
            more: self.options_with(""),
        }
    }

    /// How to open an image of it, whose files all stand in one directory.
    pub fn flat(&self, more: &str) -> OpenOptions {
        OpenOptions {
            more: self.options_with(more),
            ..OpenOptions::default()
        }
    }

    fn options_with(&self, more: &str) -> String {
        let mut all = vec![CHURN];
        all.extend(self.options);
        all.extend((!more.is_empty()).then_some(more));
        all.join(";")
    }
}

/// Nothing special.
pub(crate) const PLAIN: Setting = Setting {
    name: "plain",
    options: &[],
    work: Work::Batches,
    lanes: 1,
    wal_elsewhere: false,
    two_paths: false,
    flush_wal_every: None,
    flush_without_wal_every: None,
    killed: false,
    slow_deletion: false,
    forgets_after: None,
    counts: false,
    sync: false,
    journal: false,
};

const fn with(name: &'static str, options: &'static [&'static str]) -> Setting {
    Setting {
        name,
        options,
        ..PLAIN
    }
}

const fn at_work(name: &'static str, work: Work, options: &'static [&'static str]) -> Setting {
    Setting {
        name,
        options,
        work,
        ..PLAIN
    }
}

/// Every kind.
pub const ALL: &[Setting] = &[
    PLAIN,
    with("recycled WALs", &[RECYCLED]),
    with("tiny manifests", &[TINY_MANIFESTS]),
    with("recycled WALs, tiny manifests", &[RECYCLED, TINY_MANIFESTS]),
    with("compressed WALs", &["wal_compression=kZSTD"]),
    with(
        "compressed and recycled WALs",
        &["wal_compression=kZSTD", RECYCLED],
    ),
    with("blobs", BLOBS),
    with("universal", &["compaction_style=kCompactionStyleUniversal"]),
    with("atomic flush", &["atomic_flush=true", TINY_MANIFESTS]),
    with(
        "WALs in the manifest",
        &["track_and_verify_wals_in_manifest=true"],
    ),
    with("WALs that name the one before", &["track_and_verify_wals=true"]),
    with(
        "WALs made early",
        &[
            "async_wal_precreate=true",
            "track_and_verify_wals_in_manifest=true",
            "track_and_verify_wals=true",
        ],
    ),
    Setting {
        flush_wal_every: Some(64),
        ..with("manual WAL flush", &["manual_wal_flush=true"])
    },
    Setting {
        flush_without_wal_every: Some(500),
        ..with("without WAL", &["atomic_flush=true"])
    },
    with("archived WALs", &["WAL_ttl_seconds=2"]),
    at_work("two phases", Work::TwoPhase, &["allow_2pc=true"]),
    Setting {
        lanes: 3,
        ..with("unordered", &["unordered_write=true"])
    },
    Setting {
        lanes: 3,
        ..with("pipelined", &["enable_pipelined_write=true"])
    },
    at_work("passing families", Work::PassingFamilies, &[]),
    at_work("reopened", Work::Reopening, &["reuse_manifest_on_open=true"]),
    at_work(
        "reopened, WALs kept",
        Work::Reopening,
        &[
            WALS_KEPT,
            "track_and_verify_wals_in_manifest=true",
            "track_and_verify_wals=true",
        ],
    ),
    Setting {
        killed: true,
        ..with("killed", &[])
    },
    Setting {
        killed: true,
        ..with("killed, WALs kept", &[WALS_KEPT])
    },
    Setting {
        killed: true,
        ..with("killed, recycled WALs", &[RECYCLED, TINY_MANIFESTS])
    },
    Setting {
        wal_elsewhere: true,
        ..with("wal_dir elsewhere", &[])
    },
    at_work("ingestion", Work::Ingestion, &[]),
    Setting {
        // Whole files go, the largest of about half of this size; a batch puts 250 bytes into each column family.
        forgets_after: Some(600),
        ..with(
            "FIFO",
            &[
                "compaction_style=kCompactionStyleFIFO",
                "compaction_options_fifo={max_table_files_size=500000}",
            ],
        )
    },
    at_work(
        "timestamps",
        Work::Timestamps,
        &["comparator=leveldb.BytewiseComparator.u64ts"],
    ),
    Setting {
        slow_deletion: true,
        ..with("slow deletion", &[])
    },
    Setting {
        two_paths: true,
        ..with("two paths", &[])
    },
];

/// For the control that the judge can fail: even where flushes are slow, the WALs that are not flushed have a part of the
/// keys only, so that what is missing in an image of some of them cannot have been written again.
pub const SMALL_MEMTABLES: Setting = with("small memtables", &["write_buffer_size=65536"]);

/// The kind of that name.
pub fn by_name(name: &str) -> Option<&'static Setting> {
    ALL.iter()
        .chain([&SMALL_MEMTABLES])
        .find(|setting| setting.name == name)
}
