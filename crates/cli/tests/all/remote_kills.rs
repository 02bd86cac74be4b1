//! Every verb that works on an S3 server is killed at moments that differ: see `remote.rs` for the variables.
//!
//! `STONEKEEP_KILLS` says how often each is killed.

use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{run, stonekeep};
use crate::remote::Bucket;
use crate::world::{World, tables};

/// How often each verb is killed where nobody says otherwise.
const KILLS: u64 = 6;

/// Short leases: one that was deleting is waited for.
const LEASE: [&str; 2] = ["--store-option", "lease_period=20s"];

fn kills() -> u64 {
    let kills = std::env::var("STONEKEEP_KILLS").ok();
    kills.and_then(|kills| kills.parse().ok()).unwrap_or(KILLS)
}

/// A repository on the server, and moments at which its commands are killed.
struct Killed {
    bucket: Bucket,
    prefix: String,
    url: String,
    /// A random number for each round, the same in every run.
    random: u64,
}

impl Killed {
    fn of_test(test: &str) -> Option<Self> {
        let bucket = Bucket::of_test(test)?;
        let prefix = format!("kills/{test}/{}", std::process::id());
        Some(Killed {
            url: bucket.url(&prefix),
            bucket,
            prefix,
            random: 0x9e37_79b9_7f4a_7c15,
        })
    }

    fn start(&self, words: &[&str]) -> Child {
        let mut command = stonekeep();
        command.args(words).args(["--repo", &self.url]).args(LEASE);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// How long this takes when nothing kills it.
    fn time(&self, words: &[&str]) -> Duration {
        let begun = Instant::now();
        self.run(words);
        begun.elapsed()
    }

    /// Runs this, and kills it at a moment within a time, or somewhat later.
    fn kill(&mut self, words: &[&str], within: Duration) {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let part = (self.random >> 33) as f64 / f64::from(1_u32 << 31);
        let mut child = self.start(words);
        thread::sleep(within.mul_f64(part * 1.1));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Runs this, which must succeed, waiting for what a killed one was deleting.
    fn run(&self, words: &[&str]) {
        let more = ["--repo", &self.url].into_iter().chain(LEASE);
        run(words.iter().copied().chain(more)).ok();
    }

    /// No lease, pin or record of a run is left, and no private file without a backup.
    fn assert_nothing_is_left(&self) {
        self.run(&["gc", "--lock-wait=60s", "--min-age=0s"]);
        let below = |directory: &str| self.bucket.keys(&format!("{}/{directory}", self.prefix));
        for directory in ["stonekeep/leases", "stonekeep/pins", "stonekeep/deleted"] {
            assert_eq!(below(directory), [""; 0], "{directory}");
        }
        // The mark of a completion that had no answer stays for 15 minutes.
        let records = below("stonekeep/runs");
        assert!(records.iter().all(|key| key.contains("/marks/")), "{records:?}");
        let ids = |directory: &str| -> Vec<String> {
            let keys = below(directory).into_iter();
            let start = self.prefix.len() + directory.len() + 2;
            let mut ids: Vec<String> = keys
                .filter_map(|key| key.get(start..)?.split('/').next().map(str::to_owned))
                .collect();
            ids.dedup();
            ids
        };
        assert_eq!(ids("private"), ids("meta"));
    }
}

/// A database of some tables, of which two are sent in parts.
fn world() -> World {
    let mut world = World::new();
    world.database.add_tables(20, 40_000);
    world.database.add_tables(2, 9 << 20);
    world
}

#[test]
fn a_killed_purge_or_collection_loses_no_backup() {
    let test = "a_killed_purge_or_collection_loses_no_backup";
    let Some(mut killed) = Killed::of_test(test) else {
        return;
    };
    let mut world = world();
    let db = world.db().to_owned();
    for _ in 0..3 {
        killed.run(&["backup", &db]);
        world.database.add_tables(3, 20_000);
    }
    let within = killed.time(&["purge", "--keep=2"]);
    for round in 0..kills() {
        killed.run(&["backup", &db, "--lock-wait=60s"]);
        world.database.add_tables(2, 20_000);
        killed.kill(&["purge", "--keep=2"], within);
        if round % 2 == 0 {
            killed.kill(&["gc"], within);
        }
        killed.run(&["verify", "--level=checksum"]);
        // The next one has no more to do than this one.
        killed.run(&["purge", "--keep=2", "--lock-wait=60s"]);
    }
    killed.assert_nothing_is_left();
    killed.run(&["verify", "--level=checksum"]);
}

#[test]
fn a_killed_backup_sends_nothing_twice() {
    let test = "a_killed_backup_sends_nothing_twice";
    let Some(mut killed) = Killed::of_test(test) else {
        return;
    };
    let mut world = world();
    let db = world.db().to_owned();
    let within = killed.time(&["backup", &db]);
    for _ in 0..kills() {
        world.database.add_tables(12, 40_000);
        world.database.add_tables(1, 9 << 20);
        killed.kill(&["backup", &db], within);
        killed.run(&["verify"]);
    }
    // Nothing is waited for: the lock of the dead is seen on the same machine.
    killed.run(&["backup", &db]);
    killed.run(&["verify", "--level=checksum"]);
    killed.run(&["restore", "latest", "--to", &world.word("back")]);
    assert!(tables(&world.path("back")) == tables(world.database.path()));
    killed.assert_nothing_is_left();
}

#[test]
fn a_killed_restore_is_resumed() {
    let test = "a_killed_restore_is_resumed";
    let Some(mut killed) = Killed::of_test(test) else {
        return;
    };
    let world = world();
    killed.run(&["backup", world.db()]);
    let within = killed.time(&["restore", "1", "--to", &world.word("first")]);
    for round in 0..kills() {
        let to = world.word(&format!("to-{round}"));
        killed.kill(&["restore", "1", "--to", &to], within);
        killed.run(&["restore", "1", "--to", &to]);
        assert!(tables(&world.path(&format!("to-{round}"))) == tables(world.database.path()));
        fs::remove_dir_all(&to).unwrap();
    }
    killed.run(&["verify", "--level=checksum"]);
}

#[test]
fn a_killed_copy_is_resumed() {
    let test = "a_killed_copy_is_resumed";
    let Some(mut killed) = Killed::of_test(test) else {
        return;
    };
    let mut world = world();
    world.run(["backup", world.db()]).ok();
    let repo = world.word("repo");
    let copy = |url: &str| -> Vec<String> {
        let words = ["copy", "--all", "--from", &repo, "--to", url];
        words
            .into_iter()
            .chain(["--to-store-option", LEASE[1]])
            .map(str::to_owned)
            .collect()
    };
    let words = copy(&killed.url);
    let begun = Instant::now();
    run(&words).ok();
    let within = begun.elapsed();
    for _ in 0..kills() {
        world.database.add_tables(6, 40_000);
        world.database.add_tables(1, 9 << 20);
        world.run(["backup", world.db()]).ok();
        killed.random = killed
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let part = (killed.random >> 33) as f64 / f64::from(1_u32 << 31);
        let mut command = stonekeep();
        command.args(&words).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        thread::sleep(within.mul_f64(part * 1.1));
        child.kill().unwrap();
        child.wait().unwrap();
        killed.run(&["verify"]);
    }
    run(&words).ok();
    killed.run(&["verify", "--level=checksum"]);
    let list = |repo: &str| run(["list", "--repo", repo]).ok().stdout;
    assert_eq!(list(&killed.url), list(&repo));
    killed.assert_nothing_is_left();
}
