//! Verbs that read no file, or do not look into it, say what a verification found damaged.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::run;
use crate::deep::{Sample, flip};

/// A repository with two backups of a table that was damaged before; a verification looked into it.
fn damaged_inside() -> (Sample, String) {
    let sample = Sample::new();
    let table = sample.files("db", "sst").remove(0);
    flip(&table, 5);
    sample.backup();
    sample.backup();
    sample.verify("deep").code(3);
    let name = table.file_stem().unwrap().to_str().unwrap().to_owned();
    (sample, name)
}

const INSIDE: &str =
    "its checksum is right, but a deep verification found it damaged inside: data block at byte 0";

fn warnings(document: &Value) -> Vec<(&str, &str)> {
    let warnings = document["warnings"].as_array().unwrap().iter();
    let known = warnings.filter(|warning| warning["name"] == "known-damage");
    known
        .map(|warning| {
            (
                warning["about"].as_str().unwrap(),
                warning["message"].as_str().unwrap(),
            )
        })
        .collect()
}

#[test]
fn restore_copy_and_repair_name_files_that_are_damaged_inside() {
    let (sample, table) = damaged_inside();
    let repo = sample.word("repo");
    for (args, needed) in [
        (
            vec![
                "restore",
                "2",
                "--dry-run",
                "--to",
                "{target}",
                "--repo",
                "{repo}",
            ],
            "needed by backup 2;",
        ),
        (
            vec!["restore", "2", "--to", "{target}", "--repo", "{repo}"],
            "needed by backup 2;",
        ),
        (
            vec!["copy", "--dry-run", "--from", "{repo}", "--to", "{copy}"],
            "needed by backups 1, 2;",
        ),
        (
            vec!["copy", "2", "--from", "{repo}", "--to", "{copy}"],
            "needed by backup 2;",
        ),
        (
            vec!["copy", "--all", "--from", "{repo}", "--to", "{all}"],
            "needed by backups 1, 2;",
        ),
        (
            vec!["repair", "--dry-run", "--repo", "{repo}"],
            "needed by backups 1, 2;",
        ),
        (vec!["repair", "2", "--repo", "{repo}"], "needed by backup 2;"),
    ] {
        let code = if args[0] == "repair" { 3 } else { 0 };
        let words = args.iter().map(|arg| match *arg {
            "{repo}" => repo.clone(),
            "{target}" | "{copy}" | "{all}" => sample.word(&arg[1..arg.len() - 1]),
            arg => arg.to_owned(),
        });
        let ended = run(words.chain(["--json".to_owned()])).code(code);
        let document = ended.json();
        let found = warnings(&document);
        assert_eq!(found.len(), 1, "{args:?}: {document}");
        let (about, message) = found[0];
        assert!(
            about.starts_with(&format!("shared_checksum/{table}_")),
            "{args:?}: {about}"
        );
        assert!(message.starts_with(INSIDE), "{args:?}: {message}");
        assert!(message.contains(needed), "{args:?}: {message}");
        assert!(
            message.contains("new backup") || message.contains("latest-valid"),
            "{message}"
        );
    }
    run(["restore", "1", "--to", &sample.word("another"), "--repo", &repo])
        .ok()
        .warns(INSIDE)
        .warns("[known-damage]");
    run(["repair", "--repo", &repo])
        .code(3)
        .warns(INSIDE)
        .says("nothing is known to be damaged that can be repaired");
}

/// The table of the database has the bytes of the stored one, so no backup of it gets better.
#[test]
fn a_backup_says_that_the_database_has_the_damage() {
    let (sample, table) = damaged_inside();
    let (db, repo) = (sample.word("db"), sample.word("repo"));
    for more in [&["--dry-run"][..], &[]] {
        let ended = run(["backup", &db, "--repo", &repo, "--json"].iter().chain(more)).ok();
        let document = ended.json();
        let found = warnings(&document);
        assert_eq!(found.len(), 1, "{document}");
        assert_eq!(found[0].0, format!("{db}/{table}.sst"));
        let start =
            format!("the database's own file is damaged: a deep verification of shared_checksum/{table}_");
        assert!(found[0].1.starts_with(&start), "{document}");
        assert!(found[0].1.contains("found: data block at byte 0"), "{document}");
    }
    let accepted = run(["backup", &db, "--repo", &repo, "--accept=known-damage"]).ok();
    assert_eq!(accepted.stderr, "");
    flip(&Path::new(&db).join(format!("{table}.sst")), 5);
    let healed = run(["backup", &db, "--repo", &repo]).ok();
    assert_eq!(healed.stderr, "");
}

