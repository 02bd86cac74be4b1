//! One backup in several repositories.

use std::fs;

use serde_json::json;

use crate::world::{World, tables};

fn states(world: &World, repo: &str) -> Vec<String> {
    let document = world
        .command()
        .args(["list", "--json", "--repo", repo])
        .output()
        .unwrap();
    let document: serde_json::Value = serde_json::from_slice(&document.stdout).unwrap();
    let backups = document["backups"].as_array().unwrap().iter();
    backups
        .map(|backup| backup["state"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn each_repository_gets_the_backup() {
    let world = World::new();
    let [a, b] = ["a", "b"].map(|name| world.word(name));
    world
        .run(["backup", world.db(), "--repo", &a, "--repo", &b])
        .ok()
        .says(&format!("is in {a}"))
        .says(&format!("is in {b}"));
    let c = world.word("c");
    let document = world
        .run(["backup", world.db(), "--repo", &a, "--repo", &c, "--json"])
        .ok()
        .json();
    let repositories = document["repositories"].as_array().unwrap();
    assert_eq!(
        (&repositories[0]["backup_id"], &repositories[1]["backup_id"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        (&repositories[1]["repository"], &repositories[1]["exit_code"]),
        (&json!(c), &json!(0))
    );
    for repo in [&a, &b, &c] {
        world.run(["verify", "--repo", repo]).ok();
        let to = world.word("restored");
        world.run(["restore", "--repo", repo, "--to", &to]).ok();
        assert_eq!(tables(to.as_ref()), tables(world.database.path()));
        fs::remove_dir_all(to).unwrap();
    }
    world
        .run(["backup", world.db(), "--repo", &a, "--repo", &b, "--dry-run"])
        .ok()
        .says("nothing was changed");
}

#[test]
fn one_that_fails_does_not_stop_the_others_and_its_exit_code_counts() {
    let world = World::new();
    let [a, full, b] = ["a", "full", "b"].map(|name| world.word(name));
    fs::create_dir(&full).unwrap();
    fs::write(format!("{full}/somebody's"), "x").unwrap();
    let args = ["backup", world.db(), "--repo", &a, "--repo", &full, "--repo", &b];
    world
        .run(args)
        .code(1)
        .says(&format!("is in {a}"))
        .says(&format!("is in {b}"))
        .warns(&full);
    assert_eq!(
        (states(&world, &a), states(&world, &b)),
        (vec!["valid".to_owned()], vec!["valid".to_owned()])
    );
    let document = world.run(args.iter().copied().chain(["--json"])).code(1).json();
    let repositories = document["repositories"].as_array().unwrap();
    assert_eq!(repositories[1]["error"]["exit_code"], 1);
    assert_eq!(
        (&repositories[0]["exit_code"], &repositories[2]["backup_id"]),
        (&json!(0), &json!(2))
    );
    // Two locked ones: the exit code is the first failure's.
    world
        .run(["backup", world.db(), "--repo", &a, "--repo", &a])
        .code(1)
        .warns("is named twice");
    world
        .run([
            "backup",
            world.db(),
            "--store-option",
            "x=1",
            "--repo",
            &a,
            "--repo",
            &b,
        ])
        .code(2)
        .warns("stands behind the --repo");
}
