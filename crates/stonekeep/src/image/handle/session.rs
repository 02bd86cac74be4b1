//! One capture of an open database, step by step.

use std::path::Path;
use std::time::Duration;

use super::live_files::{DeletionsDisabled, LiveFile, Memtables};
use super::report::{Reported, Request};
use crate::image::assembly::{HotCapture, Parts};
use crate::image::database_image::microseconds;
use crate::image::diagnostics::Diagnostics;
use crate::image::hot::closing::Addition;
use crate::image::hot::find_file::DataPaths;
use crate::image::hot::held_files::{HeldFiles, Holder};
use crate::image::hot::open_files::OpenFiles;
use crate::image::hot::probe::Probes;
use crate::image::listing::Listing;
use crate::image::manifest::{Current, database_id};
use crate::image::measured_wal::{MeasuredWal, WalReader};
use crate::image::options_file::Options;
use crate::image::pinned::Pinned;
use crate::image::unknown_files;
use crate::image::wal_rules::is_needed;
use crate::image::wal_scan::{Rules, ScannedWals, WalCut};
use crate::image::{CaptureHost, CaptureKind, ClosingRule, LiveCapture};
use crate::{Error, Result};

/// How often new files are held before deletions are disabled. A writer that flushes faster than the host copies would go
/// on for ever.
const ROUNDS_BEFORE: u32 = 12;

/// How often RocksDB is asked while deletions are disabled.
const CLOSING_ROUNDS: u64 = 100;

/// How often RocksDB is asked again for OPTIONS with the column families of the state.
const LOOKS_AT_OPTIONS: u32 = 8;

/// A capture under way.
pub(super) struct Session<'s, 'a> {
    request: Request<'s, 'a>,
    reported: Reported,
    files: HeldFiles,
    database_id: Option<String>,
    diagnostics: Diagnostics,
    looks_at_options: u32,
    probes: Probes,
}

/// A round that closed.
struct Closed {
    options: Option<Options>,
    wals: Vec<MeasuredWal>,
}

impl<'s, 'a> Session<'s, 'a> {
    /// Step 1.
    ///
    /// # Errors
    /// Those of RocksDB and of the host; `Corrupt` for a database that is damaged.
    pub(super) fn begin(
        request: Request<'s, 'a>,
        open_files_limit: Option<usize>,
        host: &mut dyn CaptureHost,
    ) -> Result<Self> {
        let memtables = if request.may_flush && host.attempt() == 1 {
            Memtables::Flush
        } else {
            Memtables::Keep
        };
        let reported = Reported::first(request, memtables)?;
        let mut diagnostics = Diagnostics::default();
        let database_id = database_id(request.directory, &reported.manifest.state, &mut diagnostics)?;
        host.check_database(database_id.as_deref())?;
        // The last attempt opens nothing.
        let most = if host.is_last_attempt() {
            Some(0)
        } else {
            open_files_limit
        };
        let paths = DataPaths::reported(request.directory, reported.report.places.clone());
        let mut session = Session {
            request,
            reported,
            files: HeldFiles::new(paths, OpenFiles::new(most)).leaving_too_many(),
            database_id,
            diagnostics,
            looks_at_options: 0,
            probes: Probes::default(),
        };
        session.hold_what_is_there(host)?;
        Ok(session)
    }

