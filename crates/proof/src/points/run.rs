//! Follows a database while it is written, then restores it to points.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stonekeep::engine::follow::FollowOptions;
use stonekeep::engine::{BackupEngine, BackupEngineOptions};
use stonekeep::store::memory::MemoryStore;
use stonekeep::{Directory, InfoDetail, LocalStore, SourceKind, Store};
use tempfile::TempDir;

use super::followed::{Followed, repository};
use super::judge::Judge;
use super::plan::Points;
use super::report::Report;
use super::told::Told;
use crate::hot::attended::Attended;
use crate::hot::counters::{Counter, Counters};
use crate::hot::journal::Times;
use crate::hot::process::Launcher;
use crate::hot::run::{memory, whole};
use crate::hot::verifier::Bounds;
use crate::{ProofError, Result};

/// How long anything may take that a follower does by itself.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many batches a writer has written before it is followed.
const WARM_UP: u64 = 50;

impl Points {
    /// Follows, restores and judges.
    ///
    /// # Errors
    /// The writer's, the follower's, or the file system's. The report has the judgement of each point.
    pub fn run(&self) -> Result<Report> {
        let mut followed = self.follow()?;
        let mut report = Report {
            setting: self.setting.name,
            batches: followed.judge.acknowledged.iter().sum(),
            said: followed.said.clone(),
            ..Report::default()
        };
        for number in 0..self.points {
            followed.point(number, &mut report)?;
        }
        followed.times(&mut report);
        Ok(report)
    }

    /// Writes and follows.
    ///
    /// # Errors
    /// The writer's, the follower's, or the file system's.
    pub fn follow(&self) -> Result<Followed<'_>> {
        let root = TempDir::new_in(&self.place).map_err(ProofError::io(&self.place))?;
        let launcher = Launcher {
            program: self.program.clone(),
            setting: self.setting,
            root: root.path().to_owned(),
            seed: self.seed,
        };
        let counters = launcher.prepare()?;
        let store: Store = if self.local {
            LocalStore::new(repository(root.path())).into()
        } else {
            MemoryStore::new().into()
        };
        let options = BackupEngineOptions::default().with_sync(false);
        let engine =
            BackupEngine::open(options, store).map_err(|error| failed("open the repository", &error))?;
        let mut random = fastrand::Rng::with_seed(self.seed);
        let told = Told::default();
        self.write_and_follow(launcher, &counters, (&engine, &told), &mut random)?;
        let written = Bounds {
            acknowledged_before: counters.all(self.setting.lanes, Counter::Acknowledged)?,
            begun_after: counters.all(self.setting.lanes, Counter::Begun)?,
        };
        let times = Times::read(root.path(), self.setting.lanes)?;
        let place = memory().unwrap_or_else(std::env::temp_dir);
        let info = engine
            .get_all_backup_info(InfoDetail::Head)
            .map_err(|error| failed("list the bases", &error))?;
        let bases = info.backups.iter().map(|info| (info.id, info.sequence_number.0));
        Ok(Followed {
            points: self,
            random,
            images: TempDir::new_in(&place).map_err(ProofError::io(&place))?,
            bases: bases.collect(),
            engine,
            judge: Judge::new(self.setting, self.seed, times, written),
            said: told.said(),
            root,
        })
    }

    fn write_and_follow(
        &self,
        launcher: Launcher,
        counters: &Counters,
        (engine, told): (&BackupEngine, &Told),
        random: &mut fastrand::Rng,
    ) -> Result<()> {
        let source = self.source(&launcher.root);
        let interval = Duration::from_millis(random.u64(10..50));
        let options = FollowOptions::default()
            .with_interval(interval)
            .with_base_after_bytes(random.u64(4..32) << 20);
        let mut writer = Attended::start(launcher, counters, WARM_UP, self.seed)?;
        let done = AtomicBool::new(false);
        let seed = random.u64(..);
        thread::scope(|scope| {
            let follower =
                scope.spawn(|| self.keep_following((engine, told), &source, &options, &done, seed));
            let mut work = || {
                wait(&mut writer, || told.said().bases > 0 || follower.is_finished())?;
                let first = counters.all(self.setting.lanes, Counter::Acknowledged)?;
                wait(&mut writer, || {
                    let now = counters
                        .all(self.setting.lanes, Counter::Acknowledged)
                        .unwrap_or_default();
                    let is_enough = |(now, first): (&u64, &u64)| *now >= first + self.batches;
                    now.iter().zip(&first).all(is_enough) || follower.is_finished()
                })
            };
            let worked = work();
            let ended = writer.end();
            done.store(true, Ordering::Relaxed);
            told.stop();
            let followed = follower.join();
            worked.and(ended)?;
            match followed {
                Ok(outcome) => outcome.map_err(|error| failed("follow the database", &error)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn source(&self, root: &Path) -> Directory {
        let places = self.setting.places(root);
        Directory::new(self.setting.database(root), SourceKind::Hot)
            .with_wal_dir(places.wal_dir)
            .of_other_processes()
    }

    /// Follows until the writer is done, however often the follower dies.
    fn keep_following(
        &self,
        (engine, told): (&BackupEngine, &Told),
        source: &Directory,
        options: &FollowOptions,
        done: &AtomicBool,
        seed: u64,
    ) -> stonekeep::Result<()> {
        let mut random = fastrand::Rng::with_seed(seed);
        loop {
            told.go_on();
            if done.load(Ordering::Relaxed) {
                // The last one sees all that was written, since it looks before it is asked to stop.
                told.stop_at_tick();
            } else if self.restarts {
                told.die_in(random.u64(1..100));
            }
            let is_last = done.load(Ordering::Relaxed);
            match catch_unwind(AssertUnwindSafe(|| engine.follow(source, options, told))) {
                Ok(outcome) => {
                    outcome?;
                    if is_last || !self.restarts {
                        return Ok(());
                    }
                }
                Err(_) if self.restarts => {}
                Err(panic) => std::panic::resume_unwind(panic),
            }
            thread::sleep(Duration::from_millis(random.u64(..30)));
        }
    }
}

fn wait(writer: &mut Attended, is_over: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !is_over() {
        writer.check()?;
        if began.elapsed() > PATIENCE {
            return Err(ProofError::Command {
                command: "follow".to_owned(),
                output: "it takes too long".to_owned(),
            });
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn failed(action: &str, error: &stonekeep::Error) -> ProofError {
    ProofError::Command {
        command: action.to_owned(),
        output: whole(error),
    }
}
