//! `verify`.

use std::fs;

use crate::shape;
use crate::world::World;

const HEAD: &str = "clean: bool, level: string, files_checked: number, bytes_checked: number, backups: [{id: number, \
    state: string, findings: [";

#[test]
fn alone_it_means_every_byte_of_all_backups() {
    let world = World::with_two_backups();
    let document = world.json(["verify"]);
    let expected = format!("{HEAD}], unsupported: null, unverifiable: []}}], findings: [], warnings: []");
    shape::check(&document, "verify", &expected);
    assert_eq!(
        (&document["clean"], &document["level"]),
        (&true.into(), &"checksum".into())
    );
    assert_eq!(document["backups"].as_array().unwrap().len(), 2);
    world.run(["verify"]).ok().says("all right: ").says("2 backups");
    world.run(["verify", "--all", "--quiet"]).ok();
    assert_eq!(
        world.json(["verify", "latest"])["backups"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    world.run(["verify", "1", "--all"]).code(2);
}

#[test]
fn damage_is_found_with_the_backups_that_it_touches() {
    let world = World::with_two_backups();
    let damaged = world.damage_shared_file();
    let ended = world
        .run(["verify"])
        .code(3)
        .says(&format!("damaged: {damaged}: "));
    ended
        .says("(backups 1-2)")
        .says("not all right: 2 of 2 backups, ");
    let mut command = world.command();
    let output = command.args(["verify", "--json"]).output().unwrap();
    let document = crate::command::Ended::from(output).code(3).json();
    let expected = format!(
        "{HEAD}{{file: string, reason: string}}], unsupported: null, unverifiable: []}}], \
         findings: [{{file: string, kind: string, reason: string, backups: [number]}}], warnings: []"
    );
    shape::check(&document, "verify", &expected);
    assert_eq!(document["findings"][0]["kind"], "wrong_checksum");
    assert_eq!(document["findings"][0]["backups"], serde_json::json!([1, 2]));
    world.run(["verify", "--level=size"]).ok();
}

#[test]
fn the_size_is_enough_to_find_what_is_missing() {
    let world = World::with_backup();
    let lost = world.lose_shared_file();
    world
        .run(["verify", "1", "--level", "size", "--verify-rate-limit=1MiB"])
        .code(3)
        .says(&lost);
}

#[test]
fn a_meta_file_that_a_newer_engine_wrote_is_unsupported() {
    let world = World::with_backup();
    fs::write(world.repo().join("meta/2"), "schema_version 3\n").unwrap();
    let ended = world.run(["verify"]);
    assert_ne!(ended.code, Some(0), "{ended:?}");
    ended.says("unsupported: backup 2: ");
}

#[test]
fn the_latest_backup_is_the_newest_even_if_it_is_damaged() {
    let world = World::with_two_backups();
    fs::remove_file(world.repo().join("private/2/CURRENT")).unwrap();
    world.run(["verify", "latest"]).code(3).says("private/2/CURRENT");
    assert_eq!(world.json(["show", "latest"])["backup"]["id"], 2);
    let to = world.word("new");
    world
        .run(["restore", "latest", "--to", &to])
        .code(3)
        .warns("latest-valid");
    assert!(!world.path("new/CURRENT").exists());
}

#[test]
fn a_repository_without_backups_is_not_all_right() {
    let world = World::with_backup();
    world.run(["delete", "1", "--yes"]).ok();
    world.run(["verify"]).code(4).warns("there is no backup in ");
    world
        .run(["verify", "latest"])
        .code(4)
        .warns("there is no backup in ");

    let world = World::new();
    world.run(["verify"]).code(4).warns("there is no repository at ");
    fs::create_dir_all(world.repo().join("private/1")).unwrap();
    fs::create_dir_all(world.repo().join("meta")).unwrap();
    world
        .run(["verify"])
        .code(4)
        .warns("the first one has not been completed");
}
