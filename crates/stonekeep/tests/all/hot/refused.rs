//! What cannot be captured while it is written, and what is said about it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stonekeep::image::hot::Step;
use stonekeep::image::{Content, Directory, ImageSource, NoHost, SourceKind};
use stonekeep::{Error, ErrorKind, Observer, Quiet};
use stonekeep_format::manifest::{UnknownField, VersionEdit};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};
use stonekeep_testkit::fake_clock::FakeClock;

use crate::hot::scene::{Watched, When, Writer, hot_image, rounds, watched};
use crate::image::capture::{append, bytes, database, file, flip, warnings, write_out};

fn usual() -> (tempfile::TempDir, FakeDatabase) {
    let (directory, mut database) = database(DatabaseBuilder::new());
    database.add_tables(3, 3_000);
    database.write(5);
    (directory, database)
}

fn refusal(path: &Path) -> Error {
    let capture = Directory::new(path, SourceKind::Hot).capture(&mut NoHost, &Quiet);
    capture.map(|_| ()).unwrap_err()
}

#[test]
fn a_directory_without_a_database_is_reported_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let error = refusal(directory.path());
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("it has no CURRENT"), "{error}");
    let (_directory, database) = usual();
    fs::write(database.path().join("CURRENT"), b"\x17encrypted").unwrap();
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.hint().unwrap().contains("custom Env"));
}

#[test]
fn what_a_newer_rocksdb_wrote_is_not_guessed() {
    let (_directory, mut database) = usual();
    database.apply(VersionEdit {
        ignored: vec![UnknownField {
            tag: 4000,
            value: b"must not be ignored".to_vec(),
        }],
        ..VersionEdit::default()
    });
    assert_eq!(refusal(database.path()).kind(), ErrorKind::Unsupported);
}

#[test]
fn a_damaged_manifest_is_looked_at_again() {
    let (_directory, database) = usual();
    let path = database.manifest_path();
    let whole = fs::read(&path).unwrap();
    flip(&path, 40);
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("MANIFEST-000001"), "{error}");
    fs::write(&path, &whole).unwrap();

    // Damage that is mended by the time of the next look.
    let (damaged, mended) = (path.clone(), path);
    let writer = Writer::of(database)
        .before(Step::ReadState, When::Time(2), move |_| {
            append(&damaged, &[9; 100])
        })
        .before(Step::OpenFile, When::Time(1), move |_| {
            fs::write(&mended, &whole).unwrap()
        });
    let (_, moment) = watched(writer).image();
    assert!(moment >= 1);
}

#[test]
fn a_table_of_a_wrong_size_is_found() {
    let (_directory, database) = usual();
    append(&database.path().join("000005.sst"), b"x");
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error
            .to_string()
            .ends_with("000005.sst: 3001 bytes, where the MANIFEST says 3000"),
        "{error}"
    );
    assert_eq!(error.hint(), None);
}

#[test]
fn a_table_under_leveldbs_name_counts() {
    let (_directory, database) = usual();
    let path = |name: &str| database.path().join(name);
    fs::rename(path("000004.sst"), path("000004.ldb")).unwrap();
    assert_eq!(file(&hot_image(database.path()), "000004.sst").size_bytes, 3_000);
}

#[test]
fn further_db_paths_must_be_given() {
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("other");
    let builder = DatabaseBuilder::new().further_path(&other);
    let mut database = builder.create(&directory.path().join("db"));
    database.add_tables(1, 3_000);
    let number = database.add_table_in_path(1, 4_000);
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.hint().unwrap().contains("db_paths"));
    let forced = Directory::new(database.path(), SourceKind::Hot).forced(true);
    let error = forced.capture(&mut NoHost, &Quiet).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("it is missing"), "{error}");

    let told = Directory::new(database.path(), SourceKind::Hot).with_db_paths(vec![other.clone()]);
    let capture = told.capture(&mut NoHost, &Quiet).unwrap();
    let image = capture.image();
    let name = format!("{:06}.sst", number.0);
    assert_eq!(bytes(file(image, &name)), fs::read(other.join(&name)).unwrap());
    assert!(warnings(image, "db")[0].contains("the image is flat"));
    assert!(matches!(
        file(image, "MANIFEST-000001").content,
        Content::Bytes(_)
    ));
    // It is a database of one directory.
    write_out(image, &directory.path().join("restored"));
    let restored = crate::image::capture::image(&directory.path().join("restored"));
    assert!(restored.warnings.is_empty(), "{:?}", restored.warnings);

    fs::copy(other.join(&name), database.path().join(&name)).unwrap();
    let error = told.capture(&mut NoHost, &Quiet).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("which of them is right"), "{error}");
    let lost = told.with_db_paths(vec![directory.path().join("nowhere")]);
    let error = lost.capture(&mut NoHost, &Quiet).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn blobs_that_nothing_names_yet_are_refused_unless_forced() {
    let (_directory, database) = usual();
    let options = database.path().join("OPTIONS-000003");
    let mut text = fs::read_to_string(&options).unwrap();
    text = text.replace(
        "[CFOptions \"default\"]\n",
        "[CFOptions \"default\"]\n  enable_blob_direct_write=true\n",
    );
    fs::write(&options, text).unwrap();
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("enable_blob_direct_write"), "{error}");
    let forced = Directory::new(database.path(), SourceKind::Hot).forced(true);
    let capture = forced.capture(&mut NoHost, &Quiet).unwrap();
    assert!(warnings(capture.image(), "db")[0].contains("enable_blob_direct_write"));
}

