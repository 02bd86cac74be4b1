//! One restore under way: its inputs, and what its steps share.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::Path;

use super::hold::{self, Held};
use super::point::{self, ResolvedPoint};
use super::switchover::Switchover;
use crate::engine::info::WhichBackup;
use crate::engine::{BackupEngineReadOnly, RestoreMode, RestoreOptions};
use crate::repo::index::RepositoryIndex;
use crate::store::Store;
use crate::target::{Area, TargetDirectories, TargetDisk};
use crate::{Error, Observer, Phase, Progress, Result};

/// Whether a restore is only planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Plan,
    Restore,
}

/// See the [module](self).
pub(super) struct RestoreContext<'a> {
    pub(super) verb: Verb,
    pub(super) which: WhichBackup,
    pub(super) engine: &'a BackupEngineReadOnly,
    pub(super) disk: &'a TargetDisk,
    pub(super) targets: TargetDirectories,
    pub(super) options: &'a RestoreOptions,
    pub(super) observer: &'a dyn Observer,
    /// What the backup that is copied needs, for the message where the disk runs full.
    pub(super) needed_bytes: Cell<u64>,
    /// The repository, listed once for the choice of a backup and for its plan. A file that is removed afterwards is
    /// missed when it is opened, before anything at the target changes.
    pub(super) index: RefCell<RepositoryIndex<'a>>,
    /// The locks at the target, once they are taken.
    held: OnceCell<Held>,
    /// Whether the directory for the old state was made.
    pub(super) keep_old_made: Cell<bool>,
    /// What helps if there is no room, if the caller knows better.
    room_advice: Option<String>,
    /// The point that is restored, if it is not a backup.
    pub(super) point: Option<ResolvedPoint>,
}

impl<'a> RestoreContext<'a> {
    pub(super) fn new(
        verb: Verb,
        which: WhichBackup,
        engine: &'a BackupEngineReadOnly,
        disk: &'a TargetDisk,
        db_dir: &Path,
        options: &'a RestoreOptions,
        observer: &'a dyn Observer,
    ) -> Result<Self> {
        let targets = TargetDirectories::locate(db_dir, options.wal_dir.as_deref())?;
        for (area, target) in targets.all() {
            let what = match area {
                Area::Db => "the target",
                Area::Wal => "the directory of the WALs",
            };
            engine.store().require_outside(target.path(), what)?;
        }
        let point = match options.point {
            Some(point) => Some(point::resolve(engine, which, point)?),
            None => None,
        };
        Ok(RestoreContext {
            verb,
            which: point
                .as_ref()
                .map_or(which, |point| WhichBackup::Id(point.base_id)),
            engine,
            disk,
            targets,
            options,
            observer,
            needed_bytes: Cell::new(0),
            index: RefCell::new(RepositoryIndex::new(engine.store())),
            held: OnceCell::new(),
            keep_old_made: Cell::new(false),
            room_advice: None,
            point,
        })
    }

    /// The same with what helps if there is no room.
    pub(super) fn with_room_advice(self, advice: String) -> Self {
        RestoreContext {
            room_advice: Some(advice),
            ..self
        }
    }

    /// An error of a place without room, with what helps.
    pub(super) fn advise_room(&self, error: Error) -> Error {
        match &self.room_advice {
            Some(advice) => error.with_hint(advice),
            None => error,
        }
    }

    /// Looks at the repository anew.
    pub(super) fn forget_index(&self) {
        *self.index.borrow_mut() = RepositoryIndex::new(self.store());
    }

    /// Whether only files that are written need to be in the repository: where files of the target may stay, most stored
    /// ones do not matter. The choice of a valid backup needs them all.
    pub(super) fn needs_only_written_files(&self) -> bool {
        self.which != WhichBackup::LatestValid && self.options.mode != RestoreMode::PurgeAllFiles
    }

    pub(super) fn store(&self) -> &'a Store {
        self.engine.store()
    }

    pub(super) fn switchover(&self) -> Switchover<'_> {
        Switchover {
            targets: &self.targets,
            disk: self.disk,
            held: self.held.get(),
        }
    }

    /// R0.
    pub(super) fn hold(&self) -> Result<()> {
        let held = hold::hold(&self.targets, self.disk)?;
        self.held
            .set(held)
            .map_err(|_| Error::refused("this restore holds its locks already"))
    }

    pub(super) fn begin_phase(&self, phase: Phase) {
        self.observer.progressed(&Progress::begin(phase));
    }
}
