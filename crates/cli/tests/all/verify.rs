//! `verify`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::command::Ended;
use crate::shape;
use crate::world::World;

/// The user with no rights, as most systems number it.
const NOBODY: u32 = 65_534;

const HEAD: &str = "clean: bool, level: string, files_checked: number, bytes_checked: number, files_left: number, \
    bytes_left: number, oldest_verified: string, never_verified_bytes: number, files_excluded: number, backups: [{id: number, \
    state: string, findings: [";

#[test]
fn alone_it_means_every_byte_of_all_backups() {
    let world = World::with_two_backups();
    let document = world.json(["verify"]);
    let expected = format!(
        "{HEAD}], unsupported: null, unverifiable: [], excluded: []}}], findings: [], unchecked: [], contents: null, warnings: []"
    );
    shape::check(&document, "verify", &expected);
    assert_eq!(
        (&document["clean"], &document["level"]),
        (&true.into(), &"checksum".into())
    );
    assert_eq!(document["backups"].as_array().unwrap().len(), 2);
    world.run(["verify"]).ok().says("all right: ").says("2 backups");
    world.run(["verify", "--all", "--quiet"]).ok();
    assert_eq!(
        world.json(["verify", "latest"])["backups"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    world.run(["verify", "1", "--all"]).code(2);
}

#[test]
fn damage_is_found_with_the_backups_that_it_touches() {
    let world = World::with_two_backups();
    let damaged = world.damage_shared_file();
    world.run(["verify", "--level=size"]).ok();
    let ended = world
        .run(["verify"])
        .code(3)
        .says(&format!("damaged: {damaged}: "));
    ended
        .says("(backups 1-2)")
        .says(": its checksum is 0x")
        .says(" instead of 0x")
        .says("not all right: 2 of 2 backups, ");
    let mut command = world.command();
    let output = command.args(["verify", "--json"]).output().unwrap();
    let document = crate::command::Ended::from(output).code(3).json();
    let expected = format!(
        "{HEAD}{{file: string, reason: string}}], unsupported: null, unverifiable: [], excluded: []}}], \
         findings: [{{file: string, kind: string, reason: string, backups: [number]}}], unchecked: [], contents: null, warnings: []"
    );
    shape::check(&document, "verify", &expected);
    assert_eq!(document["findings"][0]["kind"], "wrong_checksum");
    assert_eq!(document["findings"][0]["backups"], serde_json::json!([1, 2]));
    let ended = world.run(["verify", "--level=size"]).code(3);
    ended.says(&damaged).says(", as an earlier verification found");
}

#[test]
fn the_size_is_enough_to_find_what_is_missing() {
    let world = World::with_backup();
    let lost = world.lose_shared_file();
    world
        .run(["verify", "1", "--level", "size", "--verify-rate-limit=1MiB"])
        .code(3)
        .says(&lost);
}

#[test]
fn a_meta_file_that_a_newer_engine_wrote_is_unsupported() {
    let world = World::with_backup();
    fs::write(world.repo().join("meta/2"), "schema_version 3\n").unwrap();
    let ended = world.run(["verify"]);
    assert_ne!(ended.code, Some(0), "{ended:?}");
    ended.says("unsupported: backup 2: ");
}

#[test]
fn the_latest_backup_is_the_newest_even_if_it_is_damaged() {
    let world = World::with_two_backups();
    fs::remove_file(world.repo().join("private/2/CURRENT")).unwrap();
    world.run(["verify", "latest"]).code(3).says("private/2/CURRENT");
    assert_eq!(world.json(["show", "latest"])["backup"]["id"], 2);
    let to = world.word("new");
    world
        .run(["restore", "latest", "--to", &to])
        .code(3)
        .warns("latest-valid");
    assert!(!world.path("new/CURRENT").exists());
}

#[test]
fn a_repository_without_backups_is_not_all_right() {
    let world = World::with_backup();
    world.run(["delete", "1", "--yes"]).ok();
    world.run(["verify"]).code(4).warns("there is no backup in ");
    world
        .run(["verify", "latest"])
        .code(4)
        .warns("there is no backup in ");

    let world = World::new();
    world.run(["verify"]).code(4).warns("there is no repository at ");
    fs::create_dir_all(world.repo().join("private/1")).unwrap();
    fs::create_dir_all(world.repo().join("meta")).unwrap();
    world
        .run(["verify"])
        .code(4)
        .warns("the first one has not been completed");
}

/// So few descriptors that some files cannot be opened, or nothing at all.
#[test]
fn a_verification_that_runs_out_of_descriptors_has_found_no_damage() {
    let world = World::with_two_backups();
    let mut codes = std::collections::BTreeSet::new();
    for limit in 4..=16 {
        let script = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command
            .env("STONEKEEP_REPO", world.repo())
            .args(["-c", &script, env!("CARGO_BIN_EXE_stonekeep")]);
        command.args(["verify", "--max-background-operations=16"]);
        let ended = Ended::from(command.output().expect("running sh"));
        assert_ne!(ended.code, Some(3), "{limit}: {ended:?}");
        assert!(!ended.stdout.contains("damaged:"), "{limit}: {ended:?}");
        codes.insert(ended.code);
    }
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), [Some(0), Some(1)]);
}

