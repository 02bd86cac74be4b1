//! What is different on a terminal: a bar and colours.

use std::fs::File;
use std::io::Read;
use std::process::Command;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::world::World;

/// Runs a command on a terminal of its own, and gives everything that it showed there.
fn shown(command: Command) -> String {
    shown_on(command, 0)
}

/// The same, on a terminal of so many columns; 0 if it does not say.
fn shown_on(mut command: Command, columns: u16) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&ours, size).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::from(open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap());
    command.env("TERM", "xterm-256color");
    command.stdout(theirs.try_clone().unwrap()).stderr(theirs);
    let mut child = command.spawn().unwrap();
    // The terminal is hung up only when nobody has its other end any more, this process neither.
    drop(command);
    let mut bytes = Vec::new();
    // The end of a terminal is an error (EIO) here.
    let _ = File::from(ours).read_to_end(&mut bytes);
    assert!(child.wait().unwrap().success());
    String::from_utf8(bytes).unwrap()
}

fn slow_backup(world: &World) -> Command {
    let mut command = world.command();
    let slowly = [
        "--backup-rate-limit=30000",
        "--callback-trigger-interval-size=2KiB",
    ];
    command.args(["backup", world.db()]).args(slowly);
    command
}

#[test]
fn there_is_a_bar_with_bytes_rate_and_time_left() {
    let world = World::new();
    let text = shown(slow_backup(&world));
    for part in [
        "copying [",
        "KiB of ",
        " files, ",
        "/s, ",
        " left",
        "backup 1 of ",
    ] {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
}

#[test]
fn the_bar_fits_forty_columns() {
    let world = World::new();
    let text = shown_on(slow_backup(&world), 40);
    let lines = text.split(['\r', '\n']).map(without_controls);
    let bars: Vec<String> = lines.filter(|line| line.starts_with("copying ")).collect();
    assert!(!bars.is_empty(), "no bar in {text:?}");
    for bar in bars {
        assert!(bar.chars().count() <= 40, "{bar:?}");
    }
}

/// The text without the sequences that move the cursor or set a colour.
fn without_controls(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let end = part
            .find(|c: char| c.is_ascii_alphabetic())
            .map_or(part.len(), |at| at + 1);
        text + &part[end..]
    })
}

#[test]
fn quiet_has_no_bar() {
    let world = World::new();
    let mut command = slow_backup(&world);
    command.arg("--quiet");
    assert_eq!(shown(command), "");
}

#[test]
fn there_are_colours_unless_they_are_not_wanted() {
    let world = World::with_backup();
    let list = || {
        let mut command = world.command();
        command.arg("list");
        command
    };
    assert!(shown(list()).contains("\u{1b}[32mvalid\u{1b}[0m"));
    let mut plain = list();
    plain.env("NO_COLOR", "1");
    let text = shown(plain);
    assert!(text.contains("valid") && !text.contains('\u{1b}'), "{text:?}");
}
