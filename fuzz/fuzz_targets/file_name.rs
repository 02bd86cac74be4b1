//! Names of files in a database directory or a backup directory.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::file_name::DbFileName;

fuzz_target!(|text: &str| {
    if let Some(file) = DbFileName::parse(text) {
        assert_eq!(DbFileName::parse(&file.to_string()), Some(file));
    }
    if let Some(path) = RepoPath::parse(text) {
        assert_eq!(path.to_string(), text);
        assert!(path.restored_name().is_live_kind());
        assert!(!text.contains("..") && !text.starts_with('/') && !text.contains('\0'));
    }
});
