//! WALs that are written over when nobody needs them any more: a hot image has the bytes that they had.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use stonekeep::image::hot::Step;
use stonekeep::image::{Content, DatabaseImage, Directory, ImageSource, NoHost, SourceKind};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_format::manifest::VersionEdit;
use stonekeep_format::{FileNumber, SequenceNumber};
use stonekeep_format_testkit::log::LogBuilder;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::hot::scene::{When, Writer, hot_image, rounds, watched};
use crate::image::capture::{bytes, database, file};

fn name(number: FileNumber) -> String {
    format!("{:06}.log", number.0)
}

/// A recyclable log of this number with batches of these sequence numbers, each with a value of so many bytes.
fn log(number: FileNumber, sequences: impl IntoIterator<Item = u64>, value_bytes: u8) -> Vec<u8> {
    let mut writer = LogBuilder::recyclable(number);
    for sequence in sequences {
        let mut batch = sequence.to_le_bytes().to_vec();
        batch.extend(1u32.to_le_bytes());
        batch.extend([1, 1, b'k', value_bytes]);
        batch.extend(vec![b'v'; value_bytes.into()]);
        writer.write(&batch);
    }
    writer.take_bytes()
}

/// A database with two recycled WALs that hold data and end in an older log, and their numbers.
fn recycled() -> (tempfile::TempDir, FakeDatabase, [FileNumber; 2]) {
    let (directory, mut database) = database(DatabaseBuilder::new());
    let older = database.wal_number();
    let newer = database.switch_wal();
    let stale = log(FileNumber(1), 1..200, 100);
    for (number, sequences) in [(older, 1000..1020), (newer, 1020..1025)] {
        let mut bytes = log(number, sequences, 30);
        bytes.extend(&stale[bytes.len()..]);
        fs::write(database.wal_path(number), bytes).unwrap();
    }
    (directory, database, [older, newer])
}

/// Lets the oldest WAL go and reuses it, as RocksDB does: the name first, then the bytes.
fn recycle(database: &mut FakeDatabase) {
    let gone = FileNumber(2);
    let log_number = Some(FileNumber(gone.0 + 1));
    database.apply(VersionEdit {
        log_number,
        min_log_number_to_keep: log_number,
        ..VersionEdit::default()
    });
    let number = database.take_number();
    fs::rename(database.wal_path(gone), database.wal_path(number)).unwrap();
    let file = File::options()
        .write(true)
        .open(database.wal_path(number))
        .unwrap();
    file.write_all_at(&log(number, 1025..1030, 30), 0).unwrap();
}

/// Whether all WALs of the image are logs without any stale end; the last sequence number is in them.
fn assert_trimmed(image: &DatabaseImage, expected: &[(FileNumber, std::ops::Range<u64>)]) {
    let wals = image
        .files
        .iter()
        .filter(|file| file.name.to_string().ends_with(".log"));
    assert_eq!(wals.count(), expected.len());
    for (number, sequences) in expected {
        let wal = file(image, &name(*number));
        assert_eq!(bytes(wal), log(*number, sequences.clone(), 30), "{number}");
    }
}

#[test]
fn recycled_wals_are_read_at_once_and_end_where_the_older_log_begins() {
    let (_directory, database, [older, newer]) = recycled();
    let image = hot_image(database.path());
    assert_trimmed(&image, &[(older, 1000..1020), (newer, 1020..1025)]);
    assert_eq!(image.sequence_number, SequenceNumber(1024));
    let all: u64 = [older, newer]
        .iter()
        .map(|number| fs::metadata(database.wal_path(*number)).unwrap().len())
        .sum();
    let kept = file(&image, &name(older)).size_bytes + file(&image, &name(newer)).size_bytes;
    assert_eq!(image.live.unwrap().wal_bytes_trimmed, all - kept);
    // Whatever happens to the files later.
    for number in [older, newer] {
        assert!(matches!(file(&image, &name(number)).content, Content::Bytes(_)));
        fs::write(database.wal_path(number), b"").unwrap();
    }
    assert_trimmed(&image, &[(older, 1000..1020), (newer, 1020..1025)]);
}

#[test]
fn a_wal_that_is_reused_during_the_capture_needs_another_round() {
    let steps = [
        (Step::ListWals, 1),
        (Step::ListWals, 2),
        (Step::OpenFile, 1),
        (Step::OpenFile, 2),
        (Step::MeasureWal, 1),
        (Step::MeasureWal, 2),
        (Step::Close, 1),
    ];
    for (step, time) in steps {
        let (_directory, database, [_, newer]) = recycled();
        let writer = Writer::of(database).before(step, When::Time(time), recycle);
        let watched = watched(writer);
        let capture = watched.try_capture_for(&mut NoHost).unwrap();
        let image = capture.image();
        assert_eq!(rounds(image), 2, "{step:?} {time}");
        let reused = FileNumber(5);
        assert_trimmed(image, &[(newer, 1020..1025), (reused, 1025..1030)]);
    }
}

