//! A MANIFEST that lost its end: refused where the tables it does not name any more hold what nothing else does.

use std::fs;
use std::path::Path;

use stonekeep::image::{Capture, Directory, ImageSource, NoHost, SourceKind};
use stonekeep::{ErrorKind, Quiet, Result, WarningName};
use stonekeep_format::manifest::DatabaseState;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::image::capture::{append, cut, database};

/// What the MANIFEST of a database is, as bytes.
fn manifest(database: &FakeDatabase) -> Vec<u8> {
    fs::read(database.manifest_path()).unwrap()
}

/// A database with two flushed tables, of which the MANIFEST lost the second: it ends `lost` bytes behind where it
/// ended before the second flush.
fn without_second_flush(torn_bytes: usize) -> (tempfile::TempDir, FakeDatabase) {
    let (directory, mut database) = database(DatabaseBuilder::new().largest_seqno_in_tables());
    database.write(5);
    database.flush(3_000);
    let before = manifest(&database).len();
    database.write(5);
    database.flush(3_000);
    truncate(&database.manifest_path(), before + torn_bytes);
    (directory, database)
}

fn truncate(path: &Path, length: usize) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(length as u64).unwrap();
}

fn capture(path: &Path) -> Result<Box<dyn Capture>> {
    Directory::new(path, SourceKind::Closed).capture(&mut NoHost, &Quiet)
}

fn tables(capture: &dyn Capture) -> usize {
    let files = capture.image().files.iter();
    files.filter(|file| file.table.is_some()).count()
}

fn names(capture: &dyn Capture) -> Vec<WarningName> {
    let warnings = capture.image().warnings.iter();
    warnings.map(|warning| warning.name).collect()
}

#[test]
fn a_table_with_later_writes_than_everything_else_is_refused() {
    let (_directory, database) = without_second_flush(9);
    let error = capture(database.path()).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let message = error.one_line();
    assert!(
        message.contains("MANIFEST-000001") && message.contains("torn record"),
        "{message}"
    );
    assert!(error.hint().unwrap().contains("--force"), "{:?}", error.hint());
}

/// The WALs hold what came after the lost table, but not what is in it.
#[test]
fn a_table_with_writes_before_those_of_the_wals_shows_a_torn_manifest() {
    let (_directory, mut database) = without_second_flush(9);
    database.write(50);
    let error = capture(database.path()).map(drop).unwrap_err();
    assert!(
        error.one_line().contains("the WALs hold 31 to 80"),
        "{}",
        error.one_line()
    );
}

#[test]
fn zeros_in_the_place_of_its_end_are_no_better() {
    let (_directory, database) = without_second_flush(0);
    assert!(
        capture(database.path()).is_ok(),
        "nothing shows that it lost anything"
    );
    append(&database.manifest_path(), &[0; 64]);
    let error = capture(database.path()).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn a_forced_capture_of_a_torn_manifest_is_what_rocksdb_would_open() {
    let (_directory, database) = without_second_flush(9);
    let forced = Directory::new(database.path(), SourceKind::Closed).forced(true);
    let capture = forced.capture(&mut NoHost, &Quiet).unwrap();
    assert_eq!(tables(capture.as_ref()), 1);
    assert_eq!(names(capture.as_ref()), [WarningName::ManifestTorn]);
}

/// As a crash leaves it: the edit of a flush did not come whole to the disk, and what was flushed is in the WAL still.
#[test]
fn a_table_whose_writes_are_in_a_wal_shows_no_torn_manifest() {
    let (_directory, mut database) = database(DatabaseBuilder::new().largest_seqno_in_tables());
    database.write(5);
    database.flush(3_000);
    database.write(20);
    let before = manifest(&database).len();
    let wal = database.wal_path(database.wal_number());
    let kept = fs::read(&wal).unwrap();
    database.flush_without_wal(stonekeep_format::ColumnFamilyId::DEFAULT, 3_000);
    // The table ends where the WAL does.
    database.write(30);
    assert!(fs::metadata(&wal).unwrap().len() > kept.len() as u64);
    truncate(&database.manifest_path(), before + 9);
    let capture = capture(database.path()).unwrap();
    assert_eq!(names(capture.as_ref()), []);
    assert_eq!(tables(capture.as_ref()), 1);
}

#[test]
fn an_incomplete_table_shows_no_torn_manifest() {
    let (_directory, database) = without_second_flush(9);
    cut(&newest_table(database.path()), 1);
    let capture = capture(database.path()).unwrap();
    assert_eq!(names(capture.as_ref()), []);
}

/// A MANIFEST that ends with a whole record lost nothing, whatever other files there are.
#[test]
fn a_complete_manifest_is_not_refused() {
    let (_directory, database) = without_second_flush(0);
    assert_eq!(names(capture(database.path()).unwrap().as_ref()), []);
}

/// RocksDB before 9.8 writes no sequence number into the properties of a table.
#[test]
fn a_table_without_a_sequence_number_in_its_properties_is_warned_of() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.write(5);
    database.flush(3_000);
    let before = manifest(&database).len();
    database.write(5);
    database.flush(3_000);
    truncate(&database.manifest_path(), before + 9);
    let capture = capture(database.path()).unwrap();
    assert_eq!(names(capture.as_ref()), [WarningName::ManifestTorn]);
}

fn newest_table(path: &Path) -> std::path::PathBuf {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let tables = entries.filter(|path| path.extension().is_some_and(|extension| extension == "sst"));
    tables.max().unwrap()
}

/// The state is what was whole.
#[test]
fn the_state_ends_with_the_last_complete_edit() {
    let (_directory, database) = without_second_flush(9);
    let (state, end) = stonekeep_format::manifest::ManifestReader::read(&manifest(&database)).unwrap();
    assert!(end.is_torn);
    assert_eq!(DatabaseState::live_tables(&state).count(), 1);
}
