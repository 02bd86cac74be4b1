//! Every exit code, with what is said beside it.

use crate::command::{Ended, line, run};
use crate::shape;
use crate::world::World;

const ERROR: &str =
    "{kind: string, message: string, causes: [], hint: null, findings: [], exit_code: number}";

#[test]
fn arguments_that_do_not_fit_are_2() {
    line("").code(2).warns("Usage:");
    line("restore-everything")
        .code(2)
        .warns("unrecognized subcommand");
    line("inspect").code(2).warns("<FILE>");
    let document = line("inspect --json").code(2).json();
    shape::check(&document, "inspect", &format!("error: {ERROR}"));
    assert_eq!(document["error"]["kind"], "invalid_argument");
    assert_eq!(document["error"]["exit_code"], 2);
}

#[test]
fn a_directory_in_place_of_a_file_is_1() {
    run(["inspect", "/"]).code(1).warns("is no regular file");
}

#[test]
fn a_file_that_is_not_there_is_4() {
    line("inspect /nowhere/MANIFEST-000001")
        .code(4)
        .warns("error: there is no file");
    let document = line("--json inspect /nowhere/CURRENT").code(4).json();
    shape::check(&document, "inspect", &format!("error: {ERROR}"));
    assert_eq!(document["error"]["kind"], "not_found");
}

#[test]
fn a_repository_or_a_backup_that_is_not_there_is_4() {
    run(["list", "--repo", "/nowhere/repo"])
        .code(4)
        .warns("there is no repository");
    let world = World::with_backup();
    world.run(["show", "7"]).code(4).warns("no backup 7");
    world.run(["verify", "7"]).code(4);
    world.run(["diff", "1", "7"]).code(4);
    let document = Ended::from(world.command().args(["show", "7", "--json"]).output().unwrap())
        .code(4)
        .json();
    assert_eq!(document["error"]["kind"], "not_found");
}

#[test]
fn a_repository_has_to_be_named() {
    line("list").code(2).warns("--repo");
    line("show 07 --repo=x").code(2).warns("a backup id is a number");
    line("show latest-valid --repo=x")
        .code(2)
        .warns("for restore, drill and open");
}

#[test]
fn a_damaged_database_is_3() {
    let world = World::new();
    std::fs::remove_file(world.path("db/CURRENT")).unwrap();
    let ended = world.run(["backup", world.db()]);
    assert!(matches!(ended.code, Some(3 | 4)), "{ended:?}");
    let mut world = World::new();
    let table = world.database.add_tables(1, 5_000)[0];
    std::fs::remove_file(world.database.table_path(table, 0)).unwrap();
    world.run(["backup", world.db()]).code(3).warns(".sst");
    let mut world = World::new();
    let table = world.database.add_tables(1, 5_000)[0];
    let path = world.database.table_path(table, 0);
    std::fs::write(&path, [0; 5_000]).unwrap();
    let name = path.display().to_string();
    world.run(["backup", world.db()]).code(3).warns(&name);
}
