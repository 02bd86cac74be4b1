//! Backups of a database that a process has open.

use std::fs::File;

use rustix::fs::{FlockOperation, fcntl_lock};

use crate::shape;
use crate::world::World;

/// Held as RocksDB holds it while the database is open.
fn open(world: &World) -> File {
    let lock = File::create(world.path("db/LOCK")).unwrap();
    fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    lock
}

#[test]
fn an_open_database_is_captured_hot_and_restores() {
    let mut world = World::new();
    let _lock = open(&world);
    world
        .run(["backup", world.db()])
        .ok()
        .says("captured         hot, 1 round, closed in ")
        .says(" ms by the strict rule");
    world.database.add_tables(1, 20_000);
    world.database.write(10);
    let second = world.json(["backup", world.db()]);
    assert_eq!(second["capture"], "hot");
    assert_eq!(
        shape::shape(&second["live"]),
        "{rounds: number, rule: string, window_us: number, wal_bytes_trimmed: number}"
    );
    assert_eq!(second["live"]["rule"], "strict");
    assert_eq!(
        (&second["files_reused"], &second["tables_opened"]),
        (&3.into(), &0.into())
    );
    assert_eq!(second["sequence_number"], world.database.sequence_number().0);
    world
        .run(["show", "2"])
        .ok()
        .says("captured            hot, 1 round, closed in ");
    let shown = world.json(["show", "2"]);
    assert_eq!(shown["backup"]["live"], second["live"]);
    world.run(["verify"]).ok();
    world.run(["restore", "--to", &world.word("restored")]).ok();
}

#[test]
fn what_must_be_closed_is_refused_while_it_is_open() {
    let world = World::new();
    let lock = open(&world);
    for source in ["closed", "checkpoint"] {
        world
            .run(["backup", world.db(), "--source", source])
            .code(1)
            .warns("is open in ")
            .warns("hint: ");
    }
    assert!(!world.repo().exists());
    let verified = world.run(["verify", "--database", world.db()]).code(1);
    assert!(!verified.stderr.contains("--source"), "{verified:?}");
    verified
        .warns("is open in ")
        .warns("verify the backup (verify --level deep)");
    drop(lock);
    for source in ["closed", "checkpoint", "hot", "auto"] {
        world.run(["backup", world.db(), "--source", source]).ok();
    }
    let kinds: Vec<_> = world.json(["list"])["backups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|backup| backup["capture"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["closed", "closed", "hot", "closed"]);
    world
        .run(["backup", world.db(), "--source", "warm"])
        .code(2)
        .warns("checkpoint");
}

#[test]
fn a_dry_run_of_an_open_database_changes_nothing() {
    let world = World::new();
    let _lock = open(&world);
    let plan = world.json(["backup", world.db(), "--dry-run"]);
    assert_eq!(
        (&plan["capture"], &plan["committed"]),
        (&"hot".into(), &false.into())
    );
    assert!(!world.repo().exists());
}
