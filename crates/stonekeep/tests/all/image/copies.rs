//! Copies, snapshots and moved databases of which OPTIONS name the `wal_dir` of the original: whose WALs they get.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::image::{Directory, ImageSource, NoHost, SourceKind};
use stonekeep::{Error, ErrorKind, Quiet, WarningName};
use stonekeep_format::SequenceNumber;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::image::capture::{copy_files, image, refusal, wals, warning_names, write_out};

/// A database in `live/db` with its WALs in `live/wal`, and room for copies beside `live`.
struct Original {
    directory: tempfile::TempDir,
    database: FakeDatabase,
}

impl Original {
    fn with(builder: DatabaseBuilder) -> Original {
        let directory = tempfile::tempdir().unwrap();
        let live = directory.path().join("live");
        let mut database = builder.wal_dir(&live.join("wal")).create(&live.join("db"));
        database.write(10);
        Original { directory, database }
    }

    fn new() -> Original {
        Original::with(DatabaseBuilder::new())
    }

    /// One that has tables and WALs with data.
    fn flushed() -> Original {
        let mut original = Original::new();
        original.database.flush(3_000);
        original.database.write(5);
        original
    }

    /// A snapshot of both directories, in `snap`.
    fn snapshot(&self) -> PathBuf {
        let snapshot = self.directory.path().join("snap");
        copy_files(self.database.path(), &snapshot.join("db"));
        copy_files(self.database.wal_dir(), &snapshot.join("wal"));
        snapshot.join("db")
    }
}

fn with_wal_dir(database: &Path, wal_dir: &Path) -> SequenceNumber {
    let source = Directory::new(database, SourceKind::Closed).with_wal_dir(Some(wal_dir.to_owned()));
    let capture = source.capture(&mut NoHost, &Quiet).unwrap();
    capture.image().sequence_number
}

/// It is refused, and the hint names the WALs of the snapshot, which give its state.
#[track_caller]
fn is_refused(snapshot: &Path, sequence: SequenceNumber) -> Error {
    let error = refusal(snapshot);
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    let own = snapshot.with_file_name("wal");
    let option = format!("--wal-dir {}", own.display());
    assert!(error.hint().unwrap().contains(&option), "{:?}", error.hint());
    assert_eq!(with_wal_dir(snapshot, &own), sequence);
    error
}

#[test]
fn a_snapshot_does_not_get_the_wals_of_an_original_that_was_reopened() {
    for mut original in [Original::new(), Original::flushed()] {
        let snapshot = original.snapshot();
        let sequence = original.database.sequence_number();
        original.database.reopen();
        original.database.write(7);
        is_refused(&snapshot, sequence);
    }
}

#[test]
fn a_snapshot_does_not_get_what_was_appended_to_its_wals_since() {
    for mut original in [Original::new(), Original::flushed()] {
        let snapshot = original.snapshot();
        let sequence = original.database.sequence_number();
        original.database.write(7);
        let error = is_refused(&snapshot, sequence);
        assert!(error.to_string().contains("may have gone on"), "{error}");
    }
}

#[test]
fn a_snapshot_does_not_get_the_wals_of_an_original_that_was_flushed() {
    let mut original = Original::flushed();
    let snapshot = original.snapshot();
    let sequence = original.database.sequence_number();
    original.database.flush(3_000);
    is_refused(&snapshot, sequence);
}

#[test]
fn a_snapshot_does_not_get_the_wals_of_a_database_that_was_created_anew() {
    let original = Original::new();
    let snapshot = original.snapshot();
    let sequence = original.database.sequence_number();
    let live = original.directory.path().join("live");
    fs::remove_dir_all(&live).unwrap();
    let mut other = DatabaseBuilder::new()
        .wal_dir(&live.join("wal"))
        .create(&live.join("db"));
    other.write(3);
    assert_eq!(
        other.wal_number(),
        original.database.wal_number(),
        "the same number"
    );
    is_refused(&snapshot, sequence);
}

#[test]
fn a_snapshot_does_not_get_the_wals_of_an_original_that_is_gone() {
    for mut original in [Original::new(), Original::flushed()] {
        let snapshot = original.snapshot();
        let sequence = original.database.sequence_number();
        original.database.reopen();
        original.database.write(1);
        fs::remove_dir_all(original.database.path()).unwrap();
        is_refused(&snapshot, sequence);
    }
}

/// An application that gives relative paths leaves a relative one in `LOG`.
#[test]
fn a_relative_path_in_the_log_leads_to_the_original_too() {
    for spelt in ["live/db", "db"] {
        let mut original = Original::flushed();
        let log = original.database.path().join("LOG");
        fs::write(
            log,
            format!("1 SST files in {spelt} dir, Total Num: 0, files: \n"),
        )
        .unwrap();
        let snapshot = original.snapshot();
        let sequence = original.database.sequence_number();
        original.database.write(7);
        is_refused(&snapshot, sequence);
        let at_home = image(original.database.path());
        assert_eq!(at_home.sequence_number, original.database.sequence_number());
        assert_eq!(at_home.wal_dir.as_deref(), Some(original.database.wal_dir()));
    }
}

#[test]
fn a_database_that_was_moved_keeps_its_wals_if_they_are_proved_to_be_its_own() {
    let original = Original::flushed();
    let moved = original.directory.path().join("moved");
    fs::rename(original.database.path(), &moved).unwrap();
    let captured = image(&moved);
    assert_eq!(captured.wal_dir.as_deref(), Some(original.database.wal_dir()));
    assert_eq!(captured.sequence_number, original.database.sequence_number());
    assert!(captured.warnings.is_empty(), "{:?}", captured.warnings);

    // Without tables nothing proves it.
    let original = Original::new();
    let moved = original.directory.path().join("moved");
    fs::rename(original.database.path(), &moved).unwrap();
    let error = refusal(&moved);
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.hint().unwrap().contains("--wal-dir"), "{error:?}");
    assert_eq!(
        with_wal_dir(&moved, original.database.wal_dir()),
        original.database.sequence_number()
    );
}

