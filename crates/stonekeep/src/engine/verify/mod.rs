//! `VerifyBackup`, with every byte read if asked: all findings at once, each with the backups that it touches.
//!
//! A finding is damage: bytes that were read and are wrong, or a name that is absent. What could not be read, for lack of
//! permission, of file descriptors or of memory, or because a disk failed, is reported apart, and the others are looked at.
//!
//! Verifying holds up nobody and takes no pin: a file that is gone because its backup was deleted meanwhile is no
//! finding; the meta files are listed again to know that. A file that backups share is read once.

mod choice;
mod claims;
mod contents;
mod damaged_database;
mod database;
mod ended;
mod excluded;
mod known_contents;
mod memory;
mod options;
mod recorded;
mod remembered;
mod report;
mod small_files;
mod verified_contents;
mod wals_of_backups;

use std::collections::HashSet;

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::{MetaFile, PathTable};
use stonekeep_format::backup_name::RepoPath;

use self::claims::{Claims, Said};
pub use self::database::{DatabaseReport, VerifyDatabaseOptions, verify_database};
use self::memory::Memory;
pub use self::options::{Sample, VerifyOptions};
use self::recorded::RecordedFiles;
use self::report::Findings;
pub use self::report::{
    FindingKind, UncheckedCause, UncheckedFile, VerifiedBackup, VerifyFinding, VerifyLevel, VerifyReport,
    VerifyWhat,
};
pub use self::verified_contents::{DamagedContents, UncheckedContents, VerifiedContents};
use super::BackupEngineReadOnly;
use super::callbacks::guarded;
pub use super::deep::DamagedPart;
use super::info::BackupState;
use crate::repo::expected_sizes::ExpectedSizes;
use crate::repo::facts::BackupFacts;
use crate::repo::index::RepositoryIndex;
use crate::repo::known_files::KnownFiles;
use crate::repo::loaded_meta::LoadedMeta;
use crate::repo::loaded_meta::MetaState;
use crate::repo::meta_scanner::{MetaScanner, ScannedMeta};
use crate::repo::path_set::PathSet;
use crate::repo::stored_files::StoredFiles;
use crate::repo::verified::{Recorder, Stamps};
use crate::repo::wrong::Wrong;
use crate::repo::{included, layout, unbound_facts};
use crate::{Error, ErrorKind, Observer, Result};

impl BackupEngineReadOnly {
    /// Verifies backups (`VerifyBackup(id, verify_with_checksum)`).
    ///
    /// # Errors
    /// `NotFound` if there is no such backup, or none at all, `InvalidArgument` for an empty list of ids, `Stopped`, and I/O
    /// errors that prevent reading any file. Damage is in the report, and so are files that could not be read.
    pub fn verify_backups(
        &self,
        what: impl Into<VerifyWhat>,
        level: VerifyLevel,
        observer: &dyn Observer,
    ) -> Result<VerifyReport> {
        self.verify(what, &VerifyOptions::plain(level), observer)
    }

    /// Verifies backups, or a part of their files, and remembers when each file was verified and whether it was right.
    ///
    /// # Errors
    /// As [`Self::verify_backups`]; `InvalidArgument` for a sample of nothing, or of files that are not read. What was read before
    /// a stop is remembered, and what was found wrong is in the error.
    pub fn verify(
        &self,
        what: impl Into<VerifyWhat>,
        options: &VerifyOptions,
        observer: &dyn Observer,
    ) -> Result<VerifyReport> {
        let what = what.into();
        options.check()?;
        guarded(observer, |observer| self.verify_each(what, options, observer))
    }

