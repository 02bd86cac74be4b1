//! What the OPTIONS of a database that is being written say about capturing it.

use std::path::{Path, PathBuf};

use stonekeep_format::manifest::DatabaseState;
use stonekeep_format::options::CaptureOptions;

use super::file_system;
use super::probe::Step;
use super::wal_window::WalWindow;
use crate::image::diagnostics::Diagnostics;
use crate::image::directory::{Directory, SourceKind};
use crate::image::listing::{Listing, data_directories};
use crate::image::manifest::Manifest;
use crate::image::no_database::no_database;
use crate::image::options_file::Options;
use crate::image::wal_dir::{Usage, WalDirChoice};
use crate::{Error, ErrorKind, Observer, Result, Warning, WarningName};

/// How often to look for the newest OPTIONS, when those that were listed are gone.
const LOOKS: u32 = 10;

/// Where the files of a database are, and how it treats them.
#[derive(Debug)]
pub(in crate::image) struct Settings {
    /// The directories of tables and blobs, the database's own first.
    pub(super) data_paths: Vec<PathBuf>,
    /// The directory of the WALs, where it is not the database's own.
    pub(in crate::image) wal_dir: Option<PathBuf>,
    /// What OPTIONS say.
    pub(in crate::image) options: CaptureOptions,
}

impl Settings {
    /// Reads OPTIONS, and finds the directories.
    ///
    /// # Errors
    /// `Refused` or `Unsupported` where such a database cannot be captured while it is written, unless forced.
    pub(in crate::image) fn read(
        source: &Directory,
        state: &DatabaseState,
        diagnostics: &mut Diagnostics,
        observer: &dyn Observer,
    ) -> Result<Settings> {
        let (home, found, warnings) = find_options(source, state, observer)?;
        diagnostics.extend_warnings(warnings);
        let options = found.map(|(settings, _)| settings).unwrap_or_default();
        refuse_what_cannot_be_seen(source, &options, diagnostics)?;
        let choice = WalDirChoice {
            home: &home,
            given: source.wal_dir.as_deref(),
            settings: &options,
            state,
            usage: Usage::Open,
            observer,
        };
        let wal_dir = choice.choose(diagnostics)?.map(|listing| listing.path);
        if diagnostics.has_findings() {
            let found = std::mem::take(diagnostics);
            found.into_warnings(&source.path, Some("say where its WALs are (wal_dir)"))?;
        }
        let directories = data_directories(home, &source.db_paths)?;
        let data_paths: Vec<PathBuf> = directories.into_iter().map(|listing| listing.path).collect();
        let others_write = source.kind != SourceKind::InProcess;
        for directory in data_paths.iter().chain(&wal_dir).filter(|_| others_write) {
            file_system::check(directory, source.forced, diagnostics)?;
        }
        Ok(Settings {
            data_paths,
            wal_dir,
            options,
        })
    }

    /// Where the database lies, besides its own directory.
    pub(super) fn own_directories(&self) -> Vec<PathBuf> {
        let data = self.data_paths.iter().skip(1);
        data.chain(&self.wal_dir).cloned().collect()
    }

    /// A window on the WALs of the database in this directory, none of them open yet; all of them are read in it if
    /// they were cut short, or may be recycled.
    pub(super) fn wal_window(&self, home: &Path, were_cut: bool) -> WalWindow {
        let reads = were_cut || self.options.recycle_log_file_num > 0;
        WalWindow::new(self.wal_dir.as_deref().unwrap_or(home), reads)
    }

    /// Refuses a MANIFEST that names further paths, if none were given: what is there cannot be found.
    pub(super) fn refuse_unknown_paths(&self, source: &Directory, manifest: &Manifest) -> Result<()> {
        if source.forced || !source.db_paths.is_empty() || !manifest.names_further_paths() {
            return Ok(());
        }
        let path = source.path.display();
        let message =
            format!("the database in {path} has tables in further directories, which are not known");
        Err(Error::refused(message)
            .with_hint("say which its db_paths and cf_paths are: RocksDB keeps them in no file"))
    }
}

/// The settings of a database and the OPTIONS file of its image, if it has any.
pub(super) type FoundOptions = Option<(CaptureOptions, Options)>;

/// The listing of the directory, its [options](Options::find), and warnings about newer OPTIONS files. RocksDB keeps two of
/// them, so one that was listed may be gone when it is read.
pub(super) fn find_options(
    source: &Directory,
    state: &DatabaseState,
    observer: &dyn Observer,
) -> Result<(Listing, FoundOptions, Vec<Warning>)> {
    let mut look = 1;
    loop {
        source.probes.at(Step::ReadOptions);
        let home = Listing::of(&source.path)?.ok_or_else(|| no_database(&source.path))?;
        let mut diagnostics = Diagnostics::default();
        match Options::find(&home, state, &mut diagnostics, observer) {
            Err(error) if error.is_source_changed() && look < LOOKS => look += 1,
            Err(error) => return Err(error),
            Ok(found) => return Ok((home, found, diagnostics.into_warnings(&source.path, None)?)),
        }
    }
}

/// Data that is in no file, or in files that nothing names.
fn refuse_what_cannot_be_seen(
    source: &Directory,
    options: &CaptureOptions,
    diagnostics: &mut Diagnostics,
) -> Result<()> {
    if options.manual_wal_flush && source.kind != SourceKind::InProcess {
        let message = "manual_wal_flush is on: what the process has not flushed from the buffer of its WAL is not captured";
        diagnostics.warn(WarningName::ManualWalFlush, &source.path, message);
    }
    if options.blob_direct_write.is_empty() {
        return Ok(());
    }
    let reason =
        "with enable_blob_direct_write, WALs may point into blob files that the MANIFEST does not name";
    if source.forced {
        let message = format!(
            "{reason}; those that are there are in the backup, but what its process has not written to them yet is not"
        );
        diagnostics.warn(WarningName::BlobsNotInManifest, &source.path, message);
        return Ok(());
    }
    let path = source.path.display();
    let message = format!("the database in {path} cannot be captured while it is written: {reason}");
    Err(Error::new(ErrorKind::Unsupported, message)
        .with_hint(
            "let its process close it (killing the process does not help: what is not in the blob files yet is lost then), \
             or let it make a checkpoint or a backup through its handle",
        ))
}
