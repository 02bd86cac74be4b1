//! How many files a capture may hold open at once.

use rustix::process::{Resource, getrlimit};

use crate::Error;

/// Descriptors that are left for everything else: WALs, the repository, whatever the process does meanwhile.
const RESERVE: u64 = 64;

/// How many open files a process is assumed to have where `/proc` does not show them.
const ASSUMED_OPEN: u64 = 64;

/// A limit on the tables and blobs that are held open.
#[derive(Debug, Clone, Copy)]
pub(in crate::image) struct OpenFiles {
    /// The limit.
    pub(in crate::image) most: usize,
    /// Where it comes from: the process's soft limit, unless a caller set it.
    soft_limit: Option<u64>,
}

impl OpenFiles {
    /// The limit that a caller set, else what the soft limit of this process leaves.
    pub(in crate::image) fn new(given: Option<usize>) -> OpenFiles {
        if let Some(most) = given {
            return OpenFiles {
                most,
                soft_limit: None,
            };
        }
        let soft_limit = getrlimit(Resource::Nofile).current;
        let left = soft_limit.map_or(u64::MAX, |limit| {
            limit.saturating_sub(open_now()).saturating_sub(RESERVE)
        });
        OpenFiles {
            most: usize::try_from(left).unwrap_or(usize::MAX),
            soft_limit,
        }
    }

    /// The error about a database of too many files, for a host that takes none before the image is complete.
    pub(in crate::image) fn exceeded_by(&self, files: usize) -> Error {
        let most = self.most;
        let limit = match self.soft_limit {
            Some(limit) => format!("the limit of {limit} open files (RLIMIT_NOFILE) leaves {most}"),
            None => format!("open_files_limit is {most}"),
        };
        let message = format!("{files} files of the database must be held open at once, and {limit}");
        Error::refused(message).with_hint("raise the limit (ulimit -n)")
    }
}

fn open_now() -> u64 {
    let descriptors = std::fs::read_dir("/proc/self/fd");
    descriptors.map_or(ASSUMED_OPEN, |entries| entries.count() as u64)
}
