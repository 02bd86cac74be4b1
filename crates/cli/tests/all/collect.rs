//! `delete`, `purge` and `gc`.

use std::fs;

use crate::shape;
use crate::world::World;

const BEGIN: &str = "dry_run: bool, done: bool, deleted_backups: [number], decisions: [], \
    deleted_files: [{path: string, size_bytes: number, why: string}], freed_bytes: number, not_removed: [], held_by_pins: [], kept_for_undelete: [], \
    held_back: [], held_back_total: {files: number, bytes: number}, too_young: number, \
    unfinished: {files: number, bytes: number}, aborted_uploads: number, strangers: [], warnings: []";

fn ids(world: &World) -> Vec<u64> {
    let document = world.json(["list"]);
    let backups = document["backups"].as_array().unwrap().iter();
    backups.map(|backup| backup["id"].as_u64().unwrap()).collect()
}

fn three_backups() -> World {
    let mut world = World::with_two_backups();
    world.database.compact();
    world.run(["backup", world.db()]).ok();
    world
}

#[test]
fn backups_are_deleted_with_what_only_they_need() {
    let world = three_backups();
    let plan = world.json(["delete", "1", "2", "--dry-run"]);
    shape::check(&plan, "delete", BEGIN);
    assert_eq!((&plan["done"], ids(&world)), (&false.into(), vec![1, 2, 3]));
    world
        .run(["delete", "1", "2", "--dry-run"])
        .ok()
        .says("would delete backups 1-2")
        .says("nothing was changed");
    let done = world.json(["delete", "1", "2"]);
    assert_eq!((&done["done"], ids(&world)), (&true.into(), vec![3]));
    assert_eq!(done["deleted_files"], plan["deleted_files"]);
    assert_eq!(world.stored("shared_checksum").len(), 1);
    world.run(["verify"]).ok();
    world.run(["delete", "1"]).code(4);
}

#[test]
fn the_last_valid_backup_goes_with_yes_only() {
    let world = World::with_backup();
    let ended = world.run(["delete", "1"]).code(1);
    ended
        .warns("backup 1 is the last valid backup")
        .warns("hint: add --yes");
    assert_eq!(ids(&world), [1]);
    world.run(["delete", "1", "--dry-run"]).ok();
    world.run(["delete", "1", "--yes"]).ok().says("deleted backup 1");
    assert_eq!(ids(&world), [] as [u64; 0]);

    let world = World::with_two_backups();
    world.lose_shared_file();
    // Both are corrupt now, so that none of them is the last valid one.
    world.run(["delete", "1", "2"]).ok();
}

#[test]
fn all_valid_backups_at_once_are_the_last_one_too() {
    let world = World::with_two_backups();
    world
        .run(["delete", "1", "2"])
        .code(1)
        .warns("backup 2 is the last valid backup");
    assert_eq!(ids(&world), [1, 2]);
}

#[test]
fn the_newest_are_kept() {
    let world = three_backups();
    let document = world.json(["purge", "--keep=2", "--dry-run"]);
    assert_eq!(document["deleted_backups"], serde_json::json!([1]));
    assert_eq!(document["command"], "purge");
    world
        .run(["purge", "--keep", "1", "--sync=false"])
        .ok()
        .says("deleted backups 1-2");
    assert_eq!(ids(&world), [3]);
    world.run(["purge", "--keep", "1", "--quiet"]).ok();
}

/// The newest backup is of an older state than the one before.
fn went_back() -> World {
    let mut world = World::new();
    let (database, old) = (world.database.path().to_owned(), world.path("old"));
    fs::create_dir(&old).unwrap();
    for entry in fs::read_dir(&database).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), old.join(entry.file_name())).unwrap();
    }
    world.database.write(10);
    world.run(["backup", world.db()]).ok();
    world
        .run(["backup", &world.word("old")])
        .ok()
        .warns("[sequence-went-back]")
        .warns("purge keeps backup 1");
    world
}

