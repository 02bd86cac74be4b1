//! RocksDB's own backups of every kind of database check makers, engine shim and oracle.

use std::fs;
use std::path::Path;

use stonekeep_proof::engine::{CreateOptions, EngineOptions, RestoreOptions, RocksBackupEngine, VerifyLevel};
use stonekeep_proof::makers::{self, Recipe, Workbench};
use stonekeep_proof::oracle::{self, OpenOptions};

#[test]
fn every_maker_holds_what_its_model_says() {
    for recipe in makers::all() {
        let root = tempfile::tempdir().unwrap();
        let mut bench = Workbench::create(recipe, root.path()).unwrap();
        bench.change().unwrap();
        let closed = bench.close();
        let found = oracle::examine(&closed.path, &closed.options).unwrap();
        oracle::equal(&closed.contents, &found.contents, recipe.name).unwrap();
        assert!(found.contents.key_count() > 0, "{} is empty", recipe.name);
        assert!(found.sequence > 0);
        assert!(!found.identity.is_empty());
    }
}

#[test]
fn rocksdb_restores_what_rocksdb_backed_up() {
    for recipe in makers::all().filter(|recipe| !recipe.two_paths) {
        let root = tempfile::tempdir().unwrap();
        round_trip(recipe, root.path());
    }
}

fn round_trip(recipe: Recipe, root: &Path) {
    let engine = RocksBackupEngine::open(&root.join("repo"), &EngineOptions::default()).unwrap();
    let mut bench = Workbench::create(recipe, root).unwrap();
    let first = bench.contents().clone();
    let first_id = engine.create(bench.db(), &CreateOptions::default()).unwrap();
    bench.change().unwrap();
    let second_id = engine.create(bench.db(), &CreateOptions::default()).unwrap();
    assert_eq!((first_id, second_id), (1, 2));
    assert_eq!(engine.corrupted(), Vec::<u32>::new());
    for (id, expected) in [(first_id, &first), (second_id, bench.contents())] {
        engine.verify(id, VerifyLevel::Checksums).unwrap();
        let (db, wal) = (
            root.join(format!("restored-{id}")),
            root.join(format!("wal-{id}")),
        );
        engine.restore(id, &db, &wal, &RestoreOptions::default()).unwrap();
        let options = OpenOptions {
            wal_dir: Some(wal),
            ..OpenOptions::default()
        };
        let found = oracle::examine(&db, &options).unwrap();
        oracle::equal(expected, &found.contents, recipe.name).unwrap();
    }
}

#[test]
fn each_kind_leaves_the_files_that_it_is_named_for() {
    assert!(count("blobs", "db", "blob") >= 2);
    assert_eq!(count("wal only", "db", "sst"), 0);
    assert_eq!(count("wal only", "db", "log"), 1);
    assert_eq!(count("wal_dir elsewhere", "db", "log"), 0);
    assert_eq!(count("wal_dir elsewhere", "wal", "log"), 1);
    assert!(count("two paths", "db", "sst") > 0);
    assert!(count("two paths", "path2", "sst") > 0);
    assert!(count("level compaction", "db", "sst") >= 6);
}

fn count(recipe: &str, dir: &str, extension: &str) -> usize {
    let root = tempfile::tempdir().unwrap();
    Workbench::create(makers::by_name(recipe).unwrap(), root.path())
        .unwrap()
        .close();
    let entries = fs::read_dir(root.path().join(dir)).unwrap();
    entries
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .path()
                .extension()
                .is_some_and(|e| e == extension)
        })
        .count()
}

#[test]
fn the_options_of_a_kind_are_in_force() {
    for (recipe, option) in [
        ("zstd", "  compression=kZSTD\n"),
        ("lz4hc", "  compression=kLZ4HCCompression\n"),
        (
            "universal compaction",
            "  compaction_style=kCompactionStyleUniversal\n",
        ),
        ("merge operands", "  merge_operator={id=StringAppendOperator;"),
        (
            "file checksums",
            "  file_checksum_gen_factory=FileChecksumGenCrc32cFactory\n",
        ),
        ("old table format", "  format_version=2\n"),
        ("partitioned index", "  index_type=kTwoLevelIndexSearch\n"),
        ("temperatures", "  last_level_temperature=kCold\n"),
        ("compressed wal", "  wal_compression=kZSTD\n"),
    ] {
        let root = tempfile::tempdir().unwrap();
        Workbench::create(makers::by_name(recipe).unwrap(), root.path())
            .unwrap()
            .close();
        let text: String = fs::read_dir(root.path().join("db"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with("OPTIONS-")
            })
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        assert!(text.contains(option), "{recipe}: no {option}");
    }
}
