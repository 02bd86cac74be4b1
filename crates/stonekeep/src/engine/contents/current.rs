//! What the CURRENT of a backup must say.

use stonekeep_format::backup_meta::MetaFile;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::{encode_current, parse_current};

/// `CURRENT` holds one name.
pub(in crate::engine) const CURRENT_LIMIT_BYTES: u64 = 4096;

/// What is wrong with a CURRENT that has these bytes, in a backup with these files: it must name a MANIFEST which the
/// backup has. RocksDB's engine restores any other one, too.
pub(in crate::engine) fn wrong_current(bytes: &[u8], files: &[MetaFile]) -> Option<String> {
    let name = match parse_current(bytes) {
        Err(error) => return Some(error.to_string()),
        Ok(number) => DbFileName::Manifest(number),
    };
    let is_listed = files.iter().any(|file| file.path.restored_name() == name);
    (!is_listed).then(|| format!("names {name}, which the backup does not have"))
}

/// What CURRENT says in a backup with these files, if there is one MANIFEST that it can name.
pub(super) fn only_current(files: &[MetaFile]) -> Option<String> {
    let mut manifests = files.iter().filter_map(|file| match file.path.restored_name() {
        DbFileName::Manifest(number) => Some(number),
        _ => None,
    });
    let only = manifests.next().filter(|_| manifests.next().is_none())?;
    String::from_utf8(encode_current(only)).ok()
}
