//! Whether the database that is restored over is the one that the backup was made of.

use std::io::Read;

use stonekeep_format::manifest::{ManifestReader, parse_current};

use crate::engine::contents::BackupContents;
use crate::target::{CURRENT, TargetDirectory};
use crate::{Error, Result};

const SMALL_LIMIT_BYTES: u64 = 4096;
/// How much of a MANIFEST is read at first, and then at a time.
const FIRST_BYTES: usize = 4 << 10;
const BUFFER_BYTES: usize = 256 << 10;

/// The id of the database at the target, if it and that of the backup are known, and are not the same.
pub(super) fn other_id(target: &TargetDirectory, of_backup: Option<&str>) -> Option<String> {
    let of_backup = of_backup?;
    database_id(target).filter(|here| here != of_backup)
}

/// The error for a restore over a database with this other id.
pub(super) fn refusal(target: &TargetDirectory, other: &str, backup: &BackupContents) -> Error {
    let message = format!(
        "{} has the database {other}, and backup {} is of the database {}",
        target.path().display(),
        backup.id,
        backup.database_id.as_deref().unwrap_or_default()
    );
    Error::refused(message).with_hint(
        "restore into another directory; allow_other_database (--allow-other-database) replaces the database that is \
         there all the same",
    )
}

/// The id by the MANIFEST, else by IDENTITY. A damaged database is the usual reason to restore: one that cannot be read
/// has no id.
fn database_id(target: &TargetDirectory) -> Option<String> {
    let of_manifest = id_in_manifest(target).ok().flatten();
    of_manifest.or_else(|| {
        let at = target.at("IDENTITY").ok()?;
        let bytes = target.read(&at, SMALL_LIMIT_BYTES).ok()??;
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        (!text.is_empty()).then_some(text)
    })
}

/// The first edit of a MANIFEST has it (`VersionSet::WriteCurrentStateToManifest` in db/version_set.cc), and no later one
/// another: little of the file is read.
fn id_in_manifest(target: &TargetDirectory) -> Result<Option<String>> {
    let Some(current) = target.read(&target.at(CURRENT)?, SMALL_LIMIT_BYTES)? else {
        return Ok(None);
    };
    let unreadable = |error| Error::format(target.path().display().to_string(), error);
    let number = parse_current(&current).map_err(unreadable)?;
    let Some(manifest) = target.open(&target.at(&format!("MANIFEST-{number:06}"))?)? else {
        return Ok(None);
    };
    let mut source = manifest.reader();
    let (mut reader, mut buffer) = (ManifestReader::new(), vec![0; FIRST_BYTES]);
    loop {
        let count = source
            .read(&mut buffer)
            .map_err(|error| Error::io("reading the MANIFEST", error))?;
        reader
            .push(buffer.get(..count).unwrap_or_default())
            .map_err(unreadable)?;
        let id = reader.state().db_id();
        if count == 0 || id.is_some() {
            return Ok(id.map(|id| String::from_utf8_lossy(id).into_owned()));
        }
        buffer.resize(BUFFER_BYTES, 0);
    }
}
