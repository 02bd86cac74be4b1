//! Owner and mode of what is made in a repository.
//!
//! Made by root, it gets owner and group of the repository's root: a backup that root makes once must not leave files
//! that the repository's owner cannot remove. Modes are RocksDB's (env/fs_posix.cc), less what the database's directory
//! does not grant, less the umask: a repository shows nobody more than the database does. Where the owner of a repository
//! shares it with a group (its root has the setgid bit, or is open to the group and closed to others), what the root
//! grants to the group stays granted. What is there already is never changed.

use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{Gid, Mode, Uid};

pub(crate) const FILE_MODE: u32 = 0o644;
pub(crate) const DIRECTORY_MODE: u32 = 0o755;
const ALL: u32 = 0o777;
const OWNER: u32 = 0o700;
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;
const SETGID: u32 = 0o2000;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Making {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The mode of the database's directory, where one is known.
    database_mode: Option<u32>,
    /// Found out when the first thing is made.
    rules: Option<Rules>,
}

#[derive(Debug, Clone, Copy)]
struct Rules {
    /// Permission bits that may be granted.
    granted: u32,
    /// Whom it is given to, if that is not who makes it.
    owner: Option<(Uid, Gid)>,
}

impl Making {
    pub(crate) fn new(root: &Path) -> Self {
        Making {
            root: root.to_owned(),
            state: Mutex::default(),
        }
    }

    /// From now on nothing is made that grants more than a directory of this mode.
    pub(crate) fn limit_modes(&self, directory_mode: u32) {
        *self.state() = State {
            database_mode: Some(directory_mode & ALL),
            rules: None,
        };
    }

    /// The mode of a new root, the umask aside.
    pub(crate) fn root_mode(&self) -> u32 {
        self.state().database_mode.map_or(ALL, |mode| mode | OWNER)
    }

    pub(crate) fn file_mode(&self) -> Mode {
        Mode::from_raw_mode(FILE_MODE & self.rules().granted)
    }

    pub(crate) fn directory_mode(&self) -> Mode {
        Mode::from_raw_mode(DIRECTORY_MODE & self.rules().granted)
    }

    /// Gives what was made just now to the owner of the root. Where that is refused, it stays with who made it.
    pub(crate) fn hand_over(&self, made: impl AsFd) {
        let Some((user, group)) = self.rules().owner else {
            return;
        };
        if let Err(error) = rustix::fs::fchown(made, Some(user), Some(group)) {
            tracing::warn!(%error, root = %self.root.display(), "a new file could not be given to the owner of the repository");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rules(&self) -> Rules {
        let mut state = self.state();
        if let Some(rules) = state.rules {
            return rules;
        }
        let Ok(root) = std::fs::metadata(&self.root) else {
            // Nothing can be made below it either.
            return Rules {
                granted: state.database_mode.unwrap_or(ALL) | OWNER,
                owner: None,
            };
        };
        let rules = Rules {
            granted: granted(state.database_mode.unwrap_or(ALL), root.mode()),
            owner: owner(root.uid(), root.gid()),
        };
        state.rules = Some(rules);
        rules
    }
}

/// What may be granted by something made for a database in a directory of one mode, below a root of the other.
fn granted(database_mode: u32, root_mode: u32) -> u32 {
    let is_shared = root_mode & SETGID != 0 || root_mode & OTHERS == 0;
    let shared = if is_shared { root_mode & GROUP } else { 0 };
    database_mode | OWNER | shared
}

/// Only root gives files away.
fn owner(user: u32, group: u32) -> Option<(Uid, Gid)> {
    let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
    let me = rustix::process::geteuid();
    let is_mine = user == me && group == rustix::process::getegid();
    (me.is_root() && !is_mine).then_some((user, group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_files_are_not_more_accessible_than_the_database_unless_the_root_is_shared() {
        assert_eq!(granted(0o700, 0o755), 0o700);
        assert_eq!(granted(0o750, 0o755), 0o750);
        assert_eq!(granted(0o755, 0o700), 0o755);
        assert_eq!(granted(0o500, 0o700), 0o700);
        assert_eq!(granted(0o700, 0o2755), 0o750);
        assert_eq!(granted(0o700, 0o770), 0o770);
        assert_eq!(granted(0o700, 0o2770), 0o770);
    }
}
