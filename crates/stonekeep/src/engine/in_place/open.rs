//! Making the directory of an opened backup.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stonekeep_format::BackupId;
use stonekeep_format::file_name::DbFileName;

use super::close::remove_made;
use super::marker::{self, MARKER};
use super::report::InPlaceReport;
use crate::engine::BackupEngineReadOnly;
use crate::engine::contents::{
    AdjustedOptions, BackupContents, BackupFile, Destination, FileCopier, Find, adjust_options,
};
use crate::repo::catalog::{self, LoadedMeta};
use crate::repo::index::RepositoryIndex;
use crate::repo::pin::{self, Pinned};
use crate::store::Store;
use crate::target::{TargetDirectory, TargetDisk, TargetPath};
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
        let links = |file: &&BackupFile| file.is_shared() && self.store().directory().is_some();
        let (linked, copied): (Vec<_>, Vec<_>) = backup.files.iter().partition(links);
        Ok(InPlaceReport {
            backup_id: id,
            directory: self.directory()?,
            files_linked: linked.len() as u64,
            files_copied: copied.len() as u64,
            bytes_copied: copied.iter().map(|file| file.size_bytes).sum(),
            rewritten_options: adjusted.rewritten,
            warnings: adjusted.warnings,
        })
    }

    /// The backup as it will lie there.
    fn look(&self, loaded: &LoadedMeta) -> Result<(BackupContents, AdjustedOptions)> {
        let facts = loaded.facts_for_sizes(self.store())?;
        let index = RepositoryIndex::new(self.store());
        let mut backup = BackupContents::find(Some(&index), self.store(), loaded, facts, Find::default())?;
        backup.require_complete(|_| true).map_err(|error| {
            error.with_hint(
                "restore it instead, with the repositories that have them (restore --alternate-dir)",
            )
        })?;
        let directory = self.directory()?;
        self.store()
            .require_outside(&directory, "the directory to make")?;
        let mut adjusted = adjust_options(
            &mut backup.files,
            Destination {
                db: &directory,
                separate_wals: None,
            },
            false,
        )?;
        adjusted.warnings.extend(left_in_repository(&backup));
        backup.files.extend(backup.identity());
        Ok((backup, adjusted))
    }

    fn store(&self) -> &Store {
        self.engine.store()
    }

    fn directory(&self) -> Result<PathBuf> {
        std::path::absolute(self.at).context("looking at", self.at)
    }

    /// Whether the directory had to be made.
    fn make_directory(&self) -> Result<bool> {
        match fs::create_dir(self.at) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.require_room().map(|()| false),
            Err(error) => Err(error).context("making", self.at),
        }
    }

    /// An error if anything is there.
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
        Err(if self.at.join(MARKER).exists() {
            error.with_hint("it is a backup that was opened already; close it first")
        } else {
            error.with_hint("name a directory that does not exist yet, or an empty one")
        })
    }

    fn fill(
        &self,
        backup: &BackupContents,
        pinned: &Pinned,
        directory: &Path,
        adjusted: AdjustedOptions,
    ) -> Result<InPlaceReport> {
        marker::write(directory, self.store().location(), backup)?;
        let disk = TargetDisk::new(self.engine.io_buffer_bytes());
        disk.sync_directory(&TargetPath::root(directory))?;
        let mut report = InPlaceReport {
            backup_id: backup.id,
            directory: directory.to_owned(),
            files_linked: 0,
            files_copied: 0,
            bytes_copied: 0,
            rewritten_options: adjusted.rewritten,
            warnings: adjusted.warnings,
        };
        let limiter = &self.engine.restore_rate_limiter;
        let meter = self.engine.meter(
            self.observer,
            limiter,
            Phase::Copying,
            (backup.files.len() as u64, bytes_to_copy(backup)),
        );
        let copier = FileCopier {
            engine: self.engine,
            disk: &disk,
            target: &TargetDirectory::new(directory),
            meter: &meter,
            id: backup.id,
        };
        let (current, others): (Vec<_>, Vec<_>) = backup
            .files
            .iter()
            .partition(|file| file.name == DbFileName::Current);
        for file in others.into_iter().chain(current) {
            meter.check()?;
            if self.link(file, directory)? {
                report.files_linked += 1
            } else {
                let at = copier.target.at(&file.name.to_string())?;
                let copied = copier.copy(&file.content()?, &at);
                copied.map_err(|error| pinned.explain(self.store(), error))?;
                report.files_copied += 1;
                report.bytes_copied += file.size_bytes;
            }
            meter.file_done();
        }
        Ok(report)
    }

    /// Whether a shared file could be linked. Where it cannot, it is copied.
    fn link(&self, file: &BackupFile, directory: &Path) -> Result<bool> {
        let Some(root) = self.store().directory().filter(|_| file.is_shared()) else {
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

    /// Removes what was made, after an error that is the one to report.
    fn take_back(&self, directory: &Path, made: bool) {
        let removed = match marker::read_names(directory) {
            Ok(names) => remove_made(directory, names),
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

fn bytes_to_copy(backup: &BackupContents) -> u64 {
    let copied = backup.files.iter().filter(|file| !file.is_shared());
    copied.map(|file| file.size_bytes).sum()
}

/// Files of the application may lie in directories, which closing could not distinguish from those of others.
fn left_in_repository(backup: &BackupContents) -> Option<Warning> {
    let count = backup.included.len();
    let message = format!(
        "the {count} files that backup {} includes are not opened: restore it to have them",
        backup.id
    );
    (count > 0).then(|| Warning::general(WarningName::NotIncluded, message))
}
