//! `restore`.

use std::fs;

use stonekeep_testkit::database::DatabaseBuilder;

use crate::command::{Ended, run};
use crate::running::Running;
use crate::shape;
use crate::world::{World, tables};

const BEGIN: &str = "dry_run: bool, restored: bool, backup_id: number, files_written: number, bytes_written: number, \
    files_kept: number, bytes_kept: number, files_moved_away: number, resumed: bool, wal_files_kept: [], \
    unverifiable: [], passed_over: [";

#[test]
fn a_restored_database_equals_the_original() {
    let world = World::with_backup();
    let document = world.json(["restore", "--to", &world.word("new")]);
    shape::check(
        &document,
        "restore",
        &format!(
            "{BEGIN}], left_alone: [], rewritten_options: [], target_sequence_number: null, backup_sequence_number: number, kept_old: null, warnings: []"
        ),
    );
    assert_eq!(
        (&document["restored"], &document["backup_id"]),
        (&true.into(), &1.into())
    );
    assert_eq!(tables(&world.path("new")), tables(world.database.path()));
    // It is a database, whole and whole again.
    run(["backup", &world.word("new"), "--repo", &world.word("other")]).ok();
    world
        .run(["restore", "1", "--to", &world.word("second")])
        .ok()
        .says("backup 1 is restored to ");
}

#[test]
fn a_dry_run_writes_nothing() {
    let world = World::with_backup();
    let to = world.word("new");
    let document = world.json(["restore", "--to", &to, "--dry-run"]);
    let expected = format!(
        "{BEGIN}], left_alone: [], rewritten_options: [], target_sequence_number: null, backup_sequence_number: number, kept_old: null, files: [{{name: string, size_bytes: number, action: string}}], warnings: []"
    );
    shape::check(&document, "restore", &expected);
    world
        .run(["restore", "--to", &to, "--dry-run"])
        .ok()
        .says("CURRENT")
        .says("nothing was changed");
    assert!(!world.path("new").exists());
}

#[test]
fn the_modes_keep_what_they_may() {
    let mut world = World::with_backup();
    let old = tables(world.database.path());
    world.database.add_tables(1, 5_000);
    let to = world.db().to_owned();
    let report = world.json(["restore", "--to", &to, "--mode=verify-checksum"]);
    assert_eq!(report["files_kept"], old.len());
    assert_eq!(tables(world.database.path()), old);
    let report = world.json(["restore", "--to", &to, "--mode=keep-latest-db-session-id-files"]);
    assert_eq!(report["files_kept"], old.len());
    for mode in ["purge-all", "purge-all-files"] {
        let report = world.json(["restore", "--to", &to, "--mode", mode]);
        assert_eq!(report["files_kept"], 0, "{mode}");
    }
    world.run(["restore", "--to", &to, "--mode=some"]).code(2);
}

#[test]
fn wals_go_where_they_are_wanted() {
    let world = World::with_backup();
    let (to, wals) = (world.word("new"), world.word("wals"));
    world
        .run(["restore", "--to", &to, "--wal-dir", &wals])
        .ok()
        .says("differs from the backup's: wal_dir is ")
        .says(" instead of empty, where the WALs are");
    let is_wal = |name: &str| name.ends_with(".log");
    let names = |directory: &str| -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    assert!(names(&wals).iter().any(|name| is_wal(name)));
    assert!(!names(&to).iter().any(|name| is_wal(name)));
    let options = world
        .path("new")
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let options = options
        .into_iter()
        .find(|path| path.to_str().unwrap().contains("OPTIONS-"))
        .unwrap();
    assert!(fs::read_to_string(options).unwrap().contains("wals"));
}

