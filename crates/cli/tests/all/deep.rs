//! `verify --level deep` looks into tables and WALs that real RocksDB wrote.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::command::{Ended, run};

/// A copy of the sample database, with a place for repositories beside it.
pub(crate) struct Sample {
    directory: TempDir,
}

impl Sample {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample/state1");
        fs::create_dir(directory.path().join("db")).unwrap();
        for entry in fs::read_dir(sample).unwrap().map(Result::unwrap) {
            fs::copy(entry.path(), directory.path().join("db").join(entry.file_name())).unwrap();
        }
        Sample { directory }
    }

    pub(crate) fn word(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn files(&self, place: &str, extension: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.directory.path().join(place)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut paths: Vec<PathBuf> = paths
            .filter(|path| path.extension().is_some_and(|it| it == extension))
            .collect();
        paths.sort();
        paths
    }

    pub(crate) fn backup(&self) {
        run(["backup", &self.word("db"), "--repo", &self.word("repo")]).ok();
    }

    pub(crate) fn verify(&self, level: &str) -> Ended {
        run(["verify", "--level", level, "--repo", &self.word("repo")])
    }

    fn contents(&self) -> Value {
        let ended = run(["verify", "--level=deep", "--json", "--repo", &self.word("repo")]);
        serde_json::from_str::<Value>(&ended.stdout).unwrap()["contents"].clone()
    }
}

pub(crate) fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_database_that_is_right_is_right_down_to_its_keys() {
    let sample = Sample::new();
    sample.backup();
    sample
        .verify("deep")
        .ok()
        .says("all right: ")
        .says("1454 entries in ");
    let contents = sample.contents();
    let tables = sample.files("db", "sst").len() + sample.files("db", "log").len();
    assert_eq!(contents["files"], tables, "{contents}");
    assert_eq!(
        (
            contents["damaged"].as_array().unwrap().len(),
            contents["unchecked"].as_array().unwrap().len()
        ),
        (0, 0)
    );
}

/// The checksums of whole files say that the backup is what the database was.
#[test]
fn what_was_damaged_before_it_was_backed_up_is_named_by_block_and_keys() {
    for at in [0, 30, 60] {
        let sample = Sample::new();
        for table in sample.files("db", "sst") {
            flip(&table, at);
        }
        sample.backup();
        sample.verify("checksum").ok();
        let ended = sample.verify("deep").code(3);
        ended
            .says("data block at byte 0: the block's checksum is")
            .says("column family");
        let contents = sample.contents();
        let damaged = contents["damaged"].as_array().unwrap();
        assert_eq!(damaged.len(), sample.files("db", "sst").len(), "{at}: {contents}");
        for file in damaged {
            let part = &file["parts"][0];
            assert_eq!(part["offset"], 0, "{file}");
            assert!(
                part["column_family"].is_string() && file["file"].as_str().unwrap().ends_with(".sst"),
                "{file}"
            );
        }
    }
}

/// No copy of the file is better, so it is not forgotten, and not taken for something that can be repaired.
#[test]
fn damage_inside_a_file_with_right_bytes_is_remembered() {
    let sample = Sample::new();
    let table = sample.files("db", "sst").remove(0);
    flip(&table, 5);
    sample.backup();
    let repo = sample.word("repo");
    sample.verify("checksum").ok();
    run(["list", "--repo", &repo]).ok().says("valid");
    sample.verify("deep").code(3).says("data block at byte 0");
    let known = "data block at byte 0: ";
    for args in [
        &["verify", "--level=checksum"][..],
        &["verify", "--level=checksum", "--sample=1/100"],
        &["verify", "--level=deep", "--sample=1/100"],
    ] {
        let ended = run(args.iter().copied().chain(["--repo", &repo])).code(3);
        ended.says(known);
    }
    run(["list", "--repo", &repo]).says("corrupt");
    run(["check", "--repo", &repo, "--max-age=10d"])
        .code(3)
        .says(known);
    // No backup is right, so that only one that is named comes back: with the bytes that it was made of.
    let target = sample.word("target");
    let restore = |which: &str| run(["restore", which, "--repo", &repo, "--to", &target]);
    restore("latest-valid").code(3);
    assert!(!Path::new(&target).exists());
    restore("1").ok();
    let repaired = run(["repair", "--repo", &repo, "--database", &sample.word("db")]).code(3);
    assert!(!repaired.stdout.contains(".sst"), "{}", repaired.stdout);
}

