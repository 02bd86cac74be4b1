//! Pins: a reader keeps the files of a backup that somebody deletes meanwhile.

use std::sync::{Arc, mpsc};
use std::thread::Scope;
use std::time::Duration;

use stonekeep::engine::collect::{DEFAULT_MIN_AGE, DeleteOptions};
use stonekeep::engine::{BackupEngine, BackupEngineOptions, Components};
use stonekeep::format::backup_name::RepoPath;
use stonekeep::repo::catalog;
use stonekeep::repo::pin::{self, Pinned};
use stonekeep::store::local::LocalStore;
use stonekeep::store::{LockWait, Store};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::fake_clock::FakeClock;
use stonekeep_testkit::fault_store::FaultStore;
use tempfile::TempDir;

use crate::collect::scene::*;
use crate::hot::meddler::{Deed, Meddler};
use crate::support::second_process::{Holder, hold, store_of_second_process};

const FIRST: (u32, &[u64]) = (1, &[1, 2, 3]);
const SECOND: (u32, &[u64]) = (2, &[2, 3, 4]);
const THIRD: (u32, &[u64]) = (3, &[3, 4, 5]);

fn put_three(store: &Store) {
    for (backup, tables) in [FIRST, SECOND, THIRD] {
        put_our_backup(store, backup, tables);
    }
}

fn local() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::from(LocalStore::new(directory.path()));
    (directory, store)
}

/// Whether every file that the pinned backup names is there with its content.
fn read_all(store: &Store, pinned: &Pinned) -> stonekeep::Result<()> {
    for file in &pinned.loaded.meta.files {
        let path = file.path.to_string();
        let bytes = store.read(&key(&path), 1 << 20)?;
        assert_eq!(file.crc32c.unwrap().0, crc32c::crc32c(&bytes), "{path}");
    }
    Ok(())
}

/// The files of the repository without pins and records of deleted backups.
fn without_records(store: &Store) -> std::collections::BTreeSet<String> {
    let mut files = files(store);
    files.retain(|path| !path.starts_with("stonekeep/pins/") && !path.starts_with("stonekeep/deleted/"));
    files
}

