//! Stonekeep and the installed `ldb` use one repository.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::Quiet;
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{CreateBackupOptions, RestoreOptions};
use stonekeep::image::{Directory, SourceKind};
use stonekeep_proof::DatabaseContents;
use stonekeep_proof::ldb::Ldb;
use stonekeep_proof::makers::{self, Workbench};
use stonekeep_proof::oracle::{self, OpenOptions};
use stonekeep_testkit::skip;

use crate::judge;
use crate::ours;
use crate::restoring::restore;

/// A database of `ldb`'s version, each of whose writes is a session of its own.
struct Older {
    ldb: Ldb,
    root: tempfile::TempDir,
    contents: DatabaseContents,
}

impl Older {
    /// None where there is no `ldb`.
    fn new(test: &str) -> Option<Self> {
        let install = "no ldb is installed (Debian: apt-get install rocksdb-tools)";
        let ldb = skip::unless(Ldb::find(), test, install).unwrap()?;
        let mut older = Self {
            ldb,
            root: tempfile::tempdir().unwrap(),
            contents: DatabaseContents::default(),
        };
        for round in 0..2 {
            older.write(round);
        }
        Some(older)
    }

    fn write(&mut self, round: u8) {
        for family in ["default", "second"] {
            let entries: Vec<([u8; 2], [u8; 3])> = (0..30).map(|n| ([n, round], [round, n, 0])).collect();
            let slices: Vec<(&[u8], &[u8])> = entries
                .iter()
                .map(|(k, v)| (k.as_slice(), v.as_slice()))
                .collect();
            self.ldb.batchput(&self.db(), family, &slices, &[]).unwrap();
            for (key, value) in slices {
                self.contents.put(family, key, value);
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn db(&self) -> PathBuf {
        self.path("db")
    }

    fn back_up(&self, repository: &Path) -> u64 {
        let report = ours::engine(repository)
            .create_new_backup(
                &Directory::new(self.db(), SourceKind::Closed),
                &CreateBackupOptions::default(),
                &Quiet,
            )
            .unwrap();
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        report.files_reused
    }

    fn has(&self, db: &Path, what: &str) {
        oracle::equal(&self.contents, &self.ldb.contents(db).unwrap(), what).unwrap();
    }
}

#[test]
fn ldb_restores_our_backups_of_its_database() {
    let Some(mut older) = Older::new("ldb_restores_our_backups_of_its_database") else {
        return;
    };
    let repository = older.path("repo");
    assert_eq!(older.back_up(&repository), 0);
    older.write(9);
    assert!(older.back_up(&repository) > 0);
    let restored = older.path("restored");
    older.ldb.restore(&repository, &restored).unwrap();
    older.has(&restored, "restored by ldb");
    let own = older.path("own");
    restore(&repository, 2, &own, &RestoreOptions::default());
    older.has(&own, "restored by Stonekeep");
    // The MANIFEST of this version has no database id; its engine ignores the one in IDENTITY.
    let identity = |db: &Path| fs::read_to_string(db.join("IDENTITY")).ok();
    assert!(identity(&older.db()).is_some());
    assert_eq!(identity(&own), identity(&older.db()));
    assert_eq!(identity(&restored), None);
}

#[test]
fn ldb_and_stonekeep_extend_the_repository_of_the_other() {
    let Some(mut older) = Older::new("ldb_and_stonekeep_extend_the_repository_of_the_other") else {
        return;
    };
    let repository = older.path("repo");
    older.ldb.backup(&older.db(), &repository).unwrap();
    older.write(9);
    assert!(older.back_up(&repository) > 0);
    older.write(10);
    older.ldb.backup(&older.db(), &repository).unwrap();
    judge::finds_nothing_surplus(&repository, "by turns");
    judge::agrees_on_infos(&repository, "by turns");
    let verified = ours::engine(&repository)
        .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
        .unwrap();
    assert!(verified.is_clean() && verified.backups.len() == 3, "{verified:?}");
    let restored = older.path("restored");
    restore(&repository, 3, &restored, &RestoreOptions::default());
    older.has(&restored, "a backup of ldb's restored by Stonekeep");
}

#[test]
fn ldb_restores_our_backups_of_databases_that_it_cannot_open() {
    let test = "ldb_restores_our_backups_of_databases_that_it_cannot_open";
    let Some(older) = Older::new(test) else {
        return;
    };
    for recipe in ["column families", "blobs", "wal only"] {
        let root = tempfile::tempdir().unwrap();
        let (repository, restored) = (root.path().join("repo"), root.path().join("restored"));
        let closed = Workbench::create(makers::by_name(recipe).unwrap(), root.path())
            .unwrap()
            .close();
        ours::back_up(&ours::engine(&repository), &closed);
        older.ldb.restore(&repository, &restored).unwrap();
        let found = oracle::examine(&restored, &OpenOptions::default()).unwrap();
        oracle::equal(&closed.contents, &found.contents, recipe).unwrap();
    }
}
