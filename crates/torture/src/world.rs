//! A repository with every kind of file in it, and the databases that its backups must restore to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use stonekeep::engine::collect::DeleteOptions;
use stonekeep::engine::drill::DrillPlace;
use stonekeep::engine::hold::HoldOptions;
use stonekeep::format::BackupId;
use stonekeep::image::include::IncludePattern;
use stonekeep::repo::catalog;
use stonekeep::store::{Interceptor, Key, Operation, Refusal, Store};
use stonekeep::{
    BackupEngine, BackupEngineOptions, BackupEngineReadOnly, CreateBackupOptions, Directory, MetaSchema,
    Quiet, RestoreOptions, SourceKind, VerifyOptions, VerifyWhat, WhichBackup,
};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};
use stonekeep_testkit::fault_store::FaultStore;
use tempfile::TempDir;

use crate::place::{Kind, Place};
use crate::tree::{self, Tree};

/// The backup that was deleted for a while.
pub const DELETED: u32 = 5;
/// The backup that an operator holds.
pub const HELD: u32 = 1;

/// Soon, so that one wrong digit makes it a time that is over.
const A_MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// See the [module](self).
#[derive(Debug)]
pub struct World {
    /// Where it was made.
    pub kind: Kind,
    /// Every file of the repository.
    pub files: Tree,
    /// The files that each backup depends on: its meta file, those that it names, those that it includes.
    pub needs: BTreeMap<u32, BTreeSet<String>>,
    /// What each backup restores to.
    pub restored: BTreeMap<u32, Tree>,
    /// What the deleted backup restores to.
    pub deleted: Tree,
    /// What a backup that is made now restores to.
    pub present: Tree,
    /// Files of a repository of the same database that went another way: their names are the same.
    pub stale: Tree,
    database: FakeDatabase,
    _directory: TempDir,
}

/// One worker, so that the same things happen in the same order each time; nothing is synced.
pub fn options() -> BackupEngineOptions {
    BackupEngineOptions::default()
        .with_max_background_operations(NonZeroUsize::new(1))
        .with_sync(false)
}

/// The options of every backup here.
pub fn create_options() -> Result<CreateBackupOptions> {
    let include = ["conf/app.json", "notes"].map(IncludePattern::parse);
    let include = include.into_iter().collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(CreateBackupOptions::default()
        .with_include(include)
        .with_app_metadata(b"the application's own words".to_vec()))
}

/// An id.
pub fn id(number: u32) -> Result<BackupId> {
    BackupId::new(number).context("no id")
}

impl World {
    /// Makes one; `schema_two` writes the newer form of meta files.
    ///
    /// # Errors
    /// If a backup of an undamaged database fails.
    pub fn make(kind: Kind, schema_two: bool) -> Result<Self> {
        let (place, mut world) = (Place::new(kind)?, World::empty(kind)?);
        world.fill(&place, schema_two)?;
        world.files = place.files()?;
        world.remember(&place.store)?;
        world.stale = World::another(kind)?;
        Ok(world)
    }

