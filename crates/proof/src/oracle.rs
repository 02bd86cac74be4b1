//! Reads every key of every column family of a database with RocksDB.

use std::path::{Path, PathBuf};

use librocksdb_sys as ffi;
use rocksdb::{AsRawPtr, ColumnFamilyDescriptor, DB, IteratorMode, Options, ReadOptions};

use crate::{DatabaseContents, ProofError, Result};

/// The options with which RocksDB opens a database.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Where the WALs are, if not beside the tables.
    pub wal_dir: Option<PathBuf>,
    /// `db_paths`, if there are several.
    pub db_paths: Vec<PathBuf>,
    /// More options of the database and of all its column families, as RocksDB writes them: `name=value;name=value`.
    pub more: String,
}

impl OpenOptions {
    /// Options for a database whose WALs are in `wal_dir`.
    pub fn with_wal_dir(wal_dir: impl Into<PathBuf>) -> Self {
        Self {
            wal_dir: Some(wal_dir.into()),
            ..Self::default()
        }
    }

    /// RocksDB's options: paranoid, with the merge operator of all databases of this crate.
    ///
    /// # Errors
    /// An option that RocksDB does not know.
    pub fn to_rocksdb(&self) -> Result<Options> {
        const ALWAYS: &str = "paranoid_checks=true;merge_operator=StringAppendOperator";
        let mut options = Options::default()
            .get_options_from_string(format!("{ALWAYS};{}", self.more))
            .map_err(ProofError::database(format!("use the options {}", self.more)))?;
        if let Some(wal_dir) = &self.wal_dir {
            options.set_wal_dir(wal_dir);
        }
        if !self.db_paths.is_empty() {
            options.set_db_paths(&db_paths(&self.db_paths)?);
        }
        Ok(options)
    }
}

/// What was found in a database that RocksDB has opened, read and checked whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Every key.
    pub contents: DatabaseContents,
    /// `GetLatestSequenceNumber` of the read-only database.
    pub sequence: u64,
    /// `GetDbIdentity`.
    pub identity: String,
}

/// The names of the column families, from the MANIFEST.
///
/// # Errors
/// RocksDB's status.
pub fn column_families(path: &Path, options: &OpenOptions) -> Result<Vec<String>> {
    DB::list_cf(&options.to_rocksdb()?, path).map_err(ProofError::database(format!(
        "list the column families of {}",
        path.display()
    )))
}

/// Opens a database for reading only; WALs are replayed in memory.
///
/// # Errors
/// RocksDB's status.
pub fn open_read_only(path: &Path, options: &OpenOptions) -> Result<DB> {
    let mut rocksdb_options = options.to_rocksdb()?;
    // A log file per reader would be something new in a directory under test.
    rocksdb_options.set_info_logger(rocksdb::InfoLogger::new_callback_logger(
        rocksdb::LogLevel::Fatal,
        |_, _| {},
    ));
    let descriptors = descriptors(path, options)?;
    DB::open_cf_descriptors_read_only(&rocksdb_options, path, descriptors, false)
        .map_err(ProofError::database(format!("open {} read-only", path.display())))
}

/// Opens a database for reading and writing; RocksDB recovers it, which changes its files.
///
/// # Errors
/// RocksDB's status.
pub fn open(path: &Path, options: &OpenOptions) -> Result<DB> {
    DB::open_cf_descriptors(&options.to_rocksdb()?, path, descriptors(path, options)?)
        .map_err(ProofError::database(format!("open {}", path.display())))
}

/// Reads a database without changing it.
///
/// # Errors
/// RocksDB's status.
pub fn dump(path: &Path, options: &OpenOptions) -> Result<DatabaseContents> {
    let families = column_families(path, options)?;
    contents(&open_read_only(path, options)?, &families)
}

