//! Backups that read tables and blobs past the page cache.

use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::OFlags;
use stonekeep::Quiet;
use stonekeep::engine::create::CreateReport;
use stonekeep::engine::{BackupEngine, BackupEngineOptions, CreateBackupOptions};
use stonekeep::image::{Directory, ImageSource, SourceKind};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};
use stonekeep_testkit::skip;
use tempfile::TempDir;

use crate::support::scene::{self, Scene};

const TABLE_BYTES: usize = 4 << 20;

fn direct() -> BackupEngineOptions {
    scene::options().with_reflink(false).with_use_direct_reads(true)
}

fn back_up(source: &dyn ImageSource, repository: &Path, options: BackupEngineOptions) -> CreateReport {
    let store: Store = Store::from(LocalStore::new(repository));
    let engine = BackupEngine::open(options, store.clone()).unwrap();
    let report = engine.create_new_backup(source, &CreateBackupOptions::default(), &Quiet);
    scene::assert_valid(&store, &[1], "direct reads");
    report.unwrap()
}

/// Whether the report names this directory as one without direct reads, once.
fn names(report: &CreateReport, directory: &Path) -> bool {
    let warnings = report.warnings.iter();
    let mut refused = warnings.filter(|warning| warning.message.contains("direct reads"));
    let first = refused.next().and_then(|warning| warning.about.clone());
    first.is_some_and(|about| Path::new(&about) == directory) && refused.next().is_none()
}

/// The tables and blobs in a directory, sorted.
fn contents(directory: &Path) -> Vec<Vec<u8>> {
    let paths = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let shared = |path: &PathBuf| {
        let extension = path.extension();
        extension.is_some_and(|extension| extension == "sst" || extension == "blob")
    };
    let mut contents: Vec<Vec<u8>> = paths.filter(shared).map(|path| fs::read(path).unwrap()).collect();
    contents.sort();
    contents
}

/// What this thread has had read from disks.
fn read_from_disk() -> u64 {
    let counters = fs::read_to_string("/proc/thread-self/io").unwrap();
    let mut lines = counters.lines();
    let bytes = lines.find_map(|line| line.strip_prefix("read_bytes: "));
    bytes.unwrap().parse().unwrap()
}

/// How much work has read from disks.
fn reads(work: impl FnOnce()) -> u64 {
    let before = read_from_disk();
    work();
    read_from_disk() - before
}

/// Whether a direct read of this file reads from a disk, as it does not on a file system in memory.
fn is_on_a_disk(path: &Path) -> bool {
    let direct = i32::try_from(OFlags::DIRECT.bits()).unwrap();
    let file = fs::OpenOptions::new().read(true).custom_flags(direct).open(path);
    let mut room = vec![0; 8192];
    let start = room.as_ptr().addr().next_multiple_of(4096) - room.as_ptr().addr();
    file.is_ok_and(|file| reads(|| _ = file.read_at(&mut room[start..start + 4096], 0)) > 0)
}

#[test]
fn direct_reads_come_from_the_disk_whatever_is_cached() {
    let mut scene = Scene::empty(DatabaseBuilder::new());
    let number = scene.database.add_tables(1, TABLE_BYTES)[0];
    let table = scene.database.table_path(number, 0);
    if !is_on_a_disk(&table) {
        let test = "direct_reads_come_from_the_disk_whatever_is_cached";
        skip::because(test, "the temporary directory is on no disk with direct reads").unwrap();
        return;
    }
    fs::read(&table).unwrap();
    let repository = scene.path("repository");
    let read_bytes = reads(|| _ = back_up(&scene.source(), &repository, direct()));
    assert!(
        read_bytes >= TABLE_BYTES as u64,
        "only {read_bytes} bytes were read"
    );
}

/// Tables and blobs of sizes around multiples of the alignment.
fn of_many_sizes(path: &Path) -> FakeDatabase {
    let mut database = DatabaseBuilder::new().create(path);
    for size_bytes in [
        4095,
        4096,
        4097,
        (128 << 10) - 1,
        (128 << 10) + 1,
        1 << 20,
        (3 << 20) + 5,
    ] {
        database.add_tables(1, size_bytes);
    }
    database.add_blob(1);
    database.add_blob(3 << 20);
    database.write(20);
    database
}

#[test]
fn files_of_all_sizes_are_stored_as_they_are() {
    let directory = TempDir::new().unwrap();
    let database = of_many_sizes(&directory.path().join("db"));
    let wanted = contents(database.path());
    for buffer_bytes in [None, NonZeroUsize::new(1_000), NonZeroUsize::new(100_000)] {
        let repository = directory.path().join(format!("repository {buffer_bytes:?}"));
        let source = Directory::new(database.path(), SourceKind::Closed);
        let options = direct().with_io_buffer_size_bytes(buffer_bytes);
        let report = back_up(&source, &repository, options);
        assert_eq!(report.warnings, []);
        assert!(contents(&repository.join("shared_checksum")) == wanted);
    }
}

#[test]
fn files_that_a_capture_holds_open_are_read_directly() {
    let directory = TempDir::new().unwrap();
    let mut database = of_many_sizes(&directory.path().join("db"));
    let number = database.add_tables(1, 5_000)[0];
    let wanted = contents(database.path());
    let source = Directory::new(database.path(), SourceKind::Hot);
    let repository = directory.path().join("repository");
    let mut report = None;
    let read = reads(|| report = Some(back_up(&source, &repository, direct())));
    assert!(!names(&report.unwrap(), database.path()));
    assert!(contents(&repository.join("shared_checksum")) == wanted);
    let table = database.table_path(number, 0);
    let bytes = wanted.iter().map(Vec::len).sum::<usize>() as u64;
    assert!(
        !is_on_a_disk(&table) || read >= bytes,
        "{read} of {bytes} bytes were read"
    );
}

/// A file system that has no direct reads, until this is dropped.
struct Ramfs(TempDir);

impl Ramfs {
    fn new() -> Result<Self, String> {
        let directory = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "ramfs", "none"]).arg(directory.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Ramfs(directory)),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(format!("mount: {error}")),
        }
    }
}

impl Drop for Ramfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_file_system_without_direct_reads_is_read_otherwise_and_named() {
    let disk = match Ramfs::new() {
        Ok(disk) => disk,
        Err(reason) => {
            let test = "a_file_system_without_direct_reads_is_read_otherwise_and_named";
            skip::because(test, &format!("no ramfs can be mounted here: {reason}")).unwrap();
            return;
        }
    };
    let database = of_many_sizes(&disk.0.path().join("db"));
    let wanted = contents(database.path());
    let directory = TempDir::new().unwrap();
    let closed: Box<dyn ImageSource> = Box::new(Directory::new(database.path(), SourceKind::Closed));
    let hot: Box<dyn ImageSource> = Box::new(Directory::new(database.path(), SourceKind::Hot).forced(true));
    for (name, source) in [("closed", closed), ("hot", hot)] {
        let repository = directory.path().join(name);
        let report = back_up(source.as_ref(), &repository, direct());
        assert!(contents(&repository.join("shared_checksum")) == wanted, "{name}");
        assert!(names(&report, database.path()), "{name}: {:?}", report.warnings);
    }
}
