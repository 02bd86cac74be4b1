//! Measures the costs of a process: time, processor time, memory, bytes.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};

use crate::usage::{Usage, Whose};

/// Looked for when the work begins: the count of system calls begins there.
pub(crate) const BEGIN: &str = "stonekeep-bench/begin";
/// Looked for when the work has ended.
pub(crate) const END: &str = "stonekeep-bench/end";

/// The costs of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Seconds from begin to end.
    pub(crate) wall_s: f64,
    /// Processor seconds of all threads outside the kernel.
    pub(crate) user_s: f64,
    /// Processor seconds of all threads inside the kernel.
    pub(crate) system_s: f64,
    /// The most memory that was resident at the same time, the program's own pages among it.
    pub(crate) peak_bytes: u64,
    /// Bytes that went through reading calls.
    pub(crate) read_bytes: u64,
    /// Bytes that went through writing calls.
    pub(crate) written_bytes: u64,
}

impl Figures {
    /// Processor seconds of all threads.
    pub(crate) fn cpu_s(&self) -> f64 {
        self.user_s + self.system_s
    }
}

/// Does the work, and says what it cost.
///
/// # Errors
/// Those of the work.
pub(crate) fn measure<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Figures)> {
    forget_peak();
    let io = ProcessIo::now();
    let usage = Usage::now(Whose::Own);
    mark(BEGIN);
    let start = Instant::now();
    let done = work();
    let wall = start.elapsed();
    mark(END);
    let usage = Usage::now(Whose::Own).since(usage);
    let after = ProcessIo::now();
    let figures = Figures {
        wall_s: wall.as_secs_f64(),
        user_s: usage.user.as_secs_f64(),
        system_s: usage.system.as_secs_f64(),
        peak_bytes: peak_bytes(),
        read_bytes: after.read.saturating_sub(io.read),
        written_bytes: after.written.saturating_sub(io.written),
    };
    Ok((done?, figures))
}

/// A system call that does nothing, and is easily found among others.
fn mark(name: &str) {
    // Nothing has such a name; that is the point.
    let _ = access(Path::new(name), Access::EXISTS);
}

/// Lets the kernel begin anew with the largest memory ever resident (`proc(5)`, `clear_refs`).
fn forget_peak() {
    // Where it must not be written, the peak is that of the whole process, which is no less.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    number_after(&status, "VmHWM:").unwrap_or(0) * 1024
}

/// Bytes through system calls so far, `0` where the kernel does not count them.
struct ProcessIo {
    read: u64,
    written: u64,
}

impl ProcessIo {
    fn now() -> Self {
        let text = fs::read_to_string("/proc/self/io").unwrap_or_default();
        ProcessIo {
            read: number_after(&text, "rchar:").unwrap_or(0),
            written: number_after(&text, "wchar:").unwrap_or(0),
        }
    }
}

fn number_after(text: &str, label: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(label))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_measured() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let (sum, figures) = measure(|| {
            let bytes: Vec<u8> = (0..50_000_000_u32).map(|n| n.wrapping_mul(7) as u8).collect();
            fs::write(&path, &bytes[..1_000_000])?;
            Ok(bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>())
        })
        .unwrap();
        assert!(sum > 0);
        assert!(figures.wall_s > 0.0 && figures.cpu_s() > 0.0, "{figures:?}");
        assert!(figures.peak_bytes >= 50_000_000, "{figures:?}");
        // Other tests of this process may write meanwhile.
        assert!(figures.written_bytes >= 1_000_000, "{figures:?}");
    }

    #[test]
    fn failed_work_is_not_measured() {
        assert!(measure(|| -> Result<()> { anyhow::bail!("no") }).is_err());
    }
}
