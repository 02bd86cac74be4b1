//! Every verb that works on an S3 server or on HDFS is killed at moments that differ: see `remote.rs` and `hdfs.rs` for the
//! variables.
//!
//! `STONEKEEP_KILLS` says how often each is killed.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{run, stonekeep};
use crate::hdfs::Cluster;
use crate::place::Place;
use crate::remote::Bucket;
use crate::world::{World, tables};

/// How often each verb is killed on S3 where nobody says otherwise, and on HDFS, where every command takes seconds.
const KILLS: u64 = 6;
const KILLS_IN_HDFS: u64 = 2;

/// How many collections may find what is not old enough.
const PATIENCE: u32 = 120;

/// A repository on the server, and moments at which its commands are killed.
struct Killed {
    place: Place,
    prefix: String,
    url: String,
    /// A random number for each round, the same in every run.
    random: u64,
    kills: u64,
}

impl Killed {
    /// In the bucket for tests.
    fn in_bucket(test: &str) -> Option<Self> {
        let place = Place::Bucket(Bucket::of_test(test)?);
        let prefix = format!("kills/{test}/{}", std::process::id());
        Some(Killed::new(place, prefix, KILLS))
    }

    /// In the cluster for tests.
    fn in_hdfs(test: &str) -> Option<Self> {
        let place = Place::Hdfs(Cluster::of_test(test)?);
        Some(Killed::new(place, "app".to_owned(), KILLS_IN_HDFS))
    }

    fn new(place: Place, prefix: String, kills: u64) -> Self {
        let wanted = std::env::var("STONEKEEP_KILLS").ok();
        Killed {
            url: place.url(&prefix),
            place,
            prefix,
            random: 0x9e37_79b9_7f4a_7c15,
            kills: wanted.and_then(|kills| kills.parse().ok()).unwrap_or(kills),
        }
    }

    /// A database of some tables, two of them large.
    fn world(&self) -> World {
        let mut world = World::new();
        world.database.add_tables(20, 40_000);
        world.database.add_tables(2, self.place.large_table());
        world
    }

    /// How long this takes when nothing kills it.
    fn time(&self, words: &[&str]) -> Duration {
        let begun = Instant::now();
        self.run(words);
        begun.elapsed()
    }

    /// Runs this on the repository, and kills it at a moment within a time, or somewhat later.
    fn kill(&mut self, words: &[&str], within: Duration) {
        let mut command = stonekeep();
        command
            .args(words)
            .args(["--repo", &self.url])
            .args(self.place.options("--store-option"));
        self.kill_command(command, within);
    }

