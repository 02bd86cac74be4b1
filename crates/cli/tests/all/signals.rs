//! Ctrl-C, SIGTERM and SIGHUP.

use std::process::Command;

use rustix::process::Signal;
use stonekeep_testkit::database::DatabaseBuilder;

use crate::command::Ended;
use crate::running::{Running, tables_below};
use crate::world::World;

/// A low rate: a small table is there at once, all tables only after minutes.
const BYTES_A_SECOND: &str = "20000";

/// A database of one small table and many large ones.
fn large() -> World {
    let mut world = World::with(DatabaseBuilder::new());
    world.database.add_tables(1, 1_000);
    world.database.add_tables(60, 100_000);
    world
}

fn slow_backup(world: &World) -> Command {
    let mut command = world.command();
    command.args(["backup", world.db(), "--backup-rate-limit", BYTES_A_SECOND]);
    command.arg("--max-background-operations=1");
    command
}

/// Starts a backup, and waits until a table is copied whole: the next one is being copied then.
fn copying(world: &World, command: Command) -> Running {
    let mut running = Running::start(command);
    running.wait_until(|| tables_below(&world.repo().join("stonekeep/tmp")) > 1);
    running
}

fn stopped_by(signal: Signal, json: bool) -> (World, Ended) {
    let world = large();
    let mut command = slow_backup(&world);
    if json {
        command.arg("--json");
    }
    let mut running = copying(&world, command);
    running.send(signal);
    let ended = running.end();
    (world, ended)
}

#[test]
fn ctrl_c_ends_cleanly_and_says_what_is_left() {
    let (world, ended) = stopped_by(Signal::INT, false);
    ended
        .code(130)
        .warns("error: stopped")
        .warns("hint: no backup was made");
    assert_eq!(world.json(["list"])["backups"], serde_json::json!([]));
    let report = world.json(["backup", world.db()]);
    assert!(report["files_resumed"].as_u64().unwrap() > 0, "{report}");
    world.run(["verify"]).ok();
}

#[test]
fn sigterm_is_treated_the_same() {
    let (_world, ended) = stopped_by(Signal::TERM, true);
    let document = ended.code(143).json();
    assert_eq!(document["error"]["kind"], "stopped");
    assert_eq!(document["error"]["exit_code"], 143);
}

#[test]
fn a_lost_terminal_is_treated_the_same() {
    let (world, ended) = stopped_by(Signal::HUP, false);
    ended
        .code(129)
        .warns("error: stopped")
        .warns("hint: no backup was made");
    let report = world.json(["backup", world.db()]);
    assert!(report["files_resumed"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn what_nohup_started_goes_on_when_the_terminal_is_lost() {
    let world = large();
    let slow = slow_backup(&world);
    let mut command = Command::new("nohup");
    command.arg(slow.get_program()).args(slow.get_args());
    for (name, value) in slow.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut running = copying(&world, command);
    running.send(Signal::HUP);
    // The first signal that counts decides the exit code.
    running.send(Signal::TERM);
    running.end().code(143);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let world = large();
    let mut running = copying(&world, slow_backup(&world));
    // Whether the second one finds it alive still is a race; either way it ends with the first one's code.
    running.send(Signal::INT);
    running.send(Signal::INT);
    running.end().code(130);
    world.run(["list"]).ok();
}

#[test]
fn another_process_that_changes_the_repository_is_named_with_5() {
    let world = large();
    let mut running = copying(&world, slow_backup(&world));
    let holder = format!("process {}", running.id());
    for wait in ["0", "50ms"] {
        world
            .run(["backup", world.db(), "--lock-wait", wait])
            .code(5)
            .warns("stonekeep backup")
            .warns(&holder)
            .warns("--lock-wait");
    }
    world.run(["list"]).ok();
    // One that waits says so, and gets the lock when the other has ended.
    let mut waiting = world.command();
    waiting.args(["backup", world.db(), "--lock-wait=forever"]);
    let mut waiting = Running::start(waiting);
    waiting.wait_for_words("waiting for the lock: another process has it");
    running.send(Signal::TERM);
    waiting.end().ok();
    running.end().code(143);
}

#[test]
fn progress_is_printed_as_lines_without_a_terminal() {
    let world = large();
    let mut command = slow_backup(&world);
    command.arg("--callback-trigger-interval-size=1KiB");
    let mut running = Running::start(command);
    running.wait_for_words(" left\n");
    running.send(Signal::INT);
    running.end().code(130).warns("copying: ");
}

#[test]
fn an_interrupted_restore_leaves_the_target_as_it_was() {
    let world = large();
    world.run(["backup", world.db()]).ok();
    let to = world.word("target");
    world.run(["restore", "--to", &to]).ok();
    let marker = world.path("target/000001.sst");
    let interrupt = || {
        std::fs::write(&marker, "of the old database").unwrap();
        let mut command = world.command();
        command.args(["restore", "--to", &to, "--restore-rate-limit", BYTES_A_SECOND]);
        command.arg("--max-background-operations=1");
        let mut running = Running::start(command);
        running.wait_until(|| tables_below(&world.path("target/.stonekeep-restore/new")) > 1);
        running.send(Signal::INT);
        running
            .end()
            .code(130)
            .warns("error: stopped")
            .warns("hint: the old files at the target are unchanged");
        assert!(marker.exists());
    };
    interrupt();
    let report = world.json(["restore", "--to", &to]);
    assert_eq!(
        (&report["resumed"], &report["restored"]),
        (&true.into(), &true.into())
    );
    assert!(!marker.exists());

    interrupt();
    world
        .run(["restore", "--abort", "--to", &to])
        .ok()
        .says("is taken back");
    assert!(marker.exists() && !world.path("target/.stonekeep-restore").exists());
}

/// Others are read for minutes when the first table is known to be damaged.
#[test]
fn an_interrupted_verification_says_what_it_found() {
    let world = large();
    world.run(["backup", world.db()]).ok();
    let tables = std::fs::read_dir(world.path("repo/shared_checksum")).unwrap();
    let mut tables: Vec<_> = tables.map(|entry| entry.unwrap().path()).collect();
    tables.sort();
    let mut bytes = std::fs::read(&tables[0]).unwrap();
    bytes[5] ^= 1;
    std::fs::write(&tables[0], bytes).unwrap();
    let name = tables[0].file_name().unwrap().to_str().unwrap();
    for json in [false, true] {
        let mut command = world.command();
        command.args(["verify", "-v", "--verify-rate-limit", BYTES_A_SECOND]);
        command.arg("--max-background-operations=1");
        if json {
            command.arg("--json");
        }
        let mut running = Running::start(command);
        running.wait_for_words("a file is damaged");
        running.send(Signal::INT);
        let ended = running.end().code(130);
        if json {
            let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
            assert_eq!(document["error"]["kind"], "stopped");
            let found = document["error"]["findings"][0]["file"].as_str().unwrap();
            assert!(found.ends_with(name), "{document}");
        } else {
            ended
                .warns("error: stopped on request; 1 fault was found before\n")
                .warns(&format!("  shared_checksum/{name}: its checksum is "));
        }
    }
}
