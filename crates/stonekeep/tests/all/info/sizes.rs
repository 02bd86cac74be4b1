//! All backups with their sizes are told alike by the reader that takes every line apart and by the one that does not.

use std::num::NonZeroUsize;

use proptest::prelude::*;
use stonekeep::engine::info::{BackupInfo, InfoDetail, RepositoryInfo};
use stonekeep::engine::{BackupEngineOptions, BackupEngineReadOnly};
use stonekeep::format::BackupId;
use stonekeep::repo::catalog;
use stonekeep::store::Store;

use crate::support::scene::{ids, named};
use crate::verify::strange_repository::repository;

/// What is told with the files, but for them.
fn without_files(mut info: RepositoryInfo) -> RepositoryInfo {
    info.backups.iter_mut().for_each(|backup| backup.files = None);
    info
}

/// The other backups that name each file are those whose meta files name it, taken apart line by line.
fn assert_shared_as_named(store: &Store, backup: &BackupInfo) {
    let readable = |id: &u32| {
        catalog::load(store, BackupId::new(*id).unwrap())
            .unwrap()
            .into_result()
            .is_ok()
    };
    let all: Vec<u32> = ids(store).into_iter().filter(readable).collect();
    for file in backup.files.iter().flatten().filter(|file| !file.excluded) {
        let others = all.iter().filter(|id| **id != backup.id.get());
        let others = others.filter(|id| named(store, **id).contains(&file.path));
        let told: Vec<u32> = file.shared_with.iter().map(|id| id.get()).collect();
        assert_eq!(told, others.copied().collect::<Vec<_>>(), "{}", file.path);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn sizes_without_the_files_equal_those_with_all_files(repository in repository(), most in proptest::option::of(1..3usize)) {
        let store = repository.make();
        for workers in [1, 3] {
            let options = BackupEngineOptions::default()
                .with_max_background_operations(NonZeroUsize::new(workers))
                .with_max_valid_backups_to_open(most);
            let engine = BackupEngineReadOnly::open(options, store.clone()).unwrap();
            let all = engine.get_all_backup_info(InfoDetail::Files).unwrap();
            all.backups.iter().for_each(|backup| assert_shared_as_named(&store, backup));
            let sizes = engine.get_all_backup_info(InfoDetail::Sizes).unwrap();
            prop_assert_eq!(sizes, without_files(all));
        }
    }
}
