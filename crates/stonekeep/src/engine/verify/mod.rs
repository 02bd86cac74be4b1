//! `VerifyBackup`, with every byte read if asked: all findings at once, each with the backups that it touches.
//!
//! Verifying holds up nobody and takes no pin: a file that is gone because its backup was deleted meanwhile is no
//! finding, which a second look at the meta file tells. A file that backups share is read once.

mod claims;
mod report;

use stonekeep_format::backup_meta::MetaReader;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::parse_current;
use stonekeep_format::{BackupId, Crc32c};

use self::claims::{Claim, Claims};
use self::report::Findings;
pub use self::report::{FindingKind, VerifiedBackup, VerifyFinding, VerifyLevel, VerifyReport};
use super::BackupEngineReadOnly;
use super::info::BackupState;
use super::transfer::{Meter, Metered};
use crate::parallel::run_bounded;
use crate::repo::catalog::{self, LoadedMeta, MetaState};
use crate::repo::layout;
use crate::repo::presence::{Presence, Sizes};
use crate::store::{EntryKind, Key, ObjectReader};
use crate::{Error, ErrorKind, Observer, Phase, Result};

/// `CURRENT` holds one name.
const CURRENT_LIMIT_BYTES: u64 = 4096;

impl BackupEngineReadOnly {
    /// Verifies one backup (`VerifyBackup(id, verify_with_checksum)`).
    ///
    /// # Errors
    /// `NotFound` if there is no such backup, `Stopped`, I/O errors. Damage is in the report.
    pub fn verify_backup(
        &self,
        id: BackupId,
        level: VerifyLevel,
        observer: &dyn Observer,
    ) -> Result<VerifyReport> {
        self.verify_backups(&[id], level, observer)
    }

    /// Verifies these backups, or all if none is named: with `max_valid_backups_to_open`, so many of the newest.
    ///
    /// # Errors
    /// As [`Self::verify_backup`].
    pub fn verify_backups(
        &self,
        ids: &[BackupId],
        level: VerifyLevel,
        observer: &dyn Observer,
    ) -> Result<VerifyReport> {
        let all = ids.is_empty();
        let ids = if all { self.backup_ids()? } else { ids.to_vec() };
        let mut verifier = Verifier {
            engine: self,
            presence: Presence::new(self.store().as_ref()),
            claims: Claims::default(),
            findings: Findings::default(),
            report: VerifyReport {
                level,
                backups: Vec::new(),
                findings: Vec::new(),
                files_checked: 0,
                bytes_checked: 0,
                warnings: Vec::new(),
            },
        };
        let wanted = self
            .options()
            .max_valid_backups_to_open
            .filter(|_| all)
            .unwrap_or(usize::MAX);
        let (mut readable, mut reader) = (0, MetaReader::default());
        for id in ids.into_iter().rev() {
            if observer.should_stop() {
                return Err(Error::stopped());
            }
            if readable >= wanted {
                break;
            }
            let read = || catalog::load_with(&mut reader, self.store().as_ref(), id);
            match verifier.presence.while_listing(read) {
                Ok(state) => {
                    readable += usize::from(matches!(state, MetaState::Readable(_)));
                    verifier.backup(state)?;
                }
                Err(error) if all && error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if level == VerifyLevel::Checksum {
            verifier.checksums(observer)?;
        }
        verifier.finish()
    }
}

struct Verifier<'a> {
    engine: &'a BackupEngineReadOnly,
    presence: Presence<'a>,
    claims: Claims,
    findings: Findings,
    report: VerifyReport,
}

impl Verifier<'_> {
    /// Sizes, and what the small files of a backup say of each other.
    fn backup(&mut self, state: MetaState) -> Result<()> {
        let loaded = match state {
            MetaState::Readable(loaded) => loaded,
            MetaState::Unreadable(id, error) => {
                self.unreadable(id, &error);
                return Ok(());
            }
        };
        let facts = loaded.facts_for_sizes(self.engine.store().as_ref())?;
        let sizes = Sizes::read(self.engine.store().as_ref(), &loaded, facts.as_ref())?;
        let mut unverifiable = Vec::new();
        self.claims.reserve(loaded.meta.files.len());
        for file in loaded.meta.files.iter().filter(|file| !file.excluded) {
            let found = self.presence.get(&file.path)?;
            self.report.files_checked += 1;
            match problem(found, sizes.expected(file)) {
                Some((kind, reason)) => {
                    let path = file.path.to_string();
                    self.findings.add(kind, path, reason, loaded.id);
                }
                None => {
                    let crc32c = file.crc32c.or(file.path.crc32c());
                    if crc32c.is_none() {
                        unverifiable.push(file.path.to_string());
                    }
                    let size = found.map_or(0, |(_, size)| size);
                    self.claims.add(&file.path, crc32c, size, loaded.id);
                }
            }
        }
        self.report.backups.push(VerifiedBackup {
            id: loaded.id,
            state: BackupState::Valid,
            unverifiable,
        });
        self.current(&loaded)?;
        self.presence.forget_private(loaded.id);
        Ok(())
    }

