//! What verify and restore must say of a damaged repository.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use fastrand::Rng;
use stonekeep::engine::BackupEngineReadOnly;
use stonekeep::engine::info::BackupState;
use stonekeep::store::Store;
use stonekeep::{ErrorKind, Quiet, VerifyLevel, VerifyReport, VerifyWhat, WhichBackup};

use super::damage::Changes;
use super::file_kind::kind_of;
use crate::budget::Report;
use crate::tree;
use crate::world::{World, id, options, restore};

/// Knows what was damaged, and whom it concerns.
pub(super) struct Judge<'a> {
    pub(super) world: &'a World,
    pub(super) store: &'a Store,
    pub(super) changes: &'a Changes,
    /// The backups that need a damaged file, with those files.
    pub(super) concerned: BTreeMap<u32, BTreeSet<&'a str>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(world: &'a World, store: &'a Store, changes: &'a Changes) -> Self {
        let mut concerned: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
        for (backup, needs) in &world.needs {
            let damaged = changes.keys().filter(|name| needs.contains(*name));
            let damaged: BTreeSet<&str> = damaged.map(String::as_str).collect();
            if !damaged.is_empty() {
                concerned.insert(*backup, damaged);
            }
        }
        Judge {
            world,
            store,
            changes,
            concerned,
        }
    }

    /// Whether it is a repository still.
    pub(super) fn check(&self, rng: &mut Rng, report: &mut Report) -> Result<bool> {
        let reader = BackupEngineReadOnly::open(options(), self.store.clone());
        // Without any meta file there is no repository.
        let reader = match reader {
            Err(_) if self.metas().count() == 0 => {
                report.count("repositories without a meta file are refused");
                return Ok(false);
            }
            reader => reader?,
        };
        if self.metas().count() == 0 {
            let empty = reader.verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet);
            ensure!(empty.is_err(), "a repository without a meta file is right");
            report.count("repositories without a meta file are refused");
            return Ok(false);
        }
        let verified = reader.verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)?;
        self.check_findings(&verified, report)?;
        for backup in self.world.needs.keys() {
            // All that are concerned, and one or the other of those that are not.
            if self.concerned.contains_key(backup) || rng.u8(0..3) == 0 {
                self.check_restore(&reader, *backup, report)
                    .with_context(|| format!("restoring backup {backup}"))?;
            }
        }
        self.check_latest_valid(&reader)?;
        Ok(true)
    }

    /// The meta files that are there.
    fn metas(&self) -> impl Iterator<Item = u32> {
        let files = self.world.needs.keys();
        files
            .copied()
            .filter(|backup| !matches!(self.changes.get(&format!("meta/{backup}")), Some(None)))
    }

    /// The id of a meta file or of facts that are damaged.
    fn record_changed(&self, backup: u32) -> bool {
        let records = [format!("meta/{backup}"), format!("stonekeep/backups/{backup}")];
        records.iter().any(|name| self.changes.contains_key(name))
    }

    fn check_findings(&self, verified: &VerifyReport, report: &mut Report) -> Result<()> {
        let unchecked = verified.unchecked.iter().map(|file| (&file.file, &file.backups));
        let found = verified.findings.iter().map(|it| (&it.file, &it.backups));
        for (file, backups) in found.chain(unchecked) {
            let of_records = backups.iter().all(|backup| self.record_changed(backup.get()));
            ensure!(
                self.changes.contains_key(file) || of_records,
                "false alarm of {file}: {:?} {:?}",
                verified.findings,
                verified.unchecked
            );
        }
        for (backup, damaged) in &self.concerned {
            let meta = format!("meta/{backup}");
            let state = verified.backups.iter().find(|it| it.id.get() == *backup);
            let Some(state) = state else {
                ensure!(
                    self.changes.get(&meta) == Some(&None),
                    "backup {backup} was not verified"
                );
                let one = id(*backup)?;
                report.count("lost meta files, which are deleted backups");
                let reader = BackupEngineReadOnly::open(options(), self.store.clone())?;
                let gone = reader.verify_backups(one, VerifyLevel::Checksum, &Quiet);
                let kind = gone.err().map(|error| error.kind());
                ensure!(
                    kind == Some(ErrorKind::NotFound),
                    "the lost backup {backup} is {kind:?}"
                );
                continue;
            };
            let is_named = |file: &str| {
                let its = verified
                    .findings
                    .iter()
                    .filter(|it| it.backups.contains(&state.id));
                its.map(|it| &it.file).any(|it| it == file)
            };
            for file in damaged {
                if !is_named(file) {
                    self.not_named(verified, *backup, file, report)?;
                }
            }
        }
        for backup in &verified.backups {
            let is_right = backup.state == BackupState::Valid;
            let number = backup.id.get();
            let may_be_wrong = self.concerned.contains_key(&number) || self.record_changed(number);
            ensure!(is_right || may_be_wrong, "backup {number} is {:?}", backup.state);
        }
        Ok(())
    }

    /// A damaged file that no finding names.
    fn not_named(&self, verified: &VerifyReport, backup: u32, file: &str, report: &mut Report) -> Result<()> {
        let warned = verified
            .warnings
            .iter()
            .any(|warning| warning.to_string().contains(file));
        let meta = format!("meta/{backup}");
        if warned {
            report.count(format!("warnings that name {}", kind_of(file)));
            return Ok(());
        }
        if self.record_changed(backup) {
            let of_it = verified
                .findings
                .iter()
                .find(|it| it.backups.iter().any(|id| id.get() == backup));
            match of_it {
                Some(found) if file == meta => {
                    report.count(format!(
                        "INEXACT: a damaged meta file is found as {:?}",
                        found.kind
                    ));
                    return Ok(());
                }
                // What a damaged meta file does not name any more cannot be found.
                _ if file != meta && self.changes.contains_key(&meta) => return Ok(()),
                _ => {}
            }
        }
        bail!(
            "verify does not name {file}: {:?} {:?}",
            verified.findings,
            verified.warnings
        )
    }

    fn check_restore(&self, reader: &BackupEngineReadOnly, backup: u32, report: &mut Report) -> Result<()> {
        let target = tempfile::tempdir()?;
        let target = target.path().join("restored");
        let wanted = &self.world.restored[&backup];
        let restored = restore(reader, WhichBackup::Id(id(backup)?), &target);
        let damaged = self.concerned.get(&backup);
        match (restored, damaged) {
            (Ok(done), _) => {
                let found = tree::read(&target)?;
                if let Some(difference) = tree::difference(&found, wanted) {
                    let text = format!("{:?}", done.warnings);
                    let told = self.changes.keys().any(|name| text.contains(name.as_str()));
                    ensure!(
                        told && self.record_changed(backup),
                        "{difference}, and nobody said so: {text}"
                    );
                    report.count("restores that warn of what they cannot restore");
                }
                if let Some(damaged) = damaged {
                    let only_meta = damaged.iter().all(|file| file.starts_with("meta/"));
                    ensure!(only_meta, "it succeeds without {damaged:?}");
                    report.count("damage to meta files that changes no restored byte");
                }
            }
            (Err(error), Some(damaged)) => {
                let text = format!("{} {:?}", error.one_line(), error.findings());
                let is_exact = damaged.iter().any(|file| text.contains(file));
                let of_meta = self.record_changed(backup);
                ensure!(is_exact || of_meta, "it does not name one of {damaged:?}: {text}");
                if !is_exact && error.kind() != ErrorKind::NotFound {
                    report.count("INEXACT: a restore names a file of a damaged meta file");
                }
            }
            (Err(error), None) => bail!("it fails without need: {}", error.one_line()),
        }
        Ok(())
    }

    /// The newest backup that is whole, or a newer one to which the damage does nothing.
    fn check_latest_valid(&self, reader: &BackupEngineReadOnly) -> Result<()> {
        let whole = self
            .world
            .needs
            .keys()
            .rev()
            .find(|backup| !self.concerned.contains_key(backup));
        let target = tempfile::tempdir()?;
        let target = target.path().join("restored");
        match (restore(reader, WhichBackup::LatestValid, &target), whole) {
            (Ok(done), whole) => {
                let backup = done.backup_id.get();
                ensure!(
                    whole.is_none_or(|whole| *whole <= backup),
                    "{backup} is not the latest valid one"
                );
                let wanted = self
                    .world
                    .restored
                    .get(&backup)
                    .context("a backup that was never made")?;
                let difference = tree::difference(&tree::read(&target)?, wanted);
                if let Some(difference) = difference {
                    ensure!(
                        self.record_changed(backup),
                        "{difference} in the latest valid backup {backup}"
                    );
                }
                Ok(())
            }
            (Err(_), None) => Ok(()),
            (Err(error), Some(whole)) => {
                bail!("{whole} is whole, and nothing is restored: {}", error.one_line())
            }
        }
    }
}
