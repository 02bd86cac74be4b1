//! Images of an open database that tells its files, whatever it does meanwhile.

use std::fs;
use std::sync::Arc;

use stonekeep::image::handle::{Memtables, OpenDatabase};
use stonekeep::image::{CaptureKind, ClosingRule, Content, ImageFile, ImageSource, NoHost};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_format::ColumnFamilyId;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::handle::scene::{Host, Telling};
use crate::image::capture::{append, bytes, database, file, usual};

/// One that does something after an answer. The first look is before deletions are disabled, the second one after.
fn after(
    answer: u32,
    mut deed: impl FnMut(&mut FakeDatabase) + Send + 'static,
) -> (tempfile::TempDir, Arc<Telling>) {
    let (directory, database) = usual(DatabaseBuilder::new().column_family("one"));
    let telling = Telling::new(database, move |number, database| {
        if number == answer {
            deed(database);
        }
    });
    (directory, Arc::new(telling))
}

/// Captures, and gives the rounds and the answer that the image shows.
fn outcome(telling: &Arc<Telling>) -> (u64, usize) {
    let capture = telling.capture(&mut Host::default()).unwrap();
    capture.confirm().unwrap();
    let shown = telling
        .shown(capture.as_ref())
        .expect("the image is none of the states that were told");
    assert!(telling.end().0, "deletions are disabled");
    (capture.image().live.unwrap().rounds, shown)
}

#[test]
fn the_image_contains_the_reported_live_files() {
    let (_directory, telling) = after(0, |_| {});
    let capture = telling.capture(&mut Host::default()).unwrap();
    let image = capture.image();
    assert_eq!((image.kind, image.wal_dir.as_ref()), (CaptureKind::Handle, None));
    let live = image.live.unwrap();
    assert_eq!(
        (live.rule, live.rounds, live.wal_bytes_trimmed),
        (ClosingRule::DeletionsDisabled, 1, 0)
    );
    assert!(image.warnings.is_empty(), "{:?}", image.warnings);
    assert_eq!(outcome(&telling), (1, 4));
}

#[test]
fn what_is_written_after_the_answer_is_not_in_the_image() {
    let (_directory, telling) = after(2, |database| database.write(7));
    assert_eq!(outcome(&telling), (1, 2));
}

#[test]
fn flushes_and_compactions_after_the_answer_change_nothing() {
    let (_directory, telling) = after(2, |database| database.flush(2_000));
    assert_eq!(outcome(&telling), (1, 2));
    let (_directory, telling) = after(2, |database| _ = database.compact());
    assert_eq!(outcome(&telling), (1, 2));
}

#[test]
fn what_changes_the_database_beside_its_wals_means_another_look() {
    let (_directory, telling) = after(2, |database| _ = database.create_column_family("more"));
    assert_eq!(outcome(&telling), (2, 3));
    let (_directory, telling) = after(2, |database| database.drop_column_family(ColumnFamilyId(1)));
    assert_eq!(outcome(&telling), (2, 3));
    // A table that no flush and no compaction made was ingested.
    let (_directory, telling) = after(2, |database| _ = database.add_tables(1, 3_000));
    assert_eq!(outcome(&telling), (2, 3));
    let (_directory, telling) = after(2, FakeDatabase::roll_manifest);
    assert_eq!(outcome(&telling), (2, 3));
}

#[test]
fn a_manifest_that_is_gone_before_it_is_opened_is_asked_for_again() {
    let (_directory, telling) = after(1, FakeDatabase::roll_manifest);
    assert_eq!(outcome(&telling), (1, 3));
}

#[test]
fn column_families_that_come_without_end_are_given_up() {
    let (_directory, database) = usual(DatabaseBuilder::new());
    let telling = Telling::new(database, |number, database| {
        database.create_column_family(&format!("family {number}"));
    });
    let telling = Arc::new(telling);
    let error = telling.capture(&mut Host::default()).err().unwrap();
    assert!(error.is_source_changed(), "{error:?}");
    assert!(telling.end().0);
}

