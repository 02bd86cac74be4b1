//! Ends the running verb cleanly on the first signal, the process at once on the second.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The signals that ask for an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What `kill` and service managers send.
    Terminate,
}

impl Signal {
    const ALL: [Signal; 2] = [Signal::Interrupt, Signal::Terminate];

    fn number(self) -> i32 {
        match self {
            Signal::Interrupt => SIGINT,
            Signal::Terminate => SIGTERM,
        }
    }

    /// 128 and the signal's number, as shells report a process that a signal ended.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Signal::Interrupt => 130,
            Signal::Terminate => 143,
        }
    }
}

/// Whether a signal came; clones look at the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt {
    came: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Takes over the signals for the rest of the process. Until this is called they end the process, which is right
    /// for verbs that only look.
    pub(crate) fn install(&self) -> io::Result<()> {
        for signal in Signal::ALL {
            // In this order: the first signal finds the flag down, and raises it; the next one finds it up.
            let code = i32::from(signal.exit_code());
            flag::register_conditional_shutdown(signal.number(), code, Arc::clone(&self.came))?;
            flag::register_usize(
                signal.number(),
                Arc::clone(&self.number),
                signal.number() as usize,
            )?;
            flag::register(signal.number(), Arc::clone(&self.came))?;
        }
        Ok(())
    }

    /// Whether a signal asked for an end.
    pub(crate) fn came(&self) -> bool {
        self.came.load(Ordering::SeqCst)
    }

    /// The signal that asked for an end.
    pub(crate) fn signal(&self) -> Option<Signal> {
        let number = self.number.load(Ordering::SeqCst);
        Signal::ALL
            .into_iter()
            .find(|signal| signal.number() as usize == number)
    }
}
