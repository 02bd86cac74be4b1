//! Reads the files of the verified backups, with what earlier verifications have left.

use std::time::Instant;

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::PathTable;

use super::choice::{Choice, Choosing, choose, verified_ms};
use super::claims::Claim;
use super::contents::{self, Reading, sum_of_bytes};
use super::known_contents::{KnownContents, as_found};
use super::memory::Memory;
use super::options::VerifyOptions;
use super::report::{FindingKind, VerifyLevel};
use super::{BackupState, Verifier};
use crate::engine::BackupEngineReadOnly;
use crate::repo::facts::BackupFacts;
use crate::repo::meta_scanner::ScannedMeta;
use crate::repo::stored_files::StoredFiles;
use crate::repo::verified::{Recorder, Stamps, known_damage, milliseconds};
use crate::{Error, Observer, Result, Warning, WarningName};

impl BackupEngineReadOnly {
    /// What is known of damaged files where no file is read: then the stamps stay as they are.
    pub(super) fn known_for_sizes(&self, options: &VerifyOptions) -> Stamps {
        if options.stamps && options.level == VerifyLevel::Size {
            known_damage(self.store(), self.time())
        } else {
            Stamps::default()
        }
    }
}

impl Verifier<'_> {
    /// Adds what is known of the files of a backup that are there with the right sizes.
    pub(super) fn add_known_of(&mut self, scanned: &ScannedMeta, facts: Option<&BackupFacts>) {
        let none = PathTable::default();
        let paths = self.index.shared().map_or(&none, StoredFiles::paths);
        let (id, included) = (scanned.loaded.id, facts.map_or(&[][..], |facts| &facts.included));
        for damage in self.known.damaged(paths).of(scanned, included) {
            let (kind, finding) = (damage.kind.into(), damage.finding);
            if !self.findings.has(&finding.file, id) {
                self.findings
                    .add(kind, finding.file, as_found(&finding.reason), [id]);
            }
        }
    }

    /// Reads the files of all backups that were read, or those that are chosen.
    ///
    /// # Errors
    /// `Stopped`; those of the store that are not about one file.
    pub(super) fn read_files(
        &mut self,
        options: &VerifyOptions,
        mut memory: Memory<'_>,
        began: Instant,
        observer: &dyn Observer,
    ) -> Result<()> {
        let claims = std::mem::take(&mut self.claims).into_sorted();
        if let (Memory::Kept(recorder), true) = (&mut memory, self.knows_all_files()) {
            let find = |path: &str| claims.binary_search_by(|claim| claim.path.as_str().cmp(path));
            recorder.retain(|path| find(path).is_ok());
        }
        let none = Stamps::default();
        let stamps = memory.recorder().map_or(&none, Recorder::earlier);
        let mut known = KnownContents::of(&claims, stamps);
        let choice = if options.leaves_some() {
            if self.verifies_all {
                // An error is reported of each file, which is looked at by itself then.
                drop(self.index.all_private());
            }
            let choosing = Choosing {
                stamps,
                sample: options.sample,
                by_looks: options.level == VerifyLevel::Deep,
                oldest_first: options.max_duration.is_some(),
            };
            choose(&self.index, claims, &choosing, &mut self.findings)?
        } else {
            Choice::all(claims)
        };
        self.recorded.is_of_all = self.knows_all_files();
        let reading = Reading {
            claims: choice.chosen,
            until: options.max_duration.and_then(|time| began.checked_add(time)),
            recorder: memory.recorder(),
            recorded: (options.level == VerifyLevel::Deep).then_some(&self.recorded),
        };
        let read = contents::verify(self.engine, &self.index, reading, &mut self.findings, observer);
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                drop(memory.finish());
                return Err(error);
            }
        };
        (self.report.files_checked, self.report.bytes_checked) = (read.files, read.bytes);
        if options.level == VerifyLevel::Deep {
            self.report.contents = Some(read.contents);
        }
        let left: Vec<Claim> = choice.left.into_iter().chain(read.left).collect();
        self.report.files_left = left.len() as u64;
        self.report.bytes_left = sum_of_bytes(&left);
        if options.level == VerifyLevel::Deep {
            // The others were looked into just now.
            known.retain(left.iter().chain(&choice.settled).chain(&read.unread));
        }
        known.add_to(&mut self.findings);
        if memory.recorder().is_some() {
            self.add_known_damage(stamps, left.iter().chain(&read.unread));
            self.add_oldest(stamps, left.iter().chain(&choice.settled).chain(&read.unread));
        }
        if let Some(reason) = memory.finish() {
            self.warn_not_remembered(options, &reason);
        }
        if read.is_stopped {
            Err(Error::stopped())
        } else {
            Ok(())
        }
    }

    /// Whether no backup may name further files.
    fn knows_all_files(&self) -> bool {
        let is_known = |state: &BackupState| matches!(state, BackupState::Valid);
        self.verifies_all
            && self.engine.options().max_valid_backups_to_open.is_none()
            && self.report.backups.iter().all(|backup| is_known(&backup.state))
    }

    /// What earlier runs found wrong with files that this one has not read.
    fn add_known_damage<'c>(&mut self, stamps: &Stamps, unread: impl Iterator<Item = &'c Claim>) {
        for claim in unread {
            for said in &claim.said {
                if let Some(damage) = stamps.damage(&claim.path, said.wanted()) {
                    let reason = as_found(damage.reason);
                    let ids = said.ids.iter().copied();
                    let (kind, path) = (FindingKind::WrongChecksum, claim.path.clone());
                    self.findings
                        .add(kind, path, reason, ids.collect::<Vec<BackupId>>());
                }
            }
        }
    }

    /// Which time is the oldest at which one of the files was read, now that these were not read.
    fn add_oldest<'c>(&mut self, stamps: &Stamps, unread: impl Iterator<Item = &'c Claim>) {
        let mut oldest = Some(milliseconds(self.engine.clock.now()));
        let mut never_bytes = 0_u64;
        for claim in unread {
            let at_ms = verified_ms(stamps, claim);
            if at_ms.is_none() {
                // Meta files may tell any sizes.
                never_bytes = never_bytes.saturating_add(claim.likely_bytes);
            }
            oldest = oldest.min(at_ms);
        }
        self.report.never_verified_bytes = Some(never_bytes);
        self.report.oldest_verified_seconds = oldest.and_then(|ms| i64::try_from(ms / 1000).ok());
    }

    fn warn_not_remembered(&mut self, options: &VerifyOptions, reason: &str) {
        let follows = if options.leaves_some() {
            "; the next run begins with the same files"
        } else {
            ""
        };
        let message = format!("when its files were verified is not remembered{follows}: {reason}");
        let location = self.engine.store().location();
        self.report
            .warnings
            .push(Warning::about(WarningName::NotRemembered, location, message));
    }
}
