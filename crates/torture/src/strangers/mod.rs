//! The real command on what is made to hurt: repositories, databases and targets of strangers.
//!
//! A trial takes a small repository with its database, of this crate's own or of a real engine, and changes one to four things in a
//! hostile way: links, FIFOs, sockets, devices, names, modes, sizes, numbers, paths, thousands of entries, compressed blocks that expand
//! without end. Where something has a checksum, it mostly gets the right one. Then two to four commands run on it, half of the
//! trials as a plain user. Each of them must
//! - end by itself; what would read a file of terabytes is asked to end (SIGTERM), and must do so;
//! - end with a documented exit code, without panic or signal;
//! - print nothing that moves a terminal's cursor, and one JSON document if it was asked for JSON;
//! - take at most 64 MiB of memory;
//! - change nothing but what it is there to change: everything else is compared, to the last attribute;
//! - restore files and directories only.
//!
//! The seed decides about everything but what threads do first.

mod acts;
mod judge;
mod measured;
mod origin;
mod shot;
mod site;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use fastrand::Rng;
use tempfile::TempDir;

use self::acts::Ground;
use self::judge::Before;
use self::measured::How;
pub use self::measured::{WORD, between};
use self::origin::Origin;
use self::site::Site;
use self::words::Line;
use crate::binary::{Binary, NEEDED};
use crate::budget::{Budget, Report};

/// The plain user: nobody's.
const NOBODY: u32 = 65_534;
/// So many trials at the same time, since commands wait.
const TOGETHER: usize = 2;
/// After this a command does not end.
const PATIENCE: Duration = Duration::from_secs(120);
/// When a command is asked to end that may read a file of terabytes.
const READING: Duration = Duration::from_secs(2);

/// Why there can be no trials here.
pub fn obstacle() -> Option<String> {
    Binary::find().is_none().then(|| NEEDED.to_owned())
}

/// Runs so many trials. `torture` is the program of this crate, which measures the memory of commands.
pub fn run(budget: Budget, torture: &Path) -> Report {
    match Strangers::new(torture) {
        Ok(strangers) => budget.run_together(TOGETHER, |seed, report| strangers.trial(seed, report)),
        Err(error) => Report::of_failure(&error),
    }
}

/// What all trials have in common.
struct Strangers {
    origins: Vec<Origin>,
    torture: PathBuf,
    command: PathBuf,
    is_root: bool,
    /// With a copy of the command that every user can run.
    _programs: TempDir,
}

impl Strangers {
    fn new(torture: &Path) -> Result<Self> {
        let binary = Binary::find().context(NEEDED)?;
        let is_root = rustix::process::geteuid().is_root();
        let programs = tempfile::tempdir()?;
        let mut command = binary.path().to_owned();
        if is_root && !runs_as(NOBODY, &command) {
            let everyone: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(programs.path(), everyone)?;
            let copy = programs.path().join("stonekeep");
            fs::copy(&command, &copy)?;
            command = copy;
            anyhow::ensure!(
                runs_as(NOBODY, &command),
                "no plain user can run {}",
                command.display()
            );
        }
        Ok(Strangers {
            origins: origin::all()?,
            torture: torture.to_owned(),
            command,
            is_root,
            _programs: programs,
        })
    }

    fn trial(&self, seed: u64, report: &mut Report) -> Result<()> {
        let mut rng = Rng::with_seed(seed);
        let origin = &self.origins[rng.usize(0..self.origins.len())];
        let site = Site::lay(origin)?;
        let is_plain = rng.bool();
        let user = (self.is_root && is_plain).then_some(NOBODY);
        let mut ground = Ground {
            site: &site,
            rng: &mut rng,
            is_root: self.is_root,
            is_endless: false,
        };
        let mut done = Vec::new();
        for _ in 0..ground.rng.u8(1..5) {
            match acts::any(&mut ground) {
                Some(what) => done.push(what),
                None => report.count("what could not be done after something else"),
            }
        }
        let is_endless = ground.is_endless;
        if let Some(user) = user {
            site.give_to(user)?;
        }
        report.count(format!(
            "on {}, as {}",
            origin.name,
            if user.is_some() {
                "a plain user"
            } else {
                "the user itself"
            }
        ));
        let mut run = || -> Result<()> {
            for _ in 0..rng.u8(2..5) {
                let line = words::any(&mut rng, &site);
                self.command(&site, &line, user, is_endless, report)?;
            }
            Ok(())
        };
        run().with_context(|| format!("on {}, as {user:?}, with {}", origin.name, done.join("; ")))
    }

    fn command(
        &self,
        site: &Site,
        line: &Line,
        user: Option<u32>,
        is_endless: bool,
        report: &mut Report,
    ) -> Result<()> {
        let before = Before::of(site, line)?;
        let how = How {
            user,
            ask_after: is_endless.then_some(READING),
            patience: PATIENCE,
        };
        let report_file = site.report();
        let temporary = site.temporary();
        let ran = measured::run(
            &self.torture,
            &report_file,
            how,
            &self.command,
            &line.words,
            &temporary,
        )?;
        report.count(format!("exit code {} of {}", ran.code.unwrap_or(-1), line.name));
        report.measure(format!("KiB of {}", line.name), ran.peak_kib);
        let checked = judge::check(&ran, line, is_endless).and_then(|()| before.check(site, line));
        checked.with_context(|| {
            let words: Vec<_> = line.words.iter().map(|word| word.to_string_lossy()).collect();
            format!("stonekeep {}", words.join(" "))
        })
    }
}

/// Whether another user can run the command.
fn runs_as(user: u32, command: &Path) -> bool {
    use std::os::unix::process::CommandExt as _;
    let mut run = Command::new(command);
    run.arg("version").uid(user).gid(user);
    run.output().is_ok_and(|output| output.status.success())
}
