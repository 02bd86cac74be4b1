//! The stages of a database, and what a backup of each restores to.

use std::path::{Path, PathBuf};

use anyhow::Result;
use stonekeep::{BackupEngine, BackupEngineReadOnly, CreateBackupOptions, Directory, Quiet, SourceKind};
use stonekeep_testkit::database::DatabaseBuilder;
use tempfile::TempDir;

use crate::place::{Kind, Place};
use crate::tree::{self, Tree};
use crate::world::{id, options, restored};

/// How many there are: the last one is for the backup after a power failure.
pub(super) const STAGES: usize = 7;
/// One table of this size, the others are small.
const LARGE: usize = 1 << 20;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Stages {
    /// The files of the database.
    pub(super) databases: Vec<Tree>,
    /// The files of a restore.
    pub(super) restored: Vec<Tree>,
    /// The database at its last stage.
    last: PathBuf,
    _directory: TempDir,
}

impl Stages {
    pub(super) fn make() -> Result<Self> {
        let (directory, place) = (tempfile::tempdir()?, Place::new(Kind::Memory)?);
        let path = directory.path().join("db");
        let mut database = DatabaseBuilder::new().create(&path);
        database.add_tables(12, 3_000);
        database.add_tables(1, LARGE);
        database.add_blob(10_000);
        database.write(20);
        let (mut databases, mut all) = (Vec::new(), Vec::new());
        for _ in 0..STAGES {
            let engine = BackupEngine::open(options(), place.store.clone())?;
            let source = Directory::new(&path, SourceKind::Closed);
            let made = engine.create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)?;
            let reader = BackupEngineReadOnly::open(options(), place.store.clone())?;
            databases.push(tree::read(&path)?);
            all.push(restored(&reader, id(made.backup_id.get())?)?);
            database.add_tables(10, 4_000);
            database.reopen();
            database.write(7);
        }
        let last = directory.path().join("last");
        tree::write(&last, &databases[STAGES - 1])?;
        Ok(Stages {
            databases,
            restored: all,
            last,
            _directory: directory,
        })
    }

    /// The database at its last stage, which no command before a power failure has seen.
    pub(super) fn last(&self) -> &Path {
        &self.last
    }
}