    /// The same for a verb that calls the observer already.
    pub(super) fn verify_each(
        &self,
        what: VerifyWhat,
        options: &VerifyOptions,
        observer: &dyn Observer,
    ) -> Result<VerifyReport> {
        let (began, level) = (self.clock.instant(), options.level);
        // Before the backups are listed: a stamp of a file that none of these names is about a file that is gone.
        let memory = Memory::begin(self, options);
        let all = what == VerifyWhat::All;
        let ids = match what {
            VerifyWhat::All => self.backup_ids()?,
            VerifyWhat::Backups(ids) if ids.is_empty() => {
                return Err(Error::invalid("no backup is named for verification"));
            }
            VerifyWhat::Backups(ids) => ids,
        };
        if ids.is_empty() {
            return Err(self.no_backup());
        }
        let mut verifier = Verifier {
            engine: self,
            verifies_all: all,
            index: RepositoryIndex::new(self.store()),
            scanner: MetaScanner::default(),
            checked: PathSet::default(),
            checked_others: HashSet::new(),
            claims: Claims::default(),
            recorded: RecordedFiles::default(),
            findings: Findings::default(),
            excluded: Vec::new(),
            known: self.known_for_sizes(options),
            report: VerifyReport::new(level),
        };
        let remembered = memory.recorder().map_or(&verifier.known, Recorder::earlier);
        verifier.report.warnings.extend_from_slice(remembered.warnings());
        let wanted = self
            .options()
            .max_valid_backups_to_open
            .filter(|_| all)
            .unwrap_or(usize::MAX);
        let mut readable = 0;
        for id in ids.into_iter().rev() {
            if observer.should_stop() {
                return Err(verifier.interrupted(Error::stopped()));
            }
            if readable >= wanted {
                break;
            }
            match verifier.read(id) {
                Ok(state) => {
                    readable += usize::from(matches!(state, MetaState::Readable(_)));
                    verifier.backup(id, state)?;
                }
                Err(error) if all && error.kind() == ErrorKind::NotFound => {}
                Err(error) if error.kind() == ErrorKind::Io => verifier.unchecked(id, &error),
                Err(error) => return Err(error),
            }
        }
        verifier.settle_excluded()?;
        if level != VerifyLevel::Size {
            let read = verifier.read_files(options, memory, began, observer);
            if let Err(error) = read {
                return Err(verifier.interrupted(error));
            }
        }
        verifier.finish()
    }
}

/// A verification under way.
struct Verifier<'a> {
    engine: &'a BackupEngineReadOnly,
    verifies_all: bool,
    index: RepositoryIndex<'a>,
    scanner: MetaScanner,
    /// Shared files that are checked without reading them: those that are stored, and all others.
    checked: PathSet,
    checked_others: HashSet<RepoPath>,
    claims: Claims,
    /// What MANIFESTs say of the files, for a deep verification.
    recorded: RecordedFiles,
    findings: Findings,
    /// What backups were made without.
    excluded: Vec<(BackupId, RepoPath)>,
    /// What earlier verifications found damaged, if no file is read.
    known: Stamps,
    report: VerifyReport,
}

