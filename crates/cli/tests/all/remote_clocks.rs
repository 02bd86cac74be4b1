//! Commands whose clock is wrong, against real servers whose clock is right: see `remote.rs` and `hdfs.rs` for the variables.
//!
//! libfaketime sets the wall clock of one process. The clocks that intervals are counted by stay as they are.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::server::Server;
use stonekeep_testkit::skip;

use crate::command::{Ended, stonekeep};
use crate::hdfs::Cluster;
use crate::place::Place;
use crate::remote::Bucket;
use crate::running::Running;
use crate::world::{World, tables};

/// Where Debian's package has it.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
/// A low rate: a small table is there at once, all tables only after minutes.
const SLOWLY: [&str; 2] = ["20000", "--max-background-operations=1"];
/// Below a file's age by a clock that is ahead, above its real age.
const MIN_AGE: &str = "--min-age=2m";

/// Whether clocks can be wrong here; a note says why not.
fn can_be_wrong(test: &str) -> bool {
    let is_there = Path::new(LIBRARY).is_file();
    if !is_there {
        skip::because(test, &format!("needs {LIBRARY} (apt-get install libfaketime)")).unwrap();
    }
    is_there
}

/// Sets the clock of a command so many seconds ahead, or back.
fn set_clock(command: &mut Command, seconds: i64) {
    command
        .env("LD_PRELOAD", LIBRARY)
        .env("FAKETIME", format!("{seconds:+}s"))
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("FAKETIME_DISABLE_SHM", "1")
        .env("NO_FAKE_STAT", "1");
}

/// A repository, and the command with a right clock or with a wrong one.
struct Clocks {
    world: World,
    /// Those of the repository.
    words: Vec<String>,
    wrong_by: i64,
}

impl Clocks {
    /// With a database of one small table and large ones.
    fn new(words: &[&str], wrong_by: i64) -> Self {
        let mut world = World::with(DatabaseBuilder::new());
        world.database.add_tables(1, 1_000);
        world.database.add_tables(60, 100_000);
        Clocks {
            world,
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            wrong_by,
        }
    }

    fn command(&self, words: &[&str], wrong: bool) -> Command {
        let mut command = stonekeep();
        command.args(words).args(&self.words);
        if wrong {
            set_clock(&mut command, self.wrong_by);
        }
        command
    }

    fn run(&self, words: &[&str], wrong: bool) -> Ended {
        self.command(words, wrong).output().unwrap().into()
    }

    /// A backup that has the lock, and much left to do.
    fn backing_up(&self, wrong: bool, has_begun: impl Fn() -> bool) -> Running {
        let words = [
            "backup",
            self.world.db(),
            "--backup-rate-limit",
            SLOWLY[0],
            SLOWLY[1],
        ];
        let mut running = Running::start(self.command(&words, wrong));
        running.wait_until(has_begun);
        running
    }

    /// One whose clock differs from the holder's does not take it for dead, and goes on at once when it is.
    fn locks_hold(&mut self, has_begun: impl Fn() -> bool) {
        for wrong in [true, false] {
            self.world.database.add_tables(1, 1_000);
            self.world.database.add_tables(60, 100_000);
            let mut holder = self.backing_up(wrong, &has_begun);
            for words in [&["backup", self.world.db()][..], &["purge", "--keep=1"]] {
                self.run(words, !wrong).code(5).warns("is locked by");
            }
            holder.send(Signal::KILL);
            holder.end();
            let report = self
                .run(&["backup", self.world.db(), "--json"], !wrong)
                .ok()
                .json();
            assert_eq!(report["committed"], true, "{report}");
        }
        // Its clock is indeed wrong.
        let listed = self.run(&["list", "--json"], false).ok().json();
        let times = listed["backups"].as_array().unwrap().iter();
        let times: Vec<i64> = times
            .map(|it| it["timestamp_seconds"].as_i64().unwrap())
            .collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let is_wrong = |time: &i64| (time - now).abs() > self.wrong_by.abs() / 2;
        assert!(times.iter().any(is_wrong), "{times:?} at {now}");
    }

    /// What is being restored is not removed.
    /// `pins` are those that are there: a reader that was killed leaves one.
    fn pins_hold(&self, pins: impl Fn() -> Vec<String>) {
        let listed = self.run(&["list", "--json"], false).ok().json();
        let ids = |at: usize| listed["backups"][at]["id"].to_string();
        for (wrong, id) in [(true, &*ids(0)), (false, &*ids(1))] {
            let to = self.world.word(&format!("restored-{id}"));
            let words = [
                "restore",
                id,
                "--to",
                &to,
                "--restore-rate-limit",
                SLOWLY[0],
                SLOWLY[1],
            ];
            let before = pins();
            let mut reader = Running::start(self.command(&words, wrong));
            reader.wait_until(|| pins().iter().any(|pin| !before.contains(pin)));
            let report = self.run(&["delete", id, "--yes", "--json"], !wrong).ok();
            let report: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
            assert_ne!(report["held_by_pins"], serde_json::json!([]), "{report}");
            reader.send(Signal::KILL);
            reader.end();
        }
    }

