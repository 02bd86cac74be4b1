//! Reads the kernel's counters and limits of a process.

use std::mem::MaybeUninit;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Whose usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// All threads of this process.
    Own,
    /// Those children that have ended.
    Children,
}

/// Processor time so far, and memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// The most memory that one process had at a time.
    pub(crate) peak_bytes: u64,
}

impl Usage {
    /// Asks the kernel (`getrusage(2)`).
    pub(crate) fn now(whose: Whose) -> Self {
        let who = match whose {
            Whose::Own => libc::RUSAGE_SELF,
            Whose::Children => libc::RUSAGE_CHILDREN,
        };
        let mut usage = MaybeUninit::<libc::rusage>::uninit();
        // SAFETY: the pointer is to a rusage of our own, which the call fills in.
        if unsafe { libc::getrusage(who, usage.as_mut_ptr()) } != 0 {
            return Usage::default();
        }
        // SAFETY: the call succeeded, so that every field is set.
        let usage = unsafe { usage.assume_init() };
        Usage {
            user: duration(usage.ru_utime),
            system: duration(usage.ru_stime),
            peak_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
        }
    }

    /// What has been used since.
    pub(crate) fn since(self, before: Usage) -> Usage {
        Usage {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
            peak_bytes: self.peak_bytes,
        }
    }
}

/// Lets this process open as many files as it ever may.
///
/// # Errors
/// The kernel's.
pub(crate) fn allow_open_files() -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).context("allowing more open files")
}

fn duration(time: libc::timeval) -> Duration {
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(micros)
}
