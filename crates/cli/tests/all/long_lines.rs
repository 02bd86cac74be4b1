//! Meta files and other texts with lines that nobody should hold in memory, and metadata that nobody wants to read as a whole.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Ended;
use crate::world::World;

/// Address space for the binary with its threads, and some 64 MiB.
const MEMORY_KIB: u32 = 160 << 10;
const META_BYTES: u64 = 200 << 20;

/// Runs the binary with so little memory that it cannot hold the meta file.
fn run_short_of_memory(world: &World, args: &[&str]) -> Ended {
    let script = format!("ulimit -v {MEMORY_KIB} && exec \"$0\" \"$@\"");
    let mut command = std::process::Command::new("sh");
    command
        .env("STONEKEEP_REPO", world.repo())
        // Else each thread reserves address space of its own.
        .env("MALLOC_ARENA_MAX", "1")
        .args(["-c", &script, env!("CARGO_BIN_EXE_stonekeep")])
        .args(args);
    Ended::from(command.output().expect("running sh"))
}

#[test]
fn a_meta_file_of_one_endless_line_takes_no_memory() {
    let world = World::with_backup();
    let meta = world.repo().join("meta/2");
    let lay = || {
        let file = fs::File::create(&meta).unwrap();
        file.set_len(META_BYTES).unwrap();
    };
    lay();
    run_short_of_memory(&world, &["list"]).ok().says("corrupt");
    run_short_of_memory(&world, &["show", "2"])
        .ok()
        .says("a line has more than ");
    run_short_of_memory(&world, &["gc", "--min-age=0"]).ok();
    run_short_of_memory(&world, &["verify"]).code(3).says("meta/2");
    run_short_of_memory(&world, &["delete", "2"]).ok();
    assert!(!meta.exists());
    lay();
    run_short_of_memory(&world, &["purge", "--keep=1"]).ok();
    run_short_of_memory(&world, &["verify", "1"]).ok();
}

/// Makes the only OPTIONS file of a directory as long as one may be.
fn lengthen_options(directory: &Path) -> String {
    let paths = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_options = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("OPTIONS");
    let path = paths.filter(is_options).max().unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(64 << 20).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn an_options_file_of_one_endless_line_takes_no_memory() {
    let endless = "a line has more than ";
    let world = World::with_backup();
    let target = world.word("target");
    world.run(["restore", "1", "--to", &target]).ok();
    lengthen_options(Path::new(&target));
    run_short_of_memory(&world, &["restore", "1", "--to", &target]).ok();
    let of_database = lengthen_options(Path::new(world.db()));
    run_short_of_memory(&world, &["inspect", &of_database])
        .code(3)
        .warns(endless);
    run_short_of_memory(&world, &["backup", world.db()])
        .ok()
        .warns(endless);
    lengthen_options(&world.repo().join("private/1"));
    fs::remove_file(world.repo().join("stonekeep/backups/1")).unwrap();
    let again = ["restore", "1", "--to", &target];
    run_short_of_memory(&world, &again).code(3).warns(endless);
    run_short_of_memory(&world, &["show", "1"]).ok();
    run_short_of_memory(&world, &["delete", "1"]).ok();
}

#[test]
fn a_record_of_a_restore_of_one_endless_line_takes_no_memory() {
    let world = World::with_backup();
    let staging = world.path("target/.stonekeep-restore");
    fs::create_dir_all(&staging).unwrap();
    let state = fs::File::create(staging.join("state")).unwrap();
    state.set_len(META_BYTES).unwrap();
    let target = world.word("target");
    for args in [
        &["restore", "1", "--to", &target][..],
        &["restore", "--abort", "--to", &target],
    ] {
        let ended = run_short_of_memory(&world, args);
        ended.code(3).warns("a line has more than ");
    }
}

#[test]
fn metadata_above_the_limit_of_rocksdb_are_shown_cut() {
    let world = World::with_backup();
    let meta = world.repo().join("meta/1");
    let text = fs::read_to_string(&meta).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let with = |bytes: usize| {
        let metadata = format!("metadata {}\n", "4D".repeat(bytes));
        let (head, files) = lines.split_at(2);
        fs::write(&meta, head.concat() + &metadata + &files.concat()).unwrap();
    };
    with(3 << 20);
    for verb in [&["show", "1"][..], &["list"]] {
        let document = world.json(verb.iter().copied());
        let backup = if document["backup"].is_null() {
            &document["backups"][0]
        } else {
            &document["backup"]
        };
        assert_eq!(backup["app_metadata"], "M".repeat(1024));
        assert_eq!(backup["app_metadata_hex"], "4D".repeat(1024));
        assert_eq!(backup["app_metadata_bytes"], 3 << 20);
        assert_eq!(backup["state"], "valid");
    }
    let shown = world.run(["show", "1"]).ok();
    assert!(shown.stdout.len() < 8192, "{}", shown.stdout.len());
    shown.says("M... (the first 1.00 KiB of 3.00 MiB)");
    let path = meta.to_str().unwrap();
    let document = crate::command::run(["inspect", path, "--json"]).ok().json();
    assert_eq!(document["content"]["app_metadata_bytes"], 3 << 20);
    assert_eq!(document["content"]["app_metadata"], "M".repeat(1024));
    // What RocksDB would write is shown whole.
    with(1 << 20);
    let document = world.json(["show", "1"]);
    assert_eq!(
        document["backup"]["app_metadata"].as_str().unwrap().len(),
        1 << 20
    );
}
