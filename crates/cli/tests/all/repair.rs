//! `repair` makes damaged files again.

use std::fs;

use crate::config::Configured;
use crate::world::World;

#[test]
fn damage_is_found_repaired_and_gone() {
    let world = World::with_two_backups();
    let path = world.damage_shared_file();
    // Nobody has read it yet.
    world.run(["repair"]).ok().says("nothing is known to be damaged");
    world.run(["verify"]).code(3);
    world
        .run(["repair"])
        .code(3)
        .says("nothing could be repaired")
        .warns(&format!("not repaired: {path}: its checksum is"))
        .warns("(backups 1-2)");
    let planned = world.json(["repair", "--database", world.db(), "--dry-run"]);
    assert_eq!(planned["repaired"][0]["path"], *path);
    world.run(["verify"]).code(3);
    world
        .run(["repair", "--database", world.db()])
        .ok()
        .says(&format!("{path} from {}/", world.db()))
        .says("1 file repaired")
        .says("whole again: backups 1-2");
    world.run(["verify"]).ok();
    let report = world.json(["repair", "--database", world.db()]);
    assert_eq!(report["repaired"].as_array().unwrap().len(), 0);
    world.run(["restore", "1", "--to", &world.word("restored")]).ok();
}

#[test]
fn files_come_from_other_repositories() {
    let world = World::with_two_backups();
    let (one, other) = (world.word("one"), world.word("other"));
    world.run(["backup", world.db(), "--repo", &one]).ok();
    fs::create_dir(&other).unwrap();
    let path = world.lose_shared_file();
    let empty = world.run(["repair", "--from", &other]).code(4);
    empty.warns("there is no repository at");
    world.run(["backup", world.db(), "--repo", &other]).ok();
    fs::remove_dir_all(world.db()).unwrap();
    let report = world.json(["repair", "--from", &one, "--from", &other]);
    assert_eq!(report["repaired"][0]["path"], *path);
    assert!(
        report["repaired"][0]["from"].as_str().unwrap().ends_with(&one),
        "{report}"
    );
    world.run(["verify"]).ok();
    world
        .run(["repair", "--database", world.db()])
        .code(4)
        .warns("is no directory");
    world.run(["repair", "7"]).code(4).warns("7");
}

#[test]
fn a_directory_in_the_place_of_a_file_stops_no_other_repair() {
    let world = World::with_two_backups();
    let [blocked, lost] = [world.lose_shared_file(), world.lose_shared_file()];
    fs::create_dir(world.repo().join(&blocked)).unwrap();
    let ended = world.run(["repair", "--database", world.db()]).code(3);
    ended
        .says(&format!("{lost} from"))
        .warns(&format!("not repaired: {blocked}"));
    fs::remove_dir(world.repo().join(&blocked)).unwrap();
    world.run(["repair", "--database", world.db()]).ok();
    world.run(["verify"]).ok();
}

#[test]
fn damaged_files_of_the_application_are_listed_and_dropped() {
    let world = World::new();
    fs::write(world.database.path().join("app.conf"), "a").unwrap();
    for _ in 0..2 {
        world.run(["backup", world.db(), "--include=app.conf"]).ok();
    }
    for (id, text) in [(1, "b"), (2, "longer")] {
        fs::write(world.repo().join(format!("stonekeep/files/{id}/app.conf")), text).unwrap();
    }
    world.run(["verify"]).code(3);
    let ended = world.run(["repair", "--database", world.db()]).code(3);
    ended
        .warns("not repaired: stonekeep/files/1/app.conf: its checksum is")
        .warns("not repaired: stonekeep/files/2/app.conf: ");
    world.run(["repair", "1", "--drop-damaged", "--yes"]).ok();
    assert_eq!(world.json(["list"])["backups"].as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_repaired_can_be_dropped() {
    let world = World::with_two_backups();
    world.run(["repair", "--drop-damaged", "--yes"]).ok();
    let latest = world.stored("private/2").remove(0);
    fs::remove_file(&latest).unwrap();
    world.run(["repair", "--drop-damaged"]).code(1).warns("--yes");
    world
        .run(["repair", "--undelete-for", "1d"])
        .code(2)
        .warns("--drop-damaged");
    world.run(["repair", "--drop-damaged", "--dry-run"]).code(3);
    world.run(["list"]).ok().says("corrupt");
    let dropped = world.json(["repair", "--drop-damaged", "--yes"]);
    assert_eq!(dropped["dropped_backups"], serde_json::json!([2]));
    assert_eq!(world.json(["list"])["backups"].as_array().unwrap().len(), 1);
    world.run(["list", "--deleted"]).ok().says("2");
    world.run(["undelete", "2"]).code(4).warns("is gone");
}

#[test]
fn a_held_backup_is_not_dropped_and_what_was_repaired_is_said() {
    let world = World::with_two_backups();
    world.run(["hold", "2", "--reason", "audit"]).ok();
    let path = world.lose_shared_file();
    let private = world.stored("private/2").remove(0);
    fs::remove_file(&private).unwrap();
    fs::remove_file(world.database.path().join(private.file_name().unwrap())).unwrap();
    let ended = world
        .run(["repair", "--database", world.db(), "--drop-damaged", "--yes"])
        .code(1);
    ended.says(&format!("{path} from")).warns("audit");
    // Another one that is damaged goes all the same.
    fs::remove_file(world.stored("private/1").remove(0)).unwrap();
    let ended = world.run(["repair", "--drop-damaged", "--yes"]).code(3);
    ended
        .warns("deleted backup 1; undelete puts it back")
        .warns("not deleted, since held: backup 2");
    assert_eq!(world.json(["list"])["backups"].as_array().unwrap().len(), 1);
}

const TWO_PLACES: &str = "[repository.nas]\npath = \"@/nas\"\n[repository.far]\npath = \"@/far\"\n\
    [database.app]\npath = \"@/db\"\nrepository = [\"nas\", \"far\"]\n";

#[test]
fn names_of_the_configuration_file_stand_for_database_and_repositories() {
    let configured = Configured::new(TWO_PLACES);
    for place in ["nas", "far"] {
        fs::create_dir_all(configured.world.path(place)).unwrap();
    }
    configured.run("backup app").ok();
    let lose = || {
        let shared = fs::read_dir(configured.world.path("nas/app/shared_checksum")).unwrap();
        fs::remove_file(shared.map(|entry| entry.unwrap().path()).min().unwrap()).unwrap();
    };
    lose();
    let ended = configured.run("repair app --repo nas").ok();
    ended.says(&format!("from {}/", configured.world.db()));
    configured.copy("db", "elsewhere");
    fs::remove_dir_all(configured.world.db()).unwrap();
    lose();
    configured.run("repair app --repo nas").code(3);
    let ended = configured.run("repair app --repo nas --from far").ok();
    ended.says(&format!("of {}", configured.world.word("far/app")));
    let mixed = configured
        .run("repair app --repo nas --from far --from ./elsewhere")
        .code(2);
    mixed.warns("both repositories of the configuration file and places");
    configured.run("verify app --repo nas").ok();
}
