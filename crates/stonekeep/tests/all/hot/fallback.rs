//! When the strict rule never closes: which edits an image bears, and which it does not.

use std::fs;
use std::time::Duration;

use stonekeep::image::ClosingRule;
use stonekeep::image::hot::Step;
use stonekeep_format::ColumnFamilyId;
use stonekeep_format::manifest::{DeletedFile, VersionEdit};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase, added_again};

use crate::hot::scene::{Watched, When, Writer, rounds, watched};
use crate::image::capture::database;

/// A database with tables and two WALs with data, captured with the fallback rule allowed from the first round on; its
/// writer acts once, in the first window.
fn in_the_window(
    step: Step,
    time: u64,
    act: impl FnMut(&mut FakeDatabase) + Send + 'static,
) -> (tempfile::TempDir, Watched) {
    let (directory, mut database) = database(DatabaseBuilder::new());
    database.add_tables(3, 3_000);
    database.write(10);
    database.switch_wal();
    database.write(5);
    let writer = Writer::of(database).before(step, When::Time(time), act);
    let watched = watched(writer).with(|source| source.with_strict_limit(0, Duration::ZERO));
    (directory, watched)
}

/// The steps of the window of the first round: the fallback rule lists and opens all WALs before it.
const WINDOW: [(Step, u64); 4] = [
    (Step::ListWals, 3),
    (Step::ListWals, 4),
    (Step::MeasureWal, 1),
    (Step::Close, 1),
];

fn is_borne(act: impl FnMut(&mut FakeDatabase) + Send + Clone + 'static) {
    for (step, time) in WINDOW {
        let (_directory, watched) = in_the_window(step, time, act.clone());
        let (image, moment) = watched.image();
        assert_eq!((rounds(&image), moment), (1, 0), "{step:?} {time}");
        assert_eq!(image.live.unwrap().rule, ClosingRule::Fallback);
    }
}

fn takes_another_round(act: impl FnMut(&mut FakeDatabase) + Send + Clone + 'static) {
    for (step, time) in WINDOW {
        let (_directory, watched) = in_the_window(step, time, act.clone());
        let (image, moment) = watched.image();
        assert_eq!((rounds(&image), moment), (2, 1), "{step:?} {time}");
        assert_eq!(image.live.unwrap().rule, ClosingRule::Strict);
    }
}

/// An edit that brings the table that is made last, and takes these away.
fn bring(database: &mut FakeDatabase, epoch: Option<u64>, gone: &[u64]) {
    let number = database.add_tables(1, 3_000)[0];
    let family = &database.state().column_families()[&ColumnFamilyId::DEFAULT];
    let mut file = added_again(&family.tables[&number]);
    file.epoch_number = epoch;
    let fresh = database.take_number();
    fs::copy(database.table_path(number, 0), database.table_path(fresh, 0)).unwrap();
    file.number = fresh;
    let numbers = gone.iter().map(|number| stonekeep_format::FileNumber(*number));
    let deleted_files = numbers.map(|number| DeletedFile { level: 0, number }).collect();
    database.apply(VersionEdit {
        deleted_files,
        new_files: vec![file],
        ..VersionEdit::default()
    });
}

#[test]
fn compactions_and_flushes_of_opened_wals_need_no_further_round() {
    is_borne(|database| _ = database.compact());
    is_borne(|database| {
        database.compact();
        database.compact();
    });
    // What is in the WAL of this flush is in the WALs of the image as well.
    is_borne(|database| {
        let log_number = Some(database.wal_number());
        database.apply(VersionEdit {
            log_number,
            min_log_number_to_keep: log_number,
            ..VersionEdit::default()
        });
        fs::remove_file(database.wal_path(stonekeep_format::FileNumber(2))).unwrap();
    });
}

#[test]
fn column_families_that_come_and_go_take_another_round() {
    takes_another_round(|database| _ = database.create_column_family("new"));
    takes_another_round(|database| {
        let id = database.create_column_family("new");
        database.drop_column_family(id);
    });
}

#[test]
fn ingested_tables_take_another_round() {
    takes_another_round(|database| _ = database.add_tables(1, 3_000));
    // Ingestion in the place of a range.
    takes_another_round(|database| bring(database, Some(100), &[4]));
}

#[test]
fn wals_that_go_before_they_could_be_opened_take_another_round() {
    takes_another_round(|database| database.flush(3_000));
}

#[test]
fn another_manifest_takes_another_round() {
    takes_another_round(|database| database.roll_manifest());
}
