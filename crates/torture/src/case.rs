//! One verb on one repository or target, ready to be disturbed, and what is checked afterwards.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use stonekeep::engine::collect::DeleteOptions;
use stonekeep::engine::copy::{CopyOptions, CopyWhat};
use stonekeep::engine::hold::HoldOptions;
use stonekeep::engine::repair::RepairSource;
use stonekeep::engine::restore::{TargetDisk, abort_restore_on};
use stonekeep::engine::{BackupEngine, BackupEngineOptions, BackupEngineReadOnly, Components};
use stonekeep::store::{LockWait, Store};
use stonekeep::{ErrorKind, Quiet, RestoreOptions, VerifyLevel, VerifyWhat, WhichBackup};
use stonekeep_testkit::fake_clock::FakeClock;

use crate::leaks;
use crate::place::{Kind, Place};
use crate::tree;
use crate::verbs::{GONE, RESTORED, Verb, damaged};
use crate::world::{DELETED, HELD, World, create_options, id, options, restored};

/// The state that a restore goes over.
const OLD: u32 = 1;
/// Longer than any age that a collection asks for.
const LATER: Duration = Duration::from_secs(48 * 60 * 60);

/// A verb on a repository, or on a target, that is ready to be disturbed.
#[derive(Debug)]
pub struct Case<'a> {
    /// What it does.
    pub verb: Verb,
    /// Where the repository is.
    pub place: Place,
    world: &'a World,
    /// What a copy copies, and a repair takes files from.
    source: Place,
    sync: bool,
    target: tempfile::TempDir,
}

impl<'a> Case<'a> {
    /// A case in a new place.
    ///
    /// # Errors
    /// I/O errors.
    pub fn new(verb: Verb, world: &'a World, sync: bool) -> Result<Self> {
        Case::at(Place::new(world.kind)?, verb, world, sync)
    }

    /// A case in this place, which is empty.
    ///
    /// # Errors
    /// I/O errors.
    pub fn at(place: Place, verb: Verb, world: &'a World, sync: bool) -> Result<Self> {
        place.fill(&verb.files(world))?;
        let source = match verb {
            Verb::Copy | Verb::Repair => Place::with(Kind::Memory, &world.files)?,
            _ => Place::new(Kind::Memory)?,
        };
        let case = Case {
            verb,
            place,
            world,
            source,
            sync,
            target: tempfile::tempdir()?,
        };
        if verb.is_of_target() {
            tree::write(&case.target(), &world.restored[&OLD])?;
        }
        Ok(case)
    }

    /// Where a restore goes.
    pub fn target(&self) -> PathBuf {
        self.target.path().join("database")
    }

    fn options(&self) -> BackupEngineOptions {
        // The lease of a run that was killed has to be waited for.
        let wait = match self.world.kind {
            Kind::Objects => LockWait::AtMost(Duration::from_secs(60)),
            _ => LockWait::Fail,
        };
        options().with_sync(self.sync).with_lock_wait(wait)
    }

    /// Runs the verb with these handles, which may fail.
    ///
    /// # Errors
    /// Those of the verb.
    pub fn run(&self, store: &Store, disk: &TargetDisk) -> stonekeep::Result<()> {
        let open = || BackupEngine::open(self.options(), store.clone());
        let id = |number| {
            let id = stonekeep::BackupId::new(number);
            id.ok_or_else(|| stonekeep::Error::invalid("no id"))
        };
        match self.verb {
            Verb::Create | Verb::CreateFirst => {
                let options =
                    create_options().map_err(|error| stonekeep::Error::invalid(error.to_string()))?;
                let engine = open()?;
                engine
                    .create_new_backup(&self.world.source(), &options, &Quiet)
                    .map(drop)
            }
            Verb::Delete => open()?.delete_backup(id(GONE)?, &Quiet).map(drop),
            Verb::DeleteForAWhile => {
                let options = DeleteOptions::default().with_undelete_for(LATER * 100);
                open()?.delete_backups(&[id(GONE)?], &options, &Quiet).map(drop)
            }
            Verb::Purge => open()?.purge_old_backups(1, &Quiet).map(drop),
            Verb::Collect => open()?.garbage_collect(Duration::ZERO, &Quiet).map(drop),
            Verb::Undelete => open()?.undelete_backup(id(DELETED)?, &Quiet).map(drop),
            Verb::Hold => {
                let options = HoldOptions::default().with_reason("audit");
                open()?.hold_backup(id(GONE)?, &options, &Quiet).map(drop)
            }
            Verb::Copy => {
                let from = BackupEngineReadOnly::open(self.options(), self.source.store.clone())?;
                let engine = open()?;
                let how = CopyOptions::default();
                let report = engine.copy_backups_from(&from, CopyWhat::All, &how, &Quiet)?;
                let wrong = report.backups.iter().find(|backup| backup.reason.is_some());
                wrong.map_or(Ok(()), |backup| {
                    let reason = backup.reason.clone().unwrap_or_default();
                    Err(stonekeep::Error::io(
                        reason,
                        std::io::Error::other("one backup is not copied"),
                    ))
                })
            }
            Verb::Restore => {
                let engine = BackupEngineReadOnly::open(self.options(), store.clone())?;
                let which = WhichBackup::Id(id(RESTORED)?);
                engine
                    .restore_on(disk, which, &self.target(), &RestoreOptions::default(), &Quiet)
                    .map(drop)
            }
            Verb::Abort => abort_restore_on(disk, &self.target(), None).map(drop),
            Verb::Repair => self.repair(&open()?),
        }
    }

