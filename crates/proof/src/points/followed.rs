//! A database that was followed, and is restored to points.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use stonekeep::engine::restore::{PointTarget, RestorePoint};
use stonekeep::engine::{BackupEngine, RestoreOptions};
use stonekeep::{BackupId, ErrorKind, Quiet, RestoreReport, WhichBackup};
use tempfile::TempDir;

use super::judge::Judge;
use super::plan::Points;
use super::report::Report;
use super::told::Said;
use crate::hot::journal::Times;
use crate::hot::run::{copy_files, remove, whole};
use crate::{ProofError, Result};

/// A database that was followed.
pub struct Followed<'a> {
    pub(super) points: &'a Points,
    pub(super) random: fastrand::Rng,
    pub(super) images: TempDir,
    /// What it was followed into.
    pub engine: BackupEngine,
    /// What is known of it.
    pub judge: Judge,
    /// The bases, with their last sequence numbers.
    pub bases: Vec<(BackupId, u64)>,
    /// What the followers said.
    pub said: Said,
    pub(super) root: TempDir,
}

impl Followed<'_> {
    /// Where restored databases are put.
    pub fn image(&self) -> PathBuf {
        self.images.path().join("point")
    }

    /// The repository, if it is in a directory.
    pub fn repository(&self) -> PathBuf {
        repository(self.root.path())
    }

    /// Restores a point of the stream.
    ///
    /// # Errors
    /// Those of the restore.
    pub fn restore(
        &self,
        which: WhichBackup,
        at: PointTarget,
        into: &Path,
    ) -> stonekeep::Result<RestoreReport> {
        let options = RestoreOptions::default().with_point(RestorePoint::new(at));
        self.engine.restore_db_from_backup(which, into, &options, &Quiet)
    }

    /// Restores one, and judges it.
    pub(super) fn point(&mut self, number: u64, report: &mut Report) -> Result<()> {
        let target = self.target(number);
        let which = self.base(number, target);
        let image = self.image();
        remove(&image)?;
        report.points += 1;
        let restored = match self.restore(which, target, &image) {
            Ok(restored) => restored,
            Err(error) => {
                self.refused(which, target, &error, report);
                return Ok(());
            }
        };
        let judged = match &restored.point {
            Some(point) => self.judge.judge(target, point, &image).map(drop),
            None => Err(ProofError::Differs {
                what: "the report".to_owned(),
                difference: "it does not say which point was restored".to_owned(),
            }),
        };
        match judged {
            Ok(()) => {
                report.right += 1;
                let wal_bytes = restored.point.map_or(0, |point| point.wal_bytes);
                report.replayed += u64::from(wal_bytes > 0);
            }
            Err(error) => {
                let reason = format!(
                    "seed {}, {target:?}, {which:?}: {}; {:?}",
                    self.points.seed,
                    whole(&error),
                    restored.point
                );
                self.keep(number, which, target, &reason)?;
                report.wrong.push(reason);
            }
        }
        Ok(())
    }

    /// By turns: a sequence number, a time, and the end.
    fn target(&mut self, number: u64) -> PointTarget {
        match number % 5 {
            0..=2 => PointTarget::Sequence(self.sequence()),
            3 => PointTarget::Time(self.time()),
            _ => PointTarget::Latest,
        }
    }

    fn sequence(&mut self) -> u64 {
        let first = self.bases.first().map_or(0, |(_, sequence)| *sequence);
        let last = self.said.status.last_sequence.map_or(first, |last| last.0);
        self.random.u64(first..=last.max(first))
    }

    fn time(&mut self) -> SystemTime {
        let spans = self.judge.times.iter().filter_map(Times::span);
        let (first, last) = spans.fold((u64::MAX, 0), |(first, last), span| {
            (first.min(span.0), last.max(span.1))
        });
        // A bit after the end is right, too.
        let time = self.random.u64(first.min(last)..=last + 50_000_000);
        SystemTime::UNIX_EPOCH + Duration::from_nanos(time)
    }

    /// By turns the one that is chosen, if there is one stream only, and any one before the point, so that much is replayed.
    fn base(&mut self, number: u64, target: PointTarget) -> WhichBackup {
        let PointTarget::Sequence(wanted) = target else {
            return WhichBackup::Latest;
        };
        let bases = self.bases.iter().filter(|(_, sequence)| *sequence <= wanted);
        let bases: Vec<_> = bases.collect();
        let may_choose = self.said.began.len() == 1 && number.is_multiple_of(2);
        if may_choose || bases.is_empty() {
            return WhichBackup::Latest;
        }
        WhichBackup::Id(bases[self.random.usize(..bases.len())].0)
    }

    /// A point may be refused for a break, and a time that is before the first base.
    fn refused(
        &self,
        which: WhichBackup,
        target: PointTarget,
        error: &stonekeep::Error,
        report: &mut Report,
    ) {
        let reason = whole(error);
        let is_for_break = reason.contains("break of the stream") && !self.said.breaks.is_empty();
        let is_gap = reason.contains("no WAL of the stream") && !self.said.breaks.is_empty();
        let is_family = reason.contains("may have had the same name");
        let is_before = matches!(target, PointTarget::Time(_)) && reason.contains("before the end of the");
        let is_before_all = reason.contains("before the end of the oldest base of the stream");
        let is_other_stream =
            self.said.began.len() > 1 && (reason.contains("the stream ends at") || is_before_all);
        if error.kind() == ErrorKind::Refused
            && (is_for_break || is_gap || is_family || is_before || is_other_stream)
        {
            report.explained.push(reason);
        } else {
            report.unexplained.push(format!(
                "seed {}, {target:?}, {which:?}: {reason}",
                self.points.seed
            ));
        }
    }

    /// Compares times with those of the writer, without restoring them.
    pub(super) fn times(&mut self, report: &mut Report) {
        for _ in 0..self.points.times {
            let time = self.time();
            let target = PointTarget::Time(time);
            let options = RestoreOptions::default().with_point(RestorePoint::new(target));
            let planned =
                self.engine
                    .plan_restore(WhichBackup::Latest, &self.image().join("none"), &options, &Quiet);
            match planned.map(|planned| planned.point) {
                Ok(Some(point)) => match self.judge.judge_time(time, &point) {
                    Ok(missing) => {
                        report.times += 1;
                        report.lag_us.push(missing.as_micros() as u64);
                    }
                    Err(error) => report
                        .wrong
                        .push(format!("{target:?}: {}; {point:?}", whole(&error))),
                },
                Ok(None) => report
                    .wrong
                    .push(format!("{target:?}: there is no point in the report")),
                Err(error) => self.refused(WhichBackup::Latest, target, &error, report),
            }
        }
        report.lag_us.sort_unstable();
    }

    fn keep(&self, number: u64, which: WhichBackup, target: PointTarget, reason: &str) -> Result<()> {
        let name = self.points.setting.name.replace([' ', ':', ','], "-");
        let kept = self
            .points
            .keep
            .join(format!("{name}-{}-{number}", self.points.seed));
        remove(&kept)?;
        std::fs::create_dir_all(&kept).map_err(ProofError::io(&kept))?;
        let _ = self.restore(which, target, &kept.join("point"));
        copy_files(&self.image(), &kept.join("judged"))?;
        if self.points.local {
            let (from, to) = (self.repository(), kept.join("repository"));
            let _ = Command::new("cp").arg("-r").arg(from).arg(to).status();
        }
        let file = kept.join("reason");
        std::fs::write(&file, reason).map_err(ProofError::io(&file))
    }
}

/// Where the repository is, if it is in a directory.
pub(super) fn repository(root: &Path) -> PathBuf {
    root.join("repository")
}
