//! Calls Stonekeep's verbs with the defaults of these tests.

use std::path::Path;

use stonekeep::Quiet;
use stonekeep::engine::create::CreateReport;
use stonekeep::engine::{BackupEngine, BackupEngineOptions, CreateBackupOptions};
use stonekeep::image::{DatabaseImage, Directory, ImageSource, NoHost, SourceKind};
use stonekeep::store::local::LocalStore;
use stonekeep_proof::makers::ClosedDatabase;

/// The defaults, but for `sync`, which tests can do without.
pub(crate) fn options() -> BackupEngineOptions {
    BackupEngineOptions::default().with_sync(false)
}

/// An engine with these [`options`].
pub(crate) fn engine(repository: &Path) -> BackupEngine {
    engine_with(repository, options())
}

/// An engine with other options.
pub(crate) fn engine_with(repository: &Path, options: BackupEngineOptions) -> BackupEngine {
    BackupEngine::open(options, LocalStore::new(repository)).unwrap()
}

/// The image of a closed database.
pub(crate) fn image(database: &Path) -> DatabaseImage {
    let capture = Directory::new(database, SourceKind::Closed).capture(&mut NoHost, &Quiet);
    capture.unwrap().image().clone()
}

/// A database of the makers as the source of a backup.
pub(crate) fn source(database: &ClosedDatabase) -> Directory {
    Directory::new(&database.path, SourceKind::Closed)
        .with_wal_dir(database.options.wal_dir.clone())
        .with_db_paths(database.options.db_paths.clone())
}

/// A backup with nothing special.
pub(crate) fn back_up(engine: &BackupEngine, database: &ClosedDatabase) -> CreateReport {
    back_up_with(engine, database, &CreateBackupOptions::default())
}

/// A backup with options.
pub(crate) fn back_up_with(
    engine: &BackupEngine,
    database: &ClosedDatabase,
    options: &CreateBackupOptions,
) -> CreateReport {
    engine
        .create_new_backup(&source(database), options, &Quiet)
        .unwrap()
}
