//! `latest~N`, `--before` and `--tag`.

use serde_json::Value;

use crate::world::World;

/// Three backups; the second has a tag.
fn three() -> World {
    let mut world = World::with_two_backups();
    world.database.write(1);
    world
        .run(["backup", world.db(), "--tag=third", "--tag=kept"])
        .ok();
    world
}

fn ids(document: &Value) -> Vec<u64> {
    let backups = document["backups"].as_array().unwrap();
    backups
        .iter()
        .map(|backup| backup["id"].as_u64().unwrap())
        .collect()
}

#[test]
fn list_takes_all_matches() {
    let world = three();
    assert_eq!(ids(&world.json(["list", "--tag=second"])), [2]);
    assert_eq!(ids(&world.json(["list", "--tag=second", "--tag=third"])), [2, 3]);
    assert_eq!(ids(&world.json(["list", "--before=2001-01-01"])), [0u64; 0]);
    assert_eq!(ids(&world.json(["list", "--before=2999-01-01 10:00"])), [1, 2, 3]);
    assert_eq!(ids(&world.json(["list", "--before=1h"])), [0u64; 0]);
    world.run(["list", "--before=soon"]).code(2).warns("a time is");
    world.run(["list", "--tag=none"]).ok().says("no selected backups");
}

#[test]
fn show_restore_and_verify_take_the_newest_match() {
    let world = three();
    let shown = |args: &[&str]| world.json(args)["backup"]["id"].clone();
    assert_eq!(shown(&["show", "latest~1"]), 2);
    assert_eq!(shown(&["show", "latest~2"]), 1);
    assert_eq!(shown(&["show", "--tag=second"]), 2);
    assert_eq!(shown(&["show"]), 3);
    world.run(["show", "latest~3"]).code(4).warns("only 3 backups");
    world.run(["show", "2", "--tag=second"]).code(2).warns("--tag");
    assert_eq!(ids(&world.json(["verify", "--tag=second"])), [2]);
    assert_eq!(ids(&world.json(["verify", "latest~2"])), [1]);
    world
        .run(["verify", "--tag=none"])
        .code(4)
        .warns("no selected backup");
    let to = world.word("new");
    let restored = world.json(["restore", "--tag=second", "--to", &to]);
    assert_eq!(restored["backup_id"], 2);
    assert_eq!(world.json(["restore", "latest~2", "--to", &to])["backup_id"], 1);
    assert_eq!(world.json(["diff", "latest~1", "latest"])["a"]["id"], 2);
}

#[test]
fn delete_takes_all_matches_with_yes() {
    let world = three();
    let ended = world.run(["delete", "--before=2999-01-01"]).code(1);
    ended.warns("this deletes backups 1-3").warns("--yes");
    world.run(["delete", "--tag=none", "--yes"]).code(4);
    world.run(["delete", "1", "--tag=second"]).code(2);
    let planned = world.json(["delete", "--tag=second", "--dry-run"]);
    assert_eq!(planned["deleted_backups"], serde_json::json!([2]));
    world
        .run(["delete", "--tag=second", "--tag=third", "--yes"])
        .ok()
        .says("deleted backups 2-3");
    assert_eq!(ids(&world.json(["list"])), [1]);
}
