//! Settings of a database to be made, and its making.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep_format::FileNumber;
use stonekeep_format::checksum::crc32c;
use stonekeep_format::log::LogWriter;
use stonekeep_format::manifest::{DatabaseState, encode_current};
use stonekeep_format::unique_id::SessionId;

use super::FakeDatabase;
use super::content::{replace, write_new};
use super::manifest::{ManifestFile, snapshot};

/// What a [`FakeDatabase`] is to be like. Without further words: one column family, ids in MANIFEST and IDENTITY,
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

    /// The database id stands in IDENTITY alone, as before RocksDB 9.7.
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

    /// Makes the database in a directory that is made, too.
    pub fn create(self, path: &Path) -> FakeDatabase {
        let all = [path].into_iter().chain(self.wal_dir.as_deref());
        for directory in all.chain(self.paths.iter().map(PathBuf::as_path)) {
            fs::create_dir_all(directory).expect("making a directory");
        }
        let mut database = FakeDatabase {
            path: path.to_owned(),
            session: session(1),
            sessions: 1,
            next_number: 2,
            sequence: 0,
            state: DatabaseState::default(),
            manifest: ManifestFile::new(FileNumber(1)),
            wal_number: FileNumber(0),
            wal: LogWriter::new(),
            wal_has_data: false,
            options: Vec::new(),
            settings: self,
        };
        database.start();
        database
    }

    /// The name of the checksum function and the checksum as the MANIFEST has them, if it has.
    pub(super) fn checksum_of(&self, bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let checksum = crc32c(bytes).0.to_be_bytes();
        self.file_checksums
            .then(|| (b"FileChecksumCrc32c".to_vec(), checksum.to_vec()))
    }
}

/// The n-th session of a database.
pub(super) fn session(n: u64) -> SessionId {
    SessionId::from_halves(0x12_3456_0000 + n, 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(n))
}

impl FakeDatabase {
    fn start(&mut self) {
        write_new(&self.path.join("IDENTITY"), self.settings.database_id.as_bytes());
        write_new(&self.path.join("LOCK"), b"");
        self.write_info_log();
        for edit in snapshot(&DatabaseState::default(), &self.settings, self.next_number) {
            self.manifest.append(&self.path, &edit);
            self.state.apply(edit, 0).expect("the first edits");
        }
        self.start_wal();
        for name in self.settings.column_families.clone() {
            self.create_column_family(&name);
        }
        self.point_current();
        self.write_options();
    }

    /// Lets CURRENT name the present MANIFEST.
    pub(super) fn point_current(&self) {
        replace(&self.path.join("CURRENT"), &encode_current(self.manifest.number));
    }

    /// Writes a new OPTIONS file and keeps the one before, as RocksDB does.
    pub(super) fn write_options(&mut self) {
        let number = self.take_number();
        let mut text = format!(
            "[Version]\n  rocksdb_version={}\n  options_file_version=1.1\n\n[DBOptions]\n",
            self.settings.rocksdb_version
        );
        for (name, value) in &self.settings.database_options {
            text += &format!("  {name}={value}\n");
        }
        for family in self.state.column_families().values() {
            let name = String::from_utf8_lossy(&family.name);
            text += &format!("\n[CFOptions \"{name}\"]\n\n[TableOptions/BlockBasedTable \"{name}\"]\n");
        }
        let path = |number: FileNumber| self.path.join(format!("OPTIONS-{:06}", number.0));
        write_new(&path(number), text.as_bytes());
        if let [.., gone, _before] = self.options.as_slice() {
            fs::remove_file(path(*gone)).expect("removing an old OPTIONS file");
        }
        self.options.push(number);
    }

    /// Gives the info log another name and begins a new one.
    pub(super) fn rotate_info_log(&self) {
        let old = format!("LOG.old.{}", 1_700_000_000_000_000 + self.sessions);
        fs::rename(self.path.join("LOG"), self.path.join(old)).expect("renaming LOG");
        self.write_info_log();
    }

    /// With a `wal_dir`, it has the line of RocksDB's summary that says where the database was opened.
    fn write_info_log(&self) {
        let mut text = "a fake database\n".to_owned();
        if self.settings.wal_dir.is_some() {
            let path = self.path.display();
            text += &format!("2026/01/01-00:00:00.000000 1 SST files in {path} dir, Total Num: 0, files: \n");
        }
        write_new(&self.path.join("LOG"), text.as_bytes());
    }
}
