//! The kinds of databases that are followed.

use crate::hot::history::Work;
use crate::hot::settings::{PLAIN, RECYCLED, Setting, TINY_MANIFESTS, WALS_KEPT};

/// Merges show what is replayed twice.
const COUNTERS: &str = "merge_operator=UInt64AddOperator";
const SMALL: &str = "write_buffer_size=65536";
const TRACKED: &str = "track_and_verify_wals_in_manifest=true;track_and_verify_wals=true";
const ARCHIVED: &str = "WAL_ttl_seconds=3600";
const BLOBS: &str =
    "enable_blob_files=true;min_blob_size=150;blob_file_size=32768;enable_blob_garbage_collection=true";

const fn with(name: &'static str, options: &'static [&'static str]) -> Setting {
    Setting {
        name,
        options,
        counts: true,
        journal: true,
        ..PLAIN
    }
}

const fn at_work(name: &'static str, work: Work, options: &'static [&'static str]) -> Setting {
    Setting {
        work,
        ..with(name, options)
    }
}

/// Every kind.
pub const ALL: &[Setting] = &[
    with("followed", &[COUNTERS, SMALL]),
    with(
        "followed: recycled WALs, tiny manifests",
        &[COUNTERS, RECYCLED, TINY_MANIFESTS],
    ),
    with(
        "followed: compressed WALs, blobs",
        &[COUNTERS, SMALL, "wal_compression=kZSTD", BLOBS],
    ),
    with("followed: atomic flush", &[COUNTERS, SMALL, "atomic_flush=true"]),
    at_work(
        // Not with enable_pipelined_write: then RocksDB deletes WALs with prepared sections that its own recovery needs
        // (`MarkLogCallback` is not called, `DBImpl::WriteImpl` in db/db_impl/db_impl_write.cc).
        "followed: two phases",
        Work::TwoPhase,
        &[COUNTERS, SMALL, "allow_2pc=true"],
    ),
    at_work(
        "followed: passing families, unordered",
        Work::PassingFamilies,
        &[COUNTERS, "unordered_write=true"],
    ),
    at_work(
        "followed: reopened, WALs kept, tracked",
        Work::Reopening,
        &[COUNTERS, WALS_KEPT, TRACKED],
    ),
    with(
        "followed: universal",
        &[COUNTERS, SMALL, "compaction_style=kCompactionStyleUniversal"],
    ),
    Setting {
        flush_wal_every: Some(64),
        ..with(
            "followed: manual WAL flush, tracked",
            &[COUNTERS, "manual_wal_flush=true", TRACKED],
        )
    },
    Setting {
        wal_elsewhere: true,
        ..with("followed: wal_dir elsewhere", &[COUNTERS, SMALL])
    },
    with("followed: archived WALs", &[COUNTERS, SMALL, ARCHIVED]),
    Setting {
        sync: true,
        ..with("followed: synced", &[COUNTERS, SMALL])
    },
    Setting {
        slow_deletion: true,
        ..with("followed: slow deletion", &[COUNTERS, SMALL])
    },
    Setting {
        lanes: 3,
        ..with(
            "followed: three threads, unordered",
            &[COUNTERS, "unordered_write=true"],
        )
    },
    Setting {
        lanes: 3,
        ..with(
            "followed: three threads, pipelined",
            &[COUNTERS, SMALL, "enable_pipelined_write=true"],
        )
    },
    with(
        "followed: WALs made early, tracked",
        &[COUNTERS, SMALL, "async_wal_precreate=true", TRACKED],
    ),
    Setting {
        killed: true,
        ..with("followed: killed", &[COUNTERS, SMALL])
    },
    Setting {
        killed: true,
        ..with("followed: killed, WALs kept", &[COUNTERS, WALS_KEPT])
    },
    Setting {
        killed: true,
        ..with(
            "followed: killed, recycled WALs",
            &[COUNTERS, RECYCLED, TINY_MANIFESTS],
        )
    },
    at_work("followed: ingestion", Work::Ingestion, &[COUNTERS]),
    Setting {
        counts: false,
        ..at_work(
            "followed: timestamps",
            Work::Timestamps,
            &["comparator=leveldb.BytewiseComparator.u64ts"],
        )
    },
];

/// The kind of that name.
pub fn by_name(name: &str) -> Option<&'static Setting> {
    ALL.iter().find(|setting| setting.name == name)
}
