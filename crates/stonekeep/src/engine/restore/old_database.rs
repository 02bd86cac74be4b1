//! The database that is restored over: which one it is, and whether it has newer data than the backup.

use std::collections::BTreeMap;
use std::io::Read;

use serde::{Deserialize, Serialize};
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::{DatabaseState, ManifestReader, parse_current};
use stonekeep_format::wal::{Replay, WalScanner};
use stonekeep_format::{FileNumber, SequenceNumber};

use super::listing::TargetListings;
use crate::engine::contents::BackupContents;
use crate::repo::catalog::LoadedMeta;
use crate::repo::described;
use crate::store::Store;
use crate::target::{Area, CURRENT, CURRENT_LIMIT_BYTES, TargetDirectories, TargetDirectory};
use crate::{Error, ErrorKind, Observer, Result, Warning, WarningName};

/// How much of a file is read at first, and then at a time.
const FIRST_BYTES: usize = 4 << 10;
const BUFFER_BYTES: usize = 256 << 10;

/// The id of the database at the target, by the MANIFEST, else by IDENTITY. A damaged database is the usual reason to
/// restore: one that cannot be read has no id.
///
/// # Errors
/// `Stopped`.
pub(super) fn id(db: &TargetDirectory, observer: &dyn Observer) -> Result<Option<String>> {
    let mut reader = ManifestReader::new().without_files();
    // The first edit has it (`VersionSet::WriteCurrentStateToManifest` in db/version_set.cc), and no later one another:
    // little of the file is read.
    unless_stopped(read_manifest(db, observer, |bytes| {
        reader.push(bytes)?;
        Ok(reader.state().db_id().is_none())
    }))?;
    Ok(reader.state().db_id().map(text).or_else(|| identity(db)))
}

/// The last sequence number of the database at the target: at least that, where WALs are elsewhere, or cannot be read to
/// their ends.
///
/// # Errors
/// `Stopped`.
pub(super) fn last_sequence(
    targets: &TargetDirectories,
    listings: &TargetListings,
    observer: &dyn Observer,
) -> Result<Option<SequenceNumber>> {
    let mut reader = ManifestReader::new().without_files();
    let read = read_manifest(targets.db(), observer, |bytes| reader.push(bytes).map(|()| true));
    let Some((state, _)) = unless_stopped(read)?.and_then(|()| reader.finish().ok()) else {
        return Ok(None);
    };
    let mut last = state.last_sequence().unwrap_or_default();
    let mut replay = Replay::default();
    for (number, (area, file)) in wals(listings, &state) {
        let mut scanner = WalScanner::new(number, &mut replay);
        let complete = unless_stopped(stream(targets.of(area), &file, observer, |bytes| {
            scanner.push(bytes).map(|()| true)
        }))?;
        if let Some(bounds) = scanner.finish().last_sequence {
            last = last.max(bounds.exact().unwrap_or(bounds.lowest));
        }
        if complete.is_none() {
            break;
        }
    }
    Ok(Some(last))
}

/// The last sequence numbers of both states, as far as they are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sequences {
    /// Of the database at the target, unless it is another one.
    pub(super) target: Option<u64>,
    pub(super) backup: Option<u64>,
}

impl Sequences {
    /// That of the target, and of a backup of which the facts have `recorded`.
    ///
    /// # Errors
    /// I/O errors of the repository.
    pub(super) fn of(
        target: Option<SequenceNumber>,
        store: &Store,
        loaded: &LoadedMeta,
        recorded: Option<SequenceNumber>,
    ) -> Result<Self> {
        let said = loaded.meta.head.sequence_number();
        let backup = match (recorded, target) {
            (Some(recorded), _) => Some(recorded),
            // RocksDB's engine writes a number that may be too low.
            (None, Some(target)) if target > said => described::last_sequence(store, loaded)?,
            (None, _) => Some(said),
        };
        Ok(Sequences {
            target: target.map(|number| number.0),
            backup: backup.map(|number| number.0),
        })
    }

    /// Whether neither is known.
    pub(super) fn is_unknown(&self) -> bool {
        *self == Sequences::default()
    }

    /// A warning if the target is newer.
    pub(super) fn warning(self, db: &TargetDirectory) -> Option<Warning> {
        let (target, backup) = self.target.zip(self.backup)?;
        let newer = target.checked_sub(backup).filter(|newer| *newer > 0)?;
        let message = format!(
            "the database that is replaced is newer than the backup: its sequence number is {target}, the backup's {backup}; \
             what was written with the last {newer} sequence numbers is not in the backup"
        );
        let place = db.path().display().to_string();
        Some(Warning::about(WarningName::TargetIsNewer, place, message))
    }
}

/// The error for a restore over a database with this other id.
pub(super) fn refusal(target: &TargetDirectory, other: &str, backup: &BackupContents) -> Error {
    let message = format!(
        "{} has the database {other}, and backup {} is of the database {}",
        target.path().display(),
        backup.id,
        backup.database_id.as_deref().unwrap_or_default()
    );
    Error::refused(message).with_hint(
        "restore into another directory; allow_other_database (--allow-other-database) replaces the database that is \
         there all the same",
    )
}

/// Hands the bytes of the MANIFEST over, until no more are wanted.
fn read_manifest(
    db: &TargetDirectory,
    observer: &dyn Observer,
    push: impl FnMut(&[u8]) -> stonekeep_format::Result<bool>,
) -> Result<()> {
    let name = db.path().display().to_string();
    let current = db.read(&db.at(CURRENT)?, CURRENT_LIMIT_BYTES)?;
    let current = current.ok_or_else(|| Error::not_found(format!("{name} has no CURRENT")))?;
    let number = parse_current(&current).map_err(|error| Error::format(&name, error))?;
    stream(db, &format!("MANIFEST-{number:06}"), observer, push)
}

/// What was read, if it could be.
fn unless_stopped<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(error) if error.kind() == ErrorKind::Stopped => Err(error),
        read => Ok(read.ok()),
    }
}

fn identity(db: &TargetDirectory) -> Option<String> {
    let bytes = db.read(&db.at("IDENTITY").ok()?, CURRENT_LIMIT_BYTES).ok()??;
    let text = text(bytes.trim_ascii());
    (!text.is_empty()).then_some(text)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The WALs that the database replays, by number.
fn wals(listings: &TargetListings, state: &DatabaseState) -> BTreeMap<FileNumber, (Area, String)> {
    let mut wals = BTreeMap::new();
    for here in listings.all() {
        for (name, parsed) in here.database_files() {
            if let DbFileName::Wal(number) = parsed
                && (*number >= state.min_wal_to_keep() || state.tracked_wals().contains(*number))
            {
                wals.insert(*number, (here.area, name.to_owned()));
            }
        }
    }
    wals
}

/// Hands the bytes of a file over, until no more are wanted, or the observer asks to stop.
fn stream(
    target: &TargetDirectory,
    name: &str,
    observer: &dyn Observer,
    mut push: impl FnMut(&[u8]) -> stonekeep_format::Result<bool>,
) -> Result<()> {
    let missing = || Error::not_found(format!("{name} is missing"));
    let file = target.open(&target.at(name)?)?.ok_or_else(missing)?;
    let (mut source, mut buffer) = (file.reader(), vec![0; FIRST_BYTES]);
    loop {
        if observer.should_stop() {
            return Err(Error::stopped());
        }
        let count = source
            .read(&mut buffer)
            .map_err(|error| Error::io(format!("reading {name}"), error))?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if count == 0 || !push(bytes).map_err(|error| Error::format(name, error))? {
            return Ok(());
        }
        buffer.resize(BUFFER_BYTES, 0);
    }
}
