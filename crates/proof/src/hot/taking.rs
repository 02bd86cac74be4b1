//! Captures one image and makes a database directory of it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::{BackupEngine, BackupEngineOptions, CreateBackupOptions, RestoreOptions};
use stonekeep::image::{Content, ImageFile, ImageSource, LiveCapture, NoHost};
use stonekeep::store::local::LocalStore;
use stonekeep::{Error, ErrorKind, IoContext as _, Quiet, Result, Warning, WarningName};

/// How often a database is captured that changed while it was copied. The engine does so ten times, but the last times
/// it has most files already.
const ATTEMPTS: u32 = 20;
/// How many backups stay in the repository.
const BACKUPS_KEPT: usize = 3;

/// An image that was taken.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// How the capture came to its close.
    pub live: LiveCapture,
    /// The last sequence number that it is said to have.
    pub sequence_number: u64,
    /// How long it took, where nothing was copied meanwhile.
    pub capture_time: Option<Duration>,
    /// Whether waits were put between its steps.
    pub with_waits: bool,
    /// How often the database had to be captured again.
    pub repeated: u32,
    /// Whether the capture says that the database is written without WAL.
    pub written_without_wal: bool,
}

/// Captures and copies every byte of the image into a new directory.
pub(super) fn copied(source: &dyn ImageSource, into: &Path) -> Result<Taken> {
    let mut repeated = 0;
    loop {
        match copied_once(source, into) {
            Ok(taken) => return Ok(Taken { repeated, ..taken }),
            Err(error) if error.is_source_changed() && repeated + 1 < ATTEMPTS => {
                repeated += 1;
                fs::remove_dir_all(into)
                    .or_else(unless_absent)
                    .context("removing", into)?;
            }
            Err(error) => return Err(error),
        }
    }
}

fn copied_once(source: &dyn ImageSource, into: &Path) -> Result<Taken> {
    let begin = Instant::now();
    let capture = source.capture(&mut NoHost, &Quiet)?;
    let capture_time = Some(begin.elapsed());
    fs::create_dir(into).context("creating", into)?;
    let mut short = None;
    for file in &capture.image().files {
        let path = into.join(file.name.to_string());
        if copy(file, &path)? < file.size_bytes {
            short = Some(file.name.to_string());
        }
    }
    capture.confirm()?;
    if let Some(name) = short {
        return Err(failure(format!(
            "{name} was short, yet the capture was confirmed"
        )));
    }
    Ok(Taken {
        live: live(capture.image().live)?,
        sequence_number: capture.image().sequence_number.0,
        capture_time,
        with_waits: false,
        repeated: 0,
        written_without_wal: says_without_wal(&capture.image().warnings),
    })
}

/// Backs the database up, and restores that backup into a new directory.
pub(super) fn restored(source: &dyn ImageSource, repository: &Path, into: &Path) -> Result<Taken> {
    let options = BackupEngineOptions::default().with_sync(false);
    let engine = BackupEngine::open(options, LocalStore::new(repository))?;
    let report = engine.create_new_backup(source, &CreateBackupOptions::default(), &Quiet)?;
    let which = WhichBackup::Id(report.backup_id);
    engine.restore_db_from_backup(which, into, &RestoreOptions::default(), &Quiet)?;
    engine.purge_old_backups(BACKUPS_KEPT, &Quiet)?;
    Ok(Taken {
        live: live(report.live)?,
        sequence_number: report.sequence_number.0,
        capture_time: None,
        with_waits: false,
        repeated: 0,
        written_without_wal: says_without_wal(&report.warnings),
    })
}

fn says_without_wal(warnings: &[Warning]) -> bool {
    let mut names = warnings.iter().map(|warning| warning.name);
    names.any(|name| name == WarningName::WritesWithoutWal)
}

fn live(live: Option<LiveCapture>) -> Result<LiveCapture> {
    live.ok_or_else(|| failure("the image does not say how it came to its close".to_owned()))
}

fn failure(message: String) -> Error {
    Error::new(ErrorKind::Corrupt, message)
}

/// How many of the bytes that count were there.
fn copy(file: &ImageFile, into: &Path) -> Result<u64> {
    let mut target = File::create(into).context("creating", into)?;
    match &file.content {
        Content::Bytes(bytes) => {
            target.write_all(bytes).context("writing", into)?;
            Ok(bytes.len() as u64)
        }
        Content::In(_) | Content::Path(_) => {
            let path = file.path().unwrap_or_default();
            let source = File::open(&path).context("opening", &path)?;
            copy_bytes(&source, &mut target, file.size_bytes).context("writing", into)
        }
        Content::Open { file: source, .. } => {
            copy_bytes(source, &mut target, file.size_bytes).context("writing", into)
        }
        other => Err(failure(format!("content of an unknown kind: {other:?}"))),
    }
}

fn copy_bytes(source: &File, target: &mut File, size: u64) -> io::Result<u64> {
    let mut buffer = vec![0; 256 * 1024];
    let mut done = 0;
    while done < size {
        let wanted = usize::try_from(size - done).map_or(buffer.len(), |left| left.min(buffer.len()));
        match source.read_at(&mut buffer[..wanted], done)? {
            0 => break,
            read => {
                target.write_all(&buffer[..read])?;
                done += read as u64;
            }
        }
    }
    Ok(done)
}

fn unless_absent(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}
