//! What a power failure leaves at any moment of the real command, by the order of its system calls: docs/durability.md.
//!
//! Each test records the command with strace, replays its operations on a disk that knows what is durable, and judges
//! what may be found after each of them. Without any one sync some of these tests fail.

mod collect;
mod copy;
mod create;
mod ext4;
mod open;
mod repair;
mod repository;
mod restore;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use stonekeep_testkit::skip;
use stonekeep_testkit::syscall_trace::{self, Action, Disk, Files, Recorded, Survivors};

use crate::world::World;
use ext4::Ext4;

/// Every way to make files durable.
const METHODS: [&str; 3] = [
    "--sync-method=auto",
    "--sync-method=syncfs",
    "--sync-method=files",
];

/// A world on ext4 whose commands can be recorded.
struct Traced {
    world: World,
    root: PathBuf,
    // After the world, which is on it.
    _ext4: Ext4,
}

/// `None`, which is reported as a skip, where nothing can be recorded.
fn traced(test: &str, make: fn(&Path) -> World) -> Option<Traced> {
    let ext4 = match syscall_trace::obstacle() {
        Some(reason) => Err(reason),
        None => Ext4::find(),
    };
    match ext4 {
        Ok(ext4) => {
            let world = make(&ext4.place());
            let root = world.path("").canonicalize().unwrap();
            Some(Traced {
                world,
                root,
                _ext4: ext4,
            })
        }
        Err(reason) => {
            skip::because(test, &reason).unwrap();
            None
        }
    }
}

/// Lets one thread do all the work. Another one that is killed in the middle of a call may have done it, and no record tells.
const ALONE: [&str; 1] = ["--max-background-operations=1"];

impl Traced {
    /// What is there, all durable.
    fn disk(&self) -> Disk {
        Disk::new(&self.files())
    }

    fn files(&self) -> Files {
        syscall_trace::files_below(&self.root).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command();
        command.args(args);
        command
    }

    /// Runs a command that has to end well, and has everything judged that may be found after a power failure.
    fn run(&self, disk: &mut Disk, args: &[&str], judge: &dyn Fn(&Files, &str)) {
        let recorded = syscall_trace::record(&self.command(args), &self.root).unwrap();
        assert!(recorded.output.status.success(), "{args:?}: {recorded:?}");
        self.replay(disk, &recorded, judge);
    }

    /// The same for a command that is killed when it makes this call for the `nth` time; whether it came so far.
    fn run_killed(
        &self,
        disk: &mut Disk,
        args: &[&str],
        (call, nth): (&str, usize),
        judge: &dyn Fn(&Files, &str),
    ) -> bool {
        let recorded = syscall_trace::record_killed(&self.command(args), &self.root, call, nth).unwrap();
        self.replay(disk, &recorded, judge);
        recorded.output.status.code() != Some(0)
    }

    fn replay(&self, disk: &mut Disk, recorded: &Recorded, judge: &dyn Fn(&Files, &str)) {
        let mut seen = HashSet::new();
        disk.begin_record();
        for (at, operation) in recorded.operations.iter().enumerate() {
            disk.apply(operation).unwrap();
            if matches!(operation.action, Action::Write { .. } | Action::SetLength { .. }) {
                // What is written and not synced is judged after the next operation as well.
                continue;
            }
            let chances = [1, 2].map(|seed| Survivors::Some((2 * at + seed) as u64));
            let all = [
                Survivors::Nothing,
                Survivors::Names,
                Survivors::Lengths,
                Survivors::Removals,
                Survivors::Additions,
            ];
            for survivors in all.into_iter().chain(chances) {
                let found = disk.after_power_failure(survivors);
                if seen.insert(hash(&found)) {
                    judge(&found, &format!("power lost after {operation}, {survivors:?}"));
                }
            }
        }
        // Else something was done that the record does not have.
        assert_same(&disk.files(), &self.files(), "the record is whole");
    }
}

/// Tells what is found on one disk at different moments apart: there, equal contents are the same.
fn hash(files: &Files) -> u64 {
    let mut hasher = DefaultHasher::new();
    files.directories.hash(&mut hasher);
    for (path, content) in &files.contents {
        (path, content.as_ptr().addr(), content.len()).hash(&mut hasher);
    }
    hasher.finish()
}

/// Compares without printing all the bytes.
#[track_caller]
fn assert_same(found: &Files, wanted: &Files, when: &str) {
    assert_eq!(found.directories, wanted.directories, "{when}");
    let names = |files: &Files| files.contents.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(wanted), "{when}");
    for (path, content) in &wanted.contents {
        assert!(
            found.contents[path] == *content,
            "{when}: {} has another content",
            path.display()
        );
    }
}

/// The part of the files below a directory that is wanted there, by their paths from it.
fn below(files: &Files, directory: &str, is_wanted: impl Fn(&Path) -> bool) -> Files {
    let inside = |path: &PathBuf| {
        let path = path.strip_prefix(directory).ok()?;
        is_wanted(path).then(|| path.to_owned())
    };
    let contents = files.contents.iter();
    Files {
        directories: files.directories.iter().filter_map(inside).collect(),
        contents: contents
            .filter_map(|(path, content)| Some((inside(path)?, content.clone())))
            .collect(),
    }
}

/// What the command has reported as done is durable.
#[track_caller]
fn assert_durable(disk: &Disk, directory: &str, is_wanted: impl Fn(&Path) -> bool) {
    let found = disk.after_power_failure(Survivors::Nothing);
    let (found, wanted) = (
        below(&found, directory, &is_wanted),
        below(&disk.files(), directory, &is_wanted),
    );
    assert_same(&found, &wanted, "durable at the end");
}