/// What was stored stays as it is, since backups have its checksum: what is right gets another name.
#[test]
fn a_table_that_is_right_again_is_stored_beside_the_damaged_one() {
    let sample = Sample::new();
    let table = sample.files("db", "sst").remove(0);
    let right = fs::read(&table).unwrap();
    flip(&table, 5);
    sample.backup();
    sample.verify("deep").code(3);
    let stored = || sample.files("repo/shared_checksum", "sst").len();
    let before = stored();
    sample.backup();
    assert_eq!(
        stored(),
        before,
        "the database's table is damaged in the same way"
    );
    fs::write(&table, &right).unwrap();
    sample.backup();
    assert_eq!(stored(), before + 1);
    let (repo, target) = (sample.word("repo"), sample.word("target"));
    run(["verify", "3", "--level=deep", "--repo", &repo]).ok();
    run(["restore", "latest-valid", "--repo", &repo, "--to", &target]).ok();
    let restored = Path::new(&target).join(table.file_name().unwrap());
    assert!(fs::read(restored).unwrap() == right);
    sample.backup();
    assert_eq!(stored(), before + 1, "it is stored once");
    sample.verify("deep").code(3).says("backups 1-2");
}

#[test]
fn the_damage_of_a_stored_file_is_named_twice() {
    let sample = Sample::new();
    sample.backup();
    let table = sample.files("repo/shared_checksum", "sst").remove(1);
    flip(&table, 5);
    let ended = sample.verify("deep").code(3);
    ended.says("its checksum is").says("data block at byte 0");
    assert_eq!(sample.contents()["damaged"].as_array().unwrap().len(), 1);
}

#[test]
fn a_damaged_record_of_a_wal_is_named() {
    let sample = Sample::new();
    let [wal] = &sample.files("db", "log")[..] else {
        panic!("one WAL");
    };
    let length = fs::metadata(wal).unwrap().len() as usize;
    sample.backup();
    let name = format!("repo/private/1/{}", wal.file_name().unwrap().to_str().unwrap());
    flip(&sample.directory.path().join(&name), length / 2);
    let ended = sample.verify("deep").code(3);
    ended.says("private/1/").says("record at byte");
}

#[test]
fn a_part_at_a_time_and_a_limit_in_time_are_possible() {
    let sample = Sample::new();
    sample.backup();
    let word = sample.word("repo");
    let part = run(["verify", "--level=deep", "--sample=1/7", "--repo", &word]).ok();
    part.says("left for the next run");
    run(["verify", "--level=deep", "--max-duration=1h", "--repo", &word]).ok();
    let listed = run(["list", "--repo", &word]).ok();
    assert!(!listed.stdout.contains("never verified"), "{}", listed.stdout);
}

#[test]
fn a_database_at_rest_is_verified_without_a_repository() {
    let sample = Sample::new();
    let db = sample.word("db");
    let ended = run(["verify", "--database", &db]).ok();
    ended.says("all right: the database in ").says("1454 entries in ");
    let table = sample.files("db", "sst").remove(0);
    flip(&table, 3);
    let ended = run(["verify", "--database", &db, "--json"]).code(3);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let finding = &document["findings"][0];
    assert_eq!(finding["file"], table.to_str().unwrap());
    assert!(
        finding["reason"]
            .as_str()
            .unwrap()
            .starts_with("data block at byte 0"),
        "{document}"
    );
    flip(&table, 3);
    let moved = sample.word("elsewhere");
    fs::rename(&table, &moved).unwrap();
    run(["verify", "--database", &db])
        .code(3)
        .says("missing")
        .says("000009.sst");
    fs::rename(&moved, &table).unwrap();
    run(["verify", "--database", &db]).ok();
    run(["verify", "--database", &sample.word("nowhere")]).code(4);
    run(["verify", "1", "--database", &db]).code(2);
    run(["verify", "--database", &db, "--level=size"]).code(2);
    run(["verify", "--wal-dir", &db]).code(2).warns("--database");
    run(["verify"]).code(2).warns("--repo");
}
