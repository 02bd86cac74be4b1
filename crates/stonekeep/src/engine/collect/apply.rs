//! Step D5 of a deletion: what the plan says goes, in the plan's order.

use std::collections::BTreeSet;

use stonekeep_format::BackupId;

use super::report::{CollectReport, GarbageKind};
use crate::repo::garbage::{Area, Garbage, GarbagePlan};
use crate::repo::{ids, layout};
use crate::store::{Durability, Held, Key, NotDeleted, Persist, Store};
use crate::{Error, ErrorKind, Observer, Progress, Result};

/// So many files go in one request, between two looks at the lock.
const FILES_BETWEEN_CHECKS: usize = 256;

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
        let name = record.name();
        let id = layout::parse_id_and_crc(name).or_else(|| layout::parse_deleted_until(name));
        let id = id.map(|(id, _)| id);
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
        let left = self.remove(&plan.shared, &mut changed)?;
        self.left.shared |= !left.is_empty();
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
        let left = self.remove(files, changed)?;
        self.left.backups.extend(left.iter().filter_map(backup_of));
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
        self.store.persist(Persist::Names(&changed), self.durability)?;
        let done = plan.records.iter().filter(|record| !self.left.holds(record));
        let done: Vec<Key> = done.cloned().collect();
        self.remove_durably(&done, layout::deleted_directory())?;
        // Without the larger claim, the largest of these stays what keeps ids from being given again.
        let is_kept = plan.claim.is_none_or(|id| !self.left.backups.contains(&id));
        if is_kept {
            self.remove_durably(&plan.claims, layout::ids_directory())?;
        }
        Ok(())
    }

    /// Removes files of this directory that no report counts.
    fn remove_durably(&mut self, keys: &[Key], directory: Key) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        for left in self.store.delete(keys) {
            self.report.add_not_removed(left.key.as_str(), &left.error);
        }
        self.store.persist(Persist::Names(&[directory]), self.durability)
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

    /// Removes files, or only counts them in a dry run; returns what is left.
    fn remove(&mut self, files: &[Garbage], changed: &mut BTreeSet<Key>) -> Result<Vec<Key>> {
        let mut all_left = Vec::new();
        for batch in files.chunks(FILES_BETWEEN_CHECKS) {
            self.before_batch()?;
            let keys: Vec<Key> = batch.iter().map(|file| file.key.clone()).collect();
            let left = match self.lock {
                Some(_) => self.store.delete(&keys),
                None => Vec::new(),
            };
            for file in batch {
                self.progress.bytes_done += file.size_bytes;
                if left.iter().any(|left| left.key == file.key) {
                    continue;
                }
                self.report.add(file);
                // Most files are in the directory of the one before.
                if let Some(directory) = file.key.parent().filter(|parent| changed.last() != Some(parent)) {
                    changed.insert(directory);
                }
            }
            for NotDeleted { key, error } in left {
                // The store does not answer any more.
                if error.kind() == ErrorKind::Stopped {
                    return Err(error);
                }
                self.report.add_not_removed(key.as_str(), &error);
                all_left.push(key);
            }
            self.progress.files_done += batch.len() as u64;
            self.report_progress();
        }
        Ok(all_left)
    }

    fn discard(&mut self, area: &Area) -> Result<()> {
        self.before_batch()?;
        let path = layout::staging_directory().join(&area.name)?;
        if self.attempt(&path, |store| store.discard(&area.name)) {
            let path = path.as_str().to_owned();
            self.report
                .add_path(path, area.total.bytes, GarbageKind::LeftOver);
        }
        self.progress.files_done += 1;
        self.progress.bytes_done += area.total.bytes;
        self.report_progress();
        Ok(())
    }

    /// One that holds unknown files stays.
    fn remove_directory(&mut self, directory: &Key, changed: &mut BTreeSet<Key>) {
        let remove = |store: &Store| match store.delete_one(directory) {
            Err(error) if error.kind() == ErrorKind::Refused => Ok(()),
            removed => removed,
        };
        if self.attempt(directory, remove) {
            changed.extend(directory.parent())
        } else {
            self.left.backups.extend(backup_of(directory))
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

    fn before_batch(&self) -> Result<()> {
        if self.observer.should_stop() {
            return Err(Error::stopped());
        }
        self.lock.map_or(Ok(()), Held::check)
    }

    fn report_progress(&self) {
        self.observer.progressed(&self.progress);
    }
}

/// The backup that has this file or directory for itself: its id is a part of the path.
fn backup_of(key: &Key) -> Option<BackupId> {
    key.as_str().split('/').find_map(BackupId::parse)
}
