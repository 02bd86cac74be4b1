//! Ctrl-C and SIGTERM.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use stonekeep_testkit::database::DatabaseBuilder;

use crate::command::Ended;
use crate::world::World;

/// A database whose backup takes half a minute at the rate of [`slow_backup`].
fn large() -> World {
    let mut world = World::with(DatabaseBuilder::new());
    world.database.add_tables(30, 100_000);
    world
}

fn slow_backup(world: &World) -> Command {
    let mut command = world.command();
    command.args([
        "backup",
        world.db(),
        "--backup-rate-limit=100000",
        "--max-background-operations=1",
    ]);
    command
}

fn start(mut command: Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Waits until the backup has begun to copy.
fn wait_for_copying(world: &World) {
    let tmp = world.repo().join("stonekeep/tmp");
    let begun = Instant::now();
    while std::fs::read_dir(&tmp).map_or(0, Iterator::count) == 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the backup does not begin"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(1500));
}

fn stopped_by(signal: Signal, json: bool) -> (World, Ended) {
    let world = large();
    let mut command = slow_backup(&world);
    if json {
        command.arg("--json");
    }
    let child = start(command);
    wait_for_copying(&world);
    let sent = Instant::now();
    send(&child, signal);
    let ended = Ended::from(child.wait_with_output().unwrap());
    assert!(
        sent.elapsed() < Duration::from_secs(5),
        "it took {:?}",
        sent.elapsed()
    );
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
fn a_second_signal_ends_it_at_once() {
    let world = large();
    let child = start(slow_backup(&world));
    wait_for_copying(&world);
    // Whether the second one finds it alive still is a race; either way it ends with the first one's code.
    send(&child, Signal::INT);
    let _ = kill_process(Pid::from_child(&child), Signal::INT);
    Ended::from(child.wait_with_output().unwrap()).code(130);
    world.run(["list"]).ok();
}

#[test]
fn another_process_that_changes_the_repository_is_named_with_5() {
    let world = large();
    let child = start(slow_backup(&world));
    wait_for_copying(&world);
    let holder = format!("process {}", child.id());
    world
        .run(["backup", world.db()])
        .code(5)
        .warns("stonekeep backup")
        .warns(&holder)
        .warns("--lock-wait");
    let begun = Instant::now();
    world.run(["backup", world.db(), "--lock-wait=1s"]).code(5);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    world.run(["list"]).ok();
    // One that waits says so, and gets the lock when the other has ended.
    let mut waiting = world.command();
    waiting.args(["backup", world.db(), "--lock-wait=forever"]);
    let waiting = start(waiting);
    std::thread::sleep(Duration::from_secs(1));
    send(&child, Signal::TERM);
    let waited = Ended::from(waiting.wait_with_output().unwrap()).ok();
    waited.warns("waiting: another process is changing the repository");
    Ended::from(child.wait_with_output().unwrap()).code(143);
}

#[test]
fn progress_is_told_in_lines_where_there_is_no_terminal() {
    let world = large();
    let mut command = slow_backup(&world);
    command.arg("--callback-trigger-interval-size=10KiB");
    let child = start(command);
    wait_for_copying(&world);
    std::thread::sleep(Duration::from_secs(6));
    send(&child, Signal::INT);
    let ended = Ended::from(child.wait_with_output().unwrap()).code(130);
    ended.warns("copying: ").warns(" left\n");
}

#[test]
fn an_interrupted_restore_leaves_the_target_as_it_was() {
    let world = large();
    world.run(["backup", world.db()]).ok();
    let to = world.word("target");
    world.run(["restore", "--to", &to]).ok();
    let marker = world.path("target/000001.sst");
    std::fs::write(&marker, "of the old database").unwrap();
    let interrupt = || {
        let mut command = world.command();
        command.args(["restore", "--to", &to, "--restore-rate-limit=500000"]);
        let child = start(command);
        std::thread::sleep(Duration::from_secs(2));
        send(&child, Signal::INT);
        let ended = Ended::from(child.wait_with_output().unwrap()).code(130);
        ended
            .warns("error: stopped")
            .warns("hint: what stood at the target is as it was");
        assert!(marker.exists());
    };
    interrupt();
    let report = world.json(["restore", "--to", &to]);
    assert_eq!(
        (&report["resumed"], &report["restored"]),
        (&true.into(), &true.into())
    );
    assert!(!marker.exists());

    std::fs::write(&marker, "of the old database").unwrap();
    interrupt();
    world
        .run(["restore", "--abort", "--to", &to])
        .ok()
        .says("is taken back");
    assert!(marker.exists() && !world.path("target/.stonekeep-restore").exists());
}
