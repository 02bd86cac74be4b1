//! Deletions: a deletion is durable before any file of the backup goes, and what is reported as gone stays gone.

use std::path::Path;

use stonekeep_testkit::database::DatabaseBuilder;

use super::repository::{Expected, REPOSITORY, is_lasting};
use super::{assert_durable, traced};
use crate::world::World;

/// Three backups, which share some tables.
fn three_backups(place: &Path) -> World {
    let mut world = World::within(place, DatabaseBuilder::new());
    for _ in 0..3 {
        world.database.add_tables(1, 2_000);
        world.database.write(5);
        world.run(["backup", world.db()]).ok();
        world.database.reopen();
    }
    world
}

const SYNC: [&str; 2] = ["--sync=true", "--sync=false"];

/// Without sync, files of a deleted backup may come back when its record does not.
fn recorded<'a>(deleted: &'a [u32], sync: &str) -> &'a [u32] {
    if sync == SYNC[0] { deleted } else { &[] }
}

#[test]
fn a_deletion_is_durable_before_a_file_goes() {
    let test = "a_deletion_is_durable_before_a_file_goes";
    let commands: [(&[&str], &[u32], &[u32]); 5] = [
        (&["delete", "2"], &[2], &[1, 3]),
        (&["delete", "1", "3", "--yes"], &[1, 3], &[2]),
        (&["purge", "--keep", "1"], &[1, 2], &[3]),
        (&["delete", "2", "--undelete-for=1d"], &[2], &[1, 3]),
        (&["purge", "--keep", "1", "--undelete-for=1d"], &[1, 2], &[3]),
    ];
    for sync in SYNC {
        for (command, deleted, always) in commands {
            let Some(traced) = traced(test, three_backups) else {
                return;
            };
            let mut disk = traced.disk();
            let args = [command, &[sync]].concat();
            let expected = Expected {
                always,
                deleted: recorded(deleted, sync),
                ..Expected::default()
            };
            traced.run(&mut disk, &args, &|found, when| expected.judge(found, when));
            if sync == SYNC[0] {
                assert_durable(&disk, REPOSITORY, is_lasting);
            }
        }
    }
}

/// The process is killed before it could make the deletion durable, the next one goes on, and then the power fails.
#[test]
fn a_deletion_that_was_killed_is_durable_before_a_file_goes() {
    let test = "a_deletion_that_was_killed_is_durable_before_a_file_goes";
    for sync in SYNC {
        let expected = Expected {
            always: &[3],
            deleted: recorded(&[1, 2], sync),
            ..Expected::default()
        };
        let judge = |found: &_, when: &str| expected.judge(found, when);
        for nth in 1.. {
            let Some(traced) = traced(test, three_backups) else {
                return;
            };
            let mut disk = traced.disk();
            let args = ["purge", "--keep", "1", sync];
            let was_killed = traced.run_killed(&mut disk, &args, ("fsync", nth), &judge);
            traced.run(&mut disk, &["gc", sync], &judge);
            if !was_killed {
                break;
            }
        }
    }
}

#[test]
fn files_removed_by_gc_stay_removed_after_a_power_failure() {
    let test = "files_removed_by_gc_stay_removed_after_a_power_failure";
    let Some(traced) = traced(test, three_backups) else {
        return;
    };
    std::fs::remove_file(traced.world.repo().join("meta/2")).unwrap();
    let mut disk = traced.disk();
    let expected = Expected {
        always: &[1, 3],
        ..Expected::default()
    };
    let args = ["gc", "--min-age=0"];
    traced.run(&mut disk, &args, &|found, when| expected.judge(found, when));
    assert!(!traced.world.repo().join("private/2").exists());
    assert_durable(&disk, REPOSITORY, is_lasting);
}

/// Whenever the power fails while it is deleted for a while or undeleted, the backup exists or can be undeleted, and what was
/// reported as undeleted exists.
#[test]
fn what_was_undeleted_stays_after_a_power_failure() {
    let test = "what_was_undeleted_stays_after_a_power_failure";
    let Some(traced) = traced(test, three_backups) else {
        return;
    };
    let mut disk = traced.disk();
    let expected = Expected {
        always: &[1, 3],
        ..Expected::default()
    };
    let judge = |found: &_, when: &str| expected.judge(found, when);
    traced.run(&mut disk, &["delete", "2", "--undelete-for=1d"], &judge);
    traced.run(&mut disk, &["undelete", "2"], &judge);
    assert_durable(&disk, REPOSITORY, is_lasting);
    let expected = Expected {
        always: &[1, 2, 3],
        ..Expected::default()
    };
    let judge = |found: &_, when: &str| expected.judge(found, when);
    traced.run(&mut disk, &["hold", "2", "--reason=audit"], &judge);
    assert_durable(&disk, REPOSITORY, is_lasting);
    traced.run(&mut disk, &["release", "2"], &judge);
    assert_durable(&disk, REPOSITORY, is_lasting);
}
