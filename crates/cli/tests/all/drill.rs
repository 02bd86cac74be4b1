//! `drill`, also one that is killed.

use std::fs;
use std::process::Command;

use rustix::process::Signal;
use stonekeep_testkit::database::DatabaseBuilder;

use crate::running::{Running, tables_below};
use crate::shape;
use crate::world::World;

fn scratch(world: &World) -> String {
    fs::create_dir(world.path("scratch")).unwrap();
    world.word("scratch")
}

fn names(world: &World) -> Vec<String> {
    let names = fs::read_dir(world.path("scratch")).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_drill_says_how_fast_it_was_and_leaves_nothing() {
    let world = World::with_two_backups();
    let scratch = scratch(&world);
    world
        .run(["drill", "--scratch", &scratch])
        .ok()
        .says("restored and right: backup 2, ")
        .says("/s");
    world.run(["drill", "--quiet", "--scratch", &scratch]).ok();
    let document = world.json(["drill", "1", "--scratch", &scratch]);
    let expected = "clean: bool, backup_id: number, files: number, bytes: number, sequence_number: number, restore_ms: number, \
        restore_bytes_per_second: number, verify_ms: number, verify_bytes_per_second: number, findings: [], unverifiable: [], \
        passed_over: [], kept: null, removed_leftovers: [], warnings: []";
    shape::check(&document, "drill", expected);
    assert!(names(&world).is_empty());
    let listed = world.json(["list"]);
    assert!(listed["last_drill"].is_string() && listed["backups"][0]["last_drill"].is_string());
    world.run(["list"]).ok().says("last drill ");
    world.run(["show", "1"]).ok().says("last drill");
    world.run(["drill"]).code(2).warns("--scratch");
    world
        .command_in_scratch(&scratch)
        .ok()
        .says("restored and right: ");
    let keep = world.word("kept");
    world.run(["drill", "1", "--keep", &keep]).ok().says(&keep);
    assert!(world.path("kept/CURRENT").is_file());
    world
        .run(["drill", "--scratch", world.db()])
        .code(1)
        .warns("lies in the database");
    let table = world.damage_shared_file();
    world.run(["drill", "--scratch", &scratch]).code(3).warns(&table);
    assert!(names(&world).is_empty());
}

impl World {
    /// A drill whose scratch directory is in the environment.
    fn command_in_scratch(&self, scratch: &str) -> crate::command::Ended {
        let output = self
            .command()
            .arg("drill")
            .env("STONEKEEP_SCRATCH", scratch)
            .output();
        crate::command::Ended::from(output.unwrap())
    }
}

/// A drill of one small table and many large ones, that has restored a table.
fn restoring(world: &World, scratch: &str) -> Running {
    let mut command: Command = world.command();
    command.args(["drill", "--scratch", scratch, "--restore-rate-limit=20000"]);
    command.arg("--max-background-operations=1");
    let before = names(world);
    let mut running = Running::start(command);
    running.wait_until(|| {
        let new = names(world).into_iter().find(|name| !before.contains(name));
        new.is_some_and(|name| tables_below(&world.path("scratch").join(name)) > 1)
    });
    running
}

fn large() -> World {
    let mut world = World::with(DatabaseBuilder::new());
    world.database.add_tables(1, 1_000);
    world.database.add_tables(30, 100_000);
    world.run(["backup", world.db()]).ok();
    world
}

#[test]
fn the_next_drill_removes_what_a_killed_one_has_left_and_nothing_else() {
    let world = large();
    let scratch = scratch(&world);
    fs::write(world.path("scratch/mine"), "x").unwrap();
    fs::create_dir(world.path("scratch/stonekeep-drill-of-mine")).unwrap();
    fs::write(world.path("scratch/stonekeep-drill-of-mine/notes"), "x").unwrap();
    let mut alive = restoring(&world, &scratch);
    let of_living = names(&world);
    let mut killed = restoring(&world, &scratch);
    let both = names(&world);
    assert_eq!((of_living.len(), both.len()), (3, 4));
    killed.send(Signal::KILL);
    assert_eq!(killed.end().code, None);
    assert_eq!(names(&world), both);
    let report = world.json(["drill", "--scratch", &scratch]);
    let removed: Vec<&String> = both.iter().filter(|name| !of_living.contains(name)).collect();
    assert_eq!(report["removed_leftovers"], serde_json::json!(removed));
    // The one that is alive, and what is no drill's, is still there.
    assert_eq!(names(&world), of_living);
    alive.send(Signal::TERM);
    alive
        .end()
        .code(143)
        .warns("hint: what was restored is removed again");
    assert_eq!(names(&world), ["mine", "stonekeep-drill-of-mine"]);
    assert!(world.path("scratch/stonekeep-drill-of-mine/notes").exists());
    assert!(world.json(["list"])["last_drill"].is_string());
}
