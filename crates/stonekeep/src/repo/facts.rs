//! Our facts about a backup: `stonekeep/backups/<id>`, which RocksDB's engine does not know.
//!
//! A text of JSON lines: a header, a line for each file in the order of the meta file, and a last line with the
//! CRC-32C of everything before it. The header carries length and CRC-32C of the meta file that the facts belong to:
//! RocksDB's engine reuses an id after the newest backup is deleted, and facts of the older one must not be taken
//! for the newer one's. Facts are written before the meta file. Where they are missing or belong to another meta
//! file, everything still works from RocksDB's files alone, more slowly.
//!
//! ```text
//! {"stonekeep_facts":1,"backup_id":3,"meta_crc32c":…,"meta_size_bytes":…,"database_id":"…","sequence_number":…,…}
//! {"path":"shared_checksum/000012_s…_4096.sst","size_bytes":4096,"crc32c":…,"table":{"number":12,…}}
//! {"end":{"lines":2,"crc32c":…}}
//! ```

use std::io::Read;
use std::iter;

use serde::{Deserialize, Serialize};
use stonekeep_format::{BackupId, Crc32c};

use super::checked_lines::{self, CheckedText};
pub use super::file_facts::{FileFacts, FileOrigin, Session, TableFacts};
use super::included::{self, IncludedFile};
use super::layout;
use super::stream::target::BaseOfStream;
use super::went_back::WentBack;
use crate::image::{CaptureKind, ImageColumnFamily, LiveCapture};
use crate::store::{PutMode, Store, Upload};
use crate::{Error, ErrorKind, Result, Warning, WarningName};

/// The version of the text that is written, and the newest that is read.
const FACTS_VERSION: u32 = 1;

/// What we know of a backup besides its meta file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFacts {
    /// The backup.
    pub backup_id: u32,
    /// CRC-32C of its meta file.
    pub meta_crc32c: u32,
    /// Length of its meta file.
    pub meta_size_bytes: u64,
    /// What stands in its meta file before the files, so that it can be written again if it gets damaged; absent if that is
    /// long, and in backups of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta_head: Option<String>,
    /// The database id, where the database has one.
    pub database_id: Option<String>,
    /// Whether the MANIFEST carries it; else a restore writes `IDENTITY`.
    pub database_id_in_manifest: bool,
    /// The exact last sequence number in the backup.
    pub sequence_number: u64,
    /// Transactions that are prepared in the backup's WALs, and neither committed nor rolled back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub prepared_transactions: u64,
    /// How the image was taken.
    pub capture: CaptureKind,
    /// How the capture of a database that was being written came to its close.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveCapture>,
    /// The column families.
    pub column_families: Vec<ImageColumnFamily>,
    /// The RocksDB version that wrote the OPTIONS file.
    pub rocksdb_version: Option<String>,
    /// The engine that wrote the database, if that is a relative of RocksDB's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Where the database had its WALs, if elsewhere.
    pub wal_dir: Option<String>,
    /// The machine that the backup was made on.
    pub host: Option<String>,
    /// The user's words.
    pub tags: Vec<String>,
    /// That the database went back to an older state, as long as nobody has accepted it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub went_back: Vec<WentBack>,
    /// What the user was warned of when the database was captured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Whether every byte that the backup names was durable when it was committed.
    pub durable: bool,
    /// The stream that goes on from it, if it is a base of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<BaseOfStream>,
    /// How long the backup took until just before its commit, in milliseconds; absent in backups of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// Program and version that made the backup.
    pub created_by: String,
    /// Files of the application that the backup includes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub included: Vec<IncludedFile>,
    /// The files, in the order of the meta file.
    #[serde(skip)]
    pub files: Vec<FileFacts>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The first line, with the facts or a reference to them.
#[derive(Serialize, Deserialize)]
struct Header<F> {
    stonekeep_facts: u32,
    #[serde(flatten)]
    facts: F,
}

#[derive(Deserialize)]
struct Version {
    stonekeep_facts: u32,
}

impl BackupFacts {
    /// The text.
    ///
    /// # Errors
    /// None in practice; JSON that cannot be written is an `Io` error.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        let mut made = self.text(self.files.iter().map(FileFacts::line));
        made.read_to_end(&mut text)
            .map_err(|error| Error::io("writing facts", error))?;
        Ok(text)
    }

    /// The text of these facts with other lines about files.
    fn text(
        &self,
        files: impl Iterator<Item = Result<Vec<u8>>>,
    ) -> CheckedText<impl Iterator<Item = Result<Vec<u8>>>> {
        let header = checked_lines::line_of(&Header {
            stonekeep_facts: FACTS_VERSION,
            facts: self,
        });
        CheckedText::new(iter::once(header).chain(files))
    }

    /// The facts in a text.
    ///
    /// # Errors
    /// `Corrupt` for anything that was not written so; `Unsupported` for a newer version.
    pub fn decode(name: &str, text: &[u8]) -> Result<Self> {
        let mut files = Vec::new();
        let mut collected = Collected {
            header: None,
            take: &mut |file| files.push(file),
        };
        checked_lines::lines(name, text)?.try_for_each(|line| collected.add(name, line))?;
        let facts = collected.finish(name)?;
        Ok(BackupFacts { files, ..facts })
    }

    /// Whether the user accepted with this backup that the database went back to an older state.
    pub fn accepts_going_back(&self) -> bool {
        let mut warnings = self.warnings.iter();
        warnings.any(|warning| warning.name == WarningName::SequenceWentBack && warning.accepted)
    }

    /// Whether the facts belong to this meta file.
    pub fn belong_to(&self, id: BackupId, meta_crc32c: Crc32c, meta_size_bytes: u64) -> bool {
        (self.backup_id, self.meta_crc32c, self.meta_size_bytes) == (id.get(), meta_crc32c.0, meta_size_bytes)
    }

    /// Stages the facts with these lines about files in an area, for publication at their key. They are to be synced before.
    ///
    /// # Errors
    /// Those of the store.
    pub fn stage(
        &self,
        store: &Store,
        area: &str,
        id: BackupId,
        files: impl Iterator<Item = Result<Vec<u8>>>,
    ) -> Result<Upload> {
        store.upload(
            area,
            &layout::facts(id),
            &mut self.text(files),
            0,
            PutMode::Replace,
        )
    }
}

/// Facts whose lines come one by one.
pub(super) struct Collected<'a> {
    pub(super) header: Option<BackupFacts>,
    /// Gets the files.
    pub(super) take: &'a mut dyn FnMut(FileFacts),
}

impl Collected<'_> {
    pub(super) fn add(&mut self, name: &str, line: &[u8]) -> Result<()> {
        if self.header.is_some() {
            (self.take)(checked_lines::parse(name, line)?);
            return Ok(());
        }
        let version: Version = checked_lines::parse(name, line)?;
        if version.stonekeep_facts != FACTS_VERSION {
            let message = format!(
                "{name} has version {}, which this program does not know",
                version.stonekeep_facts
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let header: Header<BackupFacts> = checked_lines::parse(name, line)?;
        if !included::are_legal(&header.facts.included) {
            return Err(included::illegal(name));
        }
        self.header = Some(header.facts);
        Ok(())
    }

    pub(super) fn finish(self, name: &str) -> Result<BackupFacts> {
        self.header.ok_or_else(|| Error::corrupt(name, "it is empty"))
    }
}
