//! Unusual repositories and databases: empty ones, one inside the other, mixed ones.

use std::fs;
use std::path::Path;

use stonekeep::engine::{CreateBackupOptions, RestoreOptions};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_proof::engine::{CreateOptions, EngineOptions, RocksBackupEngine};
use stonekeep_proof::makers::{self, ClosedDatabase, Workbench};
use stonekeep_proof::oracle;

use crate::judge::{self, Recorded};
use crate::ours;
use crate::restoring::{restore, restores_all};

fn make(recipe: &str, root: &Path) -> ClosedDatabase {
    fs::create_dir_all(root).unwrap();
    Workbench::create(makers::by_name(recipe).unwrap(), root)
        .unwrap()
        .close()
}

#[test]
fn a_repository_inside_the_database_outlives_a_restore() {
    let root = tempfile::tempdir().unwrap();
    let closed = make("blobs", root.path());
    // The place that RocksDB's own header recommends.
    let repository = closed.path.join("backups");
    let first = ours::back_up(&ours::engine(&repository), &closed);
    let mut bench = Workbench::reopen(closed.clone()).unwrap();
    bench.change().unwrap();
    let later = bench.close();
    let second = ours::back_up(&ours::engine(&repository), &later);
    assert!(first.warnings.is_empty() && second.warnings.is_empty());
    restore(&repository, 1, &closed.path, &RestoreOptions::default());
    let found = oracle::examine(&closed.path, &closed.options).unwrap();
    oracle::equal(
        &closed.contents,
        &found.contents,
        "restored around its repository",
    )
    .unwrap();
    let recorded = [(1, &closed, &first), (2, &later, &second)].map(|(id, database, report)| Recorded {
        id,
        contents: database.contents.clone(),
        sequence: report.sequence_number.0,
    });
    judge::accepts(&repository, &recorded, "inside the database");
}

#[test]
fn backups_of_another_database_are_refused_unless_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let (one, other) = (
        make("column families", &root.path().join("one")),
        make("blobs", &root.path().join("other")),
    );
    let repository = root.path().join("repo");
    let engine = ours::engine(&repository);
    let mut reports = vec![ours::back_up(&engine, &one)];
    let error = engine
        .create_new_backup(&ours::source(&other), &CreateBackupOptions::default(), &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    let allowed = CreateBackupOptions::default().with_allow_other_database(true);
    reports.push(ours::back_up_with(&engine, &other, &allowed));
    let recorded: Vec<Recorded> = [&one, &other]
        .into_iter()
        .zip(&reports)
        .map(|(database, report)| Recorded {
            id: report.backup_id.get(),
            contents: database.contents.clone(),
            sequence: report.sequence_number.0,
        })
        .collect();
    judge::accepts(&repository, &recorded, "two databases");
    judge::agrees_on_infos(&repository, "two databases");
    restores_all(&repository, &recorded, "two databases");
}

#[test]
fn app_metadata_has_the_same_limit() {
    const LIMIT_BYTES: usize = 1 << 20;
    let root = tempfile::tempdir().unwrap();
    let closed = make("wal only", root.path());
    let repository = root.path().join("repo");
    let metadata: Vec<u8> = (0..LIMIT_BYTES).map(|at| (at % 251) as u8).collect();
    let options = CreateBackupOptions::default().with_app_metadata(metadata.clone());
    let engine = ours::engine(&repository);
    ours::back_up_with(&engine, &closed, &options);
    assert_eq!(
        judge::rocksdb(&repository).backup(1).unwrap().app_metadata,
        metadata
    );
    judge::agrees_on_infos(&repository, "much metadata");
    let more = vec![0; LIMIT_BYTES + 1];
    let options = CreateBackupOptions::default().with_app_metadata(more.clone());
    let error = engine
        .create_new_backup(&ours::source(&closed), &options, &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let bench = Workbench::reopen(closed).unwrap();
    let theirs = RocksBackupEngine::open(&repository, &EngineOptions::default()).unwrap();
    let options = CreateOptions {
        app_metadata: &more,
        ..CreateOptions::default()
    };
    assert!(theirs.create(bench.db(), &options).is_err());
}

#[test]
fn a_table_that_is_not_what_the_manifest_says_is_not_backed_up() {
    let root = tempfile::tempdir().unwrap();
    let closed = make("file checksums", root.path());
    let names = judge::names(&closed.path);
    let table = names.iter().find(|name| name.ends_with(".sst")).unwrap();
    let mut bytes = fs::read(closed.path.join(table)).unwrap();
    bytes[30] ^= 1;
    fs::write(closed.path.join(table), bytes).unwrap();
    let repository = root.path().join("repo");
    let error = ours::engine(&repository)
        .create_new_backup(&ours::source(&closed), &CreateBackupOptions::default(), &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
    assert!(
        error
            .findings()
            .iter()
            .any(|finding| finding.file.contains(table.as_str())),
        "{error:?}"
    );
    assert!(ours::engine(&repository).backup_ids().unwrap().is_empty());
}

#[test]
fn a_database_that_is_empty_or_new_is_backed_up() {
    let root = tempfile::tempdir().unwrap();
    let recipe = makers::Recipe {
        fill: |_| Ok(()),
        ..makers::by_name("column families").unwrap()
    };
    let closed = Workbench::create(recipe, root.path()).unwrap().close();
    assert_eq!(closed.contents.key_count(), 0);
    let repository = root.path().join("repo");
    let report = ours::back_up(&ours::engine(&repository), &closed);
    let recorded = [Recorded {
        id: 1,
        contents: closed.contents.clone(),
        sequence: report.sequence_number.0,
    }];
    judge::accepts(&repository, &recorded, "empty");
    restores_all(&repository, &recorded, "empty");
}
