//! The step by which a backup ceases to exist: its meta file goes to `stonekeep/deleted`, where it tells what to collect.

use std::collections::BTreeSet;

use stonekeep_format::{BackupId, Crc32c};

use crate::repo::layout;
use crate::store::{self, Durability, Key, Store};
use crate::{ErrorKind, Quiet, Result};

/// In the name of a record whose meta file could not be read at all.
const NO_CHECKSUM: Crc32c = Crc32c(0);

/// Deletes backups: durably, whatever is asked of other steps, since no file may be gone while its name is still
/// there after a power failure. Nothing else is removed. A backup that is gone already is no error. `before_each` may
/// end it; what was deleted until then stays deleted, and [`secure`] makes that durable.
///
/// # Errors
/// Those of `before_each`; `Refused` if a directory with something in it stands in the place of a meta file; I/O errors
/// of the store.
pub fn withdraw(
    store: &dyn Store,
    ids: &BTreeSet<BackupId>,
    before_each: &dyn Fn() -> Result<()>,
) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut metas = Vec::with_capacity(ids.len());
    for id in ids {
        before_each()?;
        let state = look(store, *id)?;
        metas.push((*id, state));
    }
    // The records must tell after a power failure what to collect, also where a backup was made unsynced.
    let whole = metas.iter().filter(|(_, state)| matches!(state, State::Whole(_)));
    let whole: Vec<Key> = whole.map(|(id, _)| layout::meta(*id)).collect();
    store.sync_visible(&whole, Durability::Durable)?;
    let mut renamed = 0;
    for (id, state) in metas {
        before_each()?;
        let is_renamed = matches!(state, State::Whole(_) | State::Unreadable);
        // The first one makes the directory of the records durable, too; the others wait for each other.
        let durability = match renamed {
            0 => Durability::Durable,
            _ => Durability::Buffered,
        };
        withdraw_one(store, id, state, durability)?;
        renamed += usize::from(is_renamed);
    }
    match renamed {
        0 | 1 => Ok(()),
        _ => secure(store),
    }
}

/// Makes deletions durable, those of a run that was killed before it could do so included.
///
/// # Errors
/// I/O errors of the store.
pub fn secure(store: &dyn Store) -> Result<()> {
    // The new names first: a crash between must find each file under one of them.
    let directories = [
        layout::deleted_directory(),
        layout::ours(),
        layout::meta_directory(),
    ];
    store.sync_directories(&directories, Durability::Durable)
}

/// What stands in the place of a meta file.
enum State {
    Gone,
    Whole(Crc32c),
    Unreadable,
    NoFile,
}

fn look(store: &dyn Store, id: BackupId) -> Result<State> {
    match checksum(store, &layout::meta(id)) {
        Ok(crc32c) => Ok(State::Whole(crc32c)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(State::Gone),
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(State::NoFile),
        Err(error) if error.kind() == ErrorKind::Io => {
            tracing::warn!(%id, reason = %error.one_line(), "a meta file that cannot be read is deleted");
            Ok(State::Unreadable)
        }
        Err(error) => Err(error),
    }
}

fn withdraw_one(store: &dyn Store, id: BackupId, state: State, durability: Durability) -> Result<()> {
    let record = match state {
        State::Gone => return Ok(()),
        State::NoFile => return replace_by_record(store, id),
        State::Whole(crc32c) => layout::deleted(id, crc32c),
        State::Unreadable => layout::deleted(id, NO_CHECKSUM),
    };
    match store.rename(&layout::meta(id), &record, durability) {
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
