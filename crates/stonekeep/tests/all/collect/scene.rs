//! Repositories made file by file, so that a test says exactly what stands where.

use std::collections::BTreeSet;

use stonekeep::engine::{BackupEngine, BackupEngineOptions};
use stonekeep::format::backup_meta::{BackupMeta, HeaderNumber, MetaFile, MetaHead};
use stonekeep::format::backup_name::{RepoPath, SharedKind, SharedName};
use stonekeep::format::{BackupId, Crc32c, FileNumber};
use stonekeep::image::CaptureKind;
use stonekeep::repo::facts::{BackupFacts, FileFacts};
use stonekeep::repo::layout;
use stonekeep::store::PutMode;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Durability, EntryKind, Key, Store};

const AREA: &str = "maker";

pub(crate) fn id(number: u32) -> BackupId {
    BackupId::new(number).unwrap()
}

pub(crate) fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

pub(crate) fn memory() -> (MemoryStore, Store) {
    let store = MemoryStore::new();
    store.create_root(Durability::Durable).unwrap();
    (store.clone(), store.into())
}

pub(crate) fn engine(store: &Store) -> BackupEngine {
    BackupEngine::open(BackupEngineOptions::default(), store.clone()).unwrap()
}

/// Puts a file where it is to be. In memory it is durable; a real disk does not lose power in a test.
pub(crate) fn put(store: &Store, path: &str, bytes: &[u8]) {
    let staged = store
        .upload(
            AREA,
            &key(path),
            &mut &*bytes,
            bytes.len() as u64,
            PutMode::IfAbsent,
        )
        .unwrap();
    let durability = match store.directory() {
        None => Durability::Durable,
        Some(_) => Durability::Buffered,
    };
    let taken = store
        .finish(vec![(staged, key(path))], PutMode::IfAbsent, durability)
        .unwrap();
    assert_eq!(taken, [], "{path} is there already");
    store.discard(AREA).unwrap();
}

/// Path and content of a table that backups share.
pub(crate) fn table(number: u64) -> (RepoPath, Vec<u8>) {
    let bytes = format!("table {number};").repeat(20).into_bytes();
    let crc32c = Crc32c(crc32c::crc32c(&bytes));
    let name = SharedName::legacy(FileNumber(number), SharedKind::Table, crc32c, bytes.len() as u64);
    (RepoPath::SharedChecksum(name), bytes)
}

pub(crate) fn table_path(number: u64) -> String {
    table(number).0.to_string()
}

pub(crate) fn put_table(store: &Store, number: u64) {
    let (path, bytes) = table(number);
    if store.stat(&key(&path.to_string())).unwrap().is_none() {
        put(store, &path.to_string(), &bytes);
    }
}

/// What a backup keeps for itself.
fn private_files(backup: u32) -> [(String, Vec<u8>); 3] {
    let path = |name: &str| format!("private/{backup}/{name}");
    [
        (
            path("MANIFEST-000005"),
            format!("manifest of {backup}").into_bytes(),
        ),
        (path("CURRENT"), b"MANIFEST-000005\n".to_vec()),
        (path("000006.log"), format!("log of {backup}").into_bytes()),
    ]
}

pub(crate) fn put_private(store: &Store, backup: u32) {
    for (path, bytes) in private_files(backup) {
        put(store, &path, &bytes);
    }
}

/// The text of a meta file that names these tables.
pub(crate) fn meta_text(backup: u32, tables: &[u64]) -> Vec<u8> {
    let file = |path: &str, bytes: &[u8]| {
        MetaFile::new(RepoPath::parse(path).unwrap(), Crc32c(crc32c::crc32c(bytes)))
    };
    let shared = tables.iter().map(|number| table(*number));
    let shared = shared.map(|(path, bytes)| file(&path.to_string(), &bytes));
    let private = private_files(backup);
    let private = private.iter().map(|(path, bytes)| file(path, bytes));
    let head = MetaHead {
        timestamp: HeaderNumber::from(1_700_000_000 + u64::from(backup)),
        ..MetaHead::default()
    };
    let meta = BackupMeta {
        head,
        files: shared.chain(private).collect(),
        ..BackupMeta::default()
    };
    meta.encode().unwrap()
}

/// A backup as a foreign engine makes it, without facts.
pub(crate) fn put_backup(store: &Store, backup: u32, tables: &[u64]) {
    tables.iter().for_each(|number| put_table(store, *number));
    put_private(store, backup);
    put(store, &format!("meta/{backup}"), &meta_text(backup, tables));
}

/// Facts that say little about a backup with this meta file, and these about its files.
pub(crate) fn plain_facts(backup: u32, meta: &[u8], files: Vec<FileFacts>) -> BackupFacts {
    BackupFacts {
        backup_id: backup,
        meta_crc32c: crc32c::crc32c(meta),
        meta_size_bytes: meta.len() as u64,
        meta_head: None,
        database_id: None,
        database_id_in_manifest: false,
        sequence_number: 1,
        capture: CaptureKind::Closed,
        live: None,
        column_families: Vec::new(),
        rocksdb_version: None,
        wal_dir: None,
        host: None,
        tags: Vec::new(),
        went_back: Vec::new(),
        warnings: Vec::new(),
        durable: true,
        stream: None,
        took_ms: None,
        created_by: "a test".into(),
        included: Vec::new(),
        engine: None,
        prepared_transactions: 0,
        files,
    }
}

/// Facts about a backup that names these tables.
pub(crate) fn put_facts(store: &Store, backup: u32, tables: &[u64]) {
    let meta = meta_text(backup, tables);
    let shared = tables.iter().map(|number| table(*number));
    let shared = shared.map(|(path, bytes)| (path.to_string(), bytes));
    let files = shared
        .chain(private_files(backup))
        .map(|(path, bytes)| FileFacts {
            path: RepoPath::parse(&path).unwrap(),
            size_bytes: bytes.len() as u64,
            crc32c: crc32c::crc32c(&bytes),
            table: None,
            origin: None,
        });
    let facts = plain_facts(backup, &meta, files.collect());
    put(
        store,
        layout::facts(id(backup)).as_str(),
        &facts.encode().unwrap(),
    );
}

/// A backup as ours are.
pub(crate) fn put_our_backup(store: &Store, backup: u32, tables: &[u64]) {
    put_backup(store, backup, tables);
    put_facts(store, backup, tables);
}

/// Every file of a repository but the writer's lock.
/// Every file but the lock and the claims of ids, which outlive their backups.
pub(crate) fn files(store: &Store) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut directories = vec![None];
    while let Some(directory) = directories.pop() {
        for entry in store.list(directory.as_ref()).unwrap() {
            let path = match &directory {
                None => entry.name,
                Some(directory) => format!("{directory}/{}", entry.name),
            };
            if entry.kind == EntryKind::Directory {
                directories.push(Some(key(&path)));
            } else if path != "stonekeep/lock" && !path.starts_with("stonekeep/ids/") {
                found.insert(path);
            }
        }
    }
    found
}

/// The files of these backups and no others, as [`put_our_backup`] makes them.
pub(crate) fn files_of(backups: &[(u32, &[u64])]) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for (backup, tables) in backups {
        files.extend(tables.iter().map(|number| table_path(*number)));
        files.extend(private_files(*backup).map(|(path, _)| path));
        files.insert(format!("meta/{backup}"));
        files.insert(format!("stonekeep/backups/{backup}"));
    }
    files
}
