//! Repositories of any size, written directly: meta files and facts as after that many backups, tables that are holes.
//!
//! Each backup has the same number of tables, the oldest of which the next backup does not have any more; new ones take
//! their place. Tables are sparse files of zeros: they have a size and a checksum, and take no room. All that an engine
//! reads of a repository without restoring it is true. So is the MANIFEST of the database beside it: a backup of that
//! database finds every table stored.

use std::fs::{self, File};
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use stonekeep::image::{CaptureKind, ImageColumnFamily};
use stonekeep::repo::facts::{BackupFacts, FileFacts, Session, TableFacts};
use stonekeep_format::backup_meta::{BackupMeta, HeaderNumber, MetaFile, MetaHead};
use stonekeep_format::backup_name::{PrivateName, RepoPath, SharedName};
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::log::LogWriter;
use stonekeep_format::manifest::{NewFile, TableIdentity, VersionEdit, encode_current};
use stonekeep_format::unique_id::{SessionId, UniqueId};
use stonekeep_format::{BackupId, Crc32c, FileNumber, SequenceNumber};
use stonekeep_format_testkit::Encode as _;

/// How many tables in each backup, how many backups, and how many tables of each backup are new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shape {
    pub(crate) files: u64,
    pub(crate) backups: u32,
    pub(crate) new_files: u64,
    /// Whether Stonekeep made the backups; RocksDB's engine knows no facts.
    pub(crate) with_facts: bool,
}

const TABLE_BYTES: u64 = 64 << 10;
const FIRST_NUMBER: u64 = 100;
const MANIFEST: FileNumber = FileNumber(5);
const OPTIONS: FileNumber = FileNumber(7);
const DATABASE_ID: &str = "0b0e6b4c-4a0e-4a86-9f3c-2f4d5e9a7c11";
const VERSION: &str = "11.8.1";
const OPTIONS_TEXT: &str = "[Version]\n  rocksdb_version=11.8.1\n  options_file_version=1.1\n\n[DBOptions]\n\n\
                            [CFOptions \"default\"]\n\n[TableOptions/BlockBasedTable \"default\"]\n";
/// 2024-01-01.
const FIRST_TIMESTAMP: u64 = 1_704_067_200;
/// RocksDB's MANIFEST has a record for each change; here one has so many files.
const FILES_IN_EDIT: usize = 1000;

impl Shape {
    /// A hundredth of the tables is new in each backup.
    pub(crate) fn new(files: u64, backups: u32) -> Self {
        Shape {
            files,
            backups,
            new_files: files.div_ceil(100),
            with_facts: true,
        }
    }

    /// The same as RocksDB's engine makes it.
    pub(crate) fn without_facts(files: u64, backups: u32) -> Self {
        Shape {
            with_facts: false,
            ..Shape::new(files, backups)
        }
    }

    /// The numbers of a backup's tables.
    fn numbers(self, backup: u32) -> Range<u64> {
        let first = FIRST_NUMBER + u64::from(backup - 1) * self.new_files;
        first..first + self.files
    }
}

/// Makes a repository.
///
/// # Errors
/// Those of the file system.
pub(crate) fn repository(shape: Shape, root: &Path) -> Result<()> {
    for directory in ["meta", "private", "shared", "shared_checksum"] {
        fs::create_dir_all(root.join(directory))?;
    }
    if shape.with_facts {
        fs::create_dir_all(root.join("stonekeep/backups"))?;
    }
    let all = FIRST_NUMBER..shape.numbers(shape.backups).end;
    for number in all {
        hole(&root.join(shared(number).to_string()))?;
    }
    let crc32c = Crc32c(crc32c::crc32c(&vec![0; TABLE_BYTES as usize]));
    (1..=shape.backups).try_for_each(|backup| write_backup(shape, backup, crc32c, root))
}

/// Makes the database that the newest backup is of.
///
/// # Errors
/// Those of the file system.
pub(crate) fn database(shape: Shape, path: &Path) -> Result<()> {
    fs::create_dir_all(path)?;
    for number in shape.numbers(shape.backups) {
        hole(&path.join(DbFileName::table(FileNumber(number)).to_string()))?;
    }
    fs::write(path.join("IDENTITY"), DATABASE_ID)?;
    for (name, text) in small_files(&manifest(shape.numbers(shape.backups))) {
        fs::write(path.join(name.to_string()), text)?;
    }
    Ok(())
}

fn hole(path: &Path) -> Result<()> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    Ok(file.set_len(TABLE_BYTES)?)
}

