//! `check` of what is overdue: purges and drills.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::check::configured;
use crate::command::Ended;
use crate::retention::backups_at;
use crate::world::World;

#[test]
fn a_purge_that_does_not_run_is_overdue() {
    let world = backups_at(&[0, 1, 2, 10, 40]);
    let rules = ["--keep-daily=3", "--keep-tag=release"];
    let check = |more: &[&str]| world.run(["check"].iter().chain(&rules).chain(more));
    check(&[]).ok();
    let stale = check(&["--max-past-retention=2d"]).code(1);
    stale
        .says("stale: ")
        .says("2 backups past retention, for up to ")
        .says(" d, more than 2 d: purge is overdue");
    check(&["--max-past-retention=36500d"]).ok();
    let figures = |args: &[&str]| world.json(["check"].iter().chain(args))["databases"][0].clone();
    // The fourth backup let the first go.
    let past = figures(&["--keep-last=3"]);
    assert_eq!(past["backups_past_retention"], 2);
    assert_eq!(past["past_retention_since"], "2026-01-11T12:00:00Z");
    let nobody_asks = figures(&[]);
    assert!(nobody_asks["backups_past_retention"].is_null());
    // Who keeps a backup keeps it here, too.
    world.run(["hold", "1"]).ok();
    world.run(["hold", "2"]).ok();
    let held = figures(&["--keep-last=3"]);
    assert_eq!(
        (&held["backups_past_retention"], &held["past_retention_since"]),
        (&0.into(), &Value::Null)
    );
    world.run(["release", "1"]).ok();
    world.run(["release", "2"]).ok();
    world.run(["purge", "--keep-daily=3", "--keep-tag=release"]).ok();
    check(&["--max-past-retention=0"]).ok();
    world
        .run(["check", "--max-past-retention=2d"])
        .code(1)
        .says("which backups are past retention is not known: no rule says which backups a purge keeps");
}

#[test]
fn a_drill_that_was_not_made_is_missed() {
    let world = World::with_backup();
    world.run(["check"]).ok();
    let asked = || world.run(["check", "--max-drill-age=90d"]);
    asked()
        .code(1)
        .says("stale: ")
        .says("no successful drill is known");
    let scratch = world.word("scratch");
    fs::create_dir(&scratch).unwrap();
    world.run(["drill", "--scratch", &scratch]).ok();
    asked().ok();
    std::thread::sleep(Duration::from_millis(1_100));
    world
        .run(["check", "--max-drill-age=0"])
        .code(1)
        .says("the last successful drill was ")
        .says(" ago, more than 0 s");
}

#[test]
fn the_file_says_what_is_overdue() {
    let world = backups_at(&[0, 1, 2]);
    let config = configured(
        &world,
        "[defaults.retention]\nkeep-last = 1\nmin-count = 2\nundelete-for = \"2d\"\n\
         [defaults.schedule]\npurge-every = \"24h\"\ndrill-every = \"90d\"\n\
         [database.other.retention]\nkeep-last = 7\n",
    );
    let run = |line: &str| {
        let mut command = world.command();
        command.env_remove("STONEKEEP_REPO").args(["--config", &config]);
        Ended::from(command.args(line.split_whitespace()).output().unwrap())
    };
    let repo = world.word("repo");
    for place in ["one", "two"] {
        run(&format!(
            "copy --from {repo} --to {}",
            world.path(place).display()
        ))
        .ok();
    }
    let checked = run("check --all").code(1);
    checked
        .says("stale: app: 1 backup past retention, for up to ")
        .says("more than 30 h: purge is overdue; no successful drill is known")
        .says("stale: other: no successful drill is known");
    let document = run("check --all --json").code(1).json();
    let past = |at: usize| document["databases"][at]["backups_past_retention"].clone();
    assert_eq!((past(0), past(1)), (1.into(), 0.into()));
    // What is typed counts.
    run("check app --keep-last=3 --max-drill-age=1d").code(1);
    let shown = run("config show app").ok();
    shown
        .says("check --keep-last")
        .says("check --max-past-retention")
        .says("108000");
    run("purge --all").ok();
    let scratch = world.word("scratch");
    fs::create_dir(&scratch).unwrap();
    run(&format!("drill app --scratch {scratch}")).ok();
    run("check app").ok();
}