    /// With the database alone.
    fn empty(kind: Kind) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut database = DatabaseBuilder::new().create(&directory.path().join("db"));
        database.add_tables(3, 3_000);
        database.add_blob(1_000);
        database.write(20);
        Ok(World {
            kind,
            files: Tree::new(),
            needs: BTreeMap::new(),
            restored: BTreeMap::new(),
            deleted: Tree::new(),
            present: Tree::new(),
            stale: Tree::new(),
            database,
            _directory: directory,
        })
    }

    fn application_files(&self, content: &str) -> Result<()> {
        fs::create_dir_all(self.database.path().join("conf"))?;
        fs::write(self.database.path().join("conf/app.json"), content)?;
        fs::write(self.database.path().join("notes"), "one")?;
        Ok(())
    }

    /// Backups of every form, and all that the verbs leave behind.
    fn fill(&mut self, place: &Place, schema_two: bool) -> Result<()> {
        let store = &place.store;
        let schema = if schema_two {
            MetaSchema::Two
        } else {
            MetaSchema::One
        };
        let plain = options().with_schema_version(schema);
        self.application_files("{}")?;
        self.create(store, plain.clone())?;
        self.change();
        self.create(store, plain.clone().with_share_table_files(false))?;
        self.change();
        self.create(store, plain.clone().with_share_files_with_checksum(false))?;
        self.change();
        self.application_files("{\"newer\": true}")?;
        self.create(store, plain.clone())?;
        self.change();
        self.create(store, plain.clone())?;
        let engine = BackupEngine::open(plain.clone(), store.clone())?;
        let for_a_while = DeleteOptions::default().with_undelete_for(A_MONTH);
        engine.delete_backups(&[id(DELETED)?], &for_a_while, &Quiet)?;
        let until = std::time::SystemTime::now() + A_MONTH;
        let hold = HoldOptions::default().with_until(until).with_reason("audit");
        engine.hold_backup(id(HELD)?, &hold, &Quiet)?;
        self.change();
        self.killed_backup(store, plain)?;
        let reader = engine.as_read_only();
        reader.verify(VerifyWhat::All, &VerifyOptions::default(), &Quiet)?;
        let scratch = tempfile::tempdir()?;
        let drill = DrillPlace::Scratch(scratch.path().to_owned());
        reader.drill(WhichBackup::Latest, &drill, &RestoreOptions::default(), &Quiet)?;
        leave_a_pin(store)?;
        Ok(())
    }

    fn change(&mut self) {
        self.database.add_tables(2, 2_500);
        self.database.reopen();
        self.database.write(7);
    }

    fn create(&self, store: &Store, options: BackupEngineOptions) -> Result<u32> {
        let engine = BackupEngine::open(options, store.clone())?;
        let report = engine.create_new_backup(&self.source(), &create_options()?, &Quiet)?;
        Ok(report.backup_id.get())
    }

    /// The directory of the database.
    pub fn database(&self) -> &Path {
        self.database.path()
    }

    /// The database as a source of backups.
    pub fn source(&self) -> Directory {
        Directory::new(self.database.path(), SourceKind::Closed)
    }

    /// A backup that was killed when its files were staged.
    fn killed_backup(&self, store: &Store, options: BackupEngineOptions) -> Result<()> {
        let counting = FaultStore::kill_at(store.clone(), 16);
        let engine = BackupEngine::open(options, counting.clone())?;
        let ended = engine.create_new_backup(&self.source(), &create_options()?, &Quiet);
        ensure!(ended.is_err(), "the backup was not killed");
        Ok(())
    }

    fn remember(&mut self, store: &Store) -> Result<()> {
        let reader = BackupEngineReadOnly::open(options(), store.clone())?;
        for backup in reader.backup_ids()? {
            let meta = catalog::load(store, backup)?.into_result()?;
            let named = meta.meta.files.iter().map(|file| file.path.to_string());
            let mut needs: BTreeSet<String> = named.collect();
            needs.insert(format!("meta/{backup}"));
            let included = format!("stonekeep/files/{backup}/");
            needs.extend(
                self.files
                    .keys()
                    .filter(|name| name.starts_with(&included))
                    .cloned(),
            );
            self.needs.insert(backup.get(), needs);
            self.restored.insert(backup.get(), restored(&reader, backup)?);
        }
        ensure!(
            self.restored.len() == 4,
            "four backups, not {}",
            self.restored.len()
        );
        self.remember_present()?;
        let place = Place::with(self.kind, &self.files)?;
        let engine = BackupEngine::open(options(), place.store)?;
        engine.undelete_backup(id(DELETED)?, &Quiet)?;
        self.deleted = restored(engine.as_read_only(), id(DELETED)?)?;
        Ok(())
    }

    fn remember_present(&mut self) -> Result<()> {
        let place = Place::with(self.kind, &self.files)?;
        let made = id(self.create(&place.store, options())?)?;
        let reader = BackupEngineReadOnly::open(options(), place.store.clone())?;
        self.present = restored(&reader, made)?;
        Ok(())
    }

    /// Adds a table of this size to the database; no backup has it yet.
    ///
    /// # Errors
    /// Those of a backup of it.
    pub fn grow(&mut self, size_bytes: usize) -> Result<()> {
        self.database.add_tables(1, size_bytes);
        self.remember_present()
    }

    /// The same ids and names, for other states.
    fn another(kind: Kind) -> Result<Tree> {
        let (place, mut other) = (Place::new(kind)?, World::empty(kind)?);
        for share in [true, false, true, true] {
            other.database.write(3);
            other.application_files("{\"of\": \"another time\"}")?;
            other.create(&place.store, options().with_share_table_files(share))?;
            other.change();
        }
        place.files()
    }
}

/// What a backup restores to.
///
/// # Errors
/// Those of the restore.
pub fn restored(reader: &BackupEngineReadOnly, backup: BackupId) -> Result<Tree> {
    let target = tempfile::tempdir()?;
    let target = target.path().join("restored");
    restore(reader, WhichBackup::Id(backup), &target)?;
    tree::read(&target)
}

/// Restores a backup.
///
/// # Errors
/// Those of the restore.
pub fn restore(
    reader: &BackupEngineReadOnly,
    which: WhichBackup,
    target: &Path,
) -> stonekeep::Result<stonekeep::RestoreReport> {
    reader.restore_db_from_backup(which, target, &RestoreOptions::default(), &Quiet)
}

/// A process that is dead when it lets its pins go.
#[derive(Debug)]
struct Dead;

impl Interceptor for Dead {
    fn before(&self, _: &Operation) -> std::result::Result<(), Refusal> {
        Ok(())
    }

    fn is_dead(&self) -> bool {
        true
    }
}

/// The pin of a reader that was killed.
fn leave_a_pin(store: &Store) -> Result<()> {
    let meta = store.read(&Key::new("meta/2")?, 1 << 20)?;
    let crc = stonekeep::format::checksum::crc32c(&meta).0;
    let line = format!("{{\"stonekeep_pin\":1,\"backup_id\":2,\"meta_crc32c\":{crc}}}\n");
    let dying = store.intercepted_by(Arc::new(Dead));
    let pin = dying.pin(&Key::new("stonekeep/pins")?, &[line.as_bytes(), &meta].concat())?;
    drop(pin);
    Ok(())
}