    fn restores(&self) {
        for wrong in [true, false] {
            self.run(&["verify", "--level=checksum"], wrong).ok();
            let to = self.world.word(&format!("last-{wrong}"));
            self.run(&["restore", "latest", "--to", &to], wrong).ok();
            assert!(tables(Path::new(&to)) == tables(self.world.database.path()));
        }
    }
}

/// Goes through everything that depends on time.
fn works_with_a_wrong_clock(place: &Place, prefix: &str, wrong_by: i64) {
    let url = place.url(prefix);
    let mut words = vec!["--repo", &url];
    if matches!(place, Place::Hdfs(_)) {
        // In an object store no signature would fit into a short lease and such a difference of clocks.
        words.extend(place.options("--store-option"));
    }
    let mut clocks = Clocks::new(&words, wrong_by);
    clocks.run(&["backup", clocks.world.db()], true).ok();
    clocks.locks_hold(|| !place.keys(&format!("{prefix}/stonekeep/leases")).is_empty());
    clocks.pins_hold(|| place.keys(&format!("{prefix}/stonekeep/pins")));
    clocks.restores();
    // Young by the store's clock, and old or from the future by that of this process.
    let stray = format!("{prefix}/shared_checksum/000999_s1_5.sst");
    place.put(&stray, b"stray");
    let has_stray = || {
        place
            .keys(&format!("{prefix}/shared_checksum"))
            .iter()
            .any(|key| key.starts_with("000999"))
    };
    clocks.run(&["gc", MIN_AGE], true).ok();
    assert!(has_stray());
    clocks.run(&["gc", "--min-age=0s"], true).ok();
    assert!(!has_stray());
    clocks.restores();
    assert_eq!(place.keys(&format!("{prefix}/stonekeep/leases")), [""; 0]);
}

#[test]
fn a_clock_that_is_wrong_by_minutes_misjudges_nothing_on_s3() {
    let test = "a_clock_that_is_wrong_by_minutes_misjudges_nothing_on_s3";
    let Some(bucket) = Bucket::of_test(test).filter(|_| can_be_wrong(test)) else {
        return;
    };
    let place = Place::Bucket(bucket);
    for wrong_by in [4 * MINUTE, -4 * MINUTE] {
        let prefix = format!("clocks/{}/{wrong_by}", std::process::id());
        works_with_a_wrong_clock(&place, &prefix, wrong_by);
    }
}

#[test]
fn a_clock_that_is_wrong_by_hours_misjudges_nothing_in_hdfs() {
    let test = "a_clock_that_is_wrong_by_hours_misjudges_nothing_in_hdfs";
    let Some(cluster) = Cluster::of_test(test).filter(|_| can_be_wrong(test)) else {
        return;
    };
    let place = Place::Hdfs(cluster);
    for wrong_by in [5 * HOUR, -5 * HOUR] {
        works_with_a_wrong_clock(&place, &format!("app{wrong_by}"), wrong_by);
    }
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn a_clock_that_is_wrong_by_hours_misjudges_nothing_in_a_directory() {
    let test = "a_clock_that_is_wrong_by_hours_misjudges_nothing_in_a_directory";
    if !can_be_wrong(test) {
        return;
    }
    for wrong_by in [5 * HOUR, -5 * HOUR] {
        let mut clocks = Clocks::new(&[], wrong_by);
        let repo = clocks.world.repo();
        let url = format!("file://{}", clocks.world.word("repo"));
        clocks.words = vec!["--repo".to_owned(), url];
        clocks.run(&["backup", clocks.world.db()], true).ok();
        clocks.locks_hold(|| !names_in(&repo.join("stonekeep/tmp")).is_empty());
        clocks.pins_hold(|| names_in(&repo.join("stonekeep/pins")));
        clocks.restores();
    }
}

#[test]
fn a_clock_that_is_too_wrong_for_the_store_is_named_with_both_times() {
    let test = "a_clock_that_is_too_wrong_for_the_store_is_named_with_both_times";
    let Some(server) = Server::start(test, "minio")
        .unwrap()
        .filter(|_| can_be_wrong(test))
    else {
        return;
    };
    let (world, url) = (World::new(), format!("{}/p", server.bucket().unwrap()));
    for wrong_by in [20 * MINUTE, -20 * MINUTE] {
        for words in [&["backup", world.db()][..], &["list"]] {
            let mut command = stonekeep();
            command.envs(server.variables().iter().map(|(name, value)| (name, value)));
            command.args(words).args(["--repo", &url]);
            set_clock(&mut command, wrong_by);
            Ended::from(command.output().unwrap())
                .code(1)
                .warns("the request was signed at ")
                .warns(", and the store's clock shows ")
                .warns("the clock of this machine differs too much from the store's");
        }
    }
}
