//! Ends the running verb cleanly on the first signal, the process at once on the second.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

/// The signals that ask for an end: Ctrl-C; what `kill` and service managers send; the terminal is gone, as when a
/// connection over ssh breaks.
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// 128 and the signal's number, as shells report a process that a signal ended.
pub(crate) fn exit_code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// Makes a write beyond the limit on the length of a file (`ulimit -f`) an error of that write. Otherwise the signal that
/// comes with it ends the process.
pub(crate) fn survive_long_files() {
    // Where that cannot be done, the process ends as it would have.
    let _ = flag::register(SIGXFSZ, Arc::default());
}

/// Whether a signal came; clones look at the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt {
    came: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
    is_installed: Arc<AtomicBool>,
}

/// That of the process, whose signals there is one of.
static OF_PROCESS: LazyLock<Interrupt> = LazyLock::new(Interrupt::default);

impl Interrupt {
    /// That of this process.
    pub(crate) fn of_process() -> Self {
        OF_PROCESS.clone()
    }

    /// Takes over the signals for the rest of the process. Until this is called they end the process, which is right
    /// for verbs that only look. Called again, it does nothing: with two handlers, the first signal would be the second one of one
    /// of them.
    pub(crate) fn install(&self) -> io::Result<()> {
        if self.is_installed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        // A process that `nohup` started is to go on when the terminal is gone.
        let wanted = |signal: &i32| *signal != SIGHUP || !is_ignored(SIGHUP);
        for signal in SIGNALS.into_iter().filter(wanted) {
            // In this order: the first signal finds the flag down, and raises it; the next one finds it up.
            flag::register_conditional_shutdown(signal, exit_code(signal).into(), Arc::clone(&self.came))?;
            flag::register_usize(signal, Arc::clone(&self.number), signal as usize)?;
            flag::register(signal, Arc::clone(&self.came))?;
        }
        Ok(())
    }

    /// Whether a signal asked for an end.
    pub(crate) fn came(&self) -> bool {
        self.came.load(Ordering::SeqCst)
    }

    /// The signal that asked for an end.
    pub(crate) fn signal(&self) -> Option<i32> {
        let number = self.number.load(Ordering::SeqCst);
        SIGNALS.into_iter().find(|signal| *signal as usize == number)
    }
}

/// Whether this process was started with the signal ignored, as far as `/proc` shows.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
