//! Restores over a database that has newer data than the backup.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::{RestoreMode, RestoreOptions};
use stonekeep::{ErrorKind, Observer, Quiet, WarningName};
use stonekeep_testkit::database::DatabaseBuilder;

use crate::restore::scene::{TwoStates, over};
use crate::support::scene;

#[test]
fn a_target_that_is_newer_than_the_backup_is_reported_before_and_after() {
    for from_facts in [true, false] {
        let two = over();
        if !from_facts {
            for id in [1, 2] {
                two.store
                    .delete_one(&scene::key(&format!("stonekeep/backups/{id}")))
                    .unwrap();
            }
        }
        let newest = two.scene.database.sequence_number();
        let which = WhichBackup::Id(scene::id(1));
        let options = RestoreOptions::default();
        let planned = two
            .reader()
            .plan_restore(which, &two.target(), &options, &Quiet)
            .unwrap();
        let report = two.restore(1, &options).unwrap();
        for report in [planned, report] {
            assert_eq!(report.target_sequence_number, Some(newest));
            assert!(report.backup_sequence_number.unwrap() < newest, "{report:?}");
            let warned = report
                .warnings
                .iter()
                .find(|warning| warning.name == WarningName::TargetIsNewer);
            let message = &warned.unwrap_or_else(|| panic!("{report:?}")).message;
            assert!(message.contains(&newest.to_string()), "{message}");
        }
        // The restored state is as old as the backup, and older than the next one.
        for (id, mode) in [(1, RestoreMode::PurgeAllFiles), (2, RestoreMode::VerifyChecksum)] {
            let report = two.restore(id, &options.clone().with_mode(mode)).unwrap();
            assert!(report.warnings.is_empty(), "{:?}", report.warnings);
            assert!(
                report.target_sequence_number <= report.backup_sequence_number,
                "{report:?}"
            );
        }
    }
}

#[test]
fn another_database_is_not_newer() {
    let two = TwoStates::new();
    let other = DatabaseBuilder::new()
        .database_id("another")
        .create(&two.target());
    assert_ne!(other.database_id(), two.scene.database.database_id());
    let options = RestoreOptions::default().with_allow_other_database(true);
    let report = two.restore(1, &options).unwrap();
    assert_eq!(report.target_sequence_number, None);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
}

/// Asks to stop after it was asked so often.
struct StopsAfter(AtomicU32);

impl Observer for StopsAfter {
    fn should_stop(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        left == 0
    }
}

#[test]
fn the_reading_of_an_endless_wal_or_manifest_of_the_target_can_be_stopped() {
    // Each is read in more pieces than a restore of this size asks questions.
    const BYTES: u64 = 64 << 20;
    const QUESTIONS: u32 = 200;
    let restore = |two: &TwoStates| {
        let observer = StopsAfter(AtomicU32::new(QUESTIONS));
        let which = WhichBackup::Id(scene::id(1));
        let options = RestoreOptions::default();
        two.reader()
            .restore_db_from_backup(which, &two.target(), &options, &observer)
    };
    restore(&over()).unwrap();
    for kind in [".log", "MANIFEST-"] {
        let two = over();
        let names = fs::read_dir(two.target())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let path = names
            .filter(|path| path.file_name().unwrap().to_string_lossy().contains(kind))
            .max()
            .unwrap();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(BYTES).unwrap();
        let error = restore(&two).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stopped, "{}: {error}", path.display());
    }
}
