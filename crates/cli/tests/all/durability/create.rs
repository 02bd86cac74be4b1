//! Backups: content before names, directories before the next step, the meta file last.

use std::path::Path;

use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::syscall_trace::{self, Action, Operation, Survivors};

use super::repository::{self, Expected, REPOSITORY, is_lasting};
use super::{ALONE, METHODS, Traced, assert_durable, traced};
use crate::world::World;

/// A database of few tables: their syncs are one by one.
fn few_tables(place: &Path) -> World {
    let mut world = World::within(place, DatabaseBuilder::new());
    world.database.add_tables(2, 3_000);
    world.database.write(10);
    world
}

/// A database of so many tables that one call syncs them all.
fn many_tables(place: &Path) -> World {
    let mut world = few_tables(place);
    world.database.add_tables(12, 2_000);
    world
}

fn back_up<'a>(traced: &'a Traced, method: &'a str) -> [&'a str; 3] {
    ["backup", traced.world.db(), method]
}

#[test]
fn a_first_backup_is_named_when_all_of_it_is_durable() {
    for method in METHODS {
        for make in [few_tables, many_tables] {
            let test = "a_first_backup_is_named_when_all_of_it_is_durable";
            let Some(traced) = traced(test, make) else { return };
            let mut disk = traced.disk();
            let args = back_up(&traced, method);
            traced.run(&mut disk, &args, &|found, when| {
                Expected::default().judge(found, when)
            });
            assert_durable(&disk, REPOSITORY, is_lasting);
        }
    }
}

/// C2: what a journal tells of is durable, and so is the journal, before anything gets its final name.
#[test]
fn copied_files_and_their_journal_are_durable_before_they_get_their_names() {
    let test = "copied_files_and_their_journal_are_durable_before_they_get_their_names";
    for method in METHODS {
        for make in [few_tables, many_tables] {
            let Some(traced) = traced(test, make) else {
                return;
            };
            let mut disk = traced.disk();
            let command = traced.command(&back_up(&traced, method));
            let recorded = syscall_trace::record(&command, &traced.root).unwrap();
            let shared = Path::new(REPOSITORY).join("shared_checksum");
            let names_a_table = |operation: &&Operation| matches!(&operation.action, Action::Rename { to, .. } if to.starts_with(&shared));
            for operation in recorded
                .operations
                .iter()
                .take_while(|operation| !names_a_table(operation))
            {
                disk.apply(operation).unwrap();
            }
            let found = disk.after_power_failure(Survivors::Nothing);
            let tables = traced.world.stored("shared_checksum").len();
            assert_eq!(repository::staged_by_journals(&found), tables, "{method}");
        }
    }
}

#[test]
fn a_second_backup_never_harms_the_first() {
    let test = "a_second_backup_never_harms_the_first";
    for method in METHODS {
        let Some(mut traced) = traced(test, few_tables) else {
            return;
        };
        traced.world.run(back_up(&traced, method)).ok();
        traced.world.database.add_tables(2, 2_000);
        traced.world.database.write(5);
        let mut disk = traced.disk();
        let args = back_up(&traced, method);
        let expected = Expected {
            always: &[1],
            ..Expected::default()
        };
        traced.run(&mut disk, &args, &|found, when| expected.judge(found, when));
        assert_durable(&disk, REPOSITORY, is_lasting);
    }
}

#[test]
fn files_of_a_backup_without_sync_are_durable_before_they_are_named_again() {
    let test = "files_of_a_backup_without_sync_are_durable_before_they_are_named_again";
    for method in METHODS {
        let Some(traced) = traced(test, few_tables) else {
            return;
        };
        traced
            .world
            .run(["backup", traced.world.db(), "--sync=false"])
            .ok();
        let mut disk = traced.disk();
        disk.forget_durability(|path| path.starts_with(REPOSITORY));
        let args = back_up(&traced, method);
        let expected = Expected {
            unsynced: &[1],
            ..Expected::default()
        };
        traced.run(&mut disk, &args, &|found, when| expected.judge(found, when));
        let is_of_the_new_one = |path: &Path| {
            ["meta/2", "private/2", "stonekeep/backups/2", "shared_checksum"]
                .iter()
                .any(|part| path.starts_with(part))
        };
        assert_durable(&disk, REPOSITORY, is_of_the_new_one);
    }
}

