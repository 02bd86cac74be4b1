//! The image of a database: the files that together are one database at one sequence number.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::{DatabaseState, TableIdentity};
use stonekeep_format::{Crc32c, FileNumber, SequenceNumber, Temperature};

use crate::Warning;

/// How an image was taken, as it is kept with the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CaptureKind {
    /// From a directory that no process had open: a closed database or a checkpoint.
    Closed,
    /// From a directory that another process was writing.
    Hot,
    /// From a live handle in this process.
    Handle,
}

impl fmt::Display for CaptureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CaptureKind::Closed => "closed",
            CaptureKind::Hot => "hot",
            CaptureKind::Handle => "handle",
        })
    }
}

/// A column family of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageColumnFamily {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// The name of its comparator, where the MANIFEST has one.
    pub comparator: Option<String>,
}

impl ImageColumnFamily {
    /// The column families of a state, in the order of their numbers.
    pub fn all_of(state: &DatabaseState) -> Vec<Self> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let families = state.column_families().values();
        families
            .map(|family| ImageColumnFamily {
                id: family.id.0,
                name: text(&family.name),
                comparator: family.comparator.as_deref().map(text),
            })
            .collect()
    }
}

/// Where the bytes of a file of the image are.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Content {
    /// In the file of the same name in this directory, which is opened when it is copied.
    In(Arc<Path>),
    /// In the file at this path, likewise.
    Path(PathBuf),
    /// In a file that is open already, whose name may be gone meanwhile.
    Open {
        /// The descriptor.
        file: Arc<File>,
        /// What it was opened as, for messages.
        path: PathBuf,
    },
    /// Here: `CURRENT` is made, never copied, and a rewritten MANIFEST is in no file.
    Bytes(Arc<[u8]>),
}

/// One file of the image.
#[derive(Debug, Clone)]
pub struct ImageFile {
    /// Its name in the database directory.
    pub name: DbFileName,
    /// How many bytes of it count; a WAL or a MANIFEST may be longer on disk.
    pub size_bytes: u64,
    /// Where they are.
    pub content: Content,
    /// Whether the MANIFEST names it: RocksDB had finished it by then.
    pub in_manifest: bool,
    /// What the MANIFEST says of a table file.
    pub table: Option<TableIdentity>,
    /// The CRC-32C of the whole file, where the MANIFEST has one (`FileChecksumCrc32c`).
    pub crc32c: Option<Crc32c>,
    /// The temperature that the MANIFEST has.
    pub temperature: Temperature,
}

impl ImageFile {
    /// The path of the file that has the bytes, if one has.
    pub fn path(&self) -> Option<Cow<'_, Path>> {
        match &self.content {
            Content::In(directory) => Some(directory.join(self.name.to_string()).into()),
            Content::Path(path) | Content::Open { path, .. } => Some(path.into()),
            Content::Bytes(_) => None,
        }
    }
}

/// The path of the file that has the bytes, else its name.
impl fmt::Display for ImageFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            Some(path) => path.display().fmt(f),
            None => self.name.fmt(f),
        }
    }
}

/// Files that together are one database at one sequence number.
#[derive(Debug, Clone)]
pub struct DatabaseImage {
    /// The database's directory, for messages.
    pub directory: PathBuf,
    /// The database id, from the MANIFEST, else from `IDENTITY`.
    pub database_id: Option<String>,
    /// Whether the MANIFEST carries the database id (RocksDB from 9.7 on by default).
    pub database_id_in_manifest: bool,
    /// The last sequence number that is in the image: what `GetLatestSequenceNumber` says after opening it.
    pub sequence_number: SequenceNumber,
    /// The same for the image without its WALs: the last sequence number that the MANIFEST has.
    pub sequence_number_without_wals: SequenceNumber,
    /// Transactions that are prepared in its WALs, and neither committed nor rolled back.
    pub prepared_transactions: u64,
    /// The smallest log number of its column families: what older WALs had is in its tables.
    pub lowest_log_number: FileNumber,
    /// The column families, in the order of their numbers.
    pub column_families: Vec<ImageColumnFamily>,
    /// The RocksDB version that wrote the OPTIONS file.
    pub rocksdb_version: Option<String>,
    /// The engine that wrote the database, if that is a relative of RocksDB's: `Speedb` or `LevelDB`.
    pub engine: Option<String>,
    /// The directory of the WALs, where it is not the database's own.
    pub wal_dir: Option<PathBuf>,
    /// How it was taken.
    pub kind: CaptureKind,
    /// How the capture ended, if the database was being written.
    pub live: Option<LiveCapture>,
    /// Tables and blobs first, then MANIFEST, CURRENT, OPTIONS, then WALs.
    pub files: Vec<ImageFile>,
    /// Files in the directories that belong to no database, or to an older state of this one; with what is
    /// [unknown](Self::unknown). Of a database that is being written only that.
    pub surplus: Vec<PathBuf>,
    /// Files and directories in the database's directory that RocksDB does not know: the application may need them.
    pub unknown: Vec<PathBuf>,
    /// Further directories of tables and blobs, and that of the WALs where it is not the database's own.
    pub own_directories: Vec<PathBuf>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// What is known of the close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LiveCapture {
    /// How often the state had to be read until a round closed: 1 if nothing came between.
    pub rounds: u64,
    /// By which rule it closed.
    pub rule: ClosingRule,
    /// How long the closing round took, in microseconds: from the listing of the WALs to the last look; through a
    /// handle, how long file deletions were disabled.
    pub window_us: u64,
    /// Bytes after the last complete record of the WALs, which are not in the image.
    pub wal_bytes_trimmed: u64,
}

/// A duration as it is kept with a backup.
pub(super) fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What made sure that the files of an image are one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClosingRule {
    /// Nothing was added to the MANIFEST between the reading of its state and the end of the measuring of the WALs.
    Strict,
    /// Something was added, again and again, but only what cannot harm: no column families, no ingested files, and all
    /// WALs that the newest state needs were measured.
    Fallback,
    /// RocksDB kept its files meanwhile (`DisableFileDeletions`).
    DeletionsDisabled,
}

impl fmt::Display for ClosingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClosingRule::Strict => "strict",
            ClosingRule::Fallback => "fallback",
            ClosingRule::DeletionsDisabled => "deletions_disabled",
        })
    }
}
