//! Backups that a verification found damaged: a purge neither counts nor deletes them, until they are healed.

use stonekeep::engine::collect::{CollectReport, KeepRule};
use stonekeep::engine::verify::{VerifyOptions, VerifyWhat};
use stonekeep::store::{Durability, PutContent, PutMode, Store};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::fault_store::FaultStore;

use crate::collect::scene::*;
use crate::support::scene::{ids, names};

fn three_backups() -> Store {
    let (_, store) = memory();
    for backup in 1..=3 {
        put_our_backup(&store, backup, &[u64::from(backup)]);
    }
    store
}

/// Replaces a table, of which some bit is wrong or none.
fn set_table(store: &Store, number: u64, is_damaged: bool) {
    let (path, mut bytes) = table(number);
    bytes[7] ^= u8::from(is_damaged);
    let content = PutContent::Bytes(&bytes);
    let path = key(&path.to_string());
    store
        .put("test", &path, content, PutMode::Replace, Durability::Durable)
        .unwrap();
}

fn verify(store: &Store) {
    let report = engine(store).verify(VerifyWhat::All, &VerifyOptions::default(), &Quiet);
    report.unwrap();
}

fn not_valid(report: &CollectReport) -> Vec<u32> {
    let not_valid = report.decisions.iter().filter(|decision| {
        decision
            .kept_by
            .iter()
            .any(|kept| kept.rule == KeepRule::NotValid)
    });
    not_valid.map(|decision| decision.id.get()).collect()
}

#[test]
fn a_backup_with_damage_that_was_found_does_not_count_until_it_is_healed() {
    let store = three_backups();
    set_table(&store, 3, true);
    verify(&store);
    let report = engine(&store).purge_old_backups(1, &Quiet).unwrap();
    assert_eq!((not_valid(&report), ids(&store)), (vec![3], vec![2, 3]));
    set_table(&store, 3, false);
    verify(&store);
    let report = engine(&store).purge_old_backups(1, &Quiet).unwrap();
    assert_eq!((not_valid(&report), ids(&store)), (vec![], vec![3]));
}

#[test]
fn the_only_backup_without_damage_stays_whatever_the_rules_say() {
    let store = three_backups();
    for table in [2, 3] {
        set_table(&store, table, true);
    }
    verify(&store);
    let report = engine(&store).purge_old_backups(1, &Quiet).unwrap();
    assert_eq!((not_valid(&report), ids(&store)), (vec![2, 3], vec![1, 2, 3]));
}

#[test]
fn nothing_goes_while_it_cannot_be_read_what_is_damaged() {
    let store = three_backups();
    verify(&store);
    let name = names(&store, "stonekeep/verified").into_iter().next().unwrap();
    let unreadable = FaultStore::unreadable(store.clone(), key(&format!("stonekeep/verified/{name}")));
    let error = engine(&unreadable).purge_old_backups(1, &Quiet).unwrap_err();
    assert_eq!((error.kind(), ids(&store)), (ErrorKind::Io, vec![1, 2, 3]));
    engine(&store).purge_old_backups(1, &Quiet).unwrap();
    assert_eq!(ids(&store), [3]);
}
