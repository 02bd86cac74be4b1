//! What cannot be followed.

use std::fs;

use stonekeep::image::follow::{Looking, Watch};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_format_testkit::log::{LogBuilder, repair_checksums};
use stonekeep_testkit::database::DatabaseBuilder;

use super::batches::{BEGIN_PERSISTED_PREPARE, BEGIN_PREPARE, prepare, puts};
use super::scene::{database, follow, source, tick};

#[test]
fn two_write_queues_with_numbers_in_no_record_are_refused() {
    for (queues, begin, is_refused) in [
        ("true", BEGIN_PERSISTED_PREPARE, true),
        ("true", BEGIN_PREPARE, false),
        ("false", BEGIN_PERSISTED_PREPARE, false),
    ] {
        let builder = DatabaseBuilder::new().database_option("two_write_queues", queues);
        let (_directory, mut database) = database(builder);
        let mut follower = follow(&database);
        database.write_batch(&prepare(1, 1, begin, "a"), 1);
        match follower.tick(&Quiet) {
            Ok(tick) => assert!(!is_refused && tick.pieces.len() == 1),
            Err(error) => {
                assert!(is_refused && error.kind() == ErrorKind::Unsupported, "{error:?}");
                assert!(error.hint().unwrap().contains("two_write_queues"));
            }
        }
    }
}

#[test]
fn unknown_records_and_batches_are_refused() {
    let unknown_type = {
        let mut log = LogBuilder::new();
        log.write(&puts(1, 1));
        let mut bytes = log.take_bytes();
        bytes[6] = 20;
        repair_checksums(&mut bytes);
        bytes
    };
    let unknown_tag = {
        let mut log = LogBuilder::new();
        let mut batch = puts(1, 1);
        batch[12] = 0x7E;
        log.write(&batch);
        log.take_bytes()
    };
    for bytes in [unknown_type, unknown_tag] {
        let (_directory, database) = database(DatabaseBuilder::new());
        let mut follower = follow(&database);
        tick(&mut follower);
        let path = database.wal_path(database.wal_number());
        fs::write(&path, bytes).unwrap();
        let error = follower.tick(&Quiet).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        assert_eq!(error.findings()[0].file, path.display().to_string());
        let error = follower.tick(&Quiet).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error:?}");
    }
}

#[test]
fn another_database_in_the_same_place_is_refused() {
    let (directory, database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    tick(&mut follower);
    fs::rename(database.path(), directory.path().join("moved")).unwrap();
    DatabaseBuilder::new().create(database.path());
    let error = follower.tick(&Quiet).unwrap_err();
    assert!(error.is_source_changed(), "{error:?}");
}

#[test]
fn a_directory_without_a_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let error = Watch::open(&source(directory.path()), Looking::Events, &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
