//! The kinds of databases that the proof uses.

use super::fill;
use super::workbench::{Recipe, Workbench};
use crate::Result;

/// The kind that the others vary.
pub(crate) const ORDINARY: Recipe = Recipe {
    name: "column families",
    options: "",
    families: &["default", "events", "users"],
    wal_elsewhere: false,
    two_paths: false,
    fill: fill::ordinary,
    change: fill::one_more_table,
};

const fn one_family(name: &'static str, options: &'static str) -> Recipe {
    Recipe {
        name,
        options,
        families: &["default"],
        ..ORDINARY
    }
}

const fn filled(name: &'static str, options: &'static str, fill: fn(&mut Workbench) -> Result<()>) -> Recipe {
    Recipe {
        name,
        options,
        families: &["default", "second"],
        fill,
        ..ORDINARY
    }
}

const SMALL_LEVELS: &str = "write_buffer_size=65536;target_file_size_base=32768;max_bytes_for_level_base=65536;\
    level0_file_num_compaction_trigger=2;max_bytes_for_level_multiplier=3";
const SMALL_UNIVERSAL: &str = "compaction_style=kCompactionStyleUniversal;write_buffer_size=65536;\
    level0_file_num_compaction_trigger=3;target_file_size_base=32768";
const BLOBS: &str = "enable_blob_files=true;min_blob_size=100;blob_file_size=16384;enable_blob_garbage_collection=true;\
    blob_garbage_collection_age_cutoff=1.0;blob_garbage_collection_force_threshold=0.5";

const RECIPES: &[Recipe] = &[
    ORDINARY,
    Recipe {
        fill: fill::wal_only,
        change: fill::more_wal,
        ..filled("wal only", "", fill::wal_only)
    },
    Recipe {
        change: fill::blob_change,
        ..filled("blobs", BLOBS, fill::blobs)
    },
    one_family("no compression", "compression=kNoCompression"),
    one_family("snappy", "compression=kSnappyCompression"),
    one_family("zlib", "compression=kZlibCompression"),
    one_family("bzip2", "compression=kBZip2Compression"),
    one_family("lz4", "compression=kLZ4Compression"),
    one_family("lz4hc", "compression=kLZ4HCCompression"),
    one_family("zstd", "compression=kZSTD;compression_opts={max_dict_bytes=4096}"),
    filled("level compaction", SMALL_LEVELS, fill::leveled),
    filled("universal compaction", SMALL_UNIVERSAL, fill::leveled),
    filled("range deletions", "", fill::range_deletions),
    filled("merge operands", "disable_auto_compactions=true", fill::merges),
    Recipe {
        wal_elsewhere: true,
        ..filled("wal_dir elsewhere", "", fill::ordinary)
    },
    filled("large values", "", fill::large_values),
    filled("dropped column families", "", fill::dropped_families),
    filled("ingested tables", "", fill::ingested),
    one_family(
        "file checksums",
        "file_checksum_gen_factory=FileChecksumGenCrc32cFactory",
    ),
    one_family("compressed wal", "wal_compression=kZSTD"),
    one_family("recycled wals", "recycle_log_file_num=2"),
    one_family("wals in the manifest", "track_and_verify_wals_in_manifest=true"),
    one_family(
        "old table format",
        "block_based_table_factory={format_version=2;checksum=kCRC32c}",
    ),
    one_family(
        "partitioned index",
        "block_based_table_factory={index_type=kTwoLevelIndexSearch;partition_filters=true;\
        filter_policy=ribbonfilter:10;metadata_block_size=512}",
    ),
    one_family(
        "temperatures",
        "default_write_temperature=kWarm;last_level_temperature=kCold",
    ),
    one_family(
        "identity in file only",
        "write_dbid_to_manifest=false;write_identity_file=true",
    ),
    one_family("identity in manifest only", "write_identity_file=false"),
    Recipe {
        two_paths: true,
        ..filled("two paths", SMALL_LEVELS, fill::leveled)
    },
];

/// Every kind.
pub fn all() -> impl Iterator<Item = Recipe> {
    RECIPES.iter().copied()
}

/// The kind of that name.
pub fn by_name(name: &str) -> Option<Recipe> {
    all().find(|recipe| recipe.name == name)
}
