//! The whole job on repositories that RocksDB's engines wrote, from 5.18 to 11.8.

use std::path::Path;

use stonekeep_testkit::fixtures::{ALL, Fixture, ROCKSDB_11_8_SCHEMA_2};

use crate::command::{Ended, line, run, word};

/// Runs a verb on the fixture's repository.
fn on(fixture: &Fixture, args: &[&str]) -> Ended {
    let repo = fixture.repository();
    run(args.iter().copied().chain(["--repo", word(&repo)]))
}

fn restore(fixture: &Fixture, id: &str, to: &Path) {
    let alternate = fixture.alternate();
    let mut args = vec!["restore", id, "--to", word(to)];
    if alternate.exists() {
        args.extend(["--alternate-dir", word(&alternate)]);
    }
    on(fixture, &args).ok();
}

#[test]
fn real_repositories_are_listed_verified_and_restored() {
    for name in ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let document = on(&fixture, &["list", "--json"]).ok().json();
        let expected = fixture.backups().unwrap();
        let listed = document["backups"].as_array().unwrap();
        assert_eq!(listed.len(), expected.len(), "{name}");
        for (backup, told) in listed.iter().zip(&expected) {
            assert_eq!(backup["state"], "valid", "{name}");
            assert_eq!(backup["id"], told.id, "{name}");
            assert_eq!(backup["number_files"], told.number_files, "{name}");
        }
        let excludes = listed.iter().any(|backup| backup["excluded_files"] != 0);
        on(&fixture, &["verify"]).ok().says(if excludes {
            "no damage found: "
        } else {
            "all right: "
        });
        for told in &expected {
            let to = fixture.root().join(format!("restored-{}", told.id));
            restore(&fixture, &told.id.to_string(), &to);
            // What came back is a database that can be backed up.
            let again = fixture.root().join(format!("again-{}", told.id));
            run(["backup", word(&to), "--repo", word(&again)]).ok();
        }
    }
}

#[test]
fn real_repositories_are_extended_and_pruned() {
    for name in ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let database = fixture.database();
        on(&fixture, &["backup", word(&database), "--allow-other-database"]).ok();
        on(&fixture, &["purge", "--keep=1"]).ok();
        on(&fixture, &["gc", "--min-age=0"]).ok();
        on(&fixture, &["verify"]).ok();
        let backups = on(&fixture, &["list", "--json"]).ok().json()["backups"].clone();
        assert_eq!(backups.as_array().unwrap().len(), 1, "{name}");
    }
}

#[test]
fn excluded_files_are_missed_without_the_other_repository() {
    let fixture = Fixture::unpack(ROCKSDB_11_8_SCHEMA_2).unwrap();
    let to = fixture.root().join("restored");
    let ended = on(&fixture, &["restore", "latest", "--to", word(&to)]);
    ended.code(1).warns("hint: ");
    restore(&fixture, "latest", &to);
    line(&format!("inspect {}", word(&to.join("CURRENT")))).ok();
}