#[test]
fn another_database_in_the_same_place_is_noticed() {
    let other = DatabaseBuilder::new().database_id("another one");
    let as_before = DatabaseBuilder::new();
    for (builder, said) in [(other, "another database id"), (as_before, "another directory")] {
        let (_directory, mut database) = usual();
        database.roll_manifest();
        let by_directory = said == "another directory";
        let writer = Writer::of(database).before(Step::ListWals, When::Time(1), move |database| {
            let path = database.path().to_owned();
            let aside = path.with_extension("aside");
            if by_directory {
                fs::rename(&path, aside).unwrap();
                builder.clone().create(&path).add_tables(1, 3_000);
            } else {
                builder.clone().create(&aside).roll_manifest();
                fs::copy(aside.join("MANIFEST-000004"), path.join("MANIFEST-000099")).unwrap();
                fs::write(path.join("CURRENT"), b"MANIFEST-000099\n").unwrap();
            }
        });
        let error = watched(writer).refusal();
        assert!(error.is_source_changed(), "{error:?}");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn an_older_manifest_or_another_identity_is_another_database() {
    let (_directory, mut database) = usual();
    database.roll_manifest();
    let writer = Writer::of(database).before(Step::ListWals, When::Time(1), |database| {
        let path = database.path();
        fs::copy(database.manifest_path(), path.join("MANIFEST-000001")).unwrap();
        fs::write(path.join("CURRENT"), b"MANIFEST-000001\n").unwrap();
    });
    let error = watched(writer).refusal();
    assert!(error.to_string().contains("its MANIFEST was"), "{error}");

    let (_directory, database) = database_without_id();
    let writer = Writer::of(database).before(Step::ScanWals, When::Time(1), |database| {
        fs::write(database.path().join("IDENTITY"), b"somebody else").unwrap();
    });
    let error = watched(writer).refusal();
    assert!(
        error.is_source_changed() && error.to_string().contains("another database"),
        "{error}"
    );
}

fn database_without_id() -> (tempfile::TempDir, FakeDatabase) {
    database(DatabaseBuilder::new().id_in_identity_only())
}

#[test]
fn options_that_vanish_are_looked_for_again() {
    let (_directory, database) = usual();
    // A new OPTIONS file, and the one that was listed is gone.
    let writer = Writer::of(database).before(Step::ReadOptions, When::Time(2), |database| database.reopen());
    let (image, moment) = watched(writer).image();
    assert_eq!(
        (rounds(&image), moment),
        (1, 0),
        "OPTIONS may be newer than the rest"
    );
    let (_directory, mut database) = usual();
    database.reopen();
    database.reopen();
    assert!(hot_image(database.path()).warnings.is_empty());
}

#[test]
fn a_writer_that_restarts_with_other_settings_is_captured_with_those() {
    let (_directory, database) = usual();
    let writer = Writer::of(database).before(Step::ReadOptions, When::Time(2), |database| {
        let path = database.path().join("OPTIONS-000099");
        let text = fs::read_to_string(database.path().join("OPTIONS-000003")).unwrap();
        let text = text.replace("[DBOptions]\n", "[DBOptions]\n  recycle_log_file_num=3\n");
        fs::write(path, text).unwrap();
    });
    let (image, _) = watched(writer).image();
    assert_eq!(rounds(&image), 2);
    assert!(matches!(file(&image, "000002.log").content, Content::Bytes(_)));
}

/// A database to which a column family is added before every close, which takes this long by the clock.
fn never_still(step: Duration) -> (tempfile::TempDir, Watched, Arc<FakeClock>) {
    let (directory, database) = usual();
    let clock = Arc::new(FakeClock::at_unix_seconds(0));
    let hand = clock.clone();
    let writer = Writer::of(database).before(Step::Close, When::Always, move |database| {
        database.create_column_family("one more");
        hand.advance(step);
    });
    let watched = watched(writer).with(|source| source.with_clock(clock.clone()));
    (directory, watched, clock)
}

#[test]
fn a_database_that_changes_in_every_round_is_refused() {
    let (_directory, watched, _clock) = never_still(Duration::from_secs(1));
    let error = watched.refusal();
    assert_eq!(
        (error.kind(), error.is_source_changed()),
        (ErrorKind::Refused, false)
    );
    assert!(error.to_string().contains("120 rounds did not close"), "{error}");
}

#[test]
fn a_stop_request_ends_it_between_rounds() {
    struct AfterSome(AtomicU64);
    impl Observer for AfterSome {
        fn should_stop(&self) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed) > 100
        }
    }
    let (_directory, watched, _clock) = never_still(Duration::ZERO);
    let observer = AfterSome(AtomicU64::new(0));
    let capture = watched.source.capture(&mut NoHost, &observer);
    assert_eq!(capture.map(|_| ()).unwrap_err().kind(), ErrorKind::Stopped);
}
