//! The stamps of files with damage alone, for runs that have no use for the others.

use std::collections::HashSet;
use std::time::SystemTime;

use memchr::memmem;

use super::drill;
use super::stamps::{self, Stamps};
use crate::repo::checked_pieces::{self, Wanted};
use crate::repo::layout;
use crate::repo::pieces::Pieces;
use crate::store::{EntryKind, Key, Store};
use crate::{ErrorKind, Result};

/// The JSON keys that the line of a damaged file has, or of one that is damaged inside. Another line may contain them in a string: then all
/// stamps are read in vain.
const FIELDS: [&[u8]; 2] = [b"\"damaged\":", b"\"contents\":"];

/// All stamps of those files that a verification found damaged once, in their bytes or inside. Where there is no damage, as almost always, the
/// stamps are looked through in pieces, and take no memory. If they cannot be read, no damage is known.
pub fn known_damage(store: &Store, now: SystemTime) -> Stamps {
    read(store, now).unwrap_or_else(|error| {
        tracing::warn!(reason = %error.one_line(), "what verifications found damaged cannot be read");
        Stamps::default()
    })
}

fn read(store: &Store, now: SystemTime) -> Result<Stamps> {
    let mut damaged = Stamps::at(now);
    if !store.traits().lists {
        return Ok(damaged);
    }
    let directory = layout::verified_directory();
    let mut buffer = Vec::new();
    for entry in store.names(Some(&directory))? {
        if entry.kind == EntryKind::File
            && entry.name != drill::NAME
            && mentions_damage(store, &directory.join(&entry.name)?, &mut buffer)?
        {
            damaged = stamps::read(store, now)?;
            break;
        }
    }
    let found = damaged.iter().filter(|(_, stamp)| stamp.is_damage());
    let paths: HashSet<String> = found.map(|(path, _)| path.to_owned()).collect();
    damaged.retain(|path| paths.contains(path));
    Ok(damaged)
}

/// Whether a file of stamps may have one of a damaged file, also since it is damaged itself.
fn mentions_damage(store: &Store, key: &Key, buffer: &mut Vec<u8>) -> Result<bool> {
    let mut found = false;
    let read = Pieces::open(store, key, layout::RECORD_LIMIT_BYTES, buffer).and_then(|pieces| {
        checked_pieces::read(key.as_str(), pieces, Wanted::All, |line| {
            found |= FIELDS.iter().any(|field| memmem::find(line, field).is_some());
            Ok(())
        })
    });
    match read {
        Ok(()) => Ok(found),
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(true),
        // Another verification has merged it.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
