//! One history: random commands through the proxy, each followed by a look at the server past it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use serde_json::Value;
use stonekeep_testkit::faulty_proxy::{Fault, FaultyProxy, Plan};

use super::patient;
use super::state::{Files, assert_is, files};
use crate::command::{Ended, stonekeep};
use crate::remote::Bucket;
use crate::world::World;

/// Short leases: one that was deleting is waited for.
const PERIOD: &str = "lease_period=20";
/// How many collections may find pins of readers that are gone.
const PATIENCE: u32 = 60;
const WAITS: &str = "--lock-wait=300s";

/// A repository, and what its backups must be.
struct Repository {
    /// The directory in the bucket, or a local one.
    name: String,
    url: String,
    backups: BTreeMap<u32, Files>,
}

pub(super) struct History<'b> {
    bucket: &'b Bucket,
    seed: u64,
    rng: Rng,
    world: World,
    proxy: FaultyProxy,
    main: Repository,
    /// Where backups are copied to: in the bucket, and in a directory.
    copies: [Repository; 2],
    said: Vec<String>,
    tally: Tally,
    restores: u32,
}

/// How often each fault happened to each kind of request, and how each verb ended.
pub(super) type Tally = BTreeMap<String, usize>;

/// What to say of a history that failed.
struct Diary<'h, 'b>(&'h mut History<'b>);

impl Drop for Diary<'_, '_> {
    #[expect(clippy::print_stderr, reason = "for the output of a failed test")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("seed {}:\n{}", self.0.seed, self.0.said.join("\n"));
            for (line, fault) in self.0.proxy.log() {
                eprintln!("  {line} {}", fault.map_or(String::new(), |it| format!("{it:?}")));
            }
        }
    }
}