fn write_backup(shape: Shape, backup: u32, crc32c: Crc32c, root: &Path) -> Result<()> {
    let id = BackupId::new(backup).ok_or_else(|| anyhow!("{backup} is no backup id"))?;
    let private = root.join(format!("private/{backup}"));
    fs::create_dir_all(&private)?;
    // Nobody reads the MANIFEST of a backup that has facts, so that it need not have all its tables.
    let in_manifest = if shape.with_facts {
        0..0
    } else {
        shape.numbers(backup)
    };
    let small = small_files(&manifest(in_manifest));
    let tables = shape.numbers(backup).map(|number| (shared(number), crc32c));
    let mut files: Vec<(RepoPath, Crc32c)> = tables.collect();
    for (name, text) in &small {
        fs::write(private.join(name.to_string()), text)?;
        let name = PrivateName::new(id, name.clone()).ok_or_else(|| anyhow!("{name} is no private file"))?;
        files.push((RepoPath::Private(name), Crc32c(crc32c::crc32c(text))));
    }
    let meta = BackupMeta {
        head: MetaHead {
            timestamp: HeaderNumber::from(FIRST_TIMESTAMP + u64::from(backup) * 3600),
            sequence: HeaderNumber::from(last_sequence(shape.numbers(backup))),
            ..MetaHead::default()
        },
        files: files
            .iter()
            .map(|(path, crc32c)| MetaFile::new(path.clone(), *crc32c))
            .collect(),
        ..BackupMeta::default()
    };
    let text = meta.encode()?;
    let sizes = small.iter().map(|(_, text)| text.len() as u64);
    let sizes: Vec<u64> = shape.numbers(backup).map(|_| TABLE_BYTES).chain(sizes).collect();
    if shape.with_facts {
        let facts = facts(shape, id, &text, &files, &sizes);
        fs::write(root.join(format!("stonekeep/backups/{backup}")), facts.encode()?)?;
    }
    Ok(fs::write(root.join(format!("meta/{backup}")), text)?)
}

fn facts(
    shape: Shape,
    id: BackupId,
    meta: &[u8],
    files: &[(RepoPath, Crc32c)],
    sizes: &[u64],
) -> BackupFacts {
    let file = |((path, crc32c), size_bytes): (&(RepoPath, Crc32c), &u64)| FileFacts {
        path: path.clone(),
        size_bytes: *size_bytes,
        crc32c: crc32c.0,
        table: path.shared_name().map(|name| table_facts(name.number().0)),
        origin: None,
    };
    BackupFacts {
        backup_id: id.get(),
        meta_crc32c: crc32c::crc32c(meta),
        meta_size_bytes: meta.len() as u64,
        meta_head: None,
        database_id: Some(DATABASE_ID.to_owned()),
        database_id_in_manifest: true,
        sequence_number: last_sequence(shape.numbers(id.get())),
        prepared_transactions: 0,
        capture: CaptureKind::Closed,
        live: None,
        column_families: vec![ImageColumnFamily {
            id: 0,
            name: "default".to_owned(),
            comparator: None,
        }],
        rocksdb_version: Some(VERSION.to_owned()),
        engine: None,
        wal_dir: None,
        host: None,
        tags: Vec::new(),
        went_back: Vec::new(),
        warnings: Vec::new(),
        durable: true,
        stream: None,
        took_ms: None,
        created_by: concat!("stonekeep ", env!("CARGO_PKG_VERSION")).to_owned(),
        included: Vec::new(),
        files: files.iter().zip(sizes).map(file).collect(),
    }
}

fn table_facts(number: u64) -> TableFacts {
    TableFacts::new(
        &TableIdentity::of(&new_file(number).into()),
        Session::Id(session()),
    )
}

fn shared(number: u64) -> RepoPath {
    let name = SharedName::with_session(FileNumber(number), session(), Some(TABLE_BYTES));
    RepoPath::SharedChecksum(name)
}

fn session() -> SessionId {
    SessionId::from_halves(0x12_3456_0001, 0x9e37_79b9_7f4a_7c15)
}

/// Ten keys in each table.
fn last_sequence(numbers: Range<u64>) -> u64 {
    numbers.end * 10
}

