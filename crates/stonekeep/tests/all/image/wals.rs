//! Which WALs belong to an image, and what is read in them.

use std::fs;

use stonekeep::ErrorKind;
use stonekeep_format::log::PredecessorWal;
use stonekeep_format::manifest::VersionEdit;
use stonekeep_format::{FileNumber, SequenceNumber};
use stonekeep_format_testkit::log::LogBuilder;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::image::capture::{
    append, bytes, cut, database, file, flip, image, refusal, surplus, wals, warnings,
};

fn name(number: FileNumber) -> String {
    format!("{:06}.log", number.0)
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

#[test]
fn needed_wals_are_taken_empty_ones_too_and_obsolete_ones_left() {
    let (_directory, mut database, numbers) = three_wals(DatabaseBuilder::new());
    assert_eq!(wals(&image(database.path())), numbers.map(name));
    database.flush(3_000);
    database.write(3);
    fs::write(database.wal_path(numbers[1]), b"obsolete").unwrap();
    let image = image(database.path());
    assert_eq!(wals(&image), [name(database.wal_number())]);
    assert_eq!(surplus(&image), [name(numbers[1])]);
}

#[test]
fn prepared_transactions_keep_wals_below_every_column_family() {
    let (_directory, mut database, [first, second, third]) = three_wals(DatabaseBuilder::new());
    database.apply(VersionEdit {
        log_number: Some(third),
        min_log_number_to_keep: Some(second),
        ..VersionEdit::default()
    });
    let image = image(database.path());
    assert_eq!(wals(&image), [name(second), name(third)]);
    assert_eq!(surplus(&image), [name(first)]);
}

#[test]
fn the_sequence_number_is_that_of_the_last_batch_or_of_the_manifest() {
    let (_directory, mut database, _) = three_wals(DatabaseBuilder::new());
    assert_eq!(image(database.path()).sequence_number, SequenceNumber(30));
    database.add_tables(1, 3_000);
    assert_eq!(image(database.path()).sequence_number, SequenceNumber(40));
    database.write(2);
    assert_eq!(image(database.path()).sequence_number, SequenceNumber(42));
    // The last batch torn off, as after a crash.
    cut(&database.wal_path(database.wal_number()), 1);
    let torn = image(database.path());
    assert_eq!(torn.sequence_number, SequenceNumber(40));
    assert!(torn.warnings.is_empty(), "{:?}", torn.warnings);
}

#[test]
fn a_torn_tail_is_taken_as_it_is_and_warned_of_in_an_older_wal() {
    let (_directory, database, [first, second, _]) = three_wals(DatabaseBuilder::new());
    for number in [first, second] {
        append(&database.wal_path(number), b"torn");
    }
    let image = image(database.path());
    for number in [first, second] {
        let on_disk = fs::read(database.wal_path(number)).unwrap();
        assert!(on_disk.ends_with(b"torn"));
        assert_eq!(bytes(file(&image, &name(number))), on_disk);
    }
    let told = warnings(&image, &name(first));
    assert!(
        told.len() == 1 && told[0].contains("newer WALs hold data"),
        "{told:?}"
    );
    // The newest with data: what comes after it is empty.
    assert_eq!(warnings(&image, &name(second)), Vec::<String>::new());
}

#[test]
fn damage_in_a_wal_is_warned_of_wherever_it_is() {
    let (_directory, database, [_, second, third]) = three_wals(DatabaseBuilder::new());
    flip(&database.wal_path(second), 20);
    let image = image(database.path());
    let told = warnings(&image, &name(second));
    assert!(told.len() == 1 && told[0].contains("wrong checksum"), "{told:?}");
    assert_eq!(wals(&image).last(), Some(&name(third)));
    assert_eq!(image.sequence_number, SequenceNumber(10));
}

#[test]
fn a_reused_wal_keeps_the_tail_of_the_older_log() {
    let (_directory, mut database, _) = three_wals(DatabaseBuilder::new());
    let number = database.wal_number();
    let old = {
        let mut writer = LogBuilder::recyclable(FileNumber(1));
        writer.write(&[7; 500]);
        writer.take_bytes()
    };
    fs::write(database.wal_path(number), &old).unwrap();
    let reused = image(database.path());
    assert_eq!(bytes(file(&reused, &name(number))), old);
    assert!(reused.warnings.is_empty(), "{:?}", reused.warnings);
    assert_eq!(reused.sequence_number, SequenceNumber(30));
    database.switch_wal();
    database.write(1);
    let older = image(database.path());
    assert!(
        older.warnings.is_empty(),
        "an older one that ends in another log's records is complete"
    );
}

#[test]
fn a_batch_that_makes_no_sense_is_found() {
    let (_directory, database, [_, second, third]) = three_wals(DatabaseBuilder::new());
    let mut writer = LogBuilder::new();
    writer.write(b"no batch");
    append(&database.wal_path(third), &writer.take_bytes());
    fs::remove_file(database.path().join("OPTIONS-000003")).unwrap();
    cut(&database.wal_path(second), 1);
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.findings()[0].file.ends_with(&name(third)));
    assert!(
        error.findings()[0].reason.contains("WAL at byte"),
        "{:?}",
        error.findings()
    );
}

