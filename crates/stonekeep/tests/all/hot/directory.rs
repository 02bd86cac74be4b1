//! A directory is captured as its LOCK says.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::fs::{FlockOperation, fcntl_lock};
use stonekeep::image::{Capture, CaptureKind, Directory, ImageSource, NoHost, SourceKind};
use stonekeep::{Error, ErrorKind, Quiet};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::image::capture::database;

/// Set in a child process: the database whose `LOCK` it takes.
const TAKE: &str = "STONEKEEP_TEST_TAKE_LOCK_OF";

/// Takes the lock as RocksDB does.
fn lock(database: &Path) -> File {
    let file = File::options().write(true).open(database.join("LOCK")).unwrap();
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
    file
}

/// A process that has the database open, until it is dropped.
struct Holder(Child);

impl Holder {
    fn of(database: &Path) -> Holder {
        Holder::try_of(database).unwrap()
    }

    /// None if somebody else has the lock.
    fn try_of(database: &Path) -> Option<Holder> {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "hot::directory::another_process_takes_the_lock",
                "--exact",
                "--nocapture",
            ])
            .env(TAKE, database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let has_it = lines.map_while(Result::ok).any(|line| line.ends_with("held"));
        let holder = Holder(child);
        has_it.then_some(holder)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

/// The part of the other process.
#[test]
fn another_process_takes_the_lock() {
    if let Some(path) = std::env::var_os(TAKE) {
        let _held = lock(Path::new(&path));
        println!("held");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }
}

fn usual() -> (tempfile::TempDir, FakeDatabase) {
    let (directory, mut database) = database(DatabaseBuilder::new());
    database.add_tables(2, 3_000);
    database.write(5);
    (directory, database)
}

fn capture(database: &FakeDatabase, kind: SourceKind) -> Result<Box<dyn Capture>, Error> {
    Directory::new(database.path(), kind).capture(&mut NoHost, &Quiet)
}

/// How a directory is captured, or why not.
fn outcome(database: &FakeDatabase, kind: SourceKind) -> Result<CaptureKind, Error> {
    capture(database, kind).map(|capture| capture.image().kind)
}

#[test]
fn a_database_without_a_writer_is_captured_closed() {
    let (_directory, database) = usual();
    for kind in [SourceKind::Auto, SourceKind::Closed, SourceKind::Checkpoint] {
        assert_eq!(outcome(&database, kind).unwrap(), CaptureKind::Closed, "{kind:?}");
    }
    assert_eq!(outcome(&database, SourceKind::Hot).unwrap(), CaptureKind::Hot);
}

#[test]
fn a_database_that_another_process_has_open_is_captured_hot() {
    let (_directory, database) = usual();
    let holder = Holder::of(database.path());
    for kind in [SourceKind::Auto, SourceKind::Hot] {
        assert_eq!(outcome(&database, kind).unwrap(), CaptureKind::Hot, "{kind:?}");
    }
    for kind in [SourceKind::Closed, SourceKind::Checkpoint] {
        let error = outcome(&database, kind).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.hint().unwrap().contains("while it is open"), "{error:?}");
    }
    drop(holder);
    assert_eq!(outcome(&database, SourceKind::Auto).unwrap(), CaptureKind::Closed);
}

#[test]
fn a_database_that_this_process_has_open_is_left_to_its_handle() {
    let (_directory, database) = usual();
    let held = lock(database.path());
    for kind in [
        SourceKind::Auto,
        SourceKind::Hot,
        SourceKind::Closed,
        SourceKind::Checkpoint,
    ] {
        let error = outcome(&database, kind).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{kind:?}");
        assert!(error.hint().unwrap().contains("stonekeep-rocksdb"), "{error:?}");
    }
    drop(held);
}

#[test]
fn a_capture_inside_the_process_does_not_lose_its_lock() {
    let (_directory, database) = usual();
    let held = lock(database.path());
    let source = Directory::new(database.path(), SourceKind::InProcess);
    let capture = source.capture(&mut NoHost, &Quiet).unwrap();
    capture.confirm().unwrap();
    drop(capture);
    assert!(
        Holder::try_of(database.path()).is_none(),
        "closing any descriptor of LOCK drops it"
    );
    drop(held);
    assert!(Holder::try_of(database.path()).is_some());
}

#[test]
fn a_database_that_is_opened_while_it_is_captured_is_captured_hot_the_next_time() {
    let (_directory, database) = usual();
    let closed = capture(&database, SourceKind::Auto).unwrap();
    assert_eq!(closed.image().kind, CaptureKind::Closed);
    let _holder = Holder::of(database.path());
    let error = closed.confirm().unwrap_err();
    assert!(error.is_source_changed(), "{error:?}");
    assert_eq!(outcome(&database, SourceKind::Auto).unwrap(), CaptureKind::Hot);
}

#[test]
fn settings_reach_both_ways_of_capturing() {
    let directory = tempfile::tempdir().unwrap();
    let [wal_dir, other] = ["wals", "other"].map(|name| directory.path().join(name));
    let builder = DatabaseBuilder::new().wal_dir(&wal_dir).further_path(&other);
    let mut database = builder.create(&directory.path().join("db"));
    database.add_table_in_path(1, 3_000);
    database.write(1);
    for kind in [SourceKind::Closed, SourceKind::Hot] {
        let source = Directory::new(database.path(), kind)
            .with_wal_dir(Some(wal_dir.clone()))
            .with_db_paths(vec![other.clone()])
            .with_strict_limit(1, std::time::Duration::from_secs(1))
            .with_open_files_limit(Some(3))
            .forced(false);
        let capture = source.capture(&mut NoHost, &Quiet).unwrap();
        assert_eq!(capture.image().wal_dir.as_ref(), Some(&wal_dir));
        assert_eq!(capture.image().sequence_number, database.sequence_number());
        assert_eq!(source.directories(), [database.path(), &wal_dir, &other]);
    }
    let checkpoint = Directory::new(database.path(), SourceKind::Checkpoint);
    assert!(checkpoint.describe().starts_with("the checkpoint in"));
}
