//! Several processes on one repository: writers take turns, readers hold up nobody.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use stonekeep::engine::collect::DEFAULT_MIN_AGE;
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{BackupEngine, BackupEngineOptions, BackupEngineReadOnly, CreateBackupOptions};
use stonekeep::image::{Directory, SourceKind};
use stonekeep::repo::pin;
use stonekeep::store::local::LocalStore;
use stonekeep::store::{LockWait, Store};
use stonekeep::{ErrorKind, Observer, Phase, Progress, Quiet};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::fake_clock::FakeClock;
use tempfile::TempDir;

use crate::collect::scene::{engine, files, files_of, id, put_our_backup};
use crate::support::second_process::{Holder, KilledWhileAsked, hold, store_of_second_process};

const FIRST: (u32, &[u64]) = (1, &[1, 2, 3]);
const SECOND: (u32, &[u64]) = (2, &[2, 3, 4]);

fn repository() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store: Store = Store::from(LocalStore::new(directory.path()));
    put_our_backup(&store, FIRST.0, FIRST.1);
    put_our_backup(&store, SECOND.0, SECOND.1);
    (directory, store)
}

fn waiting(store: &Store, wait: LockWait) -> BackupEngine {
    let options = BackupEngineOptions::default()
        .with_lock_wait(wait)
        .with_io_buffer_size_bytes(NonZeroUsize::new(4096));
    BackupEngine::open(options, store.clone()).unwrap()
}

/// Stops inside a verb, while it holds the writer's lock.
struct StopsWhileCollecting;

impl Observer for StopsWhileCollecting {
    fn progressed(&self, progress: &Progress) {
        if progress.phase == Phase::Collecting {
            hold("the lock", ());
        }
    }
}

