//! A database that is written without WAL shows it, and none that is written with WALs looks like one.

use std::fs;

use stonekeep::WarningName;
use stonekeep::image::DatabaseImage;
use stonekeep_format::ColumnFamilyId;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::hot::scene::hot_image;
use crate::image::capture::{database, image};

fn warns(image: &DatabaseImage) -> bool {
    let names = image.warnings.iter().map(|warning| warning.name);
    names.eq([WarningName::WritesWithoutWal]
        .into_iter()
        .take(image.warnings.len()))
        && !image.warnings.is_empty()
}

/// What a capture at rest and one of a database that is being written say.
fn at_rest_and_hot(database: &FakeDatabase) -> [bool; 2] {
    [warns(&image(database.path())), warns(&hot_image(database.path()))]
}

#[test]
fn the_second_flush_without_wal_is_seen_at_rest_and_hot() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    // The WAL of the first flush is a new one: nothing is proven yet.
    database.write(3);
    database.flush(3_000);
    assert_eq!(at_rest_and_hot(&database), [false, false]);
    database.flush_without_wal(ColumnFamilyId::DEFAULT, 3_000);
    assert_eq!(at_rest_and_hot(&database), [true, true]);
}

#[test]
fn the_first_flush_of_a_session_without_wal_is_seen() {
    let (_directory, mut database) = database(DatabaseBuilder::new().column_family("other"));
    database.write(3);
    database.reopen();
    assert_eq!(at_rest_and_hot(&database), [false, false]);
    database.flush_without_wal(ColumnFamilyId(1), 3_000);
    assert_eq!(at_rest_and_hot(&database), [true, true]);
    let image = image(database.path());
    let message = image.warnings[0].to_string();
    assert!(
        message.contains("column family \"other\"") && message.contains("not in the backup"),
        "{message}"
    );
}

#[test]
fn the_first_flush_of_a_new_column_family_without_wal_is_seen() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.switch_wal();
    let family = database.create_column_family("new");
    database.flush_without_wal(family, 3_000);
    assert!(warns(&hot_image(database.path())));
}

#[test]
fn a_flush_that_is_ahead_of_the_wals_is_seen() {
    let (_directory, mut database) = database(DatabaseBuilder::new().column_family("other"));
    database.write(3);
    database.switch_wal();
    database.flush_without_wal(ColumnFamilyId(1), 3_000);
    assert_eq!(at_rest_and_hot(&database), [true, true]);
    // What the WALs hold by then is later.
    database.write(1);
    assert_eq!(at_rest_and_hot(&database), [false, false]);
}

#[test]
fn flushed_idle_reopened_and_compacted_databases_do_not_look_so() {
    let (_directory, mut database) = database(DatabaseBuilder::new().column_family("other"));
    for _ in 0..3 {
        database.write(3);
        database.flush(3_000);
        assert_eq!(at_rest_and_hot(&database), [false, false]);
    }
    database.compact();
    database.roll_manifest();
    database.write(3);
    database.flush(3_000);
    assert_eq!(at_rest_and_hot(&database), [false, false]);
    database.reopen();
    assert_eq!(at_rest_and_hot(&database), [false, false]);
    database.write(3);
    database.reopen();
    assert_eq!(at_rest_and_hot(&database), [false, false]);
}

#[test]
fn ingested_tables_do_not_look_so() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.write(3);
    database.add_tables(2, 3_000);
    assert_eq!(at_rest_and_hot(&database), [false, false]);
}

/// A checkpoint flushes before it is made, and a restored copy has what it was restored from: nobody has written there.
#[test]
fn a_copy_that_was_never_opened_does_not_warn() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.flush_without_wal(ColumnFamilyId::DEFAULT, 3_000);
    database.flush_without_wal(ColumnFamilyId::DEFAULT, 3_000);
    assert!(warns(&image(database.path())));
    for name in ["LOG", "LOCK"] {
        fs::remove_file(database.path().join(name)).unwrap();
    }
    assert!(!warns(&image(database.path())));
}
