//! Step D5 of a deletion: what the plan says goes, in the plan's order.

use std::collections::BTreeSet;

use stonekeep_format::BackupId;

use super::report::{CollectReport, GarbageKind};
use crate::repo::garbage::{Area, Garbage, GarbagePlan};
use crate::repo::{ids, layout};
use crate::store::{Durability, Held, Key, Store};
use crate::{Error, ErrorKind, Observer, Progress, Result};

/// So many files go between two looks at the lock.
const FILES_BETWEEN_CHECKS: u64 = 256;

/// Carries out a plan, or only reports what it would remove. What cannot be removed is reported and does not stop the rest.
pub(super) struct Apply<'a> {
    pub(super) store: &'a Store,
    pub(super) durability: Durability,
    pub(super) observer: &'a dyn Observer,
    /// The writer's lock; `None` in a dry run.
    pub(super) lock: Option<&'a Held>,
    pub(super) progress: Progress,
    pub(super) report: CollectReport,
    /// What stays, so that its records have to stay, too.
    pub(super) left: Left,
}

/// What could not be removed.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Whether a shared file is among it: any record may name it.
    shared: bool,
    /// The backups of other files.
    backups: BTreeSet<BackupId>,
}

impl Left {
    fn holds(&self, record: &Key) -> bool {
        let id = layout::parse_deleted(record.name()).map(|(id, _)| id);
        self.shared || id.is_some_and(|id| self.backups.contains(&id))
    }
}

impl<'a> Apply<'a> {
    /// Removes everything, the records of deleted backups last: as long as a record is there, what it names is known
    /// to be garbage.
    pub(super) fn run(mut self, plan: GarbagePlan) -> Result<CollectReport> {
        self.start(&plan);
        let (files, bytes) = (self.progress.files_total, self.progress.bytes_total);
        tracing::info!(files, bytes, "found files that no backup needs");
        let mut changed = BTreeSet::new();
        self.keep_claim(&plan);
        for file in &plan.shared {
            let is_gone = self.remove(file, &mut changed)?;
            self.left.shared |= !is_gone;
        }
        self.remove_of_backups(&plan.private, &mut changed)?;
        for (id, error) in &plan.unlistable {
            self.left.backups.insert(*id);
            self.report.add_not_removed(layout::private(*id).as_str(), error);
        }
        for id in &plan.private_directories {
            self.remove_directory(&layout::private(*id), &mut changed);
        }
        self.remove_of_backups(&plan.included, &mut changed)?;
        for directory in &plan.included_directories {
            self.remove_directory(directory, &mut changed);
        }
        self.remove_of_backups(&plan.facts, &mut changed)?;
        for area in &plan.areas {
            self.discard(area)?;
        }
        if self.lock.is_some() {
            self.remove_records(&plan, changed)?;
        }
        self.report.warn_of_not_removed();
        self.report_progress();
        Ok(self.report)
    }

    fn keep_claim(&mut self, plan: &GarbagePlan) {
        if let Some(id) = plan.claim.filter(|_| self.lock.is_some())
            && let Err(error) = ids::keep(self.store, id)
        {
            self.left.backups.insert(id);
            self.report.add_not_removed(layout::id_claim(id).as_str(), &error);
        }
    }

    /// Removes files that one backup has for itself.
    fn remove_of_backups(&mut self, files: &[Garbage], changed: &mut BTreeSet<Key>) -> Result<()> {
        for file in files {
            if !self.remove(file, changed)? {
                self.left.backups.extend(backup_of(&file.key));
            }
        }
        Ok(())
    }

