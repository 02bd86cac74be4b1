//! What people type who do not know the command: each mistake has a hint that names what was meant.

use std::fs;

use crate::command::{line, run};
use crate::world::World;

#[test]
fn a_path_in_place_of_an_id_names_the_option() {
    let world = World::with_backup();
    let repo = world.word("repo");
    for args in [["verify", &repo], ["show", &repo], ["delete", &repo]] {
        run(args).code(2).warns("a repository by --repo");
    }
    run(["restore", &repo, "--to", &world.word("new")])
        .code(2)
        .warns("a repository by --repo");
}

#[test]
fn a_surplus_argument_names_the_option() {
    let world = World::with_backup();
    let repo = world.word("repo");
    let hint = format!("hint: options are named: --repo {repo}");
    run(["backup", world.db(), &repo]).code(2).warns(&hint);
    run(["list", &repo]).code(2).warns(&hint);
    run(["gc", &repo]).code(2).warns(&hint);
    line("purge 3 --repo x")
        .code(2)
        .warns("hint: options are named: --keep 3");
    let to = world.word("new");
    run(["restore", "1", &to, "--repo", &repo])
        .code(2)
        .warns(&format!("--to {to}"));
    let document = line("purge 3 --repo x --json").code(2).json();
    assert_eq!(document["error"]["hint"], "options are named: --keep 3");
}

#[test]
fn database_and_repository_in_each_others_place_are_named() {
    let world = World::with_backup();
    let (db, repo) = (world.db().to_owned(), world.word("repo"));
    let ended = run(["backup", &repo, "--repo", &db]).code(1);
    ended
        .warns("is a repository, and ")
        .warns(&format!("stonekeep backup {db} --repo {repo}"));
    run(["list", "--repo", &db])
        .code(4)
        .warns("is a RocksDB database");
    run(["restore", "--repo", &db, "--to", &world.word("new")])
        .code(4)
        .warns("is a RocksDB database");
}

#[test]
fn a_database_that_is_a_file_and_a_wal_dir_that_is_absent_are_named() {
    let world = World::new();
    let file = world.word("file");
    fs::write(&file, "x").unwrap();
    world
        .run(["backup", &file])
        .code(1)
        .warns("is a file")
        .warns("hint: ");
    let absent = world.word("absent");
    world
        .run(["backup", world.db(), "--wal-dir", &absent])
        .code(4)
        .warns("--wal-dir");
    assert!(!world.repo().exists());
}

#[test]
fn help_and_version_are_verbs_too() {
    assert_eq!(line("help purge").ok().stdout, line("purge --help").ok().stdout);
    line("version").ok().says(env!("CARGO_PKG_VERSION"));
    assert_eq!(
        line("version --json").ok().json()["version"],
        env!("CARGO_PKG_VERSION")
    );
}

#[test]
fn units_that_people_type_are_taken() {
    let world = World::new();
    world
        .run([
            "backup",
            world.db(),
            "--backup-rate-limit=50MiB/s",
            "--io-buffer-size=1.5MiB",
            "--lock-wait=1h30m",
        ])
        .ok();
    world.run(["gc", "--min-age=1w"]).ok();
    world
        .run(["backup", world.db(), "--io-buffer-size=1"])
        .code(2)
        .warns("4KiB");
}

#[test]
fn what_the_engine_finds_invalid_is_no_usage_error() {
    let world = World::new();
    let conflicting = ["backup", world.db(), "--exclude=*.sst"];
    world.run(conflicting).code(2).warns("--schema-version=2");
    let metadata = world.word("metadata");
    fs::write(&metadata, vec![b'x'; (1 << 20) + 1]).unwrap();
    world
        .run(["backup", world.db(), "--app-metadata-file", &metadata])
        .code(1)
        .warns("application metadata");
}
