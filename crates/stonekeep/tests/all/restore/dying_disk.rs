//! A disk that stops working at a chosen step, as if the process had been killed there.

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use stonekeep::engine::restore::{FreeSpace, SystemDisk, TargetDisk, TargetPath};
use stonekeep::store::Durability;
use stonekeep::{Error, Result};

/// Wraps the real disk. Every operation is a step; writing has a second one, when half of the bytes are there. Syncs are
/// steps only: a killed process loses nothing that it has written, and thousands of real ones would take minutes.
#[derive(Debug)]
pub(crate) struct DyingDisk {
    disk: SystemDisk,
    dies_at: usize,
    dies_before: Option<String>,
    free_bytes: Option<u64>,
    steps: Mutex<Vec<String>>,
}

impl DyingDisk {
    /// Dies before this step, counted from 1: nothing works any more, and what was done stays.
    pub(crate) fn new(dies_at: usize) -> Self {
        DyingDisk {
            disk: SystemDisk::new(NonZeroUsize::new(1 << 16).unwrap()),
            dies_at,
            dies_before: None,
            free_bytes: None,
            steps: Mutex::default(),
        }
    }

    /// Has no more room than this, by its own account.
    pub(crate) fn with_free_bytes(mut self, free_bytes: Option<u64>) -> Self {
        self.free_bytes = free_bytes;
        self
    }

    /// Dies before the first step of this name.
    pub(crate) fn before(step: &str) -> Self {
        DyingDisk {
            dies_before: Some(step.to_owned()),
            ..DyingDisk::immortal()
        }
    }

    /// Only writes down what is done.
    pub(crate) fn immortal() -> Self {
        DyingDisk::new(usize::MAX)
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dies_after(&self.lock())
    }

    fn dies_after(&self, steps: &[String]) -> bool {
        steps.len() >= self.dies_at
            || (self.dies_before.is_some() && steps.last() == self.dies_before.as_ref())
    }

    /// The steps, the one that was not done included.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.steps.lock().unwrap()
    }

    fn step(&self, name: &str, at: &TargetPath) -> Result<()> {
        let key = at.key().map_or(".", |key| key.as_str());
        self.step_named(format!("{name} {key}"))
    }

    fn step_named(&self, step: String) -> Result<()> {
        let mut steps = self.lock();
        if !self.dies_after(&steps) {
            steps.push(step);
        }
        match self.dies_after(&steps) {
            false => Ok(()),
            true => Err(Error::io("killed", io::Error::other("killed"))),
        }
    }
}

impl TargetDisk for DyingDisk {
    fn make_directory(&self, at: &TargetPath) -> Result<()> {
        self.step("mkdir", at)?;
        self.disk.make_directory(at)
    }

    fn write(
        &self,
        at: &TargetPath,
        content: &mut dyn Read,
        expected_bytes: u64,
        _: Durability,
    ) -> Result<u64> {
        self.step("write", at)?;
        if let Err(killed) = self.step("write the rest of", at) {
            let mut half = content.take(expected_bytes / 2);
            self.disk
                .write(at, &mut half, expected_bytes, Durability::Buffered)?;
            return Err(killed);
        }
        self.disk.write(at, content, expected_bytes, Durability::Buffered)
    }

    fn duplicate(&self, from: &TargetPath, to: &TargetPath, _: Durability) -> Result<()> {
        self.step("duplicate", to)?;
        self.disk.duplicate(from, to, Durability::Buffered)
    }

    fn rename(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
        self.step("rename to", to)?;
        self.disk.rename(from, to)
    }

    fn replace(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
        self.step("replace", to)?;
        self.disk.replace(from, to)
    }

    fn remove(&self, at: &TargetPath) -> Result<()> {
        self.step("remove", at)?;
        self.disk.remove(at)
    }

    fn remove_directory(&self, at: &TargetPath) -> Result<()> {
        self.step("rmdir", at)?;
        self.disk.remove_directory(at)
    }

    /// One step however many they are, that names them all. Names are to be synced by themselves.
    fn sync_files(&self, files: &[TargetPath]) -> Result<bool> {
        let names = files.iter().filter_map(|at| Some(at.key()?.as_str()));
        self.step_named(format!("sync {}", names.collect::<Vec<_>>().join(" ")))?;
        Ok(false)
    }

    fn free_space(&self, directory: &Path) -> Result<FreeSpace> {
        let space = self.disk.free_space(directory)?;
        Ok(FreeSpace {
            free_bytes: self.free_bytes.unwrap_or(space.free_bytes),
            ..space
        })
    }

    fn sync_directory(&self, at: &TargetPath) -> Result<()> {
        self.step("sync names of", at)
    }
}