#[test]
fn tracked_wals_must_be_there_with_their_synced_size() {
    let (_directory, database, [first, second, third]) = three_wals(DatabaseBuilder::new().track_wals());
    let whole = image(database.path());
    assert!(whole.warnings.is_empty(), "{:?}", whole.warnings);
    cut(&database.wal_path(second), 5);
    fs::remove_file(database.wal_path(first)).unwrap();
    // Nothing says that any byte of the newest was durable.
    fs::remove_file(database.wal_path(third)).unwrap();
    let error = refusal(database.path());
    let found: Vec<_> = error
        .findings()
        .iter()
        .map(|finding| finding.to_string())
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].ends_with("it is missing, though the MANIFEST tracks it"));
    assert!(found[1].contains("were durable by the MANIFEST"));
}

#[test]
fn a_stale_entry_for_an_unneeded_wal_is_a_warning() {
    let builder = DatabaseBuilder::new()
        .track_wals()
        .database_option("track_and_verify_wals_in_manifest", "false");
    let (_directory, mut database, [first, second, third]) = three_wals(builder);
    database.apply(VersionEdit {
        log_number: Some(third),
        min_log_number_to_keep: Some(third),
        ..VersionEdit::default()
    });
    fs::remove_file(database.wal_path(first)).unwrap();
    let image = image(database.path());
    assert_eq!(wals(&image), [name(second), name(third)], "tracked, so taken");
    assert_eq!(warnings(&image, &name(first)).len(), 1);
}

/// A database whose newest WAL says this about the one before.
fn with_predecessor(
    predecessor: impl Fn(FileNumber, u64) -> PredecessorWal,
) -> (tempfile::TempDir, FakeDatabase) {
    let (directory, database, [_, second, third]) = three_wals(DatabaseBuilder::new());
    let size = fs::metadata(database.wal_path(second)).unwrap().len();
    let mut writer = LogBuilder::new();
    writer.predecessor_wal(&predecessor(second, size));
    append(&database.wal_path(third), &writer.take_bytes());
    (directory, database)
}

#[test]
fn a_wal_knows_the_one_before_it() {
    let fact = |number, size_bytes| PredecessorWal {
        number,
        size_bytes,
        last_sequence: SequenceNumber(11),
    };
    let (_directory, database) = with_predecessor(fact);
    assert!(image(database.path()).warnings.is_empty());

    let (_directory, database) = with_predecessor(|number, size| fact(number, size + 9));
    let image = image(database.path());
    assert_eq!(image.warnings.len(), 1, "{:?}", image.warnings);
    assert!(image.warnings[0].message.contains("bytes, where"));

    let (_directory, database) = with_predecessor(|number, size| fact(FileNumber(number.0 + 500), size));
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.findings()[0].reason.contains("follows it"),
        "{:?}",
        error.findings()
    );

    // Nobody needs what was before the second.
    let (_directory, mut database) = with_predecessor(|_, size| fact(FileNumber(1), size));
    assert_eq!(refusal(database.path()).kind(), ErrorKind::Corrupt);
    database.apply(VersionEdit {
        log_number: Some(FileNumber(2)),
        ..VersionEdit::default()
    });
    assert!(crate::image::capture::capture(database.path()).is_ok());
}

#[test]
fn no_wal_at_all_is_warned_of_where_rocksdb_wants_one() {
    let builder = DatabaseBuilder::new().database_option("track_and_verify_wals", "true");
    let (_directory, database) = database(builder);
    fs::remove_file(database.wal_path(database.wal_number())).unwrap();
    let told = warnings(&image(database.path()), "db");
    assert!(
        told.len() == 1 && told[0].contains("track_and_verify_wals"),
        "{told:?}"
    );
}
