//! Restores: at any moment the old database, the new one, or a way to either.

use std::path::{Path, PathBuf};

use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::syscall_trace::Files;

use super::{ALONE, METHODS, Traced, assert_durable, assert_same, below, traced};
use crate::world::World;

const TARGET: &str = "target";
const WALS: &str = "wals";
const STAGING: &str = ".stonekeep-restore";
/// The directories of a target, with what each of them keeps aside.
const AREAS: [&str; 2] = [TARGET, WALS];

fn is_visible(path: &Path) -> bool {
    !path.starts_with(STAGING) && path != Path::new("LOCK")
}

/// Two states of a database: a backup of the first, the second at the target.
fn two_states(place: &Path) -> World {
    let mut world = World::within(place, DatabaseBuilder::new());
    world.database.add_tables(12, 2_000);
    world.database.write(5);
    world.run(["backup", world.db()]).ok();
    world.database.add_tables(1, 2_000);
    world.database.reopen();
    world.database.write(5);
    world.run(["backup", world.db()]).ok();
    world
}

/// A target with the newer state.
fn over(traced: &Traced, wal_dir: &[&str]) {
    let to = traced.world.word(TARGET);
    traced
        .world
        .run([&["restore", "2", "--to", &to], wal_dir].concat())
        .ok();
    let wals = if wal_dir.is_empty() { TARGET } else { WALS };
    let archive = traced.root.join(wals).join("archive");
    std::fs::create_dir(&archive).unwrap();
    std::fs::write(archive.join("000001.log"), "an archived WAL").unwrap();
}

/// What stands at the target before and after, by which anything that is found is judged.
struct States {
    old: Files,
    new: Files,
}

/// All visible files, by their area and their path in it.
fn visible(found: &Files) -> Files {
    let mut files = Files::default();
    for area in AREAS {
        let of_area = below(found, area, is_visible);
        let contents = of_area.contents.into_iter();
        files
            .contents
            .extend(contents.map(|(path, content)| (Path::new(area).join(path), content)));
    }
    files
}

impl States {
    fn judge(&self, found: &Files, when: &str) {
        self.judge_state(found, when);
        let staged = |name: &str| {
            let path = Path::new(TARGET).join(STAGING).join(name);
            found
                .contents
                .get(&path)
                .is_some_and(|content| !content.is_empty())
        };
        // What has moved is told by the record; only the old CURRENT is kept before there is one.
        let aside = Path::new(TARGET).join(STAGING).join("old");
        let mut old = found
            .contents
            .keys()
            .filter_map(|path| path.strip_prefix(&aside).ok());
        let has_old = old.any(|path| path != Path::new("CURRENT"));
        assert!(
            staged("state") || !has_old,
            "{when}: old files are there without a record"
        );
        // A record and a new CURRENT that is not in its place yet mean that either state can be had.
        if staged("state") && staged("new/CURRENT") {
            self.assert_ways_out(found, when);
        }
    }

    fn judge_state(&self, found: &Files, when: &str) {
        let current = Path::new(TARGET).join("CURRENT");
        let there = visible(found);
        let is_of = |state: &Files| there.contents.get(&current) == state.contents.get(&current);
        if is_of(&self.new) {
            assert_same(&there, &self.new, &format!("{when}: the new state"));
        } else if is_of(&self.old) {
            assert_same(&there, &self.old, &format!("{when}: the old state"));
        } else {
            let current = there.contents.get(&current);
            let current = current.unwrap_or_else(|| panic!("{when}: there is no CURRENT"));
            assert!(
                !current.is_empty() && !current.starts_with(b"MANIFEST-"),
                "{when}: RocksDB would open it or begin anew"
            );
            let state = Path::new(TARGET).join(STAGING).join("state");
            let state = found.contents.get(&state).map_or(0, |state| state.len());
            assert!(state > 0, "{when}: nothing says what was begun");
            self.assert_ways_out(found, when);
        }
    }

    /// Every file of both states is in its place or beside it.
    fn assert_ways_out(&self, found: &Files, when: &str) {
        for (files, aside) in [(&self.old, "old"), (&self.new, "new")] {
            for (path, content) in &files.contents {
                let is_there = |path: PathBuf| found.contents.get(&path) == Some(content);
                let (area, name) = path.to_str().unwrap().split_once('/').unwrap();
                let beside = Path::new(area).join(STAGING).join(aside).join(name);
                assert!(
                    is_there(path.clone()) || is_there(beside),
                    "{when}: {} of the {aside} state is lost",
                    path.display()
                );
            }
        }
    }
}

