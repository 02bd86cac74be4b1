//! RocksDB's engine changes a repository during our backup. It ignores our lock.

use std::path::Path;
use std::sync::{Arc, Mutex};

use stonekeep::engine::{BackupEngine, CreateBackupOptions};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_proof::engine::{EngineOptions, RocksBackupEngine};
use stonekeep_proof::makers::{self, ClosedDatabase, Workbench};

use crate::judge::{self, Recorded};
use crate::meddled_store::{Action, MeddledStore};
use crate::ours;
use crate::their_backups;

/// A repository with a backup of ours, and the database changed since.
fn backed_up(root: &Path) -> (Recorded, ClosedDatabase) {
    let closed = Workbench::create(makers::by_name("blobs").unwrap(), root)
        .unwrap()
        .close();
    let report = ours::back_up(&ours::engine(&root.join("repo")), &closed);
    let recorded = Recorded {
        id: 1,
        contents: closed.contents.clone(),
        sequence: report.sequence_number.0,
    };
    let mut bench = Workbench::reopen(closed).unwrap();
    bench.change().unwrap();
    (recorded, bench.close())
}

fn rocksdb(repository: &Path) -> RocksBackupEngine {
    RocksBackupEngine::open(repository, &EngineOptions::default()).unwrap()
}

/// How many disturbed backups succeeded, and how many were refused.
#[derive(Debug, Default)]
struct Ended {
    well: usize,
    refused: usize,
}

/// Meddles before each operation in turn, until there are no more, and judges what became of backup and repository.
fn disturb_each_operation(
    root: &Path,
    action: impl Fn() -> Box<Action>,
    theirs: impl Fn() -> Option<Recorded>,
) -> Ended {
    let (first, closed) = backed_up(root);
    let intact = root.join("intact");
    judge::copy(&root.join("repo"), &intact);
    // The other backup that may appear is of another database.
    let options = CreateBackupOptions::default().with_allow_other_database(true);
    let mut ended = Ended::default();
    for before in 0.. {
        let repository = root.join(format!("repo-{before}"));
        judge::copy(&intact, &repository);
        let store = MeddledStore::new(&repository, before, action());
        let engine = BackupEngine::open(ours::options(), store.clone()).unwrap();
        let outcome = engine.create_new_backup(&ours::source(&closed), &options, &Quiet);
        if !store.was_meddled_with() {
            break;
        }
        let report = match outcome {
            Ok(report) => {
                ended.well += 1;
                report
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Refused, "before {before}: {error:?}");
                ended.refused += 1;
                ours::back_up_with(&ours::engine(&repository), &closed, &options)
            }
        };
        let mut recorded = vec![first.clone()];
        recorded.extend(theirs());
        recorded.push(Recorded {
            id: report.backup_id.get(),
            contents: closed.contents.clone(),
            sequence: report.sequence_number.0,
        });
        recorded.sort_by_key(|backup| backup.id);
        judge::accepts(&repository, &recorded, &format!("before operation {before}"));
    }
    ended
}

#[test]
fn garbage_collected_by_rocksdb_while_we_back_up() {
    let root = tempfile::tempdir().unwrap();
    let collect = || -> Box<Action> { Box::new(|repository| rocksdb(repository).collect_garbage().unwrap()) };
    let ended = disturb_each_operation(root.path(), collect, || None);
    // Between publishing its files and its commit a backup is garbage to RocksDB.
    assert!(ended.well > 20 && ended.refused > 0, "{ended:?}");
}

#[test]
fn an_id_taken_by_rocksdb_while_we_back_up() {
    let root = tempfile::tempdir().unwrap();
    let other_root = root.path().join("other");
    std::fs::create_dir(&other_root).unwrap();
    let other = Workbench::create(makers::by_name("wal only").unwrap(), &other_root).unwrap();
    let (other, taken) = (Arc::new(Mutex::new(other)), Arc::new(Mutex::new(None)));
    let create = || -> Box<Action> {
        let (other, taken) = (other.clone(), taken.clone());
        Box::new(move |repository| {
            let way = their_backups::defaults();
            let recorded = their_backups::back_up(&rocksdb(repository), &other.lock().unwrap(), &way, b"");
            *taken.lock().unwrap() = Some(recorded);
        })
    };
    let ended = disturb_each_operation(root.path(), create, || taken.lock().unwrap().take());
    assert!(ended.well > 20, "{ended:?}");
}
