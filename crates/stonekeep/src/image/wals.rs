//! The WALs that belong to a state of the database, opened and read through.
//!
//! Needed is every WAL from `min_wal_to_keep` of the MANIFEST on, an empty one too, and every one that the MANIFEST
//! tracks (`track_and_verify_wals_in_manifest`). At rest they are taken byte for byte as they are, torn tails and all:
//! what to make of those is up to RocksDB's recovery mode. They are read once, for the last sequence number, and to
//! say what RocksDB may stumble over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::log::PredecessorWal;
use stonekeep_format::manifest::DatabaseState;
use stonekeep_format::options::CaptureOptions;
use stonekeep_format::wal::{Replay, SequenceBounds, WalSummary};
use stonekeep_format::{FileNumber, SequenceNumber};

use super::ImageFile;
use super::diagnostics::Diagnostics;
use super::listing::Listing;
use super::manifest::plain_file;
use super::pinned::Pinned;
use super::wal_rules::{
    check_tracked, first_with_unflushed_data, is_needed, last_of, last_sequence, summarize,
};
use crate::{Error, ErrorKind, Observer, Phase, Progress, Result, WarningName};

/// The needed WALs, in the order of their numbers.
#[derive(Debug)]
pub(super) struct Wals {
    /// Their directory.
    directory: PathBuf,
    wals: BTreeMap<FileNumber, Wal>,
}

#[derive(Debug)]
struct Wal {
    file: Pinned,
    /// What was found in it; nothing before it has been read.
    summary: Option<WalSummary>,
}

impl Wals {
    /// Opens the needed ones in this directory.
    pub(super) fn open(state: &DatabaseState, directory: &Listing) -> Result<Wals> {
        let mut wals = BTreeMap::new();
        for number in directory.wal_numbers().filter(|number| is_needed(state, *number)) {
            let path = directory.path.join(DbFileName::Wal(number).to_string());
            let file = Pinned::open(&path)?.ok_or_else(|| {
                Error::source_changed(format!("{} vanished while it was looked at", path.display()))
            })?;
            wals.insert(number, Wal { file, summary: None });
        }
        Ok(Wals {
            directory: directory.path.clone(),
            wals,
        })
    }

