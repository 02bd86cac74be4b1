//! Backups that are deleted for a while: their files stay until the deadline, and they can be put back until then.

use std::sync::Arc;
use std::time::Duration;

use stonekeep::engine::collect::{DeleteOptions, PurgeOptions};
use stonekeep::engine::{BackupEngine, BackupEngineOptions, Components};
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Durability, PutContent, PutMode, Store};
use stonekeep::{ErrorKind, Quiet, Result};
use stonekeep_testkit::fake_clock::FakeClock;
use stonekeep_testkit::fault_store::FaultStore;
use stonekeep_testkit::step_sample::StepSample;

use crate::collect::scene::*;
use crate::support::scene::{Scene, assert_valid, ids, names};

const DAY: Duration = Duration::from_secs(24 * 3600);
const START_SECONDS: u64 = 1_800_000_000;
const DELETED: &str = "stonekeep/deleted";

struct World {
    clock: Arc<FakeClock>,
    disk: MemoryStore,
    store: Store,
}

impl World {
    fn new(disk: MemoryStore) -> Self {
        let store = Store::from(disk.clone());
        store.create_root(Durability::Durable).unwrap();
        put_our_backup(&store, 1, &[1, 2]);
        put_our_backup(&store, 2, &[2, 3]);
        put_our_backup(&store, 3, &[4]);
        let clock = Arc::new(FakeClock::at_unix_seconds(START_SECONDS));
        World { clock, disk, store }
    }

    fn engine_on(&self, store: impl Into<Store>) -> BackupEngine {
        let engine = BackupEngine::open(BackupEngineOptions::default(), store).unwrap();
        engine.with_components(Components::default().with_clock(self.clock.clone()))
    }

    fn engine(&self) -> BackupEngine {
        self.engine_on(self.store.clone())
    }

    fn collect(&self) {
        self.engine().garbage_collect(Duration::ZERO, &Quiet).unwrap();
    }
}

fn for_days(days: u32) -> DeleteOptions {
    DeleteOptions::default().with_undelete_for(DAY * days)
}

fn delete(engine: &BackupEngine, days: u32) -> Result<()> {
    engine.delete_backups(&[id(2)], &for_days(days), &Quiet).map(drop)
}

#[test]
fn what_was_deleted_for_a_while_comes_back_whole() {
    let world = World::new(MemoryStore::new());
    let before = files(&world.store);
    let engine = world.engine();
    let plan = engine
        .plan_delete_backups(&[id(2)], &for_days(7), &Quiet)
        .unwrap();
    assert_eq!(files(&world.store), before);
    let report = engine.delete_backups(&[id(2)], &for_days(7), &Quiet).unwrap();
    assert_eq!(report.deleted_files, plan.deleted_files);
    assert_eq!(report.kept_for_undelete, plan.kept_for_undelete);
    let kept = report.kept_for_undelete[0];
    assert_eq!(
        (report.deleted_files.len(), kept.files, kept.backup_id),
        (0, 4, id(2))
    );
    assert_eq!(kept.until_seconds, Some(START_SECONDS as i64 + 7 * 86_400));
    assert_eq!(ids(&world.store), [1, 3]);
    let listed = engine.deleted_backups().unwrap();
    assert_eq!(
        (listed.len(), listed[0].info.id, listed[0].is_over),
        (1, id(2), false)
    );
    assert_eq!(listed[0].info.created_by.as_deref(), Some("a test"));
    // Later runs of every kind.
    world.clock.advance(6 * DAY);
    world.collect();
    engine.purge_old_backups(2, &Quiet).unwrap();
    engine.delete_backup(id(3), &Quiet).unwrap();
    let undeleted = engine.undelete_backup(id(2), &Quiet).unwrap();
    assert_eq!((undeleted.files_checked, ids(&world.store)), (5, vec![1, 2]));
    assert!(names(&world.store, DELETED).is_empty());
    assert_eq!(files(&world.store), files_of(&[(1, &[1, 2]), (2, &[2, 3])]));
    let again = engine.undelete_backup(id(2), &Quiet).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Refused);
    let never = engine.undelete_backup(id(3), &Quiet).unwrap_err();
    assert_eq!(never.kind(), ErrorKind::NotFound);
}

#[test]
fn the_files_go_after_the_deadline() {
    let world = World::new(MemoryStore::new());
    let engine = world.engine();
    delete(&engine, 7).unwrap();
    world.clock.advance(7 * DAY - Duration::from_secs(1));
    world.collect();
    world.clock.advance(Duration::from_secs(1));
    assert!(engine.deleted_backups().unwrap()[0].is_over);
    // As long as nobody has collected the files, it is not too late.
    engine.undelete_backup(id(2), &Quiet).unwrap();
    delete(&engine, 1).unwrap();
    world.clock.advance(DAY);
    let report = engine.purge_old_backups(9, &Quiet).unwrap();
    assert_eq!(report.deleted_files.len(), 1 + 3 + 1);
    assert_eq!(files(&world.store), files_of(&[(1, &[1, 2]), (3, &[4])]));
    assert_eq!(engine.deleted_backups().unwrap().len(), 0);
}

#[test]
fn a_deadline_is_changed_or_ended_by_deleting_once_more() {
    let world = World::new(MemoryStore::new());
    let engine = world.engine();
    delete(&engine, 1).unwrap();
    delete(&engine, 9).unwrap();
    world.clock.advance(8 * DAY);
    world.collect();
    assert_eq!(engine.deleted_backups().unwrap().len(), 1);
    let plan = engine.plan_delete_backup(id(2), &Quiet).unwrap();
    assert_eq!(plan.deleted_files.len(), 5);
    let report = engine.delete_backup(id(2), &Quiet).unwrap();
    assert_eq!(report.deleted_files.len(), 5);
    assert_eq!(files(&world.store), files_of(&[(1, &[1, 2]), (3, &[4])]));
}

