//! Opens the repository that the arguments name.

use std::path::{Path, PathBuf};

use clap::Args;
use stonekeep::engine::{BackupEngine, BackupEngineOptions, BackupEngineReadOnly};
use stonekeep::store::Store;
use stonekeep::store::hdfs::HdfsStore;
use stonekeep::store::local::LocalStore;
use stonekeep::store::remote::{RemoteStore, WebStore};
use stonekeep::{Error, ErrorKind};
use url::Url;

use super::place::{place, scheme};
use crate::interrupt::Interrupt;
use crate::store_settings::{self, Settings, hadoop};
use crate::usage_error::UsageError;
use crate::{mistakes, mount_points};

/// Where the repository is.
#[derive(Debug, Args)]
pub(crate) struct RepoArgs {
    /// The repository: a directory in the format of RocksDB's BackupEngine, or the URL of one in an object store (s3://BUCKET/PREFIX,
    /// gs://, az://), in HDFS (hdfs://HOST:PORT/PATH) or, for reading, at a web server (https://HOST/PATH), or a name in the
    /// configuration file
    #[arg(long, env = "STONEKEEP_REPO", hide_env_values = true, value_name = "REPO", value_parser = place())]
    repo: PathBuf,
    #[command(flatten)]
    settings: StoreArgs,
}

/// Settings of the store that the repository is in.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// A setting of the object store, such as aws_region=eu-west-1 or aws_profile=NAME, instead of the environment variable of that name, or of
    /// HDFS, such as hdfs_user=backup; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_setting)]
    store_option: Vec<(String, String)>,
}

/// A setting of a store.
pub(crate) fn parse_setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a setting is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl RepoArgs {
    /// The repository at this path or URL, with settings of its store.
    pub(crate) fn at(repo: PathBuf, store_option: Vec<(String, String)>) -> Self {
        RepoArgs {
            repo,
            settings: StoreArgs { store_option },
        }
    }

    /// The directory or the URL.
    pub(crate) fn path(&self) -> &Path {
        &self.repo
    }

    /// Opens the repository for reading.
    pub(crate) fn open(&self, options: BackupEngineOptions) -> anyhow::Result<BackupEngineReadOnly> {
        open(&self.repo, &self.settings, options)
    }

    /// Opens an existing repository for writing.
    pub(crate) fn open_to_change(&self, options: BackupEngineOptions) -> anyhow::Result<BackupEngine> {
        let store = self.store(&options)?;
        let engine = BackupEngine::open_existing(options, store);
        engine.map_err(|error| explain(&self.repo, error))
    }

    /// Opens a repository in this [store](Self::store) for writing; the first backup creates it.
    pub(crate) fn open_or_create(
        &self,
        store: Store,
        options: BackupEngineOptions,
    ) -> anyhow::Result<BackupEngine> {
        mount_points::check_mounted(&self.repo)?;
        Ok(BackupEngine::open(options, store)?)
    }

    /// The store that the repository is in.
    pub(crate) fn store(&self, options: &BackupEngineOptions) -> anyhow::Result<Store> {
        store(&self.repo, &self.settings, options)
    }
}

/// Opens the repository at this path or URL for reading.
pub(crate) fn open(
    repo: &Path,
    settings: &StoreArgs,
    options: BackupEngineOptions,
) -> anyhow::Result<BackupEngineReadOnly> {
    let store = store(repo, settings, &options)?;
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

/// The store of the directory that a file is in which is named by its URL, and the file's name there; `None` for a path.
pub(crate) fn store_of_file(file: &Path, settings: &StoreArgs) -> anyhow::Result<Option<(Store, String)>> {
    let Some(url) = url(file) else {
        require_none(file, settings)?;
        return Ok(None);
    };
    let no_file =
        || UsageError::new("the URL names no file").with_hint("name a file, as in s3://BUCKET/PREFIX/meta/7");
    let mut directory = Url::parse(url).map_err(|error| UsageError::new(error.to_string()))?;
    let name = directory
        .path_segments()
        .and_then(|mut segments| segments.next_back());
    let name = name
        .filter(|name| !name.is_empty())
        .ok_or_else(no_file)?
        .to_owned();
    directory.path_segments_mut().map_err(|()| no_file())?.pop();
    Ok(Some((remote_store(directory.as_str(), settings)?, name)))
}

fn store(repo: &Path, settings: &StoreArgs, options: &BackupEngineOptions) -> anyhow::Result<Store> {
    let interrupt = Interrupt::of_process();
    Ok(unstopped_store(repo, settings, options)?.with_stop(move || interrupt.came()))
}

fn unstopped_store(
    repo: &Path,
    settings: &StoreArgs,
    options: &BackupEngineOptions,
) -> anyhow::Result<Store> {
    if let Some(url) = url(repo) {
        return Ok(remote_store(url, settings)?);
    }
    require_none(repo, settings)?;
    let store = LocalStore::new(repo).with_sync_method(options.sync_method);
    Ok(match options.io_buffer_size_bytes {
        Some(buffer_bytes) => store.with_buffer_bytes(buffer_bytes),
        None => store,
    }
    .into())
}

fn url(place: &Path) -> Option<&str> {
    place.to_str().filter(|text| scheme(text).is_some())
}

fn remote_store(url: &str, settings: &StoreArgs) -> Result<Store, UsageError> {
    let settings = &settings.store_option;
    let interrupt = Interrupt::of_process();
    let stops = move || interrupt.came();
    let opened = match scheme(url).map(str::to_ascii_lowercase).as_deref() {
        Some("hdfs") => {
            hadoop::check()?;
            HdfsStore::open(url, settings).map(|store| store.with_stop(stops).into())
        }
        Some("http" | "https") => WebStore::open(url, settings).map(|store| store.with_stop(stops).into()),
        _ => {
            let Settings { options, credentials } = store_settings::collect(url, settings)?;
            match credentials {
                Some(credentials) => RemoteStore::open_with_credentials(url, &options, credentials),
                None => RemoteStore::open(url, &options),
            }
            .map(|store| store.with_stop(stops).into())
        }
    };
    opened.map_err(|error| {
        let usage = UsageError::new(error.to_string());
        let hint = error
            .hint()
            .unwrap_or("for a directory of that name, put ./ before it");
        usage.with_hint(hint)
    })
}

/// Refuses settings of a store for a path.
fn require_none(path: &Path, settings: &StoreArgs) -> Result<(), UsageError> {
    if settings.store_option.is_empty() {
        return Ok(());
    }
    let message = format!("--store-option is for stores, and {} is a path", path.display());
    Err(UsageError::new(message))
}
