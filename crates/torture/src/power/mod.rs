//! Power failures on real file systems: the disk of a running command is cloned at one instant, and the clone is mounted.
//!
//! A trial makes a file system (ext4, XFS, btrfs) in a file, mounts it, and runs the real command on it ten times: backups of a
//! database that changes, deletions, purges, collections, copies, and restores into a new directory and over what is there. Repositories,
//! database and target are on this disk. The file lies on a file system that clones files: a clone has all that the disk had taken at one
//! instant, and nothing that the mounted file system still had in memory. Clones are made at random instants of a command, and right
//! after a command has reported success. When the disk is unmounted, each clone is mounted, by which the file system replays its
//! journal, and then
//! - what was reported as done before the clone was begun is there, and what the command under way would have left is there or not;
//! - `verify` of each repository finds nothing, and each backup restores bit for bit;
//! - the target has its state from before, or the new one, or RocksDB does not open it, and only while a restore is under way;
//! - the same command and a further backup succeed; an interrupted restore may be aborted before;
//! - a collection leaves nothing that no backup needs.
//!
//! The seed decides about file system, commands, options, and which part of the usual time of a command passes before the clone. The
//! instant is not the same each time, so the disk of a trial that fails is kept in the temporary directory. A disk that loses or reorders writes that it has taken and not been told to flush is not simulated.
//!
//! Mounts need root. They go at the end of a trial; those of a run that was killed are taken away by the next one.

mod disk;
mod ground;
mod judge;
mod sequence;
mod stages;
mod steps;

use anyhow::{Context as _, Result};
use fastrand::Rng;

use self::disk::{Disk, FileSystem};
use self::ground::Ground;
use self::judge::Judge;
use self::sequence::{Cut, Layout, Sequence, Times};
use self::stages::Stages;
use self::steps::{State, Step};
use crate::binary::{Binary, NEEDED};
use crate::budget::{Budget, Report};

/// What a trial needs beside the command.
struct Tools {
    binary: Binary,
    stages: Stages,
    ground: Ground,
}

impl Tools {
    fn find() -> Result<Self> {
        Ok(Tools {
            binary: Binary::find().context(NEEDED)?,
            ground: Ground::new()?,
            stages: Stages::make()?,
        })
    }
}

/// Why there can be no trials here: each file system is made and mounted once.
pub fn obstacle() -> Option<String> {
    if Binary::find().is_none() {
        return Some(NEEDED.to_owned());
    }
    if !rustix::process::geteuid().is_root() {
        return Some("needs root, to mount disks".to_owned());
    }
    let tried = Ground::new().and_then(|ground| {
        for kind in FileSystem::ALL {
            let disk = Disk::make(&ground.disk(kind.name()), kind)?;
            let mounted = disk.mount(&ground.directory(kind.name()), "defaults")?;
            mounted.unmount()?;
            disk.remove()?;
        }
        Ok(())
    });
    tried
        .err()
        .map(|error| format!("no file system can be mounted here: {error:#}"))
}

/// How much of each trial is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// The first commands, and few clones, for a test.
    Brief,
}

impl Extent {
    fn commands(self) -> usize {
        match self {
            Extent::Whole => 10,
            Extent::Brief => 4,
        }
    }

    fn clones(self) -> usize {
        match self {
            Extent::Whole => usize::MAX,
            Extent::Brief => 2,
        }
    }
}

/// Runs so many trials.
pub fn run(budget: Budget, extent: Extent) -> Report {
    match Tools::find() {
        Err(error) => Report::of_failure(&error),
        Ok(tools) => {
            let mut times = Times::default();
            budget.run(|seed, report| trial(&tools, &mut times, (seed, extent), report))
        }
    }
}

fn trial(tools: &Tools, times: &mut Times, (seed, extent): (u64, Extent), report: &mut Report) -> Result<()> {
    let mut rng = Rng::with_seed(seed);
    // Each in turn, so that a short run has all of them.
    let kind = FileSystem::ALL[(seed % 3) as usize];
    let mount_options = kind.options()[rng.usize(0..kind.options().len())];
    let (steps, states) = steps::any(extent.commands(), &mut rng);
    let separate_wals = rng.u8(0..3) == 0;
    let what = || format!("{} with {mount_options}", kind.name());
    let mut cuts = cut(
        tools,
        times,
        (kind, mount_options, separate_wals),
        &steps,
        &mut rng,
    )
    .with_context(what)?;
    rng.shuffle(&mut cuts);
    cuts.truncate(extent.clones());
    for (number, cut) in cuts.into_iter().enumerate() {
        let doing = match cut.under_way {
            None => format!("{}: right after success", kind.name()),
            Some(_) => format!("{}: during a command", kind.name()),
        };
        let untouched = cut.disk.clone_to(&tools.ground.disk("untouched"))?;
        let checked = check(tools, (&cut, separate_wals), &states, &mut rng);
        checked.with_context(|| {
            let kept = std::env::temp_dir().join(format!("power-{seed}-{number}.disk"));
            let is_kept = untouched.copy_to(&kept).map(|()| kept);
            let (done, doing) = (cut.done, cut.under_way);
            format!(
                "{}: {done} commands done of {steps:?}, {doing:?} under way, disk: {is_kept:?}",
                what()
            )
        })?;
        cut.disk.remove()?;
        untouched.remove()?;
        report.count("power failures");
        report.count(doing);
    }
    Ok(())
}

/// Runs the commands, and yields the disk at several instants.
fn cut(
    tools: &Tools,
    times: &mut Times,
    (kind, mount_options, separate_wals): (FileSystem, &str, bool),
    steps: &[Step],
    rng: &mut Rng,
) -> Result<Vec<Cut>> {
    let ground = &tools.ground;
    ground.remove_disks()?;
    let disk = Disk::make(&ground.disk("disk"), kind)?;
    let mounted = disk.mount(&ground.directory("mounted"), mount_options)?;
    let mut sequence = Sequence {
        binary: &tools.binary,
        stages: &tools.stages,
        disk,
        kind,
        layout: Layout {
            root: mounted.path().to_owned(),
            separate_wals,
        },
        clone: &|number| ground.disk(&format!("clone-{number}")),
        cuts: Vec::new(),
    };
    sequence.run(steps, times, rng)?;
    mounted.unmount()?;
    let Sequence { disk, cuts, .. } = sequence;
    disk.remove()?;
    Ok(cuts)
}

/// Mounts the disk, and judges what is on it.
fn check(tools: &Tools, (cut, separate_wals): (&Cut, bool), states: &[State], rng: &mut Rng) -> Result<()> {
    let mounted = cut.disk.mount(&tools.ground.directory("mounted"), "defaults");
    let mounted = mounted.context("the file system does not mount")?;
    let judge = Judge {
        binary: &tools.binary,
        stages: &tools.stages,
        layout: Layout {
            root: mounted.path().to_owned(),
            separate_wals,
        },
        before: &states[cut.done],
        under_way: cut.under_way.map(|step| (step, &states[cut.done + 1])),
    };
    judge.check(rng)?;
    mounted.unmount()
}
