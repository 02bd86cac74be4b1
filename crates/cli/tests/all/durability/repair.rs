//! Repairs: a damaged file gives way to the right one, and nothing else changes.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::syscall_trace::Files;

use super::repository::{REPOSITORY, is_lasting};
use super::{assert_durable, assert_same, below, traced};
use crate::world::World;

/// Two backups that share tables.
fn two_backups(place: &Path) -> World {
    let mut world = World::within(place, DatabaseBuilder::new());
    world.database.add_tables(2, 2_000);
    world.database.write(5);
    world.run(["backup", world.db()]).ok();
    world.database.add_tables(1, 2_000);
    world.run(["backup", world.db()]).ok();
    world
}

/// The files that backups consist of.
fn is_of_a_backup(path: &Path) -> bool {
    !path.starts_with("stonekeep") && is_lasting(path)
}

#[test]
fn a_repaired_file_is_durable_and_no_other_changes() {
    let test = "a_repaired_file_is_durable_and_no_other_changes";
    let Some(traced) = traced(test, two_backups) else {
        return;
    };
    let world = &traced.world;
    let whole = below(&traced.files(), REPOSITORY, is_of_a_backup);
    let damaged: Vec<PathBuf> = [world.lose_shared_file(), world.damage_shared_file()]
        .map(PathBuf::from)
        .into();
    world.run(["verify"]).code(3);
    let at = |path: &PathBuf| world.repo().join(path);
    let before = damaged
        .iter()
        .map(|path| fs::read(at(path)).ok())
        .collect::<Vec<_>>();
    assert!(before.iter().any(Option::is_some));
    let judge = |found: &Files, when: &str| {
        let mut found = below(found, REPOSITORY, is_of_a_backup);
        for (path, before) in damaged.iter().zip(&before) {
            let content = found.contents.get(path).map(|content| content.to_vec());
            assert!(
                content == *before || content.as_deref() == Some(&whole.contents[path][..]),
                "{when}: {} is neither as it was nor repaired",
                path.display()
            );
            found.contents.insert(path.clone(), whole.contents[path].clone());
        }
        assert_same(&found, &whole, when);
    };
    let mut disk = traced.disk();
    traced.run(&mut disk, &["repair", "--database", world.db()], &judge);
    for path in &damaged {
        assert_eq!(fs::read(at(path)).unwrap(), whole.contents[path][..], "{path:?}");
    }
    assert_durable(&disk, REPOSITORY, is_lasting);
}
