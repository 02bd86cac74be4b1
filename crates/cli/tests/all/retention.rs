//! The rules of `purge`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stonekeep::engine::Components;
use stonekeep::{
    BackupEngine, BackupEngineOptions, CreateBackupOptions, Directory, LocalStore, Quiet, SourceKind,
};
use stonekeep_testkit::fake_clock::FakeClock;

use crate::world::World;

/// 1 January 2026, 12:00 UTC.
const START: u64 = 1_767_268_800;
const DAY: u64 = 86_400;

/// A repository with a backup at each of these times, in days after the start; the third has a tag.
pub(crate) fn backups_at(days: &[u64]) -> World {
    let mut world = World::new();
    let clock = Arc::new(FakeClock::at_unix_seconds(START));
    let components = Components::default().with_clock(clock.clone());
    let mut last = 0;
    for (number, day) in days.iter().enumerate() {
        clock.advance(Duration::from_secs((day - last) * DAY));
        last = *day;
        let options = BackupEngineOptions::default();
        let engine = BackupEngine::open(options, LocalStore::new(world.repo())).unwrap();
        let engine = engine.with_components(components.clone());
        let tags = if number == 2 {
            vec!["release".to_owned()]
        } else {
            Vec::new()
        };
        let options = CreateBackupOptions::default().with_tags(tags);
        let source = Directory::new(world.database.path(), SourceKind::Closed);
        engine.create_new_backup(&source, &options, &Quiet).unwrap();
        world.database.write(100);
    }
    world
}

fn left(world: &World) -> Vec<u64> {
    let document = world.json(["list"]);
    let backups = document["backups"].as_array().unwrap().iter();
    backups.map(|backup| backup["id"].as_u64().unwrap()).collect()
}

fn rules(decision: &Value) -> Vec<&str> {
    let kept = decision["kept_by"].as_array().unwrap().iter();
    kept.map(|kept| kept["rule"].as_str().unwrap()).collect()
}

#[test]
fn the_dry_run_shows_each_backup_with_its_rules() {
    let world = backups_at(&[0, 1, 2, 10, 40]);
    let args = [
        "purge",
        "--keep-last=1",
        "--keep-weekly=2",
        "--keep-tag=release",
        "--dry-run",
    ];
    let document = world.json(args);
    let decisions = document["decisions"].as_array().unwrap();
    let all: Vec<_> = decisions.iter().map(rules).collect();
    let newest = vec!["newest", "last", "weekly"];
    assert_eq!(all, [vec![], vec![], vec!["tag"], vec!["weekly"], newest]);
    assert_eq!(decisions[0]["goes"], "no-rule");
    assert_eq!(
        decisions[3]["kept_by"],
        json!([{"rule": "weekly", "detail": "2026-W02"}])
    );
    assert_eq!(
        (&decisions[3]["goes"], &decisions[3]["id"]),
        (&Value::Null, &4.into())
    );
    assert_eq!(decisions[1]["timestamp_seconds"], START + DAY);
    let plan = world.run(args).ok();
    plan.says("goes")
        .says("no rule")
        .says("tag release")
        .says("weekly 2026-W02")
        .says("would delete backups 1-2");
    assert_eq!(left(&world), [1, 2, 3, 4, 5]);
    let done = world.json(["purge", "--keep-last=1", "--keep-weekly=2", "--keep-tag=release"]);
    assert_eq!(done["decisions"], document["decisions"]);
    assert_eq!(left(&world), [3, 4, 5]);
    let again = world.json(["purge", "--keep-last=1", "--keep-weekly=2", "--keep-tag=release"]);
    assert_eq!(again["deleted_backups"], json!([]));
    world.run(["verify"]).ok();
}

#[test]
fn periods_reach_back_from_the_newest_backup() {
    let world = backups_at(&[0, 1, 2, 10, 40]);
    world.run(["purge", "--keep-within=36d"]).ok();
    assert_eq!(left(&world), [4, 5]);
    let world = backups_at(&[0, 1, 2, 10, 40]);
    world.run(["purge", "--keep-monthly=1y", "--keep-id=2"]).ok();
    assert_eq!(
        left(&world),
        [1, 2, 4, 5],
        "the oldest stays where a rule reaches further"
    );
}

