//! One file with databases in three kinds of places: a directory, an object store and HDFS.
//!
//! `STONEKEEP_TEST_S3` and `STONEKEEP_TEST_HDFS` name them, as in the tests of each.

use std::fs;

use serde_json::Value;
use stonekeep_testkit::skip;

use crate::config::Configured;

/// `None`, after a note, without both servers.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn servers(test: &str) -> Option<(String, String)> {
    const NEEDED: &str = "needs STONEKEEP_TEST_S3=s3://BUCKET and STONEKEEP_TEST_HDFS";
    let [bucket, cluster] =
        ["STONEKEEP_TEST_S3", "STONEKEEP_TEST_HDFS"].map(|name| std::env::var(name).unwrap_or_default());
    if bucket.starts_with("s3://") && cluster.starts_with("hdfs://") {
        return Some((bucket, cluster));
    }
    if bucket.is_empty() || cluster.is_empty() {
        skip::because(test, NEEDED).unwrap();
    } else {
        // This machine can have none, or another store.
        eprintln!("skipped: {test}: {NEEDED}");
    }
    None
}

#[test]
fn many_databases_in_three_kinds_of_places() {
    let test = "many_databases_in_three_kinds_of_places";
    let Some((bucket, cluster)) = servers(test) else {
        return;
    };
    let prefix = format!("{test}-{}", std::process::id());
    let configured = Configured::new(&format!(
        r#"
        [repository.nas]
        path = "@/nas"
        [repository.s3]
        url = "{bucket}/{prefix}"
        [repository.s3.store-option]
        aws_access_key_id = {{ env = "AWS_ACCESS_KEY_ID" }}
        aws_secret_access_key = {{ env = "AWS_SECRET_ACCESS_KEY" }}
        [repository.hdfs]
        url = "{cluster}"
        [database.streams]
        glob = "@/state/*/rocksdb/*"
        repository = ["nas", "s3", "hdfs"]
        prefix = "{prefix}/{{1}}/{{2}}"
        [database.orders]
        path = "@/orders"
        repository = ["hdfs", "nas"]
        prefix = "{prefix}/orders"
        [defaults.retention]
        keep-last = 1
        "#
    ));
    let tasks: Vec<String> = (0..4).map(|number| format!("0_{number}")).collect();
    for task in &tasks {
        configured.copy("db", &format!("state/{task}/rocksdb/store"));
    }
    configured.run("config check --connect").ok();
    configured.run("backup --all").ok();
    let document = configured.json("backup --all");
    let parts = document["databases"].as_array().unwrap();
    assert_eq!(parts.len(), tasks.len() + 1);
    let made: Vec<&Value> = parts
        .iter()
        .flat_map(|part| part["repositories"].as_array().unwrap())
        .collect();
    assert_eq!(made.len(), 3 * tasks.len() + 2);
    for part in made {
        assert_eq!(part["backup_id"], 2, "{part}");
        assert!(
            part["files_copied"].as_u64() < part["files_total"].as_u64(),
            "{part}"
        );
    }
    configured.run("verify --all --quiet").ok();
    configured.run("purge --all").ok();
    for repository in ["nas", "s3", "hdfs"] {
        let list = configured.json(&format!("list streams/0_1/store --repo {repository}"));
        assert_eq!(list["backups"].as_array().unwrap().len(), 1, "{repository}");
        let line = format!("restore streams/0_2/store --repo {repository} --to ./restored-{repository}");
        configured.run(&line).ok();
        assert!(
            configured
                .world
                .path(&format!("restored-{repository}/CURRENT"))
                .is_file()
        );
    }
    one_place_that_is_not_there_stops_no_other(&configured, &cluster, tasks.len() + 1);
}

/// Every database has one repository in HDFS.
fn one_place_that_is_not_there_stops_no_other(configured: &Configured, cluster: &str, databases: usize) {
    let file = configured.world.path("config.toml");
    let broken = fs::read_to_string(&file).unwrap().replace(
        &format!("url = \"{cluster}\""),
        &format!("url = \"{cluster}/absent\""),
    );
    fs::write(&file, broken).unwrap();
    let document = configured.run("backup --all --json").code(4).json();
    let failed = document["databases"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|part| part["exit_code"] != 0);
    assert_eq!(failed.count(), databases);
}
