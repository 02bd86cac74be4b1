//! Backups that an operator holds: nothing of ours deletes them, until they are released or the time is over.

use std::sync::Arc;
use std::time::Duration;

use stonekeep::engine::collect::{DeleteOptions, KeepRule, PurgeOptions};
use stonekeep::engine::hold::HoldOptions;
use stonekeep::engine::info::InfoDetail;
use stonekeep::engine::{BackupEngine, BackupEngineOptions, Components};
use stonekeep::store::{Durability, PutContent, PutMode, Store};
use stonekeep::{Clock, ErrorKind, Quiet};
use stonekeep_testkit::fake_clock::FakeClock;
use stonekeep_testkit::fault_store::FaultStore;

use crate::collect::scene::*;
use crate::support::scene::{ids, names};

const HOLDS: &str = "stonekeep/holds";

fn three_backups() -> Store {
    let (_, store) = memory();
    for backup in 1..=3 {
        put_our_backup(&store, backup, &[1, u64::from(backup) + 1]);
    }
    store
}

fn hold(engine: &BackupEngine, backup: u32) {
    let options = HoldOptions::default().with_reason("the audit");
    engine.hold_backup(id(backup), &options, &Quiet).unwrap();
}

#[test]
fn no_verb_deletes_a_held_backup() {
    let store = three_backups();
    let engine = engine(&store);
    hold(&engine, 1);
    for result in [
        engine.delete_backup(id(1), &Quiet),
        engine.delete_backups(&[id(2), id(1)], &DeleteOptions::default(), &Quiet),
        engine.plan_delete_backup(id(1), &Quiet),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(
            error.to_string().contains("backup 1 is held: the audit"),
            "{error}"
        );
    }
    let options = BackupEngineOptions::default().with_destroy_old_data(true);
    let destroyed = BackupEngine::open(options, store.clone()).map(drop);
    assert_eq!(destroyed.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(ids(&store), [1, 2, 3]);
    let plan = engine.plan_purge_old_backups(1, &Quiet).unwrap();
    let report = engine.purge_old_backups(1, &Quiet).unwrap();
    assert_eq!(plan.decisions, report.decisions);
    assert_eq!(report.decisions[0].kept_by[0].rule, KeepRule::Hold);
    assert_eq!(report.decisions[0].kept_by[0].detail, "the audit");
    assert_eq!(ids(&store), [1, 3]);
    let none = PurgeOptions::keep(0);
    engine.purge(&none, &Quiet).unwrap();
    assert_eq!(ids(&store), [1]);
    let info = engine.get_all_backup_info(InfoDetail::Sizes).unwrap();
    assert_eq!(info.backups[0].hold.as_ref().unwrap().reason, "the audit");
    engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
    assert_eq!(names(&store, HOLDS).len(), 1, "what holds a backup is no garbage");
    let released = engine.release_backup(id(1), &Quiet).unwrap();
    assert_eq!(released.len(), 1);
    let again = engine.release_backup(id(1), &Quiet).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::NotFound);
    engine.delete_backup(id(1), &Quiet).unwrap();
    assert_eq!(ids(&store), [0; 0]);
}

