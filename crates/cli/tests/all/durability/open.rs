//! Opening in place: the marker that names what is made is durable before anything is made.

use std::path::Path;

use stonekeep_testkit::database::DatabaseBuilder;

use super::traced;
use crate::world::World;

const PLACE: &str = "opened";

fn one_backup(place: &Path) -> World {
    let mut world = World::within(place, DatabaseBuilder::new());
    world.database.add_tables(3, 2_000);
    world.run(["backup", world.db()]).ok();
    world
}

#[test]
fn what_is_opened_in_place_can_be_closed_after_a_power_failure() {
    let test = "what_is_opened_in_place_can_be_closed_after_a_power_failure";
    let Some(traced) = traced(test, one_backup) else {
        return;
    };
    let at = traced.world.word(PLACE);
    let args = ["open", "1", "--at", &at];
    traced.world.run(args).ok();
    let marker = Path::new(PLACE).join(".stonekeep-open");
    let wanted = traced.files().contents[&marker].clone();
    traced.world.run(["close", &at]).ok();
    let mut disk = traced.disk();
    traced.run(&mut disk, &args, &|found, when| {
        let mut made = found
            .contents
            .keys()
            .filter(|path| path.starts_with(PLACE) && **path != marker);
        let is_marked = found.contents.get(&marker) == Some(&wanted);
        assert!(
            is_marked || made.next().is_none(),
            "{when}: a file is there, and no marker"
        );
    });
}
