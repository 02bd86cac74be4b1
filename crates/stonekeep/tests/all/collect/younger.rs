//! Shared files that are younger than our record that names them: another engine has put them.

use std::time::Duration;

use stonekeep::Quiet;
use stonekeep::engine::collect::DeleteOptions;

use super::origin::aging;
use crate::collect::scene::*;

#[test]
fn a_file_that_was_put_after_the_facts_that_name_it_has_to_be_old() {
    let aging = aging();
    // RocksDB's engine has deleted a backup of ours, and is making one that has the same tables.
    put_our_backup(&aging.store, 2, &[2, 50, 51]);
    for path in ["meta/2".to_owned(), table_path(50)] {
        aging.store.delete_one(&key(&path)).unwrap();
    }
    aging.wait(4000);
    put_table(&aging.store, 50);
    let report = aging.collect();
    assert_eq!(report.too_young, 1);
    assert!(aging.is_there(&table_path(50)) && !aging.is_there(&table_path(51)));
    // Its facts are gone now, and it is no backup yet.
    aging.wait(3599);
    assert_eq!(aging.collect().too_young, 1);
    aging.wait(1);
    aging.collect();
    assert_eq!(files(&aging.store), files_of(&[(1, &[1, 2])]));
}

#[test]
fn a_file_that_was_put_after_the_record_of_a_deletion_has_to_be_old() {
    let aging = aging();
    put_our_backup(&aging.store, 2, &[2, 50, 51]);
    let options = DeleteOptions::default().with_undelete_for(Some(Duration::from_secs(4000)));
    aging.engine.delete_backups(&[id(2)], &options, &Quiet).unwrap();
    // RocksDB's engine collects, whatever our records say, and begins a backup that has one of the tables.
    for number in [50, 51] {
        aging.store.delete_one(&key(&table_path(number))).unwrap();
    }
    aging.wait(4001);
    put_table(&aging.store, 50);
    assert_eq!(aging.collect().too_young, 1);
    assert!(aging.is_there(&table_path(50)));
    aging.wait(3600);
    aging.collect();
    assert_eq!(files(&aging.store), files_of(&[(1, &[1, 2])]));
}
