//! Repositories of RocksDB 5.18 to 11.8, restored and extended by Stonekeep, read by the linked RocksDB.

use std::path::Path;

use stonekeep::Quiet;
use stonekeep::engine::{CreateBackupOptions, RestoreOptions};
use stonekeep::image::{Directory, SourceKind};
use stonekeep_proof::DatabaseContents;
use stonekeep_proof::oracle::{self, OpenOptions};
use stonekeep_testkit::fixtures::{self, Fixture};

use crate::judge::{self, Recorded};
use crate::ours;
use crate::restoring::restore;

fn options(fixture: &Fixture) -> RestoreOptions {
    let alternate = Some(fixture.alternate()).filter(|path| path.is_dir());
    RestoreOptions::default().with_alternate_dirs(alternate.into_iter().collect::<Vec<_>>())
}

fn examined(db: &Path, expected: &str, what: &str) {
    let found = oracle::examine(db, &OpenOptions::default()).unwrap();
    let expected = DatabaseContents::from_text(expected).unwrap();
    oracle::equal(&expected, &found.contents, what).unwrap();
}

#[test]
fn every_backup_opens_with_what_its_engine_read() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        for backup in fixture.backups().unwrap() {
            let db = fixture.root().join(format!("restored-{}", backup.id));
            restore(&fixture.repository(), backup.id, &db, &options(&fixture));
            examined(&db, &fixture.backup_contents(backup.id).unwrap(), name);
        }
    }
}

#[test]
fn every_backup_opens_after_a_restore_over_a_later_state() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        restore(&fixture.repository(), 2, &fixture.database(), &options(&fixture));
        examined(&fixture.database(), &fixture.backup_contents(2).unwrap(), name);
    }
}

#[test]
fn both_engines_restore_what_stonekeep_added() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let source = Directory::new(fixture.database(), SourceKind::Closed);
        let report = ours::engine(&fixture.repository())
            .create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
            .unwrap();
        let added = Recorded {
            id: 4,
            contents: DatabaseContents::from_text(&fixture.database_contents().unwrap()).unwrap(),
            sequence: report.sequence_number.0,
        };
        let theirs = fixture.root().join("by-rocksdb");
        let engine = judge::rocksdb(&fixture.repository());
        assert_eq!(engine.corrupted(), Vec::<u32>::new(), "{name}");
        engine
            .restore(
                4,
                &theirs,
                &theirs,
                &stonekeep_proof::engine::RestoreOptions::default(),
            )
            .unwrap();
        judge::holds(&theirs, &OpenOptions::default(), &added, name);
        let own = fixture.root().join("by-stonekeep");
        restore(&fixture.repository(), 4, &own, &RestoreOptions::default());
        judge::holds(&own, &OpenOptions::default(), &added, name);
    }
}
