//! The measured work, done by a program: the command `stonekeep`, or another one.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use super::Done;
use crate::measure::{Figures, measure};
use crate::usage::{Usage, Whose};

/// Starts the program and waits for its end.
pub(super) fn work(command: &Path, arguments: &[OsString], items: u64) -> Result<Done> {
    let ((), figures) = measure(|| {
        let output = Command::new(command)
            .args(arguments)
            .stdout(Stdio::null())
            .output()?;
        ensure!(
            output.status.success(),
            "{} {arguments:?}: {}: {}",
            command.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    })?;
    // The other figures of `measure` are those of this process.
    let usage = Usage::now(Whose::Children);
    // A child begins as a copy of this process: the kernel's peak of one that stays smaller is that of the copy.
    let own_bytes = Usage::now(Whose::Own).peak_bytes;
    let figures = Figures {
        wall_s: figures.wall_s,
        user_s: usage.user.as_secs_f64(),
        system_s: usage.system.as_secs_f64(),
        peak_bytes: Some(usage.peak_bytes)
            .filter(|peak| *peak > own_bytes)
            .unwrap_or(0),
        ..Figures::default()
    };
    Ok(Done { items, figures })
}
