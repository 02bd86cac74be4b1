//! Backups and restores on file systems that can share blocks, made in a file and mounted for the test.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{BackupEngine, RestoreOptions};
use stonekeep::image::{Directory, SourceKind};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::skip;
use tempfile::TempDir;

use crate::support::scene;

/// The smallest file systems of these kinds are nearly as large.
const DISK_BYTES: u64 = 400 << 20;
const TABLES: usize = 8;
const TABLE_BYTES: usize = 4 << 20;
const DATABASE_BYTES: u64 = (TABLES * TABLE_BYTES) as u64;
/// What else is written: small files, the file system's own records.
const SLACK_BYTES: u64 = DATABASE_BYTES / 4;

/// A file system that is there until this is dropped.
struct Disk {
    directory: TempDir,
}

impl Disk {
    /// `None` where it cannot be made, which is told as a skip.
    fn new(test: &str, kind: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let (image, root) = (directory.path().join("image"), directory.path().join("root"));
        fs::File::create(&image).unwrap().set_len(DISK_BYTES).unwrap();
        fs::create_dir(&root).unwrap();
        let made = run(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&image));
        let mounted =
            made.and_then(|()| run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&root)));
        match mounted {
            Ok(()) => Some(Disk { directory }),
            Err(reason) => {
                skip::because(test, &format!("no {kind} can be mounted here: {reason}")).unwrap();
                None
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("root").join(name)
    }

    fn used_bytes(&self) -> u64 {
        let root = fs::File::open(self.path("")).unwrap();
        rustix::fs::syncfs(&root).unwrap();
        let state = rustix::fs::fstatvfs(&root).unwrap();
        (state.f_blocks - state.f_bfree) * state.f_frsize
    }

    /// How much more is used after this.
    fn grows_by(&self, work: impl FnOnce()) -> u64 {
        let before = self.used_bytes();
        work();
        self.used_bytes().saturating_sub(before)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path("")).status();
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("{:?}: {error}", command.get_program())),
    }
}

fn engine(repository: &Path, reflink: bool) -> BackupEngine {
    let options = scene::options().with_sync(true).with_reflink(reflink);
    BackupEngine::open(options, Store::from(LocalStore::new(repository))).unwrap()
}

fn make_database(builder: DatabaseBuilder, path: &Path) {
    builder.create(path).add_tables(TABLES, TABLE_BYTES);
}

fn back_up(database: &Path, repository: &Path, reflink: bool) {
    let source = Directory::new(database, SourceKind::Closed);
    let report = engine(repository, reflink).create_new_backup(&source, &Default::default(), &Quiet);
    assert_eq!(report.unwrap().bytes_copied / DATABASE_BYTES, 1);
}

fn is_clean(repository: &Path) -> bool {
    let report = engine(repository, true).verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet);
    report.unwrap().is_clean()
}

fn restore(repository: &Path, target: &Path) -> stonekeep::Result<()> {
    let options = RestoreOptions::default();
    engine(repository, true).restore_db_from_backup(WhichBackup::Latest, target, &options, &Quiet)?;
    Ok(())
}

fn tables(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut tables: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "sst"))
        .collect();
    tables.sort();
    tables
}

fn flip_a_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[TABLE_BYTES / 2] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn for_each_kind(test: &str, check: impl Fn(&Disk)) {
    for kind in ["xfs", "btrfs"] {
        if let Some(disk) = Disk::new(test, kind) {
            check(&disk);
        }
    }
}

#[test]
fn backup_and_restore_share_the_blocks_of_tables() {
    for_each_kind("backup_and_restore_share_the_blocks_of_tables", |disk| {
        let (db, repository, target) = (disk.path("db"), disk.path("repository"), disk.path("target"));
        make_database(DatabaseBuilder::new(), &db);
        assert!(disk.grows_by(|| back_up(&db, &repository, true)) < SLACK_BYTES);
        assert!(is_clean(&repository));
        assert!(disk.grows_by(|| restore(&repository, &target).unwrap()) < SLACK_BYTES);
        assert_eq!(tables(&db).len(), TABLES);
        for (original, restored) in tables(&db).iter().zip(tables(&target)) {
            assert_eq!(fs::read(original).unwrap(), fs::read(restored).unwrap());
        }
        // A change of the one is none of the other.
        flip_a_byte(&tables(&db)[0]);
        assert!(is_clean(&repository));
        let copied = disk.path("copied");
        assert!(disk.grows_by(|| back_up(&target, &copied, false)) > DATABASE_BYTES - SLACK_BYTES);
    });
}

#[test]
fn shared_blocks_are_checked_before_anything_is_restored() {
    for_each_kind("shared_blocks_are_checked_before_anything_is_restored", |disk| {
        let (db, repository, target) = (disk.path("db"), disk.path("repository"), disk.path("target"));
        make_database(DatabaseBuilder::new(), &db);
        back_up(&db, &repository, true);
        flip_a_byte(&tables(&repository.join("shared_checksum"))[0]);
        let error = restore(&repository, &target).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(tables(&target), Vec::<PathBuf>::new());
    });
}

#[test]
fn a_checksum_of_the_manifest_is_taken_over_without_reading_the_table() {
    for_each_kind("a_checksum_of_the_manifest_is_taken_over", |disk| {
        let (db, repository) = (disk.path("db"), disk.path("repository"));
        make_database(DatabaseBuilder::new().file_checksums(), &db);
        back_up(&db, &repository, true);
        assert!(is_clean(&repository));
        flip_a_byte(&tables(&db)[0]);
        let second = disk.path("second");
        back_up(&db, &second, true);
        assert!(!is_clean(&second));
        let third = engine(&disk.path("third"), false);
        let refused = third.create_new_backup(
            &Directory::new(&db, SourceKind::Closed),
            &Default::default(),
            &Quiet,
        );
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Corrupt);
    });
}

/// Of a table whose checksum the MANIFEST has, nothing else is read.
#[test]
fn a_damaged_end_of_a_table_is_found_though_its_blocks_are_shared() {
    for_each_kind("a_damaged_end_of_a_table_is_found", |disk| {
        for (name, builder) in [
            ("with", DatabaseBuilder::new().file_checksums()),
            ("without", DatabaseBuilder::new()),
        ] {
            let db = disk.path(&format!("db-{name}"));
            make_database(builder, &db);
            let damaged = tables(&db).remove(3);
            let file = fs::OpenOptions::new().write(true).open(&damaged).unwrap();
            file.write_all_at(&[0; 4096], (TABLE_BYTES - 4096) as u64)
                .unwrap();
            let engine = engine(&disk.path(&format!("repository-{name}")), true);
            let refused = engine.create_new_backup(
                &Directory::new(&db, SourceKind::Closed),
                &Default::default(),
                &Quiet,
            );
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!(error.to_string().contains("ends in zeros"), "{error}");
            assert_eq!(error.findings()[0].file, damaged.display().to_string());
        }
    });
}

#[test]
fn files_of_another_file_system_are_copied() {
    for_each_kind("files_of_another_file_system_are_copied", |disk| {
        let elsewhere = tempfile::tempdir().unwrap();
        let (db, repository) = (elsewhere.path().join("db"), disk.path("repository"));
        make_database(DatabaseBuilder::new(), &db);
        assert!(disk.grows_by(|| back_up(&db, &repository, true)) > DATABASE_BYTES - SLACK_BYTES);
        let target = elsewhere.path().join("target");
        restore(&repository, &target).unwrap();
        assert_eq!(tables(&target).len(), TABLES);
    });
}
