//! Whether the database that is restored over is the one that the backup was made of.

use std::io::Read;

use stonekeep_format::manifest::{ManifestReader, parse_current};

use super::site::{CURRENT, Site};
use crate::engine::contents::BackupContents;
use crate::store::{Key, ObjectReader};
use crate::{Error, Result};

const SMALL_LIMIT_BYTES: u64 = 4096;
/// How much of a MANIFEST is read at first, and then at a time.
const FIRST_BYTES: usize = 4 << 10;
const BUFFER_BYTES: usize = 256 << 10;

/// Refuses if the ids of both are known, and are not the same.
pub(super) fn refuse(target: &Site, backup: &BackupContents) -> Result<()> {
    let Some(theirs) = &backup.database_id else {
        return Ok(());
    };
    match database_id(target) {
        Some(here) if here != *theirs => {
            let message = format!(
                "{} has the database {here}, and backup {} is of the database {theirs}",
                target.path().display(),
                backup.id
            );
            Err(Error::refused(message).with_hint(
                "restore into another directory; allow_other_database (--allow-other-database) replaces the database \
                 that is there all the same",
            ))
        }
        _ => Ok(()),
    }
}

/// Whether the ids of both are known, and are not the same.
pub(super) fn is_another(target: &Site, backup: &BackupContents) -> bool {
    let here = backup.database_id.as_ref().and_then(|_| database_id(target));
    here.is_some() && here != backup.database_id
}

/// The id by the MANIFEST, else by IDENTITY. A damaged database is the usual reason to restore: one that cannot be read
/// has no id.
fn database_id(target: &Site) -> Option<String> {
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
fn id_in_manifest(target: &Site) -> Result<Option<String>> {
    let Some(current) = target.read(&target.at(CURRENT)?, SMALL_LIMIT_BYTES)? else {
        return Ok(None);
    };
    let unreadable = |error| Error::format(target.path().display().to_string(), error);
    let number = parse_current(&current).map_err(unreadable)?;
    let object = target.files().open(&Key::new(format!("MANIFEST-{number:06}"))?)?;
    let mut source = ObjectReader::new(object.as_ref());
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