    fn kill_command(&mut self, mut command: Command, within: Duration) {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let part = (self.random >> 33) as f64 / f64::from(1_u32 << 31);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(within.mul_f64(part * 1.1));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Runs this, which must succeed, waiting for what a killed one was deleting.
    fn run(&self, words: &[&str]) {
        let more = [vec!["--repo", &self.url], self.place.options("--store-option")].concat();
        run(words.iter().copied().chain(more)).ok();
    }

    /// In HDFS a holder of the lease has a directory, and an empty one counts for a quota.
    fn holders(&self) -> Vec<String> {
        let Place::Hdfs(cluster) = &self.place else {
            return Vec::new();
        };
        let below = |directory: &str| cluster.directories(&format!("{}/stonekeep/{directory}", self.prefix));
        [below("runs"), below("tmp")].concat()
    }

    /// No lease, pin or record of a run is left, and no private file without a backup.
    fn assert_nothing_is_left(&self) {
        let below = |directory: &str| self.place.keys(&format!("{}/{directory}", self.prefix));
        // Nobody else is there, so that the period may be shorter than that of those who were killed.
        let words = [
            vec!["gc", "--lock-wait=60s", "--min-age=0s", "--repo", &self.url],
            self.place.shortest("--store-option"),
        ];
        // What a killed reader or one that was about to take the lease has left stays until it is old.
        for _ in 0..PATIENCE {
            let is_empty = |directory: &str| below(&format!("stonekeep/{directory}")).is_empty();
            let has_ended_well = run(words.concat()).code == Some(0);
            if has_ended_well && is_empty("pins") && is_empty("tmp") && self.holders().is_empty() {
                break;
            }
            thread::sleep(Duration::from_secs(1));
        }
        for directory in ["leases", "pins", "deleted", "tmp"] {
            assert_eq!(below(&format!("stonekeep/{directory}")), [""; 0], "{directory}");
        }
        assert_eq!(self.holders(), [""; 0]);
        // The mark of a completion that had no answer stays for 15 minutes.
        let records = below("stonekeep/runs");
        assert!(records.iter().all(|key| key.contains("/marks/")), "{records:?}");
        let ids = |directory: &str| -> Vec<String> {
            let keys = below(directory).into_iter();
            let mut ids: Vec<String> = keys
                .filter_map(|key| Some(key.split('/').next()?.to_owned()))
                .collect();
            ids.sort();
            ids.dedup();
            ids
        };
        assert_eq!(ids("private"), ids("meta"));
    }
}

fn purge_and_collect(mut killed: Killed) {
    let mut world = killed.world();
    let db = world.db().to_owned();
    for _ in 0..3 {
        killed.run(&["backup", &db]);
        world.database.add_tables(3, 20_000);
    }
    let within = killed.time(&["purge", "--keep=2"]);
    for round in 0..killed.kills {
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

fn back_up(mut killed: Killed) {
    let mut world = killed.world();
    let db = world.db().to_owned();
    let within = killed.time(&["backup", &db]);
    for _ in 0..killed.kills {
        world.database.add_tables(12, 40_000);
        world.database.add_tables(1, killed.place.large_table());
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

fn restore(mut killed: Killed) {
    let world = killed.world();
    killed.run(&["backup", world.db()]);
    let within = killed.time(&["restore", "1", "--to", &world.word("first")]);
    for round in 0..killed.kills {
        let to = world.word(&format!("to-{round}"));
        killed.kill(&["restore", "1", "--to", &to], within);
        killed.run(&["restore", "1", "--to", &to]);
        assert!(tables(&world.path(&format!("to-{round}"))) == tables(world.database.path()));
        fs::remove_dir_all(&to).unwrap();
    }
    killed.assert_nothing_is_left();
    killed.run(&["verify", "--level=checksum"]);
}

fn copy(mut killed: Killed) {
    let mut world = killed.world();
    world.run(["backup", world.db()]).ok();
    let repo = world.word("repo");
    let copy = |url: &str| -> Vec<String> {
        let words = ["copy", "--all", "--from", &repo, "--to", url];
        words
            .into_iter()
            .chain(killed.place.options("--to-store-option"))
            .map(str::to_owned)
            .collect()
    };
    let words = copy(&killed.url);
    let begun = Instant::now();
    run(&words).ok();
    let within = begun.elapsed();
    for _ in 0..killed.kills {
        world.database.add_tables(6, 40_000);
        world.database.add_tables(1, killed.place.large_table());
        world.run(["backup", world.db()]).ok();
        let mut command = stonekeep();
        command.args(&words);
        killed.kill_command(command, within);
        killed.run(&["verify"]);
    }
    let copied = run(&words).ok();
    killed.run(&["verify", "--level=checksum"]);
    // Behind the sizes comes since when it was verified, which only the copy was.
    let list = |repo: &str| {
        let listed = run(["list", "--repo", repo]).ok().stdout;
        listed.split(" in all").next().unwrap().to_owned()
    };
    assert_eq!(list(&killed.url), list(&repo), "{copied:?}");
    killed.assert_nothing_is_left();
}

#[test]
fn a_killed_purge_or_collection_loses_no_backup() {
    if let Some(killed) = Killed::in_bucket("a_killed_purge_or_collection_loses_no_backup") {
        purge_and_collect(killed);
    }
}

#[test]
fn a_killed_purge_or_collection_loses_no_backup_in_hdfs() {
    if let Some(killed) = Killed::in_hdfs("a_killed_purge_or_collection_loses_no_backup_in_hdfs") {
        purge_and_collect(killed);
    }
}

#[test]
fn a_killed_backup_sends_nothing_twice() {
    if let Some(killed) = Killed::in_bucket("a_killed_backup_sends_nothing_twice") {
        back_up(killed);
    }
}

#[test]
fn a_killed_backup_sends_nothing_twice_in_hdfs() {
    if let Some(killed) = Killed::in_hdfs("a_killed_backup_sends_nothing_twice_in_hdfs") {
        back_up(killed);
    }
}

#[test]
fn a_killed_restore_is_resumed() {
    if let Some(killed) = Killed::in_bucket("a_killed_restore_is_resumed") {
        restore(killed);
    }
}

#[test]
fn a_killed_restore_is_resumed_in_hdfs() {
    if let Some(killed) = Killed::in_hdfs("a_killed_restore_is_resumed_in_hdfs") {
        restore(killed);
    }
}

#[test]
fn a_killed_copy_is_resumed() {
    if let Some(killed) = Killed::in_bucket("a_killed_copy_is_resumed") {
        copy(killed);
    }
}

#[test]
fn a_killed_copy_is_resumed_in_hdfs() {
    if let Some(killed) = Killed::in_hdfs("a_killed_copy_is_resumed_in_hdfs") {
        copy(killed);
    }
}
