//! One database, backed up and restored.

use rocksdb::{DB, IteratorMode, Options};
use stonekeep::Quiet;
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{BackupEngineOptions, RestoreOptions};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep_rocksdb::BackupEngine;

#[test]
fn what_was_written_before_the_call_is_in_the_backup() {
    let root = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_manual_wal_flush(true);
    let db = DB::open(&options, root.path().join("db")).unwrap();
    let store = Store::from(LocalStore::new(root.path().join("repo")));
    let engine = BackupEngine::open(BackupEngineOptions::default(), store).unwrap();
    for round in 0..3u32 {
        db.put(round.to_be_bytes(), b"value").unwrap();
        if round == 1 {
            db.flush().unwrap();
        }
        let report = engine.create_new_backup(&db).unwrap();
        println!("{report:?}");
        assert_eq!(report.sequence_number.0, db.latest_sequence_number());
        engine
            .as_engine()
            .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
            .unwrap();
        let target = root.path().join(format!("restored-{round}"));
        engine
            .as_engine()
            .restore_db_from_backup(WhichBackup::Latest, &target, &RestoreOptions::default(), &Quiet)
            .unwrap();
        let restored = DB::open(&options, &target).unwrap();
        assert_eq!(restored.iterator(IteratorMode::Start).count(), round as usize + 1);
    }
}
