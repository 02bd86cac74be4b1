//! `list`, `show` and `diff`.

use std::fs;
use std::process::{Command, Stdio};

use crate::command::Ended;
use crate::shape;
use crate::world::World;

const BACKUP: &str = "id: number, state: string, findings: [], unsupported: null, time: string, \
    timestamp_seconds: number, sequence_number: number, prepared_transactions: number, schema: string, number_files: number, \
    excluded_files: number, included_files: number, included_bytes: number, size_bytes: number, unique_bytes: number, shared_bytes: number, app_metadata: string, \
    app_metadata_hex: string, app_metadata_bytes: number, database_id: string, column_families: [{id: number, name: string, comparator: string}], \
    rocksdb_version: string, engine: null, capture: string, live: null, host: string, tags: [], warnings: [], duration_ms: number, created_by: string, hold: null, \
    oldest_verified: null, unverified_since: string, never_verified_bytes: number, last_drill: null";
const FILE: &str = "path: string, restored_name: string, size_bytes: number, crc32c: number, temperature: null, \
    excluded: bool, included: bool, shared_with: [number]";

#[test]
fn backups_are_listed_oldest_first() {
    let world = World::with_two_backups();
    let document = world.json(["list"]);
    let expected = format!(
        "repository: string, backups: [{{{BACKUP}}}], strangers: [], total_bytes: number, oldest_verified: null, never_verified_bytes: number, last_drill: null, warnings: []"
    );
    shape::check(&document, "list", &expected);
    assert_eq!(
        (&document["backups"][0]["id"], &document["backups"][1]["id"]),
        (&1.into(), &2.into())
    );
    let ended = world.run(["list"]).ok().says("second").says("2 backups, ");
    assert_eq!(ended.stdout.lines().count(), 4, "{ended:?}");
    let quiet = world.run(["list", "--quiet"]).ok();
    assert_eq!(quiet.stdout, ended.stdout);
}

#[test]
fn corrupt_backups_are_listed_with_the_reason() {
    let world = World::with_two_backups();
    let lost = world.lose_shared_file();
    fs::write(world.repo().join("meta/2"), "nonsense").unwrap();
    let document = world.json(["list"]);
    let first = &document["backups"][0];
    assert_eq!(first["state"], "corrupt");
    assert_eq!(first["findings"][0]["file"], lost.as_str());
    assert_eq!(document["backups"][1]["state"], "corrupt");
    world
        .run(["list"])
        .ok()
        .says(&format!("backup 1: {lost}: "))
        .says("backup 2: meta/2: ");
    world.run(["show", "1"]).ok().says("corrupt");
}

#[test]
fn an_unreadable_meta_file_is_listed_without_values() {
    let world = World::with_two_backups();
    fs::write(world.repo().join("meta/2"), "nonsense\n").unwrap();
    let list = world.run(["list"]).ok().stdout;
    assert!(!list.contains("1970"), "{list}");
    let show = world.run(["show", "2"]).ok().stdout;
    assert!(!show.contains("1970") && show.contains("corrupt"), "{show}");
    assert_eq!(
        world.json(["list"])["backups"][1]["time"],
        serde_json::Value::Null
    );
    let first = &world.json(["list"])["backups"][0];
    assert!(first["time"].is_string(), "{first}");
}

#[test]
fn tables_have_local_time_and_json_has_utc() {
    let world = World::with_backup();
    let meta = world.repo().join("meta/1");
    let text = fs::read_to_string(&meta).unwrap();
    let rest = text.split_once('\n').unwrap().1;
    fs::write(&meta, format!("1735689600\n{rest}")).unwrap();
    let in_zone = |zone: &str| Ended::from(world.command().env("TZ", zone).arg("list").output().unwrap());
    in_zone("UTC").ok().says("2025-01-01 00:00:00");
    in_zone("XYZ-5:30").ok().says("2025-01-01 05:30:00");
    let document = world.json(["list"]);
    assert_eq!(document["backups"][0]["time"], "2025-01-01T00:00:00Z");
}

#[test]
fn a_backup_is_shown_with_its_files() {
    let world = World::with_two_backups();
    let document = world.json(["show", "1"]);
    shape::check(&document, "show", &format!("backup: {{{BACKUP}}}"));
    let document = world.json(["show", "1", "--files"]);
    shape::check(
        &document,
        "show",
        &format!("backup: {{{BACKUP}, files: [{{{FILE}}}]}}"),
    );
    assert_eq!(
        document["backup"]["files"][0]["shared_with"],
        serde_json::json!([2])
    );
    assert_eq!(world.json(["show", "latest"])["backup"]["id"], 2);
    world
        .run(["show", "latest", "--files"])
        .ok()
        .says("private/2/CURRENT")
        .says("database id ");
}

#[test]
fn two_backups_are_compared() {
    let world = World::with_two_backups();
    let document = world.json(["diff", "1", "latest"]);
    let file = FILE.replace("shared_with: [number]", "shared_with: []");
    let side =
        format!("{{id: number, sequence_number: number, bytes_alone: number, files_alone: [{{{file}}}]}}");
    shape::check(
        &document,
        "diff",
        &format!("a: {side}, b: {side}, both_files: number, both_bytes: number"),
    );
    assert_eq!(document["both_files"], 3);
    world
        .run(["diff", "1", "2"])
        .ok()
        .says("in both: 3 files")
        .says("+ shared_checksum/");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let world = World::with_backup();
    let mut child = world
        .command()
        .args(["show", "1", "--files"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output: Command = {
        let mut command = world.command();
        command.arg("list").stdout(full).stderr(Stdio::piped());
        command
    };
    let ended = Ended::from({ output }.output().unwrap());
    ended.code(1).warns("error: writing to standard output");
}
