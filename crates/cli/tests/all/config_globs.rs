//! Patterns that stand for many databases.

use std::fs;

use serde_json::{Value, json};

use crate::config::Configured;

const STREAMS: &str = r#"
[repository.nas]
path = "@/nas"

[database.streams]
glob = "@/state/*/*/rocksdb/*"
repository = "nas"
"#;

fn streams(text: &str, tasks: &[&str]) -> Configured {
    let configured = Configured::new(text);
    for task in tasks {
        configured.copy("db", &format!("state/app/{task}/rocksdb/store"));
    }
    configured
}

#[test]
fn each_directory_that_matches_is_a_database() {
    let configured = streams(STREAMS, &["0_0", "0_1", "odd name"]);
    fs::create_dir_all(configured.world.path("state/app/0_2/rocksdb/empty")).unwrap();
    configured
        .run("backup streams")
        .ok()
        .says("streams/app/0_0/store\n")
        .says("streams/app/odd~20name/store\n");
    assert!(
        configured
            .world
            .path("nas/streams/app/odd~20name/store/meta/1")
            .is_file()
    );
    configured.run("backup streams/app/0_1/store").ok();
    assert_eq!(configured.ids("streams/app/0_1/store"), [1, 2]);
    configured
        .run("restore streams/app/0_0/store --to ./restored")
        .ok();
    let document = configured.json("list --all");
    let names: Vec<&Value> = document["databases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| &part["name"])
        .collect();
    assert_eq!(
        names,
        [
            "streams/app/0_0/store",
            "streams/app/0_1/store",
            "streams/app/odd~20name/store"
        ]
    );
    configured
        .run("restore streams --to ./x")
        .code(2)
        .warns("for one database");
    configured
        .run("backup streams/app/9_9/store")
        .code(4)
        .warns("names no database that is there");
    configured.run("config check --connect").ok().says("3 databases");
}

#[test]
fn one_match_has_the_output_of_several() {
    let configured = streams(STREAMS, &["0_0"]);
    let document = configured.json("backup streams");
    assert_eq!(document["databases"][0]["name"], "streams/app/0_0/store");
    assert_eq!(configured.json("backup streams/app/0_0/store")["backup_id"], 2);
}

#[test]
fn a_database_that_vanishes_is_no_failure() {
    let text = format!(
        "{STREAMS}[hooks]\nbefore = [\"sh\", \"-c\", \"case $STONEKEEP_DATABASE in */0_1/*) rm -r @/state/app/0_1;; esac\"]\n"
    );
    let configured = streams(&text, &["0_0", "0_1", "0_2"]);
    let ended = configured.run("backup streams").ok();
    ended.warns("the database is not in").warns("[vanished]");
    configured.copy("db", "state/app/0_1/rocksdb/store");
    let document = configured.json("backup --all");
    let part = &document["databases"][1];
    assert_eq!((&part["exit_code"], &part["vanished"]), (&json!(0), &json!(true)));
    assert_eq!(part["warnings"][0]["name"], "vanished");
    assert_eq!(document["databases"][2]["exit_code"], 0);
    // Also if it has several repositories.
    let text = text.replace("repository = \"nas\"", "repository = [\"nas\", \"far\"]");
    let text = format!("[repository.far]\npath = \"@/far\"\n{text}");
    configured.write(&text);
    fs::create_dir(configured.world.path("far")).unwrap();
    configured.copy("db", "state/app/0_1/rocksdb/store");
    let document = configured.json("backup streams");
    let part = &document["databases"][1];
    assert_eq!(
        (&part["exit_code"], &part["vanished"]),
        (&json!(0), &json!(true)),
        "{document}"
    );
    assert_eq!(
        document["databases"][0]["repositories"].as_array().unwrap().len(),
        2
    );
    // A database with a path of its own must be there.
    fs::remove_dir_all(configured.world.path("orders")).unwrap();
    configured.write("[database.orders]\npath = \"@/orders\"\nrepository = \"@/there\"\n");
    assert_ne!(configured.run("backup --all").code, Some(0));
}

#[test]
fn a_prefix_takes_the_parts_and_pieces_of_the_place_are_made() {
    let text =
        format!("{STREAMS}prefix = \"kafka/of-{{1}}/{{3}}.{{2}}\"\n").replace("{3}.{2}", "{3}/task-{2}");
    let configured = streams(&text, &["0_0"]);
    configured.run("backup --all --dry-run").ok();
    assert!(!configured.world.path("nas/kafka").exists());
    configured.run("backup --all").ok();
    assert!(
        configured
            .world
            .path("nas/kafka/of-app/store/task-0_0/meta/1")
            .is_file()
    );
    // A place that is not there may be a disk that is not mounted.
    fs::remove_dir_all(configured.world.path("nas")).unwrap();
    configured
        .run("backup --all")
        .code(4)
        .warns("the directory above is missing");
    assert!(!configured.world.path("nas").exists());
}
