//! Captures one database again and again while it is written, and judges each image.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stonekeep::{Directory, SourceKind};
use tempfile::TempDir;

use super::attended::Attended;
use super::counters::{Counter, Counters};
use super::jitter::{Blind, Jitter, LateLook};
use super::process::Launcher;
use super::report::{Failure, Report};
use super::settings::Setting;
use super::taking::{self, Taken};
use super::verifier::{Bounds, Verifier};
use crate::{ProofError, Result};

/// How many batches a writer has written before the first image: more than there are keys.
const WARM_UP: u64 = 2_000;
/// Where few files may be open.
const FEW_FILES: usize = 12;
/// A disk in memory, where images cost less, and databases change faster since no sync takes time.
const MEMORY: &str = "/dev/shm";

/// Where a database is made: by turns in the directory for temporary files and on the disk in memory, if there is one.
/// Files that are deleted slowly are cut while they are held only where deletions come fast, so those are in memory.
pub fn place(setting: &Setting, turn: u64) -> PathBuf {
    let in_memory = setting.slow_deletion || turn % 2 == 1;
    memory().filter(|_| in_memory).unwrap_or_else(std::env::temp_dir)
}

pub(crate) fn memory() -> Option<PathBuf> {
    Some(PathBuf::from(MEMORY)).filter(|memory| memory.is_dir())
}

/// What is done to one database.
#[derive(Clone, Debug)]
pub struct Soak {
    /// The program that becomes a writer when its first argument is `writer`.
    pub program: PathBuf,
    /// The kind of database.
    pub setting: &'static Setting,
    /// What everything derives from that is left to chance.
    pub seed: u64,
    /// Where the database is made, in a directory of its own.
    pub place: PathBuf,
    /// How many images are taken.
    pub images: u64,
    /// No image is begun after that.
    pub until: Option<Instant>,
    /// The number of the first image, from which it follows how each is taken.
    pub first: u64,
    /// Where wrong images are kept.
    pub keep: PathBuf,
    /// Every image is taken blindly: a control that the judge can fail.
    pub blind: bool,
}

/// How one image is taken.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// With waits before each step.
    jitter: bool,
    /// The fallback rule may be used from the first round on, and the only wait is before the last look.
    fallback_at_once: bool,
    /// Through a backup and its restore.
    backup: bool,
    /// So few files may be open that most are copied before the image is whole; only a backup can do that.
    few_files: bool,
}

impl Way {
    /// All combinations come up, in a fixed order. Where files are cut while they are held, only a backup is fast enough:
    /// from its second attempt on it copies them as it goes.
    fn of(image: u64, setting: &Setting) -> Self {
        Way {
            jitter: image % 4 < 2,
            fallback_at_once: image % 5 == 3,
            backup: image % 10 == 9 || setting.slow_deletion,
            few_files: image % 20 == 9,
        }
    }
}

/// A database at work.
struct Scene<'a> {
    soak: &'a Soak,
    root: TempDir,
    images: TempDir,
    counters: Counters,
    verifier: Verifier,
    random: fastrand::Rng,
    report: Report,
}

impl Soak {
    /// Takes and judges all images.
    ///
    /// # Errors
    /// The writer's, or the file system's. The report has the judgement of each image.
    pub fn run(&self) -> Result<Report> {
        let root = TempDir::new_in(&self.place).map_err(ProofError::io(&self.place))?;
        let launcher = Launcher {
            program: self.program.clone(),
            setting: self.setting,
            root: root.path().to_owned(),
            seed: self.seed,
        };
        let counters = launcher.prepare()?;
        let mut scene = Scene::new(self, root, counters)?;
        let mut writer = Attended::start(launcher, &scene.counters, WARM_UP, self.seed)?;
        for image in self.first..self.first + self.images {
            if self.until.is_some_and(|until| Instant::now() > until) {
                break;
            }
            writer.check()?;
            scene.image(image)?;
        }
        writer.end()?;
        Ok(scene.report)
    }
}

impl<'a> Scene<'a> {
    fn new(soak: &'a Soak, root: TempDir, counters: Counters) -> Result<Self> {
        let place = memory().unwrap_or_else(std::env::temp_dir);
        let images = TempDir::new_in(&place).map_err(ProofError::io(&place))?;
        Ok(Self {
            counters,
            verifier: Verifier::new(soak.setting, soak.seed),
            random: fastrand::Rng::with_seed(soak.seed),
            report: Report::new(soak.setting.name),
            soak,
            root,
            images,
        })
    }

