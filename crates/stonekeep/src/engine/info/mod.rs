//! What backups there are, and what is known of each without restoring it.

mod diff;
mod latest;
mod sharing;

use stonekeep_format::backup_meta::SchemaVersion;
use stonekeep_format::{BackupId, SequenceNumber, Temperature};

pub use self::diff::BackupDiff;
pub use self::latest::{PassedOver, WhichBackup};
use self::sharing::Sharing;
use super::BackupEngineReadOnly;
use crate::image::{CaptureKind, ImageColumnFamily};
use crate::repo::catalog::{self, LoadedMeta, MetaState};
use crate::repo::described::{self, Described};
use crate::repo::facts::BackupFacts;
use crate::repo::presence::{Presence, Sizes};
use crate::{Error, ErrorKind, Finding, Result, Warning};

/// How much is looked at for a [`BackupInfo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InfoDetail {
    /// The meta file alone, and our facts: no file of the backup is looked at, so it is [`BackupState::Unchecked`].
    Head,
    /// The files are looked at, one listing a directory; what backups share is counted, for which every meta file is read.
    Sizes,
    /// The list of files too.
    Files,
}

/// Whether a backup is right, as far as was looked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackupState {
    /// Nobody looked.
    Unchecked,
    /// What was looked at is right.
    Valid,
    /// Its meta file is damaged, or files are missing or wrong.
    Corrupt(Vec<Finding>),
    /// Its meta file needs a newer program; the reason.
    Unsupported(String),
}

/// `rocksdb::BackupInfo`, and what RocksDB does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupInfo {
    /// `backup_id`
    pub id: BackupId,
    /// Whether it is right.
    pub state: BackupState,
    /// `timestamp`: seconds since 1970, UTC.
    pub timestamp_seconds: i64,
    /// The last sequence number in it: exact where our facts have it, and with [`InfoDetail::Files`], for which the
    /// backup's MANIFEST and WALs are read then; else the meta file's, which RocksDB calls approximate.
    pub sequence_number: SequenceNumber,
    /// The schema of the meta file, as "1" or "2.1".
    pub schema: String,
    /// `app_metadata`
    pub app_metadata: Vec<u8>,
    /// `number_files`: without excluded ones.
    pub number_files: u64,
    /// Files that the backup was made without (`excluded_files`).
    pub excluded_files: u64,
    /// `size`: bytes of all files; `None` if it is not known of all.
    pub size_bytes: Option<u64>,
    /// Bytes of files that no other backup names: what deleting it alone would free.
    pub unique_bytes: Option<u64>,
    /// Bytes of files that other backups name too.
    pub shared_bytes: Option<u64>,
    /// The id of the database.
    pub database_id: Option<String>,
    /// Its column families.
    pub column_families: Option<Vec<ImageColumnFamily>>,
    /// The RocksDB version that wrote its OPTIONS file.
    pub rocksdb_version: Option<String>,
    /// How the image was taken, if by us.
    pub capture: Option<CaptureKind>,
    /// The machine that made the backup.
    pub host: Option<String>,
    /// The user's words.
    pub tags: Vec<String>,
    /// The program that made the backup, if ours.
    pub created_by: Option<String>,
    /// The files, where they were asked for.
    pub files: Option<Vec<BackupFileInfo>>,
    /// What the user should know of it, though it is no damage.
    pub warnings: Vec<Warning>,
}

/// One file of a backup (`rocksdb::BackupFileInfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupFileInfo {
    /// Its path in the repository (`relative_filename`).
    pub path: String,
    /// The name that it is restored under.
    pub restored_name: String,
    /// Its length; `None` if no record has it.
    pub size_bytes: Option<u64>,
    /// CRC-32C of its bytes; schema 2 may lack it.
    pub crc32c: Option<u32>,
    /// Its temperature in the database.
    pub temperature: Temperature,
    /// Whether the backup was made without it.
    pub excluded: bool,
    /// The other backups that name it.
    pub shared_with: Vec<BackupId>,
}

/// All backups of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepositoryInfo {
    /// The place.
    pub location: String,
    /// The backups, oldest first, corrupt ones too.
    pub backups: Vec<BackupInfo>,
    /// Names in `meta/` that are no backup.
    pub strangers: Vec<String>,
    /// Bytes of all files that readable backups name, each counted once; `None` where they were not looked at.
    pub total_bytes: Option<u64>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

