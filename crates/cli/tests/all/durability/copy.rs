//! Copies: a copied backup is whole or absent, and the target's own backups stay.

use std::path::Path;

use stonekeep_testkit::database::DatabaseBuilder;

use super::repository::{Expected, REPOSITORY, is_lasting};
use super::{ALONE, assert_durable, traced};
use crate::world::World;

/// The repository that is copied.
const ORIGIN: &str = "origin";

/// Two backups elsewhere, the first of which is in the repository.
fn one_of_two(place: &Path) -> World {
    let mut world = World::within(place, DatabaseBuilder::new());
    let origin = world.word(ORIGIN);
    for _ in 0..2 {
        world.database.add_tables(1, 2_000);
        world.database.write(5);
        std::fs::write(world.database.path().join("app.json"), "{}").unwrap();
        world
            .run(["backup", world.db(), "--repo", &origin, "--include=app.json"])
            .ok();
        world.database.reopen();
    }
    let repo = world.word(REPOSITORY);
    world.run(["copy", "1", "--from", &origin, "--to", &repo]).ok();
    world
}

#[test]
fn a_copied_backup_is_durable_before_it_is_there() {
    let test = "a_copied_backup_is_durable_before_it_is_there";
    for (sync, unsynced) in [("--sync=true", &[][..]), ("--sync=false", &[2][..])] {
        let Some(traced) = traced(test, one_of_two) else {
            return;
        };
        let [origin, repo] = [ORIGIN, REPOSITORY].map(|name| traced.world.word(name));
        let mut disk = traced.disk();
        let expected = Expected {
            always: &[1],
            unsynced,
            ..Expected::default()
        };
        let args = ["copy", "--from", &origin, "--to", &repo, sync, ALONE[0]];
        traced.run(&mut disk, &args, &|found, when| expected.judge(found, when));
        if unsynced.is_empty() {
            assert_durable(&disk, REPOSITORY, is_lasting);
        }
    }
}

#[test]
fn a_copy_that_was_killed_is_completed_durably() {
    let test = "a_copy_that_was_killed_is_completed_durably";
    for (call, step) in [("fsync", 1), ("renameat2", 4)] {
        for nth in (1..).step_by(step) {
            let Some(traced) = traced(test, one_of_two) else {
                return;
            };
            let [origin, repo] = [ORIGIN, REPOSITORY].map(|name| traced.world.word(name));
            let mut disk = traced.disk();
            let expected = Expected {
                always: &[1],
                ..Expected::default()
            };
            let judge = |found: &_, when: &str| expected.judge(found, when);
            let args = ["copy", "--from", &origin, "--to", &repo, ALONE[0]];
            let was_killed = traced.run_killed(&mut disk, &args, (call, nth), &judge);
            traced.run(&mut disk, &args, &judge);
            assert_durable(&disk, REPOSITORY, is_lasting);
            if !was_killed {
                break;
            }
        }
    }
}
