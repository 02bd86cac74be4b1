//! `open` and `close`.

use crate::command::run;
use crate::shape;
use crate::world::{World, tables};

#[test]
fn a_backup_is_opened_in_place_and_closed() {
    let world = World::with_backup();
    let at = world.word("view");
    let planned = world.json(["open", "1", "--at", &at, "--dry-run"]);
    assert!(!world.path("view").exists());
    let document = world.json(["open", "1", "--at", &at]);
    for count in ["files_linked", "files_copied", "bytes_copied"] {
        assert_eq!(planned[count], document[count], "{count}");
    }
    let expected = "dry_run: bool, backup_id: number, directory: string, files_linked: number, files_copied: number, \
        bytes_copied: number, rewritten_options: [], warnings: []";
    shape::check(&document, "open", expected);
    assert_eq!(tables(&world.path("view")), tables(world.database.path()));
    run(["close", world.db()]).code(4);
    run(["close", &at, "--dry-run"]).ok().says("would be removed");
    assert!(world.path("view").exists());
    run([
        "open",
        "1",
        "--at",
        &at,
        "--dry-run",
        "--repo",
        &world.word("repo"),
    ])
    .code(1);
    let document = run(["close", &at, "--json"]).ok().json();
    shape::check(
        &document,
        "close",
        "dry_run: bool, directory: string, closed: bool",
    );
    assert!(!world.path("view").exists());
    world
        .run(["open", "latest", "--at", &at])
        .ok()
        .says("for reading only")
        .says("stonekeep close ");
    run(["close", &at]).ok().says("is removed");
    world
        .run(["open", "1", "--at", &world.word("repo/view")])
        .code(1)
        .warns("lies inside the repository");
    world.run(["verify"]).ok();
}
