//! The measured work as the command `stonekeep` does it.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use super::Done;
use crate::measure::{Figures, measure};
use crate::usage::{Usage, Whose};

/// Starts the command and waits for its end.
pub(super) fn work(command: &Path) -> Result<Done> {
    let ((), figures) = measure(|| {
        let status = Command::new(command)
            .arg("--version")
            .stdout(Stdio::null())
            .status()?;
        if !status.success() {
            bail!("{} --version: {status}", command.display());
        }
        Ok(())
    })?;
    // The rest of the figures is this process's own, not the command's; so would be the peak that the kernel has for
    // children, since a child begins as a copy of this process.
    let usage = Usage::now(Whose::Children);
    let figures = Figures {
        wall_s: figures.wall_s,
        user_s: usage.user.as_secs_f64(),
        system_s: usage.system.as_secs_f64(),
        ..Figures::default()
    };
    Ok(Done { items: 1, figures })
}