#[test]
fn the_bytes_of_a_pinned_backup_go_when_its_last_reader_has_ended() {
    let (_directory, local) = local();
    for store in [memory().1, local] {
        put_three(&store);
        let first_reader = pin::pin(&store, id(1)).unwrap();
        let second_reader = pin::pin(&store, id(1)).unwrap();
        assert!(first_reader.is_held());
        let planned = engine(&store).plan_delete_backup(id(1), &Quiet).unwrap();
        let report = engine(&store).delete_backup(id(1), &Quiet).unwrap();
        assert_eq!(report.deleted_backups, [id(1)]);
        assert_eq!(report.deleted_files, []);
        let held = report.held_by_pins.first().unwrap();
        assert_eq!((held.backup_id, held.files), (id(1), 1 + 3));
        let bytes: u64 = first_reader
            .loaded
            .meta
            .files
            .iter()
            .filter(|file| matches!(file.path, RepoPath::Private(_)) || file.path == table(1).0)
            .map(|file| {
                store
                    .stat(&key(&file.path.to_string()))
                    .unwrap()
                    .unwrap()
                    .size_bytes
            })
            .sum();
        assert_eq!(held.bytes, bytes);
        assert_eq!(planned.held_by_pins, report.held_by_pins);

        assert_eq!(engine(&store).backup_ids().unwrap(), [id(2), id(3)]);
        // Facts stay, too: a restore under way may still ask for them.
        let mut expected = files_of(&[FIRST, SECOND, THIRD]);
        expected.remove("meta/1");
        assert_eq!(without_records(&store), expected);
        read_all(&store, &first_reader).unwrap();
        let error = pin::pin(&store, id(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);

        drop(first_reader);
        let report = engine(&store).purge_old_backups(9, &Quiet).unwrap();
        assert_eq!(report.held_by_pins.len(), 1);
        read_all(&store, &second_reader).unwrap();
        drop(second_reader);
        let report = engine(&store).purge_old_backups(9, &Quiet).unwrap();
        assert_eq!((report.deleted_files.len(), report.held_by_pins.len()), (5, 0));
        assert_eq!(files(&store), files_of(&[SECOND, THIRD]));
    }
}

#[test]
fn deleting_a_pinned_backup_again_is_no_error() {
    let (_, store) = memory();
    put_three(&store);
    let pinned = pin::pin(&store, id(1)).unwrap();
    for _ in 0..2 {
        let report = engine(&store).delete_backup(id(1), &Quiet).unwrap();
        assert_eq!(report.held_by_pins.len(), 1);
    }
    drop(pinned);
    engine(&store).delete_backup(id(1), &Quiet).unwrap();
    assert_eq!(files(&store), files_of(&[SECOND, THIRD]));
}

#[test]
fn a_pin_holds_no_more_than_its_backup() {
    let (_, store) = memory();
    put_three(&store);
    put_our_backup(&store, 4, &[6, 7]);
    let pinned = pin::pin(&store, id(2)).unwrap();
    let live = pin::pin(&store, id(4)).unwrap();
    let report = engine(&store)
        .delete_backups(&[id(1), id(2), id(3)], &DeleteOptions::default(), &Quiet)
        .unwrap();
    let held: Vec<_> = report
        .held_by_pins
        .iter()
        .map(|held| (held.backup_id, held.files))
        .collect();
    assert_eq!(held, [(id(2), 6)]);
    let records: Vec<String> = files(&store)
        .into_iter()
        .filter(|path| path.starts_with("stonekeep/deleted/"))
        .collect();
    assert_eq!(records.len(), 1, "{records:?}");
    assert!(records[0].starts_with("stonekeep/deleted/2-"));
    let mut expected = files_of(&[SECOND, (4, &[6, 7])]);
    expected.remove("meta/2");
    assert_eq!(without_records(&store), expected);
    read_all(&store, &pinned).unwrap();
    drop((pinned, live));
    engine(&store).garbage_collect(DEFAULT_MIN_AGE, &Quiet).unwrap();
    assert_eq!(files(&store), files_of(&[(4, &[6, 7])]));
}

#[test]
fn a_pin_whose_holder_died_holds_nothing() {
    let (_, store) = memory();
    put_three(&store);
    // The reader dies at the step after its pin.
    let dying: Store = Store::from(FaultStore::kill_at(store.clone(), 2));
    let pinned = pin::pin(&dying, id(1)).unwrap();
    dying.discard("9").unwrap_err();
    drop(pinned);
    let is_there = || {
        files(&store)
            .iter()
            .any(|path| path.starts_with("stonekeep/pins/"))
    };
    assert!(is_there());
    // A dry run changes nothing, so that it cannot tell the dead from the living.
    let planned = engine(&store).plan_delete_backup(id(1), &Quiet).unwrap();
    assert_eq!(planned.held_by_pins.len(), 1);
    assert!(is_there());
    let report = engine(&store).delete_backup(id(1), &Quiet).unwrap();
    assert_eq!(report.held_by_pins, []);
    assert_eq!(files(&store), files_of(&[SECOND, THIRD]));
}

#[test]
fn a_pin_that_cannot_be_read_holds_everything() {
    let clock = Arc::new(FakeClock::at_unix_seconds(1_700_000_000));
    let (_, store) = memory();
    put_three(&store);
    let components = Components::default().with_clock(clock.clone());
    let engine = BackupEngine::open(BackupEngineOptions::default(), store.clone())
        .unwrap()
        .with_components(components);
    let (pin, guard) = store
        .pin(&key("stonekeep/pins"), b"{\"stonekeep_pin\":2}\n")
        .unwrap();
    let report = engine.delete_backup(id(1), &Quiet).unwrap();
    assert_eq!(report.deleted_backups, [id(1)]);
    assert_eq!(report.deleted_files, []);
    assert_eq!(report.warnings[0].about.as_deref(), Some(pin.as_str()));
    assert!(
        clock.slept() > Duration::ZERO,
        "it may be half written, so it is looked at again"
    );
    let mut expected = files_of(&[FIRST, SECOND, THIRD]);
    expected.remove("meta/1");
    assert_eq!(without_records(&store), expected);
    drop(guard);
    engine.garbage_collect(DEFAULT_MIN_AGE, &Quiet).unwrap();
    assert_eq!(files(&store), files_of(&[SECOND, THIRD]));
}

#[test]
fn a_late_reader_does_not_make_a_file_lose_its_record() {
    let (_, store) = memory();
    put_three(&store);
    // It has read the meta file and made its pin, and has not looked for the meta file again.
    let late = pin::pin(&store, id(1)).unwrap();
    let record = files(&store)
        .into_iter()
        .find(|path| path.contains("pins/"))
        .unwrap();
    let content = store.read(&key(&record), 1 << 20).unwrap();
    drop(late);
    engine(&store).delete_backup(id(1), &Quiet).unwrap();
    let (_pin, late) = store.pin(&key("stonekeep/pins"), &content).unwrap();
    let report = engine(&store).delete_backup(id(2), &Quiet).unwrap();
    assert_eq!(
        report.held_by_pins[0].files, 1,
        "table 2, which backup 3 does not name"
    );
    drop(late);
    let report = engine(&store).garbage_collect(DEFAULT_MIN_AGE, &Quiet).unwrap();
    assert_eq!((report.too_young, report.deleted_files.len()), (0, 1));
    assert_eq!(files(&store), files_of(&[THIRD]));
}

/// A deletion of backup 1 during which a reader comes at the given moment.
fn reader_comes(at: &str, after: bool) -> (Store, stonekeep::Result<Pinned>, u64) {
    let (_, store) = memory();
    put_three(&store);
    let (sender, receiver) = mpsc::channel();
    let reader = store.clone();
    let deed = Deed::Do(Box::new(move || sender.send(pin::pin(&reader, id(1))).unwrap()));
    let meddled = Meddler::store(&store, at, after, deed);
    let report = engine(&meddled).delete_backup(id(1), &Quiet).unwrap();
    let held = report.held_by_pins.iter().map(|held| held.files).sum();
    (store, receiver.recv().unwrap(), held)
}

#[test]
fn a_reader_during_a_deletion_gets_the_complete_backup_or_none() {
    let record = format!(
        "stonekeep/deleted/1-{:08x}",
        crc32c::crc32c(&meta_text(FIRST.0, FIRST.1))
    );
    for (at, after) in [(&*record, false), (&*record, true), ("meta/1", false)] {
        let (store, pinned, held) = reader_comes(at, after);
        assert_eq!(held, 4, "{at}");
        read_all(&store, &pinned.unwrap()).unwrap();
    }
    for (at, after) in [("meta/1", true), ("stonekeep/pins", true), ("private", true)] {
        let (store, pinned, held) = reader_comes(at, after);
        assert_eq!(
            (pinned.unwrap_err().kind(), held),
            (ErrorKind::NotFound, 0),
            "{at}"
        );
        assert_eq!(files(&store), files_of(&[SECOND, THIRD]), "{at}");
    }
}

#[test]
fn a_backup_that_changed_since_it_was_read_is_pinned_as_it_is_now() {
    let (_, store) = memory();
    put_three(&store);
    let read = |backup| {
        let state = catalog::load(&store, id(backup)).unwrap();
        state.into_result().unwrap()
    };
    let (before, another) = (read(1), read(2));
    assert!(store.stat(&key("meta/1")).unwrap().is_some());
    store.delete_one(&key("meta/1")).unwrap();
    put(&store, "meta/1", &meta_text(1, &[3, 4]));
    let now = read(1);
    for known in [Some(before), Some(another), Some(now.clone()), None] {
        let pinned = pin::pin_known(&store, id(1), known).unwrap();
        assert_eq!(pinned.loaded.meta, now.meta);
    }
}

/// What a reader of a race answers.
#[derive(Debug, PartialEq)]
enum Answer {
    /// The backup was pinned, and every file was there.
    Read,
    /// The backup is deleted.
    Gone,
}

/// A thread that reads each backup which it is sent, again and again until it is deleted.
struct Reader {
    orders: mpsc::Sender<u32>,
    answers: mpsc::Receiver<Answer>,
}

impl Reader {
    fn start<'scope>(scope: &'scope Scope<'scope, '_>, store: Store) -> Self {
        let (orders, backups) = mpsc::channel::<u32>();
        let (sender, answers) = mpsc::channel();
        scope.spawn(move || {
            for backup in backups {
                while let Answer::Read = read_once(&store, backup) {
                    sender.send(Answer::Read).unwrap();
                }
                sender.send(Answer::Gone).unwrap();
            }
        });
        Reader { orders, answers }
    }

    /// Fails where the thread has ended with a failure.
    fn next_answer(&self) -> Answer {
        self.answers.recv().expect("a reader has failed")
    }
}

