//! The databases that are backed up: states that are made once, and then are in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use stonekeep::image::{Capture, CaptureHost, Content, DatabaseImage, ImageSource, NoHost};
use stonekeep::repo::loaded_meta::LoadedMeta;
use stonekeep::store::Durability;
use stonekeep::store::memory::MemoryStore;
use stonekeep::{BackupEngine, CreateBackupOptions, Directory, Observer, Quiet, SourceKind};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use super::peek::Peek;
use crate::world::options;

/// How many states each database has.
const STATES: usize = 12;

/// One state of a database.
#[derive(Debug)]
pub(super) struct DatabaseState {
    /// Which database it is of.
    pub(super) database: usize,
    /// Its files under their own names.
    pub(super) files: BTreeMap<String, Arc<[u8]>>,
    /// What a backup of it consists of if its id is 1, in the order of its meta file.
    pub(super) stored: Vec<(String, Arc<[u8]>)>,
    /// The meta file of that.
    pub(super) meta: String,
    image: DatabaseImage,
}

/// The states, oldest first, of two databases.
#[derive(Debug)]
pub(super) struct Databases(Vec<Vec<Arc<DatabaseState>>>);

impl Databases {
    /// Makes them.
    ///
    /// # Errors
    /// I/O errors.
    pub(super) fn make() -> Result<Self> {
        Ok(Databases(vec![states(0)?, states(1)?]))
    }

    /// The states of one, oldest first.
    pub(super) fn of(&self, database: usize) -> &[Arc<DatabaseState>] {
        &self.0[database]
    }
}

fn states(number: usize) -> Result<Vec<Arc<DatabaseState>>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("db");
    let id = format!("00000000-0000-4000-8000-00000000000{number}");
    let mut database = DatabaseBuilder::new().database_id(&id).create(&path);
    // Tables of the two are of different sessions, and so have different names.
    (0..20 * number).for_each(|_| database.reopen());
    let size = 2_000 + 300 * number;
    database.add_tables(2, size);
    database.add_blob(500 + number);
    database.write(5);
    let mut states = Vec::new();
    for step in 0..STATES {
        states.push(Arc::new(DatabaseState::of(number, &database)?));
        change(&mut database, step, size);
    }
    Ok(states)
}

fn change(database: &mut FakeDatabase, step: usize, size: usize) {
    match step % 4 {
        0 => drop(database.add_tables(1, size + step)),
        1 => database.reopen(),
        2 => database.write(3),
        _ => drop(database.compact()),
    }
}

impl DatabaseState {
    fn of(number: usize, database: &FakeDatabase) -> Result<Self> {
        let source = Directory::new(database.path(), SourceKind::Closed);
        let capture = source.capture(&mut NoHost, &Quiet)?;
        let mut image = capture.image().clone();
        let mut files = BTreeMap::new();
        for file in &mut image.files {
            let bytes: Arc<[u8]> = match (&file.content, file.path()) {
                (Content::Bytes(bytes), _) => Arc::clone(bytes),
                (_, path) => {
                    let mut bytes = fs::read(path.context("a file without a path")?)?;
                    bytes.truncate(usize::try_from(file.size_bytes)?);
                    bytes.into()
                }
            };
            files.insert(file.name.to_string(), Arc::clone(&bytes));
            file.content = Content::Bytes(bytes);
        }
        image.directory = PathBuf::from(format!("/database/{number}"));
        image.surplus.clear();
        image.unknown.clear();
        image.own_directories.clear();
        let mut state = DatabaseState {
            database: number,
            files,
            stored: Vec::new(),
            meta: String::new(),
            image,
        };
        state.store()?;
        Ok(state)
    }

    /// Backs it up once, to know what a backup of it is like.
    fn store(&mut self) -> Result<()> {
        let memory = MemoryStore::new();
        memory.create_root(Durability::Durable)?;
        let engine = BackupEngine::open(options(), (*memory).clone())?;
        let source = StateSource(Arc::new(DatabaseState {
            database: self.database,
            files: BTreeMap::new(),
            stored: Vec::new(),
            meta: String::new(),
            image: self.image.clone(),
        }));
        let made = engine.create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)?;
        let meta = memory.content("meta/1").context("no meta file")?;
        let loaded = LoadedMeta::decode(made.backup_id, &meta)?;
        for file in &loaded.meta.files {
            let path = file.path.to_string();
            let content = memory.content(&path).context("a file is missing")?;
            self.stored.push((path, content));
        }
        self.meta = String::from_utf8(meta.to_vec())?;
        Ok(())
    }
}

/// The source of a backup of one state.
#[derive(Debug, Clone)]
pub(super) struct StateSource(pub(super) Arc<DatabaseState>);

impl ImageSource for StateSource {
    fn describe(&self) -> String {
        format!("database {} in memory", self.0.database)
    }

    fn directories(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    fn capture(&self, host: &mut dyn CaptureHost, _: &dyn Observer) -> stonekeep::Result<Box<dyn Capture>> {
        host.check_database(self.0.image.database_id.as_deref())?;
        Ok(Box::new(self.clone()))
    }
}

impl Capture for StateSource {
    fn image(&self) -> &DatabaseImage {
        &self.0.image
    }

    fn confirm(&self) -> stonekeep::Result<()> {
        Ok(())
    }
}
