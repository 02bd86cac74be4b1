//! A database directory under watch: what appears there is opened from now on, wherever a follower then begins.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::Duration;

use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::options::CaptureOptions;

use super::finds::{Directories, Find};
use super::watcher::Watcher;
use crate::image::diagnostics::Diagnostics;
use crate::image::directory::Directory;
use crate::image::hot::followed::Followed;
use crate::image::hot::settings::Settings;
use crate::image::listing::{FileIdentity, Listing};
use crate::image::manifest::database_id;
use crate::image::no_database::no_database;
use crate::image::other_database;
use crate::{Error, Observer, Result, Warning};

/// How new WALs are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Looking {
    /// A thread opens each file when the system reports it (inotify).
    #[default]
    Events,
    /// The directories are listed at each tick. WALs that live shorter than the time between two ticks are missed.
    Listings,
}

/// What a database has set that matters to those who follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceFacts {
    /// The database id, if it has one.
    pub database_id: Option<String>,
    /// Obsolete WALs go to `archive/` (`WAL_ttl_seconds`, `WAL_size_limit_MB`): then none is missed if a tick comes in time.
    pub archives_wals: bool,
    /// WALs are overwritten (`recycle_log_file_num`).
    pub recycles_wals: bool,
    /// What the process has not flushed from its WAL buffer cannot be followed (`manual_wal_flush`).
    pub manual_wal_flush: bool,
}

/// A database directory under watch.
#[derive(Debug)]
pub struct Watch {
    pub(super) source: Directory,
    pub(super) directories: Arc<Directories>,
    pub(super) identity: FileIdentity,
    pub(super) settings: CaptureOptions,
    database_id: Option<String>,
    warnings: Vec<Warning>,
    watcher: Option<Watcher>,
    /// What was found and not taken yet, in the order of the files' making.
    finds: VecDeque<Find>,
}

impl Watch {
    /// Watches the directory of a database that another process has open, or may open. A base that is taken from now on is one
    /// that a follower can begin at.
    ///
    /// # Errors
    /// `NotFound` without a database; `Unsupported` or `Refused` where a hot capture is; `Io`, among others where the system has
    /// no more watches.
    pub fn open(source: &Directory, looking: Looking, observer: &dyn Observer) -> Result<Watch> {
        let opened = Watch::open_as(source, looking, observer);
        opened.map_err(|error| other_database::explain(&source.path, error))
    }

    fn open_as(source: &Directory, looking: Looking, observer: &dyn Observer) -> Result<Watch> {
        let mut diagnostics = Diagnostics::default();
        let followed = Followed::open(source, observer)?;
        let state = followed.state();
        let settings = Settings::read(source, state, &mut diagnostics, observer)?;
        let id = database_id(&source.path, state, &mut diagnostics)?;
        let home = source.path.clone();
        let identity = identity(&home)?;
        let directories = Arc::new(Directories {
            wals: settings.wal_dir.unwrap_or_else(|| home.clone()),
            home,
        });
        let watcher = match looking {
            Looking::Events => Some(Watcher::start(Arc::clone(&directories))?),
            Looking::Listings => None,
        };
        let finds = directories.list(None, &|_| true)?.into();
        Ok(Watch {
            source: source.clone(),
            directories,
            identity,
            settings: settings.options,
            database_id: id,
            warnings: diagnostics.into_warnings(&source.path, None)?,
            watcher,
            finds,
        })
    }

    /// Warnings about the database and its settings.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// What the database has set.
    pub fn facts(&self) -> SourceFacts {
        SourceFacts {
            database_id: self.database_id.clone(),
            archives_wals: self.settings.archives_wals,
            recycles_wals: self.settings.recycle_log_file_num > 0,
            manual_wal_flush: self.settings.manual_wal_flush,
        }
    }

    /// The database id, if it had one at the beginning.
    pub(super) fn database_id(&self) -> Option<&str> {
        self.database_id.as_deref()
    }

    /// What was found since the last call. Where there are no events, or some got lost, the directories are listed for what `is_wanted`,
    /// and the archive for WALs from `first` on.
    ///
    /// # Errors
    /// `Io`; `Refused` if a directory is gone.
    pub(super) fn take(
        &mut self,
        first: FileNumber,
        is_wanted: &dyn Fn(&DbFileName) -> bool,
    ) -> Result<Vec<Find>> {
        self.refuse_another_directory()?;
        let mut lists = self.watcher.is_none();
        if let Some(watcher) = &self.watcher {
            loop {
                match watcher.finds.try_recv() {
                    Ok(find) => self.finds.push_back(find?),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Err(self.watch_ended()),
                }
            }
        }
        lists |= self.finds.iter().any(|find| matches!(find, Find::EventsLost));
        let mut finds: Vec<Find> = self.finds.drain(..).collect();
        if lists {
            finds.extend(self.directories.list(Some(first), is_wanted)?);
        }
        Ok(finds)
    }

    /// Puts back what was taken, in the place of what came first.
    pub(super) fn give_back(&mut self, finds: impl Iterator<Item = Find>) {
        let later = std::mem::replace(&mut self.finds, finds.collect());
        self.finds.extend(later);
    }

    /// Waits until a file appears, at most that long; whether a WAL did. Where there are no events, it waits all the time.
    ///
    /// # Errors
    /// `Io`; `Refused` if a directory is gone.
    pub fn wait(&mut self, longest: Duration) -> Result<bool> {
        let Some(watcher) = &self.watcher else {
            self.source.clock.sleep(longest);
            return Ok(false);
        };
        match watcher.finds.recv_timeout(longest) {
            Ok(find) => {
                let find = find?;
                let is_wal = matches!(find, Find::Wal(..) | Find::MissedWal(_));
                self.finds.push_back(find);
                Ok(is_wal)
            }
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => Err(self.watch_ended()),
        }
    }

    /// Whether files are reported when they appear.
    pub(super) fn has_events(&self) -> bool {
        self.watcher.is_some()
    }

    /// # Errors
    /// `Refused` if the path leads to another directory than at the beginning.
    fn refuse_another_directory(&self) -> Result<()> {
        if identity(&self.directories.home)? == self.identity {
            return Ok(());
        }
        Err(self.was_replaced("it is another directory now"))
    }

    /// The error about another database in the same place.
    pub(super) fn was_replaced(&self, how: &str) -> Error {
        let database = self.directories.home.display();
        let message = format!("another database was put into {database} while it was followed: {how}");
        Error::source_changed(message)
    }

    fn watch_ended(&self) -> Error {
        let database = self.directories.home.display();
        Error::source_changed(format!(
            "a directory of the database in {database} was removed while it was followed"
        ))
    }
}

fn identity(database: &Path) -> Result<FileIdentity> {
    let identity = Listing::identity_of(database)?;
    identity.ok_or_else(|| no_database(database))
}
