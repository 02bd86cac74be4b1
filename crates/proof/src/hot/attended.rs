//! A writer process that is killed and restarted as its setting says.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::counters::Counters;
use super::process::{Launcher, WriterProcess};
use crate::Result;

/// For how long a writer may write before it is killed, in milliseconds.
const LIFE_MS: std::ops::Range<u64> = 50..500;
/// For how long there is none after that, in milliseconds.
const PEACE_MS: std::ops::Range<u64> = 0..20;

/// See the [module](self).
pub(crate) struct Attended {
    writer: Arc<Mutex<Option<WriterProcess>>>,
    killer: Option<Killer>,
}

struct Killer {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Attended {
    /// Starts a writer and waits for its first batches.
    pub(crate) fn start(launcher: Launcher, counters: &Counters, batches: u64, seed: u64) -> Result<Self> {
        let mut writer = launcher.start()?;
        writer.wait_for(counters, launcher.setting.lanes, batches)?;
        let writer = Arc::new(Mutex::new(Some(writer)));
        let killer = launcher.setting.killed.then(|| {
            let stopped = Arc::new(AtomicBool::new(false));
            let (theirs, stop) = (writer.clone(), stopped.clone());
            let thread = thread::spawn(move || kill_again_and_again(&launcher, &theirs, &stop, seed));
            Killer { stopped, thread }
        });
        Ok(Self { writer, killer })
    }

    /// That all is well.
    pub(crate) fn check(&mut self) -> Result<()> {
        if self
            .killer
            .as_ref()
            .is_some_and(|killer| killer.thread.is_finished())
        {
            return self.stop_killing();
        }
        match lock(&self.writer).as_mut() {
            Some(writer) => writer.check(),
            None => Ok(()),
        }
    }

    /// Lets the writer close its database.
    pub(crate) fn end(mut self) -> Result<()> {
        self.stop_killing()?;
        let writer = lock(&self.writer).take();
        writer.map_or(Ok(()), WriterProcess::end)
    }

    fn stop_killing(&mut self) -> Result<()> {
        let Some(killer) = self.killer.take() else {
            return Ok(());
        };
        killer.stopped.store(true, Ordering::Relaxed);
        match killer.thread.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        if let Some(killer) = &self.killer {
            killer.stopped.store(true, Ordering::Relaxed);
        }
    }
}

fn kill_again_and_again(
    launcher: &Launcher,
    writer: &Mutex<Option<WriterProcess>>,
    stopped: &AtomicBool,
    seed: u64,
) -> Result<()> {
    let mut random = fastrand::Rng::with_seed(seed);
    while !stopped.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(random.u64(LIFE_MS)));
        let killed = lock(writer).take().map(WriterProcess::kill);
        killed.unwrap_or(Ok(()))?;
        thread::sleep(Duration::from_millis(random.u64(PEACE_MS)));
        *lock(writer) = Some(launcher.start()?);
    }
    Ok(())
}

fn lock(writer: &Mutex<Option<WriterProcess>>) -> MutexGuard<'_, Option<WriterProcess>> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}
