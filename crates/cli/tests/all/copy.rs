//! `stonekeep copy`.

use std::fs;

use crate::shape;
use crate::world::{World, flip_bit};

const NUMBERS: &str = "files_copied: number, bytes_copied: number, files_reused: number, bytes_reused: number, \
    files_resumed: number, bytes_resumed: number, files_excluded: number";

#[test]
fn a_copy_is_incremental_and_can_be_copied_back() {
    let world = World::with_two_backups();
    let (repo, copy, back) = (world.word("repo"), world.word("copy"), world.word("back"));
    let args = ["copy", "--from", &repo, "--to", &copy];
    let plan = world.json(args.iter().copied().chain(["--dry-run"]));
    let backup =
        format!("{{id: number, new_id: number, state: string, reason: null, hint: null, {NUMBERS}}}");
    let shape = format!(
        "dry_run: bool, done: bool, from: string, to: string, backups: [{backup}], {NUMBERS}, warnings: []"
    );
    shape::check(&plan, "copy", &shape);
    assert_eq!(
        (&plan["dry_run"], world.path("copy").exists()),
        (&true.into(), false)
    );
    world
        .run(args.iter().copied().chain(["--dry-run"]))
        .ok()
        .says("would copy backups 1-2")
        .says("nothing was changed");
    world.run(args).ok().says("copied backups 1-2 of").says("copied");
    world
        .run(args)
        .ok()
        .says("copied no backup")
        .says("already there: backups 1-2");
    let again = world.json(args);
    assert_eq!(
        (&again["done"], &again["files_copied"]),
        (&true.into(), &0.into())
    );
    assert_eq!(plan["backups"][0]["state"], "copied");
    assert_eq!(again["backups"][0]["state"], "already_there");
    world.run(["verify", "--repo", &copy]).ok();
    world
        .run(["copy", "latest", "--from", &copy, "--to", &back])
        .ok()
        .says("copied backup 2");
    for (a, b) in [("repo", "copy"), ("repo", "back")] {
        let meta = |repo: &str| fs::read(world.path(repo).join("meta/2")).unwrap();
        assert_eq!(meta(a), meta(b));
    }
    world
        .run(["backup", world.db(), "--repo", &copy])
        .ok()
        .says("backup 3");
    assert!(
        world
            .run(args.iter().copied().chain(["--quiet"]))
            .ok()
            .stdout
            .is_empty()
    );
}

#[test]
fn what_is_not_copied_is_said_with_what_helps() {
    let world = World::with_two_backups();
    let (repo, copy) = (world.word("repo"), world.word("copy"));
    let args = ["copy", "--from", &repo, "--to", &copy];
    world.run(args).ok();
    world.run(["purge", "--keep=1", "--repo", &copy]).ok();
    world
        .run(args)
        .ok()
        .warns("skipped: backup 1: the id 1 was used")
        .warns("hint: --new-ids");
    world
        .run(["copy", "1", "--from", &repo, "--to", &copy])
        .code(1)
        .warns("not copied: backup 1: the id 1 was used");
    world
        .run(["copy", "1", "--new-ids", "--from", &repo, "--to", &copy])
        .ok()
        .says("backup 1 as 3");
    // Of another state: two of one state, made within a second, have the same meta file.
    let mut other = World::new();
    other.database.add_tables(1, 30_000);
    other.run(["backup", other.db()]).ok();
    world
        .run(["copy", "1", "--from", &other.word("repo"), "--to", &repo])
        .code(1)
        .warns("another backup has the id 1");
    world
        .run(["copy", "9", "--from", &repo, "--to", &copy])
        .code(4)
        .warns("there is no backup 9");
    world
        .run(["copy", "--from", &repo, "--to", &repo])
        .code(1)
        .warns("source and as the target");
    world
        .run(["copy", "--from", &world.word("nowhere"), "--to", &copy])
        .code(4);
    world
        .run(["copy", "1", "--all", "--from", &repo, "--to", &copy])
        .code(2);
    world.run(["copy", "--from", &repo]).code(2);
}

#[test]
fn damage_has_its_exit_code_and_the_other_backups_are_copied() {
    let world = World::with_two_backups();
    let (repo, copy) = (world.word("repo"), world.word("copy"));
    flip_bit(&world.repo().join("private/1/CURRENT"));
    let ended = world.run(["copy", "--from", &repo, "--to", &copy]).code(3);
    ended
        .says("copied backup 2")
        .warns("damaged: backup 1: private/1/CURRENT: its checksum is");
    let document = world
        .run(["copy", "--json", "--from", &repo, "--to", &copy])
        .code(3)
        .json();
    let damaged = &document["backups"][0];
    assert_eq!(
        (&damaged["state"], &damaged["findings"][0]["file"]),
        (&"damaged".into(), &"private/1/CURRENT".into())
    );
    world.run(["verify", "--repo", &copy]).ok();
}