    fn image(&mut self, number: u64) -> Result<()> {
        let way = Way::of(number, self.soak.setting);
        let directory = self.images.path().join("image");
        remove(&directory)?;
        let lanes = self.soak.setting.lanes;
        let acknowledged_before = self.counters.all(lanes, Counter::Acknowledged)?;
        let taken = self.take(way, &directory);
        let bounds = Bounds {
            acknowledged_before,
            begun_after: self.counters.all(lanes, Counter::Begun)?,
        };
        self.report.images += 1;
        match taken {
            Ok(taken) => {
                self.judge_warning(number, way, &taken);
                self.report.taken.push(Taken {
                    with_waits: way.jitter || way.fallback_at_once || self.soak.blind,
                    ..taken
                });
                self.judge(number, way, &directory, (&bounds, taken.sequence_number))
            }
            Err(error) => {
                let reason = format!("{way:?}: {}", whole(&error));
                self.report.refused.push(Failure { number, reason });
                Ok(())
            }
        }
    }

    fn take(&mut self, way: Way, into: &Path) -> stonekeep::Result<Taken> {
        let source = self.source(way);
        if way.backup {
            return taking::restored(&source, &self.images.path().join("repository"), into);
        }
        taking::copied(&source, into)
    }

    fn source(&mut self, way: Way) -> Directory {
        let places = self.soak.setting.places(self.root.path());
        let database = self.soak.setting.database(self.root.path());
        let wal_dir = places.wal_dir.clone().unwrap_or_else(|| database.clone());
        let mut source = Directory::new(database, SourceKind::Hot)
            .with_wal_dir(places.wal_dir)
            .with_db_paths(places.db_paths);
        if self.soak.blind {
            source = source.with_probe(Arc::new(Blind::new(wal_dir)));
        } else if way.fallback_at_once {
            source = source
                .with_strict_limit(0, Duration::ZERO)
                .with_probe(Arc::new(LateLook));
        } else if way.jitter {
            source = source.with_probe(Arc::new(Jitter::new(self.random.u64(..))));
        }
        if way.few_files {
            source = source.with_open_files_limit(Some(FEW_FILES));
        }
        source
    }

    /// A database that is written without WAL must be warned of, and no other one. By the first image it was flushed more than
    /// once.
    fn judge_warning(&mut self, number: u64, way: Way, taken: &Taken) {
        let is_without = self.soak.setting.flush_without_wal_every.is_some();
        if taken.written_without_wal != is_without && !self.soak.blind {
            let reason = format!(
                "{way:?}: it is warned of writes without WAL: {}",
                taken.written_without_wal
            );
            self.report.wrong.push(Failure { number, reason });
        }
    }

    /// Judging for writing changes the image, so that it works on a copy.
    fn judge(&mut self, number: u64, way: Way, image: &Path, known: (&Bounds, u64)) -> Result<()> {
        let (bounds, sequence) = known;
        let judged = self.images.path().join("judged");
        remove(&judged)?;
        copy_files(image, &judged)?;
        let wrong = match self.verifier.judge(&judged, bounds) {
            Ok(found) if found == sequence => return Ok(()),
            Ok(found) => format!("it ends at sequence number {found} instead of {sequence}"),
            Err(error) => whole(&error),
        };
        let reason = format!("{way:?}, {bounds:?}: {wrong}");
        if !self.soak.blind {
            self.keep(number, image, &reason)?;
        }
        self.report.wrong.push(Failure { number, reason });
        Ok(())
    }

    fn keep(&self, number: u64, image: &Path, reason: &str) -> Result<()> {
        let name = self.soak.setting.name.replace(' ', "-");
        let kept = self.soak.keep.join(format!("{name}-{}-{number}", self.soak.seed));
        fs::create_dir_all(&kept).map_err(ProofError::io(&kept))?;
        copy_files(image, &kept.join("image"))?;
        let log = self.soak.setting.database(self.root.path()).join("LOG");
        fs::copy(&log, kept.join("LOG")).map_err(ProofError::io(&log))?;
        let file = kept.join("reason");
        fs::write(&file, reason).map_err(ProofError::io(&file))
    }
}

pub(crate) fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(ProofError::io(directory))?;
    }
    Ok(())
}

pub(crate) fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(ProofError::io(to))?;
    for entry in fs::read_dir(from).map_err(ProofError::io(from))? {
        let path = entry.map_err(ProofError::io(from))?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            fs::copy(&path, to.join(name)).map_err(ProofError::io(&path))?;
        }
    }
    Ok(())
}

/// An error with its causes.
pub(crate) fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
