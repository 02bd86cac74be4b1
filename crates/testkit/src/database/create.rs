//! Creates a fake database, and the files that it has once.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep_format::FileNumber;
use stonekeep_format::manifest::{DatabaseState, encode_current};
use stonekeep_format_testkit::log::LogBuilder;

use super::FakeDatabase;
use super::builder::DatabaseBuilder;
use super::content::{replace, session, write_new};
use super::manifest::{ManifestFile, snapshot};

impl DatabaseBuilder {
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
            wal: LogBuilder::new(),
            wal_has_data: false,
            options: Vec::new(),
            settings: self,
        };
        database.start();
        database
    }
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
    pub fn write_options(&mut self) {
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
