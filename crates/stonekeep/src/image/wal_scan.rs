//! Reads the WALs of an image through, and decides how many bytes of each are part of the image.
//!
//! At rest every WAL is taken byte for byte, torn tails included: what to do with those is up to RocksDB's recovery mode.
//!
//! While the database is written, the newest WAL with data ends where the capture measured it, perhaps inside a record: it is
//! cut to its last complete record. WALs before it get no more writes, so each must be complete. WALs after it hold only
//! records about themselves, or what an older WAL left in a recycled file: they are cut to nothing. A WAL that the MANIFEST
//! knows to be synced counts like one with data.

use std::path::{Path, PathBuf};

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::log::PredecessorWal;
use stonekeep_format::manifest::DatabaseState;
use stonekeep_format::options::CaptureOptions;
use stonekeep_format::wal::{Replay, SequenceBounds, WalScanner, WalSummary};
use stonekeep_format::{FileNumber, SequenceNumber};

use super::ImageFile;
use super::diagnostics::Diagnostics;
use super::manifest::{Manifest, plain_file};
use super::measured_wal::MeasuredWal;
use super::pinned::Pinned;
use super::wal_rules::{check_tracked, first_with_unflushed_data};
use crate::{Error, ErrorKind, Observer, Phase, Progress, Result, WarningName};

/// How WALs become part of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WalCut {
    /// The database is at rest: nothing is cut. Damage is a warning.
    Nothing,
    /// The database is written: WALs are cut to what counts. A damaged or incomplete one was read too early: a finding.
    Strict,
    /// The same, but a damaged or incomplete WAL is taken as it is, with a warning: a crash left it so
    /// (`avoid_flush_during_recovery`), or the capture is forced.
    Tolerant,
}

/// What WALs are judged by.
pub(super) struct Rules<'a> {
    /// The state that they belong to.
    pub(super) state: &'a DatabaseState,
    /// What OPTIONS say.
    pub(super) settings: &'a CaptureOptions,
    /// What is cut.
    pub(super) cut: WalCut,
}

/// A WAL that has been read.
#[derive(Debug)]
struct ScannedWal {
    wal: MeasuredWal,
    /// Absent for a WAL that cannot be read, which is a finding.
    summary: Option<WalSummary>,
    /// How many of its bytes are part of the image.
    kept_bytes: u64,
}

/// The WALs of an image, oldest first.
#[derive(Debug)]
pub(super) struct ScannedWals {
    /// Their directory.
    pub(super) directory: PathBuf,
    wals: Vec<ScannedWal>,
}

impl ScannedWals {
    /// Reads WALs, oldest first, and reports what is wrong with them.
    ///
    /// # Errors
    /// `Unsupported` for records of a newer RocksDB, `Io`, `Stopped`. At rest, `Refused` for a WAL that becomes shorter.
    pub(super) fn scan(
        measured: Vec<MeasuredWal>,
        directory: &Path,
        rules: &Rules<'_>,
        diagnostics: &mut Diagnostics,
        observer: &dyn Observer,
    ) -> Result<ScannedWals> {
        let mut scanned = ScannedWals {
            directory: directory.to_owned(),
            wals: read(measured, rules, diagnostics, observer)?,
        };
        let newest = newest_that_counts(&scanned.wals, rules.state);
        for wal in &mut scanned.wals {
            wal.kept_bytes = match (&wal.summary, rules.cut) {
                (None, _) | (_, WalCut::Nothing) => wal.wal.readable_bytes(),
                _ if Some(wal.wal.number) > newest => 0,
                (Some(summary), _) => summary.end.valid_bytes,
            };
            judge_end(wal, newest, rules, diagnostics);
        }
        for wal in scanned.wals.iter().filter(|wal| wal.kept_bytes > 0) {
            if let Some(predecessor) = wal.summary.as_ref().and_then(|summary| summary.predecessor) {
                scanned.judge_predecessor(&predecessor, wal, rules, diagnostics);
            }
        }
        for complaint in check_tracked(rules.state, rules.settings, |number| scanned.kept_bytes(number)) {
            let path = scanned.path_of(complaint.number);
            if complaint.is_grave {
                diagnostics.add_finding(&path, complaint.message);
            } else {
                diagnostics.warn(WarningName::WalDamaged, &path, complaint.message);
            }
        }
        Ok(scanned)
    }

