//! Nothing that comes from a repository or a command line acts on the terminal.

use crate::command::run;
use crate::world::World;

#[test]
fn metadata_tags_and_errors_are_shown_with_control_characters_visible() {
    let world = World::new();
    let evil = "a\u{1b}[2Jb\u{202e}c\nd\u{9b}31m";
    world
        .run(["backup", world.db(), "--app-metadata", evil, "--tag", evil])
        .ok();
    let seen = "a\\u{1b}[2Jb\\u{202e}c\\nd\\u{9b}31m";
    for args in [&["show", "1"][..], &["list"]] {
        let ended = world.run(args).ok().says(seen);
        assert!(
            !ended.stdout.contains(['\u{1b}', '\u{202e}', '\u{9b}']),
            "{ended:?}"
        );
    }
    let meta = world.repo().join("meta/1");
    run(["inspect", meta.to_str().unwrap()]).ok().says(seen);
    run(["list", "--repo", &format!("/nowhere/{evil}")])
        .code(4)
        .warns(seen);
}

#[test]
fn json_escapes_them_too_and_means_the_same() {
    let world = World::new();
    let evil = "a\u{1b}[2Jb\u{202e}c\nd\u{9b}31m";
    world.run(["backup", world.db(), "--app-metadata", evil]).ok();
    let ended = world.run(["show", "1", "--json"]).ok();
    assert!(
        !ended.stdout.contains(['\u{1b}', '\u{202e}', '\u{9b}']),
        "{ended:?}"
    );
    assert_eq!(ended.json()["backup"]["app_metadata"], evil);
}
