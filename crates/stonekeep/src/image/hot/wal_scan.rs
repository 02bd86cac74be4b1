//! What counts of the measured WALs.
//!
//! The newest one with data ends where the capture found it, maybe inside a record that was being written: it is cut to
//! its last complete one. WALs before it get no more writes, so each must be complete. WALs after it hold nothing but
//! records about themselves, or what an older WAL left in a recycled file: they are cut to nothing. A WAL that the
//! MANIFEST knows to be synced counts like one with data.

use std::path::Path;

use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::log::PredecessorWal;
use stonekeep_format::manifest::DatabaseState;
use stonekeep_format::options::CaptureOptions;
use stonekeep_format::wal::{Replay, SequenceBounds, WalSummary};

use super::measured_wal::MeasuredWal;
use crate::image::ImageFile;
use crate::image::diagnostics::Diagnostics;
use crate::image::manifest::plain_file;
use crate::image::pinned::Pinned;
use crate::image::wal_rules::{check_tracked, first_with_unflushed_data, last_of, summarize};
use crate::{ErrorKind, Observer, Phase, Progress, Result, WarningName};

/// What is made of a damaged WAL, and of an older one that ends in the middle of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::image) enum TornWals {
    /// It was looked at too early.
    AreFindings,
    /// Its end is known, so a crash left it (`avoid_flush_during_recovery`), or nobody cares: it is captured as it is.
    StayAsTheyAre,
}

/// A measured WAL with what was found in it.
struct Scanned {
    wal: MeasuredWal,
    summary: WalSummary,
    /// How many of its bytes count.
    kept_bytes: u64,
}

/// What WALs are judged by.
pub(in crate::image) struct Rules<'a> {
    /// The state that they belong to.
    pub(in crate::image) state: &'a DatabaseState,
    /// What OPTIONS say.
    pub(in crate::image) settings: &'a CaptureOptions,
    /// What becomes of those that end in the middle.
    pub(in crate::image) torn: TornWals,
}

/// The WALs of an image.
pub(in crate::image) struct KeptWals {
    /// As files of the image, oldest first.
    pub(in crate::image) files: Vec<ImageFile>,
    /// Their open files, each with the number of bytes that count.
    pub(in crate::image) pins: Vec<Pinned>,
    /// How many bytes do not count.
    pub(in crate::image) trimmed_bytes: u64,
    /// The last sequence number in them, as far as they tell.
    pub(in crate::image) last_sequence: Option<SequenceBounds>,
    /// How many transactions are prepared, and neither committed nor rolled back.
    pub(in crate::image) prepared_transactions: u64,
}

/// Reads the WALs, and says what counts of them; what is found wrong is a finding.
///
/// # Errors
/// `Unsupported` for records of a newer RocksDB, `Io`, `Stopped`.
pub(in crate::image) fn scan(
    measured: Vec<MeasuredWal>,
    rules: &Rules<'_>,
    diagnostics: &mut Diagnostics,
    observer: &dyn Observer,
) -> Result<KeptWals> {
    let mut scanned = read(measured, diagnostics, observer)?;
    let newest = newest_that_counts(&scanned, rules.state);
    for wal in &mut scanned {
        wal.kept_bytes = if Some(wal.wal.number) > newest {
            0
        } else {
            wal.summary.end.valid_bytes
        };
        judge_end(wal, newest, rules, diagnostics);
    }
    let counting = || scanned.iter().filter(|wal| Some(wal.wal.number) <= newest);
    for wal in counting() {
        if let Some(predecessor) = &wal.summary.predecessor {
            judge_predecessor(predecessor, wal, &scanned, rules.state, diagnostics);
        }
    }
    judge_tracked(&scanned, rules, diagnostics);
    let last_sequence = last_of(counting().map(|wal| &wal.summary));
    let measured_bytes: u64 = scanned.iter().map(|wal| wal.wal.file.size_bytes).sum();
    let kept_bytes: u64 = scanned.iter().map(|wal| wal.kept_bytes).sum();
    Ok(KeptWals {
        files: scanned.iter().map(Scanned::image_file).collect(),
        pins: scanned.iter().filter_map(Scanned::pin).collect(),
        trimmed_bytes: measured_bytes - kept_bytes,
        last_sequence,
        prepared_transactions: scanned.last().map_or(0, |wal| wal.summary.prepared_transactions),
    })
}

impl Scanned {
    fn path(&self) -> &Path {
        &self.wal.file.path
    }

    fn image_file(&self) -> ImageFile {
        let content = self.wal.content(self.kept_bytes);
        plain_file(DbFileName::Wal(self.wal.number), self.kept_bytes, content)
    }

