//! Step R1: new files into `new/`, each one checked against its checksum while it is written.

use std::collections::BTreeSet;
use std::io::{Cursor, ErrorKind, Read};

use stonekeep_format::{BackupId, Crc32c};

use super::plan::Plan;
use super::switchover::Switchover;
use super::write::{Write, WrittenFile};
use crate::engine::BackupEngineReadOnly;
use crate::engine::contents::FileSource;
use crate::engine::contents::damage::{damaged, wrong_checksum};
use crate::engine::transfer::{Meter, Metered};
use crate::parallel::run_bounded;
use crate::repo::wrong::Wrong;
use crate::store::{LocalFile, Object, ObjectReader, Store};
use crate::target::{Area, TargetDirectory, TargetEntry, TargetPath};
use crate::{Observer, Phase, Result};

/// The names of what earlier runs have staged.
#[derive(Debug, Default)]
pub(super) struct Staged(BTreeSet<(Area, String)>);

impl Staged {
    fn has(&self, write: &Write) -> bool {
        !self.0.is_empty() && self.0.contains(&(write.area, write.to().staged_name()))
    }
}

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
            let writes = plan.writes.iter().filter(|write| write.area == area);
            let wanted: BTreeSet<String> = writes.map(|write| write.to().staged_name()).collect();
            for name in names {
                if wanted.contains(&name) {
                    staged.0.insert((area, name));
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
            let target = self.switchover.targets.of(write.area);
            let at = target.new_file(&write.to().staged_name())?;
            let reused = earlier.has(write) && self.is_staged(write, &at, &meter)?;
            if !reused {
                self.stage(plan.record.head.backup_id, write, &at, &meter)?;
            }
            meter.file_done();
            Ok((at, reused))
        })?;
        let resumed = staged.iter().any(|(_, reused)| *reused);
        Ok((staged.into_iter().map(|(at, _)| at).collect(), resumed))
    }

    /// Whether what an earlier run has staged is the file; else it is removed.
    fn is_staged(&self, write: &Write, at: &TargetPath, meter: &Meter<'_>) -> Result<bool> {
        let target = self.switchover.targets.of(write.area);
        let size_bytes = write.file.size_bytes();
        let is_right = target.look(at)? == Some(TargetEntry::File { size_bytes })
            && write.file.crc32c().is_some()
            && self.checksum_of_staged(target, at, meter)? == write.file.crc32c();
        if !is_right {
            self.discard(target, at)?;
        }
        Ok(is_right)
    }

    /// Writes a new file where none is.
    fn stage(&self, id: BackupId, write: &Write, at: &TargetPath, meter: &Meter<'_>) -> Result<()> {
        let own = self.engine.store();
        let source = match &write.file {
            WrittenFile::Included(..) => return self.copy_from(own, id, write, at, meter),
            WrittenFile::Database(file) => &file.source,
        };
        match source {
            FileSource::Bytes(bytes) => {
                let (name, size_bytes) = (write.file.path_text(), bytes.len() as u64);
                let mut reader = Metered::new(Cursor::new(bytes), &name, size_bytes, meter);
                self.write(at, &mut reader, size_bytes)
            }
            FileSource::Stored => self.copy_from(own, id, write, at, meter),
            FileSource::Alternate(store) => self.copy_from(store, id, write, at, meter),
            FileSource::Nowhere => Err(damaged(id, &write.file.path_text(), "it is nowhere".into())),
        }
    }

    fn copy_from(
        &self,
        store: &Store,
        id: BackupId,
        write: &Write,
        at: &TargetPath,
        meter: &Meter<'_>,
    ) -> Result<()> {
        let key = &write.file.key(id)?;
        let path = key.as_str();
        let wrong = |wrong: Wrong| damaged(id, path, wrong.to_string());
        let opened = store.open(key);
        let object = opened.map_err(|error| Wrong::of_opening(&error).map_or(error, wrong))?;
        let (found, expected) = (object.size_bytes(), write.file.size_bytes());
        if found != expected {
            return Err(wrong(Wrong::Size { found, expected }));
        }
        let found = match self.write_shared(object.as_ref(), write, at, meter)? {
            Some(found) => found,
            None => {
                let name = key.shown_in(store);
                let mut reader = Metered::new(ObjectReader::new(object.as_ref()), &name, expected, meter);
                let copied = self.write(at, &mut reader, expected);
                copied.map_err(|error| match error.io_kind() {
                    Some(ErrorKind::UnexpectedEof) => damaged(id, path, "ends early".into()),
                    _ => error,
                })?;
                reader.crc32c()
            }
        };
        match write.file.crc32c() {
            Some(expected) if expected != found => {
                self.switchover.disk.remove(at)?;
                Err(wrong_checksum(id, path, expected, found))
            }
            _ => Ok(()),
        }
    }

    fn write(&self, at: &TargetPath, content: &mut dyn Read, expected_bytes: u64) -> Result<()> {
        self.switchover.disk.write(at, content, expected_bytes)
    }

    /// Shares the blocks of the stored file, where the disk can, and reads them for their checksum.
    fn write_shared(
        &self,
        object: &dyn Object,
        write: &Write,
        at: &TargetPath,
        meter: &Meter<'_>,
    ) -> Result<Option<Crc32c>> {
        let source = object.local_file().filter(|_| self.engine.options().reflink);
        let Some(LocalFile { file, device }) = source else {
            return Ok(None);
        };
        let disk = self.switchover.disk;
        if !disk.write_clone(at, file, device, write.file.size_bytes())? {
            return Ok(None);
        }
        self.checksum_of_staged(self.switchover.targets.of(write.area), at, meter)
    }

    fn checksum_of_staged(
        &self,
        target: &TargetDirectory,
        at: &TargetPath,
        meter: &Meter<'_>,
    ) -> Result<Option<Crc32c>> {
        let Some(file) = target.open(at)? else {
            return Ok(None);
        };
        let mut reader = Metered::new(file.reader(), at, file.size_bytes(), meter);
        reader.drain(&mut self.engine.read_buffer()).map(Some)
    }

    fn discard(&self, target: &TargetDirectory, at: &TargetPath) -> Result<()> {
        if target.is_directory(at)? {
            target.remove_tree(self.switchover.disk, at).map(drop)
        } else {
            self.switchover.disk.remove(at)
        }
    }
}
