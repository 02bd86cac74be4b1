//! Where the WALs of a database at rest are looked for.

use std::fs;
use std::path::Path;

use stonekeep::image::{DatabaseImage, Directory, ImageSource, NoHost, SourceKind};
use stonekeep::{Error, ErrorKind, Quiet, WarningName};
use stonekeep_format::{FileNumber, SequenceNumber};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::image::capture::{
    copy_files, database, image, names, refusal, surplus, wals, warnings, write_out,
};

fn name(number: FileNumber) -> String {
    format!("{:06}.log", number.0)
}

fn elsewhere() -> (tempfile::TempDir, FakeDatabase) {
    let directory = tempfile::tempdir().unwrap();
    let wal_dir = directory.path().join("wals");
    let mut database = DatabaseBuilder::new()
        .wal_dir(&wal_dir)
        .create(&directory.path().join("db"));
    database.write(10);
    (directory, database)
}

fn with_wal_dir(database: &Path, wal_dir: &Path) -> Result<DatabaseImage, Error> {
    let source = Directory::new(database, SourceKind::Closed).with_wal_dir(Some(wal_dir.to_owned()));
    source
        .capture(&mut NoHost, &Quiet)
        .map(|capture| capture.image().clone())
}

#[test]
fn the_wal_dir_is_found_in_options() {
    let (_directory, database) = elsewhere();
    fs::write(database.wal_dir().join("stray"), b"").unwrap();
    let found = image(database.path());
    assert_eq!(found.wal_dir.as_deref(), Some(database.wal_dir()));
    assert_eq!(wals(&found), [name(database.wal_number())]);
    assert_eq!(found.sequence_number, SequenceNumber(10));
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    assert_eq!(surplus(&found), ["stray"]);
    let given = with_wal_dir(database.path(), database.wal_dir()).unwrap();
    assert_eq!(names(&given), names(&found));
}

#[test]
fn a_change_in_the_wal_dir_is_noticed() {
    let (_directory, mut database) = elsewhere();
    let capture = crate::image::capture::capture(database.path()).unwrap();
    capture.confirm().unwrap();
    database.write(1);
    assert_eq!(capture.confirm().unwrap_err().kind(), ErrorKind::Refused);
}

#[test]
fn a_given_wal_dir_wins() {
    let (directory, database) = elsewhere();
    let moved = directory.path().join("moved");
    fs::rename(database.wal_dir(), &moved).unwrap();
    let given = with_wal_dir(database.path(), &moved).unwrap();
    assert_eq!(given.wal_dir.as_deref(), Some(moved.as_path()));
    assert_eq!(wals(&given), [name(database.wal_number())]);
    fs::write(database.path().join("000900.log"), b"").unwrap();
    let given = with_wal_dir(database.path(), &moved).unwrap();
    assert_eq!(warnings(&given, "db").len(), 1, "WALs that are left out");
    let error = with_wal_dir(database.path(), &directory.path().join("absent")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn the_databases_own_directory_may_be_given_or_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    // Up to 6.x, OPTIONS always named a wal_dir: the database's own directory.
    let mut database = DatabaseBuilder::new().wal_dir(&path).create(&path);
    database.write(1);
    for own in [image(&path), image(&link), with_wal_dir(&path, &link).unwrap()] {
        assert_eq!((own.wal_dir.as_deref(), own.warnings.len()), (None, 0));
        assert_eq!(own.sequence_number, SequenceNumber(1));
    }
}

#[test]
fn a_stale_wal_dir_matters_only_if_wals_are_needed() {
    let (_directory, database) = elsewhere();
    let wal = database.wal_path(database.wal_number());
    let home = database.path().join(wal.file_name().unwrap());
    fs::rename(&wal, &home).unwrap();
    fs::remove_dir(database.wal_dir()).unwrap();
    let moved_in = image(database.path());
    assert_eq!((moved_in.wal_dir.as_deref(), wals(&moved_in).len()), (None, 1));
    fs::remove_file(home).unwrap();
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.findings()[0].file.ends_with("wals"),
        "{:?}",
        error.findings()
    );
    // Never opened here: a checkpoint, that needs no WAL.
    fs::remove_file(database.path().join("LOCK")).unwrap();
    assert!(wals(&image(database.path())).is_empty());
}

#[test]
fn a_relative_wal_dir_is_found_below_or_beside_the_database() {
    for place in ["db/wals", "wals"] {
        let directory = tempfile::tempdir().unwrap();
        let wal_dir = directory.path().join(place);
        let path = directory.path().join("db");
        let builder = DatabaseBuilder::new().wal_dir(&wal_dir);
        let mut database = builder.create(&path);
        database.write(3);
        let options = path.join("OPTIONS-000003");
        let text = fs::read_to_string(&options).unwrap();
        fs::write(&options, text.replace(wal_dir.to_str().unwrap(), "wals")).unwrap();
        assert_eq!(image(&path).wal_dir.as_deref(), Some(wal_dir.as_path()));
    }
}

