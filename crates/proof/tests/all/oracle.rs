//! Negative controls: the oracle reports each difference.

use std::fs;
use std::path::Path;

use stonekeep_proof::makers::{self, ClosedDatabase, Workbench};
use stonekeep_proof::oracle::{self, OpenOptions};
use stonekeep_proof::{DatabaseContents, ProofError};

fn ordinary(root: &Path) -> ClosedDatabase {
    Workbench::create(makers::by_name("column families").unwrap(), root)
        .unwrap()
        .close()
}

fn difference_after(change: impl FnOnce(&mut Workbench)) -> String {
    let root = tempfile::tempdir().unwrap();
    let before = ordinary(root.path());
    let mut bench = Workbench::reopen(before.clone()).unwrap();
    change(&mut bench);
    let after = bench.close();
    let found = oracle::dump(&after.path, &after.options).unwrap();
    match oracle::equal(&before.contents, &found, "the changed database") {
        Err(ProofError::Differs { difference, .. }) => difference,
        other => panic!("the oracle saw nothing: {other:?}"),
    }
}

#[test]
fn one_changed_value_is_seen() {
    let difference = difference_after(|bench| bench.put("users", b"key-000005", b"changed").unwrap());
    assert_eq!(difference, "users: key 6b65792d303030303035 has another value");
}

#[test]
fn one_missing_key_is_seen() {
    let difference = difference_after(|bench| bench.delete("events", b"key-000005").unwrap());
    assert_eq!(difference, "events: key 6b65792d303030303035 is missing");
}

#[test]
fn one_key_too_many_is_seen() {
    let difference = difference_after(|bench| bench.put("default", b"new", b"").unwrap());
    assert_eq!(difference, "default: key 6e6577 is too many");
}

#[test]
fn column_families_missing_or_too_many_are_seen() {
    let difference = difference_after(|bench| bench.drop_family("users").unwrap());
    assert_eq!(difference, "column family users is missing");
    let difference = difference_after(|bench| bench.create_family("empty").unwrap());
    assert_eq!(difference, "column family empty is too many");
}

#[test]
fn a_lost_wal_is_seen() {
    let root = tempfile::tempdir().unwrap();
    let closed = ordinary(root.path());
    for entry in fs::read_dir(&closed.path).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "log") {
            fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_len(0)
                .unwrap();
        }
    }
    let found = oracle::dump(&closed.path, &closed.options).unwrap();
    let difference = closed.contents.difference(&found).unwrap();
    assert!(
        difference.contains("users: 13 keys differ in all"),
        "{difference}"
    );
}

#[test]
fn one_flipped_bit_of_a_table_is_seen() {
    let root = tempfile::tempdir().unwrap();
    let closed = ordinary(root.path());
    let table = fs::read_dir(&closed.path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "sst"))
        .unwrap();
    let mut bytes = fs::read(&table).unwrap();
    bytes[40] ^= 1;
    fs::write(&table, bytes).unwrap();
    let error = oracle::examine(&closed.path, &closed.options).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.starts_with("Corruption: "), "{source}");
}

#[test]
fn reading_changes_no_file() {
    let root = tempfile::tempdir().unwrap();
    let closed = ordinary(root.path());
    let before = listing(&closed.path);
    oracle::dump(&closed.path, &closed.options).unwrap();
    assert_eq!(listing(&closed.path), before);
}

fn listing(dir: &Path) -> Vec<(String, u64)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                entry.metadata().unwrap().len(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn reading_a_directory_that_is_no_database_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    assert!(oracle::dump(root.path(), &OpenOptions::default()).is_err());
}

#[test]
fn dumps_are_read_as_they_were_written() {
    let mut contents = DatabaseContents::default();
    contents.put("default", b"", b"the empty key");
    contents.put("default", b"\x00\xff", b"");
    contents.add_family("with no key");
    let text = contents.to_text();
    assert_eq!(
        text,
        "cf default\n:74686520656d707479206b6579\n00ff:\ncf with no key\n"
    );
    assert_eq!(DatabaseContents::from_text(&text).unwrap(), contents);
    for wrong in ["00:00", "cf a\n00", "cf a\n0:00", "cf a\nzz:00"] {
        assert!(DatabaseContents::from_text(wrong).is_err(), "{wrong}");
    }
}
