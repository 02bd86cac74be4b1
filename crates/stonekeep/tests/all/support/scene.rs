//! A small database to try the verbs on, with a look into its repositories.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use stonekeep::engine::create::CreateReport;
use stonekeep::engine::verify::{VerifyLevel, VerifyReport, VerifyWhat};
use stonekeep::engine::{BackupEngine, BackupEngineOptions, BackupEngineReadOnly, CreateBackupOptions};
use stonekeep::format::BackupId;
use stonekeep::image::include::IncludePattern;
use stonekeep::image::{Directory, SourceKind};
use stonekeep::repo::catalog;
use stonekeep::store::local::LocalStore;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Entry, EntryKind, Key, PutMode, Store};
use stonekeep::{Quiet, Result};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};
use tempfile::TempDir;

/// A database in a temporary directory, with room for repositories beside it.
pub(crate) struct Scene {
    pub(crate) directory: TempDir,
    pub(crate) database: FakeDatabase,
    /// Patterns for files of the application that backups take along.
    pub(crate) include: Vec<IncludePattern>,
}

impl Scene {
    /// A database with three tables, a blob file and a WAL.
    pub(crate) fn new() -> Self {
        Scene::with(DatabaseBuilder::new())
    }

    pub(crate) fn with(builder: DatabaseBuilder) -> Self {
        let mut scene = Scene::empty(builder);
        scene.database.add_tables(3, 3_000);
        scene.database.add_blob(1_000);
        scene.database.write(20);
        scene
    }

    pub(crate) fn empty(builder: DatabaseBuilder) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = builder.create(&directory.path().join("db"));
        Scene {
            directory,
            database,
            include: Vec::new(),
        }
    }

    /// Some tables stay, some are new; the WAL has grown.
    pub(crate) fn change(&mut self) {
        self.database.add_tables(2, 2_500);
        self.database.write(7);
    }

    /// Puts a file of the application beside the database, to be taken along.
    pub(crate) fn include(&mut self, path: &str, content: &str) {
        let at = self.database.path().join(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, content).unwrap();
        let pattern = IncludePattern::parse(path).unwrap();
        self.include.retain(|known| *known != pattern);
        self.include.push(pattern);
    }

    pub(crate) fn source(&self) -> Directory {
        Directory::new(self.database.path(), SourceKind::Closed)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn create(&self, store: &Store) -> Result<CreateReport> {
        self.create_with(store, options())
    }

    pub(crate) fn create_with(&self, store: &Store, options: BackupEngineOptions) -> Result<CreateReport> {
        let engine = BackupEngine::open(options, store.clone())?;
        let how = CreateBackupOptions::default().with_include(self.include.clone());
        engine.create_new_backup(&self.source(), &how, &Quiet)
    }
}

/// One worker, so that the same things happen in the same order each time.
pub(crate) fn options() -> BackupEngineOptions {
    BackupEngineOptions::default().with_max_background_operations(NonZeroUsize::new(1))
}

pub(crate) fn memory() -> Store {
    Store::from(MemoryStore::new())
}

/// A store in a directory beside the scene's database.
pub(crate) fn directory(scene: &Scene) -> Store {
    Store::from(LocalStore::new(scene.path("repository")))
}

pub(crate) fn id(id: u32) -> BackupId {
    BackupId::new(id).unwrap()
}

pub(crate) fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

pub(crate) fn reader(store: &Store) -> BackupEngineReadOnly {
    BackupEngineReadOnly::open(options(), store.clone()).unwrap()
}

/// The backups that exist.
pub(crate) fn ids(store: &Store) -> Vec<u32> {
    let listing = catalog::list(store).unwrap();
    listing.ids.into_iter().map(BackupId::get).collect()
}

/// Reads every byte of every backup.
pub(crate) fn verify(store: &Store) -> VerifyReport {
    let report = reader(store).verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet);
    report.unwrap()
}

/// Every backup is right, down to the last byte.
pub(crate) fn assert_valid(store: &Store, wanted: &[u32], when: &str) {
    assert_eq!(ids(store), wanted, "{when}");
    if !wanted.is_empty() {
        let report = verify(store);
        assert!(report.is_clean(), "{when}: {:?}", report.findings);
    }
}

/// The paths that a backup names.
pub(crate) fn named(store: &Store, backup: u32) -> BTreeSet<String> {
    let meta = catalog::load(store, id(backup)).unwrap().into_result().unwrap();
    let files = meta.meta.files.iter().filter(|file| !file.excluded);
    files.map(|file| file.path.to_string()).collect()
}

/// The names in a directory.
pub(crate) fn names(store: &Store, directory: &str) -> BTreeSet<String> {
    let entries = store.list(Some(&key(directory))).unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

/// Every file of a repository.
pub(crate) fn files(store: &Store) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut directories: Vec<Option<Key>> = vec![None];
    while let Some(directory) = directories.pop() {
        for Entry { name, kind, .. } in store.list(directory.as_ref()).unwrap() {
            let path = match &directory {
                None => key(&name),
                Some(above) => above.join(&name).unwrap(),
            };
            match kind {
                EntryKind::Directory => directories.push(Some(path)),
                _ => {
                    found.insert(path.to_string());
                }
            }
        }
    }
    found
}

/// Puts a file under a key, as a foreign program would.
pub(crate) fn put(store: &Store, path: &str, bytes: &[u8]) {
    let durable = stonekeep::store::Durability::Durable;
    store.delete_one(&key(path)).unwrap();
    let staged = store
        .upload(
            "foreign",
            &key(path),
            &mut &*bytes,
            bytes.len() as u64,
            PutMode::IfAbsent,
        )
        .unwrap();
    let taken = store
        .finish(vec![(staged, key(path))], PutMode::IfAbsent, durable)
        .unwrap();
    assert!(taken.is_empty());
    store.discard("foreign").unwrap();
}
