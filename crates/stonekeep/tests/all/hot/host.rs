//! What a hot capture asks of its host: files that are stored are not opened, and much is taken early.

use std::collections::BTreeSet;
use std::fs;

use stonekeep::image::hot::Step;
use stonekeep::image::{
    CaptureHost, Content, DatabaseImage, Directory, ImageFile, ImageSource, NoHost, SourceKind,
};
use stonekeep::{Error, ErrorKind, Quiet, Result};
use stonekeep_format::FileNumber;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::hot::scene::{When, Writer, rounds, watched};
use crate::image::capture::{bytes, database};

/// A host that has some files, and takes what it is given.
#[derive(Default)]
struct Host {
    has: BTreeSet<FileNumber>,
    takes: bool,
    attempt: u32,
    /// What is said to be cut short, once.
    short: BTreeSet<FileNumber>,
    checked: Vec<Option<String>>,
    asked: Vec<FileNumber>,
    taken: Vec<Vec<FileNumber>>,
}

fn number(file: &ImageFile) -> FileNumber {
    file.name.number().unwrap()
}

impl CaptureHost for Host {
    fn attempt(&self) -> u32 {
        self.attempt.max(1)
    }

    fn is_last_attempt(&self) -> bool {
        false
    }

    fn check_database(&mut self, database_id: Option<&str>) -> Result<()> {
        self.checked.push(database_id.map(str::to_owned));
        match database_id {
            Some("a stranger") => Err(Error::refused("not this one")),
            _ => Ok(()),
        }
    }

    fn needed(&mut self, files: &[ImageFile]) -> Result<Vec<bool>> {
        assert!(self.checked.len() == 1, "asked before the database is known");
        self.asked.extend(files.iter().map(number));
        Ok(files
            .iter()
            .map(|file| !self.has.contains(&number(file)))
            .collect())
    }

    fn takes_early(&self) -> bool {
        self.takes
    }

    fn take(&mut self, files: &[ImageFile]) -> Result<Vec<FileNumber>> {
        assert!(self.takes);
        let mut short = Vec::new();
        for file in files {
            assert!(matches!(file.content, Content::Open { .. }));
            assert_eq!(bytes(file).len() as u64, file.size_bytes);
            if self.short.remove(&number(file)) {
                short.push(number(file));
            }
        }
        self.taken.push(files.iter().map(number).collect());
        Ok(short)
    }
}

fn usual(tables: usize) -> (tempfile::TempDir, FakeDatabase) {
    let (directory, mut database) = database(DatabaseBuilder::new());
    database.add_tables(tables, 2_000);
    database.write(5);
    (directory, database)
}

fn is_held(image: &DatabaseImage, wanted: u64) -> bool {
    let file = image
        .files
        .iter()
        .find(|file| file.name.number() == Some(FileNumber(wanted)));
    matches!(file.unwrap().content, Content::Open { .. })
}

#[test]
fn what_is_stored_is_not_opened() {
    let (_directory, database) = usual(4);
    for number in [5, 6] {
        fs::remove_file(database.table_path(FileNumber(number), 0)).unwrap();
    }
    let mut host = Host {
        has: [5, 6].map(FileNumber).into(),
        ..Host::default()
    };
    let source = Directory::new(database.path(), SourceKind::Hot);
    let capture = source.capture(&mut host, &Quiet).unwrap();
    let image = capture.image();
    assert_eq!(
        [4, 5, 6, 7].map(|number| is_held(image, number)),
        [true, false, false, true]
    );
    assert_eq!(host.checked, [Some(database.database_id().to_owned())]);
    assert_eq!(host.asked, [4, 5, 6, 7].map(FileNumber));
    capture.confirm().unwrap();
}

#[test]
fn only_new_files_are_asked_about_in_later_rounds() {
    let (_directory, database) = usual(3);
    let writer = Writer::of(database).before(Step::Close, When::Time(1), |database| {
        database.add_tables(2, 2_000);
    });
    let mut host = Host::default();
    let watched = watched(writer);
    let capture = watched.try_capture_for(&mut host).unwrap();
    assert_eq!(rounds(capture.image()), 2);
    assert_eq!(host.asked, [4, 5, 6, 7, 8].map(FileNumber));
    // Each table once, and the WAL once.
    assert_eq!(watched.times(Step::OpenFile), 6);
}

#[test]
fn a_backup_of_another_database_is_refused_before_any_file_is_opened() {
    let (_directory, database) = database(DatabaseBuilder::new().database_id("a stranger"));
    let watched = watched(Writer::of(database));
    let error = watched
        .try_capture_for(&mut Host::default())
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.to_string(), "not this one");
    assert_eq!(watched.times(Step::OpenFile), 0);
}

