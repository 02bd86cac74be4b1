//! Restores that are killed at each step: what RocksDB opens afterwards, and what the next run does.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use rocksdb::{DB, Options};
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::restore::abort_restore;
use stonekeep::engine::{BackupEngineOptions, RestoreOptions};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_proof::DatabaseContents;
use stonekeep_proof::makers::{self, Workbench};
use stonekeep_proof::oracle::{self, OpenOptions};

use crate::dying_disk::DyingDisk;
use crate::judge;
use crate::ours;
use crate::restoring::restore;

/// Enough to meet each kind of step many times, few enough to open a database after each.
const STEPS_BETWEEN_KILLS: usize = 2;

/// What a directory is to RocksDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Old,
    Closed,
    New,
}

/// A backup and a later state of the same database, which it is restored over.
struct Case {
    root: tempfile::TempDir,
    backed_up: DatabaseContents,
    later: DatabaseContents,
}

impl Case {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let closed = Workbench::create(makers::by_name("blobs").unwrap(), root.path())
            .unwrap()
            .close();
        ours::back_up(&ours::engine(&root.path().join("repo")), &closed);
        let backed_up = closed.contents.clone();
        let mut bench = Workbench::reopen(closed).unwrap();
        bench.change().unwrap();
        Self {
            later: bench.close().contents,
            backed_up,
            root,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The later state at `target`, and a restore over it with this disk.
    fn restore(&self, disk: &DyingDisk) -> bool {
        fresh_copy(&self.path("db"), &self.path("target"));
        let engine = ours::engine_with(&self.path("repo"), one_worker());
        let outcome = engine.as_read_only().restore_on(
            disk,
            WhichBackup::Latest,
            &self.path("target"),
            &RestoreOptions::default(),
            &Quiet,
        );
        outcome.is_ok()
    }

    /// What RocksDB finds in a copy of the target: one of the two states whole, or nothing that it opens or harms.
    fn state(&self, what: &str) -> State {
        let probe = self.path("probe");
        fresh_copy(&self.path("target"), &probe);
        if DB::list_cf(&Options::default(), &probe).is_err() {
            stays_closed(&probe, what);
            return State::Closed;
        }
        let found = oracle::examine(&probe, &OpenOptions::default())
            .unwrap_or_else(|error| panic!("{what}: {error:?}"))
            .contents;
        match (found == self.later, found == self.backed_up) {
            (true, false) => State::Old,
            (false, true) => State::New,
            _ => panic!("{what}: {:?}", self.later.difference(&found)),
        }
    }

    fn holds(&self, expected: &DatabaseContents, what: &str) {
        let found = oracle::examine(&self.path("target"), &OpenOptions::default()).unwrap();
        oracle::equal(expected, &found.contents, what).unwrap();
    }
}

/// The same steps in each run: two workers may both try to clone before the first one learns that the file system cannot.
fn one_worker() -> BackupEngineOptions {
    ours::options().with_max_background_operations(NonZeroUsize::MIN)
}

fn fresh_copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    judge::copy(from, to);
}

/// RocksDB refuses it, also when asked to make what is missing, and keeps every file; twice, since it cleans up first.
fn stays_closed(db: &Path, what: &str) {
    let files = |db: &Path| -> Vec<(String, Vec<u8>)> {
        let names = judge::names(db).into_iter();
        names
            .filter(|name| !name.starts_with("LOG") && name != "LOCK" && !db.join(name).is_dir())
            .map(|name| (name.clone(), fs::read(db.join(name)).unwrap()))
            .collect()
    };
    let before = files(db);
    let mut options = OpenOptions::default().to_rocksdb().unwrap();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    for _ in 0..2 {
        assert!(
            DB::open_cf(&options, db, ["default", "second"]).is_err(),
            "{what}"
        );
        assert_eq!(files(db), before, "{what}");
    }
}

#[test]
fn a_killed_restore_leaves_one_complete_state_or_nothing_that_opens() {
    let case = Case::new();
    let alive = DyingDisk::immortal();
    assert!(case.restore(&alive));
    assert_eq!(case.state("not killed"), State::New);
    let steps = alive.steps();
    let mut states = Vec::new();
    for (round, step) in (1..=steps.len()).step_by(STEPS_BETWEEN_KILLS).enumerate() {
        let what = format!("killed before step {step}, {}", steps[step - 1]);
        let disk = DyingDisk::new(step);
        let _ = case.restore(&disk);
        assert!(disk.is_dead(), "{what}");
        let state = case.state(&what);
        states.push(state);
        match round % 2 {
            0 => go_on(&case, &what),
            _ => go_back(&case, state, &what),
        }
    }
    assert!(states.is_sorted(), "{states:?}");
    states.dedup();
    assert_eq!(states, [State::Old, State::Closed, State::New]);
}

fn go_on(case: &Case, what: &str) {
    restore(
        &case.path("repo"),
        1,
        &case.path("target"),
        &RestoreOptions::default(),
    );
    case.holds(&case.backed_up, what);
}

/// An abort brings the old state back, unless the new one is there.
fn go_back(case: &Case, state: State, what: &str) {
    let outcome = abort_restore(&case.path("target"), None);
    let expected = match state {
        State::Old | State::Closed => &case.later,
        State::New => &case.backed_up,
    };
    match outcome {
        Ok(report) => assert!(state != State::New || !report.rolled_back, "{what}: {report:?}"),
        Err(error) => {
            // Nothing was begun, or everything is done.
            let kinds = [ErrorKind::NotFound, ErrorKind::Refused];
            assert!(
                state != State::Closed && kinds.contains(&error.kind()),
                "{what}: {error:?}"
            );
        }
    }
    case.holds(expected, what);
}