impl<'b> History<'b> {
    pub(super) fn new(bucket: &'b Bucket, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let plan = Plan {
            seed: rng.u64(..),
            faults_in_1000: [2, 10, 40, 120][rng.usize(0..4)],
            ghosts_in_1000: [0, 30, 150][rng.usize(0..3)],
            spared: [None, Some("/leases/")][rng.usize(0..2)],
        };
        let server = std::env::var("AWS_ENDPOINT").unwrap();
        let prefix = format!("proxy/{}/{seed}", std::process::id());
        let world = World::new();
        let in_bucket = |name: String| Repository {
            url: bucket.url(&name),
            name,
            backups: BTreeMap::new(),
        };
        let copies = [
            in_bucket(format!("{prefix}-copy")),
            Repository {
                name: String::new(),
                url: world.word("copies"),
                backups: BTreeMap::new(),
            },
        ];
        History {
            main: in_bucket(prefix),
            copies,
            bucket,
            seed,
            rng,
            proxy: FaultyProxy::start(&server, plan).unwrap(),
            world,
            said: vec![format!("{plan:?}")],
            tally: Tally::new(),
            restores: 0,
        }
    }

    /// How often what happened.
    pub(super) fn play(mut self) -> Tally {
        let diary = Diary(&mut self);
        let history = &mut *diary.0;
        history.back_up();
        history.back_up();
        for _ in 0..history.rng.u32(8..15) {
            history.step();
        }
        history.assert_whole();
        for (line, fault) in history.proxy.log() {
            let kind = line.split(' ').next().unwrap_or_default();
            let line = fault.map_or(line.clone(), |fault| format!("{kind}: {fault:?}"));
            // Of the others only ghosts.
            if fault.is_some() || !line.contains("/") || kind == "hidden:" {
                let what = if fault.is_some() {
                    &*line
                } else {
                    kind.trim_start_matches(char::is_numeric)
                };
                *history.tally.entry(what.to_owned()).or_default() += 1;
            }
        }
        let tally = std::mem::take(&mut history.tally);
        drop(diary);
        tally
    }

    fn step(&mut self) {
        match self.rng.u32(0..16) {
            0..5 => self.back_up(),
            5..7 => self.verify(),
            7..9 => self.restore(),
            9..11 => self.remove(),
            11..13 => {
                let age = ["--min-age=24h", "--min-age=0s"][self.rng.usize(0..2)];
                let words = ["gc", age, WAITS].map(str::to_owned);
                self.change(&words, |_, _| false);
            }
            13 => self.copy(0),
            14 => self.copy(1),
            _ => {
                let repo = self.main.url.clone();
                drop(self.through(&["list", "--repo", &repo].map(str::to_owned)));
            }
        }
    }

    /// Runs a command through the proxy. The document and the exit code.
    fn through(&mut self, words: &[String]) -> (Value, i32) {
        let mut command = stonekeep();
        let requests = self.proxy.log().len();
        for name in ["AWS_ENDPOINT", "AWS_ENDPOINT_URL"] {
            command.env(name, self.proxy.url());
        }
        command.arg("--json").args(words);
        if words.first().is_some_and(|verb| verb != "copy") {
            command.args(["--store-option", PERIOD]);
        }
        let ended = patient::run(command, &self.world.path(""));
        let log = self.proxy.log();
        let faults = log[requests..].iter().filter(|(_, fault)| fault.is_some());
        let code = ended.code.unwrap_or(-1);
        self.said.push(format!(
            "{words:?}: {code}, {} of {} requests failed, from request {requests} on: {}{}",
            faults.count(),
            log.len() - requests,
            ended.stdout.trim_end(),
            ended.stderr
        ));
        let document = patient::document(&ended);
        let outcome = format!("{} ended with {code} {}", words[0], document["error"]);
        let outcome = outcome.replace(char::is_numeric, "");
        *self
            .tally
            .entry(outcome.replace(&self.main.name, ""))
            .or_default() += 1;
        if code != 0 && !matches!(words[0].as_str(), "verify" | "copy") {
            let message = document["error"]["message"].as_str().unwrap_or_default();
            assert!(!message.is_empty(), "{ended:?}");
        }
        (document, code)
    }

    /// Runs a command past the proxy, which must succeed.
    fn past(&self, repo: &str, words: &[&str]) -> Ended {
        let mut command = stonekeep();
        command.args(words).args(["--repo", repo]);
        if repo.starts_with("s3://") {
            command.args(["--store-option", PERIOD]);
        }
        patient::run(command, &self.world.path("")).ok()
    }

    /// The backups that there are.
    fn ids(&self, name: &str, repo: &str) -> Vec<u32> {
        if name.is_empty() {
            let Ok(entries) = fs::read_dir(Path::new(repo).join("meta")) else {
                return Vec::new();
            };
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut ids: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
            ids.sort_unstable();
            return ids;
        }
        let keys = self.bucket.keys(&format!("{name}/meta")).into_iter();
        let mut ids: Vec<u32> = keys
            .map(|key| key.rsplit_once('/').unwrap().1.parse().unwrap())
            .collect();
        ids.sort_unstable();
        ids
    }

    fn back_up(&mut self) {
        match self.rng.u32(0..5) {
            0 => {}
            1 | 2 => {
                let more = self.rng.usize(1..9 << 20);
                self.world.database.add_tables(1, (8 << 20) + more);
            }
            _ => {
                let (count, size) = (self.rng.usize(1..8), self.rng.usize(2_000..60_000));
                self.world.database.add_tables(count, size);
            }
        }
        self.world.database.write(5);
        let state = files(self.world.database.path());
        let before = self.ids(&self.main.name, &self.main.url);
        let words = ["backup", self.world.db(), "--repo", &self.main.url, WAITS].map(str::to_owned);
        let (document, code) = self.through(&words);
        let after = self.ids(&self.main.name, &self.main.url);
        assert!(before.iter().all(|id| after.contains(id)), "{before:?} {after:?}");
        let new: Vec<u32> = after.iter().copied().filter(|id| !before.contains(id)).collect();
        assert!(new.len() <= 1, "committed twice: {new:?}");
        if code == 0 {
            let id = document["backup_id"].as_u64().unwrap();
            assert_eq!(new, [u32::try_from(id).unwrap()]);
        }
        for id in new {
            self.main.backups.insert(id, state.clone());
        }
    }

    fn verify(&mut self) {
        let level = ["--level=size", "--level=checksum"][self.rng.usize(0..2)];
        let words = ["verify", "--repo", &self.main.url, level].map(str::to_owned);
        self.through(&words);
    }

    fn restore(&mut self) {
        let ids: Vec<u32> = self.main.backups.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[self.rng.usize(0..ids.len())];
        self.restores += 1;
        let to = self.world.path(&format!("restored-{}", self.restores));
        let target = to.to_str().unwrap();
        let words = [
            "restore",
            &id.to_string(),
            "--repo",
            &self.main.url,
            "--to",
            target,
        ]
        .map(str::to_owned);
        let mut code = self.through(&words).1;
        if code != 0 && self.rng.bool() {
            // What was not finished is resumed.
            code = self.through(&words).1;
        }
        if code == 0 {
            assert_is(&self.main.backups[&id], &to);
        }
    }

    fn remove(&mut self) {
        let ids: Vec<u32> = self.main.backups.keys().copied().collect();
        if self.rng.bool() && !ids.is_empty() {
            let id = ids[self.rng.usize(0..ids.len())];
            let words = ["delete", &id.to_string(), "--yes", WAITS].map(str::to_owned);
            self.change(&words, |it, _| it == id);
        } else {
            let keep = self.rng.usize(1..4);
            let words = ["purge", &format!("--keep={keep}"), WAITS].map(str::to_owned);
            self.change(&words, |id, ids| {
                ids.iter().filter(|it| **it >= id).count() > keep
            });
        }
    }

    /// Runs a command that may delete these backups, and no others.
    fn change(&mut self, words: &[String], may_go: impl Fn(u32, &[u32]) -> bool) {
        let before = self.ids(&self.main.name, &self.main.url);
        let words: Vec<String> = [words, &["--repo".to_owned(), self.main.url.clone()]].concat();
        let requests = self.proxy.log().len();
        let (document, code) = self.through(&words);
        let after = self.ids(&self.main.name, &self.main.url);
        for id in &after {
            assert!(before.contains(id), "{id} came back: {before:?} {after:?}");
        }
        for id in before.iter().filter(|id| !after.contains(id)) {
            assert!(may_go(*id, &before), "{id} is lost: {before:?} {after:?}");
            self.main.backups.remove(id);
        }
        if code == 0 && !self.was_misled(requests) {
            let left: Vec<u32> = before
                .iter()
                .copied()
                .filter(|id| !may_go(*id, &before) || says_not_removed(&document, *id))
                .collect();
            assert_eq!(after, left);
        }
    }

    /// Whether answers since this request showed another backup than the one that is there: such a one is kept.
    fn was_misled(&self, since: usize) -> bool {
        let log = self.proxy.log();
        log[since..]
            .iter()
            .any(|(line, fault)| *fault == Some(Fault::WrongByte) || line.starts_with("hidden"))
    }

    fn copy(&mut self, to: usize) {
        let (name, target) = (self.copies[to].name.clone(), self.copies[to].url.clone());
        let mut words = vec!["copy", "--all", "--from", &self.main.url, "--to", &target, WAITS];
        words.extend(["--from-store-option", PERIOD]);
        if !name.is_empty() {
            words.extend(["--to-store-option", PERIOD]);
        }
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let before = self.ids(&name, &target);
        self.through(&words);
        let after = self.ids(&name, &target);
        assert!(before.iter().all(|id| after.contains(id)), "{before:?} {after:?}");
        for id in after.into_iter().filter(|id| !before.contains(id)) {
            let state = self.main.backups[&id].clone();
            self.copies[to].backups.insert(id, state);
        }
    }

    /// Past the proxy everything is right: what was committed restores, the next backup succeeds, and nothing is left behind.
    fn assert_whole(&self) {
        let repositories = [&self.main, &self.copies[0], &self.copies[1]];
        for repository in repositories {
            let Repository { name, url, backups } = repository;
            let ids = self.ids(name, url);
            assert!(ids.iter().eq(backups.keys()), "{ids:?}");
            if ids.is_empty() {
                continue;
            }
            self.past(url, &["gc", WAITS]);
            self.past(url, &["verify", "--level=checksum"]);
            for (id, state) in backups {
                let to = self.world.word(&format!("last-{id}"));
                self.past(url, &["restore", &id.to_string(), "--to", &to]);
                assert_is(state, Path::new(&to));
                fs::remove_dir_all(&to).unwrap();
            }
        }
        let url = &self.main.url;
        self.past(url, &["backup", self.world.db(), WAITS]);
        let collect = || drop(self.past(url, &["gc", "--min-age=0s", WAITS]));
        collect();
        self.past(url, &["verify", "--level=checksum"]);
        let below = |directory: &str| self.bucket.keys(&format!("{}/{directory}", self.main.name));
        // A pin whose removal failed stays until it is old.
        for _ in 0..PATIENCE {
            if below("stonekeep/pins").is_empty() {
                break;
            }
            thread::sleep(Duration::from_secs(1));
            collect();
        }
        for directory in ["stonekeep/leases", "stonekeep/pins", "stonekeep/deleted"] {
            assert_eq!(below(directory), [""; 0], "{directory}");
        }
        // The mark of a completion that had no answer stays for 15 minutes.
        let records = below("stonekeep/runs");
        assert!(records.iter().all(|key| key.contains("/marks/")), "{records:?}");
    }
}

/// Whether a command says of a backup that it could not delete it.
fn says_not_removed(document: &Value, id: u32) -> bool {
    let warnings = document["warnings"].as_array().unwrap();
    let about = format!("meta/{id}");
    warnings
        .iter()
        .any(|warning| warning["name"] == "not-removed" && warning["about"] == *about)
}
