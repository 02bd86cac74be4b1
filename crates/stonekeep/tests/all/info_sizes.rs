//! All backups with their sizes are told alike by the reader that takes every line apart and by the one that does not.

use std::num::NonZeroUsize;

use proptest::prelude::*;
use stonekeep::engine::info::{InfoDetail, RepositoryInfo};
use stonekeep::engine::{BackupEngineOptions, BackupEngineReadOnly};

use crate::strange_repository::repository;

/// What is told with the files, but for them.
fn without_files(mut info: RepositoryInfo) -> RepositoryInfo {
    info.backups.iter_mut().for_each(|backup| backup.files = None);
    info
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn sizes_are_told_as_with_all_files(repository in repository(), most in proptest::option::of(1..3usize)) {
        let store = repository.make();
        for workers in [1, 3] {
            let options = BackupEngineOptions::default()
                .with_max_background_operations(NonZeroUsize::new(workers))
                .with_max_valid_backups_to_open(most);
            let engine = BackupEngineReadOnly::open(options, store.clone()).unwrap();
            let all = engine.get_all_backup_info(InfoDetail::Files).unwrap();
            let sizes = engine.get_all_backup_info(InfoDetail::Sizes).unwrap();
            prop_assert_eq!(sizes, without_files(all));
        }
    }
}
