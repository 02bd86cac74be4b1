//! What an earlier restore has left at a target.

use serde::{Deserialize, Serialize};

use super::record::Record;
use super::site::{CURRENT, Site, Sites};
use crate::repo::layout::RECORD_LIMIT_BYTES;
use crate::{Error, ErrorKind, Result};

/// Longer than any CURRENT, RocksDB's or ours.
pub(super) const CURRENT_LIMIT_BYTES: u64 = 64 << 10;
/// How the CURRENT begins that RocksDB rejects: it wants `MANIFEST-` (`GetCurrentManifestPath` in db/manifest_ops.cc).
pub(super) const MARKER_PREFIX: &str = "stonekeep: ";

/// How far an earlier restore came.
#[derive(Debug)]
pub(super) enum Unfinished {
    /// Nothing has been moved; there may be staged files.
    Nothing,
    /// Files have begun to move: forward to the new state, or back to the old one.
    Moving(Record),
    /// Files have begun to move back.
    Aborting(Option<Record>),
    /// The new state is complete; the old one's files are to be removed.
    Committed(Record),
}

/// Whose the staging directory in a separate `wal_dir` is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WalOwner {
    pub(super) restore_of: String,
}

impl Unfinished {
    /// Looks at what stands there, and changes nothing.
    ///
    /// # Errors
    /// `Refused` where the traces do not fit each other, so that going on could lose files; `Corrupt` if the record is damaged.
    pub(super) fn read(sites: &Sites) -> Result<Self> {
        require_own_wal_dir(sites)?;
        let db = sites.db();
        let state = db.staging(Some("state"));
        let aborting = db.has(&db.staging(Some("aborting")))?;
        let Some(text) = db.read(&state, RECORD_LIMIT_BYTES)? else {
            return match aborting {
                true => Ok(Unfinished::Aborting(None)),
                false => require_no_traces(sites).map(|()| Unfinished::Nothing),
            };
        };
        let record = Record::decode(&state.to_string(), &text)?;
        record.head.require_same_wal_dir(sites)?;
        if aborting {
            Ok(Unfinished::Aborting(Some(record)))
        } else if !db.has(&db.new_file(CURRENT)?)? {
            Ok(Unfinished::Committed(record))
        } else if has_marker(db)? || has_old_files(sites)? {
            Ok(Unfinished::Moving(record))
        } else {
            // The database was still whole when the restore ended, and may have been opened since: what was written
            // down about its files may be wrong by now.
            Ok(Unfinished::Nothing)
        }
    }
}

/// Whether the old state was removed to make room.
pub(super) fn is_freed(sites: &Sites) -> Result<bool> {
    sites.db().has(&sites.db().staging(Some("freed")))
}

/// Whether CURRENT is one that only a restore writes.
pub(super) fn has_marker(db: &Site) -> Result<bool> {
    let current = db.read(&db.at(CURRENT)?, CURRENT_LIMIT_BYTES)?;
    Ok(current.is_some_and(|bytes| bytes.starts_with(MARKER_PREFIX.as_bytes())))
}

/// Whether files of the old state were moved away. Its CURRENT does not count: it keeps its name, too.
fn has_old_files(sites: &Sites) -> Result<bool> {
    for (_, site) in sites.all() {
        let old = site.staging(Some("old"));
        for name in site.names(&old)? {
            let moved = match name.as_str() {
                CURRENT => false,
                super::site::ARCHIVE => !site.names(&site.old_file(&name)?)?.is_empty(),
                _ => true,
            };
            if moved {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Without a record there must be nothing that only a record explains.
fn require_no_traces(sites: &Sites) -> Result<()> {
    let db = sites.db();
    let what = if has_old_files(sites)? {
        "files of an old database that a restore moved away"
    } else if has_marker(db)? && !is_freed(sites)? {
        "a CURRENT that only an unfinished restore writes"
    } else {
        return Ok(());
    };
    let message = format!(
        "{} has {what}, but no record of that restore",
        db.path().display()
    );
    Err(Error::refused(message).with_hint(format!(
        "the old files are in {}, new ones beside it: move them away, and restore into an empty directory",
        db.staging(Some("old"))
    )))
}

/// A separate `wal_dir` may be in use for the restore of another database.
fn require_own_wal_dir(sites: &Sites) -> Result<()> {
    let Some(wals) = sites.separate_wals() else {
        return Ok(());
    };
    let at = wals.staging(Some("state"));
    let Some(text) = wals.read(&at, CURRENT_LIMIT_BYTES)? else {
        return Ok(());
    };
    let owner: WalOwner = serde_json::from_slice(&text).map_err(|_| {
        Error::new(
            ErrorKind::Corrupt,
            format!("{at} does not say whose restore it is of"),
        )
    })?;
    if owner == WalOwner::of(sites) {
        return Ok(());
    }
    let message = format!(
        "{} has WALs of an unfinished restore into {}",
        wals.path().display(),
        owner.restore_of
    );
    Err(Error::refused(message)
        .with_hint("finish or abort that restore first, or restore into another wal_dir"))
}

impl WalOwner {
    pub(super) fn of(sites: &Sites) -> Self {
        WalOwner {
            restore_of: crate::target::real_path(sites.db().path())
                .to_string_lossy()
                .into_owned(),
        }
    }
}
