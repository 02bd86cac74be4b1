//! Meta files of backups. `crates/format/tests/data/backup_meta` has good seeds: give it after a corpus directory.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::{BackupMeta, MetaHead};

fuzz_target!(|bytes: &[u8]| {
    let head = MetaHead::decode(bytes);
    let Ok(meta) = BackupMeta::decode_of_unknown_backup(bytes) else {
        return;
    };
    assert_eq!(head.unwrap().unwrap().0, meta.head);
    let again = meta.encode().unwrap();
    assert_eq!(BackupMeta::decode_of_unknown_backup(&again).as_ref(), Ok(&meta));
    if let Ok(first) = BackupMeta::decode(BackupId::FIRST, bytes) {
        assert_eq!(first, meta);
    }
});