#[test]
fn days_are_those_of_the_time_zone() {
    // At 12:00 and 36 hours later, so that only in the far east two of them are of one day.
    let world = backups_at(&[0, 1]);
    let kept = |zone: &str| {
        let mut command = world.command();
        command
            .env("TZ", zone)
            .args(["purge", "--keep-daily=7", "--dry-run", "--json"]);
        let document: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        document["decisions"][1]["kept_by"][1]["detail"].clone()
    };
    assert_eq!(kept("UTC0"), "2026-01-02");
    assert_eq!(kept("<+13>-13"), "2026-01-03");
}

#[test]
fn a_limit_takes_the_oldest_but_not_below_a_count() {
    let world = backups_at(&[0, 1, 2, 3]);
    let purged = |extra: &[&str]| {
        let args = ["purge", "--max-total-size=1", "--dry-run"];
        let document = world.json(args.iter().chain(extra).copied());
        (
            document["deleted_backups"].clone(),
            document["decisions"][0]["goes"].clone(),
        )
    };
    assert_eq!(purged(&[]), (json!([1, 2, 3]), "total-size".into()));
    assert_eq!(purged(&["--keep-tag=release"]).0, json!([1, 2]));
    assert_eq!(purged(&["--min-count=3"]).0, json!([1]));
    let document = world.json(["purge", "--max-total-size=1TiB", "--dry-run"]);
    assert_eq!(document["deleted_backups"], json!([]));
    assert_eq!(rules(&document["decisions"][0]), ["total-size"]);
    // The files of the last two fit.
    let bytes = world.json(["show", "4"])["backup"]["size_bytes"]
        .as_u64()
        .unwrap();
    let own = world.json(["show", "3"])["backup"]["unique_bytes"]
        .as_u64()
        .unwrap();
    let limit = format!("--max-total-size={}", bytes + own);
    assert_eq!(
        world.json(["purge", &limit, "--dry-run"])["deleted_backups"],
        json!([1, 2])
    );
    let limit = format!("--max-total-size={}", bytes + own - 1);
    assert_eq!(
        world.json(["purge", &limit, "--dry-run"])["deleted_backups"],
        json!([1, 2, 3])
    );
}

#[test]
fn corrupt_backups_neither_count_nor_go() {
    let world = backups_at(&[0, 1, 2, 3]);
    let newest = world.stored("private/4");
    std::fs::remove_file(
        newest
            .iter()
            .find(|path| path.to_str().unwrap().contains("MANIFEST"))
            .unwrap(),
    )
    .unwrap();
    let document = world.json(["purge", "--keep-daily=2"]);
    assert_eq!(document["deleted_backups"], json!([1]));
    assert_eq!(rules(&document["decisions"][3]), ["not-valid"]);
    assert_eq!(left(&world), [2, 3, 4]);
}

#[test]
fn mistakes_are_explained() {
    let world = World::with_backup();
    world.run(["purge"]).code(2).warns("--keep-last");
    world.run(["purge", "--min-count=3"]).code(2);
    world
        .run(["purge", "--keep-within=6m"])
        .code(2)
        .warns("write min or mo");
    world.run(["purge", "--keep-daily=-1"]).code(2);
    world.run(["purge", "--keep-daily=soon"]).code(2).warns("14d");
    world.run(["purge", "--keep-last=0"]).code(1).warns("add --yes");
    world.run(["purge", "--keep-last=0", "--keep-daily=0"]).ok();
    assert_eq!(left(&world), [1], "the only valid backup stays");
}