    /// Steps 2 to 6. What keeps deletions disabled, if the image depends on it.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub(super) fn run(
        mut self,
        host: &mut dyn CaptureHost,
    ) -> Result<(HotCapture, Option<DeletionsDisabled<'a>>)> {
        let deletions = DeletionsDisabled::new(self.request.files, self.request.clock)?;
        let mut rounds = 1;
        let closed = loop {
            match self.round(host)? {
                Some(closed) => break closed,
                None if rounds == CLOSING_ROUNDS => return Err(self.never_closed()),
                None => rounds += 1,
            }
        };
        let window = deletions.time();
        let kept = (host.is_last_attempt() || self.files.has_left()).then_some(deletions);
        Ok((self.finish(closed, rounds, window)?, kept))
    }

    /// Holds, or lets the host copy, what the state has, until a look shows nothing new.
    fn hold_what_is_there(&mut self, host: &mut dyn CaptureHost) -> Result<()> {
        for _ in 0..ROUNDS_BEFORE {
            let takes = self.files.takes();
            self.follow(host, true)?;
            if self.files.is_settled() && self.files.takes() == takes {
                break;
            }
            self.look()?;
        }
        Ok(())
    }

    /// Steps 2 to 5; nothing if the round did not close.
    fn round(&mut self, host: &mut dyn CaptureHost) -> Result<Option<Closed>> {
        self.look()?;
        self.follow(host, false)?;
        if !self.files.is_settled() {
            // Deletions are disabled, so what is missing is missing: the second time that is an error.
            self.follow(host, false)?;
        }
        let options = self.options()?;
        let fits = options
            .as_ref()
            .is_none_or(|options| options.fits(&self.reported.manifest.state));
        if !fits && self.looks_at_options < LOOKS_AT_OPTIONS {
            self.looks_at_options += 1;
            return Ok(None);
        }
        let recycles = options
            .as_ref()
            .is_none_or(|options| options.settings.recycle_log_file_num > 0);
        let wals = self.measure(recycles)?;
        Ok(self.is_closed()?.then_some(Closed { options, wals }))
    }

    fn look(&mut self) -> Result<()> {
        self.reported.again(self.request)?;
        let places = self.reported.report.places.clone();
        self.files.set_paths(DataPaths::reported(self.home(), places));
        Ok(())
    }

    /// The host copies nothing early while deletions are disabled.
    fn follow(&mut self, host: &mut dyn CaptureHost, may_take_early: bool) -> Result<()> {
        let mut holder = Holder {
            may_take_early: may_take_early && host.takes_early(),
            host,
            probes: &self.probes,
            observer: self.request.observer,
        };
        self.files.follow(&self.reported.manifest.state, &mut holder)
    }

    fn home(&self) -> &'s Path {
        self.request.directory
    }

    fn options(&self) -> Result<Option<Options>> {
        let reported = self.reported.report.options.as_ref();
        let read = reported.map(|(number, file)| Options::read(*number, &file.path, self.request.observer));
        read.transpose()
    }

    /// Step 4.
    fn measure(&self, recycles: bool) -> Result<Vec<MeasuredWal>> {
        let observer = self.request.observer;
        let state = &self.reported.manifest.state;
        let mut reader = WalReader::new(recycles, observer);
        let mut wals = Vec::new();
        for (number, reported) in &self.reported.report.wals {
            if !is_needed(state, *number) {
                continue;
            }
            let file = open_as_reported(reported)?;
            let wal = reader.read(*number, file)?;
            wals.push(wal.ok_or_else(|| is_shorter(reported))?);
        }
        Ok(wals)
    }

    /// Step 5.
    fn is_closed(&self) -> Result<bool> {
        let manifest = &self.reported.manifest;
        let addition = Addition::to(manifest, self.request.observer)?;
        // After the MANIFEST: what was added before another one came has been seen.
        let current = Current::read(self.home())?;
        let current = current.map(|current| current.manifest_number()).transpose()?;
        Ok(current == Some(manifest.number) && addition.keeps_contents())
    }

    /// Step 6, and the image.
    fn finish(mut self, closed: Closed, rounds: u64, window: Duration) -> Result<HotCapture> {
        let (home, observer) = (self.home(), self.request.observer);
        let Reported { report, manifest } = &self.reported;
        let settings = closed.options.as_ref().map(|options| options.settings.clone());
        let settings = settings.unwrap_or_default();
        let rules = Rules {
            state: &manifest.state,
            settings: &settings,
            cut: WalCut::Tolerant,
        };
        let wal_dir = report.wal_dir(home)?;
        let with_wals = wal_dir.as_deref().unwrap_or(home);
        let wals = ScannedWals::scan(closed.wals, with_wals, &rules, &mut self.diagnostics, observer)?;
        if let Some(options) = &closed.options {
            options.warn_unless_fits(&manifest.state, &mut self.diagnostics);
        }
        let own_directories = report.further_directories(home, self.request.db_paths)?;
        let unknown = match Listing::of(home)? {
            Some(listing) => unknown_files::list(&listing, &own_directories)?,
            None => Vec::new(),
        };
        let (mut live_files, pins) = self.files.into_files();
        live_files.any_elsewhere |= report.is_spread(home)?;
        let parts = Parts {
            directory: home,
            database_id: self.database_id,
            manifest,
            options: closed.options,
            live_files,
            wal_dir,
            kind: CaptureKind::Handle,
            live: Some(LiveCapture {
                rounds,
                rule: ClosingRule::DeletionsDisabled,
                window_us: microseconds(window),
                wal_bytes_trimmed: wals.trimmed_bytes(),
            }),
            wals,
            surplus: Vec::new(),
            unknown,
            own_directories,
            diagnostics: self.diagnostics,
        };
        HotCapture::new(parts, pins, &settings, &[home.to_owned()], observer)
    }

    fn never_closed(&self) -> Error {
        Error::source_changed(format!(
            "in {} column families came or went, or files were ingested, at each of {CLOSING_ROUNDS} looks",
            self.home().display()
        ))
    }
}

fn open_as_reported(reported: &LiveFile) -> Result<Pinned> {
    let file = Pinned::open(&reported.path)?;
    let file = file.filter(|file| file.size_bytes >= reported.size_bytes);
    let file = file.ok_or_else(|| is_shorter(reported))?;
    Ok(file.with_size(reported.size_bytes))
}

fn is_shorter(reported: &LiveFile) -> Error {
    let path = reported.path.display();
    Error::source_changed(format!(
        "{path} has fewer than the {} bytes that RocksDB reported",
        reported.size_bytes
    ))
}
