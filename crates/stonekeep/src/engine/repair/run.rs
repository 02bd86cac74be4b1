//! A repair under way.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{self, Read};

use stonekeep_format::BackupId;

use super::candidates::{Candidate, Candidates};
use super::damage::{self, Damage, DamagedFile};
use super::report::{NotRepaired, RepairReport, RepairedFile};
use super::source::RepairSource;
use crate::engine::BackupEngineReadOnly;
use crate::engine::checked::Checked;
use crate::engine::known_damage::Use;
use crate::engine::transfer::{Meter, Metered};
use crate::engine::verify::VerifyWhat;
use crate::parallel::run_bounded;
use crate::repo::index::RepositoryIndex;
use crate::repo::{self, layout, verified};
use crate::store::{self, Held, PutContent, PutMode, new_pin_name};
use crate::{Error, ErrorKind, Observer, Phase, Progress, Result};

/// What begins the names of the staging areas of repairs.
const AREA_PREFIX: &str = "repair-";

pub(super) struct Repair<'a> {
    engine: &'a BackupEngineReadOnly,
    sources: &'a [RepairSource],
    observer: &'a dyn Observer,
    /// The staging area.
    area: String,
}

/// What became of a damaged file.
enum Outcome {
    Right,
    Repaired { size_bytes: u64, from: String },
    Not(Vec<String>),
}

impl<'a> Repair<'a> {
    pub(super) fn new(
        engine: &'a BackupEngineReadOnly,
        sources: &'a [RepairSource],
        observer: &'a dyn Observer,
    ) -> Self {
        Repair {
            engine,
            sources,
            observer,
            area: format!("{AREA_PREFIX}{}", new_pin_name()),
        }
    }

    /// P2 to P6; without a lock nothing is changed.
    pub(super) fn run(&self, what: VerifyWhat, lock: Option<&Held>) -> Result<RepairReport> {
        let store = self.engine.store();
        self.observer.progressed(&Progress::begin(Phase::Planning));
        repo::require(&RepositoryIndex::new(store))?;
        let Damage {
            files,
            metas,
            hopeless,
            inside,
        } = damage::find(self.engine, what)?;
        let metas = self.put_metas(metas, lock)?;
        let candidates = Candidates::find(self.engine, self.sources, &files)?;
        let bytes = files.values().filter_map(|file| file.size_bytes);
        let to_do = (files.len() as u64, bytes.fold(0, u64::saturating_add));
        let limiter = &self.engine.verify_rate_limiter;
        let meter = self.engine.meter(self.observer, limiter, Phase::Copying, to_do);
        let done = run_bounded(self.engine.workers(), files.into_values().collect(), |file| {
            let outcome = self.repair(&file, &candidates.of(&file), (lock, &meter))?;
            meter.file_done();
            Ok((file, outcome))
        });
        let discarded = lock.map_or(Ok(()), |_| {
            self.discard_earlier();
            store.discard(&self.area)
        });
        let done = done?;
        discarded?;
        let mut report = report(metas, done, hopeless);
        report.warnings = inside.warnings(Use::Repaired);
        if lock.is_some() {
            self.note(&report);
        }
        Ok(report)
    }

    /// P3. Without a lock nothing is put.
    fn put_metas(&self, metas: Vec<(BackupId, Vec<u8>)>, lock: Option<&Held>) -> Result<Vec<RepairedFile>> {
        let (store, durability) = (self.engine.store(), self.engine.durability());
        let mut repaired = Vec::with_capacity(metas.len());
        for (id, text) in metas {
            let key = layout::meta(id);
            if let Some(lock) = lock {
                lock.check()?;
                let content = PutContent::Bytes(&text);
                store.put(&self.area, &key, content, PutMode::Replace, durability)?;
            }
            repaired.push(RepairedFile {
                path: key.to_string(),
                size_bytes: text.len() as u64,
                from: layout::facts(id).shown_in(store).to_string(),
                backups: vec![id],
            });
        }
        Ok(repaired)
    }