#[test]
fn the_wals_of_the_original_are_not_named_unless_that_is_asked_for() {
    let live = tempfile::tempdir().unwrap();
    let mut world = World::with(DatabaseBuilder::new().wal_dir(live.path()));
    world.database.write(10);
    world.run(["backup", world.db()]).ok();
    let (to, at) = (world.word("new"), world.word("view"));
    world
        .run(["restore", "--to", &to, "--dry-run"])
        .ok()
        .says("would differ from the backup's: wal_dir is empty instead of ");
    let says = "differs from the backup's: wal_dir is empty instead of ";
    world.run(["restore", "--to", &to]).ok().says(says);
    world
        .run(["restore", "--to", &to, "--rewrite-wal-dir"])
        .ok()
        .says(says);
    world.run(["open", "latest", "--at", &at]).ok().says(says);
    let document = world.json(["restore", "--to", &to]);
    let expected = BEGIN.to_owned()
        + "], left_alone: [], rewritten_options: [{name: string, wal_dir_before: string, wal_dir: null}], target_sequence_number: number, backup_sequence_number: number, kept_old: null, warnings: []";
    shape::check(&document, "restore", &expected);
    world
        .run(["restore", "--to", &to, "--keep-wal-dir"])
        .ok()
        .warns("[wal-dir-of-options]");
    world
        .run(["restore", "--to", &to, "--keep-wal-dir", "--rewrite-wal-dir"])
        .code(2);
}

#[test]
fn latest_valid_walks_back_with_a_warning() {
    let world = World::with_two_backups();
    // The table that only the second backup has.
    let private = world.stored("private/2");
    let manifest = private
        .iter()
        .find(|path| path.to_str().unwrap().contains("MANIFEST"))
        .unwrap();
    crate::world::flip_bit(manifest);
    let to = world.word("new");
    let ended = world.run(["restore", "latest", "--to", &to]).code(3);
    ended.warns("error: ").warns("MANIFEST");
    let output = world
        .command()
        .args(["restore", "latest-valid", "--to", &to, "--json"])
        .output()
        .unwrap();
    let document = Ended::from(output).ok().json();
    assert_eq!(document["backup_id"], 1);
    assert_eq!(
        shape::shape(&document["passed_over"]),
        "[{id: number, findings: [{file: string, reason: string}]}]"
    );
    let only_newest = [
        "restore",
        "latest-valid",
        "--to",
        &to,
        "--max-valid-backups-to-open=1",
    ];
    world.run(only_newest).code(3);
    let ended = world.run(["restore", "latest-valid", "--to", &to]).ok();
    ended.warns("warning: backup 2: passed over because it is damaged: ");
}

#[test]
fn a_damaged_backup_leaves_the_target_as_it_was() {
    let world = World::with_backup();
    world.run(["restore", "--to", &world.word("target")]).ok();
    let before = tables(&world.path("target"));
    world.damage_shared_file();
    world.run(["restore", "1", "--to", &world.word("target")]).code(3);
    assert_eq!(tables(&world.path("target")), before);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let world = World::with_backup();
    let restore = |to: &str| world.run(["restore", "--to", to]);
    restore(&world.word("repo"))
        .code(1)
        .warns("is named as the target and as the repository");
    restore(&world.word("repo/private/x"))
        .code(1)
        .warns("lies inside the repository");
    let ended = world.run([
        "restore",
        "--to",
        &world.word("x"),
        "--wal-dir",
        &world.word("repo/w"),
    ]);
    ended
        .code(1)
        .warns("the directory of the WALs, lies inside the repository");
    fs::create_dir(world.path("letters")).unwrap();
    fs::write(world.path("letters/a.txt"), "dear").unwrap();
    restore(&world.word("letters")).code(1).warns("error: ");
    assert_eq!(fs::read_dir(world.path("letters")).unwrap().count(), 1);
    let other = DatabaseBuilder::new()
        .database_id("another")
        .create(&world.path("other"));
    let other = other.path().to_str().unwrap();
    restore(other).code(1).warns("hint: ");
    world
        .run(["restore", "--to", other, "--allow-other-database"])
        .ok();
    world.run(["restore"]).code(2).warns("--to");
    world.run(["restore", "9", "--to", &world.word("x")]).code(4);
    run(["restore", "--to", &world.word("x"), "--repo", "/nowhere"]).code(4);
}

