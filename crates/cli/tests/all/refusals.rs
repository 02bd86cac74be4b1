//! What is refused, with the reason.

use std::fs;

use crate::command::run;
use crate::world::World;

#[test]
fn a_repository_that_is_the_database_or_has_it_inside() {
    let world = World::new();
    let backup = |repo: &str| run(["backup", world.db(), "--repo", repo]);
    backup(world.db())
        .code(1)
        .warns("is named as the database and as the repository");
    backup(&world.word(""))
        .code(1)
        .warns("lies inside the repository");
    let wals = world.word("repo/wals");
    let ended = run([
        "backup",
        world.db(),
        "--wal-dir",
        &wals,
        "--repo",
        &world.word("repo"),
    ]);
    ended
        .code(1)
        .warns("a directory of the database, lies inside the repository");
    backup(&world.word("db/backups")).ok();
    backup(&world.word("db/backups")).ok();
}

#[test]
fn a_directory_that_is_something_else() {
    let world = World::new();
    fs::create_dir(world.repo()).unwrap();
    fs::write(world.repo().join("letter.txt"), "dear").unwrap();
    world
        .run(["backup", world.db()])
        .code(1)
        .warns("letter.txt")
        .warns("hint: ");
    world.run(["list"]).code(4).warns("letter.txt");
    assert_eq!(fs::read_dir(world.repo()).unwrap().count(), 1);
}

#[test]
fn a_repository_that_is_a_link_to_nothing() {
    let world = World::new();
    std::os::unix::fs::symlink("gone", world.repo()).unwrap();
    world
        .run(["backup", world.db()])
        .code(4)
        .warns("is a symbolic link to a place that is not there");
    fs::create_dir(world.path("gone")).unwrap();
    world.run(["backup", world.db()]).ok();
    world.run(["verify"]).ok();
}

#[test]
fn a_url_that_names_no_store() {
    for (url, reason) in [
        ("ftp://host/prefix", "use s3, gs, az, hdfs, https or file"),
        ("s3:///prefix", "it names no bucket"),
        ("s3://me:word@bucket/a//b", "is not the URL of a store"),
    ] {
        let ended = run(["list", "--repo", url])
            .code(2)
            .warns(reason)
            .warns("put ./ before it");
        assert!(!ended.stderr.contains("word"), "{ended:?}");
    }
    let wrong = ["--store-option", "aws_regoin=x"];
    run(["list", "--repo", "s3://bucket/prefix"].into_iter().chain(wrong))
        .code(2)
        .warns("aws_regoin");
    run(["list", "--repo", "."].into_iter().chain(wrong))
        .code(2)
        .warns("--store-option is for stores");
}

#[test]
fn another_database() {
    let world = World::with_backup();
    let other = stonekeep_testkit::database::DatabaseBuilder::new()
        .database_id("another")
        .create(&world.path("other"));
    let path = other.path().to_str().unwrap();
    world.run(["backup", path]).code(1).warns("error: ");
    world.run(["backup", path, "--allow-other-database"]).ok();
}

#[test]
fn destroying_old_data_without_yes() {
    let world = World::with_two_backups();
    let ended = world.run(["backup", world.db(), "--destroy-old-data"]);
    ended
        .code(1)
        .warns("deletes every backup")
        .warns("hint: add --yes");
    assert_eq!(world.json(["list"])["backups"].as_array().unwrap().len(), 2);
    world
        .run(["backup", world.db(), "--destroy-old-data", "--dry-run"])
        .code(2);
}

#[test]
fn a_directory_that_is_no_database_is_refused() {
    let world = World::new();
    world
        .run(["backup", &world.word("nothing")])
        .code(4)
        .warns("error: ");
    assert!(!world.repo().exists());
}
