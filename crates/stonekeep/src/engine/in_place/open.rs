//! Making the directory of an opened backup.

use std::fs;
use std::io::{self, Cursor};
use std::path::Path;

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::{BackupId, Crc32c};

use super::InPlaceReport;
use super::close::remove_made;
use super::marker::{MARKER, Marker};
use crate::engine::BackupEngineReadOnly;
use crate::engine::restore::backup::{Backup, Source, Wanted, damaged, incomplete, wrong_checksum};
use crate::engine::restore::site::Sites;
use crate::engine::restore::target::refuse_repository;
use crate::engine::restore::wal_dir::{Adjusted, adjust_options};
use crate::engine::restore::{SystemDisk, TargetDisk, TargetPath};
use crate::engine::transfer::{Meter, Metered};
use crate::repo::catalog::{self, LoadedMeta};
use crate::repo::index::RepositoryIndex;
use crate::repo::pin::{self, Pinned};
use crate::store::{Durability, Key, ObjectReader, Store};
use crate::{Error, IoContext, Observer, Phase, Result, Warning, WarningName};

/// One opening under way.
pub(super) struct Opening<'a> {
    pub(super) engine: &'a BackupEngineReadOnly,
    pub(super) at: &'a Path,
    pub(super) observer: &'a dyn Observer,
}

impl Opening<'_> {
    pub(super) fn open(&self, id: BackupId) -> Result<InPlaceReport> {
        let pinned = pin::pin(self.store(), id)?;
        let (backup, adjusted) = self.look(&pinned.loaded)?;
        let made = self.make_directory()?;
        let directory = fs::canonicalize(self.at).context("looking at", self.at)?;
        let filled = self.fill(&backup, &pinned, &directory, adjusted);
        filled.inspect_err(|_| self.take_back(&directory, made))
    }

    /// What opening would make.
    pub(super) fn plan(&self, id: BackupId) -> Result<InPlaceReport> {
        let loaded = catalog::load(self.store(), id)?.into_result()?;
        let (backup, adjusted) = self.look(&loaded)?;
        self.require_room()?;
        let links = |file: &&Wanted| is_shared(file) && self.store().local_root().is_some();
        let (linked, copied): (Vec<_>, Vec<_>) = backup.files.iter().partition(links);
        Ok(InPlaceReport {
            backup_id: id,
            directory: std::path::absolute(self.at).context("looking at", self.at)?,
            files_linked: linked.len() as u64,
            files_copied: copied.len() as u64,
            bytes_copied: copied.iter().map(|file| file.size_bytes).sum(),
            rewritten_options: adjusted.rewritten,
            warnings: adjusted.warnings,
        })
    }

    /// The backup as it will lie there.
    fn look(&self, loaded: &LoadedMeta) -> Result<(Backup, Adjusted)> {
        let facts = loaded.facts_for_sizes(self.store())?;
        let mut backup = Backup::look(
            &RepositoryIndex::new(self.store()),
            self.store(),
            loaded,
            facts,
            &[],
        )?;
        refuse_incomplete(&backup)?;
        let sites = Sites::locate(self.at, None)?;
        refuse_repository(&sites, self.store().local_root())?;
        let mut adjusted = adjust_options(&mut backup.files, &sites, false)?;
        adjusted.warnings.extend(left_in_repository(&backup));
        add_identity(&mut backup);
        Ok((backup, adjusted))
    }

    fn store(&self) -> &dyn Store {
        self.engine.store().as_ref()
    }

    /// Whether the directory had to be made.
    fn make_directory(&self) -> Result<bool> {
        match fs::create_dir(self.at) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.require_room().map(|()| false),
            Err(error) => Err(error).context("making", self.at),
        }
    }

    /// An error if anything stands there.
    fn require_room(&self) -> Result<()> {
        let mut entries = match fs::read_dir(self.at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.context("reading", self.at)?,
        };
        let Some(entry) = entries.next() else {
            return Ok(());
        };
        let name = entry.context("reading", self.at)?.file_name();
        let error = Error::refused(format!("{} is not empty: it has {name:?}", self.at.display()));
        Err(match self.at.join(MARKER).exists() {
            true => error.with_hint("it is a backup that was opened already; close it first"),
            false => error.with_hint("name a directory that does not exist yet, or an empty one"),
        })
    }

    fn fill(
        &self,
        backup: &Backup,
        pinned: &Pinned,
        directory: &Path,
        adjusted: Adjusted,
    ) -> Result<InPlaceReport> {
        let marker = Marker {
            repository: self.store().location(),
            backup_id: backup.id.get(),
            meta_crc32c: backup.meta_crc32c.0,
            names: backup.files.iter().map(|file| file.name.to_string()).collect(),
        };
        marker.write(directory)?;
        SystemDisk::new(self.engine.io_buffer_bytes()).sync_directory(&TargetPath::root(directory))?;
        let mut report = InPlaceReport {
            backup_id: backup.id,
            directory: directory.to_owned(),
            files_linked: 0,
            files_copied: 0,
            bytes_copied: 0,
            rewritten_options: adjusted.rewritten,
            warnings: adjusted.warnings,
        };
        let limiter = &self.engine.options().restore_rate_limiter;
        let meter = self.engine.meter(
            self.observer,
            limiter,
            Phase::Copying,
            (backup.files.len() as u64, bytes_to_copy(backup)),
        );
        let (current, others): (Vec<_>, Vec<_>) = backup
            .files
            .iter()
            .partition(|file| file.name == DbFileName::Current);
        for file in others.into_iter().chain(current) {
            meter.check()?;
            match self.link(file, directory)? {
                true => report.files_linked += 1,
                false => {
                    let copied = self.copy(backup.id, file, directory, &meter);
                    copied.map_err(|error| pinned.explain(self.store(), error))?;
                    report.files_copied += 1;
                    report.bytes_copied += file.size_bytes;
                }
            }
            meter.file_done();
        }
        Ok(report)
    }

    /// Whether a shared file could be linked. Where it cannot, it is copied.
    fn link(&self, file: &Wanted, directory: &Path) -> Result<bool> {
        let Some(root) = self.store().local_root().filter(|_| is_shared(file)) else {
            return Ok(false);
        };
        let key = &file.key()?;
        // Looking through the store makes sure that no link leads out of the repository on the way.
        let stat = self.store().stat(key)?;
        if stat.is_none_or(|stat| stat.size_bytes != file.size_bytes) {
            return Ok(false);
        }
        match fs::hard_link(root.join(key.as_str()), directory.join(file.name.to_string())) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(error).context("making", &directory.join(file.name.to_string()))
            }
            Err(error) => {
                tracing::debug!(%key, %error, "copied, since it cannot be linked");
                Ok(false)
            }
        }
    }

    fn copy(&self, id: BackupId, file: &Wanted, directory: &Path, meter: &Meter<'_>) -> Result<()> {
        let at = TargetPath::root(directory).with_key(Key::new(file.name.to_string())?);
        let (disk, size) = (SystemDisk::new(self.engine.io_buffer_bytes()), file.size_bytes);
        let found = match &file.source {
            Source::Bytes(bytes) => {
                let mut reader = Metered::new(Cursor::new(bytes), &file.name, size, meter);
                disk.write(&at, &mut reader, size, Durability::Buffered)?;
                reader.crc32c()
            }
            Source::Stored => {
                let key = file.key()?;
                let (object, name) = (self.store().open(&key)?, key.shown_in(self.store()));
                let mut reader = Metered::new(ObjectReader::new(object.as_ref()), &name, size, meter);
                disk.write(&at, &mut reader, size, Durability::Buffered)?;
                reader.crc32c()
            }
            Source::Alternate(..) | Source::Nowhere => {
                return Err(damaged(id, &file.path_text(), "it is excluded".into()));
            }
        };
        match file.crc32c.filter(|expected| *expected != found) {
            Some(expected) => Err(wrong_checksum(id, &file.path_text(), expected, found)),
            None => Ok(()),
        }
    }

    /// Removes what was made, after an error that is the one to tell.
    fn take_back(&self, directory: &Path, made: bool) {
        let removed = match Marker::read(directory) {
            Ok(marker) => remove_made(directory, &marker),
            Err(_) => Ok(()),
        };
        if let Err(error) = removed {
            tracing::warn!(reason = %error.one_line(), "the directory could not be removed");
        } else if made {
            // One that was there before stays.
            let _ = fs::remove_dir(directory);
        }
    }
}