#[test]
fn a_database_that_a_process_has_open_is_refused() {
    let world = World::with_backup();
    let lock = fs::File::create(world.path("db/LOCK")).unwrap();
    rustix::fs::fcntl_lock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    let refused = world.run(["restore", "--to", world.db()]).code(5);
    assert!(!refused.stderr.contains("--lock-wait"), "{refused:?}");
    refused.warns("hint: ");
}

#[test]
fn a_restore_is_aborted_without_a_repository() {
    let world = World::with_backup();
    let to = world.word("new");
    run(["restore", "--abort", "--to", &to]).code(4);
    fs::create_dir_all(world.path("new/.stonekeep-restore/new")).unwrap();
    fs::write(world.path("new/.stonekeep-restore/new/000001.sst"), "abc").unwrap();
    let plan = run(["restore", "--abort", "--to", &to, "--dry-run", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&plan["aborted"], &plan["rolled_back"]),
        (&false.into(), &false.into())
    );
    assert!(world.path("new/.stonekeep-restore/new/000001.sst").exists());
    let document = run(["restore", "--abort", "--to", &to, "--json"]).ok().json();
    let expected =
        "dry_run: bool, aborted: bool, rolled_back: bool, files_moved_back: number, files_removed: number";
    shape::check(&document, "restore", expected);
    assert!(!world.path("new/.stonekeep-restore").exists());
    run(["restore", "1", "--abort", "--to", &to]).code(2);
}

#[test]
fn a_backup_that_is_being_restored_is_held_by_its_pin() {
    let world = World::with_two_backups();
    let mut command = world.command();
    command.args([
        "restore",
        "1",
        "--to",
        &world.word("slow"),
        "--restore-rate-limit=1000",
        "--io-buffer-size=4KiB",
    ]);
    let mut running = Running::start(command);
    // The pin is made and written before the first file is restored.
    let new = world.path("slow/.stonekeep-restore/new");
    running.wait_until(|| new.read_dir().is_ok_and(|mut entries| entries.next().is_some()));
    let ended = Ended::from(
        world
            .command()
            .args(["delete", "1", "--yes", "--json"])
            .output()
            .unwrap(),
    )
    .ok();
    let held = ended.json()["held_by_pins"].clone();
    assert_eq!(
        shape::shape(&held),
        "[{backup_id: number, files: number, bytes: number}]"
    );
    drop(running);
    assert_eq!(world.json(["gc"])["held_by_pins"], serde_json::json!([]));
}

#[test]
fn the_state_that_is_replaced_is_compared_and_kept() {
    let world = World::with_two_backups();
    let (to, kept) = (world.db().to_owned(), world.word("before the restore"));
    let args = ["restore", "1", "--to", &to, "--keep-old", &kept];
    let planned = world.json(args.iter().copied().chain(["--dry-run"]));
    assert_eq!(planned["kept_old"], kept.as_str());
    assert!(planned["target_sequence_number"].as_u64() > planned["backup_sequence_number"].as_u64());
    assert_eq!(planned["warnings"][0]["name"], "target-is-newer");
    assert!(!world.path("before the restore").exists());
    let old = tables(world.database.path());
    world
        .run(args)
        .ok()
        .says(&format!("kept in {kept}"))
        .says("of the database there ")
        .warns("is newer than the backup: its sequence number is ")
        .warns("[target-is-newer]");
    assert_eq!(tables(&world.path("before the restore")), old);
    // What was kept is a database.
    run(["backup", &kept, "--repo", &world.word("other")]).ok();
    let again = world
        .run(["restore", "2", "--to", &to, "--keep-old", &kept])
        .code(1);
    again.warns("it is not empty");
    world
        .run([
            "restore",
            "2",
            "--to",
            &to,
            "--keep-old",
            "/x",
            "--free-old-files-first",
        ])
        .code(2);
}
