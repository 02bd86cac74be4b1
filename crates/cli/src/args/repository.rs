//! Opens the repository that the arguments name.

use std::path::{Path, PathBuf};

use clap::Args;
use stonekeep::engine::{BackupEngine, BackupEngineOptions, BackupEngineReadOnly};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{Error, ErrorKind};

use crate::usage_error::UsageError;
use crate::{mistakes, mount_points};

/// Where the repository is.
#[derive(Debug, Args)]
pub(crate) struct RepoArgs {
    /// The repository, a directory in the format of RocksDB's BackupEngine
    #[arg(long, env = "STONEKEEP_REPO", hide_env_values = true, value_name = "REPO")]
    repo: PathBuf,
}

impl RepoArgs {
    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.repo
    }

    /// Opens the repository for reading.
    pub(crate) fn open(&self, options: BackupEngineOptions) -> anyhow::Result<BackupEngineReadOnly> {
        open(&self.repo, options)
    }

    /// Opens an existing repository for writing.
    pub(crate) fn open_to_change(&self, options: BackupEngineOptions) -> anyhow::Result<BackupEngine> {
        let store = store(&self.repo, &options)?;
        let engine = BackupEngine::open_existing(options, store);
        engine.map_err(|error| explain(&self.repo, error))
    }

    /// Opens a repository for writing; the first backup creates it.
    pub(crate) fn open_or_create(&self, options: BackupEngineOptions) -> anyhow::Result<BackupEngine> {
        mount_points::check_mounted(&self.repo)?;
        let store = store(&self.repo, &options)?;
        Ok(BackupEngine::open(options, store)?)
    }
}

/// Opens the repository in this directory for reading.
pub(crate) fn open(repo: &Path, options: BackupEngineOptions) -> anyhow::Result<BackupEngineReadOnly> {
    let store = store(repo, &options)?;
    let engine = BackupEngineReadOnly::open(options, store);
    engine.map_err(|error| explain(repo, error))
}

/// Says what may be meant instead of a directory that is no repository.
fn explain(repo: &Path, error: Error) -> anyhow::Error {
    let explained = match mount_points::missing_disk(repo) {
        Some(point) if error.kind() == ErrorKind::NotFound => error.with_hint(format!(
            "{} is a mount point of /etc/fstab that nothing is mounted on: mount it first",
            point.display()
        )),
        _ => match mistakes::names_a_database(repo) {
            Some(hint) if error.kind() == ErrorKind::NotFound => error.with_hint(hint),
            _ => error,
        },
    };
    explained.into()
}

fn store(repo: &Path, options: &BackupEngineOptions) -> anyhow::Result<Store> {
    if let Some((scheme, _)) = repo.to_str().and_then(|text| text.split_once("://")) {
        let message = format!(
            "{} names a store of kind {scheme:?}, and repositories are directories",
            repo.display()
        );
        let hint = "object stores are not supported yet; for a directory of that name, put ./ before it";
        return Err(UsageError::new(message).with_hint(hint).into());
    }
    let store = LocalStore::new(repo).with_sync_method(options.sync_method);
    Ok(match options.io_buffer_size_bytes {
        Some(buffer_bytes) => store.with_buffer_bytes(buffer_bytes),
        None => store,
    }
    .into())
}
