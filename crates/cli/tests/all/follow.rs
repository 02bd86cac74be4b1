//! `follow`, and restores to a point: with a database that is written here while the command runs.

use std::fs;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::command::Ended;
use crate::running::Running;
use crate::world::World;

fn command(world: &World, more: &[&str]) -> Command {
    let mut command = world.command();
    command
        .args(["follow", world.db(), "--interval", "20ms"])
        .args(more);
    command
}

/// Follows until the base is there, then while `work` runs, and stops it by this signal.
fn followed(world: &mut World, signal: Signal, more: &[&str], work: impl FnOnce(&mut World)) -> Ended {
    let mut running = Running::start(command(world, more));
    let bases = world.repo().join("meta");
    let there = || fs::read_dir(&bases).is_ok_and(|mut backups| backups.next().is_some());
    running.wait_until(there);
    if !more.contains(&"--json") {
        running.wait_for_words("following ");
    }
    work(world);
    running.send(signal);
    running.end()
}

/// How many segments the streams have.
fn segments(world: &World) -> usize {
    let streams = fs::read_dir(world.repo().join("stonekeep/wal")).unwrap();
    let files = streams.flat_map(|stream| fs::read_dir(stream.unwrap().path()).unwrap());
    let names = files.map(|file| file.unwrap().file_name());
    names
        .filter(|name| !name.to_string_lossy().starts_with("owner"))
        .count()
}

fn lines(ended: &Ended) -> Vec<Value> {
    let lines = ended.stdout.lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_written_while_it_runs_can_be_restored() {
    let mut world = World::new();
    let mut sequences = Vec::new();
    let ended = followed(&mut world, Signal::TERM, &[], |world| {
        for _ in 0..3 {
            world.database.write(5);
            sequences.push(world.database.sequence_number().0);
            world.database.switch_wal();
        }
    });
    let last = sequences[2];
    let end = format!("the repository has everything up to sequence number {last}");
    ended
        .ok()
        .warns("a new stream was begun")
        .warns("base 1 is made")
        .says(&end);
    for sequence in &sequences {
        let to = world.word(&format!("at-{sequence}"));
        let at = sequence.to_string();
        world
            .run(["restore", "--at-seq", &at, "--to", &to])
            .ok()
            .says(&format!(
                "sequence number {sequence} behind base 1 is restored to"
            ))
            .says("RocksDB replays");
    }
    let plan = world.json([
        "restore",
        "--at",
        "latest",
        "--to",
        &world.word("plan"),
        "--dry-run",
    ]);
    assert_eq!(plan["point"]["sequence_number"], last);
    assert_eq!(plan["backup_id"], 1);
    assert!(!world.path("plan").exists());
    for (at, what) in [
        ("--at-seq=1", "before the end of the oldest base"),
        ("--at-seq=99999999", "the stream ends at sequence number"),
        ("--at=2001-01-01", "before the end of the oldest base"),
    ] {
        world
            .run(["restore", at, "--to", &world.word("no")])
            .code(1)
            .warns(what);
    }
    world
        .run(["restore", "--at", "latest5m", "--to", &world.word("no")])
        .code(2)
        .warns("latest-5m");
    let streams = world.json(["timeline"])["streams"].clone();
    let range = &streams[0]["ranges"][0];
    assert_eq!(range["to_sequence"], last);
    assert_eq!(
        (&range["bases"], &range["ends"]),
        (&serde_json::json!([1]), &Value::Null)
    );
    assert_eq!(
        (&streams[0]["breaks"], &streams[0]["findings"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
    world.run(["timeline"]).ok().says("the stream").says(world.db());
    // The base is an ordinary backup.
    world.run(["verify"]).ok();
    world.run(["restore", "1", "--to", &world.word("base")]).ok();
}

#[test]
fn it_goes_on_where_it_was_stopped_and_tells_machines_in_lines() {
    let mut world = World::new();
    followed(&mut world, Signal::INT, &[], |world| world.database.write(5)).ok();
    world.database.write(5);
    let before = segments(&world);
    let mut running = Running::start(command(&world, &["--json"]));
    running.wait_until(|| segments(&world) > before);
    world.database.write(5);
    running.send(Signal::TERM);
    let ended = running.end().ok();
    let lines = lines(&ended);
    assert_eq!(lines[0]["event"], "resumed");
    assert!(lines.iter().all(|line| line["command"] == "follow"));
    assert_eq!(lines[0]["database"], world.db());
    assert!(lines.iter().any(|line| line["event"] == "segment"));
    let status = lines.last().unwrap();
    assert_eq!(status["last_sequence"], world.database.sequence_number().0);
    assert_eq!((&status["newest_base"], &status["bases"]), (&1.into(), &0.into()));
    let report = world.json(["restore", "--at", "latest", "--to", &world.word("to")]);
    assert_eq!(
        report["point"]["sequence_number"],
        world.database.sequence_number().0
    );
    assert_eq!(report["point"]["stream"], status["stream"]);
}

#[test]
fn a_timeline_names_what_is_missing() {
    let mut world = World::new();
    let ended = followed(&mut world, Signal::TERM, &["--json"], |world| {
        world.database.write(5)
    });
    let stream = lines(&ended.ok()).last().unwrap()["stream"].clone();
    followed(&mut world, Signal::TERM, &[], |world| world.database.write(5)).ok();
    let directory = world.repo().join("stonekeep/wal").join(stream.as_str().unwrap());
    let first = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let second = first.filter(|path| path.to_str().unwrap().contains("/0000000000000001-"));
    second.for_each(|path| fs::remove_file(path).unwrap());
    world.run(["timeline"]).code(3).says("segment 1 is missing");
    world
        .run(["restore", "--at", "latest", "--to", &world.word("no")])
        .code(3)
        .warns("segment 1 is missing");
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let world = World::new();
    world
        .run(["follow", &world.word("nowhere")])
        .code(4)
        .warns("nowhere");
    assert!(!world.repo().exists());
    world
        .run(["follow", world.db(), "--interval", "1ms"])
        .code(2)
        .warns("at least 10ms");
    world
        .run(["restore", "--at", "latest", "--to", &world.word("to")])
        .code(4)
        .warns("there is no repository");
    world.run(["backup", world.db()]).ok();
    world
        .run(["restore", "--at", "latest", "--to", &world.word("to")])
        .code(4)
        .warns("no backup is a base of a stream")
        .warns("hint: follow the database");
    let stream = "--stream=00112233445566778899aabbccddeeff";
    world
        .run(["restore", stream, "--to", &world.word("to")])
        .code(2)
        .warns("--at");
    world
        .run(["restore", "1", "--at", "latest", "--to", &world.word("to")])
        .code(1)
        .warns("backup 1 is no base");
}