#[test]
fn files_that_may_not_be_read_are_reported_apart() {
    let world = World::with_two_backups();
    let secret = world.stored("shared_checksum").remove(0);
    fs::set_permissions(&secret, Permissions::from_mode(0o000)).unwrap();
    // Nobody may not enter every directory that a binary is built in.
    let binary = world.path("stonekeep");
    fs::copy(env!("CARGO_BIN_EXE_stonekeep"), &binary).unwrap();
    let mut command = Command::new(binary);
    command.arg("verify").env("STONEKEEP_REPO", world.repo());
    if fs::File::open(&secret).is_ok() {
        // Root reads every file; nobody does not.
        fs::set_permissions(world.path(""), Permissions::from_mode(0o755)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    Ended::from(command.output().unwrap())
        .code(1)
        .says("unchecked: shared_checksum/")
        .says("Permission denied (os error 13) (backups 1-2)")
        .says("hint: run it as the user who owns these files")
        .says("not all checked: 1 file could not be read, no damage in the others; 2 backups, ");
}

#[test]
fn a_file_that_backups_share_is_counted_once() {
    let world = World::with_two_backups();
    let stored = ["shared_checksum", "private/1", "private/2"].map(|directory| world.stored(directory).len());
    let files: usize = stored.iter().sum();
    for level in ["size", "checksum"] {
        let document = world.json(["verify", "--level", level]);
        assert_eq!(document["files_checked"], files, "{level}");
    }
}

#[test]
fn verbose_logs_what_is_done() {
    let world = World::with_backup();
    let ended = world.run(["-v", "verify"]).ok();
    ended.warns("INFO").warns("verifying a backup");
    let mut command = world.command();
    command.args(["-v", "backup", world.db()]);
    let ended = crate::command::Ended::from(command.output().unwrap()).ok();
    ended.warns("captured the database").warns("committed the backup");
    let to = world.word("new");
    let ended = world.run(["restore", "-v", "--to", &to]).ok();
    assert!(!ended.stderr.contains("DEBUG"), "{ended:?}");
    ended.warns("the restored database is in place");
    world
        .run(["delete", "1", "-vv"])
        .ok()
        .warns("deleted from the list");
    let quiet = world.run(["verify"]).ok();
    assert_eq!(quiet.stderr, "");
}

#[test]
fn a_part_at_a_time_verifies_everything() {
    let world = World::with_two_backups();
    let all = world.json(["verify", "--level=size"])["files_checked"]
        .as_u64()
        .unwrap();
    let first = world.json(["verify", "--sample", "10%"]);
    let (read, left) = (&first["files_checked"], &first["files_left"]);
    assert_eq!(read.as_u64().unwrap() + left.as_u64().unwrap(), all);
    assert!(first["oldest_verified"].is_null() && first["never_verified_bytes"].as_u64() > Some(0));
    world
        .run(["verify", "--sample=1"])
        .ok()
        .says("left for the next run: ")
        .says(" were never verified");
    let second = world.json(["verify", "--sample=100%", "--max-duration", "1h"]);
    assert_eq!(second["never_verified_bytes"], 0);
    assert!(second["oldest_verified"].is_string());
    world
        .run(["verify", "--max-duration=0"])
        .ok()
        .says("; all files were verified since 20");
    world.run(["verify", "--sample=1/7", "--level=size"]).code(2);
    for wrong in ["0%", "8/7", "none", "0"] {
        world.run(["verify", "--sample", wrong]).code(2);
    }
    let damaged = world.damage_shared_file();
    world.run(["verify"]).code(3);
    // It is not read, and not forgotten.
    world
        .run(["verify", "--max-duration=0"])
        .code(3)
        .says(&format!("damaged: {damaged}: "))
        .says("as an earlier verification found");
}