    /// RocksDB restores a CURRENT that names a MANIFEST which the backup does not have.
    fn current(&mut self, loaded: &LoadedMeta) -> Result<()> {
        let of_name = |name: DbFileName| {
            let mut files = loaded.meta.files.iter();
            files.find(|file| file.path.restored_name() == name)
        };
        let path = match of_name(DbFileName::Current) {
            Some(file) => file.path.to_string(),
            None => {
                self.findings.add(
                    FindingKind::Inconsistent,
                    layout::meta(loaded.id).to_string(),
                    "names no CURRENT".into(),
                    loaded.id,
                );
                return Ok(());
            }
        };
        let bytes = match self
            .engine
            .store()
            .read(&Key::new(path.as_str())?, CURRENT_LIMIT_BYTES)
        {
            Ok(bytes) => bytes,
            // Told already.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => return Ok(()),
            // A disk that fails on one file must not end the verification of all others.
            Err(error) => {
                let reason = error.one_line();
                self.findings
                    .add(FindingKind::Unreadable, path, reason, loaded.id);
                return Ok(());
            }
        };
        let reason = match parse_current(&bytes) {
            Err(error) => Some(error.to_string()),
            Ok(number) => {
                let name = DbFileName::Manifest(number);
                of_name(name.clone())
                    .is_none()
                    .then(|| format!("names {name}, which the backup does not have"))
            }
        };
        if let Some(reason) = reason {
            self.findings
                .add(FindingKind::Inconsistent, path, reason, loaded.id);
        }
        Ok(())
    }

    fn checksums(&mut self, observer: &dyn Observer) -> Result<()> {
        let claims = std::mem::take(&mut self.claims).into_sorted();
        let bytes = claims.iter().map(|claim| claim.size_bytes).sum();
        let limiter = &self.engine.options().verify_rate_limiter;
        let meter = self
            .engine
            .meter(observer, limiter, Phase::Verifying, (claims.len() as u64, bytes));
        let results = run_bounded(self.engine.workers(), claims, |claim| {
            let read = self.read(&claim, &meter)?;
            meter.file_done();
            Ok((claim, read))
        })?;
        for (claim, read) in results {
            match read {
                Ok(crc32c) => {
                    self.report.bytes_checked += claim.size_bytes;
                    self.compare(&claim, crc32c);
                }
                Err(reason) => claim.ids().for_each(|id| {
                    self.findings.add(
                        FindingKind::Unreadable,
                        claim.path.to_string(),
                        reason.clone(),
                        id,
                    );
                }),
            }
        }
        Ok(())
    }

    /// The checksum of a file; why it has none, if the file is to blame. A disk that fails on one file must not end
    /// the verification of all others.
    fn read(&self, claim: &Claim, meter: &Meter<'_>) -> Result<std::result::Result<Crc32c, String>> {
        let object = match self.engine.store().open(&layout::file(&claim.path)?) {
            Ok(object) => object,
            Err(error) => return Ok(Err(error.one_line())),
        };
        let mut reader = Metered::new(ObjectReader::new(object.as_ref()), claim.size_bytes, meter);
        match reader.drain(&mut self.engine.read_buffer()) {
            Ok(crc32c) => Ok(Ok(crc32c)),
            Err(error) => {
                let error = meter.explain(Error::io(format!("reading {}", claim.path), error));
                if error.kind() == ErrorKind::Stopped {
                    Err(error)
                } else {
                    Ok(Err(error.one_line()))
                }
            }
        }
    }

    fn compare(&mut self, claim: &Claim, found: Crc32c) {
        let somebody_is_right = claim.says(found);
        for (wanted, ids) in claim.wrong(found) {
            let (kind, reason) = match somebody_is_right {
                true => (
                    FindingKind::LyingMeta,
                    format!(
                        "its checksum is {found}, as other backups have it; these meta files have {wanted}"
                    ),
                ),
                false => (
                    FindingKind::WrongChecksum,
                    format!("its checksum is {found} instead of {wanted}"),
                ),
            };
            let path = || claim.path.to_string();
            ids.for_each(|id| self.findings.add(kind, path(), reason.clone(), id));
        }
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
        self.findings.add(
            FindingKind::UnreadableMeta,
            layout::meta(id).to_string(),
            reason,
            id,
        );
        self.report.backups.push(VerifiedBackup {
            id,
            state,
            unverifiable: Vec::new(),
        });
    }

    /// Backups that were deleted meanwhile have no findings.
    fn finish(self) -> Result<VerifyReport> {
        let Verifier {
            engine,
            mut report,
            findings,
            ..
        } = self;
        let there = engine.backup_ids()?;
        let there = |id: BackupId| there.binary_search(&id).is_ok();
        report.backups.retain(|backup| there(backup.id));
        report.backups.sort_by_key(|backup| backup.id);
        report.findings = findings.into_sorted(there);
        report.settle();
        Ok(report)
    }
}

fn problem(found: Option<(EntryKind, u64)>, expected: Option<u64>) -> Option<(FindingKind, String)> {
    match (found, expected) {
        (None, _) => Some((FindingKind::Missing, "is missing".into())),
        (Some((EntryKind::File, size)), Some(expected)) if size != expected => Some((
            FindingKind::WrongSize,
            format!("has {size} bytes instead of {expected}"),
        )),
        (Some((EntryKind::File, _)), _) => None,
        (Some(_), _) => Some((FindingKind::Missing, "is no regular file".into())),
    }
}
