//! The measured work, done by the library `stonekeep`.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, anyhow, bail, ensure};
use stonekeep::Quiet;
use stonekeep::engine::info::{InfoDetail, WhichBackup};
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{
    BackupEngine, BackupEngineOptions, CreateBackupOptions, RestoreMode, RestoreOptions,
};
use stonekeep::image::{Directory, SourceKind};
use stonekeep::store::local::LocalStore;

use super::{Done, Keep, Task, Which};
use crate::measure::measure;

/// Does it, opening the engine included.
pub(super) fn work(workers: Option<NonZeroUsize>, task: &Task) -> Result<Done> {
    let (items, figures) = measure(|| match task {
        Task::Backup { database, repository } => backup(&open(repository, workers)?, database),
        Task::Restore {
            repository,
            target,
            keep,
        } => restore(&open(repository, workers)?, target, *keep),
        Task::Latest { repository } => latest(&open(repository, workers)?),
        Task::List { repository } => list(&open(repository, workers)?),
        Task::Verify { repository } => verify(&open(repository, workers)?),
        Task::Delete { repository, which } => delete(&open(repository, workers)?, *which),
        Task::Purge { repository, keep } => {
            let report = open(repository, workers)?.purge_old_backups(*keep, &Quiet)?;
            Ok(report.deleted_backups.len() as u64)
        }
        Task::Collect { repository } => {
            open(repository, workers)?.garbage_collect(Duration::ZERO, &Quiet)?;
            Ok(1)
        }
        Task::Capture { .. } | Task::Command { .. } | Task::Put { .. } => {
            bail!("that has a file of its own")
        }
    })?;
    Ok(Done { items, figures })
}

fn open(repository: &Path, workers: Option<NonZeroUsize>) -> Result<BackupEngine> {
    let options = BackupEngineOptions::default().with_max_background_operations(workers);
    Ok(BackupEngine::open(options, LocalStore::new(repository))?)
}

fn backup(engine: &BackupEngine, database: &Path) -> Result<u64> {
    let source = Directory::new(database, SourceKind::Closed);
    let report = engine.create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)?;
    Ok(report.files.len() as u64)
}

fn restore(engine: &BackupEngine, target: &Path, keep: Keep) -> Result<u64> {
    let mode = match keep {
        Keep::Nothing => RestoreMode::PurgeAllFiles,
        Keep::BySession => RestoreMode::KeepLatestDbSessionIdFiles,
        Keep::ByChecksum => RestoreMode::VerifyChecksum,
    };
    let options = RestoreOptions::default().with_mode(mode);
    let report = engine.restore_db_from_backup(WhichBackup::Latest, target, &options, &Quiet)?;
    Ok(report.files.len() as u64)
}

fn delete(engine: &BackupEngine, which: Which) -> Result<u64> {
    let ids = engine.backup_ids()?;
    let id = match which {
        Which::Oldest => ids.first(),
        Which::Newest => ids.last(),
    };
    let id = id.ok_or_else(|| anyhow!("there is no backup"))?;
    let report = engine.delete_backup(*id, &Quiet)?;
    Ok(report.deleted_backups.len() as u64)
}

fn latest(engine: &BackupEngine) -> Result<u64> {
    let info = engine.get_latest_backup_info()?;
    Ok(info.map_or(0, |info| info.number_files))
}

fn list(engine: &BackupEngine) -> Result<u64> {
    let info = engine.get_all_backup_info(InfoDetail::Sizes)?;
    let whole = info.backups.iter().filter(|backup| backup.state.may_be_valid());
    Ok(whole.count() as u64)
}

fn verify(engine: &BackupEngine) -> Result<u64> {
    let report = engine.verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)?;
    ensure!(report.findings.is_empty(), "{:?}", report.findings);
    Ok(report.files_checked)
}