    fn repair(&self, engine: &BackupEngine) -> stonekeep::Result<()> {
        let from = BackupEngineReadOnly::open(self.options(), self.source.store.clone())?;
        let report = engine.repair(VerifyWhat::All, &[RepairSource::Repository(from)], &Quiet)?;
        let Some(left) = report.not_repaired.first() else {
            return Ok(());
        };
        let message = format!("{}: {} {:?}", left.path, left.reason, left.rejected);
        Err(stonekeep::Error::io(
            message,
            std::io::Error::other("one file is not repaired"),
        ))
    }

    /// Runs it undisturbed after a disturbed run. What the first run has done already is no error.
    ///
    /// # Errors
    /// If it fails.
    pub fn run_again(&self) -> Result<()> {
        let disk = TargetDisk::default().with_sync(false);
        match self.run(&self.place.store, &disk) {
            Ok(()) => Ok(()),
            Err(error) if self.is_done(error.kind()) => Ok(()),
            Err(error) => bail!("the next run fails: {}", error.one_line()),
        }
    }

    /// Whether an error of this kind says that nothing is left to do.
    pub(crate) fn is_done(&self, kind: ErrorKind) -> bool {
        match self.verb {
            Verb::Delete | Verb::DeleteForAWhile => kind == ErrorKind::NotFound,
            // It exists, or all that was to come back of it has come back.
            Verb::Undelete => kind == ErrorKind::Refused,
            // There is no unfinished restore any more, or it is complete.
            Verb::Abort => matches!(kind, ErrorKind::NotFound | ErrorKind::Refused),
            _ => false,
        }
    }

    /// Every backup that may be there is whole, and none is missing.
    ///
    /// # Errors
    /// If a promise is broken.
    pub fn check(&self) -> Result<()> {
        if self.verb.is_of_target() {
            return self.check_target();
        }
        let (most, least) = self.verb.bounds();
        let there = match BackupEngineReadOnly::open(options(), self.place.store.clone()) {
            Ok(reader) => self.check_backups(&reader)?,
            Err(error) => {
                ensure!(
                    error.kind() == ErrorKind::NotFound,
                    "it cannot be opened: {}",
                    error.one_line()
                );
                BTreeSet::new()
            }
        };
        ensure!(
            there.is_subset(&most),
            "more backups than there may be: {there:?}"
        );
        ensure!(there.is_superset(&least), "a backup is lost: {there:?}");
        Ok(())
    }

    fn check_backups(&self, reader: &BackupEngineReadOnly) -> Result<BTreeSet<u32>> {
        let ids = reader.backup_ids()?;
        if ids.is_empty() {
            return Ok(BTreeSet::new());
        }
        let damaged = self.check_files(reader)?;
        for backup in &ids {
            let needs = self.world.needs.get(&backup.get());
            if needs.is_some_and(|needs| !needs.is_disjoint(&damaged)) {
                continue;
            }
            let wanted = self.world.restored.get(&backup.get());
            let wanted = match (self.verb, wanted) {
                (Verb::CreateFirst, _) => &self.world.present,
                (Verb::Undelete, None) => &self.world.deleted,
                (_, Some(known)) => known,
                (_, None) => &self.world.present,
            };
            if let Some(difference) = tree::difference(&restored(reader, *backup)?, wanted) {
                bail!("backup {backup} restores to another database: {difference}");
            }
        }
        Ok(ids.into_iter().map(stonekeep::BackupId::get).collect())
    }

