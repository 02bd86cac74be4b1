//! Meta files of backups.

use stonekeep_format::backup_meta::{BackupMeta, SchemaVersion};
use stonekeep_format::{BackupId, Crc32c};

const BY_LDB: &str = "\
1795395715
2
5
shared_checksum/000013_sG79BJ8K5DOULV8US5IZ5_982.sst crc32 2215038660
shared_checksum/000008_sPE4V4ZCS2XWGKVUCH0GJ_980.sst crc32 1152751073
private/1/MANIFEST-000015 crc32 1272007845
private/1/CURRENT crc32 993937570
private/1/OPTIONS-000017 crc32 3679531975
";

#[test]
fn a_meta_file_of_rocksdb_7_8_3_is_read_and_written() {
    let meta = BackupMeta::decode(BackupId::FIRST, BY_LDB.as_bytes()).unwrap();
    assert_eq!(meta.head.schema, SchemaVersion::One);
    assert_eq!(meta.head.timestamp_seconds(), 1795395715);
    assert_eq!(meta.head.sequence_number().0, 2);
    assert_eq!(meta.files.len(), 5);
    assert_eq!(meta.files[3].path.to_string(), "private/1/CURRENT");
    assert_eq!(meta.files[3].crc32c, Some(Crc32c(993937570)));
    assert_eq!(meta.encode().unwrap(), BY_LDB.as_bytes());
}
