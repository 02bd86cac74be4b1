//! What a killed backup leaves: deletions keep what the next one can use, a collection removes it.

use std::num::NonZeroUsize;
use std::time::Duration;

use stonekeep::Quiet;
use stonekeep::engine::collect::{DeletedFile, GarbageKind};
use stonekeep::engine::create::CreateReport;
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{BackupEngine, BackupEngineOptions, CreateBackupOptions};
use stonekeep::image::{Directory, SourceKind};
use stonekeep::store::Store;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};
use stonekeep_testkit::fault_store::FaultStore;
use stonekeep_testkit::store_conformance::uploads;
use tempfile::TempDir;

use crate::collect::scene::{files, id, memory};

const TABLES: usize = 4;

/// A database with new tables since its only backup.
struct Changed {
    _directory: TempDir,
    database: FakeDatabase,
    store: Store,
}

fn open(store: Store) -> BackupEngine {
    let options = BackupEngineOptions::default()
        .with_max_background_operations(NonZeroUsize::new(1))
        .with_io_buffer_size_bytes(NonZeroUsize::new(4096));
    BackupEngine::open(options, store).unwrap()
}

fn changed() -> Changed {
    let directory = tempfile::tempdir().unwrap();
    let mut database = DatabaseBuilder::new().create(&directory.path().join("db"));
    database.add_tables(2, 3_000);
    let (_, store) = memory();
    let mut changed = Changed {
        _directory: directory,
        database,
        store,
    };
    changed.back_up(changed.store.clone()).unwrap();
    changed.database.add_tables(TABLES, 3_000);
    changed
}

impl Changed {
    fn back_up(&self, store: Store) -> stonekeep::Result<CreateReport> {
        let source = Directory::new(self.database.path(), SourceKind::Closed);
        open(store).create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
    }

    fn steps(&self) -> Vec<String> {
        let counting = FaultStore::counting(self.store.clone());
        self.back_up(counting.clone().into()).unwrap();
        counting.step_names()
    }

    /// Kills a backup before this step, counted from 1.
    fn kill(&self, step: usize) {
        let killed = FaultStore::kill_at(self.store.clone(), step);
        // The last step removes the staging area: what fails after the commit does not make the backup fail.
        let outcome = self.back_up(killed.clone().into());
        assert!(outcome.is_err() || killed.stopped_before().unwrap().starts_with("discard"));
    }

    fn assert_clean(&self, when: &str) {
        let report = open(self.store.clone()).verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet);
        assert_eq!(report.unwrap().findings, [], "{when}");
    }
}

fn step(steps: &[String], start: &str) -> usize {
    1 + steps
        .iter()
        .position(|step| step.starts_with(start))
        .unwrap_or_else(|| {
            panic!("no step {start} in {steps:?}");
        })
}

#[test]
fn a_collection_leaves_nothing_of_a_backup_killed_at_any_step() {
    let steps = changed().steps();
    for (before, name) in steps.iter().enumerate() {
        let changed = changed();
        let whole = files(&changed.store);
        changed.kill(before + 1);
        let engine = open(changed.store.clone());
        engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
        changed.assert_clean(name);
        match engine.backup_ids().unwrap().len() {
            1 => assert_eq!(files(&changed.store), whole, "killed before {name}"),
            _ => assert!(name.starts_with("discard"), "committed, but killed before {name}"),
        }
        changed.back_up(changed.store.clone()).unwrap();
        changed.assert_clean(name);
    }
}

#[test]
fn a_deletion_keeps_what_the_next_backup_can_use() {
    let steps = changed().steps();
    let after_journal = step(&steps, "finish shared_checksum/");
    for (before, name) in steps.iter().enumerate() {
        let changed = changed();
        changed.kill(before + 1);
        let engine = open(changed.store.clone());
        engine.purge_old_backups(1, &Quiet).unwrap();
        changed.assert_clean(name);
        let report = changed.back_up(changed.store.clone()).unwrap();
        let again = report.files.iter().filter(|file| {
            file.action == stonekeep::engine::create::FileAction::Copy && file.path.starts_with("shared")
        });
        if before + 1 >= after_journal {
            assert_eq!(again.count(), 0, "killed before {name}: copied again");
        }
        changed.assert_clean(name);
        // A private directory that was published before the facts were could be a foreign engine's: it has to be old.
        let report = engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
        let known = |file: &DeletedFile| {
            file.why != GarbageKind::UnknownOrigin || !file.path.starts_with("private/2/")
        };
        assert!(
            !report.deleted_files.iter().any(known),
            "killed before {name}: {report:?}"
        );
    }
}

#[test]
fn the_report_lists_what_is_kept_for_the_next_backup() {
    let changed = changed();
    let steps = {
        let other = self::changed();
        other.steps()
    };
    // One table has its final name, the others are still staged.
    changed.kill(step(&steps, "finish shared_checksum/") + 1);
    let engine = open(changed.store.clone());
    let kept = engine.plan_purge_old_backups(1, &Quiet).unwrap();
    assert_eq!(kept.deleted_files, []);
    let staged = uploads(&changed.store, "2");
    let staged = staged
        .iter()
        .filter(|staged| !staged.key.as_str().starts_with("journal/"));
    assert_eq!(
        kept.unfinished.files,
        staged.count() as u64 + 1,
        "one is published"
    );
    assert!(kept.unfinished.bytes >= TABLES as u64 * 3_000);
    let report = engine.delete_backup(id(1), &Quiet).unwrap();
    assert_eq!(report.unfinished, kept.unfinished);
    let report = engine
        .garbage_collect(Duration::from_secs(1 << 30), &Quiet)
        .unwrap();
    assert_eq!((report.too_young, report.unfinished.files), (0, 0));
    assert!(
        report
            .deleted_files
            .iter()
            .all(|file| file.why == GarbageKind::LeftOver)
    );
    assert_eq!(files(&changed.store).len(), 0);
}
