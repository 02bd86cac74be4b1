//! Step D5 of a deletion: what the plan says goes, in the plan's order.

use super::report::{CollectReport, GarbageKind};
use crate::repo::garbage::{Area, Garbage, GarbagePlan};
use crate::repo::layout;
use crate::store::{Durability, Guard, Key, Store};
use crate::{Error, ErrorKind, Observer, Progress, Result};

/// So many files go between two looks at the lock.
const FILES_BETWEEN_CHECKS: u64 = 256;

/// Carries out a plan, or only tells what it would remove.
pub(super) struct Apply<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) durability: Durability,
    pub(super) observer: &'a dyn Observer,
    /// The writer's lock; `None` in a dry run.
    pub(super) lock: Option<&'a dyn Guard>,
    pub(super) progress: Progress,
    pub(super) report: CollectReport,
}

impl<'a> Apply<'a> {
    /// Removes everything, the records of deleted backups last: as long as a record is there, what it names is known
    /// to be garbage.
    pub(super) fn run(mut self, plan: GarbagePlan) -> Result<CollectReport> {
        self.start(&plan);
        let (files, bytes) = (self.progress.files_total, self.progress.bytes_total);
        tracing::info!(files, bytes, "found files that no backup needs");
        for file in plan.shared.iter().chain(&plan.private) {
            self.remove(file)?;
        }
        for id in &plan.private_directories {
            self.remove_directory(&layout::private(*id))?;
        }
        for file in &plan.taken_along {
            self.remove(file)?;
        }
        for directory in &plan.taken_along_directories {
            self.remove_directory(directory)?;
        }
        for file in &plan.facts {
            self.remove(file)?;
        }
        for area in &plan.areas {
            self.discard(area)?;
        }
        if self.lock.is_some() {
            self.store
                .sync_directories(&directories(&plan), self.durability)?;
            for record in &plan.records {
                self.store.delete(record)?;
            }
            if !plan.records.is_empty() {
                self.store
                    .sync_directories(&[layout::deleted_directory()], self.durability)?;
            }
        }
        self.tell();
        Ok(self.report)
    }

    fn start(&mut self, plan: &GarbagePlan) {
        let files = [&plan.shared, &plan.private, &plan.taken_along, &plan.facts];
        let files = files.into_iter().flatten();
        let sizes = files
            .map(|file| file.size_bytes)
            .chain(plan.areas.iter().map(|area| area.size_bytes));
        for size_bytes in sizes {
            self.progress.files_total += 1;
            self.progress.bytes_total += size_bytes;
        }
        self.tell();
    }

    fn remove(&mut self, file: &Garbage) -> Result<()> {
        self.before_each()?;
        if self.lock.is_some() {
            self.store.delete(&file.key)?;
        }
        self.report.add(file);
        self.count(file.size_bytes);
        Ok(())
    }

    fn discard(&mut self, area: &Area) -> Result<()> {
        self.before_each()?;
        if self.lock.is_some() {
            self.store.discard(&area.name)?;
        }
        let path = format!("{}/{}", layout::staging_directory(), area.name);
        self.report.add_path(path, area.size_bytes, GarbageKind::LeftOver);
        self.count(area.size_bytes);
        Ok(())
    }

    /// One that holds strangers stays.
    fn remove_directory(&mut self, directory: &Key) -> Result<()> {
        if self.lock.is_none() {
            return Ok(());
        }
        match self.store.delete(directory) {
            Err(error) if error.kind() == ErrorKind::Refused => Ok(()),
            removed => removed.map(drop),
        }
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
            self.tell();
        }
    }

    fn tell(&self) {
        self.observer.progressed(&self.progress);
    }
}

/// The directories that lose names.
fn directories(plan: &GarbagePlan) -> Vec<Key> {
    let files = [&plan.shared, &plan.private, &plan.taken_along, &plan.facts];
    let files = files.into_iter().flatten().map(|file| &file.key);
    let keys = files.chain(&plan.taken_along_directories);
    let mut directories: Vec<Key> = keys.filter_map(Key::parent).collect();
    if !plan.private_directories.is_empty() {
        directories.push(layout::private_directory());
    }
    directories.sort();
    directories.dedup();
    directories
}
