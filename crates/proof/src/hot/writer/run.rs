//! The main loop of the writing process.

use std::io::Read as _;
use std::thread;

use super::{Writer, ordinary, two_phase};
use crate::hot::history::Work;
use crate::{ProofError, Result};

impl Writer {
    /// Writes until the standard input ends: the parent process holds the other end until it ends or drops it.
    ///
    /// # Errors
    /// RocksDB's; that what it had acknowledged is gone when it is opened again.
    pub fn run(&self) -> Result<()> {
        thread::scope(|scope| {
            // Reading blocks; if the writing fails, the process must not wait for it.
            let writing = scope.spawn(|| {
                let ended = match self.setting.work {
                    Work::TwoPhase => two_phase::run(self),
                    _ => ordinary::run(self),
                };
                if let Err(error) = &ended {
                    fail(error);
                }
            });
            let mut nothing = Vec::new();
            let _ = std::io::stdin().read_to_end(&mut nothing);
            self.stop();
            let _ = writing.join();
        });
        Ok(())
    }
}

/// Ends the process: the parent process reads the reason from its standard error.
#[expect(
    clippy::print_stderr,
    reason = "the process has no other way to say what went wrong"
)]
fn fail(error: &ProofError) -> ! {
    let source = std::error::Error::source(error).map(ToString::to_string);
    eprintln!("the writer failed: {error}: {}", source.unwrap_or_default());
    std::process::exit(1);
}
