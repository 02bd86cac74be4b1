//! What runs out besides bytes: inodes, the length of a file.

use std::process::Command;

use crate::command::Ended;
use crate::mounts::script;
use crate::world::World;

/// `mount` of a file system that has so many inodes, at the directory `small`.
fn small(inodes: u32) -> String {
    format!("mkdir small; mount -t tmpfs -o nr_inodes={inodes} none small")
}

#[test]
fn a_file_system_without_inodes_is_not_called_full_of_bytes() {
    let test = "a_file_system_without_inodes_is_not_called_full_of_bytes";
    let world = World::with_backup();
    let cases = [
        (
            16,
            "stonekeep backup db --repo small/repo",
            "small/repo has no inode left for a new file: the backup needs 7 new files",
        ),
        (
            9,
            "stonekeep restore --to small/db",
            "small/db has no inode left for the files of the backup",
        ),
        (
            3,
            "touch small/1 small/2; stonekeep restore --to small/db",
            "has no inode left for ",
        ),
    ];
    for (inodes, verb, message) in cases {
        let Some(mut command) = script(&world, test, &format!("{}; {verb}", small(inodes))) else {
            return;
        };
        let ended = Ended::from(command.output().unwrap()).code(1);
        ended
            .warns(message)
            .warns("No space left on device")
            .warns("df -i");
        std::fs::remove_dir(world.path("small")).unwrap();
    }
}

/// A shell's `ulimit -f` counts blocks of 512 bytes.
#[test]
fn a_limit_on_the_length_of_files_is_an_error_that_names_the_file() {
    let world = World::with_backup();
    let binary = env!("CARGO_BIN_EXE_stonekeep");
    for verb in ["backup db --repo another", "restore --to target"] {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("ulimit -f 8; exec '{binary}' {verb}")])
            .current_dir(world.path(""))
            .env("STONEKEEP_REPO", world.repo());
        let ended = Ended::from(command.output().unwrap()).code(1);
        ended
            .warns(".sst")
            .warns(" would become longer than 4096 bytes, the limit of this process")
            .warns("File too large")
            .warns("hint: raise the limit (ulimit -f)");
    }
    // What was staged is used when the limit is gone.
    world.run(["restore", "--to", &world.word("target")]).ok();
    world
        .run(["backup", world.db(), "--repo", &world.word("another")])
        .ok();
}

/// Before anything is copied, and if the disk turns out to be full on the way.
#[test]
fn a_drill_on_a_full_disk_says_which_directory_to_free() {
    let test = "a_drill_on_a_full_disk_says_which_directory_to_free";
    let world = World::with_backup();
    for (mount, options) in [
        ("size=8k", "--scratch small"),
        ("nr_inodes=6", "--scratch small"),
        ("nr_inodes=6", "--keep small/db"),
    ] {
        let text = format!("mkdir small; mount -t tmpfs -o {mount} none small; stonekeep drill {options}");
        let Some(mut command) = script(&world, test, &text) else {
            return;
        };
        let ended = Ended::from(command.output().unwrap()).code(1);
        let (option, directory) = options.split_once(' ').unwrap();
        ended.warns(&format!(
            "hint: free room in {directory}, or name a directory on another disk ({option})"
        ));
        std::fs::remove_dir(world.path("small")).unwrap();
    }
}
