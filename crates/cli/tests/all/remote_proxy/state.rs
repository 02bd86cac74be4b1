//! The files of a database as a backup must restore them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The length and the checksum of each file.
pub(super) type Files = BTreeMap<String, (usize, u32)>;

/// The files of a database, but for its own log and its lock.
pub(super) fn files(directory: &Path) -> Files {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    let kept = |(name, path): &(String, PathBuf)| {
        path.is_file() && !name.starts_with("LOG") && name != "LOCK" && !name.starts_with(".stonekeep")
    };
    let read = |(name, path): (String, PathBuf)| {
        let bytes = fs::read(path).unwrap();
        (name, (bytes.len(), crc32c::crc32c(&bytes)))
    };
    named.filter(kept).map(read).collect()
}

/// The directory has the files of this state, but for those that a backup leaves out.
pub(super) fn assert_is(state: &Files, restored: &Path) {
    let found = files(restored);
    for (name, file) in &found {
        assert_eq!(state.get(name), Some(file), "{name}");
    }
    for (name, file) in state {
        let must_be_there = name.ends_with(".sst") || name.starts_with("MANIFEST") || name == "CURRENT";
        assert!(!must_be_there || found.get(name) == Some(file), "{name}");
    }
}
