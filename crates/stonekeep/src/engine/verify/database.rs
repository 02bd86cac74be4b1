//! Verifies a database at rest: as a deep verification of a backup of it would, without a repository.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use stonekeep_format::manifest::DatabaseState;

use super::damaged_database::describe;
use super::verified_contents::VerifiedContents;
use crate::engine::callbacks::guarded;
use crate::engine::deep::{self, Deep, Record, Wals};
use crate::engine::inspecting_host::InspectingHost;
use crate::engine::rate_limiter::RateLimiter;
use crate::engine::transfer::Meter;
use crate::image::{Content, DatabaseImage, ImageFile, ImageSource};
use crate::parallel::run_bounded;
use crate::store::{LocalFile, Object};
use crate::{Error, ErrorKind, Finding, IoContext, Observer, Phase, Progress, Result, SystemClock, Warning};

/// How a database is verified.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct VerifyDatabaseOptions {
    /// How many files are read at the same time.
    pub workers: usize,
    /// Limit in bytes per second; 0 is no limit.
    pub rate_limit: u64,
}

impl Default for VerifyDatabaseOptions {
    fn default() -> Self {
        VerifyDatabaseOptions {
            workers: 2,
            rate_limit: 0,
        }
    }
}

impl VerifyDatabaseOptions {
    /// Sets [`Self::workers`].
    #[must_use]
    pub fn with_workers(self, workers: usize) -> Self {
        VerifyDatabaseOptions { workers, ..self }
    }

    /// Sets [`Self::rate_limit`].
    #[must_use]
    pub fn with_rate_limit(self, rate_limit: u64) -> Self {
        VerifyDatabaseOptions { rate_limit, ..self }
    }
}

/// What [`verify_database`] found.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DatabaseReport {
    /// Which database.
    pub database: String,
    /// The files that it consists of.
    pub files_checked: u64,
    /// The bytes of the tables, blobs and WALs, which were read.
    pub bytes_checked: u64,
    /// Everything that is wrong.
    pub findings: Vec<Finding>,
    /// What is in tables and WALs.
    pub contents: VerifiedContents,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

impl DatabaseReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Captures a database as a backup would, and looks into every table and WAL of it. CURRENT, MANIFEST and OPTIONS are read by the
/// capture, which also finds what is missing or has a wrong size; all other files are looked into all the same. Nothing is written.
///
/// # Errors
/// `Refused` if a process has the database open; `NotFound` if there is none; `Stopped`; I/O errors. Damage is in the report.
pub fn verify_database(
    source: &dyn ImageSource,
    options: &VerifyDatabaseOptions,
    observer: &dyn Observer,
) -> Result<DatabaseReport> {
    guarded(observer, |observer| verify(source, options, observer))
}

fn verify(
    source: &dyn ImageSource,
    options: &VerifyDatabaseOptions,
    observer: &dyn Observer,
) -> Result<DatabaseReport> {
    observer.progressed(&Progress::begin(Phase::Planning));
    let mut report = DatabaseReport {
        database: source.describe(),
        files_checked: 0,
        bytes_checked: 0,
        findings: Vec::new(),
        contents: VerifiedContents::default(),
        warnings: Vec::new(),
    };
    let mut host = InspectingHost::passing_over_damage();
    let capture = match source.capture(&mut host, observer) {
        Ok(capture) => capture,
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            report.findings = error.findings().to_vec();
            if report.findings.is_empty() {
                let (file, reason) = (source.describe(), error.one_line());
                report.findings.push(Finding { file, reason });
            }
            return Ok(report);
        }
        Err(error) => return Err(error),
    };
    let image = capture.image();
    report.files_checked = image.files.len() as u64;
    report.warnings.clone_from(&image.warnings);
    let state = deep::state_of_image(image)?;
    look_into_all(image, &state, options, observer, &mut report)?;
    let (findings, contents) = describe(host.into_damage(), &state, &report.contents.damaged);
    report.findings.splice(0..0, findings);
    report.contents.damaged.splice(0..0, contents);
    capture.confirm()?;
    Ok(report)
}

/// Looks into all files of an image.
fn look_into_all(
    image: &DatabaseImage,
    state: &DatabaseState,
    options: &VerifyDatabaseOptions,
    observer: &dyn Observer,
    report: &mut DatabaseReport,
) -> Result<()> {
    let to_read: Vec<&ImageFile> = image.files.iter().filter(|file| file.path().is_some()).collect();
    let bytes = to_read
        .iter()
        .map(|file| file.size_bytes)
        .fold(0, u64::saturating_add);
    let (clock, limiter) = (SystemClock, RateLimiter::new(options.rate_limit));
    let begin = Progress {
        files_total: to_read.len() as u64,
        bytes_total: bytes,
        ..Progress::begin(Phase::Verifying)
    };
    let meter = Meter::start(observer, &clock, &limiter, 4 << 20, begin);
    let memory_bytes = deep::memory_of_one(options.workers);
    let records: HashMap<_, _> = Record::all_of(state).collect();
    let looked = run_bounded(options.workers, to_read, |file| {
        meter.check()?;
        let record = records.get(&Record::name_of(&file.name));
        let looked = look(file, memory_bytes, record, &meter)?;
        meter.file_done();
        Ok((file, looked))
    })?;
    let mut wals = Wals::default();
    for (file, deep) in looked {
        report.bytes_checked += file.size_bytes;
        let name = file.to_string();
        let lines = deep.iter().flat_map(Deep::lines);
        report
            .findings
            .extend(lines.map(|reason| Finding::new(name.as_str(), reason)));
        if let Some(deep) = deep {
            wals.add(&name, &deep);
            report.contents.add(&name, deep);
        }
    }
    let misplaced = wals.out_of_order().into_iter();
    report
        .findings
        .extend(misplaced.map(|(name, part)| Finding::new(name, part.to_string())));
    Ok(())
}

/// What was found in a file.
fn look(
    file: &ImageFile,
    memory_bytes: usize,
    record: Option<&Record>,
    meter: &Meter<'_>,
) -> Result<Option<Deep>> {
    let open = OpenFile::open(file)?;
    let count = |bytes| meter.count(bytes);
    let records: Vec<&Record> = record.into_iter().collect();
    match deep::look(&file.name, &open, memory_bytes, &records, &count) {
        Ok((_, deep)) => Ok(deep.map(Deep::with_contradictions)),
        Err(error) => Err(Error::of_reading(error, || format!("reading {file}"))),
    }
}

/// A file of the database, as far as it counts.
struct OpenFile {
    file: File,
    size_bytes: u64,
}

impl OpenFile {
    fn open(image: &ImageFile) -> Result<Self> {
        let file = match &image.content {
            Content::Open { file, path } => file.try_clone().context("opening", path)?,
            _ => {
                let path: PathBuf = image.path().map(Into::into).unwrap_or_default();
                File::open(&path).context("opening", &path)?
            }
        };
        Ok(OpenFile {
            file,
            size_bytes: image.size_bytes,
        })
    }
}

impl Object for OpenFile {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn size_bytes_now(&self) -> io::Result<u64> {
        Ok(self.size_bytes)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn local_file(&self) -> Option<LocalFile<'_>> {
        None
    }
}
