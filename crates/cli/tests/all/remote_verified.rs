//! What verifications, drills and repairs do and remember in object stores and in HDFS.

use std::fs;

use crate::command::run;
use crate::hdfs::Cluster;
use crate::remote::Bucket;
use crate::world::World;

#[test]
fn what_was_verified_and_drilled_is_remembered_on_s3() {
    let Some(bucket) = Bucket::of_test("what_was_verified_and_drilled_is_remembered_on_s3") else {
        return;
    };
    let world = World::with_two_backups();
    let prefix = format!("verified/{}", std::process::id());
    bucket.put_directory(&world.repo(), &prefix);
    remembers(&world, &bucket.url(&prefix));
    assert_eq!(bucket.names(&format!("{prefix}/stonekeep/verified")).len(), 2);
    assert_eq!(bucket.names(&format!("{prefix}/stonekeep/runs")), [""; 0]);
    repairs(&world, &bucket.url(&prefix), |path, bytes| {
        bucket.put(&format!("{prefix}/{path}"), bytes);
    });
    assert_eq!(bucket.names(&format!("{prefix}/stonekeep/runs")), [""; 0]);
}

#[test]
fn what_was_verified_and_drilled_is_remembered_in_hdfs() {
    let Some(cluster) = Cluster::of_test("what_was_verified_and_drilled_is_remembered_in_hdfs") else {
        return;
    };
    let world = World::with_two_backups();
    cluster.put_directory(&world.repo(), "verified");
    remembers(&world, &cluster.url("verified"));
    repairs(&world, &cluster.url("verified"), |path, bytes| {
        cluster.put(&format!("verified/{path}"), bytes);
    });
}

/// Damages a file, finds it and makes it again, in any store.
fn repairs(world: &World, url: &str, put: impl Fn(&str, Vec<u8>)) {
    let table = world.stored("shared_checksum").remove(0);
    let name = table.file_name().unwrap().to_str().unwrap();
    let (path, mut bytes) = (format!("shared_checksum/{name}"), fs::read(&table).unwrap());
    bytes[7] ^= 1;
    put(&path, bytes);
    run(["verify", "--repo", url]).code(3);
    run(["repair", "--repo", url]).code(3).warns("not repaired: ");
    let planned = run(["repair", "--repo", url, "--database", world.db(), "--dry-run"]).ok();
    planned.says(&path);
    run(["verify", "--repo", url]).code(3);
    run(["repair", "--repo", url, "--database", world.db()])
        .ok()
        .says(&path);
    run(["verify", "--repo", url]).ok();
    run(["repair", "--repo", url])
        .ok()
        .says("nothing is known to be damaged");
}

/// Verifies a part at a time, drills and checks, in any store.
fn remembers(world: &World, url: &str) {
    let never = || {
        let listed = run(["list", "--json", "--repo", url]).ok().json();
        listed["never_verified_bytes"].as_u64().unwrap()
    };
    let all = never();
    run(["verify", "--sample=10%", "--repo", url])
        .ok()
        .says("left for the next run: ");
    let less = never();
    assert!(0 < less && less < all, "{less} of {all}");
    run(["verify", "--max-duration=0", "--repo", url]).ok();
    run(["verify", "--repo", url]).ok();
    assert_eq!(never(), 0);
    let scratch = world.path("scratch");
    fs::create_dir(&scratch).unwrap();
    let scratch = scratch.display().to_string();
    run(["drill", "--scratch", &scratch, "--repo", url]).ok();
    run(["drill", "1", "--scratch", &scratch, "--repo", url]).ok();
    let checked = run(["check", "--json", "--max-unverified-age=1h", "--repo", url])
        .ok()
        .json();
    assert!(checked["databases"][0]["last_drill"].is_string(), "{checked}");
    run(["gc", "--repo", url]).ok();
    assert_eq!(never(), 0);
}