#[test]
fn a_hold_ends_at_its_time() {
    let store = three_backups();
    let clock = Arc::new(FakeClock::at_unix_seconds(1_800_000_000));
    let engine = engine(&store).with_components(Components::default().with_clock(clock.clone()));
    let until = clock.now() + Duration::from_secs(3600);
    let options = HoldOptions::default().with_until(until);
    let held = engine.hold_backup(id(1), &options, &Quiet).unwrap();
    assert_eq!(held.until_seconds, Some(1_800_003_600));
    clock.advance(Duration::from_secs(3599));
    let error = engine.delete_backup(id(1), &Quiet).unwrap_err();
    assert!(
        error.to_string().contains("until 2027-01-15T09:00:00Z"),
        "{error}"
    );
    clock.advance(Duration::from_secs(1));
    assert_eq!(engine.as_read_only().holds().unwrap(), []);
    engine.delete_backup(id(1), &Quiet).unwrap();
    engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
    assert!(names(&store, HOLDS).is_empty());
    let past = HoldOptions::default().with_until(clock.now());
    let error = engine.hold_backup(id(2), &past, &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let missing = engine.hold_backup(id(1), &HoldOptions::default(), &Quiet);
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_hold_is_of_one_backup_not_of_its_number() {
    let store = three_backups();
    let engine = engine(&store);
    hold(&engine, 3);
    // A foreign engine deletes the backup, and gives the id again.
    store.delete_one(&key("meta/3")).unwrap();
    engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
    assert!(names(&store, HOLDS).is_empty(), "a hold of nothing goes");
    put_our_backup(&store, 3, &[9]);
    hold(&engine, 3);
    store.delete_one(&key("meta/3")).unwrap();
    put(&store, "meta/3", &meta_text(3, &[]));
    engine.delete_backup(id(3), &Quiet).unwrap();
    assert_eq!(ids(&store), [1, 2]);
}

#[test]
fn a_damaged_backup_and_a_damaged_hold_hold() {
    let store = three_backups();
    let engine = engine(&store);
    hold(&engine, 1);
    hold(&engine, 2);
    let replace = |path: &str, bytes: &[u8]| {
        let content = PutContent::Bytes(bytes);
        store
            .put("test", &key(path), content, PutMode::Replace, Durability::Durable)
            .unwrap();
    };
    let name = names(&store, HOLDS)
        .into_iter()
        .find(|name| name.starts_with("1-"))
        .unwrap();
    replace(&format!("{HOLDS}/{name}"), b"{");
    let error = engine.delete_backup(id(1), &Quiet).unwrap_err();
    assert!(error.to_string().contains("the hold cannot be read"), "{error}");
    let newer = format!("{HOLDS}/3-{:08x}", crc32c::crc32c(&meta_text(3, &[1, 4])));
    replace(
        &newer,
        br#"{"stonekeep_hold":2,"backup_id":3,"meta_crc32c":1,"held_at_seconds":0,"reason":""}"#,
    );
    let error = engine.delete_backup(id(3), &Quiet).unwrap_err();
    assert!(error.to_string().contains("a newer version"), "{error}");
    // Of a meta file that cannot be read, whatever its checksum is now.
    replace("meta/2", b"damaged");
    let error = engine.delete_backup(id(2), &Quiet).unwrap_err();
    assert!(
        error.to_string().contains("backup 2 is held: the audit"),
        "{error}"
    );
}

/// One digit that is wrong makes a time that is over.
#[test]
fn a_hold_and_a_deadline_with_another_time_are_not_over() {
    let store = three_backups();
    let engine = engine(&store);
    let until = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(4_000_000_000);
    engine
        .hold_backup(id(1), &HoldOptions::default().with_until(until), &Quiet)
        .unwrap();
    let for_long = DeleteOptions::default().with_undelete_for(std::time::Duration::from_secs(2_000_000_000));
    engine.delete_backups(&[id(2)], &for_long, &Quiet).unwrap();
    for directory in [HOLDS, "stonekeep/deleted"] {
        for name in names(&store, directory) {
            let path = key(&format!("{directory}/{name}"));
            let text = String::from_utf8(store.read(&path, 1 << 20).unwrap()).unwrap();
            let Some((_, time)) = text.split_once("until_seconds\":") else {
                continue;
            };
            let text = text.replace(&time[..10], "1000000000");
            let content = PutContent::Bytes(text.as_bytes());
            let put = store.put("test", &path, content, PutMode::Replace, Durability::Durable);
            put.unwrap();
        }
    }
    engine.garbage_collect(std::time::Duration::ZERO, &Quiet).unwrap();
    let error = engine.delete_backup(id(1), &Quiet).unwrap_err();
    assert!(error.to_string().contains("its checksum is wrong"), "{error}");
    engine.undelete_backup(id(2), &Quiet).unwrap();
}

#[test]
fn a_hold_that_dies_at_any_step_holds_or_does_not() {
    let store = three_backups();
    let counting = FaultStore::counting(store.clone());
    hold(&engine(&counting.clone().into()), 1);
    assert!(counting.steps() > 2, "{:?}", counting.step_names());
    for step in 1..=counting.steps() {
        let store = three_backups();
        let killed = Store::from(FaultStore::kill_at(store.clone(), step));
        let killed = BackupEngine::open(BackupEngineOptions::default(), killed);
        let held = killed.and_then(|engine| engine.hold_backup(id(1), &HoldOptions::default(), &Quiet));
        assert!(held.is_err(), "step {step}");
        let engine = engine(&store);
        let is_held = !engine.as_read_only().holds().unwrap().is_empty();
        assert_eq!(
            engine.plan_delete_backup(id(1), &Quiet).is_err(),
            is_held,
            "step {step}"
        );
        hold(&engine, 1);
        assert_eq!(engine.as_read_only().holds().unwrap().len(), 1);
        engine.release_backup(id(1), &Quiet).unwrap();
        engine.delete_backup(id(1), &Quiet).unwrap();
        engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
        assert!(names(&store, HOLDS).is_empty(), "step {step}");
    }
}