#[test]
fn tracked_wals_are_a_proof_and_their_absence_is_no_proof() {
    let mut original = Original::with(DatabaseBuilder::new().track_wals());
    original.database.switch_wal();
    original.database.write(5);
    let moved = original.directory.path().join("moved");
    fs::rename(original.database.path(), &moved).unwrap();
    assert_eq!(image(&moved).sequence_number, SequenceNumber(15));
    let wal = original.database.wal_dir().join("000002.log");
    fs::OpenOptions::new()
        .write(true)
        .open(&wal)
        .unwrap()
        .set_len(7)
        .unwrap();
    let error = refusal(&moved);
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("tracks"), "{error}");
    // The caller's word is believed, but not against the MANIFEST.
    let source =
        Directory::new(&moved, SourceKind::Closed).with_wal_dir(Some(original.database.wal_dir().to_owned()));
    let error = source.capture(&mut NoHost, &Quiet).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[test]
fn a_copy_with_its_wals_at_home_has_them_whatever_the_original_does() {
    let mut original = Original::flushed();
    let copy = original.directory.path().join("copy");
    for directory in [original.database.path(), original.database.wal_dir()] {
        copy_files(directory, &copy);
    }
    let sequence = original.database.sequence_number();
    for _ in 0..3 {
        let captured = image(&copy);
        assert_eq!(
            (captured.wal_dir.as_deref(), captured.sequence_number),
            (None, sequence)
        );
        assert_eq!(warning_names(&captured), [WarningName::WalDirDoubtful]);
        original.database.write(1);
        original.database.reopen();
    }
}

/// RocksDB before 6.20 writes its own directory as `wal_dir`.
#[test]
fn a_copy_of_a_database_that_names_its_own_directory_is_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let mut original = DatabaseBuilder::new().wal_dir(&path).create(&path);
    original.write(10);
    let own = image(&path);
    assert!(
        own.wal_dir.is_none() && own.warnings.is_empty(),
        "{:?}",
        own.warnings
    );

    let copy = directory.path().join("copy");
    copy_files(&path, &copy);
    original.write(5);
    let captured = image(&copy);
    assert_eq!(
        (captured.wal_dir.as_deref(), captured.sequence_number),
        (None, SequenceNumber(10))
    );
    assert_eq!(warning_names(&captured), [WarningName::WalDirDoubtful]);
    for wal in wals(&captured) {
        fs::remove_file(copy.join(wal)).unwrap();
    }
    let captured = image(&copy);
    assert_eq!(
        (captured.wal_dir.as_deref(), captured.sequence_number),
        (None, SequenceNumber(0))
    );
    let warned = warning_names(&captured);
    assert_eq!(warned, [WarningName::WalDirDoubtful, WarningName::WalsMissing]);

    // A checkpoint has no LOCK and no LOG.
    let checkpoint = directory.path().join("checkpoint");
    write_out(&own, &checkpoint);
    let captured = image(&checkpoint);
    assert_eq!(
        (captured.wal_dir.as_deref(), captured.sequence_number),
        (None, SequenceNumber(10))
    );
    assert_eq!(warning_names(&captured), [WarningName::WalDirDoubtful]);

    let moved = directory.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    let captured = image(&moved);
    assert_eq!(
        (captured.wal_dir.as_deref(), captured.sequence_number),
        (None, SequenceNumber(15))
    );
    assert!(captured.warnings.is_empty(), "{:?}", captured.warnings);
}

#[test]
fn what_is_called_a_checkpoint_has_its_wals_at_home() {
    let mut original = Original::flushed();
    let checkpoint = original.directory.path().join("checkpoint");
    write_out(&image(original.database.path()), &checkpoint);
    for wal in wals(&image(original.database.path())) {
        fs::remove_file(checkpoint.join(wal)).unwrap();
    }
    let error = refusal(&checkpoint);
    assert!(error.hint().unwrap().contains("--source checkpoint"), "{error:?}");
    let source = Directory::new(&checkpoint, SourceKind::Checkpoint);
    let capture = source.capture(&mut NoHost, &Quiet).unwrap();
    assert!(capture.image().wal_dir.is_none() && wals(capture.image()).is_empty());
    assert!(
        capture.image().warnings.is_empty(),
        "{:?}",
        capture.image().warnings
    );
    // What the original wrote later is another state's: nothing to ask.
    original.database.reopen();
    original.database.write(1);
    original.database.flush(3_000);
    original.database.write(1);
    let captured = image(&checkpoint);
    assert!(captured.wal_dir.is_none() && wals(&captured).is_empty());
    assert_eq!(warning_names(&captured), [WarningName::WalDirDoubtful]);
}

/// A copy in the same directory would have the same `wal_dir` beside it.
#[test]
fn the_hint_does_not_name_the_wals_that_are_in_doubt() {
    let mut original = Original::flushed();
    let copy = original.database.path().with_file_name("copy");
    copy_files(original.database.path(), &copy);
    original.database.write(1);
    let error = refusal(&copy);
    let named = original.database.wal_dir().display().to_string();
    assert!(!error.hint().unwrap().contains(&named), "{error:?}");
    assert!(error.hint().unwrap().contains("--wal-dir"), "{error:?}");
}
