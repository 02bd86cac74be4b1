//! S3 for a whole backup: a MANIFEST that names no lost table, and the report.

use std::collections::{BTreeMap, BTreeSet};

use stonekeep_format::Crc32c;
use stonekeep_format::file_name::DbFileName;

use super::gone::Gone;
use super::lost::Lost;
use super::manifest::{KeyRange, Manifest};
use super::report::{LostFile, Salvage};
use crate::engine::contents::{BackupContents, BackupFile};
use crate::engine::deep::shown_key;
use crate::store::Store;
use crate::{Error, Result};

/// A MANIFEST is held in memory, twice.
const MANIFEST_LIMIT_BYTES: u64 = 1 << 30;

/// Completes the contents of a backup without its lost files.
///
/// # Errors
/// `Corrupt` or `Unsupported` for a MANIFEST that cannot be read, and I/O errors of the store.
pub(in crate::engine::restore) fn complete(
    store: &Store,
    lost: &Lost,
    contents: &mut BackupContents,
) -> Result<Salvage> {
    let is_manifest = |file: &BackupFile| matches!(file.name, DbFileName::Manifest(_));
    let Some(at) = contents.files.iter().position(is_manifest) else {
        return Err(Error::corrupt(
            format!("backup {}", contents.id),
            "it has no MANIFEST",
        ));
    };
    let name = contents.files[at].path_text();
    let unreadable = |error| Error::format(name.as_str(), error);
    let bytes = read(store, &contents.files[at])?;
    let manifest = Manifest::read(&bytes).map_err(unreadable)?;
    let gone = Gone::of(&manifest.state, &contents.files);
    let numbers: BTreeSet<_> = gone.tables.iter().map(|table| table.number).collect();
    let keys = manifest.keys(&bytes, &numbers).map_err(unreadable)?;
    let mut by_name = lost.by_name(contents.id);
    let loses_wals = by_name.keys().any(|name| name.ends_with(".log"));
    if !gone.tables.is_empty() || loses_wals {
        let changed = manifest.without(&bytes, gone.deleted_files(), loses_wals);
        contents.files[at].set_bytes(changed);
    }
    let mut salvage = Salvage::default();
    for table in &gone.tables {
        let (from, to) = keys.get(&table.number).map(shown).unzip();
        salvage.lost.push(LostFile {
            size_bytes: Some(table.size_bytes),
            column_family: manifest.family_name(table.column_family),
            level: Some(table.level),
            from_key: from,
            to_key: to,
            ..take(&mut by_name, DbFileName::table(table.number))
        });
    }
    for blob in &gone.blobs {
        salvage.lost.push(LostFile {
            size_bytes: Some(blob.size_bytes),
            column_family: manifest.family_name(blob.column_family),
            ..take(&mut by_name, DbFileName::Blob(blob.number))
        });
    }
    salvage.lost.extend(by_name.into_values());
    salvage.column_families = gone.families;
    Ok(salvage)
}

/// What is lost under this name. A file that no meta file lists is lost as well.
fn take(by_name: &mut BTreeMap<String, LostFile>, name: DbFileName) -> LostFile {
    let name = name.to_string();
    by_name.remove(&name).unwrap_or_else(|| LostFile {
        reason: "the meta file does not list it".to_owned(),
        name,
        ..LostFile::default()
    })
}

fn shown((from, to): &KeyRange) -> (String, String) {
    (shown_key(from), shown_key(to))
}

fn read(store: &Store, file: &BackupFile) -> Result<Vec<u8>> {
    let key = file.key()?;
    let bytes = store.read(&key, MANIFEST_LIMIT_BYTES)?;
    let found = Crc32c(crc32c::crc32c(&bytes));
    match file.crc32c {
        Some(wanted) if wanted != found => Err(Error::corrupt(
            key.as_str(),
            format!("its checksum is {found:#010x} instead of {wanted:#010x}"),
        )),
        _ => Ok(bytes),
    }
}
