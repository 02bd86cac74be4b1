//! `open` and `close`.

use crate::command::run;
use crate::shape;
use crate::world::{World, tables};

#[test]
fn a_backup_is_opened_in_place_and_closed() {
    let world = World::with_backup();
    let at = world.word("view");
    let document = world.json(["open", "1", "--at", &at]);
    let expected = "backup_id: number, directory: string, files_linked: number, files_copied: number, \
        bytes_copied: number, warnings: []";
    shape::check(&document, "open", expected);
    assert_eq!(tables(&world.path("view")), tables(world.database.path()));
    run(["close", world.db()]).code(4);
    let document = run(["close", &at, "--json"]).ok().json();
    shape::check(&document, "close", "directory: string, closed: bool");
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
