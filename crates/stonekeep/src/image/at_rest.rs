//! Whether a database is closed, and has stayed so.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use stonekeep_format::file_name::DbFileName;

use super::directory::Directory;
use super::listing::{FileIdentity, Listing, identity_of, is_absent};
use super::lock::{LockState, OwnDatabases};
use super::manifest::Current;
use super::pinned::Pinned;
use crate::{Error, IoContext, Result};

/// What every process changes that opens a database for writing.
#[derive(Debug)]
pub(super) struct AtRest {
    database: PathBuf,
    own_databases: OwnDatabases,
    current: Current,
    manifest: Pinned,
    wal_directory: PathBuf,
    wals: WalSizes,
}

/// Which file each WAL is, and how long.
type WalSizes = BTreeMap<OsString, (FileIdentity, u64)>;

impl AtRest {
    /// Remembers how the database looks: after CURRENT and the MANIFEST were read, after the directory of the WALs was
    /// listed, and before any WAL is opened. So what is captured is what is compared.
    pub(super) fn new(
        source: &Directory,
        current: Current,
        manifest: Pinned,
        wal_directory: &Listing,
    ) -> Result<AtRest> {
        Ok(AtRest {
            database: source.path.clone(),
            own_databases: source.own_databases,
            current,
            manifest,
            wal_directory: wal_directory.path.clone(),
            wals: wal_sizes(wal_directory)?,
        })
    }

    /// Looks again.
    ///
    /// # Errors
    /// `Refused` if the database is open, or has been opened meanwhile.
    pub(super) fn confirm(&self) -> Result<()> {
        let state = LockState::looked_at(&self.database, self.own_databases)?;
        if let Some(holder) = state.holder() {
            return Err(self.was_opened(&format!("it is open in {holder}")));
        }
        let changed = if Current::read(&self.database)?.as_ref() != Some(&self.current) {
            self.current.path.as_path()
        } else if !self.manifest.is_unchanged()? {
            self.manifest.path.as_path()
        } else if !self.wals_are_unchanged()? {
            self.wal_directory.as_path()
        } else {
            return Ok(());
        };
        Err(self.was_opened(&format!("{} has changed", changed.display())))
    }

    fn was_opened(&self, how: &str) -> Error {
        let database = self.database.display();
        let message = format!("the database in {database} was opened while it was captured: {how}");
        Error::source_changed(message)
            .with_hint("try again while no process has it open, or capture it while it is (--source auto)")
    }

    fn wals_are_unchanged(&self) -> Result<bool> {
        let listing = Listing::of_some(&self.wal_directory, |name| name.ends_with(b".log"))?;
        let sizes = listing.map(|listing| wal_sizes(&listing)).transpose()?;
        Ok(sizes.as_ref() == Some(&self.wals))
    }
}

/// Refuses a database that a process has open.
pub(super) fn refuse_if_open(source: &Directory) -> Result<()> {
    let database = &source.path;
    let state = LockState::looked_at(database, source.own_databases)?;
    let Some(holder) = state.holder() else {
        return Ok(());
    };
    let hint = match state {
        LockState::HeldByThisProcess => OPEN_HERE_HINT,
        _ => {
            "stop that process, or capture the database while it is open (--source auto), or let that process make a \
             checkpoint and give the checkpoint's directory"
        }
    };
    let message = format!("the database in {} is open in {holder}", database.display());
    Err(Error::refused(message).with_hint(hint))
}

/// What to do about a database that is open in this very process.
pub(super) const OPEN_HERE_HINT: &str =
    "close it first, or give a checkpoint of it, or back it up through its handle (crate stonekeep-rocksdb)";

fn wal_sizes(listing: &Listing) -> Result<WalSizes> {
    let mut sizes = WalSizes::new();
    for file in &listing.files {
        if !matches!(file.parsed, Some(DbFileName::Wal(_))) {
            continue;
        }
        let path = listing.path_of(file);
        match fs::metadata(&path) {
            Ok(metadata) => sizes.insert(file.name.clone(), (identity_of(&metadata), metadata.len())),
            Err(error) if is_absent(&error) => None,
            Err(error) => return Err(error).context("looking at", &path),
        };
    }
    Ok(sizes)
}
