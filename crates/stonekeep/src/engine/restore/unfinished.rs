//! What an earlier restore has left at a target.

use serde::{Deserialize, Serialize};
use stonekeep_format::WholeText;

use super::record::{RECORD_BEGIN, RestoreRecord};
use crate::repo::layout::RECORD_LIMIT_BYTES;
use crate::target::{ARCHIVE, CURRENT, CURRENT_LIMIT_BYTES, TargetDirectories, TargetDirectory, real_path};
use crate::{Error, ErrorKind, Result};

/// How the CURRENT begins that RocksDB rejects: it wants `MANIFEST-` (`GetCurrentManifestPath` in db/manifest_ops.cc).
pub(super) const MARKER_PREFIX: &str = "stonekeep: ";

/// How far an earlier restore came.
#[derive(Debug)]
pub(super) enum Unfinished {
    /// Nothing has been moved; there may be staged files.
    Nothing,
    /// Files have begun to move: forward to the new state, or back to the old one.
    Moving(RestoreRecord),
    /// Files have begun to move back.
    Aborting(Option<RestoreRecord>),
    /// The new state is complete; the old one's files are to be removed.
    Committed(RestoreRecord),
}

/// Whose the staging directory in a separate `wal_dir` is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WalOwner {
    pub(super) restore_of: String,
}

impl Unfinished {
    /// Reads what an earlier restore has left, and changes nothing.
    ///
    /// # Errors
    /// `Refused` where the traces do not fit each other, so that going on could lose files; `Corrupt` if the record is damaged.
    pub(super) fn read(targets: &TargetDirectories) -> Result<Self> {
        require_own_wal_dir(targets)?;
        let db = targets.db();
        let state = db.staged("state");
        let aborting = db.has(&db.staged("aborting"))?;
        let text = WholeText::new().with_longer(RECORD_BEGIN);
        let Some(text) = db.read_text(&state, RECORD_LIMIT_BYTES, text)? else {
            return if aborting {
                Ok(Unfinished::Aborting(None))
            } else {
                require_no_traces(targets).map(|()| Unfinished::Nothing)
            };
        };
        let record = RestoreRecord::decode(&state.to_string(), &text)?;
        record.head.require_same_wal_dir(targets)?;
        if aborting {
            Ok(Unfinished::Aborting(Some(record)))
        } else if has_committed(db)? {
            Ok(Unfinished::Committed(record))
        } else if has_marker(db)? || has_old_files(targets)? {
            Ok(Unfinished::Moving(record))
        } else {
            // The database was still complete when the restore ended, and may have been opened since: what was written
            // down about its files may be wrong by now.
            Ok(Unfinished::Nothing)
        }
    }
}

/// Whether the new CURRENT has its place. It may have its old name, too: of a rename that a power failure has interrupted.
fn has_committed(db: &TargetDirectory) -> Result<bool> {
    let new = db.new_file(CURRENT)?;
    Ok(!db.has(&new)? || db.is_one_file(&new, &db.at(CURRENT)?)?)
}

/// Whether the old state was removed to make room.
pub(super) fn is_freed(targets: &TargetDirectories) -> Result<bool> {
    targets.db().has(&targets.db().staged("freed"))
}

/// Whether CURRENT is one that only a restore writes.
pub(super) fn has_marker(db: &TargetDirectory) -> Result<bool> {
    let current = db.read(&db.at(CURRENT)?, CURRENT_LIMIT_BYTES)?;
    Ok(current.is_some_and(|bytes| bytes.starts_with(MARKER_PREFIX.as_bytes())))
}

/// Whether files of the old state were moved away. Its CURRENT does not count: it keeps its name, too.
fn has_old_files(targets: &TargetDirectories) -> Result<bool> {
    for (_, target) in targets.all() {
        let old = target.staged("old");
        for name in target.names(&old)? {
            let moved = match name.as_str() {
                CURRENT => false,
                ARCHIVE => !target.names(&target.old_file(&name)?)?.is_empty(),
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
fn require_no_traces(targets: &TargetDirectories) -> Result<()> {
    let db = targets.db();
    let what = if has_old_files(targets)? {
        "files of an old database that a restore moved away"
    } else if has_marker(db)? && !is_freed(targets)? {
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
        db.staged("old")
    )))
}

/// A separate `wal_dir` may be in use for the restore of another database.
fn require_own_wal_dir(targets: &TargetDirectories) -> Result<()> {
    let Some(wals) = targets.separate_wals() else {
        return Ok(());
    };
    let at = wals.staged("state");
    let Some(text) = wals.read(&at, CURRENT_LIMIT_BYTES)? else {
        return Ok(());
    };
    let owner: WalOwner = serde_json::from_slice(&text).map_err(|_| {
        Error::new(
            ErrorKind::Corrupt,
            format!("{at} does not name the restore that it belongs to"),
        )
    })?;
    if owner == WalOwner::of(targets) {
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
    pub(super) fn of(targets: &TargetDirectories) -> Self {
        WalOwner {
            restore_of: real_path(targets.db().path()).to_string_lossy().into_owned(),
        }
    }
}
