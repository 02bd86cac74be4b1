//! Reads every file of a deleted backup, as verification does with those that exist.

use stonekeep_format::Crc32c;

use super::report::UndeleteReport;
use crate::engine::BackupEngineReadOnly;
use crate::engine::transfer::{Meter, Metered};
use crate::parallel::run_bounded;
use crate::repo::expected_sizes::ExpectedSizes;
use crate::repo::layout;
use crate::repo::loaded_meta::LoadedMeta;
use crate::repo::stored_files::StoredEntry;
use crate::repo::wrong::Wrong;
use crate::store::{Key, ObjectReader};
use crate::{Error, ErrorKind, Observer, Phase, Result};

/// A file and what it has to be.
struct Wanted {
    key: Key,
    size_bytes: Option<u64>,
    crc32c: Option<Crc32c>,
}

/// Checks that each file exists, with its size and its checksum.
///
/// # Errors
/// `NotFound` for a file that is gone, `Corrupt` for one that is wrong, `Stopped`, and I/O errors of the store.
pub(super) fn check(
    engine: &BackupEngineReadOnly,
    deleted: &LoadedMeta,
    observer: &dyn Observer,
) -> Result<UndeleteReport> {
    let wanted = files_of(engine, deleted)?;
    let bytes = wanted.iter().filter_map(|file| file.size_bytes).sum();
    let limiter = &engine.verify_rate_limiter;
    let meter = engine.meter(observer, limiter, Phase::Verifying, (wanted.len() as u64, bytes));
    let sizes = run_bounded(engine.workers(), wanted, |file| {
        meter.check()?;
        let size_bytes = check_file(engine, &file, &meter)?;
        meter.file_done();
        Ok(size_bytes)
    })?;
    Ok(UndeleteReport {
        backup_id: deleted.id,
        files_checked: sizes.len() as u64,
        bytes_checked: sizes.iter().sum(),
    })
}

fn files_of(engine: &BackupEngineReadOnly, deleted: &LoadedMeta) -> Result<Vec<Wanted>> {
    let store = engine.store();
    let facts = deleted.facts(store)?;
    let sizes = ExpectedSizes::read(store, deleted, facts.as_ref())?;
    let mut wanted = Vec::new();
    for file in deleted.meta.files.iter().filter(|file| !file.excluded) {
        wanted.push(Wanted {
            key: layout::file(&file.path)?,
            size_bytes: sizes.expected(file),
            crc32c: file.recorded_crc32c(),
        });
    }
    for file in facts.iter().flat_map(|facts| &facts.included) {
        wanted.push(Wanted {
            key: file.key(deleted.id)?,
            size_bytes: Some(file.size_bytes),
            crc32c: Some(file.checksum()),
        });
    }
    Ok(wanted)
}

fn check_file(engine: &BackupEngineReadOnly, file: &Wanted, meter: &Meter<'_>) -> Result<u64> {
    let name = file.key.as_str();
    let object = engine
        .store()
        .open(&file.key)
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Error::not_found(format!("{name} is gone: the backup cannot be undeleted"))
            }
            _ => error,
        })?;
    let size_bytes = object.size_bytes();
    if let Some(wrong) = Wrong::of(Some(StoredEntry::file(size_bytes)), file.size_bytes) {
        return Err(Error::corrupt(name, wrong.to_string()));
    }
    let mut reader = Metered::new(ObjectReader::new(object.as_ref()), &name, size_bytes, meter);
    let found = reader.drain(&mut engine.read_buffer())?;
    match file.crc32c.filter(|wanted| *wanted != found) {
        Some(wanted) => Err(Error::corrupt(
            name,
            format!("its checksum is {found:#010x} instead of {wanted:#010x}"),
        )),
        None => Ok(size_bytes),
    }
}
