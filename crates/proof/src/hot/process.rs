//! Starts, kills and ends writer processes.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::counters::{Counter, Counters};
use super::journal::Journal;
use super::settings::Setting;
use crate::{ProofError, Result};

/// How long a writer may take for its first batches, and for its end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a writer's counters are.
pub(super) fn counters_path(root: &Path) -> PathBuf {
    root.join("counters")
}

/// How writers are started.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The program that becomes a writer when its first argument is `writer`.
    pub program: PathBuf,
    /// The kind of database.
    pub setting: &'static Setting,
    /// Where database and counters are.
    pub root: PathBuf,
    /// What the values derive from.
    pub seed: u64,
}

impl Launcher {
    /// Makes a writer's surroundings: a new directory for its database, and its counters.
    ///
    /// # Errors
    /// The file system's.
    pub fn prepare(&self) -> Result<Counters> {
        let database = self.setting.database(&self.root);
        std::fs::create_dir_all(&database).map_err(ProofError::io(&database))?;
        if self.setting.journal {
            Journal::create(&self.root)?;
        }
        Counters::create(&counters_path(&self.root), self.setting.lanes)
    }

    /// Starts a writer.
    ///
    /// # Errors
    /// The program cannot be run.
    pub fn start(&self) -> Result<WriterProcess> {
        let complaints = self.root.join("writer-errors");
        let stderr = File::create(&complaints).map_err(ProofError::io(&complaints))?;
        let child = Command::new(&self.program)
            .arg("writer")
            .arg(self.setting.name)
            .arg(&self.root)
            .arg(self.seed.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .map_err(ProofError::io(&self.program))?;
        Ok(WriterProcess { child, complaints })
    }
}

/// A process that writes until this is dropped, killed or ended.
#[derive(Debug)]
pub struct WriterProcess {
    child: Child,
    complaints: PathBuf,
}

impl WriterProcess {
    /// Waits until every lane has so many batches acknowledged.
    ///
    /// # Errors
    /// The writer's own, if it ends; that it takes too long.
    pub fn wait_for(&mut self, counters: &Counters, lanes: usize, batches: u64) -> Result<()> {
        let begin = Instant::now();
        loop {
            let acknowledged = counters.all(lanes, Counter::Acknowledged)?;
            if acknowledged.iter().all(|number| *number >= batches) {
                return Ok(());
            }
            self.check()?;
            if begin.elapsed() > PATIENCE {
                return Err(self.failure(&format!("it wrote {acknowledged:?} of {batches} batches")));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// That it is at work.
    ///
    /// # Errors
    /// The writer's own, if it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.failure(&status.to_string())),
            Err(error) => Err(self.failure(&error.to_string())),
        }
    }

    /// Kills it with SIGKILL, wherever it is.
    ///
    /// # Errors
    /// It had ended by itself.
    pub fn kill(mut self) -> Result<()> {
        self.check()?;
        self.child
            .kill()
            .map_err(|error| self.failure(&error.to_string()))?;
        self.ended().map(drop)
    }

    /// Lets it close its database and waits for its end.
    ///
    /// # Errors
    /// The writer's own.
    pub fn end(mut self) -> Result<()> {
        self.check()?;
        drop(self.child.stdin.take());
        let status = self.ended()?;
        if status.success() {
            Ok(())
        } else {
            Err(self.failure(&status.to_string()))
        }
    }

    fn ended(&mut self) -> Result<ExitStatus> {
        self.child
            .wait()
            .map_err(|error| self.failure(&error.to_string()))
    }

    fn failure(&self, what: &str) -> ProofError {
        let mut output = what.to_owned();
        let mut said = String::new();
        if let Ok(mut file) = File::open(&self.complaints) {
            let _ = file.read_to_string(&mut said);
        }
        if !said.is_empty() {
            let _ = write!(output, ": {}", said.trim_end());
        }
        ProofError::Command {
            command: "writer".to_owned(),
            output,
        }
    }
}

impl Drop for WriterProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