#[test]
fn many_files_are_taken_early_and_what_comes_meanwhile_is_held() {
    let (_directory, database) = usual(300);
    let writer = Writer::of(database).before(Step::TakeFiles, When::Time(2), |database| {
        database.add_tables(1, 2_000);
    });
    let mut host = Host {
        takes: true,
        ..Host::default()
    };
    let capture = watched(writer).try_capture_for(&mut host).unwrap();
    let sizes: Vec<usize> = host.taken.iter().map(Vec::len).collect();
    assert_eq!(sizes, [256, 44]);
    assert!(!is_held(capture.image(), 4) && is_held(capture.image(), 304));
    assert_eq!(rounds(capture.image()), 1);
}

#[test]
fn large_files_are_taken_early_however_few() {
    let (_directory, mut database) = usual(2);
    let large = database.add_tables(1, 65 << 20)[0];
    let mut host = Host {
        takes: true,
        ..Host::default()
    };
    let source = Directory::new(database.path(), SourceKind::Hot);
    source.capture(&mut host, &Quiet).unwrap();
    assert!(host.taken.concat().contains(&large), "{:?}", host.taken);
    // Those before the limit are small enough to be held.
    let (_directory, database) = usual(20);
    let mut host = Host {
        takes: true,
        ..Host::default()
    };
    let source = Directory::new(database.path(), SourceKind::Hot);
    source.capture(&mut host, &Quiet).unwrap();
    assert!(host.taken.is_empty());
}

#[test]
fn after_a_failed_attempt_everything_is_taken_early() {
    let (_directory, database) = usual(2);
    let mut host = Host {
        takes: true,
        attempt: 2,
        ..Host::default()
    };
    let source = Directory::new(database.path(), SourceKind::Hot);
    source.capture(&mut host, &Quiet).unwrap();
    assert_eq!(host.taken, [[4, 5].map(FileNumber)]);
}

#[test]
fn what_is_cut_short_early_must_leave_the_database() {
    let (_directory, database) = usual(40);
    let host = || Host {
        takes: true,
        short: [FileNumber(7)].into(),
        ..Host::default()
    };
    let writer =
        Writer::of(database).before(Step::ReadState, When::Time(3), |database| _ = database.compact());
    let mut gone = host();
    let watched_writer = watched(writer);
    let capture = watched_writer.try_capture_for(&mut gone).unwrap();
    assert_eq!(rounds(capture.image()), 1);
    assert_eq!(watched_writer.moment_of(capture.image()), Some(1));

    let (_directory, database) = usual(40);
    let source = Directory::new(database.path(), SourceKind::Hot);
    let error = source.capture(&mut host(), &Quiet).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.to_string().contains("000007.sst: it became shorter"),
        "{error}"
    );
}

#[test]
fn more_files_than_may_be_open_need_a_host_that_takes_them() {
    let (_directory, database) = usual(20);
    let source = Directory::new(database.path(), SourceKind::Hot).with_open_files_limit(Some(8));
    let error = source.capture(&mut NoHost, &Quiet).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().starts_with("20 files"), "{error}");
    assert!(error.hint().unwrap().contains("ulimit -n"));
    let mut host = Host {
        takes: true,
        ..Host::default()
    };
    let capture = source.capture(&mut host, &Quiet).unwrap();
    let sizes: Vec<usize> = host.taken.iter().map(Vec::len).collect();
    assert_eq!(sizes, [8, 8, 4]);
    assert_eq!(capture.image().files.len(), 20 + 4);
}

#[test]
fn a_file_that_is_cut_short_after_the_capture_is_noticed() {
    for cut in ["000004.sst", "000002.log", "MANIFEST-000001"] {
        let (_directory, database) = usual(2);
        let source = Directory::new(database.path(), SourceKind::Hot);
        let capture = source.capture(&mut NoHost, &Quiet).unwrap();
        fs::remove_file(database.path().join("LOG")).unwrap();
        capture.confirm().unwrap();
        crate::image::capture::cut(&database.path().join(cut), 1);
        let error = capture.confirm().unwrap_err();
        assert!(error.is_source_changed(), "{error}");
        assert!(error.to_string().contains(cut), "{error}");
    }
}

#[test]
fn wals_are_read_at_once_when_an_earlier_attempt_was_cut_short() {
    let (_directory, database) = usual(2);
    let source = Directory::new(database.path(), SourceKind::Hot);
    let wal = database.path().join("000002.log");
    let bytes = fs::read(&wal).unwrap();
    let mut host = Host {
        attempt: 2,
        ..Host::default()
    };
    let capture = source.capture(&mut host, &Quiet).unwrap();
    crate::image::capture::cut(&wal, 1);
    capture.confirm().unwrap();
    let files = &capture.image().files;
    let file = files.iter().find(|file| file.name.to_string() == "000002.log");
    let file = file.unwrap();
    let Content::Bytes(captured) = &file.content else {
        panic!("{file:?} is read later");
    };
    assert_eq!(captured.len() as u64, file.size_bytes);
    assert_eq!(captured[..], bytes[..captured.len()]);
}