    /// Reads every WAL, oldest first. What is damaged beyond RocksDB's tolerance is a finding.
    ///
    /// # Errors
    /// `Unsupported` for records of a newer RocksDB.
    pub(super) fn read(&mut self, diagnostics: &mut Diagnostics, observer: &dyn Observer) -> Result<()> {
        let mut progress = Progress {
            bytes_total: self.wals.values().map(|wal| wal.file.size_bytes).sum(),
            files_total: self.wals.len() as u64,
            ..Progress::begin(Phase::Planning)
        };
        let mut replay = Replay::default();
        for (number, wal) in &mut self.wals {
            observer.progressed(&progress);
            let file = &wal.file;
            let read = |take: &mut dyn FnMut(&[u8]) -> Result<()>| file.for_each_piece(observer, take);
            match summarize(*number, &file.path, &mut replay, (&mut progress, observer), read) {
                Ok(summary) => wal.summary = Some(summary),
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    diagnostics.add_finding(&wal.file.path, error.one_line());
                }
                Err(error) => return Err(error),
            }
            progress.files_done += 1;
        }
        observer.progressed(&progress);
        Ok(())
    }

    /// Says what RocksDB will miss, or may stumble over.
    /// `was_opened`: the directory, or the one that it is a copy of, was opened as a database.
    pub(super) fn judge(
        &self,
        state: &DatabaseState,
        settings: &CaptureOptions,
        was_opened: bool,
        diagnostics: &mut Diagnostics,
    ) {
        self.judge_tracked(state, settings, diagnostics);
        self.judge_ends(diagnostics);
        for wal in self.wals.values() {
            if let Some(predecessor) = wal.summary.as_ref().and_then(|summary| summary.predecessor) {
                self.judge_predecessor(&predecessor, wal, state, diagnostics);
            }
        }
        if self.wals.is_empty() {
            self.judge_absence(settings, was_opened, diagnostics);
        } else if was_opened {
            self.judge_beginning(state, diagnostics);
        }
    }

    /// The last sequence number: that of the MANIFEST or that of the last batch, whichever is larger.
    pub(super) fn last_sequence(
        &self,
        state: &DatabaseState,
        diagnostics: &mut Diagnostics,
    ) -> SequenceNumber {
        last_sequence(state, self.last_in_wals(), &self.directory, diagnostics)
    }

    /// The first sequence number in them, if they hold anything.
    pub(super) fn first_in_wals(&self) -> Option<SequenceNumber> {
        let summaries = self.wals.values().filter_map(|wal| wal.summary.as_ref());
        summaries.filter_map(|summary| summary.first_sequence).min()
    }

    /// The last sequence number in them, if they hold anything.
    pub(super) fn last_in_wals(&self) -> Option<SequenceBounds> {
        last_of(self.wals.values().filter_map(|wal| wal.summary.as_ref()))
    }

    /// How many transactions are prepared, and neither committed nor rolled back.
    pub(super) fn prepared_transactions(&self) -> u64 {
        let last = self
            .wals
            .values()
            .next_back()
            .and_then(|wal| wal.summary.as_ref());
        last.map_or(0, |summary| summary.prepared_transactions)
    }

    /// The WALs as files of the image.
    pub(super) fn image_files(&self) -> impl Iterator<Item = ImageFile> + '_ {
        self.wals.iter().map(|(number, wal)| {
            plain_file(DbFileName::Wal(*number), wal.file.size_bytes, wal.file.content())
        })
    }

    /// Their paths.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.wals.values().map(|wal| wal.file.path.as_path())
    }

    /// RocksDB makes a WAL whenever it opens a database for writing, and leaves it there. A checkpoint, and a restored
    /// backup, may have none.
    fn judge_absence(&self, settings: &CaptureOptions, was_opened: bool, diagnostics: &mut Diagnostics) {
        let mut message = String::new();
        if was_opened {
            message += "there is no WAL, though the database was opened: what was not flushed to tables is not in the \
                        backup; if its WALs are elsewhere, pass --wal-dir";
        }
        if settings.track_and_verify_wals {
            message += if message.is_empty() {
                "there is no WAL: "
            } else {
                "; "
            };
            message += "RocksDB will not open the database with track_and_verify_wals";
        }
        if !message.is_empty() {
            diagnostics.warn(WarningName::WalsMissing, &self.directory, message);
        }
    }

    /// Where the first WAL that the MANIFEST names is absent, those that are there must go on where the tables end. Before
    /// RocksDB kept `min_log_number_to_keep` it did not name the first one exactly.
    fn judge_beginning(&self, state: &DatabaseState, diagnostics: &mut Diagnostics) {
        let first_needed = first_with_unflushed_data(state);
        if state.min_log_number_to_keep().is_none() || self.wals.contains_key(&first_needed) {
            return;
        }
        let in_tables = state.last_sequence().unwrap_or_default();
        let mut summaries = self.wals.values().filter_map(|wal| wal.summary.as_ref());
        let first = summaries.find_map(|summary| summary.first_sequence);
        if let Some(first) = first.filter(|first| first.0 > in_tables.0.saturating_add(1)) {
            let message = format!(
                "the WALs begin with sequence number {first}, but the tables end with {in_tables}: older WALs are absent, or \
                 the writes between went past the WAL; they are not in the backup"
            );
            diagnostics.warn(WarningName::WalsMissing, &self.directory, message);
        }
    }

    fn judge_tracked(&self, state: &DatabaseState, settings: &CaptureOptions, diagnostics: &mut Diagnostics) {
        let size_of = |number| self.wals.get(&number).map(|wal| wal.file.size_bytes);
        for complaint in check_tracked(state, settings, size_of) {
            let path = self.directory.join(DbFileName::Wal(complaint.number).to_string());
            if complaint.is_grave {
                diagnostics.add_finding(&path, complaint.message)
            } else {
                diagnostics.warn(WarningName::WalDamaged, &path, complaint.message)
            }
        }
    }

    /// An unclean end is normal where writing stopped, in the newest WAL with data. Anywhere else RocksDB's recovery
    /// may stop before newer data, or refuse.
    fn judge_ends(&self, diagnostics: &mut Diagnostics) {
        let newest_with_data = self.newest_with_data();
        for (number, wal) in &self.wals {
            let Some(summary) = &wal.summary else { continue };
            let valid = summary.end.valid_bytes;
            if let Some(damage) = summary.end.damage() {
                let message =
                    format!("{damage}; it is captured as it is, RocksDB may stop replaying at byte {valid}");
                diagnostics.warn(WarningName::WalDamaged, &wal.file.path, message);
            } else if Some(*number) < newest_with_data && !summary.end.is_complete() {
                let message = format!(
                    "it ends in an incomplete record at byte {valid}, though newer WALs hold data; it is captured as it \
                     is, RocksDB may stop replaying there"
                );
                diagnostics.warn(WarningName::WalDamaged, &wal.file.path, message);
            }
        }
    }

    /// Whether one of them holds a write.
    pub(super) fn have_data(&self) -> bool {
        self.newest_with_data().is_some()
    }

    fn newest_with_data(&self) -> Option<FileNumber> {
        let has_data = |wal: &Wal| wal.summary.as_ref().is_some_and(|summary| summary.batches > 0);
        let with_data = self.wals.iter().filter(|(_, wal)| has_data(wal));
        with_data.map(|(number, _)| *number).max()
    }

    /// What a WAL says about the one before it (`track_and_verify_wals`, `db/log_reader.cc`).
    fn judge_predecessor(
        &self,
        predecessor: &PredecessorWal,
        successor: &Wal,
        state: &DatabaseState,
        diagnostics: &mut Diagnostics,
    ) {
        let number = predecessor.number;
        let path = self.directory.join(DbFileName::Wal(number).to_string());
        let after = successor.file.path.display();
        match self.wals.get(&number) {
            None if number >= first_with_unflushed_data(state) => {
                diagnostics.add_finding(&path, format!("it is missing, though {after} follows it"));
            }
            Some(Wal {
                file,
                summary: Some(summary),
            }) if ![file.size_bytes, summary.end.valid_bytes].contains(&predecessor.size_bytes) => {
                let (size, expected) = (file.size_bytes, predecessor.size_bytes);
                let message = format!("{size} bytes, where {after} says {expected}");
                diagnostics.warn(WarningName::WalDamaged, &path, message);
            }
            _ => {}
        }
    }
}
