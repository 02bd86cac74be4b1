//! Step R1: new files into `new/`, each one checked against its checksum while it is written.

use std::collections::BTreeSet;

use super::plan::Plan;
use super::switchover::Switchover;
use super::write::Write;
use crate::engine::BackupEngineReadOnly;
use crate::engine::contents::{Content, FileCopier};
use crate::parallel::run_bounded;
use crate::target::{Area, TargetDirectory, TargetEntry, TargetPath};
use crate::{Observer, Phase, Result};

/// The names of what earlier runs have staged.
pub(super) type Staged = BTreeSet<(Area, String)>;

/// Copies a plan's files.
#[derive(Clone, Copy)]
pub(super) struct Copier<'a> {
    pub(super) engine: &'a BackupEngineReadOnly,
    pub(super) switchover: Switchover<'a>,
    pub(super) observer: &'a dyn Observer,
}

impl Copier<'_> {
    /// Removes what earlier runs have staged and this plan does not need, and returns the rest.
    pub(super) fn discard_unknown(&self, plan: &Plan) -> Result<Staged> {
        let mut staged = Staged::default();
        for (area, target) in self.switchover.targets.all() {
            let names = target.names(&target.staged("new"))?;
            if names.is_empty() {
                continue;
            }
            let writes = plan.writes.iter().filter(|write| write.to.area == area);
            let wanted: BTreeSet<String> = writes.map(|write| write.to.staged_name()).collect();
            for name in names {
                if wanted.contains(&name) {
                    staged.insert((area, name));
                } else {
                    self.discard(target, &target.new_file(&name)?)?;
                }
            }
        }
        Ok(staged)
    }

    /// Stages all files: where they are, and whether some of them were there already. Nothing is durable yet.
    ///
    /// # Errors
    /// `Corrupt` for a file of the backup that is not what it should be, `Stopped`, and I/O errors.
    pub(super) fn copy(&self, plan: &Plan, earlier: &Staged) -> Result<(Vec<TargetPath>, bool)> {
        let meter = self.engine.meter(
            self.observer,
            &self.engine.restore_rate_limiter,
            Phase::Copying,
            (plan.writes.len() as u64, plan.bytes()),
        );
        let writes: Vec<&Write> = plan.writes.iter().collect();
        let staged = run_bounded(self.engine.workers(), writes, |write| {
            meter.check()?;
            let copier = FileCopier {
                engine: self.engine,
                disk: self.switchover.disk,
                target: self.switchover.targets.of(write.to.area),
                meter: &meter,
                id: plan.record.head.backup_id,
            };
            let name = write.to.staged_name();
            let at = copier.target.new_file(&name)?;
            let is_there = !earlier.is_empty() && earlier.contains(&(write.to.area, name));
            let reused = is_there && self.is_staged(&copier, &write.content, &at)?;
            if !reused {
                copier.copy(&write.content, &at)?;
            }
            meter.file_done();
            Ok((at, reused))
        })?;
        let resumed = staged.iter().any(|(_, reused)| *reused);
        Ok((staged.into_iter().map(|(at, _)| at).collect(), resumed))
    }

    /// Whether what an earlier run has staged is the file; else it is removed.
    fn is_staged(&self, copier: &FileCopier<'_>, content: &Content, at: &TargetPath) -> Result<bool> {
        let size_bytes = content.size_bytes;
        let is_right = copier.target.look(at)? == Some(TargetEntry::File { size_bytes })
            && content.crc32c.is_some()
            && copier.checksum(at)? == content.crc32c;
        if !is_right {
            self.discard(copier.target, at)?;
        }
        Ok(is_right)
    }

    fn discard(&self, target: &TargetDirectory, at: &TargetPath) -> Result<()> {
        if target.is_directory(at)? {
            target.remove_tree(self.switchover.disk, at).map(drop)
        } else {
            self.switchover.disk.remove(at)
        }
    }
}
