//! Deep verification finds nothing in what RocksDB has just written, whatever kind of database it is.

use std::path::{Path, PathBuf};

use rocksdb::{DB, Options, WriteBatch};
use stonekeep::Quiet;
use stonekeep::engine::verify::{DatabaseReport, VerifyDatabaseOptions, verify_database};
use stonekeep::image::{Directory, SourceKind};
use stonekeep_proof::makers::{self, Workbench};
use stonekeep_proof::oracle::OpenOptions;

fn look_in(database: &Path, wal_dir: Option<PathBuf>, db_paths: Vec<PathBuf>) -> DatabaseReport {
    let source = Directory::new(database, SourceKind::Closed)
        .of_other_processes()
        .with_wal_dir(wal_dir)
        .with_db_paths(db_paths);
    verify_database(&source, &VerifyDatabaseOptions::default(), &Quiet).unwrap()
}

fn look(database: &Path, name: &str) {
    let report = look_in(database, None, Vec::new());
    assert_eq!(report.findings, [], "{name}");
    assert!(report.contents.files > 0, "{name}");
}

fn open(path: &Path, more: &str) -> DB {
    let options = OpenOptions {
        more: more.to_owned(),
        ..OpenOptions::default()
    };
    let mut options: Options = options.to_rocksdb().unwrap();
    options.create_if_missing(true);
    DB::open(&options, path).unwrap()
}

#[test]
fn nothing_is_wrong_with_any_kind_of_database() {
    for recipe in makers::all() {
        let root = tempfile::tempdir().unwrap();
        let mut bench = Workbench::create(recipe, root.path()).unwrap();
        bench.change().unwrap();
        let closed = bench.close();
        let report = look_in(&closed.path, closed.options.wal_dir, closed.options.db_paths);
        assert_eq!(report.findings, [], "{}", recipe.name);
        assert_eq!(report.contents.unchecked, [], "{}", recipe.name);
        assert!(report.contents.entries > 0, "{}", recipe.name);
    }
}

/// Compactions cut range deletions at the ends of tables, and leave tables that have nothing else.
#[test]
fn range_deletions_extend_tables_in_every_way() {
    const SMALL: &str = "write_buffer_size=65536;target_file_size_base=8192;max_bytes_for_level_base=32768;\
        level0_file_num_compaction_trigger=2;max_bytes_for_level_multiplier=2";
    for comparator in ["leveldb.BytewiseComparator", "rocksdb.ReverseBytewiseComparator"] {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("db");
        let db = open(&path, &format!("{SMALL};comparator={comparator}"));
        let key = |n: u32| format!("{:05}", n % 3_000);
        let order = |a: u32, b: u32| match comparator.contains("Reverse") {
            true => (key(a.max(b)), key(a.min(b))),
            false => (key(a.min(b)), key(a.max(b))),
        };
        let mut snapshots = Vec::new();
        for n in 0..6_000_u32 {
            let at = n.wrapping_mul(7_919);
            db.put(key(at), [n as u8; 60]).unwrap();
            if n % 400 == 0 {
                // What a snapshot sees is kept by compactions.
                snapshots.push(db.snapshot());
                let (from, to) = order(at % 3_000, (at % 3_000 + 700).min(2_999));
                let mut batch = WriteBatch::default();
                batch.delete_range(from, to);
                db.write(batch).unwrap();
            }
            if n % 900 == 0 {
                db.flush().unwrap();
                look_at_checkpoint(&db, root.path(), n);
            }
        }
        db.flush().unwrap();
        drop(snapshots);
        db.compact_range::<&[u8], &[u8]>(None, None);
        look_at_checkpoint(&db, root.path(), 10_000);
        drop(db);
        look(&path, comparator);
    }
}

fn look_at_checkpoint(db: &DB, root: &Path, n: u32) {
    let path = root.join(format!("checkpoint-{n}"));
    let checkpoint = rocksdb::checkpoint::Checkpoint::new(db).unwrap();
    checkpoint.create_checkpoint(&path).unwrap();
    look(&path, &format!("checkpoint {n}"));
}

#[test]
fn timestamps_that_are_kept_or_taken_off_are_right() {
    for persisted in [true, false] {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("db");
        let more = format!(
            "comparator=leveldb.BytewiseComparator.u64ts;persist_user_defined_timestamps={persisted};\
             allow_concurrent_memtable_write=false"
        );
        let db = open(&path, &more);
        for version in 1..=3_u64 {
            for n in 0..200_u8 {
                db.put_with_ts([n], version.to_le_bytes(), [n, version as u8])
                    .unwrap();
                if n % 9 == 0 {
                    db.delete_with_ts([n], version.to_le_bytes()).unwrap();
                }
            }
            db.flush().unwrap();
        }
        look_at_checkpoint(&db, root.path(), 1);
        db.compact_range::<&[u8], &[u8]>(None, None);
        drop(db);
        look(&path, &more);
    }
}
