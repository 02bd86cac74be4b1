//! A quarter of a year with one configuration file: several databases in two repositories each, with a clock that the test sets, and
//! failures on some nights. Each night says what it did, and the backups that are left are those that the rules keep.
//!
//! `STONEKEEP_TEST_QUARTER=N` takes N databases in place of a few.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};
use stonekeep_testkit::skip;

use crate::command::{Ended, stonekeep};
use crate::running::Running;
use crate::world::tables;

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
/// 1 January 2024, which is a Monday, 02:00 UTC: the quarter has a leap day.
const FIRST_NIGHT: u64 = 1_704_074_400;
const DAY: u64 = 86_400;
const NIGHTS: u64 = 91;
const FEW_DATABASES: usize = 4;
/// Days, weeks and months that are kept.
const RULES: [usize; 3] = [7, 4, 2];

struct Quarter {
    directory: tempfile::TempDir,
    databases: Vec<FakeDatabase>,
    /// Of each database in each place: the backups that should be there, with the nights that they were made in.
    backups: BTreeMap<(String, String), Vec<(u64, u64)>>,
}

impl Quarter {
    fn new(count: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_owned();
        for place in ["near", "far", "databases"] {
            fs::create_dir(root.join(place)).unwrap();
        }
        let make = |number: usize| {
            let path = root.join("databases").join(format!("db-{number}"));
            let mut database = DatabaseBuilder::new().create(&path);
            database.add_tables(3, 4_000);
            database
        };
        let databases = (0..count).map(make).collect();
        let [days, weeks, months] = RULES;
        let here = root.display();
        let text = format!(
            "[repository.near]\npath = \"{here}/near\"\n[repository.far]\npath = \"{here}/far\"\n\
             [database.app]\nglob = \"{here}/databases/db-*\"\nrepository = [\"near\", \"far\"]\n\
             [defaults.backup]\nlock-wait = \"10m\"\n\
             [defaults.retention]\nkeep-daily = {days}\nkeep-weekly = {weeks}\nkeep-monthly = {months}\nundelete-for = \"2d\"\nlock-wait = \"10m\"\n\
             [defaults.schedule]\nbackup-every = \"24h\"\nverify-every = \"14d\"\npurge-every = \"24h\"\n"
        );
        fs::write(root.join("config.toml"), text).unwrap();
        Quarter {
            directory,
            databases,
            backups: BTreeMap::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The command in the night of this number.
    fn command(&self, night: u64, line: &str) -> Command {
        let mut command = stonekeep();
        let time = jiff::Timestamp::from_second((FIRST_NIGHT + night * DAY) as i64).unwrap();
        let time = time.strftime("%Y-%m-%d %H:%M:%S").to_string();
        command
            .env("STONEKEEP_CONFIG", self.path("config.toml"))
            .env("TZ", "UTC0")
            .env("LD_PRELOAD", LIBRARY)
            .env("FAKETIME", format!("@{time}"))
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("FAKETIME_DISABLE_SHM", "1")
            .env("NO_FAKE_STAT", "1")
            .args(line.split_whitespace());
        command
    }

    fn run(&self, night: u64, line: &str) -> Ended {
        Ended::from(self.command(night, line).output().unwrap())
    }

    /// Changes some of the databases.
    fn change(&mut self, night: u64) {
        for (number, database) in self.databases.iter_mut().enumerate() {
            if !(night + number as u64).is_multiple_of(3) {
                database.add_tables(1, 2_000);
                database.write(3);
            }
        }
    }

    /// Backs up everything, and notes what was made; whether nothing failed.
    fn back_up(&mut self, night: u64) -> bool {
        let ended = self.run(night, "backup --all --json");
        let document = ended.json();
        for run in document["databases"]
            .as_array()
            .unwrap_or_else(|| panic!("{ended:?}"))
        {
            let name = run["name"].as_str().unwrap().to_owned();
            for made in run["repositories"].as_array().into_iter().flatten() {
                let place = if made["repository"].as_str().unwrap().contains("/near/") {
                    "near"
                } else {
                    "far"
                };
                if let Some(id) = made["backup_id"].as_u64() {
                    let backups = self.backups.entry((name.clone(), place.to_owned())).or_default();
                    backups.push((id, night));
                }
            }
        }
        ended.code == Some(0)
    }

    /// Kills a backup of everything once one of its databases has a new backup; what was made is looked up.
    fn kill(&mut self, night: u64) {
        let before = self.listed(night);
        let mut running = Running::start(self.command(night, "backup --all"));
        let root = self.path("near");
        let count = before[&("app/db-0".to_owned(), "near".to_owned())]
            .iter()
            .max()
            .copied()
            .unwrap_or(0);
        let meta = root.join(format!("app/db-0/meta/{}", count + 1));
        running.wait_until(|| meta.exists());
        running.send(Signal::KILL);
        running.end();
        for (of, ids) in self.listed(night) {
            let known = &before[&of];
            for id in ids.difference(known) {
                self.backups.entry(of.clone()).or_default().push((*id, night));
            }
        }
    }

    /// Purges, and forgets what the rules do not keep.
    fn purge(&mut self, night: u64) {
        self.run(night, "purge --all").ok();
        for backups in self.backups.values_mut() {
            let kept = kept(backups);
            backups.retain(|(id, _)| kept.contains(id));
        }
    }

    /// The backups that `list` names.
    fn listed(&self, night: u64) -> BTreeMap<(String, String), BTreeSet<u64>> {
        let document = self.run(night, "list --all --json").json();
        let runs = document["databases"].as_array().unwrap().iter();
        let of = |run: &Value| {
            let place = if run["repository"].as_str().unwrap().contains("/near/") {
                "near"
            } else {
                "far"
            };
            let backups = run["backups"].as_array().into_iter().flatten();
            let ids = backups.map(|backup| backup["id"].as_u64().unwrap()).collect();
            ((run["name"].as_str().unwrap().to_owned(), place.to_owned()), ids)
        };
        runs.map(of).collect()
    }

    fn assert_kept(&self, night: u64) {
        let listed = self.listed(night);
        for (of, backups) in &self.backups {
            let wanted: BTreeSet<u64> = backups.iter().map(|(id, _)| *id).collect();
            assert_eq!(listed[of], wanted, "night {night}, {of:?}");
        }
    }
}

/// What the rules keep of backups with the nights that they were made in.
fn kept(backups: &[(u64, u64)]) -> BTreeSet<u64> {
    let mut kept = BTreeSet::new();
    let month = |night: u64| [31, 60, 91].iter().position(|end| night < *end).unwrap() as u64;
    let buckets: [fn(u64) -> u64; 2] = [|night| night, |night| night / 7];
    let buckets: [&dyn Fn(u64) -> u64; 3] = [&buckets[0], &buckets[1], &month];
    for (bucket, count) in buckets.into_iter().zip(RULES) {
        let mut seen = BTreeSet::new();
        for (id, night) in backups.iter().rev() {
            let is_oldest = Some(&(*id, *night)) == backups.first();
            let is_new = !seen.contains(&bucket(*night));
            if seen.len() < count && (is_new || is_oldest) {
                kept.insert(*id);
            }
            if seen.len() < count {
                seen.insert(bucket(*night));
            }
        }
    }
    kept
}

#[test]
fn a_quarter_of_nights_leaves_what_the_rules_keep() {
    let test = "a_quarter_of_nights_leaves_what_the_rules_keep";
    if !Path::new(LIBRARY).is_file() {
        skip::because(test, &format!("needs {LIBRARY} (apt-get install libfaketime)")).unwrap();
        return;
    }
    let count = std::env::var("STONEKEEP_TEST_QUARTER")
        .ok()
        .and_then(|count| count.parse().ok());
    let mut quarter = Quarter::new(count.unwrap_or(FEW_DATABASES));
    for night in 0..NIGHTS {
        quarter.change(night);
        let is_away = night % 9 == 4;
        if is_away {
            fs::rename(quarter.path("far"), quarter.path("away")).unwrap();
        }
        if night % 13 == 7 {
            quarter.kill(night);
        }
        let is_done = quarter.back_up(night);
        assert_ne!(is_done, is_away, "night {night}");
        if is_away {
            fs::rename(quarter.path("away"), quarter.path("far")).unwrap();
        }
        quarter.purge(night);
        quarter
            .run(night, "verify --all --sample 1/3 --max-duration 10m")
            .ok();
        if night % 7 == 6 {
            quarter.run(night, "gc --all --min-age 0").ok();
            quarter.assert_kept(night);
            quarter.run(night, "check --all").ok();
        }
    }
    // Three days later somebody looks.
    let late = NIGHTS + 2;
    quarter.run(late, "check --all").code(1).says("stale");
    quarter.run(late, "verify --all").ok();
    quarter.run(late, "gc --all --min-age 0").ok();
    quarter.assert_kept(late);
    for (number, database) in quarter.databases.iter().enumerate() {
        for place in ["near", "far"] {
            let to = quarter.path("restored");
            let line = format!("restore app/db-{number} --repo {place} --to {}", to.display());
            quarter.run(late, &line).ok();
            assert_eq!(tables(&to), tables(database.path()), "{number} from {place}");
            fs::remove_dir_all(to).unwrap();
        }
    }
    // A backup lets older ones go, and no purge comes.
    assert!(quarter.back_up(late));
    quarter.run(late, "check --all").ok();
    let overdue = quarter.run(late + 2, "check --all --max-age 30d").code(1);
    overdue.says(" past retention, for up to 2 d, more than 30 h: purge is overdue");
}
