//! Processes that back up, collect and restore at the same time in one repository on an S3 server: see `remote.rs` for the
//! variables. `STONEKEEP_TOGETHER_SECONDS` says for how long.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use stonekeep_testkit::database::DatabaseBuilder;

use crate::command::{Ended, stonekeep};
use crate::remote::Bucket;
use crate::world::{World, tables};

/// How long they run where nobody says otherwise.
const SECONDS: u64 = 10;
const WRITERS: usize = 3;
const COLLECTORS: usize = 2;
const READERS: usize = 2;
/// Short leases, and patience for all the others.
const PERIOD: &str = "lease_period=20";
const WAITS: &str = "--lock-wait=forever";

/// The tables of a backup.
type Tables = BTreeMap<String, (usize, u32)>;

fn tables_of(directory: &Path) -> Tables {
    let tables = tables(directory).into_iter();
    tables
        .map(|(name, bytes)| (name, (bytes.len(), crc32c::crc32c(&bytes))))
        .collect()
}

/// One repository, and what its backups must be.
struct Together {
    url: String,
    until: Instant,
    made: Mutex<BTreeMap<u64, Tables>>,
    collections: AtomicUsize,
    restored: AtomicUsize,
    gone: AtomicUsize,
}

impl Together {
    fn run(&self, words: &[&str]) -> Ended {
        let mut command = stonekeep();
        command
            .args(words)
            .args(["--repo", &self.url, "--store-option", PERIOD]);
        command.output().unwrap().into()
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    /// Each writer has a database of its own, whose tables have sizes that no other has.
    fn write(&self, writer: usize) {
        let id = format!("f5a0e2c1-7b1d-4c55-9d2e-5b8a4d1c0e{writer:02}");
        let mut world = World::with(DatabaseBuilder::new().database_id(&id));
        let mut rng = Rng::with_seed(writer as u64);
        while self.goes_on() {
            for _ in 0..rng.usize(0..4) {
                let size = rng.usize(1_000..20_000) * WRITERS + writer;
                world.database.add_tables(1, size);
            }
            if rng.u8(0..4) == 0 {
                world.database.add_tables(1, (3 << 20) * WRITERS + writer);
            }
            world.database.write(3);
            let words = [
                "backup",
                world.db(),
                "--json",
                "--allow-other-database",
                "--accept=sequence-went-back",
                WAITS,
            ];
            let ended = self.run(&words).ok();
            let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
            let id = document["backup_id"].as_u64().unwrap();
            let earlier = self
                .made
                .lock()
                .unwrap()
                .insert(id, tables_of(world.database.path()));
            assert!(earlier.is_none(), "two backups have the id {id}");
        }
    }

    fn collect(&self, collector: usize) {
        let mut rng = Rng::with_seed(100 + collector as u64);
        while self.goes_on() {
            let keep = format!("--keep={}", rng.usize(2..6));
            self.run(&["purge", &keep, "--accept=sequence-went-back", WAITS])
                .ok();
            self.run(&["gc", WAITS]).ok();
            self.collections.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn restore(&self, reader: usize) {
        let world = World::with(DatabaseBuilder::new());
        let mut rng = Rng::with_seed(200 + reader as u64);
        while self.goes_on() {
            let ids: Vec<u64> = self.made.lock().unwrap().keys().rev().take(4).copied().collect();
            if ids.is_empty() {
                thread::sleep(Duration::from_millis(50));
                continue;
            }
            let id = ids[rng.usize(0..ids.len())];
            let to = world.word("restored");
            let ended = self.run(&["restore", &id.to_string(), "--to", &to]);
            match ended.code {
                Some(0) => {
                    let made = self.made.lock().unwrap();
                    assert!(tables_of(Path::new(&to)) == made[&id], "backup {id}");
                    self.restored.fetch_add(1, Ordering::Relaxed);
                }
                // Purged before or while it was read, and said so.
                _ => {
                    ended.code(4).warns("error: ");
                    self.gone.fetch_add(1, Ordering::Relaxed);
                }
            }
            drop(fs::remove_dir_all(&to));
        }
    }
}

#[test]
fn many_processes_share_one_repository() {
    let test = "many_processes_share_one_repository";
    let Some(bucket) = Bucket::of_test(test) else {
        return;
    };
    let seconds = std::env::var("STONEKEEP_TOGETHER_SECONDS").ok();
    let seconds = seconds
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(SECONDS);
    let prefix = format!("together/{}", std::process::id());
    let together = Together {
        url: bucket.url(&prefix),
        until: Instant::now() + Duration::from_secs(seconds),
        made: Mutex::default(),
        collections: AtomicUsize::new(0),
        restored: AtomicUsize::new(0),
        gone: AtomicUsize::new(0),
    };
    // The first one makes the repository.
    let world = World::new();
    together.run(&["backup", world.db()]).ok();
    together
        .made
        .lock()
        .unwrap()
        .insert(1, tables_of(world.database.path()));
    let shared = &together;
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || shared.write(writer));
        }
        for collector in 0..COLLECTORS {
            scope.spawn(move || shared.collect(collector));
        }
        for reader in 0..READERS {
            scope.spawn(move || shared.restore(reader));
        }
    });
    let made = together.made.lock().unwrap();
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    println!(
        "{} backups, {} collections, {} restores, {} of backups that were gone",
        made.len(),
        count(&together.collections),
        count(&together.restored),
        count(&together.gone)
    );
    assert!(made.len() >= WRITERS);
    together.run(&["verify", "--level=checksum"]).ok();
    let listed = together.run(&["list", "--json"]).ok().json();
    let left = listed["backups"].as_array().unwrap();
    assert!(!left.is_empty());
    for backup in left {
        let id = backup["id"].as_u64().unwrap();
        let to = world.word(&format!("left-{id}"));
        together.run(&["restore", &id.to_string(), "--to", &to]).ok();
        assert!(tables_of(Path::new(&to)) == made[&id], "backup {id}");
    }
    together.run(&["gc", WAITS]).ok();
    for directory in ["leases", "pins", "deleted", "runs"] {
        let below = format!("{prefix}/stonekeep/{directory}");
        assert_eq!(bucket.keys(&below), [""; 0], "{directory}");
    }
}
