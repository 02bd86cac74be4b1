//! `backup`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use stonekeep_testkit::database::DatabaseBuilder;

use crate::command::Ended;
use crate::shape;
use crate::world::World;

const SHAPE: &str = "dry_run: bool, committed: bool, backup_id: number, sequence_number: number, prepared_transactions: number, capture: string, live: null, \
    files_total: number, bytes_total: number, files_copied: number, bytes_copied: number, files_reused: number, \
    bytes_reused: number, files_resumed: number, bytes_resumed: number, files_excluded: number, files_included: number, \
    bytes_included: number, tables_opened: number, surplus: [], unknown: [], \
    healed_files: [], healed_backups: []";

#[test]
fn the_second_backup_copies_only_what_is_new() {
    let mut world = World::new();
    let first = world.json(["backup", world.db()]);
    shape::check(&first, "backup", &format!("{SHAPE}, warnings: []"));
    assert_eq!(
        (&first["backup_id"], &first["committed"]),
        (&1.into(), &true.into())
    );
    assert_eq!(first["files_reused"], 0);
    world.database.add_tables(1, 20_000);
    let second = world.json(["backup", world.db()]);
    assert_eq!(
        (&second["backup_id"], &second["files_reused"]),
        (&2.into(), &3.into())
    );
    assert_eq!(second["sequence_number"], world.database.sequence_number().0);
    world
        .run(["backup", world.db()])
        .ok()
        .says("backup 3 of ")
        .says("stored already   4 files");
}

#[test]
fn files_that_are_no_part_of_the_database_are_reported() {
    let world = World::new();
    let stranger = Path::new(world.db()).join("notes.txt");
    fs::write(&stranger, "mine").unwrap();
    world
        .run(["backup", world.db()])
        .ok()
        .says("not part of it   1 file or directory, such as ")
        .says("notes.txt")
        .warns("RocksDB does not know notes.txt")
        .warns("[unknown-files]");
    let report = world.json(["backup", world.db()]);
    assert_eq!(report["surplus"], serde_json::json!([stranger.to_str().unwrap()]));
    assert_eq!(report["unknown"], report["surplus"]);
    assert_eq!(fs::read_to_string(stranger).unwrap(), "mine");
}

