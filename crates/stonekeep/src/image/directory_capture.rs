//! Captures the directory of a database as its kind and its LOCK require.

use std::path::PathBuf;

use super::at_rest::{OPEN_HERE_HINT, refuse_if_open};
use super::directory::{Directory, SourceKind};
use super::lock::LockState;
use super::{Capture, CaptureHost, ImageSource, closed, hot, other_database};
use crate::{Error, ErrorKind, Observer, Result};

impl Directory {
    /// As a closed database if it is one, else hot.
    fn capture_by_lock(
        &self,
        host: &mut dyn CaptureHost,
        observer: &dyn Observer,
    ) -> Result<Box<dyn Capture>> {
        if self.is_open_elsewhere()? {
            return hot::capture(self, host, observer);
        }
        match closed::capture(self, host, observer) {
            // A process that has opened the database meanwhile may have caused what is missing or wrong.
            Err(error) if error.kind() != ErrorKind::Stopped && self.is_open_elsewhere()? => {
                hot::capture(self, host, observer)
            }
            outcome => outcome,
        }
    }

    /// Whether another process has the database open.
    ///
    /// # Errors
    /// `Refused` if it is this very process.
    fn is_open_elsewhere(&self) -> Result<bool> {
        match LockState::looked_at(&self.path, self.own_databases)? {
            LockState::Free => Ok(false),
            LockState::HeldBy { .. } => Ok(true),
            LockState::HeldByThisProcess => {
                let message = format!("the database in {} is open in this process", self.path.display());
                Err(Error::refused(message).with_hint(OPEN_HERE_HINT))
            }
        }
    }
}

impl ImageSource for Directory {
    fn describe(&self) -> String {
        let path = self.path.display();
        match self.kind {
            SourceKind::Checkpoint => format!("the checkpoint in {path}"),
            _ => format!("the database in {path}"),
        }
    }

    fn directories(&self) -> Vec<PathBuf> {
        let further = self.wal_dir.iter().chain(&self.db_paths);
        [&self.path].into_iter().chain(further).cloned().collect()
    }

    fn capture(&self, host: &mut dyn CaptureHost, observer: &dyn Observer) -> Result<Box<dyn Capture>> {
        let captured = match self.kind {
            SourceKind::Auto => self.capture_by_lock(host, observer),
            SourceKind::Closed | SourceKind::Checkpoint => {
                refuse_if_open(self).and_then(|()| closed::capture(self, host, observer))
            }
            SourceKind::Hot => {
                self.is_open_elsewhere()?;
                hot::capture(self, host, observer)
            }
            SourceKind::InProcess => hot::capture(self, host, observer),
        };
        captured.map_err(|error| other_database::explain(&self.path, error))
    }
}
