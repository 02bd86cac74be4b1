//! Which files of the target are the backup's already: they are checked in place, and stay.

use std::collections::HashSet;
use std::io;

use foldhash::fast::RandomState;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::sst::{self, ReadError};
use stonekeep_format::unique_id::SessionId;

use super::listing::TargetListing;
use crate::engine::contents::BackupFile;
use crate::engine::transfer::{Meter, Metered};
use crate::engine::{BackupEngineReadOnly, RestoreMode};
use crate::parallel::run_bounded;
use crate::target::{ListedFiles, TargetDirectory, TargetFile};
use crate::{Error, ErrorKind, Observer, Phase, Result};

/// Names of files.
pub(super) type Kept = HashSet<String, RandomState>;

/// Compares files of the target with those of the backup.
#[derive(Clone, Copy)]
pub(super) struct Comparison<'a> {
    pub(super) engine: &'a BackupEngineReadOnly,
    pub(super) mode: RestoreMode,
    pub(super) target: &'a TargetDirectory,
    pub(super) listing: &'a TargetListing,
    pub(super) observer: &'a dyn Observer,
}

impl Comparison<'_> {
    /// The names of the files that stay, by the mode of the restore.
    ///
    /// # Errors
    /// `Stopped`. A file that cannot be read does not stay, whatever the reason.
    pub(super) fn files_to_keep(self, files: &[BackupFile]) -> Result<Kept> {
        let mut candidates: Vec<(String, &BackupFile)> = files
            .iter()
            .filter(|file| may_stay(self.mode, file))
            .map(|file| (file.name.to_string(), file))
            .collect();
        if candidates.is_empty() {
            return Ok(Kept::default());
        }
        candidates.sort_by(|a, b| a.0.cmp(&b.0));
        let mut here = self.listing.files().peekable();
        candidates.retain(|(name, _)| {
            while here.next_if(|file| *file < name.as_str()).is_some() {}
            here.peek() == Some(&name.as_str())
        });
        let listed = self.target.listed_files()?;
        let bytes = candidates.iter().map(|(_, file)| self.bytes_to_read(file)).sum();
        let meter = self.engine.meter(
            self.observer,
            &self.engine.restore_rate_limiter,
            Phase::Verifying,
            (candidates.len() as u64, bytes),
        );
        let kept = run_bounded(self.engine.workers(), candidates, |(name, file)| {
            meter.check()?;
            let same = match self.is_the_same(&name, file, &listed, &meter) {
                Ok(same) => same,
                Err(error) if error.kind() == ErrorKind::Stopped => return Err(error),
                Err(error) => {
                    tracing::info!(file = %name, reason = %error.one_line(), "a file of the target is written anew");
                    false
                }
            };
            meter.file_done();
            Ok(same.then_some(name))
        })?;
        Ok(kept.into_iter().flatten().collect())
    }

    /// How many bytes of a file count: those of its properties do not.
    fn bytes_to_read(self, file: &BackupFile) -> u64 {
        match self.mode {
            RestoreMode::VerifyChecksum => file.size_bytes,
            _ => 0,
        }
    }

    fn is_the_same(
        self,
        name: &str,
        wanted: &BackupFile,
        listed: &ListedFiles,
        meter: &Meter<'_>,
    ) -> Result<bool> {
        if self.mode == RestoreMode::KeepLatestDbSessionIdFiles {
            let file = listed.open(name)?;
            return Ok(session_of(name, &file, wanted.size_bytes)? == wanted.session);
        }
        let Some(file) = self.target.open(&self.target.at(name)?)? else {
            return Ok(false);
        };
        if file.size_bytes() != wanted.size_bytes {
            // Its bytes need not be read.
            meter.skip(self.bytes_to_read(wanted));
            return Ok(false);
        }
        let mut reader = Metered::new(file.reader(), &name, wanted.size_bytes, meter);
        let found = reader.drain(&mut self.engine.read_buffer())?;
        Ok(Some(found) == wanted.crc32c)
    }
}

/// Blobs have no session, and only tables and blobs are worth it (`InferDBFilesToRetainInRestore` in
/// utilities/backup/backup_engine.cc).
fn may_stay(mode: RestoreMode, file: &BackupFile) -> bool {
    let is_table = matches!(file.name, DbFileName::Table { .. });
    match mode {
        RestoreMode::PurgeAllFiles => false,
        RestoreMode::KeepLatestDbSessionIdFiles => is_table && file.session.is_some(),
        RestoreMode::VerifyChecksum => {
            (is_table || matches!(file.name, DbFileName::Blob(_))) && file.crc32c.is_some()
        }
    }
}

/// The session that wrote a table; an error if the table has another length, which the read of its end shows.
fn session_of(name: &str, file: &TargetFile, size_bytes: u64) -> Result<Option<SessionId>> {
    let mut read = |offset: u64, length: usize| {
        let bytes = if offset + length as u64 == size_bytes {
            file.read_end(offset, length)?
        } else {
            file.read_at(offset, length)?
        };
        if bytes.len() == length {
            Ok(bytes)
        } else {
            Err(io::Error::other("it has another length"))
        }
    };
    sst::read_session_id(size_bytes, &mut read).map_err(|error| match error {
        ReadError::Io { source, .. } => Error::io(format!("reading the properties of {name}"), source),
        ReadError::Format(error) => Error::format(name, error),
    })
}
