//! `stonekeep/holds/<id>-<crc32c of the meta file in hex>`: backups that an operator holds, so that no verb of ours deletes them.
//!
//! ```text
//! {"stonekeep_hold":1,"backup_id":7,"meta_crc32c":3735928559,"held_at_seconds":1796000000,"until_seconds":null,"reason":"audit","host":"db1","crc32c":2771873}
//! ```
//!
//! A hold is made and released under the writer's lock, as a deletion is: what is held when the lock is taken stays. Its checksum
//! binds it to one meta file: RocksDB's engine knows no holds, and may give an id again. Where the meta file cannot be read, the
//! id decides. A hold that cannot be read holds for ever, until it is released.
//!
//! | stopped | state |
//! |---|---|
//! | while a hold is put | the backup is held or not |
//! | while it is released | the same |
//! | after a foreign engine has deleted the backup | a hold of nothing, which the next `gc` removes, as it does with one whose time is over |

use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stonekeep_format::{BackupId, Crc32c};

use super::{layout, sealed_line};
use crate::parallel::run_bounded;
use crate::store::{Durability, EntryKind, Key, Persist, PutContent, PutMode, Store};
use crate::{Error, ErrorKind, Result};

/// A hold has one short line.
const LIMIT_BYTES: u64 = 64 << 10;
/// The version that is written, and the newest that is read.
const VERSION: u32 = 1;

/// That a backup is held.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Hold {
    /// The backup.
    pub backup_id: BackupId,
    /// CRC-32C of its meta file.
    pub meta_crc32c: u32,
    /// When it was held, in seconds since 1970, UTC.
    pub held_at_seconds: i64,
    /// When that ends, in seconds since 1970, UTC; `None` for not before it is released.
    pub until_seconds: Option<i64>,
    /// Why, in the operator's words.
    pub reason: String,
    /// The machine that it was held on.
    pub host: Option<String>,
}

/// The record.
#[derive(Serialize, Deserialize)]
struct Line {
    stonekeep_hold: u32,
    backup_id: u32,
    meta_crc32c: u32,
    held_at_seconds: i64,
    until_seconds: Option<i64>,
    reason: String,
    host: Option<String>,
}

impl Hold {
    /// How long it holds and why, in words.
    pub fn describe(&self) -> String {
        let until = self
            .until_seconds
            .map(|seconds| match Timestamp::from_second(seconds) {
                Ok(time) => format!("until {time}"),
                Err(_) => format!("until {seconds} seconds after 1970"),
            });
        match (until, self.reason.is_empty()) {
            (None, true) => "until it is released".to_owned(),
            (None, false) => self.reason.clone(),
            (Some(until), true) => until,
            (Some(until), false) => format!("{until}, {}", self.reason),
        }
    }

    /// The refusal to delete its backup.
    pub(crate) fn refusal(&self) -> Error {
        Error::refused(format!("backup {} is held: {}", self.backup_id, self.describe())).with_hint(format!(
            "release_backup (stonekeep release {}) ends that",
            self.backup_id
        ))
    }

    fn is_over(&self, now: SystemTime) -> bool {
        let now = Timestamp::try_from(now).unwrap_or(Timestamp::MIN);
        self.until_seconds.is_some_and(|until| until <= now.as_second())
    }

    /// One that nobody can read.
    fn unreadable(id: BackupId, crc32c: Crc32c, why: &str) -> Self {
        Hold {
            backup_id: id,
            meta_crc32c: crc32c.0,
            held_at_seconds: 0,
            until_seconds: None,
            reason: format!("the hold cannot be read: {why}"),
            host: None,
        }
    }
}

/// All holds of a repository.
#[derive(Debug, Default)]
pub struct Holds {
    /// Those that hold now.
    pub holds: Vec<Hold>,
    /// Those whose time is over.
    pub over: Vec<Hold>,
}

impl Holds {
    /// The hold of a backup with this meta file; `None` stands for one that cannot be read.
    pub fn of(&self, id: BackupId, meta_crc32c: Option<Crc32c>) -> Option<&Hold> {
        let is_of = |hold: &&Hold| {
            hold.backup_id == id && meta_crc32c.is_none_or(|crc32c| crc32c.0 == hold.meta_crc32c)
        };
        self.holds.iter().find(is_of)
    }