/// What has the right bytes again is no reason for a warning, and what is not damaged neither.
#[test]
fn restore_and_copy_warn_of_wrong_bytes_before_they_read_them() {
    let sample = Sample::new();
    sample.backup();
    let repo = sample.word("repo");
    let table = sample.files("repo/shared_checksum", "sst").remove(0);
    flip(&table, 5);
    sample.verify("checksum").code(3);
    flip(&table, 5);
    let name = table.file_name().unwrap().to_str().unwrap();
    for args in [["restore", "1", "--to"], ["copy", "1", "--to"]] {
        let to = sample.word(args[0]);
        let from = if args[0] == "copy" { "--from" } else { "--repo" };
        let all = || {
            args.iter()
                .copied()
                .chain([to.as_str(), from, repo.as_str(), "--json"])
        };
        let document = run(all().chain(["--dry-run"])).ok().json();
        let found = warnings(&document);
        assert_eq!(found.len(), 1, "{document}");
        assert!(found[0].0.ends_with(name), "{document}");
        assert!(
            found[0]
                .1
                .starts_with("a verification found it damaged: its checksum is"),
            "{document}"
        );
        let document = run(all()).ok().json();
        assert_eq!(warnings(&document), [], "{document}");
    }
}

/// Neither kind of damage is forgotten when sizes are looked at, and what the table of sizes has is named once.
#[test]
fn sizes_alone_do_not_hide_what_is_known() {
    let (sample, _) = damaged_inside();
    let repo = sample.word("repo");
    let tables = sample.files("repo/shared_checksum", "sst");
    flip(&tables[1], 5);
    sample.verify("checksum").code(3);
    let stamps = || {
        let entries = fs::read_dir(Path::new(&repo).join("stonekeep/verified")).unwrap();
        let mut stamps: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        stamps.sort();
        stamps
            .into_iter()
            .map(|path| fs::read(path).unwrap())
            .collect::<Vec<_>>()
    };
    let before = stamps();
    let findings = |more: &[&str]| {
        let ended = run(["verify", "--level=size", "--json", "--repo", &repo]
            .iter()
            .chain(more));
        let document = ended.code(3).json();
        let of = |finding: &Value| {
            let text = |key: &str| finding[key].as_str().unwrap().to_owned();
            assert!(
                text("reason").ends_with(", as an earlier verification found"),
                "{finding}"
            );
            (text("file"), text("kind"), finding["backups"].to_string())
        };
        document["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(of)
            .collect::<Vec<_>>()
    };
    let path = |at: usize| {
        format!(
            "shared_checksum/{}",
            tables[at].file_name().unwrap().to_str().unwrap()
        )
    };
    let expected = |backups: &str| {
        vec![
            (path(0), "damaged_contents".to_owned(), backups.to_owned()),
            (path(1), "wrong_checksum".to_owned(), backups.to_owned()),
        ]
    };
    assert_eq!(findings(&[]), expected("[1,2]"));
    assert_eq!(findings(&["1"]), expected("[1]"));
    assert_eq!(stamps(), before);
    fs::remove_file(&tables[1]).unwrap();
    let ended = run(["verify", "--level=size", "--json", "--repo", &repo]).code(3);
    let document = ended.json();
    let reasons = document["findings"].as_array().unwrap().iter();
    let of_missing: Vec<&Value> = reasons.filter(|finding| finding["file"] == path(1)).collect();
    assert_eq!(of_missing.len(), 1, "{document}");
    assert_eq!(of_missing[0]["kind"], "missing");
}

/// What was found before is unknown until somebody looks again.
#[test]
fn list_and_check_name_a_damaged_record_of_verifications() {
    let sample = Sample::new();
    sample.backup();
    let repo = sample.word("repo");
    sample.verify("deep").ok();
    run(["check", "--repo", &repo]).ok();
    let entries = fs::read_dir(Path::new(&repo).join("stonekeep/verified")).unwrap();
    let stamps: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    let [stamps] = &stamps[..] else {
        panic!("{stamps:?}");
    };
    flip(stamps, 50);
    let about = format!(
        "stonekeep/verified/{}: ",
        stamps.file_name().unwrap().to_str().unwrap()
    );
    run(["list", "--repo", &repo])
        .ok()
        .warns(&about)
        .warns("[not-remembered]");
    run(["check", "--repo", &repo])
        .code(1)
        .says("stale: ")
        .says(&about);
    sample.verify("deep").ok().warns(&about);
    assert_eq!(run(["list", "--repo", &repo]).ok().stderr, "");
    run(["check", "--repo", &repo]).ok();
}
