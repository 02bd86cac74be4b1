//! A disk that stops working at a chosen step, as if the process had been killed there.

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard};

use stonekeep::engine::restore::{SystemDisk, TargetDisk, TargetPath};
use stonekeep::store::Durability;
use stonekeep::{Error, Result};

/// Wraps the real disk. Every operation is a step; writing has a second one, when half of the bytes are there. Syncs are
/// steps only: a killed process loses nothing that it has written, and thousands of real ones would take minutes.
#[derive(Debug)]
pub(crate) struct DyingDisk {
    disk: SystemDisk,
    dies_at: usize,
    steps: Mutex<Vec<String>>,
}

impl DyingDisk {
    /// Dies before this step, counted from 1: nothing works any more, and what was done stays.
    pub(crate) fn new(dies_at: usize) -> Self {
        DyingDisk {
            disk: SystemDisk::new(NonZeroUsize::new(1 << 16).unwrap()),
            dies_at,
            steps: Mutex::default(),
        }
    }

    /// Only writes down what is done.
    pub(crate) fn immortal() -> Self {
        DyingDisk::new(usize::MAX)
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.lock().len() >= self.dies_at
    }

    /// The steps, the one that was not done included.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.steps.lock().unwrap()
    }

    fn step(&self, name: &str, at: &TargetPath) -> Result<()> {
        let mut steps = self.lock();
        if steps.len() < self.dies_at {
            let key = at.key().map_or(".", |key| key.as_str());
            steps.push(format!("{name} {key}"));
        }
        match steps.len() < self.dies_at {
            true => Ok(()),
            false => Err(Error::io("killed", io::Error::other("killed"))),
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

    fn sync_file(&self, at: &TargetPath) -> Result<()> {
        self.step("sync", at)
    }

    fn sync_directory(&self, at: &TargetPath) -> Result<()> {
        self.step("sync names of", at)
    }
}
