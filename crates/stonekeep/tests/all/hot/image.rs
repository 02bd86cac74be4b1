//! The hot image of a database whose writer holds still: what is in it, and what is said of it.

use std::fs;

use stonekeep::image::{CaptureKind, ClosingRule, Content, Directory, SourceKind};
use stonekeep_testkit::database::DatabaseBuilder;

use crate::hot::scene::hot_image;
use crate::image::capture::{bytes, database, file, image, names, state_of};

#[test]
fn a_hot_image_equals_that_of_the_closed_database() {
    let (_directory, mut database) = database(DatabaseBuilder::new().file_checksums().column_family("meta"));
    database.add_tables(3, 3_000);
    database.add_blob(500);
    database.write(10);
    database.switch_wal();
    database.write(5);
    let before = state_of(database.path());
    let (hot, closed) = (hot_image(database.path()), image(database.path()));
    assert_eq!(
        state_of(database.path()),
        before,
        "nothing in the directory changes"
    );
    assert_eq!(names(&hot), names(&closed));
    for (hot, closed) in hot.files.iter().zip(&closed.files) {
        assert_eq!(bytes(hot), bytes(closed), "{}", hot.name);
        assert_eq!((hot.crc32c, &hot.table), (closed.crc32c, &closed.table));
    }
    assert_eq!(hot.kind, CaptureKind::Hot);
    assert_eq!(hot.database_id, closed.database_id);
    assert_eq!(hot.sequence_number, database.sequence_number());
    assert_eq!(hot.column_families, closed.column_families);
    assert!(
        hot.surplus.is_empty() && hot.warnings.is_empty(),
        "{:?}",
        hot.warnings
    );
    let live = hot.live.unwrap();
    assert_eq!(
        (live.rounds, live.rule, live.wal_bytes_trimmed),
        (1, ClosingRule::Strict, 0)
    );
}

#[test]
fn what_is_captured_stays_readable_when_the_writer_goes_on() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.add_tables(3, 3_000);
    database.write(10);
    let hot = hot_image(database.path());
    let before: Vec<Vec<u8>> = hot.files.iter().map(bytes).collect();
    database.compact();
    database.flush(3_000);
    database.roll_manifest();
    assert!(!database.path().join("000004.sst").exists());
    let after: Vec<Vec<u8>> = hot.files.iter().map(bytes).collect();
    assert_eq!(before, after);
    assert!(
        hot.files
            .iter()
            .all(|file| !matches!(file.content, Content::In(_) | Content::Path(_)))
    );
}

#[test]
fn inside_the_process_it_is_the_image_of_a_handle() {
    use stonekeep::image::{ImageSource, NoHost};
    let (_directory, database) = database(DatabaseBuilder::new());
    let source = Directory::new(database.path(), SourceKind::InProcess);
    let capture = source.capture(&mut NoHost, &stonekeep::Quiet).unwrap();
    assert_eq!(capture.image().kind, CaptureKind::Handle);
    fs::remove_file(database.path().join("LOCK")).unwrap();
    assert!(
        source.capture(&mut NoHost, &stonekeep::Quiet).is_ok(),
        "nobody asks it"
    );
    assert_eq!(file(capture.image(), "CURRENT").size_bytes, 16);
}