    /// As files of the image.
    pub(super) fn image_files(&self) -> impl Iterator<Item = ImageFile> + '_ {
        self.wals.iter().map(|wal| {
            let content = wal.wal.content(wal.kept_bytes);
            plain_file(DbFileName::Wal(wal.wal.number), wal.kept_bytes, content)
        })
    }

    /// The open files that the image reads, each with the number of bytes that are part of it.
    pub(super) fn pins(&self) -> impl Iterator<Item = Pinned> + '_ {
        let read = self.wals.iter().filter(|wal| wal.wal.spooled.is_none());
        read.map(|wal| wal.wal.file.with_size(wal.kept_bytes))
    }

    /// Their paths.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.wals.iter().map(|wal| wal.wal.file.path.as_path())
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.wals.is_empty()
    }

    /// Whether this WAL is there.
    pub(super) fn contains(&self, number: FileNumber) -> bool {
        self.kept_bytes(number).is_some()
    }

    /// How many measured bytes are not part of the image.
    pub(super) fn trimmed_bytes(&self) -> u64 {
        let trimmed = |wal: &ScannedWal| wal.wal.file.size_bytes - wal.kept_bytes;
        self.wals.iter().map(trimmed).sum()
    }

    /// Whether one of them holds a write.
    pub(super) fn have_data(&self) -> bool {
        self.summaries().any(|summary| summary.batches > 0)
    }

    /// The first sequence number of the oldest WAL that holds a write.
    pub(super) fn first_sequence(&self) -> Option<SequenceNumber> {
        self.summaries().find_map(|summary| summary.first_sequence)
    }

    /// The last sequence number in them, as far as it can be known without the transactions' write policy.
    pub(super) fn last_sequence(&self) -> Option<SequenceBounds> {
        let bounds = self.summaries().filter_map(|summary| summary.last_sequence);
        bounds.reduce(|a, b| SequenceBounds {
            lowest: a.lowest.max(b.lowest),
            highest: a.highest.max(b.highest),
        })
    }

    /// The last sequence number of the image: that of the MANIFEST or that of the last batch, whichever is larger.
    pub(super) fn sequence_number(
        &self,
        state: &DatabaseState,
        diagnostics: &mut Diagnostics,
    ) -> SequenceNumber {
        let last = state.last_sequence().unwrap_or_default();
        let Some(newest) = self.last_sequence() else {
            return last;
        };
        if newest.exact().is_none() && newest.highest > last {
            let message = format!(
                "the last sequence number lies between {} and {}, as far as the WALs show",
                newest.lowest.max(last),
                newest.highest
            );
            diagnostics.warn(WarningName::SequenceUncertain, &self.directory, message);
        }
        last.max(newest.highest)
    }

    /// Warns where the MANIFEST proves that the database in this directory is written without WAL
    /// (`WriteOptions::disableWAL`).
    pub(super) fn warn_of_writes_without(
        &self,
        manifest: &Manifest,
        directory: &Path,
        diagnostics: &mut Diagnostics,
    ) {
        let newest = self.last_sequence().map(|bounds| bounds.highest);
        let Some(family) = manifest.state.written_without_wal(manifest.number, newest) else {
            return;
        };
        let name = String::from_utf8_lossy(&family.name);
        let message = format!(
            "it is written without WAL (disableWAL): a flush of column family \"{name}\" holds writes that were in no WAL. \
             Such writes are not in the backup unless they were flushed, and its column families may lie apart"
        );
        diagnostics.warn(WarningName::WritesWithoutWal, directory, message);
    }

    /// How many transactions are prepared, and neither committed nor rolled back.
    pub(super) fn prepared_transactions(&self) -> u64 {
        let last = self.summaries().last();
        last.map_or(0, |summary| summary.prepared_transactions)
    }

    fn summaries(&self) -> impl Iterator<Item = &WalSummary> {
        self.wals.iter().filter_map(|wal| wal.summary.as_ref())
    }

    fn find(&self, number: FileNumber) -> Option<&ScannedWal> {
        self.wals.iter().find(|wal| wal.wal.number == number)
    }

    fn kept_bytes(&self, number: FileNumber) -> Option<u64> {
        self.find(number).map(|wal| wal.kept_bytes)
    }

    fn path_of(&self, number: FileNumber) -> PathBuf {
        self.directory.join(DbFileName::Wal(number).to_string())
    }

    /// What a WAL says about the one before it (`track_and_verify_wals`, `db/log_reader.cc`).
    fn judge_predecessor(
        &self,
        predecessor: &PredecessorWal,
        successor: &ScannedWal,
        rules: &Rules<'_>,
        diagnostics: &mut Diagnostics,
    ) {
        let (number, expected) = (predecessor.number, predecessor.size_bytes);
        let path = self.path_of(number);
        let after = successor.wal.file.path.display();
        let Some(wal) = self.find(number) else {
            if number >= first_with_unflushed_data(rules.state) {
                diagnostics.add_finding(&path, format!("it is missing, though {after} follows it"));
            }
            return;
        };
        let valid = wal.summary.as_ref().map(|summary| summary.end.valid_bytes);
        if wal.kept_bytes == expected || valid.is_none() || valid == Some(expected) {
            return;
        }
        let message = format!("{} bytes, where {after} says {expected}", wal.kept_bytes);
        if rules.cut == WalCut::Nothing {
            diagnostics.warn(WarningName::WalDamaged, &path, message);
        } else {
            diagnostics.add_finding(&path, message);
        }
    }
}

