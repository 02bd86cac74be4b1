//! The MANIFEST of a database that is being written, followed from edit to edit.
//!
//! RocksDB appends to the MANIFEST, and now and then writes a new one and lets CURRENT name it
//! (`VersionSet::ProcessManifestWrites`, `db/version_set.cc`). What is not there in full yet, a record or an atomic
//! group, has no effect yet either: it is left out, and read once more later.

use std::path::Path;
use std::time::Duration;

use stonekeep_format::manifest::DatabaseState;

use crate::image::directory::Directory;
use crate::image::listing::{FileIdentity, Listing};
use crate::image::manifest::{Current, Manifest};
use crate::image::no_database::no_database;
use crate::{Error, ErrorKind, Observer, Result};

/// How often a MANIFEST that is missing or damaged is looked at again, while CURRENT names no other.
const LOOKS: u32 = 4;

/// How much longer to wait before each such look.
const PAUSE: Duration = Duration::from_millis(5);

/// What came since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing.
    None,
    /// Edits.
    Edits,
    /// Another MANIFEST, or the same one was read afresh.
    OtherManifest,
}

/// The live MANIFEST, and the state up to its last edit that was there in full.
#[derive(Debug)]
pub(in crate::image) struct Followed<'a> {
    source: &'a Directory,
    directory: FileIdentity,
    /// The id in the MANIFEST; the state is lost when reading breaks off.
    database_id: Option<Vec<u8>>,
    current: Current,
    manifest: Manifest,
}

impl<'a> Followed<'a> {
    /// Reads CURRENT and the MANIFEST of a database.
    ///
    /// # Errors
    /// `NotFound` if there is none, `Corrupt` if the MANIFEST is missing or damaged, `Unsupported` if a newer RocksDB
    /// or a custom Env wrote it.
    pub(in crate::image) fn open(source: &'a Directory, observer: &dyn Observer) -> Result<Self> {
        let (current, manifest) = read_afresh(source, observer)?;
        Ok(Followed {
            source,
            directory: identity(&source.path)?,
            database_id: manifest.state.db_id().map(<[u8]>::to_vec),
            current,
            manifest,
        })
    }

    /// The state.
    pub(in crate::image) fn state(&self) -> &DatabaseState {
        &self.manifest.state
    }

    /// The MANIFEST.
    pub(in crate::image) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Goes on to the newest state.
    ///
    /// # Errors
    /// As [`Followed::open`]; `Refused` if another database was put in the place of this one.
    pub(super) fn advance(&mut self, observer: &dyn Observer) -> Result<News> {
        let edits = if self.manifest.file.length()? < self.manifest.applied_bytes {
            return self.restart(observer);
        } else {
            self.manifest.read_on(observer)
        };
        match edits {
            Err(error) if error.kind() == ErrorKind::Stopped => Err(error),
            Err(_) => self.restart(observer),
            Ok(_) if !self.is_current()? => self.restart(observer),
            Ok(0) => Ok(News::None),
            Ok(_) => Ok(News::Edits),
        }
    }

    /// Whether CURRENT still names this MANIFEST, and both are those of this database.
    pub(super) fn is_current(&self) -> Result<bool> {
        let current = Current::read(&self.source.path)?;
        Ok(current.as_ref() == Some(&self.current)
            && self.manifest.file.is_in_place()?
            && identity(&self.source.path)? == self.directory)
    }

    fn restart(&mut self, observer: &dyn Observer) -> Result<News> {
        if identity(&self.source.path)? != self.directory {
            return Err(self.was_replaced("it is another directory now"));
        }
        let (current, manifest) = read_afresh(self.source, observer)?;
        if manifest.number < self.manifest.number {
            let (old, new) = (self.manifest.number, manifest.number);
            return Err(self.was_replaced(&format!("its MANIFEST was {old} and is {new}")));
        }
        let id = manifest.state.db_id().map(<[u8]>::to_vec);
        if let (Some(known), Some(id)) = (&self.database_id, &id)
            && known != id
        {
            return Err(self.was_replaced("it has another database id"));
        }
        self.database_id = id.or(self.database_id.take());
        self.current = current;
        self.manifest = manifest;
        Ok(News::OtherManifest)
    }

    fn was_replaced(&self, how: &str) -> Error {
        let database = self.source.path.display();
        let message = format!("another database was put into {database} while it was captured: {how}");
        Error::source_changed(message)
    }
}

/// Reads CURRENT and the MANIFEST that it names. One that is missing or damaged is looked at again: it may be about to
/// be deleted, and CURRENT name another one by now.
fn read_afresh(source: &Directory, observer: &dyn Observer) -> Result<(Current, Manifest)> {
    let database = &source.path;
    let mut failed: Option<Current> = None;
    let mut looks = 0;
    loop {
        let Some(current) = Current::read(database)? else {
            return Err(no_database(database));
        };
        looks = if failed.as_ref() == Some(&current) {
            looks + 1
        } else {
            0
        };
        match Manifest::read(database, &current, observer) {
            Ok(manifest) => return Ok((current, manifest)),
            Err(error) if error.kind() != ErrorKind::Corrupt || looks == LOOKS => return Err(error),
            Err(_) => failed = Some(current),
        }
        source.clock.sleep(PAUSE * looks);
    }
}

fn identity(database: &Path) -> Result<FileIdentity> {
    let identity = Listing::identity_of(database)?;
    identity.ok_or_else(|| no_database(database))
}
