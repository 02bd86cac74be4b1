//! RocksDB's report of its live files, with the state in the MANIFEST that it names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::live_file::{LiveFiles, Memtables};
use super::report::Report;
use crate::image::manifest::Manifest;
use crate::{Clock, Error, ErrorKind, Observer, Result};

/// A MANIFEST that RocksDB names may be gone before it is opened, unless deletions are disabled.
const LOOKS: u32 = 10;

/// See the [module](self).
pub(super) struct Reported {
    pub(super) report: Report,
    /// The MANIFEST, up to the size that RocksDB reported.
    pub(super) manifest: Manifest,
}

/// What to ask RocksDB, and how.
#[derive(Clone, Copy)]
pub(super) struct Request<'s, 'a> {
    /// The database's directory.
    pub(super) directory: &'s Path,
    pub(super) files: &'s Arc<dyn LiveFiles + 'a>,
    /// Measures how long deletions are disabled.
    pub(super) clock: &'s Arc<dyn Clock>,
    /// Further directories that the caller knows of.
    pub(super) db_paths: &'s [PathBuf],
    /// Whether memtables may be flushed.
    pub(super) may_flush: bool,
    pub(super) observer: &'s dyn Observer,
}

impl Reported {
    /// Asks for the first time.
    ///
    /// # Errors
    /// Those of RocksDB; `Corrupt` if its MANIFEST is damaged.
    pub(super) fn first(request: Request<'_, '_>, memtables: Memtables) -> Result<Reported> {
        for _ in 0..LOOKS {
            if request.observer.should_stop() {
                return Err(Error::stopped());
            }
            if let Some(reported) = Reported::of(request.report(memtables)?, request.observer)? {
                return Ok(reported);
            }
        }
        let directory = request.directory.display();
        let message = format!("the MANIFEST of {directory} vanished at each attempt to open it");
        Err(Error::source_changed(message))
    }

    /// Asks again, and reads on.
    ///
    /// # Errors
    /// As [`Self::first`].
    pub(super) fn again(&mut self, request: Request<'_, '_>) -> Result<()> {
        let report = request.report(Memtables::Keep)?;
        let (number, file) = &report.manifest;
        if *number == self.manifest.number {
            self.manifest.read_to(file.size_bytes, request.observer)?;
            self.report = report;
            return Ok(());
        }
        *self = match Reported::of(report, request.observer)? {
            Some(reported) => reported,
            None => Reported::first(request, Memtables::Keep)?,
        };
        Ok(())
    }

    /// This report; `None` if the MANIFEST that it names is gone.
    fn of(report: Report, observer: &dyn Observer) -> Result<Option<Reported>> {
        let (number, file) = &report.manifest;
        let Some(mut manifest) = Manifest::open(*number, &file.path)? else {
            return Ok(None);
        };
        manifest.read_to(file.size_bytes, observer)?;
        Ok(Some(Reported { report, manifest }))
    }
}

impl Request<'_, '_> {
    /// Some databases report their files only after a flush (`enable_blob_direct_write`).
    fn report(&self, memtables: Memtables) -> Result<Report> {
        let files = self.files.as_ref();
        match Report::of(files, memtables) {
            Err(error) if error.kind() == ErrorKind::Unsupported && memtables == Memtables::Keep => {
                if self.may_flush {
                    Report::of(files, Memtables::Flush)
                } else {
                    Err(error.with_hint("back up with flush_before_backup"))
                }
            }
            report => report,
        }
    }
}
