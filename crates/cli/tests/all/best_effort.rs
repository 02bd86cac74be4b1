//! `restore --best-effort` brings back what is whole of a damaged backup.

use std::fs;

use crate::world::World;

#[test]
fn what_is_left_out_is_listed_and_the_exit_code_says_so() {
    let world = World::with_two_backups();
    let path = world.lose_shared_file();
    let target = world.word("restored");
    world
        .run(["restore", "2", "--to", &world.word("refused")])
        .code(3);
    let restore = ["restore", "2", "--best-effort", "--to", &target];
    let planned = world
        .run(restore.into_iter().chain(["--dry-run", "--json"]))
        .code(3)
        .json();
    assert!(!fs::exists(&target).unwrap());
    let lost = &planned["salvage"]["lost"][0];
    assert_eq!(lost["path"], *path);
    let name = lost["name"].as_str().unwrap();
    world
        .run(restore)
        .code(3)
        .says("backup 2 is restored to")
        .says(&format!("left out: {name} (column family default, level "))
        .warns("1 of ")
        .warns("are not restored");
    assert!(!fs::exists(format!("{target}/{name}")).unwrap());
    // Nothing is missing of what is there.
    world
        .run(["backup", &target, "--repo", &world.word("other")])
        .ok();
}

#[test]
fn it_takes_the_place_of_no_database() {
    let world = World::with_two_backups();
    world
        .run(["restore", "--best-effort", "--to", world.db()])
        .code(1)
        .warns("--best-effort")
        .warns("new directory");
    world
        .run([
            "restore",
            "latest-valid",
            "--best-effort",
            "--to",
            &world.word("new"),
        ])
        .code(1)
        .warns("leave out --best-effort");
    world
        .run(["restore", "--best-effort", "--abort", "--to", &world.word("new")])
        .code(2);
    world
        .run(["restore", "--best-effort", "--to", &world.word("new")])
        .ok();
}
