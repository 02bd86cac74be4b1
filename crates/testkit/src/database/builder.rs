//! Settings of a fake database.

use std::path::{Path, PathBuf};

use stonekeep_format::checksum::crc32c;

/// What a [`super::FakeDatabase`] is to be like. Without further words: one column family, ids in MANIFEST and IDENTITY,
/// unique ids, no file checksums, WALs in the database's directory and not tracked.
#[derive(Debug, Clone)]
pub struct DatabaseBuilder {
    pub(super) database_id: String,
    pub(super) column_families: Vec<String>,
    pub(super) file_checksums: bool,
    pub(super) unique_ids: bool,
    pub(super) largest_seqno_in_tables: bool,
    pub(super) id_in_manifest: bool,
    pub(super) track_wals: bool,
    pub(super) wal_dir: Option<PathBuf>,
    pub(super) paths: Vec<PathBuf>,
    pub(super) rocksdb_version: String,
    pub(super) database_options: Vec<(String, String)>,
}

impl Default for DatabaseBuilder {
    fn default() -> Self {
        DatabaseBuilder {
            database_id: "f5a0e2c1-7b1d-4c55-9d2e-5b8a4d1c0e11".into(),
            column_families: Vec::new(),
            file_checksums: false,
            unique_ids: true,
            largest_seqno_in_tables: false,
            id_in_manifest: true,
            track_wals: false,
            wal_dir: None,
            paths: Vec::new(),
            rocksdb_version: "9.10.0".into(),
            database_options: Vec::new(),
        }
    }
}

impl DatabaseBuilder {
    /// The usual database.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another database id.
    pub fn database_id(mut self, id: &str) -> Self {
        self.database_id = id.into();
        self
    }

    /// One more column family.
    pub fn column_family(mut self, name: &str) -> Self {
        self.column_families.push(name.into());
        self
    }

    /// The MANIFEST gets a `FileChecksumCrc32c` for each table and blob.
    pub fn file_checksums(mut self) -> Self {
        self.file_checksums = true;
        self
    }

    /// Tables have their largest sequence number among their properties, as RocksDB writes them from 9.8 on.
    pub fn largest_seqno_in_tables(mut self) -> Self {
        self.largest_seqno_in_tables = true;
        self
    }

    /// The MANIFEST has no unique ids, as before RocksDB 7.3.
    pub fn without_unique_ids(mut self) -> Self {
        self.unique_ids = false;
        self
    }

    /// The database id is in IDENTITY alone, as before RocksDB 9.7.
    pub fn id_in_identity_only(mut self) -> Self {
        self.id_in_manifest = false;
        self
    }

    /// The MANIFEST tracks WALs (`track_and_verify_wals_in_manifest`).
    pub fn track_wals(mut self) -> Self {
        self.track_wals = true;
        self.database_option("track_and_verify_wals_in_manifest", "true")
    }

    /// WALs go to another directory (`wal_dir`), which is made.
    pub fn wal_dir(mut self, path: &Path) -> Self {
        self.wal_dir = Some(path.to_owned());
        let value = path.to_str().expect("a wal_dir in UTF-8").to_owned();
        self.database_option("wal_dir", &value)
    }

    /// One more directory for tables (`db_paths`), which is made.
    pub fn further_path(mut self, path: &Path) -> Self {
        self.paths.push(path.to_owned());
        self
    }

    /// The version that OPTIONS names.
    pub fn rocksdb_version(mut self, version: &str) -> Self {
        self.rocksdb_version = version.into();
        self
    }

    /// A line of `[DBOptions]` in OPTIONS, in the place of an earlier one of that name.
    pub fn database_option(mut self, name: &str, value: &str) -> Self {
        self.database_options.retain(|(known, _)| known != name);
        self.database_options.push((name.into(), value.into()));
        self
    }

    /// The name of the checksum function and the checksum as the MANIFEST has them, if it has.
    pub(super) fn checksum_of(&self, bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let checksum = crc32c(bytes).0.to_be_bytes();
        self.file_checksums
            .then(|| (b"FileChecksumCrc32c".to_vec(), checksum.to_vec()))
    }
}