impl Verifier<'_> {
    /// Reads a meta file. With the sizes alone, the directories of shared files are listed while the first one is read; else
    /// each file is opened, which says more.
    fn read(&mut self, id: BackupId) -> Result<MetaState<ScannedMeta>> {
        let (store, none) = (self.index.store(), PathTable::default());
        let none = KnownFiles {
            paths: &none,
            plain: None,
        };
        match self.report.level {
            VerifyLevel::Size if self.report.backups.is_empty() => {
                self.index.begin_listing();
                if self.verifies_all {
                    // An error is reported of each backup, whose own files are listed then.
                    drop(self.index.all_private());
                }
                self.scanner.read(store, none, id)
            }
            VerifyLevel::Size => {
                // Where nothing can be listed, each file is reported.
                let known = self.index.shared().map_or(none, StoredFiles::known);
                self.scanner.read(store, known, id)
            }
            VerifyLevel::Checksum | VerifyLevel::Deep => self.scanner.read(store, self.claims.known(), id),
        }
    }

    /// The files of a backup, and what its small files say of each other.
    fn backup(&mut self, id: BackupId, state: MetaState<ScannedMeta>) -> Result<()> {
        let scanned = match state {
            MetaState::Readable(scanned) => scanned,
            MetaState::Unreadable(error) => {
                self.unreadable(id, &error);
                return Ok(());
            }
        };
        let (store, loaded) = (self.index.store(), &scanned.loaded);
        tracing::info!(%id, files = scanned.file_count(), "verifying a backup");
        let facts = match self.scanner.facts_for_sizes(store, &scanned) {
            Ok(facts) => facts,
            Err(error) if error.kind() == ErrorKind::Io => {
                let key = layout::facts(loaded.id);
                self.findings.add_unchecked(key.as_str(), &error, [loaded.id]);
                None
            }
            Err(error) => return Err(error),
        };
        // A MANIFEST that cannot be read gives no sizes, and is reported when it is checked itself.
        let sizes = match ExpectedSizes::read(store, loaded, facts.as_ref()) {
            Err(error) if error.kind() == ErrorKind::Io => ExpectedSizes::new(facts.as_ref()),
            sizes => sizes?,
        };
        for (path, crc32c) in &scanned.plain {
            match self.report.level {
                VerifyLevel::Size => self.report.files_checked += u64::from(self.checked.insert(*path)),
                VerifyLevel::Checksum | VerifyLevel::Deep => self.claims.add_known(*path, *crc32c, id),
            }
        }
        let mut unverifiable = Vec::new();
        for file in loaded.meta.files.iter().filter(|file| !file.excluded) {
            let expected = sizes.expected(file);
            match self.report.level {
                VerifyLevel::Size => self.check(&file.path, expected, id)?,
                VerifyLevel::Checksum | VerifyLevel::Deep => self.claim(file, expected, loaded.id)?,
            }
            if file.recorded_crc32c().is_none() {
                unverifiable.push(file.path.to_string());
            }
        }
        self.included(loaded, facts.as_ref())?;
        self.add_known_of(&scanned, facts.as_ref());
        self.add_backup(id, BackupState::Valid, unverifiable);
        let excluded = loaded.meta.files.iter().filter(|file| file.excluded);
        self.excluded
            .extend(excluded.map(|file| (loaded.id, file.path.clone())));
        self.current(loaded)?;
        self.list(&scanned, facts.as_ref())
    }

    /// The files of the application. Without facts nothing says what they must be.
    fn included(&mut self, loaded: &LoadedMeta, facts: Option<&BackupFacts>) -> Result<()> {
        let (store, id) = (self.engine.store(), loaded.id);
        let Some(facts) = facts else {
            let unknown = unbound_facts::without_facts(store, loaded, "verified")?;
            self.report.warnings.extend(unknown);
            return Ok(());
        };
        self.report.files_checked += facts.included.len() as u64;
        if self.report.level == VerifyLevel::Size {
            for (path, wrong) in included::findings(store, id, &facts.included)? {
                self.findings.add(wrong.into(), path, wrong.to_string(), [id]);
            }
            return Ok(());
        }
        for file in &facts.included {
            let said = Said::by(id, Some(file.size_bytes), Some(file.checksum()));
            self.claims
                .add_other(file.key(id)?.to_string(), file.size_bytes, said);
        }
        Ok(())
    }

    /// Checks that a file is stored, with its size, and counts it once for all backups.
    fn check(&mut self, path: &RepoPath, expected: Option<u64>, id: BackupId) -> Result<()> {
        let (stored, is_new) = match (path, self.index.shared()) {
            (RepoPath::Private(_), _) => (self.index.get(path), true),
            _ if !self.index.store().traits().lists => {
                (self.index.get(path), self.checked_others.insert(path.clone()))
            }
            (_, Ok(files)) => match files.find(path) {
                Some(stored) => (Ok(files.entry(stored)), self.checked.insert(stored)),
                None => (Ok(None), self.checked_others.insert(path.clone())),
            },
            (_, Err(error)) => (Err(error), self.checked_others.insert(path.clone())),
        };
        self.report.files_checked += u64::from(is_new);
        match stored {
            Ok(stored) => {
                if let Some(wrong) = Wrong::of(stored, expected) {
                    self.findings
                        .add(wrong.into(), path.to_string(), wrong.to_string(), [id]);
                }
            }
            Err(error) if error.kind() == ErrorKind::Io => {
                self.findings.add_unchecked(&path.to_string(), &error, [id]);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Remembers what the backup says of a file, which is read later, once for all backups.
    fn claim(&mut self, file: &MetaFile, expected: Option<u64>, id: BackupId) -> Result<()> {
        let likely_bytes = match expected {
            Some(expected) => expected,
            None => match self.index.get(&file.path) {
                // What cannot be listed may still be opened.
                Err(error) if error.kind() == ErrorKind::Io => 0,
                found => found?.map_or(0, |found| found.size_bytes.unwrap_or_default()),
            },
        };
        let said = Said::by(id, expected, file.recorded_crc32c());
        self.claims.add(&file.path, likely_bytes, said);
        Ok(())
    }

    /// A backup whose meta file could not be read.
    fn unchecked(&mut self, id: BackupId, error: &Error) {
        let key = layout::meta(id);
        self.findings.add_unchecked(key.as_str(), error, [id]);
        self.add_backup(id, BackupState::Unchecked, Vec::new());
    }

    fn add_backup(&mut self, id: BackupId, state: BackupState, unverifiable: Vec<String>) {
        self.report.backups.push(VerifiedBackup {
            id,
            state,
            unverifiable,
            excluded: Vec::new(),
        });
    }

    fn unreadable(&mut self, id: BackupId, error: &Error) {
        let state = match error.kind() {
            ErrorKind::Unsupported => BackupState::Unsupported(error.one_line()),
            _ => BackupState::Corrupt(Vec::new()),
        };
        let reason = error
            .findings()
            .first()
            .map_or_else(|| error.one_line(), |finding| finding.reason.clone());
        let file = layout::meta(id).to_string();
        self.findings.add(FindingKind::UnreadableMeta, file, reason, [id]);
        self.add_backup(id, state, Vec::new());
    }
}
