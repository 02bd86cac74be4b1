//! Whether the database that is restored over has newer data than the backup.

use std::collections::BTreeMap;
use std::io::Read;

use serde::{Deserialize, Serialize};
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::{DatabaseState, ManifestReader, parse_current};
use stonekeep_format::wal::{Replay, WalScanner};
use stonekeep_format::{FileNumber, SequenceNumber};

use super::listing::TargetListings;
use crate::repo::catalog::LoadedMeta;
use crate::repo::described;
use crate::store::Store;
use crate::target::{Area, CURRENT, TargetDirectories, TargetDirectory};
use crate::{Error, Result, Warning, WarningName};

const CURRENT_LIMIT_BYTES: u64 = 4096;
const BUFFER_BYTES: usize = 256 << 10;

/// The last sequence numbers of both states, as far as they are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sequences {
    /// Of the database at the target.
    pub(super) target: Option<u64>,
    pub(super) backup: Option<u64>,
}

impl Sequences {
    /// Whether neither is known.
    pub(super) fn is_unknown(&self) -> bool {
        *self == Sequences::default()
    }

    /// Those of a restore that replaces no database which can be compared.
    pub(super) fn of_backup(recorded: Option<SequenceNumber>) -> Self {
        Sequences {
            target: None,
            backup: recorded.map(|number| number.0),
        }
    }

    /// Looks at the target's database. `recorded` is what our facts have of the backup.
    ///
    /// # Errors
    /// I/O errors of the repository. What cannot be read at the target is not known: a damaged database is the usual reason
    /// to restore.
    pub(super) fn read(
        targets: &TargetDirectories,
        listings: &TargetListings,
        store: &Store,
        loaded: &LoadedMeta,
        recorded: Option<SequenceNumber>,
    ) -> Result<Self> {
        let target = of_target(targets, listings).ok();
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

/// The last sequence number in the MANIFEST and in the WALs that belong to it; at least that, where WALs are elsewhere, or
/// cannot be read to their ends.
fn of_target(targets: &TargetDirectories, listings: &TargetListings) -> Result<SequenceNumber> {
    let db = targets.db();
    let name = db.path().display().to_string();
    let missing = || Error::not_found(format!("{name} has no CURRENT"));
    let current = db
        .read(&db.at(CURRENT)?, CURRENT_LIMIT_BYTES)?
        .ok_or_else(missing)?;
    let number = parse_current(&current).map_err(|error| Error::format(&name, error))?;
    let state = manifest(db, &format!("MANIFEST-{number:06}"))?;
    let mut last = state.last_sequence().unwrap_or_default();
    let mut replay = Replay::default();
    for (number, (area, file)) in wals(listings, &state) {
        let mut scanner = WalScanner::new(number, &mut replay);
        let complete = stream(targets.of(area), &file, |bytes| scanner.push(bytes));
        if let Some(bounds) = scanner.finish().last_sequence {
            last = last.max(bounds.exact().unwrap_or(bounds.lowest));
        }
        if complete.is_err() {
            break;
        }
    }
    Ok(last)
}

fn manifest(db: &TargetDirectory, name: &str) -> Result<DatabaseState> {
    let mut reader = ManifestReader::new();
    stream(db, name, |bytes| reader.push(bytes))?;
    let (state, _) = reader.finish().map_err(|error| Error::format(name, error))?;
    Ok(state)
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

fn stream(
    target: &TargetDirectory,
    name: &str,
    mut push: impl FnMut(&[u8]) -> stonekeep_format::Result<()>,
) -> Result<()> {
    let missing = || Error::not_found(format!("{name} is missing"));
    let file = target.open(&target.at(name)?)?.ok_or_else(missing)?;
    let mut source = file.reader();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = source
            .read(&mut buffer)
            .map_err(|error| Error::io(format!("reading {name}"), error))?;
        if count == 0 {
            return Ok(());
        }
        push(buffer.get(..count).unwrap_or_default()).map_err(|error| Error::format(name, error))?;
    }
}