/// The whole examination: read-only, then read-write with every block's checksum, and both must give the same.
///
/// # Errors
/// RocksDB's status, or that the two readings differ.
pub fn examine(path: &Path, options: &OpenOptions) -> Result<Finding> {
    let families = column_families(path, options)?;
    let finding = {
        let db = open_read_only(path, options)?;
        let identity = db
            .get_db_identity()
            .map_err(ProofError::database("read the identity of the database"))?;
        Finding {
            contents: contents(&db, &families)?,
            sequence: db.latest_sequence_number(),
            identity: String::from_utf8_lossy(&identity).into_owned(),
        }
    };
    let db = open(path, options)?;
    verify_checksum(&db)?;
    equal(
        &finding.contents,
        &contents(&db, &families)?,
        "the database after recovery",
    )?;
    Ok(finding)
}

/// `DB::VerifyChecksum`: every block of every table and blob file.
///
/// # Errors
/// RocksDB's status.
pub fn verify_checksum(db: &DB) -> Result<()> {
    let mut message = std::ptr::null_mut();
    // SAFETY: the database is open, and the message is taken over below.
    unsafe { ffi::rocksdb_verify_checksum(db.as_raw_ptr(), &raw mut message) };
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: RocksDB's messages are NUL-terminated.
    let status = unsafe { std::ffi::CStr::from_ptr(message) }
        .to_string_lossy()
        .into_owned();
    // SAFETY: the C API allocated it and gives it away.
    unsafe { ffi::rocksdb_free(message.cast()) };
    Err(ProofError::Engine {
        action: "verify the checksums of the database".to_owned(),
        status,
    })
}

/// Nothing if both are equal.
///
/// # Errors
/// [`ProofError::Differs`] with the first differences; `what` says what `found` is.
pub fn equal(expected: &DatabaseContents, found: &DatabaseContents, what: &str) -> Result<()> {
    match expected.difference(found) {
        None => Ok(()),
        Some(difference) => Err(ProofError::Differs {
            what: what.to_owned(),
            difference,
        }),
    }
}

/// How keys are read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Where keys have user-defined timestamps: those not above this one.
    pub timestamp: Option<Vec<u8>>,
}

/// Every key of these column families of an open database.
///
/// # Errors
/// RocksDB's status.
pub fn contents(db: &DB, families: &[String]) -> Result<DatabaseContents> {
    contents_as(db, families, &Reading::default())
}

/// The same, read in this way.
///
/// # Errors
/// RocksDB's status.
pub fn contents_as(db: &DB, families: &[String], reading: &Reading) -> Result<DatabaseContents> {
    let mut contents = DatabaseContents::default();
    for name in families {
        contents.add_family(name);
        let family = family(db, name)?;
        let mut read_options = ReadOptions::default();
        read_options.set_total_order_seek(true);
        read_options.set_verify_checksums(true);
        if let Some(timestamp) = &reading.timestamp {
            read_options.set_timestamp(timestamp.clone());
        }
        for entry in db.iterator_cf_opt(family, read_options, IteratorMode::Start) {
            let (key, value) =
                entry.map_err(ProofError::database(format!("read on in column family {name}")))?;
            contents.put(name, &key, &value);
        }
    }
    Ok(contents)
}

/// The handle of a column family that the database was opened with.
pub(crate) fn family<'db>(db: &'db DB, name: &str) -> Result<&'db rocksdb::ColumnFamily> {
    db.cf_handle(name).ok_or_else(|| ProofError::Differs {
        what: "the open column families".to_owned(),
        difference: format!("{name} is missing"),
    })
}

/// The column families, to be opened with these options.
pub(crate) fn descriptors(path: &Path, options: &OpenOptions) -> Result<Vec<ColumnFamilyDescriptor>> {
    column_families(path, options)?
        .into_iter()
        .map(|name| Ok(ColumnFamilyDescriptor::new(name, options.to_rocksdb()?)))
        .collect()
}

fn db_paths(paths: &[PathBuf]) -> Result<Vec<rocksdb::DBPath>> {
    // So small that compaction uses the second path as well (db/compaction/compaction_picker.cc chooses by size).
    const TARGET_SIZE: u64 = 64 * 1024;
    paths
        .iter()
        .map(|path| {
            rocksdb::DBPath::new(path, TARGET_SIZE)
                .map_err(ProofError::database(format!("use the path {}", path.display())))
        })
        .collect()
}
