//! The measured work, done by RocksDB's own `BackupEngine` through the `rocksdb` crate.

use std::path::Path;

use anyhow::{Context, Result, bail};
use rocksdb::backup::{BackupEngine, BackupEngineOptions, RestoreOptions};
use rocksdb::{DB, Env, Options};

use super::{Done, Keep, Task};
use crate::measure::{Figures, measure};
use crate::usage::allow_open_files;

/// Does it, opening the engine included. The database of a backup is opened before, and closed after: RocksDB backs up
/// open databases only.
pub(super) fn work(threads: i32, task: &Task) -> Result<Done> {
    // RocksDB keeps all tables of a database open, as its max_open_files says by default.
    allow_open_files()?;
    let (items, figures) = match task {
        Task::Backup { database, repository } => backup(threads, database, repository)?,
        Task::Restore {
            repository,
            target,
            keep: Keep::Nothing,
        } => measure(|| {
            let mut engine = open(repository, threads)?;
            engine.restore_from_latest_backup(target, target, &RestoreOptions::default())?;
            Ok(newest_files(&engine))
        })?,
        Task::Latest { repository } => measure(|| Ok(newest_files(&open(repository, threads)?)))?,
        Task::List { repository } => {
            measure(|| Ok(open(repository, threads)?.get_backup_info().len() as u64))?
        }
        Task::Purge { repository, keep } => measure(|| {
            let mut engine = open(repository, threads)?;
            let before = engine.get_backup_info().len();
            engine.purge_old_backups(*keep)?;
            Ok((before - engine.get_backup_info().len()) as u64)
        })?,
        other => bail!("the rocksdb crate has nothing for {other:?}"),
    };
    Ok(Done { items, figures })
}

fn backup(threads: i32, database: &Path, repository: &Path) -> Result<(u64, Figures)> {
    let mut options = Options::default();
    options.set_disable_auto_compactions(true);
    let db = DB::open(&options, database).context("opening the database")?;
    measure(|| {
        let mut engine = open(repository, threads)?;
        engine.create_new_backup(&db)?;
        Ok(newest_files(&engine))
    })
}

fn open(repository: &Path, threads: i32) -> Result<BackupEngine> {
    let mut options = BackupEngineOptions::new(repository)?;
    options.set_max_background_operations(threads);
    options.set_sync(true);
    Ok(BackupEngine::open(&options, &Env::new()?)?)
}

/// The files of the newest backup.
fn newest_files(engine: &BackupEngine) -> u64 {
    let newest = engine.get_backup_info().into_iter().next_back();
    newest.map_or(0, |newest| u64::from(newest.num_files))
}
