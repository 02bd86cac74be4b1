//! RocksDB opens backups read-only inside the repository.

use stonekeep::Quiet;
use stonekeep::engine::in_place::close_in_place;
use stonekeep::engine::info::WhichBackup;
use stonekeep_proof::makers::{self, Workbench};
use stonekeep_proof::oracle::{self, OpenOptions};

use crate::judge;
use crate::ours;

#[test]
fn each_kind_of_database_is_read_and_the_repository_is_as_before() {
    for recipe in makers::all() {
        let root = tempfile::tempdir().unwrap();
        let (repository, at) = (root.path().join("repo"), root.path().join("opened"));
        let closed = Workbench::create(recipe, root.path()).unwrap().close();
        let engine = ours::engine(&repository);
        ours::back_up(&engine, &closed);
        let before = judge::stored_files(&repository);
        let report = engine.open_in_place(WhichBackup::Latest, &at, &Quiet).unwrap();
        let linked = report.files_linked > 0 || recipe.name == "wal only";
        assert!(linked, "{}: {report:?}", recipe.name);
        let found = oracle::dump(&at, &OpenOptions::default()).unwrap();
        oracle::equal(&closed.contents, &found, recipe.name).unwrap();
        close_in_place(&at).unwrap();
        assert!(!at.exists(), "{}", recipe.name);
        assert_eq!(judge::stored_files(&repository), before, "{}", recipe.name);
        judge::rocksdb(&repository)
            .verify(1, stonekeep_proof::engine::VerifyLevel::Checksums)
            .unwrap();
    }
}