fn new_file(number: u64) -> NewFile {
    let key = |n: u64| {
        let sequence_and_type = (n << 8) | 1;
        [&n.to_be_bytes()[..], &sequence_and_type.to_le_bytes()[..]].concat()
    };
    NewFile {
        level: 6,
        number: FileNumber(number),
        size_bytes: TABLE_BYTES,
        smallest: key(number * 10),
        largest: key(number * 10 + 9),
        smallest_seqno: SequenceNumber(number * 10),
        largest_seqno: SequenceNumber(number * 10 + 9),
        epoch_number: Some(number),
        unique_id: UniqueId::compute(DATABASE_ID, &session(), FileNumber(number)),
        ..NewFile::default()
    }
}

fn manifest(numbers: Range<u64>) -> Vec<u8> {
    let last_sequence = SequenceNumber(last_sequence(numbers.clone()));
    let next = FileNumber(numbers.end.max(FIRST_NUMBER));
    let mut edits = vec![VersionEdit {
        db_id: Some(DATABASE_ID.into()),
        comparator: Some(b"leveldb.BytewiseComparator".to_vec()),
        ..VersionEdit::default()
    }];
    let numbers: Vec<u64> = numbers.collect();
    edits.extend(numbers.chunks(FILES_IN_EDIT).map(|chunk| VersionEdit {
        new_files: chunk.iter().map(|number| new_file(*number)).collect(),
        ..VersionEdit::default()
    }));
    edits.push(VersionEdit {
        log_number: Some(FileNumber(0)),
        prev_log_number: Some(FileNumber(0)),
        next_file_number: Some(next),
        last_sequence: Some(last_sequence),
        ..VersionEdit::default()
    });
    let mut writer = LogWriter::new();
    edits.iter().for_each(|edit| writer.write(&edit.encode()));
    writer.take_bytes()
}

fn small_files(manifest: &[u8]) -> [(DbFileName, Vec<u8>); 3] {
    [
        (DbFileName::Manifest(MANIFEST), manifest.to_vec()),
        (DbFileName::Current, encode_current(MANIFEST)),
        (DbFileName::Options(OPTIONS), OPTIONS_TEXT.as_bytes().to_vec()),
    ]
}

#[cfg(test)]
mod tests {

    use rocksdb::Env;
    use stonekeep::Quiet;
    use stonekeep::engine::create::FileAction;
    use stonekeep::engine::info::InfoDetail;
    use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
    use stonekeep::engine::{BackupEngine, BackupEngineOptions, CreateBackupOptions};
    use stonekeep::image::{Directory, SourceKind};
    use stonekeep::store::local::LocalStore;

    use super::*;

    const SHAPE: Shape = Shape {
        files: 40,
        backups: 3,
        new_files: 10,
        with_facts: true,
    };

    fn engine(root: &Path) -> BackupEngine {
        BackupEngine::open(BackupEngineOptions::default(), LocalStore::new(root)).unwrap()
    }

    #[test]
    fn a_synthetic_repository_is_read_by_both_engines() {
        let directory = tempfile::tempdir().unwrap();
        repository(SHAPE, directory.path()).unwrap();
        let engine = engine(directory.path());
        let info = engine.get_all_backup_info(InfoDetail::Sizes).unwrap();
        let shared: Vec<_> = info.backups.iter().map(|backup| backup.unique_bytes).collect();
        assert!(info.backups.iter().all(|backup| backup.number_files == 43));
        assert!(shared[0] > Some(10 * TABLE_BYTES), "{shared:?}");
        let report = engine
            .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
            .unwrap();
        assert_eq!(report.findings, []);

        let options = rocksdb::backup::BackupEngineOptions::new(directory.path()).unwrap();
        let theirs = rocksdb::backup::BackupEngine::open(&options, &Env::new().unwrap()).unwrap();
        let found: Vec<_> = theirs
            .get_backup_info()
            .iter()
            .map(|backup| (backup.backup_id, backup.num_files))
            .collect();
        assert_eq!(found, [(1, 43), (2, 43), (3, 43)]);
        theirs.verify_backup(2).unwrap();
    }

    #[test]
    fn a_backup_of_its_database_finds_all_tables_stored() {
        let directory = tempfile::tempdir().unwrap();
        let [root, path] = ["repo", "db"].map(|name| directory.path().join(name));
        repository(SHAPE, &root).unwrap();
        database(SHAPE, &path).unwrap();
        let source = Directory::new(&path, SourceKind::Closed);
        let report = engine(&root).create_new_backup(&source, &CreateBackupOptions::default(), &Quiet);
        let report = report.unwrap();
        let copied = report.files.iter().filter(|file| file.action == FileAction::Copy);
        assert_eq!((copied.count(), report.tables_opened), (3, 0));
    }
}
