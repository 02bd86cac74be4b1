//! Repositories that real RocksDB engines wrote, unpacked with their databases into a temporary directory.
//!
//! What each one holds, and how it was made, is in `fixtures/README.md` of this crate.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Each committed fixture.
pub const ALL: [&str; 9] = [
    ROCKSDB_11_8,
    ROCKSDB_11_8_LEGACY_NAMING,
    ROCKSDB_11_8_SCHEMA_2,
    ROCKSDB_11_8_UNCHECKED_SHARING,
    ROCKSDB_11_8_NO_SHARING,
    ROCKSDB_7_8,
    ROCKSDB_6_11,
    ROCKSDB_5_18,
    ROCKSDB_5_18_UNCHECKED_SHARING,
];

/// Three backups with all defaults.
pub const ROCKSDB_11_8: &str = "rocksdb-11.8";
/// `kLegacyCrc32cAndFileSize`.
pub const ROCKSDB_11_8_LEGACY_NAMING: &str = "rocksdb-11.8-legacy-naming";
/// Schema 2: temperatures, and in backups 2 and 3 an excluded file, which [`Fixture::alternate`] has.
pub const ROCKSDB_11_8_SCHEMA_2: &str = "rocksdb-11.8-schema-2";
/// `share_files_with_checksum = false`.
pub const ROCKSDB_11_8_UNCHECKED_SHARING: &str = "rocksdb-11.8-unchecked-sharing";
/// `share_table_files = false`.
pub const ROCKSDB_11_8_NO_SHARING: &str = "rocksdb-11.8-no-sharing";
/// Made by the command-line tool of 7.8.3.
pub const ROCKSDB_7_8: &str = "rocksdb-7.8";
/// The last engine whose tables have no session id.
pub const ROCKSDB_6_11: &str = "rocksdb-6.11";
/// Tables without a session id, and a MANIFEST without a database id.
pub const ROCKSDB_5_18: &str = "rocksdb-5.18";
/// The same engine with its default of then, `share_files_with_checksum = false`.
pub const ROCKSDB_5_18_UNCHECKED_SHARING: &str = "rocksdb-5.18-unchecked-sharing";

/// One unpacked fixture, removed again when dropped; tests may change it at will.
#[derive(Debug)]
pub struct Fixture {
    root: TempDir,
}

/// What the engine that wrote a repository reported about one of its backups (`BackupInfo`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedBackup {
    /// `backup_id`.
    pub id: u32,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// Bytes of all files.
    pub size: u64,
    /// How many files, without excluded ones.
    pub number_files: u32,
    /// The application's own bytes.
    pub app_metadata: Vec<u8>,
}

impl Fixture {
    /// Unpacks the fixture of that name.
    ///
    /// # Errors
    /// The file system's, or that there is no such fixture.
    pub fn unpack(name: &str) -> io::Result<Self> {
        let archive = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures")
            .join(format!("{name}.tar.zst"));
        let bytes = BufReader::new(File::open(archive)?);
        let root = TempDir::new()?;
        tar::Archive::new(zstd::Decoder::with_buffer(bytes)?).unpack(root.path())?;
        Ok(Self { root })
    }

    /// The directory with everything in it.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The database, closed, as it was some time after the last backup.
    pub fn database(&self) -> PathBuf {
        self.root().join("db")
    }

    /// The repository.
    pub fn repository(&self) -> PathBuf {
        self.root().join("repo")
    }

    /// A second repository that has the files which backups of the first one exclude; only in some fixtures.
    pub fn alternate(&self) -> PathBuf {
        self.root().join("alternate")
    }

    /// The backups that the repository holds, by id, as the engine that wrote them reported.
    ///
    /// # Errors
    /// The file system's, or a fixture in another form.
    pub fn backups(&self) -> io::Result<Vec<ExpectedBackup>> {
        let text = std::fs::read_to_string(self.root().join("expected/info.txt"))?;
        text.lines()
            .map(|line| parse_backup(line).ok_or_else(|| malformed(line)))
            .collect()
    }

    /// Every key of backup `id`, as the engine that wrote it read them: a line `cf <name>` for each column family, then
    /// `<key>:<value>` in hex.
    ///
    /// # Errors
    /// The file system's.
    pub fn backup_contents(&self, id: u32) -> io::Result<String> {
        std::fs::read_to_string(self.root().join(format!("expected/backup-{id}.txt")))
    }

    /// Every key of the database, in the same form.
    ///
    /// # Errors
    /// The file system's.
    pub fn database_contents(&self) -> io::Result<String> {
        std::fs::read_to_string(self.root().join("expected/db.txt"))
    }
}

/// The demo's database in one of its two states, 1 or 2, as plain committed files: copy them before changing them.
pub fn sample_state(state: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../cli/sample/state{state}"))
}

/// A line of `info.txt`: id, timestamp, size, number of files, and the metadata in hex between brackets.
fn parse_backup(line: &str) -> Option<ExpectedBackup> {
    let mut words = line.split(' ');
    let backup = ExpectedBackup {
        id: words.next()?.parse().ok()?,
        timestamp: words.next()?.parse().ok()?,
        size: words.next()?.parse().ok()?,
        number_files: words.next()?.parse().ok()?,
        app_metadata: unhex(words.next()?.strip_prefix('[')?.strip_suffix(']')?)?,
    };
    words.next().is_none().then_some(backup)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

fn malformed(line: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("info.txt of a fixture says {line:?}"),
    )
}
