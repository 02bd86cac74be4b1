//! Step R1: new files into `new/`, each one checked against its checksum while it is written.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};

use stonekeep_format::{BackupId, Crc32c};

use super::disk::TargetPath;
use super::forward::Mover;
use super::included::IncludedWrite;
use super::plan::{Plan, Write};
use super::site::{Area, Found, Site};
use crate::engine::BackupEngineReadOnly;
use crate::engine::contents::FileSource;
use crate::engine::contents::damage::{damaged, wrong_checksum};
use crate::engine::transfer::{Meter, Metered};
use crate::parallel::run_bounded;
use crate::repo::wrong::Wrong;
use crate::store::{Key, Object, ObjectReader, Store};
use crate::{Observer, Phase, Result};

/// What earlier runs have staged.
#[derive(Debug, Default)]
pub(super) struct Staged(BTreeSet<(Area, String)>);

impl Staged {
    fn has(&self, write: &Write) -> bool {
        !self.0.is_empty() && self.0.contains(&(write.area, write.name()))
    }
}

/// A file in a repository, with what it must be.
struct Stored {
    area: Area,
    key: Key,
    size_bytes: u64,
    crc32c: Option<Crc32c>,
}

impl Stored {
    fn of(write: &Write) -> Result<Self> {
        Ok(Stored {
            area: write.area,
            key: write.file.key()?,
            size_bytes: write.file.size_bytes,
            crc32c: write.file.crc32c,
        })
    }
}

/// Copies a plan's files.
#[derive(Clone, Copy)]
pub(super) struct Copier<'a> {
    pub(super) engine: &'a BackupEngineReadOnly,
    pub(super) mover: Mover<'a>,
    pub(super) observer: &'a dyn Observer,
}

