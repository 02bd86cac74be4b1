//! What is made hostile: repositories with their databases, of this crate's own and of real engines.

use anyhow::Result;
use stonekeep::{BackupEngine, CreateBackupOptions, Directory, LocalStore, Quiet, SourceKind};
use stonekeep_testkit::fixtures::{self, Fixture};

use crate::place::Kind;
use crate::tree::{self, Tree};
use crate::world::{World, options};

/// A repository and its database.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) name: &'static str,
    pub(super) repository: Tree,
    pub(super) database: Tree,
}

/// Those of real engines that are used.
const OF_ENGINES: [&str; 4] = [
    fixtures::ROCKSDB_11_8,
    fixtures::ROCKSDB_11_8_SCHEMA_2,
    fixtures::ROCKSDB_11_8_NO_SHARING,
    fixtures::ROCKSDB_5_18_UNCHECKED_SHARING,
];

/// All of them.
pub(super) fn all() -> Result<Vec<Origin>> {
    let mut origins = vec![of_world("schema 1", false)?, of_world("schema 2", true)?];
    for name in OF_ENGINES {
        origins.push(of_engine(name)?);
    }
    Ok(origins)
}

fn of_world(name: &'static str, schema_two: bool) -> Result<Origin> {
    let world = World::make(Kind::Local, schema_two)?;
    Ok(Origin {
        name,
        database: tree::read(world.database())?,
        repository: world.files,
    })
}

/// What an engine wrote, and one backup of ours.
fn of_engine(name: &'static str) -> Result<Origin> {
    let fixture = Fixture::unpack(name)?;
    let engine = BackupEngine::open(options(), LocalStore::new(fixture.repository()))?;
    let source = Directory::new(fixture.database(), SourceKind::Closed);
    engine.create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)?;
    Ok(Origin {
        name,
        repository: tree::read(&fixture.repository())?,
        database: tree::read(&fixture.database())?,
    })
}
