//! The WALs of a database that a process has open are where that process has them open.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{FlockOperation, fcntl_lock};
use stonekeep::image::{CaptureKind, DatabaseImage, Directory, ImageSource, NoHost, SourceKind};
use stonekeep::{Error, ErrorKind, Quiet, WarningName};
use stonekeep_format::SequenceNumber;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::image::capture::{copy_files, warning_names};

/// Set in a child process: the database whose `LOCK` it takes, and the WAL that it opens.
const LOCK_OF: &str = "STONEKEEP_TEST_LOCK_OF";
const WAL: &str = "STONEKEEP_TEST_OPEN_WAL";

/// A process that has the database and a WAL open, until it is dropped.
struct Holder(Child);

impl Holder {
    fn of(database: &Path, wal: Option<&Path>, working_directory: &Path) -> Holder {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "hot::wal_dir::another_process_opens_the_database",
                "--exact",
                "--nocapture",
            ])
            .env(LOCK_OF, database)
            .current_dir(working_directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(wal) = wal {
            command.env(WAL, wal);
        }
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        assert!(lines.any(|line| line.ends_with("held")));
        Holder(child)
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
fn another_process_opens_the_database() {
    let Some(database) = std::env::var_os(LOCK_OF) else {
        return;
    };
    let lock = File::options()
        .write(true)
        .open(Path::new(&database).join("LOCK"))
        .unwrap();
    fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    let _wal = std::env::var_os(WAL).map(|wal| File::options().append(true).open(wal).unwrap());
    println!("held");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// A database in `db` with WALs in `run/wals`, which OPTIONS name as they are told to.
struct Scene {
    directory: tempfile::TempDir,
    database: FakeDatabase,
}

impl Scene {
    fn new(named: Option<&str>) -> Scene {
        let directory = tempfile::tempdir().unwrap();
        let wals = directory.path().join("run/wals");
        let builder = DatabaseBuilder::new().wal_dir(&wals);
        let mut database = builder.create(&directory.path().join("db"));
        database.write(4);
        if let Some(named) = named {
            let options = database.path().join("OPTIONS-000003");
            let text = fs::read_to_string(&options).unwrap();
            fs::write(&options, text.replace(wals.to_str().unwrap(), named)).unwrap();
        }
        Scene { directory, database }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn wal(&self) -> PathBuf {
        self.database.wal_path(self.database.wal_number())
    }
}

fn capture(database: &Path) -> Result<DatabaseImage, Error> {
    let source = Directory::new(database, SourceKind::Auto);
    let capture = source.capture(&mut NoHost, &Quiet)?;
    assert_eq!(capture.image().kind, CaptureKind::Hot);
    Ok(capture.image().clone())
}

#[test]
fn a_relative_wal_dir_begins_where_its_writer_runs() {
    let scene = Scene::new(Some("wals"));
    // Beside the database, where it would be looked for at rest, there is another one's WAL.
    copy_files(scene.database.wal_dir(), &scene.path("wals"));
    let _holder = Holder::of(scene.database.path(), Some(&scene.wal()), &scene.path("run"));
    let image = capture(scene.database.path()).unwrap();
    let found = image.wal_dir.as_deref().unwrap().canonicalize().unwrap();
    assert_eq!(found, scene.database.wal_dir().canonicalize().unwrap());
    assert_eq!(image.sequence_number, SequenceNumber(4));
    assert!(image.warnings.is_empty(), "{:?}", image.warnings);
}

#[test]
fn wals_that_the_process_has_open_are_the_right_ones() {
    let scene = Scene::new(None);
    // An old one is left at home, with a number that is needed.
    File::create(scene.database.path().join("000009.log")).unwrap();
    let holder = Holder::of(scene.database.path(), Some(&scene.wal()), &scene.path("run"));
    let image = capture(scene.database.path()).unwrap();
    assert_eq!(image.wal_dir.as_deref(), Some(scene.database.wal_dir()));
    drop(holder);
    let _holder = Holder::of(scene.database.path(), None, &scene.path("run"));
    let error = capture(scene.database.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

#[test]
fn a_copy_that_is_open_has_its_own_wals_whatever_options_name() {
    let mut scene = Scene::new(None);
    let copy = scene.path("copy");
    for directory in [scene.database.path(), scene.database.wal_dir()] {
        copy_files(directory, &copy);
    }
    scene.database.write(7);
    let wal = copy.join(scene.wal().file_name().unwrap());
    let _holder = Holder::of(&copy, Some(&wal), &scene.path("run"));
    let image = capture(&copy).unwrap();
    assert_eq!(
        (image.wal_dir.as_deref(), image.sequence_number),
        (None, SequenceNumber(4))
    );
    assert_eq!(warning_names(&image), [WarningName::WalDirDoubtful]);
}

#[test]
fn without_open_files_the_numbers_decide() {
    let mut scene = Scene::new(None);
    let _holder = Holder::of(scene.database.path(), None, &scene.path("run"));
    let image = capture(scene.database.path()).unwrap();
    assert_eq!(image.wal_dir.as_deref(), Some(scene.database.wal_dir()));
    // A copy is open, and the original goes on.
    let copy = scene.path("copy");
    copy_files(scene.database.path(), &copy);
    scene.database.write(7);
    let _holder = Holder::of(&copy, None, &scene.path("run"));
    let error = capture(&copy).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.hint().unwrap().contains("--wal-dir"), "{error:?}");
}

#[test]
fn inside_the_process_its_own_open_files_count() {
    let scene = Scene::new(None);
    File::create(scene.database.path().join("000009.log")).unwrap();
    let lock = File::options()
        .write(true)
        .open(scene.database.path().join("LOCK"));
    let wal = File::options().append(true).open(scene.wal());
    let held = (lock.unwrap(), wal.unwrap());
    let source = Directory::new(scene.database.path(), SourceKind::InProcess);
    let capture = source.capture(&mut NoHost, &Quiet).unwrap();
    assert_eq!(capture.image().wal_dir.as_deref(), Some(scene.database.wal_dir()));
    drop(held);
}
