//! What a writer may do between the steps of a hot capture: the image is one moment of the database all the same.

use std::fs;
use std::time::Duration;

use stonekeep::ErrorKind;
use stonekeep::image::ClosingRule;
use stonekeep::image::hot::Step;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::hot::scene::{Watched, When, Writer, rounds, watched};
use crate::image::capture::usual;

/// A writer who acts once, before the n-th time of a step.
fn once(
    step: Step,
    time: u64,
    act: impl Fn(&mut FakeDatabase) + Send + 'static,
) -> (tempfile::TempDir, Watched) {
    let (directory, database) = usual(DatabaseBuilder::new());
    (
        directory,
        watched(Writer::of(database).before(step, When::Time(time), act)),
    )
}

/// That the image shows the moment after the act, after two rounds.
fn takes_another_round(step: Step, time: u64, act: impl Fn(&mut FakeDatabase) + Send + 'static) {
    let (_directory, watched) = once(step, time, act);
    let (image, moment) = watched.image();
    assert_eq!((rounds(&image), moment), (2, 1), "{step:?} {time}");
    assert_eq!(image.live.unwrap().rule, ClosingRule::Strict);
}

#[test]
fn an_edit_in_the_window_takes_another_round() {
    let all = [
        (Step::ListWals, 1),
        (Step::ListWals, 2),
        (Step::MeasureWal, 1),
        (Step::MeasureWal, 2),
        (Step::Close, 1),
    ];
    for (step, time) in all {
        takes_another_round(step, time, |database| _ = database.add_tables(1, 3_000));
        takes_another_round(step, time, |database| _ = database.compact());
        takes_another_round(step, time, |database| _ = database.create_column_family("more"));
        takes_another_round(step, time, |database| database.roll_manifest());
        takes_another_round(step, time, |database| database.flush(3_000));
    }
}

#[test]
fn an_edit_while_files_are_opened_is_followed_in_the_same_round() {
    for time in 1..=6 {
        let (_directory, watched) = once(Step::OpenFile, time, |database| {
            database.compact();
            database.flush(3_000);
        });
        let (image, moment) = watched.image();
        let expected = if time <= 5 { 1 } else { 2 };
        assert_eq!((rounds(&image), moment), (expected, 1), "{time}");
    }
}

#[test]
fn edits_in_every_round_are_waited_out() {
    let (_directory, database) = usual(DatabaseBuilder::new());
    let writer = Writer::of(database).before(Step::Close, When::Always, |database| {
        if database.state().live_tables().count() < 40 {
            database.add_tables(1, 3_000);
        }
    });
    let strict = watched(writer);
    let (image, moment) = strict.image();
    assert_eq!((rounds(&image), moment as u64), (37, strict.times(Step::Close)));
}

#[test]
fn edits_at_every_look_do_not_keep_the_window_shut() {
    let (_directory, database) = usual(DatabaseBuilder::new());
    let writer = Writer::of(database).before(Step::ReadState, When::Always, |database| {
        database.add_tables(1, 3_000);
    });
    let watched = watched(writer);
    let (image, moment) = watched.image();
    assert_eq!(rounds(&image), 1);
    assert_eq!(moment as u64, watched.times(Step::ReadState));
}

#[test]
fn the_fallback_rule_accepts_edits_that_the_wals_contain() {
    let (_directory, database) = usual(DatabaseBuilder::new());
    let writer = Writer::of(database).before(Step::Close, When::Always, |database| _ = database.compact());
    let watched = watched(writer).with(|source| source.with_strict_limit(3, Duration::from_secs(600)));
    let (image, moment) = watched.image();
    assert_eq!((rounds(&image), moment), (4, 3));
    assert_eq!(image.live.unwrap().rule, ClosingRule::Fallback);
}

#[test]
fn without_the_closing_check_the_image_is_no_moment() {
    let (_directory, database) = usual(DatabaseBuilder::new());
    let writer = Writer::of(database).before(Step::ListWals, When::Time(1), |database| database.flush(3_000));
    let watched = watched(writer.without_closing_check());
    let capture = watched.try_capture_for(&mut stonekeep::image::NoHost).unwrap();
    assert_eq!(watched.moment_of(capture.image()), None, "the test can fail");
}

#[test]
fn a_missing_table_that_stays_in_the_manifest_is_damage() {
    let (_directory, watched) = once(Step::OpenFile, 1, |database| {
        fs::remove_file(database.path().join("000006.sst")).unwrap();
    });
    let error = watched.refusal();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error
            .to_string()
            .contains("000006.sst: it is missing, though the MANIFEST names it"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("db_paths"));
    assert_eq!(watched.times(Step::ListWals), 0);
}
