//! File deletions are enabled again, whatever happens.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rocksdb::WriteOptions;
use stonekeep::format::FileNumber;
use stonekeep::image::{CaptureHost, ImageFile, ImageSource, NoHost};
use stonekeep::{Error, ErrorKind, Quiet, Result};
use stonekeep_rocksdb::Live;

use crate::churn;
use crate::handles::{Handle, TellingDb};
use crate::meddled::Meddled;
use crate::workload::{self, FAMILIES};

/// Whether RocksDB deletes files.
fn enabled(db: &TellingDb) -> bool {
    let property = db.property_int_value("rocksdb.is-file-deletions-enabled");
    property.unwrap().unwrap() == 1
}

fn database(root: &std::path::Path) -> TellingDb {
    let db = TellingDb::create(&churn::options(""), &root.join("db"));
    for n in 1..100 {
        db.apply(&FAMILIES, &workload::batch(n), &WriteOptions::default());
    }
    db.flush().unwrap();
    assert!(enabled(&db));
    db
}

/// A host that fails, or panics, when files are asked for that came after the first look; and that has attempts left.
struct Awkward<'a> {
    asked: u32,
    deed: &'a dyn Fn() -> Result<Vec<bool>>,
}

impl CaptureHost for Awkward<'_> {
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
        self.asked += 1;
        match self.asked {
            1 => Ok(vec![true; files.len()]),
            _ => (self.deed)(),
        }
    }

    fn takes_early(&self) -> bool {
        false
    }

    fn take(&mut self, _: &[ImageFile]) -> Result<Vec<FileNumber>> {
        Err(Error::invalid("nothing is taken early"))
    }
}

/// Captures with a host that meets a new table while deletions are disabled.
fn capture_with(db: &TellingDb, deed: &dyn Fn() -> Result<Vec<bool>>) -> Result<()> {
    let meddled = Meddled::new(db, |number, answer| {
        if number == 1 {
            db.put(b"new", b"table").unwrap();
            db.flush().unwrap();
        }
        Ok(answer)
    });
    let mut host = Awkward { asked: 0, deed };
    let outcome = Live::new(&meddled).capture(&mut host, &Quiet).map(drop);
    assert_eq!((meddled.answers(), host.asked), (2, 2));
    outcome
}

#[test]
fn after_a_failure_deletions_are_enabled() {
    let root = tempfile::tempdir().unwrap();
    let db = database(root.path());
    let error = capture_with(&db, &|| {
        assert!(!enabled(&db));
        Err(Error::refused("no"))
    });
    assert_eq!(error.unwrap_err().to_string(), "no");
    assert!(enabled(&db));
}

#[test]
fn after_a_panic_deletions_are_enabled() {
    let root = tempfile::tempdir().unwrap();
    let db = database(root.path());
    let panic = catch_unwind(AssertUnwindSafe(|| {
        capture_with(&db, &|| {
            assert!(!enabled(&db));
            panic!("in the middle")
        })
    }));
    assert_eq!(*panic.unwrap_err().downcast::<&str>().unwrap(), "in the middle");
    assert!(enabled(&db));
}

#[test]
fn what_others_disabled_stays_disabled() {
    let root = tempfile::tempdir().unwrap();
    let db = database(root.path());
    db.disable_file_deletions().unwrap();
    churn::engine(&root.path().join("repo"))
        .create_new_backup(&db)
        .unwrap();
    assert!(!enabled(&db));
    db.enable_file_deletions().unwrap();
    assert!(enabled(&db));
}

#[test]
fn the_last_attempt_keeps_them_disabled_to_the_end() {
    let root = tempfile::tempdir().unwrap();
    let db = database(root.path());
    let live = Live::new(&db);
    // For nobody there is one attempt only.
    let capture = live.capture(&mut NoHost, &Quiet).unwrap();
    assert!(!enabled(&db));
    capture.confirm().unwrap();
    drop(capture);
    let _again = live.capture(&mut NoHost, &Quiet).unwrap();
    assert!(!enabled(&db));
    drop(live);
    assert!(enabled(&db));
}

#[test]
fn a_handle_that_only_reads_is_refused_with_advice() {
    let root = tempfile::tempdir().unwrap();
    drop(database(root.path()));
    let options = churn::options("");
    let db = TellingDb::open_for_read_only(&options, root.path().join("db"), false).unwrap();
    let error = churn::engine(&root.path().join("repo"))
        .create_new_backup(&db)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert!(error.hint().unwrap().contains("only reads"), "{error:?}");
}