#[test]
fn an_error_of_any_call_enables_deletions_again() {
    for call in 1.. {
        let (_directory, database) = usual(DatabaseBuilder::new());
        let telling = Arc::new(Telling::new(database, |_, _| {}).failing(call));
        let outcome = telling.capture(&mut Host::default());
        let (enabled, calls) = telling.end();
        assert!(enabled, "after an error of call {call}");
        if calls < call {
            assert!(outcome.is_ok());
            return;
        }
        // That deletions could not be enabled again is no error of a backup that is whole.
        assert_eq!(outcome.is_err(), call < 4, "call {call}");
    }
}

#[test]
fn without_a_retry_deletions_stay_disabled_during_the_attempt() {
    let (_directory, telling) = after(0, |_| {});
    let source = OpenDatabase::new(telling.path(), telling.clone());
    let capture = source.capture(&mut NoHost, &Quiet).unwrap();
    let is_open = |file: &&ImageFile| matches!(file.content, Content::Open { .. });
    let tables = capture.image().files.iter().filter(|file| file.table.is_some());
    assert_eq!(tables.filter(is_open).count(), 0);
    assert!(!telling.end().0);
    drop(source);
    assert!(telling.end().0);
}

#[test]
fn a_database_that_lists_its_files_only_after_a_flush_needs_the_option() {
    let (_directory, database) = usual(DatabaseBuilder::new());
    let telling = Arc::new(Telling::new(database, |_, _| {}).wanting_a_flush());
    let error = telling.capture(&mut Host::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.hint().unwrap().contains("flush_before_backup"), "{error:?}");
    telling.capture(&mut Host { flushes: true }).unwrap();
    assert_eq!(telling.answers(), [Memtables::Flush; 2]);
}

#[test]
fn memtables_are_flushed_before_deletions_are_disabled() {
    let (_directory, telling) = after(0, |_| {});
    telling.capture(&mut Host { flushes: true }).unwrap();
    assert_eq!(telling.answers(), [Memtables::Flush, Memtables::Keep]);
}

#[test]
fn a_recycled_wal_is_read_at_once() {
    let builder = DatabaseBuilder::new().database_option("recycle_log_file_num", "4");
    let (_directory, database) = usual(builder);
    let wal = database.wal_path(database.wal_number());
    let before = fs::read(&wal).unwrap();
    let name = wal.file_name().unwrap().to_str().unwrap().to_owned();
    let telling = Arc::new(Telling::new(database, |_, _| {}));
    let capture = telling.capture(&mut Host::default()).unwrap();
    fs::write(&wal, vec![b'x'; before.len()]).unwrap();
    assert_eq!(bytes(file(capture.image(), &name)), before);
}

#[test]
fn what_a_crash_left_in_an_older_wal_stays_as_it_is() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.write(3);
    let older = database.wal_path(database.wal_number());
    append(&older, b"torn");
    database.switch_wal();
    database.write(3);
    append(&database.wal_path(database.wal_number()), b"being written");
    let name = older.file_name().unwrap().to_str().unwrap().to_owned();
    let telling = Arc::new(Telling::new(database, |_, _| {}));
    let capture = telling.capture(&mut Host::default()).unwrap();
    let image = capture.image();
    assert_eq!(bytes(file(image, &name)), fs::read(&older).unwrap());
    assert_eq!(
        image.live.unwrap().wal_bytes_trimmed,
        "being written".len() as u64
    );
    assert_eq!(image.warnings.len(), 1, "{:?}", image.warnings);
    assert!(
        image.warnings[0].message.contains("as it is"),
        "{:?}",
        image.warnings
    );
}

#[test]
fn a_table_that_is_missing_is_found() {
    let (_directory, mut database) = usual(DatabaseBuilder::new());
    let table = database.add_tables(1, 3_000)[0];
    fs::remove_file(database.table_path(table, 0)).unwrap();
    let telling = Arc::new(Telling::new(database, |_, _| {}));
    let error = telling.capture(&mut Host::default()).err().unwrap();
    assert_eq!(
        (error.kind(), error.hint()),
        (ErrorKind::Corrupt, None),
        "{error:?}"
    );
}