    /// The open file, if the image reads it.
    fn pin(&self) -> Option<Pinned> {
        let is_read = self.wal.spooled.is_none();
        is_read.then(|| self.wal.file.with_size(self.kept_bytes))
    }
}

/// Reads every WAL, oldest first.
fn read(
    measured: Vec<MeasuredWal>,
    diagnostics: &mut Diagnostics,
    observer: &dyn Observer,
) -> Result<Vec<Scanned>> {
    let mut progress = Progress {
        bytes_total: measured.iter().map(|wal| wal.file.size_bytes).sum(),
        files_total: measured.len() as u64,
        ..Progress::begin(Phase::Planning)
    };
    let mut replay = Replay::default();
    let mut scanned = Vec::new();
    for wal in measured {
        observer.progressed(&progress);
        let read = |take: &mut dyn FnMut(&[u8]) -> Result<()>| wal.for_each_piece(observer, take);
        let path = wal.file.path.as_path();
        match summarize(wal.number, path, &mut replay, (&mut progress, observer), read) {
            Ok(summary) => scanned.push(Scanned {
                wal,
                summary,
                kept_bytes: 0,
            }),
            Err(error) if error.kind() == ErrorKind::Corrupt || error.is_source_changed() => {
                diagnostics.add_finding(path, error.one_line());
            }
            Err(error) => return Err(error),
        }
        progress.files_done += 1;
    }
    observer.progressed(&progress);
    Ok(scanned)
}

/// The newest WAL that holds data, or of which the MANIFEST knows that bytes of it are durable.
fn newest_that_counts(scanned: &[Scanned], state: &DatabaseState) -> Option<FileNumber> {
    let with_data = scanned.iter().filter(|wal| wal.summary.batches > 0);
    let synced = state
        .tracked_wals()
        .iter()
        .filter(|(_, size)| size.is_some_and(|size| size > 0))
        .filter(|(number, _)| scanned.iter().any(|wal| wal.wal.number == *number));
    let numbers = with_data.map(|wal| wal.wal.number);
    numbers.chain(synced.map(|(number, _)| number)).max()
}

/// An unclean end is normal where writing goes on; anywhere else something is missing.
fn judge_end(
    wal: &mut Scanned,
    newest: Option<FileNumber>,
    rules: &Rules<'_>,
    diagnostics: &mut Diagnostics,
) {
    let end = &wal.summary.end;
    let complaint = if let Some(damage) = end.damage() {
        damage.to_string()
    } else if Some(wal.wal.number) < newest && !end.is_complete() {
        let valid = end.valid_bytes;
        format!("it ends in an incomplete record at byte {valid}, though newer WALs hold data")
    } else {
        return;
    };
    if rules.torn == TornWals::AreFindings {
        diagnostics.add_finding(wal.path(), complaint);
        return;
    }
    wal.kept_bytes = wal.wal.readable_bytes();
    let message = format!("{complaint}; it is captured as it is, RocksDB may stop replaying there");
    diagnostics.warn(WarningName::WalDamaged, wal.path(), message);
}

/// What a WAL says about the one before it (`track_and_verify_wals`, `db/log_reader.cc`).
fn judge_predecessor(
    predecessor: &PredecessorWal,
    successor: &Scanned,
    scanned: &[Scanned],
    state: &DatabaseState,
    diagnostics: &mut Diagnostics,
) {
    let number = predecessor.number;
    let after = successor.path().display();
    let found = scanned.iter().find(|wal| wal.wal.number == number);
    let complaint = match found {
        None if number >= first_with_unflushed_data(state) => {
            format!("it is missing, though {after} follows it")
        }
        Some(wal) if wal.kept_bytes != predecessor.size_bytes => {
            let (size, expected) = (wal.kept_bytes, predecessor.size_bytes);
            format!("{size} bytes, where {after} says {expected}")
        }
        _ => return,
    };
    let name = DbFileName::Wal(number).to_string();
    diagnostics.add_finding(&successor.path().with_file_name(name), complaint);
}

fn judge_tracked(scanned: &[Scanned], rules: &Rules<'_>, diagnostics: &mut Diagnostics) {
    let size_of = |number| {
        let found = scanned.iter().find(|wal| wal.wal.number == number);
        found.map(|wal| wal.kept_bytes)
    };
    for complaint in check_tracked(rules.state, rules.settings, size_of) {
        let name = DbFileName::Wal(complaint.number).to_string();
        if complaint.is_grave {
            diagnostics.add_finding(Path::new(&name), complaint.message)
        } else {
            diagnostics.warn(WarningName::WalDamaged, Path::new(&name), complaint.message)
        }
    }
}
