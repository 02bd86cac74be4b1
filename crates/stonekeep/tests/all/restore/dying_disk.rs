//! A disk that stops working at a chosen step, as if the process had been killed there.

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;

use stonekeep::Result;
use stonekeep::engine::restore::{FreeSpace, SystemDisk, TargetDisk, TargetPath};
use stonekeep::store::Durability;
use stonekeep_testkit::faults::Faults;

/// Wraps the real disk. Every operation is a step; writing has a second one, when half of the bytes are there. Syncs are
/// steps only: a killed process loses nothing that it has written, and thousands of real ones would take minutes.
#[derive(Debug)]
pub(crate) struct DyingDisk {
    disk: SystemDisk,
    faults: Faults,
    free_bytes: Option<u64>,
}

impl DyingDisk {
    /// Dies before this step, counted from 1: nothing works any more, and what was done stays.
    pub(crate) fn new(dies_at: usize) -> Self {
        DyingDisk::with(Faults::kill_at(dies_at))
    }

    /// Dies before the first step of this name.
    pub(crate) fn before(step: &str) -> Self {
        DyingDisk::with(Faults::kill_before(step))
    }

    /// Only writes down what is done.
    pub(crate) fn immortal() -> Self {
        DyingDisk::with(Faults::none())
    }

    fn with(faults: Faults) -> Self {
        DyingDisk {
            disk: SystemDisk::new(NonZeroUsize::new(1 << 16).unwrap()),
            faults,
            free_bytes: None,
        }
    }

    /// Has no more room than this, by its own account.
    pub(crate) fn with_free_bytes(mut self, free_bytes: Option<u64>) -> Self {
        self.free_bytes = free_bytes;
        self
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.faults.is_dead()
    }

    /// The steps, the one that was not done included.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.faults.steps()
    }

    fn step(&self, name: &str, at: &TargetPath) -> Result<()> {
        let key = at.key().map_or(".", |key| key.as_str());
        Ok(self.faults.step(format!("{name} {key}"))?)
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
        self.faults
            .step(format!("sync {}", names.collect::<Vec<_>>().join(" ")))?;
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
