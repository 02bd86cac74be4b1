//! The linked RocksDB reads the committed fixtures.

use stonekeep_proof::DatabaseContents;
use stonekeep_proof::engine::{BackupInfo, EngineOptions, RestoreOptions, RocksBackupEngine, VerifyLevel};
use stonekeep_proof::oracle::{self, OpenOptions};
use stonekeep_testkit::fixtures::{self, ExpectedBackup, Fixture};

#[test]
fn each_database_holds_what_was_expected() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let expected = DatabaseContents::from_text(&fixture.database_contents().unwrap()).unwrap();
        let found = oracle::examine(&fixture.database(), &OpenOptions::default()).unwrap();
        oracle::equal(&expected, &found.contents, name).unwrap();
    }
}

#[test]
fn each_repository_is_reported_as_by_the_engine_that_wrote_it() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let engine = open(&fixture);
        assert_eq!(engine.corrupted(), Vec::<u32>::new(), "{name}");
        let reported: Vec<_> = engine.backups().into_iter().map(expected).collect();
        assert_eq!(reported, fixture.backups().unwrap(), "{name}");
    }
}

#[test]
fn each_backup_restores_to_what_was_expected() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let engine = open(&fixture);
        let alternate = fixture.alternate();
        let alternate = alternate
            .is_dir()
            .then(|| RocksBackupEngine::open_read_only(&alternate, &EngineOptions::default()).unwrap());
        let alternate_dirs: Vec<_> = alternate.iter().collect();
        for backup in fixture.backups().unwrap() {
            engine.verify(backup.id, VerifyLevel::Checksums).unwrap();
            let target = tempfile::tempdir().unwrap();
            let options = RestoreOptions {
                alternate_dirs: &alternate_dirs,
                ..RestoreOptions::default()
            };
            engine
                .restore(backup.id, target.path(), target.path(), &options)
                .unwrap();
            let found = oracle::examine(target.path(), &OpenOptions::default()).unwrap();
            let expected = fixture.backup_contents(backup.id).unwrap();
            oracle::equal(
                &DatabaseContents::from_text(&expected).unwrap(),
                &found.contents,
                name,
            )
            .unwrap();
        }
    }
}

fn open(fixture: &Fixture) -> RocksBackupEngine {
    RocksBackupEngine::open_read_only(&fixture.repository(), &EngineOptions::default()).unwrap()
}

fn expected(info: BackupInfo) -> ExpectedBackup {
    let BackupInfo {
        id,
        timestamp,
        size,
        number_files,
        app_metadata,
        ..
    } = info;
    ExpectedBackup {
        id,
        timestamp,
        size,
        number_files,
        app_metadata,
    }
}
