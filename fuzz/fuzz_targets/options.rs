//! OPTIONS files: parsed, and their wal_dir rewritten.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stonekeep_format::options::{OptionsFile, with_wal_dir};

fuzz_target!(|input: &[u8]| {
    let [length, rest @ ..] = input else { return };
    let Some((wal_dir, bytes)) = rest.split_at_checked(usize::from(*length)) else {
        return;
    };
    let Ok(file) = OptionsFile::parse(bytes) else {
        return;
    };
    let _ = file.capture_options();
    let Ok(rewritten) = with_wal_dir(bytes, wal_dir) else {
        return;
    };
    let again = OptionsFile::parse(&rewritten).unwrap();
    assert_eq!(again.wal_dir().unwrap_or_default(), wal_dir);
    assert!(again.column_families().eq(file.column_families()));
    assert_eq!(with_wal_dir(&rewritten, wal_dir), Ok(rewritten));
});