    /// Whether any hold has this id.
    pub fn has(&self, id: BackupId) -> bool {
        self.holds.iter().any(|hold| hold.backup_id == id)
    }
}

/// Reads all holds, so many at a time. There are none where nothing can be listed.
///
/// # Errors
/// I/O errors of the store.
pub fn read(store: &Store, now: SystemTime, workers: usize) -> Result<Holds> {
    let mut holds = Holds::default();
    if !store.traits().lists {
        return Ok(holds);
    }
    let directory = layout::holds_directory();
    let names = store.names(Some(&directory))?;
    let names = names.into_iter().filter(|entry| entry.kind == EntryKind::File);
    let named = names.filter_map(|entry| Some((layout::parse_id_and_crc(&entry.name)?, entry.name)));
    let read = run_bounded(workers, named.collect(), |((id, crc32c), name)| {
        read_one(store, &directory.join(&name)?, id, crc32c)
    })?;
    for hold in read.into_iter().flatten() {
        let is_over = hold.is_over(now);
        if is_over {
            &mut holds.over
        } else {
            &mut holds.holds
        }
        .push(hold);
    }
    Ok(holds)
}

/// `None` if it was released meanwhile.
fn read_one(store: &Store, key: &Key, id: BackupId, crc32c: Crc32c) -> Result<Option<Hold>> {
    let bytes = match store.read(key, LIMIT_BYTES) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            return Ok(Some(Hold::unreadable(id, crc32c, &error.one_line())));
        }
        bytes => bytes?,
    };
    Ok(Some(match serde_json::from_slice::<Line>(&bytes) {
        Ok(line) if line.stonekeep_hold != VERSION => {
            Hold::unreadable(id, crc32c, "a newer version wrote it")
        }
        Ok(_) if !sealed_line::is_intact(&bytes) => Hold::unreadable(id, crc32c, "its checksum is wrong"),
        Ok(line) if (line.backup_id, line.meta_crc32c) == (id.get(), crc32c.0) => Hold {
            backup_id: id,
            meta_crc32c: crc32c.0,
            held_at_seconds: line.held_at_seconds,
            until_seconds: line.until_seconds,
            reason: line.reason,
            host: line.host,
        },
        Ok(_) => Hold::unreadable(id, crc32c, "it names another backup"),
        Err(error) => Hold::unreadable(id, crc32c, &error.to_string()),
    }))
}

/// Puts a hold, in the place of an earlier one. It is durable on return.
///
/// # Errors
/// Those of the store.
pub fn put(store: &Store, hold: &Hold) -> Result<()> {
    let line = Line {
        stonekeep_hold: VERSION,
        backup_id: hold.backup_id.get(),
        meta_crc32c: hold.meta_crc32c,
        held_at_seconds: hold.held_at_seconds,
        until_seconds: hold.until_seconds,
        reason: hold.reason.clone(),
        host: hold.host.clone(),
    };
    let text = sealed_line::seal(&line, "a hold")?;
    let (run, key) = (format!("hold-{}", hold.backup_id), key_of(hold));
    let content = PutContent::Bytes(&text);
    let put = store.put(&run, &key, content, PutMode::Replace, Durability::Durable);
    let discarded = store.discard(&run);
    put.and(discarded)
}

/// Removes holds. That is durable on return.
///
/// # Errors
/// Those of the store.
pub fn remove(store: &Store, holds: &[Hold]) -> Result<()> {
    let keys: Vec<Key> = holds.iter().map(key_of).collect();
    if let Some(left) = store.delete(&keys).into_iter().next() {
        return Err(left.error);
    }
    store.persist(Persist::Names(&[layout::holds_directory()]), Durability::Durable)
}

/// Where a hold is.
pub fn key_of(hold: &Hold) -> Key {
    layout::hold(hold.backup_id, Crc32c(hold.meta_crc32c))
}
