//! Standard output that cannot be written, as on a full disk.

use std::fs::File;
use std::process::Command;

use crate::command::{Ended, stonekeep};
use crate::world::World;

fn to_full_disk(mut command: Command) -> Ended {
    let full = File::options().write(true).open("/dev/full").unwrap();
    Ended::from(command.stdout(full).output().unwrap())
}

fn verb(world: &World, words: &str) -> Ended {
    let mut command = world.command();
    command.args(words.split(' ')).current_dir(world.path(""));
    to_full_disk(command)
}

#[test]
fn help_and_version_that_cannot_be_printed_are_an_error() {
    for words in [
        "--help",
        "-h",
        "--version",
        "help",
        "backup --help",
        "help restore",
    ] {
        let mut command = stonekeep();
        command.args(words.split(' '));
        let ended = to_full_disk(command).code(1);
        ended
            .warns("error: writing to standard output")
            .warns("No space left");
    }
    for words in ["completions bash", "man"] {
        let mut command = stonekeep();
        command.args(words.split(' '));
        to_full_disk(command)
            .code(1)
            .warns("error: writing to standard output");
    }
}

#[test]
fn a_verb_that_did_its_work_says_so_where_its_report_cannot_be_written() {
    let world = World::new();
    let unwritten = ", but the report could not be written to standard output";
    let verbs = [
        ("backup db", "backup 1 was made"),
        ("backup db --json", "backup 2 was made"),
        ("backup db --dry-run", "nothing was changed"),
        ("verify --json", "nothing was found wrong"),
        ("restore 1 --to target --json", "backup 1 is restored to target"),
        ("open 2 --at opened", "backup 2 is at "),
        ("close opened --json", "opened is removed"),
        ("delete 1", "backup 1 deleted, "),
        ("purge --keep 1 --json", "0 files were removed"),
        ("man --out pages --json", "written to pages"),
    ];
    for (words, done) in verbs {
        let ended = verb(&world, words).code(1);
        ended.warns("error: ").warns(done).warns(unwritten);
    }
    assert!(world.path("target/CURRENT").exists());
    assert!(!world.path("opened").exists());
    world.run(["show", "2"]).ok();
    world.damage_shared_file();
    verb(&world, "verify").code(1).warns("1 fault was found, but");
}

#[test]
fn warnings_are_printed_where_the_report_cannot_be() {
    let world = World::new();
    for json in ["", " --json"] {
        let words = format!("backup db --share-files-with-checksum=false{json}");
        let ended = verb(&world, &words).code(1);
        ended.warns("warning: share_files_with_checksum is off");
    }
}

#[test]
fn an_error_that_cannot_be_written_as_json_is_written_as_text() {
    let world = World::with_backup();
    verb(&world, "show 9 --json")
        .code(4)
        .warns("error: there is no backup 9")
        .warns("the JSON document could not be written: No space left");
    verb(&world, "nonsense --json")
        .code(2)
        .warns("error: unrecognized subcommand");
    verb(&world, "list --json")
        .code(1)
        .warns("error: writing to standard output");
}

#[test]
fn a_reader_of_the_help_may_go_away() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = stonekeep();
    let ended = Ended::from(command.arg("--help").stdout(writer).output().unwrap());
    assert_eq!(ended.ok().stderr, "");
}
