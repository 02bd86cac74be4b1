//! A repository that somebody made: opened, listed, verified, restored, purged and collected.
//!
//! The input changes a valid repository in memory, step by step: other content, other bytes, other names. Checksums that texts end
//! with, and those of the records of logs, are made right where the input says so, and meta files list what is there.

#![no_main]

mod changes;
mod files;

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use libfuzzer_sys::fuzz_target;
use stonekeep::format::backup_meta::BackupMeta;
use stonekeep::format::checksum::crc32c;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Durability, Key, PutContent, PutMode, Store};
use stonekeep::{
    BackupEngine, BackupEngineOptions, BackupId, Components, CreateBackupOptions, Directory, InfoDetail,
    MetaSchema, Quiet, RestoreOptions, SourceKind, VerifyLevel, VerifyOptions, VerifyWhat, WhichBackup,
};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::fake_clock::FakeClock;

use self::changes::changed;
use self::files::{Files, files_of};

/// Where restores go to: in memory, since there are thousands.
const MEMORY: &str = "/dev/shm";

/// Repositories with meta files of both schemas.
static VALID: LazyLock<[Files; 2]> = LazyLock::new(|| [MetaSchema::One, MetaSchema::Two].map(valid));

fn options() -> BackupEngineOptions {
    BackupEngineOptions::default()
        .with_max_background_operations(std::num::NonZeroUsize::new(1))
        .with_sync(false)
}

/// Two backups of a small database.
fn valid(schema: MetaSchema) -> Files {
    let directory = tempfile::tempdir_in(MEMORY).unwrap();
    let path = directory.path().join("db");
    let mut database = DatabaseBuilder::new().create(&path);
    let store = empty_store();
    let engine = BackupEngine::open(options().with_schema_version(schema), store.clone()).unwrap();
    database.add_blob(100);
    for _ in 0..2 {
        database.add_tables(1, 2_500);
        database.write(5);
        let source = Directory::new(&path, SourceKind::Closed);
        let create = CreateBackupOptions::default().with_app_metadata(b"words".to_vec());
        engine.create_new_backup(&source, &create, &Quiet).unwrap();
    }
    files_of(&store)
}

fn empty_store() -> Store {
    let store = Store::from(MemoryStore::new());
    store.create_root(Durability::Buffered).unwrap();
    store
}

fn store_of(files: &Files) -> Store {
    let store = empty_store();
    for (name, bytes) in files {
        if let Ok(key) = Key::new(name.as_str()) {
            // A file in the place of a directory is refused.
            let _ = store.put(
                "fuzz",
                &key,
                PutContent::Bytes(bytes),
                PutMode::Replace,
                Durability::Buffered,
            );
        }
    }
    store
}

/// Restores a backup, and checks what came back against its meta file.
fn restore(engine: &BackupEngine, files: &Files, id: BackupId, best_effort: bool) {
    let base = tempfile::tempdir_in(MEMORY).unwrap();
    let target = base.path().join("target");
    let how = RestoreOptions::default().with_best_effort(best_effort);
    let done = engine
        .as_read_only()
        .restore_db_from_backup(WhichBackup::Id(id), &target, &how, &Quiet);
    let names = std::fs::read_dir(base.path()).unwrap();
    assert!(
        names.flatten().all(|entry| entry.file_name() == "target"),
        "outside of the target"
    );
    require_plain(&target);
    if done.is_err() || best_effort {
        return;
    }
    let meta = BackupMeta::decode(id, &files[&format!("meta/{id}")]).expect("it was restored");
    for file in meta.files.iter().filter(|file| !file.excluded) {
        let name = file.path.restored_name().to_string();
        // Its wal_dir may be another one.
        if name.starts_with("OPTIONS") {
            continue;
        }
        let bytes = std::fs::read(target.join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        if let Some(expected) = file.crc32c {
            assert_eq!(crc32c(&bytes), expected, "{name}");
        }
    }
}

/// Files and directories, and nothing else.
fn require_plain(path: &Path) {
    let Ok(entries) = std::fs::read_dir(path) else {
        return;
    };
    for entry in entries.flatten() {
        let kind = entry.file_type().unwrap();
        assert!(kind.is_file() || kind.is_dir(), "{:?}", entry.path());
        if kind.is_dir() {
            require_plain(&entry.path());
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let [first, rest @ ..] = input else { return };
    let files = changed(&VALID[usize::from(first & 1)], rest);
    let store = store_of(&files);
    let Ok(engine) = BackupEngine::open(options(), store) else {
        return;
    };
    // Nobody waits.
    let engine =
        engine.with_components(Components::default().with_clock(Arc::new(FakeClock::new(SystemTime::now()))));
    let reader = engine.as_read_only();
    let listed = reader.get_all_backup_info(InfoDetail::Sizes);
    let deep = VerifyOptions::default()
        .with_level(VerifyLevel::Deep)
        .with_stamps(first & 2 == 2);
    let _ = reader.verify(VerifyWhat::All, &deep, &Quiet);
    for backup in listed.iter().flat_map(|listed| &listed.backups).take(4) {
        restore(&engine, &files, backup.id, first & 4 == 4);
    }
    if first & 8 == 8 {
        let _ = engine.delete_backup(BackupId::FIRST, &Quiet);
    }
    let _ = engine.purge_old_backups(1, &Quiet);
    let _ = engine.garbage_collect(Duration::ZERO, &Quiet);
});
