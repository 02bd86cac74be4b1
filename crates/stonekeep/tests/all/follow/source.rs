//! What a follower says of its database, and another database in its place.

use std::fs;
use std::time::Duration;

use stonekeep::Quiet;
use stonekeep::image::follow::{Begun, Looking, Start, Watch};
use stonekeep_testkit::database::DatabaseBuilder;

use super::scene::{database, follow, source, tick};

#[test]
fn a_follower_says_what_the_database_has_set() {
    let builder = DatabaseBuilder::new()
        .database_option("manual_wal_flush", "true")
        .database_option("recycle_log_file_num", "2");
    let (_directory, mut database) = database(builder);
    let mut follower = follow(&database);
    let facts = follower.watch().facts();
    assert!(facts.manual_wal_flush && facts.recycles_wals && !facts.archives_wals);
    assert_eq!(follower.warnings(), follower.watch().warnings());
    database.write(1);
    let piece = format!("{:?}", tick(&mut follower).pieces[0]);
    assert!(
        piece.contains("records: 1") && !piece.contains("bytes:"),
        "{piece}"
    );
    assert!(!follower.wait(Duration::from_millis(1)).unwrap());
}

#[test]
fn another_database_in_the_same_place_is_refused() {
    let (directory, first) = database(DatabaseBuilder::new());
    let mut follower = follow(&first);
    tick(&mut follower);
    fs::rename(first.path(), directory.path().join("away")).unwrap();
    let _other = DatabaseBuilder::new().create(first.path());
    let error = follower.tick(&Quiet).unwrap_err();
    assert!(error.is_source_changed(), "{error}");
    assert!(
        error.to_string().contains("another database was put into"),
        "{error}"
    );
}

#[test]
fn a_database_that_is_removed_is_refused() {
    let (_directory, database) = database(DatabaseBuilder::new());
    let watch = Watch::open(&source(database.path()), Looking::Events, &Quiet).unwrap();
    let Begun::Following(mut follower) = watch.begin(Start::Now, &Quiet).unwrap() else {
        panic!("the base is of now");
    };
    fs::remove_dir_all(database.path()).unwrap();
    let error = follower.tick(&Quiet).unwrap_err();
    let path = database.path().display().to_string();
    assert!(error.to_string().contains(&path), "{error}");
}