/// The states before and after a restore, found by one that is not recorded.
fn states(traced: &Traced, args: &[&str]) -> States {
    let old = visible(&traced.files());
    let there: Vec<PathBuf> = AREAS.iter().map(|area| traced.root.join(area)).collect();
    let kept = there.iter().map(|path| path.with_extension("kept"));
    let pairs: Vec<(PathBuf, PathBuf)> = there.iter().cloned().zip(kept).collect();
    for (path, kept) in pairs.iter().filter(|(path, _)| path.exists()) {
        copy(path, kept);
    }
    traced.world.run(args).ok();
    let new = visible(&traced.files());
    for (path, kept) in &pairs {
        let _ = std::fs::remove_dir_all(path);
        if kept.exists() {
            std::fs::rename(kept, path).unwrap();
        }
    }
    States { old, new }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_restore_over_a_database_leaves_one_state_or_can_be_finished_or_aborted() {
    let test = "a_restore_over_a_database_leaves_one_state_or_can_be_finished_or_aborted";
    for method in METHODS {
        for has_wal_dir in [false, true] {
            let Some(traced) = traced(test, two_states) else {
                return;
            };
            let (to, wals) = (traced.world.word(TARGET), traced.world.word(WALS));
            let wal_dir: &[&str] = if has_wal_dir { &["--wal-dir", &wals] } else { &[] };
            over(&traced, wal_dir);
            let args = [&["restore", "1", "--to", &to, method], wal_dir].concat();
            let states = states(&traced, &args);
            let mut disk = traced.disk();
            traced.run(&mut disk, &args, &|found, when| {
                states.judge(found, &format!("{method}: {when}"))
            });
            for area in AREAS {
                assert_durable(&disk, area, |_| true);
            }
        }
    }
}

#[test]
fn a_restore_into_an_empty_place_is_durable_when_it_is_done() {
    let test = "a_restore_into_an_empty_place_is_durable_when_it_is_done";
    for method in METHODS {
        let Some(traced) = traced(test, two_states) else {
            return;
        };
        let to = traced.world.word(TARGET);
        let args = ["restore", "1", "--to", &to, method];
        let states = states(&traced, &args);
        let mut disk = traced.disk();
        traced.run(&mut disk, &args, &|found, when| {
            // Without CURRENT RocksDB begins a new database, and removes the tables that it finds.
            let there = visible(found);
            let has_files = there
                .contents
                .keys()
                .any(|path| path != Path::new("target/IDENTITY"));
            if has_files {
                states.judge(found, when);
            }
        });
        assert_durable(&disk, TARGET, |_| true);
    }
}

/// The process is killed, and the restore is finished or taken back by another one during which the power fails.
#[test]
fn a_killed_restore_can_go_on_or_back_durably() {
    let test = "a_killed_restore_can_go_on_or_back_durably";
    for kill in [
        ("fdatasync", 1),
        ("fsync", 4),
        ("fsync", 6),
        ("fsync", 7),
        ("renameat2", 10),
        ("unlinkat", 20),
    ] {
        for is_aborted in [false, true] {
            let Some(traced) = traced(test, two_states) else {
                return;
            };
            let to = traced.world.word(TARGET);
            over(&traced, &[]);
            let args = ["restore", "1", "--to", &to, "--sync-method=files"];
            let states = states(&traced, &args);
            let mut disk = traced.disk();
            let judge = |found: &_, when: &str| states.judge(found, &format!("killed at {kill:?}: {when}"));
            traced.run_killed(&mut disk, &[&args[..], &ALONE].concat(), kill, &judge);
            match is_aborted {
                false => traced.run(&mut disk, &args, &judge),
                true if is_committed(&traced, &states) => continue,
                true => traced.run(&mut disk, &["restore", "--abort", "--to", &to], &judge),
            }
            assert_durable(&disk, TARGET, |_| true);
        }
    }
}

fn is_committed(traced: &Traced, states: &States) -> bool {
    let current = Path::new(TARGET).join("CURRENT");
    visible(&traced.files()).contents.get(&current) == states.new.contents.get(&current)
}

/// What is replaced is at the target, beside it, or where it is kept.
#[test]
fn files_moved_by_keep_old_are_durable() {
    let test = "files_moved_by_keep_old_are_durable";
    for method in METHODS {
        let Some(traced) = traced(test, two_states) else {
            return;
        };
        let (to, kept) = (traced.world.word(TARGET), traced.world.word("kept"));
        over(&traced, &[]);
        let states = states(&traced, &["restore", "1", "--to", &to, method]);
        let mut disk = traced.disk();
        let args = ["restore", "1", "--to", &to, method, "--keep-old", &kept];
        let is_somewhere =
            |found: &Files, content: &[u8]| found.contents.values().any(|other| **other == *content);
        traced.run(&mut disk, &args, &|found, when| {
            states.judge(found, when);
            for (path, content) in &states.old.contents {
                let path = path.display();
                assert!(
                    is_somewhere(found, content),
                    "{when}: {path} of the old state is lost"
                );
            }
        });
        assert_durable(&disk, TARGET, |_| true);
        assert_durable(&disk, "kept", |_| true);
    }
}

/// A database with a file of the application in a directory of its own, and its backup.
fn with_file_of_the_application(place: &Path) -> World {
    let mut world = World::within(place, DatabaseBuilder::new());
    world.database.add_tables(2, 2_000);
    let directory = world.database.path().join("settings");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("app.json"), "{}").unwrap();
    world
        .run(["backup", world.db(), "--include=settings/*.json"])
        .ok();
    world
}

#[test]
fn files_of_the_application_are_durable_when_they_are_restored() {
    let test = "files_of_the_application_are_durable_when_they_are_restored";
    for method in METHODS {
        let Some(traced) = traced(test, with_file_of_the_application) else {
            return;
        };
        let to = traced.world.word(TARGET);
        let mut disk = traced.disk();
        traced.run(&mut disk, &["restore", "--to", &to, method], &|_, _| {});
        assert!(traced.root.join(TARGET).join("settings/app.json").exists());
        assert_durable(&disk, TARGET, |_| true);
    }
}
