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
    // The other figures of `measure` are those of this process. A child begins in its memory: the kernel's peak of a
    // program that stays smaller is that of this one.
    let usage = Usage::now(Whose::Children);
    let peak_bytes = Some(usage.peak_bytes).filter(|peak| *peak > figures.peak_bytes);
    let figures = Figures {
        wall_s: figures.wall_s,
        user_s: usage.user.as_secs_f64(),
        system_s: usage.system.as_secs_f64(),
        peak_bytes: peak_bytes.unwrap_or(0),
        ..Figures::default()
    };
    Ok(Done { items, figures })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_its_own_memory_and_must_end_well() {
        let work = |script: &str| work(Path::new("/bin/sh"), &["-c".into(), script.into()], 3);
        // The shell holds a word of 150 MB.
        let done = work("x=$(head -c 150000000 /dev/zero | tr '\\0' x); test ${#x} = 150000000").unwrap();
        assert_eq!(done.items, 3);
        assert!(done.figures.wall_s > 0.0, "{done:?}");
        assert!(done.figures.peak_bytes >= 150_000_000, "{done:?}");
        let error = work("echo why >&2; exit 3").unwrap_err();
        assert!(error.to_string().contains("why"), "{error}");
    }
}
