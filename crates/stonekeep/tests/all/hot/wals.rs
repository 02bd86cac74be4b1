//! What a hot image has of the WALs: whole records of a log without a hole, or nothing.

use std::fs::{self, File};
use std::path::Path;

use stonekeep::image::hot::Step;
use stonekeep::image::{DatabaseImage, Directory, ImageSource, NoHost, SourceKind};
use stonekeep::{Error, ErrorKind, Quiet, WarningName};
use stonekeep_format::log::PredecessorWal;
use stonekeep_format::manifest::{VersionEdit, WalAddition};
use stonekeep_format::{FileNumber, SequenceNumber};
use stonekeep_format_testkit::log::LogBuilder;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::hot::scene::{When, Writer, hot_image, rounds, watched};
use crate::image::capture::{append, bytes, database, file, names, warnings};

/// The WALs of an image with their lengths.
fn wals(image: &DatabaseImage) -> Vec<(String, u64)> {
    let wals = image
        .files
        .iter()
        .filter(|file| file.name.to_string().ends_with(".log"));
    wals.map(|file| (file.name.to_string(), file.size_bytes))
        .collect()
}

fn name(number: FileNumber) -> String {
    format!("{:06}.log", number.0)
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

fn refusal(source: &Directory) -> Error {
    source.capture(&mut NoHost, &Quiet).map(|_| ()).unwrap_err()
}

/// Two WALs with data and an empty one; the numbers of all three.
fn three_wals(builder: DatabaseBuilder) -> (tempfile::TempDir, FakeDatabase, [FileNumber; 3]) {
    let (directory, mut database) = database(builder);
    let first = database.wal_number();
    database.write(10);
    let second = database.switch_wal();
    database.write(20);
    let third = database.switch_wal();
    (directory, database, [first, second, third])
}

/// A batch with one key.
fn batch(sequence: u64) -> Vec<u8> {
    let mut batch = sequence.to_le_bytes().to_vec();
    batch.extend(1u32.to_le_bytes());
    batch.extend([1, 1, b'k', 1, b'v']);
    batch
}

/// A log with these batches.
fn log(mut writer: LogBuilder, sequences: impl IntoIterator<Item = u64>) -> Vec<u8> {
    for sequence in sequences {
        writer.write(&batch(sequence));
    }
    writer.take_bytes()
}

#[test]
fn a_torn_tail_is_cut_off() {
    let (_directory, mut database, [_, second, third]) = three_wals(DatabaseBuilder::new());
    let whole = length(&database.wal_path(second));
    append(&database.wal_path(second), b"torn in the middle of it");
    let image = hot_image(database.path());
    assert_eq!(wals(&image)[1..], [(name(second), whole), (name(third), 0)]);
    assert_eq!(image.live.unwrap().wal_bytes_trimmed, 24);
    assert_eq!(image.sequence_number, SequenceNumber(30));
    assert!(image.warnings.is_empty(), "{:?}", image.warnings);
    database.write(1);
    assert_eq!(database.sequence_number(), SequenceNumber(31));
    let error = refusal(&Directory::new(database.path(), SourceKind::Hot));
    assert_eq!(
        error.findings().len(),
        1,
        "no more writes go to the second: {error}"
    );
}

#[test]
fn a_torn_older_wal_is_looked_at_again_and_refused() {
    let (_directory, mut database, [_, second, _]) = three_wals(DatabaseBuilder::new());
    database.write(1);
    let whole = fs::read(database.wal_path(second)).unwrap();
    fs::write(database.wal_path(second), &whole[..whole.len() - 3]).unwrap();
    let watched = watched(Writer::of(database));
    let error = watched.refusal();
    assert_eq!(
        (error.kind(), watched.times(Step::ScanWals)),
        (ErrorKind::Corrupt, 5)
    );
    assert!(
        error.to_string().contains("though newer WALs hold data"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("forced"));

    let forced = watched.with(|source| source.forced(true));
    let (image, _) = forced.image();
    assert_eq!(bytes(file(&image, &name(second))), &whole[..whole.len() - 3]);
    let told = warnings(&image, &name(second));
    assert!(
        told.len() == 1 && told[0].contains("captured as it is"),
        "{told:?}"
    );
}

#[test]
fn a_write_that_is_under_way_is_waited_for() {
    let (_directory, mut database, [_, second, _]) = three_wals(DatabaseBuilder::new());
    database.write(1);
    let path = database.wal_path(second);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    let writer = Writer::of(database).before(Step::ScanWals, When::Time(3), move |_| {
        append(&path, &whole[whole.len() - 3..]);
    });
    let (image, moment) = watched(writer).image();
    assert_eq!((rounds(&image), moment), (4, 1));
}

#[test]
fn damage_in_the_newest_wal_is_no_torn_tail() {
    let (_directory, database, [_, second, _]) = three_wals(DatabaseBuilder::new());
    crate::image::capture::flip(&database.wal_path(second), 30);
    let error = refusal(&Directory::new(database.path(), SourceKind::Hot));
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("wrong checksum"), "{error}");
}

#[test]
fn a_wal_that_only_speaks_of_itself_is_cut_to_nothing() {
    let (_directory, database, [_, second, third]) = three_wals(DatabaseBuilder::new());
    let mut writer = LogBuilder::new();
    // With manual_wal_flush, the one before still has data in its buffer.
    writer.predecessor_wal(&PredecessorWal {
        number: second,
        size_bytes: length(&database.wal_path(second)) + 4_000,
        last_sequence: SequenceNumber(99),
    });
    append(&database.wal_path(third), &writer.take_bytes());
    let image = hot_image(database.path());
    assert_eq!(wals(&image)[2], (name(third), 0));
    assert_eq!(
        image.live.unwrap().wal_bytes_trimmed,
        length(&database.wal_path(third))
    );

    append(&database.wal_path(third), &log(LogBuilder::new(), [31]));
    let error = refusal(&Directory::new(database.path(), SourceKind::Hot));
    assert!(
        error.to_string().contains(&format!("{}: ", name(second))),
        "{error}"
    );
    assert!(error.to_string().contains("says"), "{error}");
}

#[test]
fn a_wal_that_is_made_while_they_are_listed_is_left_out() {
    for (time, moment) in [(1, 1), (2, 0)] {
        let (_directory, database, _) = three_wals(DatabaseBuilder::new());
        let writer = Writer::of(database).before(Step::ListWals, When::Time(time), |database| {
            database.write(3);
            database.switch_wal();
            database.write(5);
        });
        let (image, shown) = match time {
            1 => watched(writer).image(),
            // Of the newest that was there the data is taken, so this is between the moments.
            _ => {
                let watched = watched(writer);
                let image = watched.try_capture_for(&mut NoHost).unwrap().image().clone();
                (image, 0)
            }
        };
        assert_eq!((rounds(&image), shown), (1, moment));
        let expected = if time == 1 { 38 } else { 33 };
        assert_eq!(image.sequence_number, SequenceNumber(expected));
        assert_eq!(wals(&image).len(), if time == 1 { 4 } else { 3 });
    }
}

#[test]
fn lengths_are_taken_newest_first() {
    let (_directory, mut database, _) = three_wals(DatabaseBuilder::new());
    database.write(2);
    // Between the newest and the one before: it is in nothing that was measured.
    let writer = Writer::of(database).before(Step::MeasureWal, When::Time(2), |database| database.write(7));
    let (image, moment) = watched(writer).image();
    assert_eq!((image.sequence_number, moment), (SequenceNumber(32), 0));
}

#[test]
fn a_wal_that_vanishes_before_it_is_opened_takes_another_round() {
    let (_directory, mut database, _) = three_wals(DatabaseBuilder::new());
    database.write(1);
    let writer = Writer::of(database).before(Step::OpenFile, When::Time(1), |database| database.flush(3_000));
    let (image, moment) = watched(writer).image();
    assert_eq!((rounds(&image), moment), (2, 1));
}

#[test]
fn tracked_wals_must_have_what_was_synced() {
    let (_directory, mut database, [first, second, _]) = three_wals(DatabaseBuilder::new().track_wals());
    let image = hot_image(database.path());
    assert_eq!(wals(&image).len(), 3);
    database.apply(VersionEdit {
        wal_additions: vec![WalAddition {
            number: second,
            synced_size_bytes: Some(length(&database.wal_path(second)) + 1),
        }],
        ..VersionEdit::default()
    });
    let error = refusal(&Directory::new(database.path(), SourceKind::Hot));
    assert!(
        error.to_string().contains("were durable by the MANIFEST"),
        "{error}"
    );
    fs::remove_file(database.wal_path(first)).unwrap();
    let error = refusal(&Directory::new(database.path(), SourceKind::Hot));
    assert!(error.to_string().contains("2 findings"), "{error}");
}

#[test]
fn a_wal_without_data_that_was_synced_is_kept() {
    let (_directory, mut database, [_, _, third]) = three_wals(DatabaseBuilder::new().track_wals());
    let mut writer = LogBuilder::new();
    writer.set_compression(7);
    append(&database.wal_path(third), &writer.take_bytes());
    let synced = length(&database.wal_path(third));
    database.apply(VersionEdit {
        wal_additions: vec![WalAddition {
            number: third,
            synced_size_bytes: Some(synced),
        }],
        ..VersionEdit::default()
    });
    assert_eq!(wals(&hot_image(database.path()))[2], (name(third), synced));
}

#[test]
fn a_database_without_any_wal_is_refused() {
    let (_directory, database) = database(DatabaseBuilder::new());
    fs::remove_file(database.wal_path(database.wal_number())).unwrap();
    let error = refusal(&Directory::new(database.path(), SourceKind::Hot));
    assert!(error.to_string().contains("it has no WAL"), "{error}");
    let forced = Directory::new(database.path(), SourceKind::Hot).forced(true);
    let capture = forced.capture(&mut NoHost, &Quiet).unwrap();
    assert!(warnings(capture.image(), "db")[0].contains("it has no WAL"));
}

#[test]
fn wals_in_a_directory_of_their_own_are_found_by_options() {
    let directory = tempfile::tempdir().unwrap();
    let wal_dir = directory.path().join("wals");
    let mut database = DatabaseBuilder::new()
        .wal_dir(&wal_dir)
        .create(&directory.path().join("db"));
    database.write(4);
    let image = hot_image(database.path());
    assert_eq!(image.wal_dir.as_deref(), Some(wal_dir.as_path()));
    assert_eq!(image.sequence_number, SequenceNumber(4));

    // Somebody else's leftovers beside the database: it is known to be open, but not where it writes.
    File::create(database.path().join(name(FileNumber(9)))).unwrap();
    let error = refusal(&Directory::new(database.path(), SourceKind::Hot));
    assert!(error.hint().unwrap().contains("wal_dir is"), "{error}");
    let told = Directory::new(database.path(), SourceKind::Hot).with_wal_dir(Some(wal_dir.clone()));
    let capture = told.capture(&mut NoHost, &Quiet).unwrap();
    assert_eq!(names(capture.image()), names(&image));
    fs::remove_dir_all(wal_dir).unwrap();
    fs::remove_file(database.path().join(name(FileNumber(9)))).unwrap();
    let error = refusal(&Directory::new(database.path(), SourceKind::Hot));
    assert!(
        error.to_string().contains("there is no such directory"),
        "{error}"
    );
}

#[test]
fn a_wal_buffer_that_is_not_captured_is_warned_of() {
    let builder = DatabaseBuilder::new().database_option("manual_wal_flush", "true");
    let (_directory, mut database) = database(builder);
    database.write(3);
    let warnings = hot_image(database.path()).warnings;
    let names: Vec<_> = warnings.iter().map(|warning| warning.name).collect();
    assert_eq!(names, [WarningName::ManualWalFlush]);
}
