//! Backups without some of their files, which are in other repositories.

use std::path::Path;

use stonekeep::engine::info::{InfoDetail, WhichBackup};
use stonekeep::engine::{Components, MaybeExclude, MetaSchema, RestoreMode, RestoreOptions};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_proof::engine::{EngineOptions, RocksBackupEngine};
use stonekeep_proof::makers::{self, ClosedDatabase, Workbench};
use stonekeep_proof::oracle::{self, OpenOptions};

use crate::judge;
use crate::ours;
use crate::restoring::restore;

/// Backup 1 is whole, backup 2 lacks its new tables, all of which `alternate` has.
fn without_new_tables(root: &Path) -> ClosedDatabase {
    let schema_two = || ours::options().with_schema_version(MetaSchema::Two);
    let closed = Workbench::create(makers::by_name("temperatures").unwrap(), root)
        .unwrap()
        .close();
    let engine = ours::engine_with(&root.join("repo"), schema_two());
    ours::back_up(&engine, &closed);
    let mut bench = Workbench::reopen(closed).unwrap();
    bench.change().unwrap();
    let closed = bench.close();
    ours::back_up(&ours::engine_with(&root.join("alternate"), schema_two()), &closed);
    let all = |offered: &[MaybeExclude]| Ok(vec![true; offered.len()]);
    let engine = engine.with_components(Components::default().with_exclude_files_callback(all));
    let report = ours::back_up(&engine, &closed);
    assert!(report.files_excluded > 0, "{report:?}");
    closed
}

#[test]
fn both_engines_report_excluded_files_and_find_them_in_other_repositories() {
    let root = tempfile::tempdir().unwrap();
    let closed = without_new_tables(root.path());
    let (repository, alternate) = (root.path().join("repo"), root.path().join("alternate"));
    judge::agrees_on_infos(&repository, "without new tables");
    let other = RocksBackupEngine::open_read_only(&alternate, &EngineOptions::default()).unwrap();
    let theirs = root.path().join("by-rocksdb");
    let options = stonekeep_proof::engine::RestoreOptions {
        alternate_dirs: &[&other],
        ..stonekeep_proof::engine::RestoreOptions::default()
    };
    judge::rocksdb(&repository)
        .restore(2, &theirs, &theirs, &options)
        .unwrap();
    let own = root.path().join("by-stonekeep");
    let options = RestoreOptions::default().with_alternate_dirs(vec![alternate]);
    restore(&repository, 2, &own, &options);
    for db in [theirs, own] {
        let found = oracle::examine(&db, &OpenOptions::default()).unwrap();
        oracle::equal(&closed.contents, &found.contents, "with files from elsewhere").unwrap();
    }
}

#[test]
fn both_engines_refuse_a_restore_without_its_excluded_files() {
    let root = tempfile::tempdir().unwrap();
    without_new_tables(root.path());
    let (repository, target) = (root.path().join("repo"), root.path().join("restored"));
    let none = stonekeep_proof::engine::RestoreOptions::default();
    judge::rocksdb(&repository)
        .restore(
            2,
            &root.path().join("by-rocksdb"),
            &root.path().join("by-rocksdb"),
            &none,
        )
        .unwrap_err();
    let error = ours::engine(&repository)
        .restore_db_from_backup(WhichBackup::Latest, &target, &RestoreOptions::default(), &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error:?}");
    assert!(!target.join("CURRENT").exists());
}

#[test]
fn files_at_the_target_stand_in_for_them_when_kept() {
    let root = tempfile::tempdir().unwrap();
    let closed = without_new_tables(root.path());
    let repository = root.path().join("repo");
    let options = RestoreOptions::default().with_mode(RestoreMode::KeepLatestDbSessionIdFiles);
    let report = restore(&repository, 2, &closed.path, &options);
    assert!(report.files_kept > 0, "{report:?}");
    let found = oracle::examine(&closed.path, &closed.options).unwrap();
    oracle::equal(&closed.contents, &found.contents, "with files of the target").unwrap();
}

#[test]
fn a_table_that_was_left_out_is_stored_when_the_next_backup_wants_it() {
    let root = tempfile::tempdir().unwrap();
    let closed = without_new_tables(root.path());
    let repository = root.path().join("repo");
    let engine = ours::engine(&repository);
    let report = ours::back_up(&engine, &closed);
    let info = engine
        .get_backup_info(report.backup_id, InfoDetail::Head)
        .unwrap();
    assert_eq!((info.excluded_files, info.schema.as_str()), (0, "1"));
    let restored = root.path().join("restored");
    restore(&repository, 3, &restored, &RestoreOptions::default());
    let found = oracle::examine(&restored, &OpenOptions::default()).unwrap();
    oracle::equal(&closed.contents, &found.contents, "whole again").unwrap();
    judge::agrees_on_infos(&repository, "whole again");
}
