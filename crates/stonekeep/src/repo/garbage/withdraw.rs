//! The step by which a backup ceases to exist: its meta file goes to `stonekeep/deleted`, where it tells what to collect.

use stonekeep_format::{BackupId, Crc32c};

use crate::repo::layout;
use crate::store::{self, Durability, Key, Store};
use crate::{ErrorKind, Quiet, Result};

/// In the name of a record whose meta file could not be read at all.
const NO_CHECKSUM: Crc32c = Crc32c(0);

/// Deletes a backup: durably, whatever is asked of other steps, since no file may be gone while its name is still
/// there after a power failure. Nothing else is removed. A backup that is gone already is no error.
///
/// # Errors
/// `Refused` if a directory with something in it stands in the place of the meta file; I/O errors of the store.
pub fn withdraw(store: &dyn Store, id: BackupId) -> Result<()> {
    let meta = layout::meta(id);
    let crc32c = match checksum(store, &meta) {
        Ok(crc32c) => {
            // The record must tell after a power failure what to collect, also where the backup was made unsynced.
            store.sync_visible(std::slice::from_ref(&meta), Durability::Durable)?;
            crc32c
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == ErrorKind::Corrupt => return replace_by_record(store, id),
        Err(error) if error.kind() == ErrorKind::Io => {
            tracing::warn!(%id, reason = %error.one_line(), "a meta file that cannot be read is deleted");
            NO_CHECKSUM
        }
        Err(error) => return Err(error),
    };
    let record = layout::deleted(id, crc32c);
    match store.rename(&meta, &record, Durability::Durable) {
        // A crash inside the rename may have left both names.
        Err(error) if error.kind() == ErrorKind::Refused => remove_twin(store, id, &record),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}

fn checksum(store: &dyn Store, key: &Key) -> Result<Crc32c> {
    let object = store.open(key)?;
    store::checksum(object.as_ref(), key.as_str(), &Quiet)
}

/// For a link, a FIFO or an empty directory in the place of a meta file, which cannot be a record.
fn replace_by_record(store: &dyn Store, id: BackupId) -> Result<()> {
    let (area, record) = (format!("delete-{id}"), layout::deleted(id, NO_CHECKSUM));
    let staged = store.stage(&area, &record, &mut std::io::empty(), 0)?;
    // A record that is there already says the same.
    store.publish(vec![(staged, record.clone())], Durability::Durable)?;
    store.discard(&area)?;
    remove_twin(store, id, &record)
}

/// Deletes the meta file whose record is there.
fn remove_twin(store: &dyn Store, id: BackupId, record: &Key) -> Result<()> {
    store.sync_visible(std::slice::from_ref(record), Durability::Durable)?;
    store.delete(&layout::meta(id))?;
    store.sync_directories(&[layout::meta_directory()], Durability::Durable)
}