#[test]
fn a_copy_never_takes_the_wals_of_the_database_that_it_comes_from() {
    let (directory, mut database) = elsewhere();
    let copy = directory.path().join("checkpoint");
    write_out(&image(database.path()), &copy);
    database.write(5);
    // With WALs of its own, as a checkpoint has them: those, however many the original has by now.
    let own = image(&copy);
    assert_eq!(
        (own.wal_dir.as_deref(), own.sequence_number),
        (None, SequenceNumber(10))
    );
    // Without any: it cannot be told whose they are.
    fs::remove_file(copy.join(name(database.wal_number()))).unwrap();
    let error = refusal(&copy);
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("never opened"), "{error}");
    assert!(wals(&with_wal_dir(&copy, &copy).unwrap()).is_empty());
    assert_eq!(
        with_wal_dir(&copy, database.wal_dir()).unwrap().sequence_number,
        SequenceNumber(15)
    );
}

#[test]
fn wals_in_both_directories_need_an_option() {
    let (_directory, database) = elsewhere();
    fs::write(database.path().join("000900.log"), b"").unwrap();
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.hint().unwrap().contains("wal_dir"));
}

#[test]
fn the_directory_of_another_database_is_no_wal_dir() {
    let (directory, mut original) = database(DatabaseBuilder::new());
    original.write(10);
    let copy = DatabaseBuilder::new()
        .wal_dir(original.path())
        .create(&directory.path().join("copy"));
    let image = image(copy.path());
    assert_eq!((image.wal_dir, image.sequence_number), (None, SequenceNumber(0)));
    let warned: Vec<_> = image.warnings.iter().map(|warning| warning.name).collect();
    assert_eq!(warned, [WarningName::WalDirDoubtful, WarningName::WalsMissing]);
}

#[test]
fn a_relative_wal_dir_is_the_directory_that_has_its_wals() {
    let directory = tempfile::tempdir().unwrap();
    let wal_dir = directory.path().join("wals");
    let path = directory.path().join("db");
    let mut database = DatabaseBuilder::new().wal_dir(&wal_dir).create(&path);
    database.flush(3_000);
    database.write(3);
    let options = path.join("OPTIONS-000003");
    let text = fs::read_to_string(&options).unwrap();
    fs::write(&options, text.replace(wal_dir.to_str().unwrap(), "wals")).unwrap();
    // The first place has WALs of another database, with a larger number.
    let mut other = DatabaseBuilder::new().create(&directory.path().join("other"));
    other.write(100);
    fs::create_dir(path.join("wals")).unwrap();
    fs::copy(other.wal_path(other.wal_number()), path.join("wals/000900.log")).unwrap();
    let found = image(&path);
    let real = |path: &Path| path.canonicalize().unwrap();
    assert_eq!(found.wal_dir.as_deref().map(real), Some(real(&wal_dir)));
    assert_eq!(found.sequence_number, database.sequence_number());
}

#[test]
fn a_wal_dir_inside_the_database_is_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let mut database = DatabaseBuilder::new()
        .wal_dir(&path.join("journals"))
        .create(&path);
    database.write(3);
    // Its messages go elsewhere.
    fs::remove_file(path.join("LOG")).unwrap();
    let found = image(&path);
    assert_eq!(found.wal_dir.as_deref(), Some(database.wal_dir()));
    assert_eq!(found.sequence_number, SequenceNumber(3));
    // A copy of both names the directory of the original.
    let copy = directory.path().join("copy");
    copy_files(&path, &copy);
    copy_files(database.wal_dir(), &copy.join("journals"));
    database.write(4);
    let error = refusal(&copy);
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    let own = with_wal_dir(&copy, &copy.join("journals")).unwrap();
    assert_eq!(own.sequence_number, SequenceNumber(3));
}

#[test]
fn a_database_whose_log_is_missing_does_not_guess() {
    let (_directory, mut database) = elsewhere();
    database.flush(3_000);
    database.write(2);
    let log = fs::read(database.path().join("LOG")).unwrap();
    fs::remove_file(database.path().join("LOG")).unwrap();
    let error = refusal(database.path());
    assert!(error.to_string().contains("no LOG that says"), "{error}");
    fs::write(database.path().join("LOG"), log).unwrap();
    assert_eq!(image(database.path()).sequence_number, database.sequence_number());
}

#[test]
fn links_and_other_spellings_are_the_same_directory() {
    let directory = tempfile::tempdir().unwrap();
    let real = directory.path().join("fast");
    let link = directory.path().join("link");
    fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let path = directory.path().join("db");
    let mut database = DatabaseBuilder::new()
        .wal_dir(&link.join("../fast"))
        .create(&path);
    database.write(3);
    let spelt = directory.path().join("db-link");
    std::os::unix::fs::symlink(&path, &spelt).unwrap();
    for path in [&path, &spelt] {
        let found = image(path);
        let wal_dir = found.wal_dir.as_deref().unwrap().canonicalize().unwrap();
        assert_eq!(wal_dir, real.canonicalize().unwrap());
        assert_eq!(found.sequence_number, SequenceNumber(3));
        assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    }
}
