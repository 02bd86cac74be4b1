//! `stonekeep/deleted/<id>-<crc32c>.until`: until when the files of a deleted backup stay, so that it can be undeleted.
//!
//! ```text
//! {"stonekeep_undelete":1,"until_seconds":1796000000,"crc32c":2771873}
//! ```
//!
//! It is put and made durable with the record of the deletion, before the meta file goes. A later backup, purge or collection keeps
//! what the record names until that time is over; then the files go as those of any deleted backup, and the deadline goes
//! with its record. A deadline that cannot be read is never over: deleting the backup once more, without a deadline, ends it.
//!
//! | stopped | state |
//! |---|---|
//! | before the meta file is deleted | the backup exists; record and deadline say nothing, and the next run removes them |
//! | after that | the backup is deleted; its files stay until the deadline |
//! | while it is undeleted, before the meta file is put | the same |
//! | after the meta file is put | the backup exists, as in the first line |
//! | while record and deadline are removed | either may be left: a record without deadline is collected, a deadline without record removed |
//!
//! RocksDB's engine and older versions of Stonekeep know no deadlines, and remove the files at their next collection.

use std::collections::BTreeSet;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stonekeep_format::{BackupId, Crc32c};

use crate::repo::path_set::PathSet;
use crate::repo::{layout, sealed_line};
use crate::store::{Durability, Key, PutContent, PutMode, Store};
use crate::{ErrorKind, Result};

const VERSION: u32 = 1;
const LIMIT_BYTES: u64 = 4096;

/// When the files of a deleted backup may go, in seconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Option<i64>);

/// A deleted backup that can be undeleted.
#[derive(Debug)]
pub(super) struct UndeletableBackup {
    /// The backup.
    pub id: BackupId,
    /// Until when.
    pub deadline: Deadline,
    /// The stored files that it names.
    pub named: PathSet,
}

/// What is about to be deleted, and still exists (a dry run).
#[derive(Debug, Clone, Copy)]
pub struct ToDelete<'a> {
    /// The backups.
    pub ids: &'a BTreeSet<BackupId>,
    /// Until when their files are to stay.
    pub deadline: Option<Deadline>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    stonekeep_undelete: u32,
    until_seconds: i64,
}

impl Deadline {
    /// At this time.
    pub fn at(time: SystemTime) -> Self {
        Deadline(Some(
            Timestamp::try_from(time).unwrap_or(Timestamp::MAX).as_second(),
        ))
    }

    /// Whether it is over.
    pub fn is_over(self, now: SystemTime) -> bool {
        let now = Timestamp::try_from(now).unwrap_or(Timestamp::MIN);
        self.0.is_some_and(|until| until <= now.as_second())
    }

    /// `None` if it cannot be read.
    pub fn seconds(self) -> Option<i64> {
        self.0
    }
}

/// Puts the deadline of this backup, in the place of an earlier one; it is not durable yet. The caller discards the run.
pub(super) fn put(
    store: &Store,
    run: &str,
    (id, crc32c): (BackupId, Crc32c),
    deadline: Deadline,
) -> Result<Key> {
    let line = Line {
        stonekeep_undelete: VERSION,
        until_seconds: deadline.0.unwrap_or(i64::MAX),
    };
    let text = sealed_line::seal(&line, "a deadline")?;
    let key = layout::deleted_until(id, crc32c);
    let content = PutContent::Bytes(&text);
    store.put(run, &key, content, PutMode::Replace, Durability::Durable)?;
    Ok(key)
}

/// Reads the deadline of this backup: `None` if there is none.
///
/// # Errors
/// I/O errors of the store.
pub(super) fn read(store: &Store, id: BackupId, crc32c: Crc32c) -> Result<Option<Deadline>> {
    let bytes = match store.read(&layout::deleted_until(id, crc32c), LIMIT_BYTES) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(Some(Deadline(None))),
        bytes => bytes?,
    };
    let line = serde_json::from_slice::<Line>(&bytes).ok();
    let line = line.filter(|_| sealed_line::is_intact(&bytes));
    let line = line.filter(|line| line.stonekeep_undelete == VERSION);
    Ok(Some(Deadline(line.map(|line| line.until_seconds))))
}