#[test]
fn a_writer_keeps_another_one_out_and_is_named() {
    if let Some(store) = store_of_second_process() {
        let options = BackupEngineOptions::default().with_lock_holder("stonekeep purge, on this machine");
        let engine = BackupEngine::open(options, store).unwrap();
        engine.purge_old_backups(1, &StopsWhileCollecting).unwrap();
        return;
    }
    let (directory, store) = repository();
    let test = "store::processes::a_writer_keeps_another_one_out_and_is_named";
    let (holder, _) = Holder::start(test, directory.path());
    let error = engine(&store).delete_backup(id(2), &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(
        error
            .to_string()
            .contains("locked by stonekeep purge, on this machine"),
        "{error}"
    );
    let clock = Arc::new(FakeClock::at_unix_seconds(1));
    let obedient: Store = Store::from(LocalStore::new(directory.path()).with_clock(clock.clone()));
    let at_most = Duration::from_secs(600);
    let error = waiting(&obedient, LockWait::AtMost(at_most))
        .garbage_collect(DEFAULT_MIN_AGE, &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert_eq!(clock.slept(), at_most);
    // Whatever the writer does, readers go on.
    let reader = BackupEngineReadOnly::open(BackupEngineOptions::default(), store.clone()).unwrap();
    let report = reader
        .verify_backups(id(2), VerifyLevel::Checksum, &Quiet)
        .unwrap();
    assert!(report.is_clean());

    // It had deleted backup 1, and is killed before anything of it was removed.
    holder.kill();
    assert!(directory.path().join("private/1/CURRENT").exists());
    waiting(&store, LockWait::Fail)
        .garbage_collect(DEFAULT_MIN_AGE, &Quiet)
        .unwrap();
    assert_eq!(files(&store), files_of(&[SECOND]));
}

#[test]
fn who_waits_gets_the_lock_when_its_holder_is_killed() {
    if let Some(store) = store_of_second_process() {
        let engine = BackupEngine::open(BackupEngineOptions::default(), store).unwrap();
        engine.purge_old_backups(1, &StopsWhileCollecting).unwrap();
        return;
    }
    let (directory, store) = repository();
    let test = "store::processes::who_waits_gets_the_lock_when_its_holder_is_killed";
    let (holder, _) = Holder::start(test, directory.path());
    let killing = KilledWhileAsked::new(holder);
    let engine = waiting(&store, LockWait::Forever);
    engine.delete_backup(id(2), &killing).unwrap();
    assert!(killing.is_done());
    assert_eq!(files(&store).len(), 0);
}

#[test]
fn readers_hold_up_no_writer() {
    if let Some(store) = store_of_second_process() {
        hold("a pin", pin::pin(&store, id(1)).unwrap());
    }
    let (directory, store) = repository();
    let test = "store::processes::readers_hold_up_no_writer";
    let (holder, _) = Holder::start(test, directory.path());
    let database = tempfile::tempdir().unwrap();
    let mut fake = DatabaseBuilder::new().create(&database.path().join("db"));
    fake.add_tables(2, 3_000);
    let engine = waiting(&store, LockWait::Fail);
    let source = Directory::new(fake.path(), SourceKind::Closed);
    let report = engine
        .create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    assert_eq!(report.backup_id, id(3));
    engine.purge_old_backups(1, &Quiet).unwrap();
    assert_eq!(engine.backup_ids().unwrap(), [id(3)]);
    assert!(directory.path().join("private/1/CURRENT").exists());
    assert!(!directory.path().join("private/2").exists());
    holder.kill();
    engine.garbage_collect(DEFAULT_MIN_AGE, &Quiet).unwrap();
    assert!(!directory.path().join("private/1").exists());
}

/// Makes backups and purges, again and again, waiting for its turn.
fn take_part(store: Store, database: &Path) {
    let engine = waiting(&store, LockWait::Forever);
    let source = Directory::new(database, SourceKind::Closed);
    let options = CreateBackupOptions::default().with_allow_other_database(true);
    for _ in 0..5 {
        engine.create_new_backup(&source, &options, &Quiet).unwrap();
        engine.purge_old_backups(3, &Quiet).unwrap();
    }
}

#[test]
fn two_processes_that_write_at_the_same_time_take_turns() {
    const DATABASE: &str = "STONEKEEP_TEST_DATABASE";
    if let Some(store) = store_of_second_process() {
        let database = std::env::var_os(DATABASE).unwrap();
        take_part(store, Path::new(&database));
        return;
    }
    let (directory, store) = repository();
    let databases = tempfile::tempdir().unwrap();
    let paths = ["one", "other"].map(|name| databases.path().join(name));
    let mut fakes = paths.each_ref().map(|path| DatabaseBuilder::new().create(path));
    fakes[0].add_tables(2, 3_000);
    fakes[1].add_tables(3, 3_000);
    // Else the sequence number would go back whenever it is the first one's turn, and a purge keep the backup before that.
    while fakes[0].sequence_number() < fakes[1].sequence_number() {
        fakes[0].write(1);
    }
    assert_eq!(fakes[0].sequence_number(), fakes[1].sequence_number());
    let test = "store::processes::two_processes_that_write_at_the_same_time_take_turns";
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact"])
        .env(crate::support::second_process::REPOSITORY, directory.path())
        .env(DATABASE, &paths[1])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    take_part(store.clone(), &paths[0]);
    assert!(other.wait().unwrap().success());
    let engine = engine(&store);
    let ids: Vec<u32> = engine.backup_ids().unwrap().iter().map(|id| id.get()).collect();
    assert_eq!((ids.len(), *ids.last().unwrap()), (3, 2 + 10), "{ids:?}");
    let report = engine
        .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
        .unwrap();
    assert_eq!(report.findings, []);
    let report = engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
    assert_eq!(report.deleted_files, []);
}

/// A program that another thread starts has, for a moment, all open files of this process.
#[test]
fn a_released_lock_is_free_though_a_child_was_being_started() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::from(LocalStore::new(directory.path()));
    let started = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..100 {
                std::process::Command::new("true").status().unwrap();
            }
            started.store(false, std::sync::atomic::Ordering::SeqCst);
        });
        while started.load(std::sync::atomic::Ordering::SeqCst) {
            store.lease(LockWait::Fail, "this test", &|| false).unwrap();
        }
    });
}
