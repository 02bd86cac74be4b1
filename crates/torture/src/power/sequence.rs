//! Runs commands on a disk, and clones the disk at instants in between.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use rustix::fs::syncfs;

use super::disk::{Disk, FileSystem};
use super::stages::Stages;
use super::steps::{Step, keeps_old};
use crate::binary::{Binary, Ended};
use crate::tree;

/// The time of a command that has not been seen yet.
const UNKNOWN: Duration = Duration::from_millis(200);

/// A disk as it was at one instant.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) disk: Disk,
    /// So many commands had reported that they are done before the clone was begun.
    pub(super) done: usize,
    /// The command that was under way.
    pub(super) under_way: Option<Step>,
}

/// How long commands take, as they did last.
#[derive(Debug, Default)]
pub(super) struct Times(HashMap<(FileSystem, std::mem::Discriminant<Step>), Duration>);

/// Directories on a disk.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) root: PathBuf,
    /// Whether restores put WALs elsewhere.
    pub(super) separate_wals: bool,
}

impl Layout {
    pub(super) fn database(&self) -> PathBuf {
        self.root.join("db")
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.root.join("repository")
    }

    pub(super) fn copy(&self) -> PathBuf {
        self.root.join("copy")
    }

    pub(super) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Where WALs are restored to.
    pub(super) fn wals(&self) -> PathBuf {
        self.root.join("wals")
    }

    /// Where this restore puts the old state.
    pub(super) fn old(&self, number: usize) -> PathBuf {
        self.root.join(format!("old-{number}"))
    }

    /// The words of a command; a backup is of this database.
    pub(super) fn words(&self, step: Step, database: &Path) -> Vec<OsString> {
        let mut words: Vec<OsString> = match step {
            Step::Backup => vec!["backup".into(), database.into()],
            Step::Delete(id) => vec!["delete".into(), id.to_string().into()],
            Step::Purge => vec!["purge".into(), "--keep=1".into()],
            Step::Collect => vec!["gc".into(), "--min-age=0s".into()],
            Step::Copy => vec!["copy".into(), "--all".into(), "--to".into(), self.copy().into()],
            Step::Restore { id, number } => self.restore(id, number),
        };
        let from = if step == Step::Copy { "--from" } else { "--repo" };
        words.extend([from.into(), self.repository().into()]);
        words
    }

    fn restore(&self, id: u32, number: usize) -> Vec<OsString> {
        let id = id.to_string().into();
        let mut words = vec!["restore".into(), id, "--to".into(), self.target().into()];
        if keeps_old(number) {
            words.extend(["--keep-old".into(), self.old(number).into()]);
        }
        if self.separate_wals {
            words.extend(["--wal-dir".into(), self.wals().into()]);
        }
        words
    }
}

/// Commands, run on one disk.
pub(super) struct Sequence<'a> {
    pub(super) binary: &'a Binary,
    pub(super) stages: &'a Stages,
    pub(super) disk: Disk,
    pub(super) kind: FileSystem,
    /// The disk, mounted.
    pub(super) layout: Layout,
    /// Gives each clone a file.
    pub(super) clone: &'a dyn Fn(usize) -> PathBuf,
    pub(super) cuts: Vec<Cut>,
}

impl Sequence<'_> {
    /// Runs the commands one after the other, each of which must succeed.
    pub(super) fn run(&mut self, steps: &[Step], times: &mut Times, rng: &mut Rng) -> Result<()> {
        let mut backups = 0;
        for (done, step) in steps.iter().copied().enumerate() {
            let database = self.layout.database();
            if step == Step::Backup {
                drop(fs::remove_dir_all(&database));
                tree::write(&database, &self.stages.databases[backups])?;
                backups += 1;
            }
            let mut words = self.layout.words(step, &database);
            words.extend(any_options(step, rng));
            let known = (self.kind, std::mem::discriminant(&step));
            let usual = times.0.get(&known).copied().unwrap_or(UNKNOWN);
            let began = Instant::now();
            let ended = self.run_one(&words, (done, step), usual, rng);
            let ended = ended.with_context(|| format!("{step:?}"))?;
            ensure!(ended.code == Some(0), "{step:?} fails: {}", ended.told());
            times.0.insert(known, began.elapsed());
            if rng.bool() {
                self.cut(done + 1, None)?;
            }
        }
        Ok(())
    }

    fn run_one(
        &mut self,
        words: &[OsString],
        (done, step): (usize, Step),
        usual: Duration,
        rng: &mut Rng,
    ) -> Result<Ended> {
        let mut instants: Vec<f64> = (0..rng.usize(0..3)).map(|_| rng.f64()).collect();
        instants.sort_by(f64::total_cmp);
        // Sometimes something else writes out what the file system has in memory.
        let written_out = (rng.u8(0..4) == 0).then(|| usual.mul_f64(rng.f64()));
        let directory = File::open(&self.layout.root)?;
        let began = Instant::now();
        let mut child = self
            .binary
            .command(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        thread::scope(|scope| {
            if let Some(after) = written_out {
                scope.spawn(move || {
                    thread::sleep(after);
                    syncfs(&directory)
                });
            }
            for instant in instants {
                thread::sleep(usual.mul_f64(instant).saturating_sub(began.elapsed()));
                if has_succeeded(&mut child)? {
                    self.cut(done + 1, None)?;
                } else {
                    self.cut(done, Some(step))?;
                }
            }
            Ok(Ended::from(child.wait_with_output()?))
        })
    }

    fn cut(&mut self, done: usize, under_way: Option<Step>) -> Result<()> {
        let disk = self.disk.clone_to(&(self.clone)(self.cuts.len()))?;
        self.cuts.push(Cut {
            disk,
            done,
            under_way,
        });
        Ok(())
    }
}

/// Whether it has reported success; it may still run, or have failed.
fn has_succeeded(child: &mut Child) -> Result<bool> {
    let ended = child.try_wait()?;
    Ok(ended.is_some_and(|status| status.success()))
}

/// Options that change how files are written and made durable.
fn any_options(step: Step, rng: &mut Rng) -> Vec<OsString> {
    let mut options = Vec::new();
    if matches!(step, Step::Backup | Step::Restore { .. }) {
        let methods = ["auto", "syncfs", "files"];
        options.push(format!("--sync-method={}", methods[rng.usize(0..3)]).into());
        options.push(format!("--reflink={}", rng.bool()).into());
    }
    if matches!(step, Step::Backup | Step::Restore { .. } | Step::Copy) && rng.bool() {
        options.push("--max-background-operations=1".into());
    }
    options
}
