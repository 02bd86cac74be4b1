//! Where everything lies in a repository.

use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{BackupId, Crc32c};

use super::stream::segment_name::{Owner, SegmentName};
use super::stream::stream_id::StreamId;
use crate::Result;
use crate::store::Key;

/// The largest meta or facts file that is read: a million files at 512 bytes a line.
pub const RECORD_LIMIT_BYTES: u64 = 512 << 20;

/// The end of the name of a deadline.
const UNTIL: &str = ".until";

/// `meta`, where a backup's existence is decided.
pub fn meta_directory() -> Key {
    Key::trusted("meta")
}

/// `meta/<id>`
pub fn meta(id: BackupId) -> Key {
    Key::trusted(format!("meta/{id}"))
}

/// `private`
pub fn private_directory() -> Key {
    Key::trusted("private")
}

/// `private/<id>`
pub fn private(id: BackupId) -> Key {
    Key::trusted(format!("private/{id}"))
}

/// `shared_checksum`
pub fn shared_checksum_directory() -> Key {
    Key::trusted("shared_checksum")
}

/// `shared`
pub fn shared_directory() -> Key {
    Key::trusted("shared")
}

/// `stonekeep`
pub fn ours() -> Key {
    Key::trusted("stonekeep")
}

/// `stonekeep/backups`
pub fn facts_directory() -> Key {
    Key::trusted("stonekeep/backups")
}

/// `stonekeep/backups/<id>`
pub fn facts(id: BackupId) -> Key {
    Key::trusted(format!("stonekeep/backups/{id}"))
}

/// `stonekeep/files`
pub fn included_directory() -> Key {
    Key::trusted("stonekeep/files")
}

/// `stonekeep/files/<id>`
pub fn included(id: BackupId) -> Key {
    Key::trusted(format!("stonekeep/files/{id}"))
}

/// `stonekeep/deleted`
pub fn deleted_directory() -> Key {
    Key::trusted("stonekeep/deleted")
}

/// `stonekeep/deleted/<id>-<crc32c of the meta file in hex>`
pub fn deleted(id: BackupId, meta_crc32c: Crc32c) -> Key {
    Key::trusted(format!("stonekeep/deleted/{id}-{:08x}", meta_crc32c.0))
}

/// `stonekeep/deleted/<id>-<crc32c of the meta file in hex>.until`
pub fn deleted_until(id: BackupId, meta_crc32c: Crc32c) -> Key {
    Key::trusted(format!("{}{UNTIL}", deleted(id, meta_crc32c)))
}

/// The id and checksum in the name of a deadline in `stonekeep/deleted`.
pub fn parse_deleted_until(name: &str) -> Option<(BackupId, Crc32c)> {
    parse_id_and_crc(name.strip_suffix(UNTIL)?)
}

/// `stonekeep/holds`
pub fn holds_directory() -> Key {
    Key::trusted("stonekeep/holds")
}

/// `stonekeep/holds/<id>-<crc32c of the meta file in hex>`
pub fn hold(id: BackupId, meta_crc32c: Crc32c) -> Key {
    Key::trusted(format!("stonekeep/holds/{id}-{:08x}", meta_crc32c.0))
}

/// The id and checksum that a name in `stonekeep/deleted` or `stonekeep/holds` spells.
pub fn parse_id_and_crc(name: &str) -> Option<(BackupId, Crc32c)> {
    let (id, crc) = name.split_once('-')?;
    let crc = (crc.len() == 8)
        .then(|| u32::from_str_radix(crc, 16).ok())
        .flatten()?;
    Some((BackupId::parse(id)?, Crc32c(crc)))
}

/// `stonekeep/ids`
pub fn ids_directory() -> Key {
    Key::trusted("stonekeep/ids")
}

/// `stonekeep/ids/<id>`, the claim of an id
pub fn id_claim(id: BackupId) -> Key {
    Key::trusted(format!("stonekeep/ids/{id}"))
}

/// `stonekeep/doubtful`
pub fn doubtful_directory() -> Key {
    Key::trusted("stonekeep/doubtful")
}

/// `stonekeep/doubtful/<id>`, see [`doubtful`](super::doubtful)
pub fn doubtful(id: BackupId) -> Key {
    Key::trusted(format!("stonekeep/doubtful/{id}"))
}

/// `stonekeep/tmp`, the directory of all staging areas, for messages: a store may keep them elsewhere.
pub fn staging_directory() -> Key {
    Key::trusted("stonekeep/tmp")
}

/// What a run makes of a new repository before it publishes anything, in the order in which it can be removed.
pub fn made_by_an_empty_run() -> [Key; 3] {
    ["stonekeep/tmp", "stonekeep/lock", "stonekeep"].map(Key::trusted)
}

/// `stonekeep/latest`
pub fn latest_hint() -> Key {
    Key::trusted("stonekeep/latest")
}

/// `stonekeep/verified`, see [`verified`](super::verified)
pub fn verified_directory() -> Key {
    Key::trusted("stonekeep/verified")
}

/// `stonekeep/pins`
pub fn pins_directory() -> Key {
    Key::trusted("stonekeep/pins")
}

/// `stonekeep/wal`, see [`stream`](super::stream)
pub fn streams_directory() -> Key {
    Key::trusted("stonekeep/wal")
}

/// `stonekeep/wal/<stream>`
pub fn stream(stream: StreamId) -> Key {
    Key::trusted(format!("stonekeep/wal/{stream}"))
}

/// `stonekeep/wal/<stream>/owner-<n>`
pub fn owner(stream: StreamId, owner: Owner) -> Key {
    Key::trusted(format!("stonekeep/wal/{stream}/owner-{owner}"))
}

/// `stonekeep/wal/<stream>/<name>`
pub fn segment(stream: StreamId, name: SegmentName) -> Key {
    Key::trusted(format!("stonekeep/wal/{stream}/{name}"))
}

/// The key of a file that a meta file names.
///
/// # Errors
/// Never for a path that [`RepoPath::parse`] made; an error rather than a wrong key otherwise.
pub fn file(path: &RepoPath) -> Result<Key> {
    Key::new(path.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_deletion_records_parse_to_what_was_written() {
        let id = BackupId::new(7).unwrap();
        let key = deleted(id, Crc32c(0xbeef));
        assert_eq!(key.as_str(), "stonekeep/deleted/7-0000beef");
        assert_eq!(parse_id_and_crc(key.name()), Some((id, Crc32c(0xbeef))));
        let until = deleted_until(id, Crc32c(0xbeef));
        assert_eq!(until.as_str(), "stonekeep/deleted/7-0000beef.until");
        assert_eq!(parse_deleted_until(until.name()), Some((id, Crc32c(0xbeef))));
        assert_eq!(
            (parse_id_and_crc(until.name()), parse_deleted_until(key.name())),
            (None, None)
        );
        for bad in ["7", "7-", "7-beef", "0-0000beef", "7-0000beeg", "7-0000beef0"] {
            assert_eq!(parse_id_and_crc(bad), None, "{bad}");
        }
    }
}
