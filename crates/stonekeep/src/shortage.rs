//! Which resource ran out when a file could not be created or written.

use std::fmt::Display;
use std::io;
use std::os::fd::AsFd;

use rustix::process::{Resource, getrlimit};

/// See the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// Free bytes.
    Bytes,
    /// Inodes: no new file can be made, however many bytes are free.
    Inodes,
    /// The quota of the user, the group or the project, in bytes or in files.
    Quota,
    /// The maximum length of a file, set by the process or by the file system.
    FileSize,
}

impl Shortage {
    /// The shortage that caused an error in this directory; `None` if nothing ran out.
    pub(crate) fn of(kind: io::ErrorKind, directory: impl AsFd) -> Option<Self> {
        match kind {
            io::ErrorKind::StorageFull => Some(match rustix::fs::fstatvfs(directory) {
                // Some file systems create inodes on demand, and count none.
                Ok(system) if system.f_files > 0 && system.f_favail == 0 => Shortage::Inodes,
                _ => Shortage::Bytes,
            }),
            io::ErrorKind::QuotaExceeded => Some(Shortage::Quota),
            io::ErrorKind::FileTooLarge => Some(Shortage::FileSize),
            _ => None,
        }
    }

    /// The shortage that the kind of an error alone implies.
    pub(crate) fn of_kind(kind: io::ErrorKind) -> Option<Self> {
        match kind {
            io::ErrorKind::StorageFull => Some(Shortage::Bytes),
            io::ErrorKind::QuotaExceeded => Some(Shortage::Quota),
            io::ErrorKind::FileTooLarge => Some(Shortage::FileSize),
            _ => None,
        }
    }

    /// The message about this file.
    pub(crate) fn at(self, path: impl Display) -> String {
        match self {
            Shortage::Bytes => format!("no room for {path}"),
            Shortage::Inodes => format!("the file system has no inode left for {path}"),
            Shortage::Quota => format!("the quota has no room for {path}"),
            Shortage::FileSize => match getrlimit(Resource::Fsize).current {
                Some(limit) => {
                    format!("{path} would become longer than {limit} bytes, the limit of this process")
                }
                None => format!("{path} would become longer than its file system allows"),
            },
        }
    }

    /// What the user can do.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Shortage::Bytes => "free room or purge old backups; the backups that are there are unharmed",
            Shortage::Inodes => {
                "remove files, purge old backups, or use a file system with more inodes (df -i shows them); the backups \
                 that are there are unharmed"
            }
            Shortage::Quota => {
                "raise the quota or purge old backups; the backups that are there are unharmed"
            }
            Shortage::FileSize => "raise the limit (ulimit -f), or use a file system that has larger files",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shortage_is_recognised_by_its_error() {
        let directory = std::fs::File::open("/tmp").unwrap();
        let of = |kind| Shortage::of(kind, &directory);
        assert_eq!(of(io::ErrorKind::StorageFull), Some(Shortage::Bytes));
        assert_eq!(of(io::ErrorKind::QuotaExceeded), Some(Shortage::Quota));
        assert_eq!(of(io::ErrorKind::FileTooLarge), Some(Shortage::FileSize));
        assert_eq!(of(io::ErrorKind::PermissionDenied), None);
        assert!(
            Shortage::FileSize
                .at("/x")
                .starts_with("/x would become longer than ")
        );
    }
}
