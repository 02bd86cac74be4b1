//! Meta files of backups. `crates/format/tests/data/backup_meta` has good seeds: give it after a corpus directory.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::{BackupMeta, LineMemory, MetaDecoder, MetaFile, MetaLine, PathTable};

fuzz_target!(|bytes: &[u8]| {
    let Ok(meta) = BackupMeta::decode_of_unknown_backup(bytes) else {
        return;
    };
    let again = meta.encode().unwrap();
    assert_eq!(BackupMeta::decode_of_unknown_backup(&again).as_ref(), Ok(&meta));
    if let Ok(first) = BackupMeta::decode(BackupId::FIRST, bytes) {
        assert_eq!(first, meta);
        assert_eq!(decode_with_known_paths(&meta, bytes), meta);
    }
});

/// Every other path is known.
fn decode_with_known_paths(meta: &BackupMeta, bytes: &[u8]) -> BackupMeta {
    let (mut paths, mut memory, mut files) = (PathTable::default(), LineMemory::default(), Vec::new());
    for file in meta.files.iter().step_by(2) {
        paths.insert(&file.path);
    }
    let mut decoder = MetaDecoder::with_known(BackupId::FIRST, &paths, &mut memory);
    let mut take = |line| match line {
        MetaLine::File(file) => files.push(file),
        MetaLine::Known(id, crc32c) => files.push(MetaFile::new(paths.repo_path(id).unwrap(), crc32c)),
    };
    let taken = decoder.push(bytes, &mut take).unwrap();
    let read = decoder.finish(&bytes[taken..]).unwrap();
    BackupMeta { files, ..read }
}
