//! What goes and what stays, judged by a reader that takes every line of every meta file apart.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use stonekeep::Quiet;
use stonekeep::engine::info::{BackupState, InfoDetail};
use stonekeep::repo::catalog::{self, MetaState};
use stonekeep::store::{EntryKind, Store};

use crate::collect::scene::engine;
use crate::support::scene::{id, ids, key, named, reader};
use crate::verify::strange_repository::repository;

/// Regular files in the directories of shared files.
fn shared(store: &Store) -> BTreeSet<String> {
    let of = |directory: &'static str| {
        let entries = store.list(Some(&key(directory))).unwrap().into_iter();
        let files = entries.filter(|entry| entry.kind == EntryKind::File);
        files.map(move |entry| format!("{directory}/{}", entry.name))
    };
    of("shared").chain(of("shared_checksum")).collect()
}

fn is_readable(store: &Store, backup: u32) -> bool {
    matches!(catalog::load(store, id(backup)).unwrap(), MetaState::Readable(_))
}

/// What these backups name, or everything if one of them cannot be read.
fn kept(store: &Store, backups: &[u32]) -> Option<BTreeSet<String>> {
    let all = backups.iter().all(|backup| is_readable(store, *backup));
    all.then(|| backups.iter().flat_map(|backup| named(store, *backup)).collect())
}

/// The valid backups, the newest first, as they are told with all their files.
fn valid(store: &Store) -> Vec<u32> {
    let told = reader(store)
        .get_all_backup_info(InfoDetail::Files)
        .unwrap()
        .backups;
    let valid = told
        .iter()
        .rev()
        .filter(|backup| backup.state == BackupState::Valid);
    valid.map(|backup| backup.id.get()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_no_backup_names_goes_and_nothing_else(repository in repository()) {
        let store = repository.make();
        let (before, all) = (shared(&store), ids(&store));
        let wanted = match kept(&store, &all) {
            Some(kept) => before.intersection(&kept).cloned().collect(),
            None => before,
        };
        engine(&store).garbage_collect(Duration::ZERO, &Quiet).unwrap();
        prop_assert_eq!(shared(&store), wanted);
        prop_assert_eq!(ids(&store), all);
    }

    #[test]
    fn a_purge_deletes_old_valid_backups_and_what_they_alone_name(repository in repository(), keep in 0..3usize) {
        let store = repository.make();
        let (before, mut left) = (shared(&store), ids(&store));
        let to_delete: Vec<u32> = valid(&store).into_iter().skip(keep).collect();
        left.retain(|backup| !to_delete.contains(backup));
        let wanted = match (kept(&store, &left), kept(&store, &to_delete)) {
            (Some(kept), Some(gone)) => {
                before.into_iter().filter(|path| kept.contains(path) || !gone.contains(path)).collect()
            }
            _ => before,
        };
        let plan = engine(&store).plan_purge_old_backups(keep, &Quiet).unwrap();
        let report = engine(&store).purge_old_backups(keep, &Quiet).unwrap();
        prop_assert_eq!(&plan.deleted_files, &report.deleted_files);
        prop_assert_eq!(shared(&store), wanted);
        prop_assert_eq!(ids(&store), left);
    }
}
