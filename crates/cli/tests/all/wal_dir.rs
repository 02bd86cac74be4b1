//! Where `backup` looks for WALs, and what it says of absent ones.

use std::fs;

use stonekeep_testkit::database::DatabaseBuilder;

use crate::command::Ended;
use crate::world::World;

/// A database whose OPTIONS name a relative `wal_dir`, which is nowhere near it.
fn with_relative_wal_dir() -> World {
    let place = tempfile::tempdir().expect("a directory");
    let wals = place.path().join("wals");
    let mut world = World::with(DatabaseBuilder::new().wal_dir(&wals));
    world.database.write(10);
    let options = world.path("db/OPTIONS-000003");
    let text = fs::read_to_string(&options).expect("OPTIONS");
    fs::write(options, text.replace(wals.to_str().expect("text"), "wals")).expect("OPTIONS");
    fs::create_dir_all(world.path("caller")).expect("a directory");
    fs::rename(&wals, world.path("caller/wals")).expect("moving the WALs");
    world
}

#[test]
fn a_relative_wal_dir_is_not_looked_for_where_the_command_runs() {
    let world = with_relative_wal_dir();
    let backup = |args: &[&str]| {
        let mut command = world.command();
        command
            .current_dir(world.path("caller"))
            .args(["backup", "../db"])
            .args(args);
        Ended::from(command.output().expect("running the binary"))
    };
    backup(&[]).code(3).warns("--wal-dir");
    backup(&["--wal-dir=wals"]).ok().says("sequence number  10");
}

#[test]
fn absent_wals_are_warned_of_in_text_in_json_and_in_show() {
    let world = World::new();
    fs::remove_file(world.database.wal_path(world.database.wal_number())).expect("removing a WAL");
    world.run(["backup", world.db()]).ok().warns("[wals-missing]");
    let report = world.json(["backup", world.db()]);
    assert_eq!(report["warnings"][0]["name"], "wals-missing", "{report}");
    world.run(["show", "latest"]).ok().says("wals-missing");
    let shown = world.json(["show", "latest"]);
    assert!(shown.to_string().contains("\"wals-missing\""), "{shown}");
}
