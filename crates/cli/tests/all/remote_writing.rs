//! Backups are made, collected and restored in an S3 server: see `remote.rs` for the variables.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::command::{run, stonekeep};
use crate::remote::Bucket;
use crate::world::World;

/// How many backups are killed.
const KILLS: u64 = 8;

/// The files of a restored database, but for its own log.
fn files(directory: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    let files = named.filter(|(name, path)| path.is_file() && !name.starts_with("LOG"));
    files
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect()
}

/// What a repository has below a prefix, but for these directories.
fn keys(bucket: &Bucket, prefix: &str, below: &str) -> Vec<String> {
    let keys = bucket.keys(&format!("{prefix}/{below}")).into_iter();
    keys.map(|key| key.strip_prefix(prefix).unwrap().to_owned())
        .collect()
}

/// Restores a backup from the server and the one with the same id from a directory, and compares them.
fn compare_restored(world: &World, url: &str, id: &str) {
    let (from_s3, from_disk) = (world.word(&format!("s3-{id}")), world.word(&format!("disk-{id}")));
    run(["restore", id, "--repo", url, "--to", &from_s3]).ok();
    world.run(["restore", id, "--to", &from_disk]).ok();
    let restored = files(&from_s3);
    assert!(restored.contains_key("CURRENT"));
    assert!(restored == files(&from_disk), "{id}");
}

#[test]
fn backups_on_s3_are_made_incrementally_verified_restored_and_collected() {
    let Some(bucket) =
        Bucket::of_test("backups_on_s3_are_made_incrementally_verified_restored_and_collected")
    else {
        return;
    };
    let mut world = World::new();
    let prefix = format!("write/{}", std::process::id());
    let url = bucket.url(&prefix);
    for _ in 0..2 {
        run(["backup", world.db(), "--repo", &url]).ok();
        world.run(["backup", world.db()]).ok();
        world.database.add_tables(1, 20_000);
        // More than one part.
        world.database.add_tables(1, 20 << 20);
        world.database.write(10);
    }
    let shared = keys(&bucket, &prefix, "shared_checksum");
    run(["backup", world.db(), "--repo", &url]).ok();
    world.run(["backup", world.db()]).ok();
    let more = keys(&bucket, &prefix, "shared_checksum");
    assert_eq!(more.len(), shared.len() + 2);
    run(["list", "--repo", &url]).ok().says("3");
    run(["verify", "--repo", &url]).ok();
    for id in ["1", "2", "3"] {
        compare_restored(&world, &url, id);
    }
    // An unchanged database needs no new table.
    run(["backup", world.db(), "--repo", &url]).ok();
    assert_eq!(keys(&bucket, &prefix, "shared_checksum"), more);
    assert_eq!(keys(&bucket, &prefix, "meta").len(), 4);

    run(["purge", "--keep=1", "--repo", &url]).ok();
    run(["gc", "--repo", &url]).ok();
    assert_eq!(keys(&bucket, &prefix, "meta"), ["/meta/4"]);
    run(["verify", "--repo", &url]).ok();
    for left in [
        "stonekeep/runs",
        "stonekeep/leases",
        "private/1",
        "private/2",
        "private/3",
    ] {
        assert_eq!(keys(&bucket, &prefix, left), [""; 0], "{left}");
    }
    run(["restore", "latest", "--repo", &url, "--to", &world.word("last")]).ok();
    assert!(Path::new(&world.word("last")).join("CURRENT").exists());
}

/// Kills backups at moments that differ, and goes on each time.
#[test]
fn a_backup_that_is_killed_at_any_moment_is_followed_by_one_that_succeeds() {
    let Some(bucket) =
        Bucket::of_test("a_backup_that_is_killed_at_any_moment_is_followed_by_one_that_succeeds")
    else {
        return;
    };
    let mut world = World::new();
    let prefix = format!("killed/{}", std::process::id());
    let url = bucket.url(&prefix);
    run(["backup", world.db(), "--repo", &url]).ok();
    for round in 0..KILLS {
        world.database.add_tables(6, 60_000);
        world.database.add_tables(1, 9 << 20);
        world.database.write(10);
        let mut backup = stonekeep()
            .args(["backup", world.db(), "--repo", &url])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(20 + 90 * round));
        backup.kill().unwrap();
        backup.wait().unwrap();
        run(["verify", "--repo", &url]).ok();
    }
    run(["backup", world.db(), "--repo", &url]).ok();
    run(["verify", "--repo", &url]).ok();
    run([
        "restore",
        "latest",
        "--repo",
        &url,
        "--to",
        &world.word("restored"),
    ])
    .ok();
    for (name, bytes) in files(&world.word("restored")) {
        if name.ends_with(".sst") {
            assert!(
                bytes == fs::read(world.database.path().join(&name)).unwrap(),
                "{name}"
            );
        }
    }
    run(["gc", "--repo", &url]).ok();
    assert_eq!(keys(&bucket, &prefix, "stonekeep/leases"), [""; 0]);
    // What may be left for 15 minutes: the mark of a completion that had no answer.
    for left in keys(&bucket, &prefix, "stonekeep/runs") {
        assert!(left.contains("/marks/"), "{left}");
    }
}