impl BackupEngineReadOnly {
    /// The backups that exist, oldest first: one listing, nothing is read.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn backup_ids(&self) -> Result<Vec<BackupId>> {
        Ok(catalog::list(self.store().as_ref())?.ids)
    }

    /// What is known of a backup (`GetBackupInfo`). That it is corrupt is a state, not an error.
    ///
    /// # Errors
    /// `NotFound`, and I/O errors of the store.
    pub fn get_backup_info(&self, id: BackupId, detail: InfoDetail) -> Result<BackupInfo> {
        let sharing = match detail {
            InfoDetail::Head => None,
            _ => Some(Sharing::read(self.store().as_ref())?),
        };
        let mut presence = Presence::new(self.store().as_ref());
        self.info(
            catalog::load(self.store().as_ref(), id)?,
            detail,
            sharing.as_ref(),
            &mut presence,
        )
    }

    /// What is known of all backups (`GetBackupInfo`, `GetCorruptedBackups`).
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn get_all_backup_info(&self, detail: InfoDetail) -> Result<RepositoryInfo> {
        let store = self.store().as_ref();
        let listing = catalog::list(store)?;
        let sharing = match detail {
            InfoDetail::Head => None,
            _ => Some(Sharing::read(store)?),
        };
        let mut presence = Presence::new(store);
        let mut backups = Vec::with_capacity(listing.ids.len());
        for id in listing.ids {
            match catalog::load(store, id) {
                Ok(state) => backups.push(self.info(state, detail, sharing.as_ref(), &mut presence)?),
                // Deleted since the listing.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let total_bytes = sharing
            .as_ref()
            .map(|sharing| sharing.total_bytes(&mut presence))
            .transpose()?;
        let own = backups.iter().flat_map(|backup| backup.warnings.iter().cloned());
        let warnings = own.chain(self.warnings()?).collect();
        Ok(RepositoryInfo {
            location: store.location(),
            backups,
            strangers: listing.strangers,
            total_bytes,
            warnings,
        })
    }

    /// The newest backup whose meta file can be read, unchecked (`GetLatestBackupInfo`).
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn get_latest_backup_info(&self) -> Result<Option<BackupInfo>> {
        let store = self.store().as_ref();
        let mut presence = Presence::new(store);
        for id in self.backup_ids()?.into_iter().rev() {
            match catalog::load(store, id) {
                Ok(state @ MetaState::Readable(_)) => {
                    return self.info(state, InfoDetail::Head, None, &mut presence).map(Some);
                }
                Ok(MetaState::Unreadable(..)) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn info(
        &self,
        state: MetaState,
        detail: InfoDetail,
        sharing: Option<&Sharing>,
        presence: &mut Presence<'_>,
    ) -> Result<BackupInfo> {
        let loaded = match state {
            MetaState::Readable(loaded) => loaded,
            MetaState::Unreadable(id, error) => return Ok(unreadable(id, &error)),
        };
        let store = self.store().as_ref();
        let facts = loaded.facts(store)?;
        let described = match (&facts, detail) {
            (Some(_), _) | (None, InfoDetail::Head) => None,
            _ => Some(Described::read(store, &loaded)?),
        };
        let mut info = head(&loaded, facts.as_ref(), described.as_ref());
        let Some(sharing) = sharing else { return Ok(info) };
        if facts.is_none()
            && detail == InfoDetail::Files
            && let Some(exact) = described::last_sequence(store, &loaded)?
        {
            info.sequence_number = exact;
        }
        let findings = presence.check(&loaded, facts.as_ref())?;
        info.state = if findings.is_empty() {
            BackupState::Valid
        } else {
            BackupState::Corrupt(findings)
        };
        let sizes = Sizes::read(store, &loaded, facts.as_ref())?;
        let files = files(&loaded, &sizes, presence, sharing)?;
        let bytes = |of: &dyn Fn(&BackupFileInfo) -> bool| -> Option<u64> {
            files
                .iter()
                .filter(|file| !file.excluded && of(file))
                .map(|file| file.size_bytes)
                .sum()
        };
        info.size_bytes = bytes(&|_| true);
        info.unique_bytes = bytes(&|file| file.shared_with.is_empty());
        info.shared_bytes = bytes(&|file| !file.shared_with.is_empty());
        if detail == InfoDetail::Files {
            info.files = Some(files);
        }
        Ok(info)
    }

    /// A temporary directory that RocksDB's collector would take for a leftover, deleting the backup of that number.
    fn warnings(&self) -> Result<Vec<Warning>> {
        let private = self
            .store()
            .list(Some(&crate::repo::layout::private_directory()))?;
        let temporary = private.into_iter().filter(|entry| entry.name.ends_with(".tmp"));
        Ok(temporary
            .map(|entry| {
                let message = "RocksDB's engine takes this for a leftover, and deletes the backup of that number with it";
                Warning::about(format!("private/{}", entry.name), message)
            })
            .collect())
    }
}

fn unreadable(id: BackupId, error: &Error) -> BackupInfo {
    let state = match error.kind() {
        ErrorKind::Unsupported => BackupState::Unsupported(error.one_line()),
        _ => BackupState::Corrupt(error.findings().to_vec()),
    };
    BackupInfo {
        state,
        ..BackupInfo::blank(id)
    }
}

impl BackupInfo {
    fn blank(id: BackupId) -> Self {
        BackupInfo {
            id,
            state: BackupState::Unchecked,
            timestamp_seconds: 0,
            sequence_number: SequenceNumber(0),
            schema: String::new(),
            app_metadata: Vec::new(),
            number_files: 0,
            excluded_files: 0,
            size_bytes: None,
            unique_bytes: None,
            shared_bytes: None,
            database_id: None,
            column_families: None,
            rocksdb_version: None,
            capture: None,
            host: None,
            tags: Vec::new(),
            created_by: None,
            files: None,
            warnings: Vec::new(),
        }
    }
}

fn head(loaded: &LoadedMeta, facts: Option<&BackupFacts>, described: Option<&Described>) -> BackupInfo {
    let head = &loaded.meta.head;
    let excluded_files = loaded.meta.files.iter().filter(|file| file.excluded).count() as u64;
    let mut info = BackupInfo {
        timestamp_seconds: head.timestamp_seconds(),
        sequence_number: head.sequence_number(),
        schema: schema(&head.schema),
        app_metadata: head.app_metadata.clone(),
        number_files: loaded.meta.files.len() as u64 - excluded_files,
        excluded_files,
        warnings: garbage(loaded),
        ..BackupInfo::blank(loaded.id)
    };
    if let Some(facts) = facts {
        info.sequence_number = SequenceNumber(facts.sequence_number);
        info.database_id = facts.database_id.clone();
        info.column_families = Some(facts.column_families.clone());
        info.rocksdb_version = facts.rocksdb_version.clone();
        info.capture = Some(facts.capture);
        info.host = facts.host.clone();
        info.tags = facts.tags.clone();
        info.created_by = Some(facts.created_by.clone());
    }
    if let Some(described) = described {
        info.database_id = described.database_id.clone();
        info.column_families = described.column_families.clone();
        info.rocksdb_version = described.rocksdb_version.clone();
    }
    info
}

/// Numbers that RocksDB takes as they are, whatever stands there.
fn garbage(loaded: &LoadedMeta) -> Vec<Warning> {
    let head = &loaded.meta.head;
    let numbers = [
        ("timestamp", &head.timestamp),
        ("sequence number", &head.sequence),
    ];
    let wrong = numbers.iter().filter_map(|(what, number)| {
        let message = format!(
            "the {what} is {:?}, which RocksDB takes for {}",
            number.garbage()?,
            number.value()
        );
        Some(Warning::about(
            crate::repo::layout::meta(loaded.id).to_string(),
            message,
        ))
    });
    wrong.collect()
}

fn schema(version: &SchemaVersion) -> String {
    match version {
        SchemaVersion::One => "1".to_owned(),
        SchemaVersion::Two { minor: None } => "2".to_owned(),
        SchemaVersion::Two { minor: Some(minor) } => format!("2.{minor}"),
    }
}

/// The files with their sizes: as recorded, else as they stand there.
fn files(
    loaded: &LoadedMeta,
    sizes: &Sizes<'_>,
    presence: &mut Presence<'_>,
    sharing: &Sharing,
) -> Result<Vec<BackupFileInfo>> {
    let mut files = Vec::with_capacity(loaded.meta.files.len());
    for file in &loaded.meta.files {
        let path = file.path.to_string();
        let size_bytes = match sizes.expected(file) {
            Some(size) => Some(size),
            None => presence
                .get(&crate::repo::layout::file(&file.path)?)?
                .map(|(_, size)| size),
        };
        files.push(BackupFileInfo {
            restored_name: file.path.restored_name().to_string(),
            size_bytes,
            crc32c: file.crc32c.map(|crc| crc.0),
            temperature: file.temperature,
            excluded: file.excluded,
            shared_with: sharing.others(&path, loaded.id),
            path,
        });
    }
    Ok(files)
}
