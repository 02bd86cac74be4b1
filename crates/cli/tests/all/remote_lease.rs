//! Writers of one repository in an S3 server that are killed or stopped.

use std::process::Command;

use rustix::process::Signal;
use stonekeep_testkit::database::DatabaseBuilder;

use crate::remote::Bucket;
use crate::running::Running;
use crate::world::World;

/// A low rate: a small table is there at once, all tables only after minutes.
const BYTES_A_SECOND: &str = "20000";

/// A database of one small table and large ones.
fn large(tables: usize) -> World {
    let mut world = World::with(DatabaseBuilder::new());
    world.database.add_tables(1, 1_000);
    world.database.add_tables(tables, 100_000);
    world
}

fn command(world: &World, words: &[&str], url: &str) -> Command {
    let mut command = world.command();
    command.args(words).args(["--repo", url]);
    command.args(["--store-option", "lease_period=20"]);
    command
}

/// A backup that has uploaded a table, and uploads the next one.
fn uploading(world: &World, bucket: &Bucket, prefix: &str) -> Running {
    let words = [
        "backup",
        world.db(),
        "--backup-rate-limit",
        BYTES_A_SECOND,
        "--max-background-operations=1",
    ];
    let mut running = Running::start(command(world, &words, &bucket.url(prefix)));
    let tables = format!("{prefix}/shared_checksum");
    running.wait_until(|| !bucket.names(&tables).is_empty());
    running
}

fn ended(world: &World, words: &[&str], url: &str) -> crate::command::Ended {
    command(world, words, url).output().unwrap().into()
}

fn has_one_whole_backup(world: &World, bucket: &Bucket, prefix: &str) {
    let url = bucket.url(prefix);
    let listed = ended(world, &["list", "--json"], &url).ok().json();
    assert_eq!(listed["backups"].as_array().unwrap().len(), 1, "{listed}");
    ended(world, &["verify"], &url).ok();
    let none: [&str; 0] = [];
    for left in ["stonekeep/leases", "stonekeep/pins", "stonekeep/runs"] {
        assert_eq!(bucket.names(&format!("{prefix}/{left}")), none);
    }
}

#[test]
fn a_living_writer_is_respected_and_a_killed_one_followed_at_once() {
    let test = "a_living_writer_is_respected_and_a_killed_one_followed_at_once";
    let Some(bucket) = Bucket::of_test(test) else {
        return;
    };
    let (world, prefix) = (large(60), format!("killed/{}", std::process::id()));
    let url = bucket.url(&prefix);
    let mut running = uploading(&world, &bucket, &prefix);
    ended(&world, &["backup", world.db()], &url)
        .code(5)
        .warns("is locked by")
        .warns("if it has died");
    running.send(Signal::KILL);
    running.end();
    assert_eq!(bucket.names(&format!("{prefix}/stonekeep/leases")).len(), 1);
    ended(&world, &["backup", world.db()], &url).ok();
    has_one_whole_backup(&world, &bucket, &prefix);
}

#[test]
fn a_stopped_writer_commits_nothing_when_it_goes_on() {
    let Some(bucket) = Bucket::of_test("a_stopped_writer_commits_nothing_when_it_goes_on") else {
        return;
    };
    let (world, prefix) = (large(6), format!("stopped/{}", std::process::id()));
    let url = bucket.url(&prefix);
    let mut running = uploading(&world, &bucket, &prefix);
    running.send(Signal::STOP);
    ended(&world, &["backup", world.db(), "--lock-wait=forever"], &url).ok();
    running.send(Signal::CONT);
    running.end().code(5).warns("the lease of");
    has_one_whole_backup(&world, &bucket, &prefix);
}
