//! Pins: how a reader keeps the files of a backup that somebody deletes meanwhile.
//!
//! # Protocol
//! - P1 A reader makes `stonekeep/pins/<random>` through [`Store::pin`], holding id, checksum and a copy of the
//!   meta file. P2 *Then* it reads `meta/<id>` again: gone, or another checksum, means that the backup was deleted
//!   before the pin was there, and the reader gets `NotFound`. P3 At the end the guard is dropped, and the pin is gone.
//! - A collector renames the meta file away first and reads the pins after that, so either the reader's second look
//!   misses the meta file, or the collector sees the pin.
//! - A crash leaves the pin; the collector finds its holder dead and removes it.

use serde::{Deserialize, Serialize};
use stonekeep_format::BackupId;

use super::catalog::{self, MetaState};
use super::layout;
use super::loaded_meta::LoadedMeta;
use super::record_text;
use crate::store::{EntryKind, Held, Key, PinState, Store};
use crate::{Error, ErrorKind, Result};

/// A backup that cannot be collected while this is alive.
#[derive(Debug)]
pub struct Pinned {
    /// Its meta file.
    pub loaded: LoadedMeta,
    /// `None` where the repository cannot be written: then the reader looks again when a file is missing.
    guard: Option<Held>,
}

impl Pinned {
    /// Whether a pin holds the files; else they may be deleted while they are read.
    pub fn is_held(&self) -> bool {
        self.guard.is_some()
    }

    /// What a missing or damaged file means: `Corrupt`, or "deleted while it was read" where the meta file is gone.
    pub fn explain(&self, store: &Store, error: Error) -> Error {
        match catalog::load(store, self.loaded.id) {
            Ok(MetaState::Readable(now)) if now.crc32c == self.loaded.crc32c => error,
            Ok(_) => deleted_meanwhile(self.loaded.id).with_source(error),
            Err(gone) if gone.kind() == ErrorKind::NotFound => {
                deleted_meanwhile(self.loaded.id).with_source(error)
            }
            Err(_) => error,
        }
    }
}

fn deleted_meanwhile(id: BackupId) -> Error {
    Error::not_found(format!("backup {id} was deleted while it was read"))
}

#[derive(Serialize, Deserialize)]
struct Header {
    stonekeep_pin: u32,
    backup_id: u32,
    meta_crc32c: u32,
}

/// Reads a meta file and pins what it names.
///
/// # Errors
/// `NotFound` if there is no such backup, `Corrupt` or `Unsupported` if its meta file cannot be read.
pub fn pin(store: &Store, id: BackupId) -> Result<Pinned> {
    pin_known(store, id, None)
}

/// The same for a backup whose meta file may have been read before: if it still is the same, it is not taken apart again.
///
/// # Errors
/// As [`pin`].
pub fn pin_known(store: &Store, id: BackupId, known: Option<LoadedMeta>) -> Result<Pinned> {
    let bytes = match record_text::read(store, &layout::meta(id)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::not_found(format!(
                "there is no backup {id} in {}",
                store.location()
            )));
        }
        Err(error) => return Err(error),
    };
    let loaded = match known.filter(|known| known.id == id && known.is_of(&bytes)) {
        Some(known) => known,
        None => LoadedMeta::decode(id, &bytes)?,
    };
    let guard = match store.pin(&layout::pins_directory(), &content(&loaded, &bytes)?) {
        Ok((_, guard)) => Some(guard),
        Err(error) => {
            tracing::debug!(reason = %error.one_line(), "the backup is read without a pin");
            None
        }
    };
    let again = match record_text::read(store, &layout::meta(id)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(deleted_meanwhile(id)),
        again => again?,
    };
    if again != bytes {
        // Damaged, or another backup's by now.
        LoadedMeta::decode(id, &again)?;
        return Err(deleted_meanwhile(id));
    }
    Ok(Pinned { loaded, guard })
}

/// Reads a meta file and writes nothing, for a look that changes nothing: files that are deleted meanwhile are missed.
///
/// # Errors
/// As [`pin`].
pub fn without_pin(store: &Store, id: BackupId) -> Result<Pinned> {
    let loaded = catalog::load(store, id)?.into_result()?;
    Ok(Pinned { loaded, guard: None })
}

fn content(loaded: &LoadedMeta, meta: &[u8]) -> Result<Vec<u8>> {
    let header = Header {
        stonekeep_pin: 1,
        backup_id: loaded.id.get(),
        meta_crc32c: loaded.crc32c.0,
    };
    let mut content = serde_json::to_vec(&header)
        .map_err(|error| Error::new(ErrorKind::Io, "writing a pin").with_source(error))?;
    content.push(b'\n');
    content.extend_from_slice(meta);
    Ok(content)
}

/// Pins that somebody holds.
#[derive(Debug, Default)]
pub struct LivePins {
    /// The pinned backups, each once.
    pub pinned: Vec<LoadedMeta>,
    /// Pins that are held, but cannot be read: everything must be kept.
    pub unreadable: Vec<Key>,
}

impl LivePins {
    fn add(&mut self, loaded: LoadedMeta) {
        let same = |pinned: &LoadedMeta| (pinned.id, pinned.crc32c) == (loaded.id, loaded.crc32c);
        if !self.pinned.iter().any(same) {
            self.pinned.push(loaded);
        }
    }
}

/// Reads the pins that are held, and removes those whose holder is dead. Finding that out may take minutes, but ends when
/// `should_stop`: then all pins count as held.
///
/// # Errors
/// I/O errors of the store.
pub fn live(store: &Store, should_stop: &dyn Fn() -> bool) -> Result<LivePins> {
    read(store, |key| {
        Ok(store.sweep_pin(key, should_stop)? == PinState::Held)
    })
}

/// Reads all pins, also those whose holder is dead, and changes nothing.
///
/// # Errors
/// I/O errors of the store.
pub fn all(store: &Store) -> Result<LivePins> {
    read(store, |_| Ok(true))
}

fn read(store: &Store, is_held: impl Fn(&Key) -> Result<bool>) -> Result<LivePins> {
    let mut pins = LivePins::default();
    for entry in store.list(Some(&layout::pins_directory()))? {
        if entry.kind != EntryKind::File {
            continue;
        }
        let key = layout::pins_directory().join(&entry.name)?;
        if !is_held(&key)? {
            continue;
        }
        match record_text::read(store, &key) {
            Ok(bytes) => match decode(&bytes) {
                Some(loaded) => pins.add(loaded),
                None => pins.unreadable.push(key),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) if error.kind() == ErrorKind::Corrupt => pins.unreadable.push(key),
            Err(error) => return Err(error),
        }
    }
    Ok(pins)
}

/// The meta file in a pin. A store may put lines of its own before ours.
fn decode(bytes: &[u8]) -> Option<LoadedMeta> {
    let mut rest = bytes;
    loop {
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        let (line, after) = (rest.get(..end)?, rest.get(end + 1..)?);
        if let Ok(header) = serde_json::from_slice::<Header>(line) {
            let loaded = LoadedMeta::decode(BackupId::new(header.backup_id)?, after).ok()?;
            return (loaded.crc32c.0 == header.meta_crc32c).then_some(loaded);
        }
        rest = after;
    }
}