#[test]
fn a_purge_deletes_for_a_while() {
    let world = World::new(MemoryStore::new());
    let engine = world.engine();
    let options = PurgeOptions::keep(1).with_undelete_for(DAY);
    let report = engine.purge(&options, &Quiet).unwrap();
    assert_eq!((report.deleted_backups.len(), report.deleted_files.len()), (2, 0));
    for backup in [1, 2] {
        engine.undelete_backup(id(backup), &Quiet).unwrap();
    }
    assert_valid(&world.store, &[1, 2, 3], "undeleted");
}

#[test]
fn what_is_gone_or_damaged_or_given_again_does_not_come_back() {
    let world = World::new(MemoryStore::new());
    let engine = world.engine();
    let replace = |path: &str, bytes: &[u8]| {
        let content = PutContent::Bytes(bytes);
        world
            .store
            .put("test", &key(path), content, PutMode::Replace, Durability::Durable)
            .unwrap();
    };
    delete(&engine, 7).unwrap();
    let (path, mut bytes) = table(3);
    // A foreign collector removes what no meta file names.
    world.store.delete_one(&key(&path.to_string())).unwrap();
    let error = engine.undelete_backup(id(2), &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("is gone"), "{error}");
    bytes[5] ^= 1;
    replace(&path.to_string(), &bytes);
    let error = engine.undelete_backup(id(2), &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    bytes[5] ^= 1;
    replace(&path.to_string(), &bytes);
    put(&world.store, "meta/2", &meta_text(2, &[1]));
    let error = engine.undelete_backup(id(2), &Quiet).unwrap_err();
    assert!(error.to_string().contains("backup 2 exists"), "{error}");
    world.store.delete_one(&key("meta/2")).unwrap();
    engine.undelete_backup(id(2), &Quiet).unwrap();
}

#[test]
fn a_deadline_that_cannot_be_read_is_never_over() {
    let world = World::new(MemoryStore::new());
    let engine = world.engine();
    delete(&engine, 1).unwrap();
    let name = names(&world.store, DELETED)
        .into_iter()
        .find(|name| name.ends_with(".until"))
        .unwrap();
    let content = PutContent::Bytes(b"{");
    let path = key(&format!("{DELETED}/{name}"));
    world
        .store
        .put("test", &path, content, PutMode::Replace, Durability::Durable)
        .unwrap();
    world.clock.advance(9 * DAY);
    world.collect();
    assert_eq!(engine.deleted_backups().unwrap()[0].until_seconds, None);
    engine.undelete_backup(id(2), &Quiet).unwrap();
}

#[test]
fn a_later_backup_takes_neither_the_id_nor_the_files() {
    let mut scene = Scene::new();
    let store = crate::support::scene::memory();
    for _ in 1..=2 {
        scene.create(&store).unwrap();
        scene.change();
    }
    let engine = engine(&store);
    engine.delete_backups(&[id(2)], &for_days(1), &Quiet).unwrap();
    let next = scene.create(&store).unwrap();
    assert_eq!(next.backup_id, id(3));
    engine.undelete_backup(id(2), &Quiet).unwrap();
    assert_valid(&store, &[1, 2, 3], "undeleted beside a later one");
}

/// With each kind of uploads.
const MAKES: [fn() -> MemoryStore; 2] = [MemoryStore::new, MemoryStore::with_named_uploads];

/// Backup 2 exists, or can be undeleted, also after a collection.
fn assert_recoverable(world: &World, when: &str) {
    world.collect();
    if !ids(&world.store).contains(&2) {
        let undeleted = world.engine().undelete_backup(id(2), &Quiet);
        undeleted.unwrap_or_else(|error| panic!("{when}: {}", error.one_line()));
    }
    assert_valid(&world.store, &[1, 2, 3], when);
    world.collect();
    let mut left = files(&world.store);
    left.remove("stonekeep/latest");
    let wanted = files_of(&[(1, &[1, 2]), (2, &[2, 3]), (3, &[4])]);
    assert_eq!(left, wanted, "{when}");
}

/// Kills `run` at every step, with and without losing power, and looks whether backup 2 can be had back.
fn kill_at_any_step(name: &str, prepare: fn(&World), run: fn(&BackupEngine) -> Result<()>) {
    for make in MAKES {
        let world = World::new(make());
        prepare(&world);
        let counting = FaultStore::counting(world.store.clone());
        run(&world.engine_on(counting.clone())).unwrap();
        let steps = counting.step_names();
        assert!(steps.iter().any(|step| step.contains("meta/2")), "{steps:?}");
        for (before, step) in StepSample::new(name, &steps).of(&steps) {
            for power in [true, false] {
                let when = format!("{name}, killed before {step}, power {power}");
                let world = World::new(make());
                prepare(&world);
                let killed = FaultStore::kill_at(world.store.clone(), before + 1);
                let _ = run(&world.engine_on(killed));
                if !power {
                    world.disk.crash();
                }
                assert_recoverable(&world, &when);
            }
        }
    }
}

#[test]
fn a_deletion_for_a_while_that_is_killed_at_any_step_loses_nothing() {
    kill_at_any_step("delete for a while", |_| {}, |engine| delete(engine, 7));
}

#[test]
fn an_undelete_that_is_killed_at_any_step_loses_nothing() {
    let undelete = |engine: &BackupEngine| engine.undelete_backup(id(2), &Quiet).map(drop);
    kill_at_any_step("undelete", |world| delete(&world.engine(), 7).unwrap(), undelete);
}
