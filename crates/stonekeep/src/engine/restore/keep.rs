//! Which files of the target are the backup's already: they are checked where they stand, and stay.

use std::collections::HashSet;
use std::io;

use foldhash::fast::RandomState;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::sst::{self, ReadError};
use stonekeep_format::unique_id::SessionId;

use super::site::Site;
use super::target::Standing;
use crate::engine::contents::BackupFile;
use crate::engine::transfer::{Meter, Metered};
use crate::engine::{BackupEngineReadOnly, RestoreMode};
use crate::parallel::run_bounded;
use crate::store::{Key, Object, ObjectReader};
use crate::{Error, ErrorKind, Observer, Phase, Result};

/// Names of files.
pub(super) type Kept = HashSet<String, RandomState>;

/// The names of the files that stay, by the mode of the restore.
///
/// # Errors
/// `Stopped`. A file that cannot be read does not stay, whatever the reason.
pub(super) fn files_to_keep(
    engine: &BackupEngineReadOnly,
    mode: RestoreMode,
    files: &[BackupFile],
    (site, standing): (&Site, &Standing),
    observer: &dyn Observer,
) -> Result<Kept> {
    let candidates: Vec<(String, &BackupFile)> = files
        .iter()
        .filter(|file| may_stay(mode, file))
        .map(|file| (file.name.to_string(), file))
        .filter(|(name, _)| standing.is_file(name))
        .collect();
    let bytes = match mode {
        RestoreMode::VerifyChecksum => candidates.iter().map(|(_, file)| file.size_bytes).sum(),
        _ => 0,
    };
    let limiter = &engine.restore_rate_limiter;
    let meter = engine.meter(
        observer,
        limiter,
        Phase::Verifying,
        (candidates.len() as u64, bytes),
    );
    let kept = run_bounded(engine.workers(), candidates, |(name, file)| {
        meter.check()?;
        let same = match is_the_same(engine, mode, (&name, file), site, &meter) {
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

fn is_the_same(
    engine: &BackupEngineReadOnly,
    mode: RestoreMode,
    (name, file): (&str, &BackupFile),
    site: &Site,
    meter: &Meter<'_>,
) -> Result<bool> {
    let object = site.files().open(&Key::new(name)?)?;
    if object.size_bytes() != file.size_bytes {
        // Its bytes need not be read.
        meter.skip(match mode {
            RestoreMode::VerifyChecksum => file.size_bytes,
            _ => 0,
        });
        return Ok(false);
    }
    if mode == RestoreMode::KeepLatestDbSessionIdFiles {
        return Ok(session_of(file, object.as_ref())? == file.session);
    }
    let mut reader = Metered::new(ObjectReader::new(object.as_ref()), &name, file.size_bytes, meter);
    let found = reader.drain(&mut engine.read_buffer())?;
    Ok(Some(found) == file.crc32c)
}

fn session_of(file: &BackupFile, object: &dyn Object) -> Result<Option<SessionId>> {
    let mut read = |offset: u64, length: usize| -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match object.read_at(
                bytes.get_mut(filled..).unwrap_or_default(),
                offset + filled as u64,
            ) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    };
    sst::read_session_id(object.size_bytes(), &mut read).map_err(|error| match error {
        ReadError::Io { source, .. } => Error::io(format!("reading the properties of {}", file.name), source),
        ReadError::Format(error) => Error::format(file.name.to_string(), error),
    })
}