#[test]
fn what_was_before_the_database_went_back_is_kept_until_that_is_accepted() {
    let world = went_back();
    world
        .run(["show", "latest"])
        .ok()
        .says("the sequence number of the database went back");
    world
        .run(["purge", "--keep=1", "--dry-run"])
        .ok()
        .says("would keep backup 1: the sequence number of the database went back from 140 to 130");
    let document = world.json(["purge", "--keep=1"]);
    let kept = &document["decisions"][0];
    assert_eq!((&kept["id"], &kept["goes"]), (&1.into(), &().into()));
    let kept = &kept["kept_by"][0];
    assert_eq!(kept["rule"], "sequence-went-back");
    assert!(
        kept["detail"].as_str().unwrap().contains("after backup 1"),
        "{kept}"
    );
    assert_eq!(ids(&world), [1, 2]);
    world.run(["purge", "--keep=1"]).ok().says("kept backup 1");
    world
        .run(["purge", "--keep=1", "--accept=sequence-went-back"])
        .ok()
        .says("deleted backup 1");
    assert_eq!(ids(&world), [2]);
    world.run(["purge", "--keep=1", "--accept=unheard-of"]).code(2);
}

#[test]
fn a_backup_accepts_that_the_database_went_back() {
    let world = went_back();
    let backup = ["backup", &world.word("old"), "--accept=sequence-went-back"];
    let document = world.json(backup);
    let warnings = document["warnings"].as_array().unwrap();
    assert!(
        warnings
            .iter()
            .any(|warning| warning["name"] == "sequence-went-back" && warning["accepted"] == true)
    );
    world.run(["purge", "--keep=1"]).ok().says("deleted backups 1-2");
    assert_eq!(ids(&world), [3]);
}

#[test]
fn keeping_none_needs_yes() {
    let world = World::with_two_backups();
    world
        .run(["purge", "--keep=0"])
        .code(1)
        .warns("deletes every valid backup")
        .warns("hint: add --yes");
    assert_eq!(ids(&world), [1, 2]);
    world.run(["purge", "--keep=0", "--dry-run"]).ok();
    world.run(["purge", "--keep=0", "--yes"]).ok();
    assert_eq!(ids(&world), [] as [u64; 0]);
    world.run(["purge"]).code(2).warns("--keep");
}

#[test]
fn garbage_is_collected_and_unknown_files_are_kept() {
    let world = World::with_backup();
    let orphan = world
        .repo()
        .join("shared_checksum/000999_sABCDEFGHIJ0123456789_3.sst");
    let stranger = world.repo().join("shared_checksum/notes.txt");
    fs::write(&orphan, "abc").unwrap();
    fs::write(&stranger, "mine").unwrap();
    let document = world.json(["gc"]);
    assert_eq!(
        (&document["command"], &document["too_young"]),
        (&"gc".into(), &1.into())
    );
    assert!(orphan.exists());
    world
        .run(["gc", "--min-age=0", "--dry-run"])
        .ok()
        .says("000999_s")
        .says("unknown_origin");
    let ended = world.run(["gc", "--min-age=0"]).ok();
    ended
        .says("removed 1 file, 3 B freed")
        .says("left alone: shared_checksum/notes.txt");
    assert!(!orphan.exists() && stranger.exists());
    world.run(["gc", "--min-age=soon"]).code(2);
}

#[test]
fn an_unreadable_meta_file_holds_back_with_a_warning() {
    let world = three_backups();
    fs::write(world.repo().join("meta/2"), "nonsense").unwrap();
    world
        .run(["delete", "1"])
        .ok()
        .warns("retained because of meta/2")
        .warns("`stonekeep delete 2` releases");
    let document = world.json(["gc"]);
    assert_eq!(
        shape::shape(&document["held_back"]),
        "[{id: number, reason: string}]"
    );
    world.run(["delete", "2"]).ok();
    assert_eq!(world.json(["gc"])["held_back"], serde_json::json!([]));
}

#[test]
fn a_repository_that_is_not_there_is_not_made() {
    let world = World::new();
    for args in [&["gc"][..], &["purge", "--keep=1"], &["delete", "1"]] {
        world.run(args).code(4).warns("there is no repository");
    }
    assert!(!world.repo().exists());
}

#[test]
fn old_data_is_destroyed_once_the_new_can_be_read() {
    let world = World::with_two_backups();
    let destroy = |db: &str| world.run(["backup", db, "--destroy-old-data", "--yes"]);
    destroy(&world.word("nothing")).code(4);
    assert_eq!(ids(&world), [1, 2]);
    destroy(world.db()).ok();
    assert_eq!(ids(&world).len(), 1);
    world.run(["verify"]).ok();
}