/// The process is killed, the next one goes on, and then the power fails.
#[test]
fn files_of_a_killed_backup_are_reused_only_if_they_are_durable() {
    let test = "files_of_a_killed_backup_are_reused_only_if_they_are_durable";
    let kills = [("fdatasync", 1), ("renameat2", 4), ("fsync", 6)];
    for method in METHODS {
        for kill in kills {
            let Some(traced) = traced(test, few_tables) else {
                return;
            };
            let mut disk = traced.disk();
            let args = back_up(&traced, method);
            let judge = |found: &_, when: &str| {
                Expected::default().judge(found, &format!("{method}, killed at {kill:?}: {when}"));
            };
            traced.run_killed(&mut disk, &[&args[..], &ALONE].concat(), kill, &judge);
            traced.run(&mut disk, &args, &judge);
            // Private files of the killed run are garbage, if it has made no backup.
            let is_committed = traced.world.repo().join("meta/1").exists();
            let is_useful =
                |path: &Path| is_lasting(path) && (is_committed || !path.starts_with("private/1"));
            assert_durable(&disk, REPOSITORY, is_useful);
        }
    }
}

/// What a run without sync left is made durable by the next one, in its area or under its final name.
#[test]
fn files_of_a_killed_backup_without_sync_are_synced_before_reuse() {
    let test = "files_of_a_killed_backup_without_sync_are_synced_before_reuse";
    for method in METHODS {
        for nth in [1, 2, 4, 8] {
            let Some(traced) = traced(test, few_tables) else {
                return;
            };
            let mut disk = traced.disk();
            let unsynced = [&back_up(&traced, "--sync=false")[..], &ALONE].concat();
            let judge = |found: &_, when: &str| {
                let expected = Expected {
                    unsynced: &[1],
                    ..Expected::default()
                };
                drop(expected.judge_backups(found, when));
            };
            traced.run_killed(&mut disk, &unsynced, ("renameat2", nth), &judge);
            let is_committed = traced.world.repo().join("meta/1").exists();
            let expected = Expected {
                unsynced: if is_committed { &[1] } else { &[] },
                ..Expected::default()
            };
            traced.run(&mut disk, &back_up(&traced, method), &|found, when| {
                let when = format!("{method}, killed at rename {nth}: {when}");
                drop(expected.judge_backups(found, &when));
            });
            // Of the killed run nothing else has to be durable.
            let newest = traced.world.stored("meta").pop().unwrap();
            let private = Path::new("private").join(newest.file_name().unwrap());
            assert_durable(&disk, REPOSITORY, |path| {
                path.starts_with(&private) || path.starts_with("shared_checksum") || path.starts_with("meta")
            });
        }
    }
}

/// A stored file that was cut short is replaced, and then every backup is whole.
#[test]
fn a_file_that_is_replaced_is_durable_before_the_new_backup_is() {
    let test = "a_file_that_is_replaced_is_durable_before_the_new_backup_is";
    for method in METHODS {
        let Some(traced) = traced(test, few_tables) else {
            return;
        };
        traced.world.run(back_up(&traced, method)).ok();
        let table = traced.world.stored("shared_checksum").remove(0);
        std::fs::write(&table, "short").unwrap();
        let mut disk = traced.disk();
        let args = back_up(&traced, method);
        let expected = Expected {
            unsynced: &[1],
            ..Expected::default()
        };
        traced.run(&mut disk, &args, &|found, when| {
            drop(expected.judge_backups(found, when));
        });
        assert_ne!(std::fs::read(&table).unwrap(), b"short");
        assert_durable(&disk, REPOSITORY, is_lasting);
    }
}

#[test]
fn files_of_the_application_are_durable_with_their_backup() {
    let test = "files_of_the_application_are_durable_with_their_backup";
    for method in METHODS {
        let Some(traced) = traced(test, few_tables) else {
            return;
        };
        let beside = traced.world.database.path().join("beside.json");
        std::fs::write(beside, "{}").unwrap();
        let mut disk = traced.disk();
        let args = [&back_up(&traced, method)[..], &["--include=*.json"]].concat();
        traced.run(&mut disk, &args, &|found, when| {
            Expected::default().judge(found, when)
        });
        assert!(traced.world.repo().join("stonekeep/files/1/beside.json").exists());
        assert_durable(&disk, REPOSITORY, is_lasting);
    }
}

/// The order of the steps stays, and so do older backups.
#[test]
fn a_backup_without_sync_never_harms_the_one_before() {
    let test = "a_backup_without_sync_never_harms_the_one_before";
    let Some(mut traced) = traced(test, few_tables) else {
        return;
    };
    traced.world.run(back_up(&traced, METHODS[0])).ok();
    traced.world.database.add_tables(2, 2_000);
    let mut disk = traced.disk();
    let args = back_up(&traced, "--sync=false");
    let expected = Expected {
        always: &[1],
        unsynced: &[2],
        ..Expected::default()
    };
    traced.run(&mut disk, &args, &|found, when| {
        drop(expected.judge_backups(found, when))
    });
}