    /// Verifies every file. Only those may be damaged, at most, that are to be repaired; which ones still are.
    fn check_files(&self, reader: &BackupEngineReadOnly) -> Result<BTreeSet<String>> {
        let verified = reader.verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)?;
        ensure!(verified.unchecked.is_empty(), "{:?}", verified.unchecked);
        let found = verified.findings.iter().map(|finding| finding.file.clone());
        let found: BTreeSet<String> = found.collect();
        let permitted = match self.verb {
            Verb::Repair => damaged(self.world),
            _ => BTreeSet::new(),
        };
        ensure!(found.is_subset(&permitted), "{:?}", verified.findings);
        Ok(found)
    }

    fn check_target(&self) -> Result<()> {
        let mut found = tree::read(&self.target())?;
        found.retain(|name, _| !name.starts_with(".stonekeep-restore/"));
        let (old, new) = (&self.world.restored[&OLD], &self.world.restored[&RESTORED]);
        let current = found.get("CURRENT").context("there is no CURRENT")?;
        if current == &old["CURRENT"] {
            let difference = tree::difference(&found, old);
            ensure!(difference.is_none(), "the old state is not whole: {difference:?}");
        } else if current == &new["CURRENT"] {
            let difference = tree::difference(&found, new);
            ensure!(difference.is_none(), "the new state is not whole: {difference:?}");
        } else {
            ensure!(!current.starts_with(b"MANIFEST-"), "RocksDB would open a mixture");
        }
        Ok(())
    }

    /// What was asked for is there.
    ///
    /// # Errors
    /// If it is not.
    pub fn require_done(&self) -> Result<()> {
        if self.verb.is_of_target() {
            let current = tree::read(&self.target())?.remove("CURRENT");
            let (old, new) = (&self.world.restored[&OLD], &self.world.restored[&RESTORED]);
            let wanted = if self.verb == Verb::Abort { old } else { new };
            ensure!(
                current.as_ref() == wanted.get("CURRENT"),
                "the target has another CURRENT"
            );
            return Ok(());
        }
        let reader = BackupEngineReadOnly::open(options(), self.place.store.clone())?;
        let there: BTreeSet<u32> = reader
            .backup_ids()?
            .into_iter()
            .map(stonekeep::BackupId::get)
            .collect();
        let is_done = match self.verb {
            Verb::Create => there.iter().any(|it| *it > DELETED),
            Verb::CreateFirst => !there.is_empty(),
            Verb::Delete | Verb::DeleteForAWhile => !there.contains(&GONE),
            Verb::Purge => there == BTreeSet::from([HELD, RESTORED]),
            Verb::Undelete => there.contains(&DELETED),
            Verb::Copy => there == BTreeSet::from([1, 2, 3, RESTORED]),
            Verb::Hold => {
                let held = reader
                    .get_backup_info(id(GONE)?, stonekeep::InfoDetail::Sizes)?
                    .hold;
                held.is_some()
            }
            Verb::Repair => self.check_files(&reader)?.is_empty(),
            Verb::Collect | Verb::Restore | Verb::Abort => true,
        };
        ensure!(is_done, "it is not done: {there:?}");
        Ok(())
    }

    /// Takes an interrupted restore back, if there is one.
    ///
    /// # Errors
    /// If that fails.
    pub fn abort(&self) -> Result<()> {
        match abort_restore_on(&TargetDisk::default().with_sync(false), &self.target(), None) {
            Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Refused) => {
                bail!("the abort fails: {}", error.one_line())
            }
            _ => Ok(()),
        }
    }

    /// After the next run has ended, all is as if nothing had happened, and a collection long after that leaves nothing behind.
    ///
    /// # Errors
    /// If a promise is broken.
    pub fn check_end(&self) -> Result<()> {
        self.check()?;
        if self.verb == Verb::Repair {
            self.require_done()?;
        }
        if self.verb.is_of_target() {
            let left = self.target().join(".stonekeep-restore");
            ensure!(!left.exists(), "the restore has left {}", left.display());
            return Ok(());
        }
        let (clock, now) = (
            FakeClock::new(std::time::SystemTime::now() + LATER),
            self.place.store.clone(),
        );
        let engine = BackupEngine::open(self.options(), now)?
            .with_components(Components::default().with_clock(Arc::new(clock)));
        // An object store has its own clock.
        let min_age = match self.world.kind {
            Kind::Objects => Duration::ZERO,
            _ => Duration::from_secs(60 * 60),
        };
        engine.garbage_collect(min_age, &Quiet).context("collecting")?;
        self.check().context("after a collection")?;
        leaks::require_none(&self.place)
    }

    /// Interrupts a restore, so that there is something to abort.
    ///
    /// # Errors
    /// If it was not interrupted.
    pub fn interrupt(&self, disk: &TargetDisk) -> Result<()> {
        let reader = BackupEngineReadOnly::open(self.options(), self.place.store.clone())?;
        let which = WhichBackup::Id(id(RESTORED)?);
        let ended = reader.restore_on(disk, which, &self.target(), &RestoreOptions::default(), &Quiet);
        ensure!(ended.is_err(), "the restore was not interrupted");
        Ok(())
    }

    /// The directory of the target.
    pub fn target_path(&self) -> &Path {
        self.target.path()
    }
}
