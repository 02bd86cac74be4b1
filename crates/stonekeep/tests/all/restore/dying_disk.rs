//! A target whose process is killed at a chosen step.

use std::fs::OpenOptions;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::sync::Arc;

use stonekeep::Result;
use stonekeep::engine::restore::{TargetDisk, TargetHook, TargetOperation, TargetPath};
use stonekeep_testkit::faults::Faults;

/// The real disk with faults. Every operation is a step; writing has a second one, when half of the bytes are there. Syncs
/// are steps only: a killed process loses nothing that it has written, and thousands of real ones would take minutes.
#[derive(Debug)]
pub(crate) struct DyingDisk {
    disk: TargetDisk,
    hook: Arc<Hook>,
}

#[derive(Debug)]
struct Hook {
    faults: Faults,
    free_bytes: Option<u64>,
}

impl DyingDisk {
    /// Dies before this step, counted from 1: nothing works any more, and what was done stays.
    pub(crate) fn new(dies_at: usize) -> Self {
        DyingDisk::with(Faults::kill_at(dies_at), None)
    }

    /// Dies before the first step of this name.
    pub(crate) fn before(step: &str) -> Self {
        DyingDisk::with(Faults::kill_before(step), None)
    }

    /// Only writes down what is done.
    pub(crate) fn immortal() -> Self {
        DyingDisk::with(Faults::none(), None)
    }

    /// With these faults, and no more room than this.
    pub(crate) fn with(faults: Faults, free_bytes: Option<u64>) -> Self {
        let hook = Arc::new(Hook { faults, free_bytes });
        let disk = TargetDisk::new(NonZeroUsize::new(1 << 16).unwrap());
        DyingDisk {
            disk: disk.with_hook(hook.clone()),
            hook,
        }
    }

    /// Leaves syncs out.
    pub(crate) fn with_sync(mut self, sync: bool) -> Self {
        self.disk = self.disk.with_sync(sync);
        self
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.hook.faults.is_dead()
    }

    /// The steps, the one that was not done included.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.hook.faults.steps()
    }
}

impl Deref for DyingDisk {
    type Target = TargetDisk;

    fn deref(&self) -> &TargetDisk {
        &self.disk
    }
}

/// What an operation does, and to which place, by its path below a root.
pub(crate) fn step(operation: TargetOperation<'_>) -> (&'static str, &TargetPath) {
    match operation {
        TargetOperation::MakeDirectory(at) => ("mkdir", at),
        TargetOperation::Write { at, .. } => ("write", at),
        TargetOperation::Duplicate { to, .. } => ("duplicate", to),
        TargetOperation::Rename { to, .. } => ("rename to", to),
        TargetOperation::Replace { to, .. } => ("replace", to),
        TargetOperation::Remove(at) => ("remove", at),
        TargetOperation::RemoveDirectory(at) => ("rmdir", at),
        TargetOperation::SyncDirectory(at) => ("sync names of", at),
        _ => panic!("{operation:?} is not known"),
    }
}

pub(crate) fn key(at: &TargetPath) -> &str {
    at.key().map_or(".", |key| key.as_str())
}

impl TargetHook for Hook {
    fn run(&self, operation: TargetOperation<'_>, act: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let (name, at) = step(operation);
        self.faults.step(format!("{name} {}", key(at)))?;
        match operation {
            TargetOperation::Write { .. } => {
                let rest = self.faults.step(format!("write the rest of {}", key(at)));
                act()?;
                rest.map_err(|stop| {
                    // A clone that the file system cannot make has left no file.
                    if at.path().exists() {
                        let file = OpenOptions::new().write(true).open(at.path()).unwrap();
                        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
                    }
                    stop.error
                })
            }
            TargetOperation::SyncDirectory(_) => Ok(()),
            _ => act(),
        }
    }

    /// One step however many they are, that names them all. Names are to be synced by themselves.
    fn sync_files(&self, files: &[TargetPath], _: &mut dyn FnMut() -> Result<bool>) -> Result<bool> {
        let names: Vec<&str> = files.iter().map(key).collect();
        self.faults.step(format!("sync {}", names.join(" ")))?;
        Ok(false)
    }

    fn free_bytes(&self, on_disk: u64) -> u64 {
        self.free_bytes.unwrap_or(on_disk)
    }
}