/// Whether it is a file in the repository that backups share.
fn is_shared(file: &Wanted) -> bool {
    let shared = file.path.as_ref().and_then(|path| path.shared_name());
    matches!(file.source, Source::Stored) && shared.is_some()
}

fn bytes_to_copy(backup: &Backup) -> u64 {
    let copied = backup.files.iter().filter(|file| !is_shared(file));
    copied.map(|file| file.size_bytes).sum()
}

fn refuse_incomplete(backup: &Backup) -> Result<()> {
    let files = backup.files.iter();
    let mut nowhere: Vec<&Wanted> = files
        .filter(|file| matches!(file.source, Source::Nowhere))
        .collect();
    match nowhere.is_empty() {
        true => Ok(()),
        false => Err(incomplete(backup.id, &mut nowhere)
            .with_hint("restore it instead, with the repositories that have them (restore --alternate-dir)")),
    }
}

/// Files of the application may lie in directories, which closing could not tell from those of others.
fn left_in_repository(backup: &Backup) -> Option<Warning> {
    let count = backup.included.len();
    let message = format!(
        "the {count} files that backup {} includes are not opened: restore it to have them",
        backup.id
    );
    (count > 0).then(|| Warning::general(WarningName::NotIncluded, message))
}

/// The id is in the MANIFEST, or RocksDB wants it in IDENTITY.
fn add_identity(backup: &mut Backup) {
    let Some(id) = backup.database_id.clone().filter(|_| !backup.id_in_manifest) else {
        return;
    };
    let bytes = id.into_bytes();
    backup.files.push(Wanted {
        name: DbFileName::Identity,
        path: None,
        size_bytes: bytes.len() as u64,
        crc32c: Some(Crc32c(crc32c::crc32c(&bytes))),
        session: None,
        source: Source::Bytes(bytes.into()),
    });
}