#[test]
fn a_held_backup_stays_until_it_is_released() {
    let world = backups_at(&[0, 1, 2]);
    let held = world.json(["hold", "1", "--reason", "the audit", "--until", "90d"]);
    crate::shape::check(
        &held,
        "hold",
        "hold: {backup_id: number, meta_crc32c: number, held_at_seconds: number, until_seconds: number, reason: string, host: string}",
    );
    world
        .run(["hold", "latest~1"])
        .ok()
        .says("backup 2 is held until it is released");
    world
        .run(["delete", "1"])
        .code(1)
        .warns("backup 1 is held: until 20")
        .warns("the audit")
        .warns("stonekeep release 1");
    world.run(["list"]).ok().says("valid, held");
    world.run(["show", "1"]).ok().says(": the audit");
    world
        .run(["purge", "--keep-last=1", "--dry-run"])
        .ok()
        .says("hold until 20")
        .says("the audit");
    world.run(["purge", "--keep-last=1"]).ok();
    assert_eq!(left(&world), [1, 2, 3]);
    let destroy = ["backup", world.db(), "--destroy-old-data", "--yes"];
    world.run(destroy).code(1).warns("backup 1 is held");
    world
        .run(["release", "1"])
        .ok()
        .says("backup 1 is released; it was held until 20");
    world.run(["release", "1"]).code(4).warns("backup 1 is not held");
    world.run(["release", "2"]).ok();
    world.run(["purge", "--keep-last=1"]).ok();
    assert_eq!(left(&world), [3]);
    world.run(["hold", "9"]).code(4).warns("no backup 9");
    world
        .run(["hold", "3", "--until", "2001-01-01"])
        .code(2)
        .warns("that time is over");
    world.run(["gc"]).ok();
    world.run(["verify"]).ok();
}

#[test]
fn what_is_deleted_for_a_while_can_be_undeleted() {
    let world = backups_at(&[0, 1, 2]);
    world
        .run(["purge", "--keep-last=1", "--undelete-for=7d", "--dry-run"])
        .ok()
        .says("backup 1: ")
        .says("would stay until")
        .says("remove 0 files");
    let document = world.json(["purge", "--keep-last=1", "--undelete-for=7d"]);
    assert_eq!(document["deleted_backups"], json!([1, 2]));
    assert_eq!(document["deleted_files"], json!([]));
    assert_eq!(document["kept_for_undelete"][1]["backup_id"], 2);
    assert_eq!(left(&world), [3]);
    world.run(["gc", "--min-age=0"]).ok();
    world
        .run(["list", "--deleted"])
        .ok()
        .says("2026-01-02 12:00:00")
        .says("until");
    let deleted = world.json(["list", "--deleted"]);
    assert_eq!(deleted["deleted_backups"][0]["id"], 1);
    assert_eq!(deleted["deleted_backups"][0]["is_over"], false);
    world.run(["backup", world.db()]).ok().says("backup 4");
    world.run(["undelete", "1"]).ok().says("backup 1 is there again");
    world.run(["undelete", "1"]).code(1).warns("backup 1 exists");
    world.run(["undelete", "9"]).code(4).warns("list --deleted");
    world.run(["verify"]).ok();
    assert_eq!(left(&world), [1, 3, 4]);
    world.run(["delete", "2"]).ok().says("deleted backup 2");
    world.run(["list", "--deleted"]).ok().says("no deleted backups");
    world.run(["undelete", "2"]).code(4);
    world.run(["restore", "1", "--to", &world.word("restored")]).ok();
}

#[test]
fn a_backup_whose_tags_cannot_be_read_stays() {
    let world = backups_at(&[0, 1, 2]);
    let facts = world.repo().join("stonekeep/backups/1");
    let mut bytes = std::fs::read(&facts).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&facts, bytes).unwrap();
    world.run(["verify"]).ok().warns("[facts-damaged]");
    let done = world.json(["purge", "--keep-last=1", "--keep-tag=release"]);
    assert_eq!(done["deleted_backups"], json!([2]));
    assert_eq!(left(&world), [1, 3]);
    world.run(["purge", "--keep-last=1"]).ok();
    assert_eq!(left(&world), [3]);
}