#[test]
fn a_wal_that_is_reused_after_the_last_look_is_captured_as_it_was() {
    for (step, time) in [(Step::CheckRecycled, 1), (Step::ScanWals, 1)] {
        let (_directory, database, [older, newer]) = recycled();
        let reuse = |database: &mut FakeDatabase| {
            let bytes = log(FileNumber(9), 1..5, 30);
            let file = File::options()
                .write(true)
                .open(database.wal_path(FileNumber(2)))
                .unwrap();
            file.write_all_at(&bytes, 0).unwrap();
        };
        // The check is about names; the bytes were read before it.
        let writer = Writer::of(database).before(step, When::Time(time), reuse);
        let watched = watched(writer);
        let capture = watched.try_capture_for(&mut NoHost).unwrap();
        assert_trimmed(capture.image(), &[(older, 1000..1020), (newer, 1020..1025)]);
    }
}

#[test]
fn a_recycled_wal_that_is_renamed_before_the_second_look_needs_another_round() {
    let (_directory, database, [_, newer]) = recycled();
    let writer = Writer::of(database).before(Step::CheckRecycled, When::Time(1), recycle);
    let watched = watched(writer);
    let capture = watched.try_capture_for(&mut NoHost).unwrap();
    assert_eq!(rounds(capture.image()), 2);
    assert_trimmed(
        capture.image(),
        &[(newer, 1020..1025), (FileNumber(5), 1025..1030)],
    );
}

#[test]
fn a_recycled_wal_without_further_writes_is_read_once() {
    let (_directory, database, [older, newer]) = recycled();
    let path = database.wal_path(older);
    let writer = Writer::of(database).before(Step::Close, When::Time(1), move |database| {
        database.add_tables(1, 3_000);
        // No writer does this; it shows where the bytes come from.
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(&log(older, 1..2, 30), 0).unwrap();
    });
    let watched = watched(writer);
    let capture = watched.try_capture_for(&mut NoHost).unwrap();
    assert_eq!(rounds(capture.image()), 2);
    assert_trimmed(capture.image(), &[(older, 1000..1020), (newer, 1020..1025)]);
}

#[test]
fn a_wal_that_was_only_renamed_is_empty() {
    let (_directory, mut database, [older, newer]) = recycled();
    let number = database.take_number();
    fs::write(database.wal_path(number), log(FileNumber(1), 1..50, 100)).unwrap();
    let image = hot_image(database.path());
    assert_trimmed(
        &image,
        &[(older, 1000..1020), (newer, 1020..1025), (number, 0..0)],
    );
    assert!(image.warnings.is_empty(), "{:?}", image.warnings);
}

#[test]
fn the_first_write_into_a_renamed_wal_is_waited_for() {
    let (_directory, mut database, [older, newer]) = recycled();
    let number = database.take_number();
    // The header is there, the rest not yet.
    let mut half = log(number, 1025..1026, 30);
    let whole = half.clone();
    half.truncate(11);
    half.extend([0xee; 60]);
    let path = database.wal_path(number);
    fs::write(&path, half).unwrap();
    let writer = Writer::of(database).before(Step::ScanWals, When::Time(2), move |_| {
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(&whole, 0).unwrap();
    });
    let watched = watched(writer);
    let capture = watched.try_capture_for(&mut NoHost).unwrap();
    assert_eq!(rounds(capture.image()), 3);
    let expected = [(older, 1000..1020), (newer, 1020..1025), (number, 1025..1026)];
    assert_trimmed(capture.image(), &expected);
}

#[test]
fn all_are_read_at_once_if_options_recycle_them() {
    let builder = DatabaseBuilder::new().database_option("recycle_log_file_num", "2");
    let (_directory, mut database) = database(builder);
    // A WAL of the time before that setting may be reused, too.
    database.write(4);
    let image = hot_image(database.path());
    let wal = file(&image, &name(database.wal_number()));
    assert!(matches!(wal.content, Content::Bytes(_)), "{wal:?}");
    assert_eq!(
        bytes(wal),
        fs::read(database.wal_path(database.wal_number())).unwrap()
    );
}

#[test]
fn large_ones_go_to_a_temporary_file() {
    let (_directory, database, [older, newer]) = recycled();
    let count = 120_000;
    fs::write(database.wal_path(newer), log(newer, 1020..1020 + count, 127)).unwrap();
    let image = hot_image(database.path());
    assert!(matches!(file(&image, &name(older)).content, Content::Bytes(_)));
    let large = file(&image, &name(newer));
    assert!(large.size_bytes > 16 << 20);
    assert!(matches!(large.content, Content::Open { .. }));
    let whole = fs::read(database.wal_path(newer)).unwrap();
    fs::write(database.wal_path(newer), b"").unwrap();
    assert!(bytes(large) == whole);
    assert_eq!(image.sequence_number, SequenceNumber(1020 + count - 1));
}

#[test]
fn the_middle_of_a_record_is_no_end_of_an_older_one() {
    let (_directory, database, [older, _]) = recycled();
    // Two blocks of one batch, the second of which was never written.
    let mut writer = LogBuilder::recyclable(older);
    writer.write(&vec![1; 50_000]);
    let mut bytes = writer.take_bytes();
    bytes.truncate(32 << 10);
    bytes.extend(log(FileNumber(1), 1..300, 100));
    fs::write(database.wal_path(older), bytes).unwrap();
    let source = Directory::new(database.path(), SourceKind::Hot);
    let error = source.capture(&mut NoHost, &Quiet).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.to_string().contains("incomplete record at byte 0"),
        "{error}"
    );
}