fn read_once(store: &Store, backup: u32) -> Answer {
    match pin::pin(store, id(backup)) {
        Ok(pinned) => {
            read_all(store, &pinned).unwrap();
            Answer::Read
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{}", error.one_line());
            Answer::Gone
        }
    }
}

/// Readers pin and read whatever there is, while one backup after the other is made and deleted: in every second round
/// at once, in the others when it was read.
fn race(store: Store, rounds: u32) {
    let options = BackupEngineOptions::default()
        .with_sync(false)
        .with_lock_wait(LockWait::Forever);
    let engine = BackupEngine::open(options, store.clone()).unwrap();
    // One that stays: without any file, a repository in memory is none.
    put_our_backup(&store, 1, &[1, 2]);
    std::thread::scope(|scope| {
        let readers: Vec<Reader> = (0..3).map(|_| Reader::start(scope, store.clone())).collect();
        for backup in 2..rounds + 2 {
            let tables = [u64::from(backup), u64::from(backup) + 1];
            put_our_backup(&store, backup, &tables);
            readers
                .iter()
                .for_each(|reader| reader.orders.send(backup).unwrap());
            if backup % 2 == 0 {
                assert_eq!(readers[0].next_answer(), Answer::Read);
            }
            engine.delete_backup(id(backup), &Quiet).unwrap();
            for reader in &readers {
                while reader.next_answer() == Answer::Read {}
            }
        }
    });
    engine.garbage_collect(DEFAULT_MIN_AGE, &Quiet).unwrap();
    assert_eq!(files(&store), files_of(&[(1, &[1, 2])]), "after {rounds} backups");
}

#[test]
fn no_reader_loses_a_file_to_a_collector_in_memory() {
    race(memory().1, 100);
}

#[test]
fn no_reader_loses_a_file_to_a_collector_on_local_disk() {
    let (_directory, store) = local();
    race(store, 20);
}

#[test]
fn a_reader_in_another_process_keeps_its_backup_until_it_is_killed() {
    if let Some(store) = store_of_second_process() {
        hold("a pin", pin::pin(&store, id(1)).unwrap());
    }
    let (directory, store) = local();
    put_three(&store);
    let test = "store::pins::a_reader_in_another_process_keeps_its_backup_until_it_is_killed";
    let (holder, _) = Holder::start(test, directory.path());
    let report = engine(&store).delete_backup(id(1), &Quiet).unwrap();
    assert_eq!(report.held_by_pins.len(), 1);
    assert!(directory.path().join("private/1/CURRENT").exists());
    holder.kill();
    engine(&store).garbage_collect(DEFAULT_MIN_AGE, &Quiet).unwrap();
    assert_eq!(files(&store), files_of(&[SECOND, THIRD]));
}