/// Reads every WAL, oldest first.
fn read(
    measured: Vec<MeasuredWal>,
    rules: &Rules<'_>,
    diagnostics: &mut Diagnostics,
    observer: &dyn Observer,
) -> Result<Vec<ScannedWal>> {
    let mut progress = Progress {
        bytes_total: measured.iter().map(|wal| wal.file.size_bytes).sum(),
        files_total: measured.len() as u64,
        ..Progress::begin(Phase::Planning)
    };
    let mut replay = Replay::default();
    let mut scanned = Vec::new();
    for wal in measured {
        observer.progressed(&progress);
        let summary = match summarize(&wal, &mut replay, &mut progress, observer) {
            Ok(summary) => Some(summary),
            Err(error)
                if error.kind() == ErrorKind::Corrupt
                    || (error.is_source_changed() && rules.cut != WalCut::Nothing) =>
            {
                diagnostics.add_finding(&wal.file.path, error.one_line());
                None
            }
            Err(error) => return Err(error),
        };
        scanned.push(ScannedWal {
            wal,
            summary,
            kept_bytes: 0,
        });
        progress.files_done += 1;
    }
    observer.progressed(&progress);
    Ok(scanned)
}

fn summarize(
    wal: &MeasuredWal,
    replay: &mut Replay,
    progress: &mut Progress,
    observer: &dyn Observer,
) -> Result<WalSummary> {
    let name = wal.file.path.display().to_string();
    let mut scanner = WalScanner::new(wal.number, replay);
    wal.for_each_piece(observer, &mut |piece| {
        let scanned = scanner.push(piece);
        scanned.map_err(|error| Error::format(name.as_str(), error))?;
        progress.bytes_done += piece.len() as u64;
        observer.progressed(progress);
        Ok(())
    })?;
    Ok(scanner.finish())
}

/// The newest WAL that holds data, or of which the MANIFEST knows that bytes of it are durable.
fn newest_that_counts(scanned: &[ScannedWal], state: &DatabaseState) -> Option<FileNumber> {
    let is_synced = |number| {
        let tracked = state.tracked_wals().synced_size(number);
        tracked.is_some_and(|size| size > 0)
    };
    let has_data = |wal: &ScannedWal| wal.summary.as_ref().is_some_and(|summary| summary.batches > 0);
    let counting = scanned
        .iter()
        .filter(|wal| has_data(wal) || is_synced(wal.wal.number));
    counting.map(|wal| wal.wal.number).max()
}

/// An unclean end is normal in the newest WAL with data. Anywhere else RocksDB's recovery may stop before newer data, or
/// refuse.
fn judge_end(
    wal: &mut ScannedWal,
    newest: Option<FileNumber>,
    rules: &Rules<'_>,
    diagnostics: &mut Diagnostics,
) {
    let Some(summary) = &wal.summary else { return };
    let end = &summary.end;
    let complaint = if let Some(damage) = end.damage() {
        damage.to_string()
    } else if Some(wal.wal.number) < newest && !end.is_complete() {
        let valid = end.valid_bytes;
        format!("it ends in an incomplete record at byte {valid}, though newer WALs hold data")
    } else {
        return;
    };
    if rules.cut == WalCut::Strict {
        diagnostics.add_finding(&wal.wal.file.path, complaint);
        return;
    }
    wal.kept_bytes = wal.wal.readable_bytes();
    let message = format!("{complaint}; it is captured as it is, RocksDB may stop replaying there");
    diagnostics.warn(WarningName::WalDamaged, &wal.wal.file.path, message);
}
