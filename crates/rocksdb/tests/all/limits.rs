//! Which files are opened, and how many at once.

use std::fs;
use std::path::Path;

use rocksdb::WriteOptions;
use stonekeep::format::FileNumber;
use stonekeep::image::{CaptureHost, Content, DatabaseImage, ImageFile, ImageSource};
use stonekeep::{Error, Quiet, Result};
use stonekeep_rocksdb::Live;

use crate::churn;
use crate::handles::{Handle, TellingDb};
use crate::workload::{self, FAMILIES};

/// A host that writes down what it is given.
struct Recording {
    stored: Vec<FileNumber>,
    takes_early: bool,
    /// The sizes of the sets that it took.
    sets: Vec<usize>,
    taken: Vec<FileNumber>,
}

fn host(stored: Vec<FileNumber>, takes_early: bool) -> Recording {
    Recording {
        stored,
        takes_early,
        sets: Vec::new(),
        taken: Vec::new(),
    }
}

impl CaptureHost for Recording {
    fn attempt(&self) -> u32 {
        1
    }

    fn is_last_attempt(&self) -> bool {
        false
    }

    fn check_database(&mut self, _: Option<&str>) -> Result<()> {
        Ok(())
    }

    fn needed(&mut self, files: &[ImageFile]) -> Result<Vec<bool>> {
        let is_stored = |file: &ImageFile| self.stored.contains(&file.name.number().unwrap());
        Ok(files.iter().map(|file| !is_stored(file)).collect())
    }

    fn takes_early(&self) -> bool {
        self.takes_early
    }

    fn take(&mut self, files: &[ImageFile]) -> Result<Vec<FileNumber>> {
        if !self.takes_early {
            return Err(Error::invalid("nothing is taken early"));
        }
        assert_eq!(files.iter().filter(|file| is_open(file)).count(), files.len());
        self.sets.push(files.len());
        self.taken
            .extend(files.iter().filter_map(|file| file.name.number()));
        Ok(Vec::new())
    }
}

/// A database with many tables, and a few more writes.
fn database(path: &Path) -> TellingDb {
    let db = TellingDb::create(&churn::options("disable_auto_compactions=true"), path);
    for n in 1..30 {
        db.apply(&FAMILIES, &workload::batch(n), &WriteOptions::default());
        db.flush().unwrap();
    }
    db
}

fn is_table(file: &ImageFile) -> bool {
    file.table.is_some()
}

fn is_open(file: &ImageFile) -> bool {
    matches!(file.content, Content::Open { .. })
}

fn numbers<'a>(files: impl Iterator<Item = &'a ImageFile>) -> Vec<FileNumber> {
    files.filter_map(|file| file.name.number()).collect()
}

fn tables(image: &DatabaseImage) -> Vec<FileNumber> {
    numbers(image.files.iter().filter(|file| is_table(file)))
}

fn open_tables(image: &DatabaseImage) -> Vec<FileNumber> {
    numbers(image.files.iter().filter(|file| is_table(file) && is_open(file)))
}

#[test]
fn files_that_are_stored_are_not_opened() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("db");
    let db = database(&path);
    let live = Live::new(&db);
    let mut first = host(Vec::new(), false);
    let stored = tables(live.capture(&mut first, &Quiet).unwrap().image());
    assert_eq!(stored.len(), 29);
    // RocksDB has them open; nobody else finds them.
    let hidden = root.path().join("hidden");
    fs::create_dir(&hidden).unwrap();
    let of = |number: &FileNumber| format!("{:06}.sst", number.0);
    for number in &stored {
        fs::rename(path.join(of(number)), hidden.join(of(number))).unwrap();
    }
    db.put(b"one", b"more").unwrap();
    db.flush().unwrap();
    let capture = live.capture(&mut host(stored.clone(), false), &Quiet).unwrap();
    assert_eq!(tables(capture.image()).len(), 30);
    assert_eq!(open_tables(capture.image()).len(), 1);
    for number in &stored {
        fs::rename(hidden.join(of(number)), path.join(of(number))).unwrap();
    }
}

#[test]
fn what_does_not_fit_is_copied_before_the_rest_is_captured() {
    let root = tempfile::tempdir().unwrap();
    let db = database(&root.path().join("db"));
    let limit = 4;
    let before = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let live = Live::new(&db).with_open_files_limit(Some(limit));
    let mut host = host(Vec::new(), true);
    let capture = live.capture(&mut host, &Quiet).unwrap();
    assert_eq!(host.taken, tables(capture.image()));
    assert!(host.sets.iter().all(|set| *set <= limit), "{:?}", host.sets);
    assert!(open_tables(capture.image()).is_empty());
    let after = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    assert_eq!(before, after);
}

#[test]
fn where_nothing_is_taken_early_files_are_kept_instead() {
    let root = tempfile::tempdir().unwrap();
    let db = database(&root.path().join("db"));
    let enabled = || {
        db.property_int_value("rocksdb.is-file-deletions-enabled")
            .unwrap()
            .unwrap()
            == 1
    };
    let live = Live::new(&db).with_open_files_limit(Some(4));
    let capture = live.capture(&mut host(Vec::new(), false), &Quiet).unwrap();
    assert!(open_tables(capture.image()).is_empty());
    assert!(!enabled());
    drop(live);
    assert!(enabled());
}
