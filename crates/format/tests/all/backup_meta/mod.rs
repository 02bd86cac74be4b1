//! Meta files of backups.

mod generated;
mod golden;
mod known;
mod pieces;
mod refused;

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::BackupMeta;

const SCHEMA_2: &str = include_str!("../../data/backup_meta/schema_2");
const SCHEMA_2_EXCLUDED: &str = include_str!("../../data/backup_meta/schema_2_excluded");
const SCHEMA_2_ALL_FIELDS: &str = include_str!("../../data/backup_meta/schema_2_all_fields");
const SCHEMA_1: &str = include_str!("../../data/backup_meta/schema_1");

/// What RocksDB 11.8.1 wrote, with the backup that it belongs to.
const GOLDEN: [(u32, &str); 4] = [
    (1, SCHEMA_2),
    (2, SCHEMA_2_EXCLUDED),
    (3, SCHEMA_2_ALL_FIELDS),
    (4, SCHEMA_1),
];

fn decode(backup: u32, text: impl AsRef<[u8]>) -> stonekeep_format::Result<BackupMeta> {
    BackupMeta::decode(BackupId::new(backup).unwrap(), text.as_ref())
}
