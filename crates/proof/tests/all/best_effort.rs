//! Real RocksDB opens what a restore with `best_effort` makes of a damaged backup, and finds every key but those of lost files.

use std::fs;
use std::path::{Path, PathBuf};

use rocksdb::{DB, Options};
use stonekeep::Quiet;
use stonekeep::engine::restore::{LostFile, RestoreReport};
use stonekeep::engine::{CreateBackupOptions, RestoreOptions};
use stonekeep::image::{Directory, SourceKind};
use stonekeep_proof::DatabaseContents;
use stonekeep_proof::oracle::{self, OpenOptions};

use crate::judge;
use crate::ours;
use crate::restoring::restore;

const FAMILIES: [&str; 3] = ["default", "other", "blobs"];

fn options() -> OpenOptions {
    OpenOptions {
        // WALs stay when the database is closed, and RocksDB misses one that is gone.
        more: "disable_auto_compactions=true;avoid_flush_during_shutdown=true;track_and_verify_wals_in_manifest=true;\
               min_blob_size=100"
            .to_owned(),
        ..OpenOptions::default()
    }
}

fn value(n: u8) -> Vec<u8> {
    vec![n; 200]
}

/// Tables of three flushes in each column family, no two of which have a key in common; values apart from keys in the last family; and
/// writes that are in the WAL alone.
fn make(path: &Path) -> DatabaseContents {
    let mut contents = DatabaseContents::default();
    let mut database: Options = options().to_rocksdb().unwrap();
    database.create_if_missing(true);
    let mut db = DB::open_cf(&database, path, ["default"]).unwrap();
    for family in FAMILIES {
        let mut of_family = options().to_rocksdb().unwrap();
        of_family.set_enable_blob_files(family == "blobs");
        if family != "default" {
            db.create_cf(family, &of_family).unwrap();
            contents.add_family(family);
        }
        let handle = db.cf_handle(family).unwrap();
        for flush in ["a", "b", "c", "wal"] {
            for n in 0..50_u8 {
                let key = format!("{flush}-{n:03}");
                db.put_cf(&handle, &key, value(n)).unwrap();
                contents.put(family, key.as_bytes(), &value(n));
            }
            if flush != "wal" {
                db.flush_cf(&handle).unwrap();
            }
        }
    }
    db.flush_wal(true).unwrap();
    contents
}

struct Case {
    root: tempfile::TempDir,
    whole: DatabaseContents,
}

impl Case {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let whole = make(&root.path().join("db"));
        let repository = root.path().join("whole");
        let source = Directory::new(root.path().join("db"), SourceKind::Closed);
        let engine = ours::engine(&repository);
        engine
            .create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
            .unwrap();
        Case { root, whole }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Restores what is left after the last bytes of these files are changed.
    fn restored_without(&self, damaged: &[String]) -> RestoreReport {
        let repository = self.path("damaged");
        _ = fs::remove_dir_all(&repository);
        _ = fs::remove_dir_all(self.path("restored"));
        judge::copy(&self.path("whole"), &repository);
        for file in damaged {
            let at = repository.join(file);
            let mut bytes = fs::read(&at).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(&at, bytes).unwrap();
        }
        let options = RestoreOptions::default().with_best_effort(true);
        restore(&repository, 1, &self.path("restored"), &options)
    }

    /// The files of the backup whose names end like this.
    fn files(&self, end: &str) -> Vec<String> {
        let mut files = Vec::new();
        for directory in ["shared_checksum", "private/1"] {
            let names = judge::names(&self.path("whole").join(directory)).into_iter();
            let wanted = names.filter(|name| name.ends_with(end));
            files.extend(wanted.map(|name| format!("{directory}/{name}")));
        }
        files
    }

    /// The keys without those of this table.
    fn without(&self, mut contents: DatabaseContents, lost: &LostFile) -> DatabaseContents {
        let family = lost.column_family.as_deref().unwrap();
        let key = |shown: &Option<String>| shown.as_deref().unwrap().trim_matches('"').to_owned();
        let (from, to) = (key(&lost.from_key), key(&lost.to_key));
        let flush = from.split_once('-').unwrap().0;
        assert_eq!(
            (from.as_str(), to.as_str()),
            (&*format!("{flush}-000"), &*format!("{flush}-049"))
        );
        for n in 0..50 {
            contents.delete(family, format!("{flush}-{n:03}").as_bytes());
        }
        contents
    }

    fn holds(&self, wanted: &DatabaseContents, what: &str) {
        let found = oracle::examine(&self.path("restored"), &options());
        let found = found.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        oracle::equal(wanted, &found.contents, what).unwrap();
    }
}

#[test]
fn without_tables_every_other_key_is_there() {
    let case = Case::new();
    let tables = case.files(".sst");
    assert_eq!(tables.len(), 9);
    for table in &tables {
        let salvage = case
            .restored_without(std::slice::from_ref(table))
            .salvage
            .unwrap();
        assert_eq!(salvage.lost.len(), 1);
        case.holds(&case.without(case.whole.clone(), &salvage.lost[0]), table);
    }
    let salvage = case.restored_without(&tables[2..]).salvage.unwrap();
    assert_eq!(salvage.lost.len(), 7);
    let left = salvage
        .lost
        .iter()
        .fold(case.whole.clone(), |left, lost| case.without(left, lost));
    case.holds(&left, "seven tables");
}

#[test]
fn without_the_wal_or_current_or_options_the_tables_are_there() {
    let case = Case::new();
    let wal = case.files(".log");
    case.restored_without(&wal);
    let mut flushed = case.whole.clone();
    for family in FAMILIES {
        for n in 0..50 {
            flushed.delete(family, format!("wal-{n:03}").as_bytes());
        }
    }
    case.holds(&flushed, "without the WAL");
    let small: Vec<String> = case
        .files("")
        .into_iter()
        .filter(|path| path.ends_with("CURRENT") || path.contains("OPTIONS"))
        .collect();
    assert_eq!(small.len(), 2);
    case.restored_without(&small);
    case.holds(&case.whole, "without CURRENT and OPTIONS");
}

#[test]
fn without_a_blob_file_the_values_in_it_alone_cannot_be_read() {
    let case = Case::new();
    let blobs = case.files(".blob");
    assert_eq!(blobs.len(), 3);
    let salvage = case.restored_without(&blobs[..1]).salvage.unwrap();
    assert_eq!(salvage.column_families[0].blobs_lost, 1);
    let db = oracle::open_read_only(&case.path("restored"), &options()).unwrap();
    for family in FAMILIES {
        let handle = db.cf_handle(family).unwrap();
        for flush in ["a", "b", "c", "wal"] {
            for n in 0..50_u8 {
                let read = db.get_cf(&handle, format!("{flush}-{n:03}"));
                if (family, flush) == ("blobs", "a") {
                    assert!(read.is_err(), "{n}");
                } else {
                    assert_eq!(read.unwrap(), Some(value(n)), "{family} {flush} {n}");
                }
            }
        }
    }
}