#[test]
fn included_files_are_backed_up_and_restored() {
    let world = World::new();
    let database = Path::new(world.db());
    fs::write(database.join("app.json"), "{}").unwrap();
    fs::create_dir(database.join("conf")).unwrap();
    fs::write(database.join("conf/rules"), "all of them").unwrap();
    let include = ["backup", world.db(), "--include", "app.json", "--include", "conf"];
    let plan = world.json(include.iter().copied().chain(["--dry-run"]));
    assert_eq!(plan["files_included"], 2);
    let report = world.json(include);
    assert_eq!(
        (&report["files_included"], &report["bytes_included"]),
        (&2.into(), &13.into())
    );
    assert_eq!(
        (&report["unknown"], &report["warnings"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
    let shown = world.run(["show", "1", "--files"]).ok();
    shown.says("2 files, 13 B").says("stonekeep/files/1/conf/rules");
    world.run(["verify"]).ok();
    let target = world.word("target");
    world.run(["restore", "1", "--to", &target]).ok();
    let restored = fs::read_to_string(Path::new(&target).join("conf/rules")).unwrap();
    assert_eq!(restored, "all of them");
    world
        .run(["backup", world.db(), "--include", "/etc/passwd"])
        .code(2)
        .warns("relative to the database's directory");
}

#[test]
fn an_accepted_warning_is_in_json_alone() {
    let world = World::new();
    fs::write(Path::new(world.db()).join("notes.txt"), "mine").unwrap();
    let accept = ["backup", world.db(), "--accept", "unknown-files"];
    let ended = world.run(accept).ok();
    assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
    let report = world.json(accept);
    assert_eq!(report["warnings"][0]["name"], "unknown-files");
    assert_eq!(report["warnings"][0]["accepted"], true);
    let ended = world.run(["show", "2"]).ok();
    assert!(!ended.stdout.contains("unknown-files"), "{}", ended.stdout);
    assert_eq!(
        world.json(["show", "2"])["backup"]["warnings"],
        report["warnings"]
    );
    world
        .run(["backup", world.db(), "--accept", "unknown-file"])
        .code(2)
        .warns("not the name of a warning");
}

#[test]
fn a_dry_run_changes_nothing() {
    let world = World::new();
    let plan = world.json(["backup", world.db(), "--dry-run"]);
    shape::check(
        &plan,
        "backup",
        &format!("{SHAPE}, files: [{{path: string, size_bytes: number, action: string}}], warnings: []"),
    );
    assert_eq!(
        (&plan["dry_run"], &plan["committed"]),
        (&true.into(), &false.into())
    );
    assert!(!world.repo().exists());
    let ended = world.run(["backup", world.db(), "--dry-run"]).ok();
    ended.says("private/1/CURRENT").says("nothing was changed");
    assert!(!world.repo().exists());
}

#[test]
fn quiet_says_nothing_when_all_is_well() {
    let world = World::new();
    let ended = world.run(["backup", "--quiet", world.db()]).ok();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
}

#[test]
fn verbose_prints_diagnostics_on_standard_error() {
    let world = World::new();
    let ended = world.run(["backup", "-vv", world.db()]).ok().says("backup 1 of ");
    assert!(
        !ended.stdout.contains("TRACE") && !ended.stdout.contains("DEBUG"),
        "{ended:?}"
    );
}

#[test]
fn metadata_and_tags_are_kept() {
    let world = World::new();
    world
        .run([
            "backup",
            world.db(),
            "--app-metadata",
            "release 7",
            "--tag",
            "a",
            "--tag=b",
        ])
        .ok();
    let backup = &world.json(["show", "1"])["backup"];
    assert_eq!(backup["app_metadata"], "release 7");
    assert_eq!(backup["tags"], serde_json::json!(["a", "b"]));

    let file = world.path("metadata");
    fs::write(&file, b"\xff\0").unwrap();
    world
        .run([
            "backup",
            world.db(),
            "--app-metadata-file",
            &world.word("metadata"),
        ])
        .ok();
    let backup = &world.json(["show", "2"])["backup"];
    assert_eq!(
        (&backup["app_metadata"], &backup["app_metadata_hex"]),
        (&().into(), &"FF00".into())
    );

    let mut command = world.command();
    command.args(["backup", world.db(), "--app-metadata-file", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"from a pipe").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(
        world.json(["show", "latest"])["backup"]["app_metadata"],
        "from a pipe"
    );

    fs::write(&file, vec![b'x'; (1 << 20) + 1]).unwrap();
    let ended = world.run([
        "backup",
        world.db(),
        "--app-metadata-file",
        &world.word("metadata"),
    ]);
    ended.code(1).warns("more than 1048576 bytes");
}

#[test]
fn files_are_left_out_by_pattern() {
    let world = World::new();
    let pattern = format!("--exclude={}", first_table(&world));
    world
        .run(["backup", world.db(), &pattern])
        .code(2)
        .warns("needs --schema-version=2");
    let report = world.json(["backup", world.db(), &pattern, "--schema-version=2"]);
    assert_eq!(report["files_excluded"], 1);
    let backup = &world.json(["show", "1", "--files"])["backup"];
    assert_eq!(
        (&backup["schema"], &backup["excluded_files"]),
        (&"2.1".into(), &1.into())
    );
    world.run(["show", "1", "--files"]).ok().says("excluded");
}

#[test]
fn backups_without_some_files_are_marked_and_are_not_all_right() {
    let world = World::new();
    let name = first_table(&world);
    let pattern = format!("--exclude={name}");
    let excluding = ["backup", world.db(), &pattern, "--schema-version=2"];
    world.run(excluding).ok();
    world.run(["list"]).ok().says("valid, 1 excluded");
    let ended = world
        .run(["verify"])
        .ok()
        .says("excluded: backup 1 was made without 1 file")
        .says(&name)
        .says("no damage found: ")
        .says("1 excluded file not checked");
    assert!(!ended.stdout.contains("all right"), "{ended:?}");
    world.run(["verify", "--quiet"]).ok().says(&name);
    let document = world.json(["verify"]);
    assert_eq!(
        (&document["clean"], &document["files_excluded"]),
        (&true.into(), &1.into())
    );
    assert_eq!(document["backups"][0]["excluded"], serde_json::json!([name]));
    let to = world.word("restored");
    world
        .run(["restore", "latest", "--to", &to])
        .code(1)
        .warns("excludes 1 file found in no other backup")
        .warns("--alternate-dir");
    // Another backup of the repository that has the file is enough.
    world.run(["backup", world.db()]).ok();
    world.run(["verify", "1"]).ok().says("all right: 1 backup");
    world.run(["restore", "1", "--to", &to]).ok();
}

/// The name of the database's first table.
fn first_table(world: &World) -> String {
    let mut live = world.database.state().live_tables();
    format!("{:06}.sst", live.next().unwrap().file.number.0)
}

#[test]
fn rocksdbs_options_are_taken_under_their_names() {
    let world = World::new();
    let words = "--share-files-with-checksum-naming=legacy-crc32c-and-file-size --sync=false --backup-log-files=true \
        --max-background-operations=3 --io-buffer-size=64KiB --callback-trigger-interval-size=4KiB \
        --backup-rate-limit=100MiB --decrease-background-thread-cpu-priority=false --share-table-files";
    world
        .run(["backup", world.db()].into_iter().chain(words.split_whitespace()))
        .ok();
    let name = world.stored("shared_checksum").remove(0);
    let name = name.file_stem().unwrap().to_str().unwrap();
    assert_eq!(name.split('_').count(), 3, "{name}");
    assert!(!name.contains("_s"), "{name}");

    let private = ["backup", world.db(), "--share-table-files=false"];
    world.run(private).ok();
    assert!(
        world
            .stored("private/2")
            .iter()
            .any(|path| path.extension().is_some_and(|end| end == "sst"))
    );
}

#[test]
fn directories_elsewhere_are_found_or_named() {
    let directory = tempfile::tempdir().unwrap();
    let (wals, further) = (directory.path().join("wals"), directory.path().join("more"));
    let builder = DatabaseBuilder::new().wal_dir(&wals).further_path(&further);
    let mut world = World::with(builder);
    world.database.add_table_in_path(1, 5_000);
    world.database.write(5);
    world.run(["backup", world.db()]).code(3).warns("error: ");
    let further = further.to_str().unwrap();
    world.run(["backup", world.db(), "--db-path", further]).ok();
    let wals = wals.to_str().unwrap();
    world
        .run(["backup", world.db(), "--db-path", further, "--wal-dir", wals])
        .ok();
    let files = world.json(["show", "latest", "--files"]).to_string();
    assert!(files.contains(".log"), "{files}");
}

#[test]
fn without_a_terminal_there_are_no_colours_and_no_bar() {
    let world = World::new();
    let mut command = world.command();
    command.env("TERM", "xterm-256color").args(["backup", world.db()]);
    let ended = Ended::from(command.output().unwrap()).ok();
    assert!(
        !ended.stdout.contains('\u{1b}') && !ended.stderr.contains('\u{1b}'),
        "{ended:?}"
    );
}