    fn repair(
        &self,
        file: &DamagedFile,
        candidates: &[Candidate<'_>],
        (lock, meter): (Option<&Held>, &Meter<'_>),
    ) -> Result<Outcome> {
        meter.check()?;
        if file.by_stamp && self.is_right(file)? {
            return Ok(Outcome::Right);
        }
        let mut rejected = Vec::new();
        for candidate in candidates {
            let failed = Cell::new(false);
            match self.take(file, candidate, (lock, meter), &failed) {
                Ok(size_bytes) => {
                    let from = candidate.to_string();
                    tracing::debug!(file = %file.path, %from, "repaired");
                    return Ok(Outcome::Repaired { size_bytes, from });
                }
                // Most candidates are not there.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) if is_about_candidate(&error, failed.get()) => rejected.push(error.one_line()),
                Err(error) => return Err(error),
            }
        }
        Ok(Outcome::Not(rejected))
    }

    /// P4 and P5 with one candidate; its length.
    fn take(
        &self,
        file: &DamagedFile,
        candidate: &Candidate<'_>,
        (lock, meter): (Option<&Held>, &Meter<'_>),
        failed: &Cell<bool>,
    ) -> Result<u64> {
        let mut repetitions = 0;
        loop {
            let name = candidate.to_string();
            let wrong = |reason: String| {
                failed.set(true);
                Error::corrupt(name.as_str(), reason)
            };
            let taken = candidate.read(file, failed, |inner, size_bytes| {
                let buffer_bytes = self.engine.io_buffer_bytes().get();
                let mut content = Checked {
                    inner: Metered::new(inner, &name, size_bytes, meter).at_most(buffer_bytes),
                    wanted: Some(file.crc32c),
                    wrong: &wrong,
                };
                match lock {
                    Some(lock) => self.replace(file, &mut content, size_bytes, lock)?,
                    None => drain(&mut content)?,
                }
                Ok(size_bytes)
            });
            match taken {
                Err(error) if error.wants_content_again(repetitions) => repetitions += 1,
                taken => return taken,
            }
        }
    }

    fn replace(
        &self,
        file: &DamagedFile,
        content: &mut dyn Read,
        size_bytes: u64,
        lock: &Held,
    ) -> Result<()> {
        let (store, key) = (self.engine.store(), layout::file(&file.path)?);
        let upload = store.upload(&self.area, &key, content, size_bytes, PutMode::Replace)?;
        lock.check()?;
        store.finish(vec![(upload, key)], PutMode::Replace, self.engine.durability())?;
        Ok(())
    }

    /// Whether the stored bytes are right, whatever a verification has found.
    fn is_right(&self, file: &DamagedFile) -> Result<bool> {
        let store = self.engine.store();
        let read = store.open(&layout::file(&file.path)?);
        let read =
            read.and_then(|object| store::checksum(object.as_ref(), &file.path.to_string(), self.observer));
        match read {
            Ok(found) => Ok(found == file.crc32c),
            Err(error) if error.kind() == ErrorKind::Stopped => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// Removes what killed repairs have staged: none is under way beside this one. That it fails harms nothing; the next run tries again.
    fn discard_earlier(&self) {
        let store = self.engine.store();
        let is_earlier = |run: &str| run.starts_with(AREA_PREFIX) && run != self.area;
        let discarded = store.leftovers().and_then(|leftovers| {
            let mut earlier = leftovers.iter().filter(|leftover| is_earlier(&leftover.run));
            earlier.try_for_each(|leftover| store.discard(&leftover.run))
        });
        if let Err(error) = discarded {
            tracing::warn!(reason = %error.one_line(), "what a killed repair has staged could not be removed");
        }
    }

    /// P6. If that cannot be recorded, the files count as damaged until somebody reads them.
    fn note(&self, report: &RepairReport) {
        let repaired = report.repaired.iter().map(|file| &file.path);
        let paths: Vec<String> = repaired.chain(&report.right).cloned().collect();
        if paths.is_empty() {
            return;
        }
        let (engine, now) = (self.engine, self.engine.clock.now());
        if let Err(error) = verified::replaced(engine.store(), now, &paths, engine.durability()) {
            tracing::warn!(reason = %error.one_line(), "that files were repaired could not be recorded");
        }
    }
}

/// Whether the next candidate may do.
fn is_about_candidate(error: &Error, reading_failed: bool) -> bool {
    match error.kind() {
        ErrorKind::Stopped | ErrorKind::Locked => false,
        ErrorKind::Corrupt | ErrorKind::Refused => true,
        _ => reading_failed,
    }
}

fn drain(content: &mut dyn Read) -> Result<()> {
    let drained = io::copy(content, &mut io::sink());
    drained
        .map(drop)
        .map_err(|error| Error::of_reading(error, || "reading a candidate".to_owned()))
}

fn report(
    metas: Vec<RepairedFile>,
    done: Vec<(DamagedFile, Outcome)>,
    hopeless: Vec<NotRepaired>,
) -> RepairReport {
    let mut all: BTreeSet<BackupId> = metas.iter().flat_map(|meta| meta.backups.clone()).collect();
    let mut report = RepairReport {
        repaired: metas,
        ..RepairReport::default()
    };
    for (file, outcome) in done {
        let path = file.path.to_string();
        all.extend(&file.backups);
        match outcome {
            Outcome::Right => report.right.push(path),
            Outcome::Repaired { size_bytes, from } => report.repaired.push(RepairedFile {
                path,
                size_bytes,
                from,
                backups: file.backups,
            }),
            Outcome::Not(rejected) => report.not_repaired.push(NotRepaired {
                path,
                reason: file.reason,
                rejected,
                backups: file.backups,
            }),
        }
    }
    report.not_repaired.extend(hopeless);
    let damaged = report
        .not_repaired
        .iter()
        .flat_map(|file| file.backups.iter().copied());
    let damaged: BTreeSet<BackupId> = damaged.collect();
    report.repaired_backups = all.difference(&damaged).copied().collect();
    report.damaged_backups = damaged.into_iter().collect();
    report
}