impl Copier<'_> {
    /// Removes what earlier runs have staged and this plan does not need; what is there of the rest.
    pub(super) fn discard_strangers(&self, plan: &Plan) -> Result<Staged> {
        let mut staged = Staged::default();
        for (area, site) in self.mover.sites.all() {
            let names = site.names(&site.staging(Some("new")))?;
            if names.is_empty() {
                continue;
            }
            let writes = plan.writes.iter().filter(|write| write.area == area);
            let wanted: BTreeSet<String> = writes.map(Write::name).collect();
            for name in names {
                if wanted.contains(&name) {
                    staged.0.insert((area, name));
                } else {
                    self.discard(site, &site.new_file(&name)?)?;
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
        let files = plan.writes.len() + plan.included.writes.len();
        let limiter = &self.engine.restore_rate_limiter;
        let meter = self.engine.meter(
            self.observer,
            limiter,
            Phase::Copying,
            (files as u64, plan.bytes()),
        );
        let writes: Vec<&Write> = plan.writes.iter().collect();
        let staged = run_bounded(self.engine.workers(), writes, |write| {
            meter.check()?;
            let at = self.mover.sites.site(write.area).new_file(&write.name())?;
            let reused = earlier.has(write) && self.is_staged(write, &at, &meter)?;
            if !reused {
                self.stage(plan.backup.id, write, &at, &meter)?;
            }
            meter.file_done();
            Ok((at, reused))
        })?;
        let resumed = staged.iter().any(|(_, reused)| *reused);
        let mut staged: Vec<TargetPath> = staged.into_iter().map(|(at, _)| at).collect();
        staged.extend(self.copy_included(plan, &meter)?);
        Ok((staged, resumed))
    }

    /// The same for files of the application. What an earlier run has staged of them is gone.
    fn copy_included(&self, plan: &Plan, meter: &Meter<'_>) -> Result<Vec<TargetPath>> {
        let writes: Vec<&IncludedWrite> = plan.included.writes.iter().collect();
        run_bounded(self.engine.workers(), writes, |write| {
            meter.check()?;
            let at = self.mover.sites.db().new_file(&write.place.staged_name())?;
            let stored = Stored {
                area: write.place.area,
                key: write.file.key(plan.backup.id)?,
                size_bytes: write.file.size_bytes,
                crc32c: Some(write.file.checksum()),
            };
            self.copy_from(self.engine.store(), plan.backup.id, &stored, &at, meter)?;
            meter.file_done();
            Ok(at)
        })
    }

    /// Whether what an earlier run has staged is the file; else it is gone.
    fn is_staged(&self, write: &Write, at: &TargetPath, meter: &Meter<'_>) -> Result<bool> {
        let site = self.mover.sites.site(write.area);
        match site.look(at)? {
            Some(Found::File(stat))
                if stat.size_bytes == write.file.size_bytes
                    && write.file.crc32c.is_some()
                    && self.checksum_of_staged(site, at, meter)? == write.file.crc32c =>
            {
                Ok(true)
            }
            _ => self.discard(site, at).map(|()| false),
        }
    }

    /// Writes a new file where nothing stands.
    fn stage(&self, id: BackupId, write: &Write, at: &TargetPath, meter: &Meter<'_>) -> Result<()> {
        match &write.file.source {
            FileSource::Bytes(bytes) => {
                let size_bytes = bytes.len() as u64;
                let mut reader = Metered::new(Cursor::new(bytes), &write.file.name, size_bytes, meter);
                self.write(at, &mut reader, size_bytes).map(drop)
            }
            FileSource::Stored => {
                let store = self.engine.store();
                self.copy_from(store, id, &Stored::of(write)?, at, meter)
            }
            FileSource::Alternate(store) => self.copy_from(store, id, &Stored::of(write)?, at, meter),
            FileSource::Nowhere => Err(damaged(id, &write.file.path_text(), "it is nowhere".into())),
        }
    }

    fn copy_from(
        &self,
        store: &Store,
        id: BackupId,
        stored: &Stored,
        at: &TargetPath,
        meter: &Meter<'_>,
    ) -> Result<()> {
        let key = &stored.key;
        let path = key.as_str();
        let wrong = |wrong: Wrong| damaged(id, path, wrong.to_string());
        let opened = store.open(key);
        let object = opened.map_err(|error| Wrong::of_opening(&error).map_or(error, wrong))?;
        let (found, expected) = (object.size_bytes(), stored.size_bytes);
        if found != expected {
            return Err(wrong(Wrong::Size { found, expected }));
        }
        let found = match self.write_shared(object.as_ref(), stored, at, meter)? {
            Some(found) => found,
            None => {
                let name = key.shown_in(store);
                let mut reader = Metered::new(ObjectReader::new(object.as_ref()), &name, expected, meter);
                let copied = self.write(at, &mut reader, expected);
                copied.map_err(|error| match error.io_kind() {
                    Some(std::io::ErrorKind::UnexpectedEof) => damaged(id, path, "ends early".into()),
                    _ => error,
                })?;
                reader.crc32c()
            }
        };
        match stored.crc32c {
            Some(expected) if expected != found => {
                self.mover.disk.remove(at)?;
                Err(wrong_checksum(id, path, expected, found))
            }
            _ => Ok(()),
        }
    }

    fn write(&self, at: &TargetPath, content: &mut dyn Read, expected_bytes: u64) -> Result<u64> {
        let durability = self.mover.durability;
        self.mover.disk.write(at, content, expected_bytes, durability)
    }

    /// Shares the blocks of the stored file, where the disk can, and reads them for their checksum.
    fn write_shared(
        &self,
        object: &dyn Object,
        stored: &Stored,
        at: &TargetPath,
        meter: &Meter<'_>,
    ) -> Result<Option<Crc32c>> {
        let (disk, durability) = (self.mover.disk, self.mover.durability);
        let Some(source) = object.local_file().filter(|_| self.engine.options().reflink) else {
            return Ok(None);
        };
        if !disk.write_clone(at, source, stored.size_bytes, durability)? {
            return Ok(None);
        }
        self.checksum_of_staged(self.mover.sites.site(stored.area), at, meter)
    }

    fn checksum_of_staged(&self, site: &Site, at: &TargetPath, meter: &Meter<'_>) -> Result<Option<Crc32c>> {
        let Some(key) = at.key() else { return Ok(None) };
        let object = site.files().open(key)?;
        let mut reader = Metered::new(ObjectReader::new(object.as_ref()), at, object.size_bytes(), meter);
        reader.drain(&mut self.engine.read_buffer()).map(Some)
    }

    fn discard(&self, site: &Site, at: &TargetPath) -> Result<()> {
        match site.look(at)? {
            Some(Found::Other) if site.is_directory(at)? => site.remove_tree(self.mover.disk, at).map(drop),
            _ => self.mover.disk.remove(at),
        }
    }
}
