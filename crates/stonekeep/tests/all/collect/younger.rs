//! Shared files that are younger than our record that names them: another engine has put them.

use std::time::Duration;

use stonekeep::Quiet;
use stonekeep::engine::collect::DeleteOptions;
use stonekeep::repo::facts::FileFacts;
use stonekeep::repo::journal::{self, JournalEntry};
use stonekeep::store::{Durability, Store};

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

/// What a killed run has left of its staging area: a journal that names these tables.
fn put_journal(store: &Store, tables: &[u64]) {
    let entries = tables.iter().map(|number| {
        let (path, bytes) = table(*number);
        JournalEntry {
            staged_as: path.to_string(),
            durable: true,
            file: FileFacts {
                path,
                size_bytes: bytes.len() as u64,
                crc32c: crc32c::crc32c(&bytes),
                table: None,
                origin: None,
            },
        }
    });
    let lines = entries.map(|entry| journal::line_of(&entry).unwrap());
    journal::append(store, "2", 0, lines, Durability::Durable).unwrap();
}

#[test]
fn a_file_that_was_put_after_the_journal_that_names_it_has_to_be_old() {
    let aging = aging();
    // A run of ours was killed when it had published its tables. RocksDB's engine has collected them, and begins a backup that has
    // one of them.
    for number in [50, 51] {
        put_table(&aging.store, number);
    }
    put_journal(&aging.store, &[50, 51]);
    aging.store.delete_one(&key(&table_path(50))).unwrap();
    aging.wait(4000);
    put_table(&aging.store, 50);
    assert_eq!(aging.collect().too_young, 1);
    assert!(aging.is_there(&table_path(50)) && !aging.is_there(&table_path(51)));
    aging.wait(3600);
    aging.collect();
    assert_eq!(files(&aging.store), files_of(&[(1, &[1, 2])]));
}