    /// Makes the removals durable, then removes the records of those backups of which nothing is left.
    fn remove_records(&mut self, plan: &GarbagePlan, mut changed: BTreeSet<Key>) -> Result<()> {
        if !plan.records.is_empty() {
            // A run that was killed may have removed files of these backups, and not have made that durable.
            changed.extend([
                layout::shared_directory(),
                layout::shared_checksum_directory(),
                layout::private_directory(),
                layout::facts_directory(),
                layout::included_directory(),
            ]);
        }
        let changed: Vec<Key> = changed.into_iter().collect();
        self.store.sync_directories(&changed, self.durability)?;
        let done: Vec<&Key> = plan
            .records
            .iter()
            .filter(|record| !self.left.holds(record))
            .collect();
        for record in &done {
            self.attempt(record, |store| store.delete(record).map(drop));
        }
        if !done.is_empty() {
            self.store
                .sync_directories(&[layout::deleted_directory()], self.durability)?;
        }
        for claim in &plan.claims {
            self.attempt(claim, |store| store.delete(claim).map(drop));
        }
        match plan.claims.first().and_then(Key::parent) {
            Some(claims) => self.store.sync_directories(&[claims], self.durability),
            None => Ok(()),
        }
    }

    fn start(&mut self, plan: &GarbagePlan) {
        let files = [&plan.shared, &plan.private, &plan.included, &plan.facts];
        let files = files.into_iter().flatten();
        let sizes = files
            .map(|file| file.size_bytes)
            .chain(plan.areas.iter().map(|area| area.total.bytes));
        for size_bytes in sizes {
            self.progress.files_total += 1;
            self.progress.bytes_total += size_bytes;
        }
        self.report_progress();
    }

    /// Whether it is gone, or would be.
    fn remove(&mut self, file: &Garbage, changed: &mut BTreeSet<Key>) -> Result<bool> {
        self.before_each()?;
        let is_gone = self.attempt(&file.key, |store| store.delete(&file.key).map(drop));
        if is_gone {
            self.report.add(file);
            // Most files are in the directory of the one before.
            if let Some(directory) = file.key.parent().filter(|parent| changed.last() != Some(parent)) {
                changed.insert(directory);
            }
        }
        self.count(file.size_bytes);
        Ok(is_gone)
    }

    fn discard(&mut self, area: &Area) -> Result<()> {
        self.before_each()?;
        let path = layout::staging_directory().join(&area.name)?;
        if self.attempt(&path, |store| store.discard(&area.name)) {
            let path = path.as_str().to_owned();
            self.report
                .add_path(path, area.total.bytes, GarbageKind::LeftOver);
        }
        self.count(area.total.bytes);
        Ok(())
    }

    /// One that holds unknown files stays.
    fn remove_directory(&mut self, directory: &Key, changed: &mut BTreeSet<Key>) {
        let remove = |store: &Store| match store.delete(directory) {
            Err(error) if error.kind() == ErrorKind::Refused => Ok(()),
            removed => removed.map(drop),
        };
        match self.attempt(directory, remove) {
            true => changed.extend(directory.parent()),
            false => self.left.backups.extend(backup_of(directory)),
        }
    }

    /// Whether something was removed, or would be in a dry run.
    fn attempt(&mut self, key: &Key, removal: impl FnOnce(&Store) -> Result<()>) -> bool {
        if self.lock.is_none() {
            return true;
        }
        let removed = removal(self.store);
        if let Err(error) = &removed {
            self.report.add_not_removed(key.as_str(), error);
        }
        removed.is_ok()
    }

    fn before_each(&self) -> Result<()> {
        if self.observer.should_stop() {
            return Err(Error::stopped());
        }
        match self.lock {
            Some(lock) if self.progress.files_done.is_multiple_of(FILES_BETWEEN_CHECKS) => lock.check(),
            _ => Ok(()),
        }
    }

    fn count(&mut self, size_bytes: u64) {
        self.progress.files_done += 1;
        self.progress.bytes_done += size_bytes;
        if self.progress.files_done.is_multiple_of(FILES_BETWEEN_CHECKS) {
            self.report_progress();
        }
    }

    fn report_progress(&self) {
        self.observer.progressed(&self.progress);
    }
}

/// The backup that has this file or directory for itself: its id is a part of the path.
fn backup_of(key: &Key) -> Option<BackupId> {
    key.as_str().split('/').find_map(BackupId::parse)
}
