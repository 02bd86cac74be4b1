//! Files that no backup names: where they come from decides when they go.

use std::fs::{self, File};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use stonekeep::engine::collect::{CollectReport, DEFAULT_MIN_AGE, GarbageKind};
use stonekeep::engine::{BackupEngine, BackupEngineOptions, Components};
use stonekeep::repo::garbage::withdraw;
use stonekeep::store::local::LocalStore;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Durability, PutMode, Store};
use stonekeep::{Clock, Quiet};
use stonekeep_testkit::fake_clock::FakeClock;

use crate::collect::scene::*;
use crate::hot::meddler::{Deed, Meddler};

/// Names that engines have written, from 4.13 to today; the last two are those of files under way.
const FOREIGN: [&str; 9] = [
    "shared_checksum/000101_s0123456789ABCDEFGHIJ_4096.sst",
    "shared_checksum/000102_s0123456789ABCDEFGHIJ.sst",
    "shared_checksum/000103_0123456789ABCDEFGHIJ.sst",
    "shared_checksum/000104_0A1B2C3D_0123456789ABCDEFGHIJ.sst",
    "shared_checksum/000105_3735928559_4096.sst",
    "shared_checksum/000106_1_2.blob",
    "shared/000107.sst",
    "shared/.000108.sst.tmp",
    "shared_checksum/.000109_s0123456789ABCDEFGHIJ_4096.sst.tmp",
];

/// A repository in memory with one backup, and the clock that both go by.
pub(super) struct Aging {
    clock: Arc<FakeClock>,
    pub(super) store: Store,
    pub(super) engine: BackupEngine,
}

pub(super) fn aging() -> Aging {
    let clock = Arc::new(FakeClock::at_unix_seconds(1_700_000_000));
    let store: Store = Store::from(MemoryStore::with_clock(clock.clone()));
    store.create_root(Durability::Durable).unwrap();
    put_our_backup(&store, 1, &[1, 2]);
    let components = Components::default().with_clock(clock.clone());
    let engine = BackupEngine::open(BackupEngineOptions::default(), store.clone())
        .unwrap()
        .with_components(components);
    Aging { clock, store, engine }
}

impl Aging {
    fn put(&self, path: &str) {
        put(&self.store, path, path.as_bytes());
    }

    pub(super) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(super) fn collect(&self) -> CollectReport {
        self.engine.garbage_collect(DEFAULT_MIN_AGE, &Quiet).unwrap()
    }

    pub(super) fn is_there(&self, path: &str) -> bool {
        self.store.stat(&key(path)).unwrap().is_some()
    }
}

#[test]
fn files_of_unknown_origin_go_when_they_are_an_hour_old() {
    let aging = aging();
    FOREIGN.iter().for_each(|path| aging.put(path));
    for seconds in [0, 3599] {
        aging.wait(seconds);
        let report = aging.collect();
        assert_eq!(report.too_young, FOREIGN.len() as u64);
        assert_eq!(report.deleted_files, []);
    }
    aging.wait(1);
    let report = aging.collect();
    let deleted: Vec<&str> = report
        .deleted_files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    let mut expected = FOREIGN;
    expected.sort();
    let mut sorted = deleted.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
    let kinds: Vec<_> = report.deleted_files.iter().map(|file| file.why).collect();
    assert_eq!(kinds, [GarbageKind::UnknownOrigin; FOREIGN.len()]);
    assert_eq!(report.unknown_files, [""; 0]);
    assert_eq!(files(&aging.store), files_of(&[(1, &[1, 2])]));
}

#[test]
fn deleting_collects_them_too_at_the_same_age() {
    let aging = aging();
    put_our_backup(&aging.store, 2, &[2, 3]);
    aging.put(FOREIGN[0]);
    let report = aging.engine.delete_backup(id(2), &Quiet).unwrap();
    assert_eq!(report.too_young, 1);
    aging.wait(3600);
    let report = aging.engine.purge_old_backups(1, &Quiet).unwrap();
    assert_eq!(report.deleted_files.len(), 1);
    assert_eq!(files(&aging.store), files_of(&[(1, &[1, 2])]));
}

#[test]
fn no_age_at_all_is_an_age() {
    let aging = aging();
    FOREIGN.iter().for_each(|path| aging.put(path));
    let report = aging.engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
    assert_eq!(report.deleted_files.len(), FOREIGN.len());
}

#[test]
fn shared_files_alone_are_judged_one_by_one() {
    let aging = aging();
    aging.put(FOREIGN[0]);
    aging.wait(3000);
    aging.put(FOREIGN[4]);
    aging.wait(1000);
    let report = aging.collect();
    assert_eq!(report.too_young, 1);
    assert!(!aging.is_there(FOREIGN[0]) && aging.is_there(FOREIGN[4]));
}

#[test]
fn a_private_directory_goes_when_its_youngest_file_is_old() {
    let aging = aging();
    aging.put("private/7/MANIFEST-000001");
    aging.wait(3000);
    aging.put("private/7/CURRENT");
    aging.wait(3000);
    assert_eq!(aging.collect().too_young, 1);
    aging.wait(600);
    assert_eq!(aging.collect().deleted_files.len(), 2);
    assert_eq!(files(&aging.store), files_of(&[(1, &[1, 2])]));
}

#[test]
fn a_foreign_backup_that_takes_hours_keeps_what_it_began_with() {
    let aging = aging();
    // RocksDB's engine makes the private directory first, and the meta file last.
    aging.put("private/2/MANIFEST-000005");
    aging.put(FOREIGN[0]);
    aging.wait(4 * 3600);
    aging.put(FOREIGN[8]);
    let report = aging.collect();
    assert_eq!((report.too_young, report.deleted_files.len()), (3, 0));
    // It has died: nothing changes any more.
    aging.wait(3600);
    assert_eq!(aging.collect().deleted_files.len(), 3);
    assert_eq!(files(&aging.store), files_of(&[(1, &[1, 2])]));
}

#[test]
fn a_foreign_backup_that_was_committed_is_a_backup() {
    let aging = aging();
    put_backup(&aging.store, 2, &[2, 3]);
    aging.wait(4 * 3600);
    let report = aging.engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
    assert_eq!(report.deleted_files, []);
    assert!(aging.is_there(&table_path(3)));
}

#[test]
fn a_foreign_backup_that_is_committed_while_we_look_is_a_backup() {
    // As soon as everything else has been looked at, and as soon as the meta files have been.
    for at in ["private", "stonekeep/pins"] {
        let aging = aging();
        let store = aging.store.clone();
        put_our_backup(&store, 2, &[2, 3]);
        put_private(&store, 4);
        put_table(&store, 9);
        aging.wait(4 * 3600);
        // It names a file of the backup that is deleted, and what would be old garbage without it.
        let commit = Deed::Put("meta/4".into(), meta_text(4, &[3, 9]));
        let meddled = Meddler::store(&aging.store, at, true, commit);
        let components = Components::default().with_clock(aging.clock.clone());
        let engine = BackupEngine::open(BackupEngineOptions::default(), meddled)
            .unwrap()
            .with_components(components);
        let report = engine.delete_backup(id(2), &Quiet).unwrap();
        assert_eq!(
            report.deleted_files.len(),
            3 + 1,
            "private files and facts of backup 2 only"
        );
        let mut expected = files_of(&[(1, &[1, 2]), (4, &[3, 9])]);
        expected.remove("stonekeep/backups/4");
        assert_eq!(files(&store), expected);
    }
}

#[test]
fn what_a_record_of_ours_names_goes_at_once() {
    let aging = aging();
    let store = aging.store.clone();
    // A backup that was killed before its commit.
    put_private(&store, 5);
    put_facts(&store, 5, &[2, 50]);
    put_table(&store, 50);
    // One that was withdrawn after its commit.
    put_our_backup(&store, 6, &[2, 60]);
    withdraw(&store, &[id(6)].into(), None, &|| Ok(())).unwrap();
    // A staging area that no journal speaks of.
    let staged = store.upload(
        "7",
        &key("shared_checksum/x"),
        &mut &b"half"[..],
        4,
        PutMode::IfAbsent,
    );
    staged.unwrap();
    let report = aging.collect();
    assert_eq!(files(&store), files_of(&[(1, &[1, 2])]));
    let why = |path: &str| {
        let file = report.deleted_files.iter().find(|file| file.path == path);
        file.map(|file| (file.why, file.size_bytes > 0))
    };
    assert_eq!(why(&table_path(50)), Some((GarbageKind::LeftOver, true)));
    assert_eq!(why("private/5/CURRENT"), Some((GarbageKind::LeftOver, true)));
    assert_eq!(why("stonekeep/backups/5"), Some((GarbageKind::LeftOver, true)));
    assert_eq!(why("stonekeep/tmp/7"), Some((GarbageKind::LeftOver, true)));
    assert_eq!(why(&table_path(60)), Some((GarbageKind::Unreferenced, true)));
    assert_eq!(why("private/6/CURRENT"), Some((GarbageKind::Unreferenced, true)));
    assert_eq!(why(&table_path(2)), None);
}

#[test]
fn damaged_facts_still_protect_their_private_directory() {
    let aging = aging();
    put_private(&aging.store, 5);
    put_table(&aging.store, 50);
    aging.put("stonekeep/backups/5");
    let report = aging.collect();
    assert_eq!(report.too_young, 1);
    assert!(aging.is_there(&table_path(50)));
    assert!(!aging.is_there("private/5/CURRENT") && !aging.is_there("stonekeep/backups/5"));
}

#[test]
fn an_unreadable_record_still_protects_its_private_directory() {
    let aging = aging();
    put_private(&aging.store, 5);
    put_table(&aging.store, 50);
    aging.put("stonekeep/deleted/5-0000beef");
    assert_eq!(aging.collect().too_young, 1);
    let mut expected = files_of(&[(1, &[1, 2])]);
    expected.insert(table_path(50));
    assert_eq!(files(&aging.store), expected);
}

#[test]
fn unknown_files_are_reported_and_kept() {
    let unknown = [
        "README.txt",
        "meta/.5.tmp",
        "meta/05",
        "meta/notes",
        "private/5/notes.txt",
        "private/7.tmp/CURRENT",
        "private/notes",
        "shared/000001_s0123456789ABCDEFGHIJ_4096.sst",
        "shared/notes",
        "shared_checksum/.hidden",
        "shared_checksum/000001.ldb",
        "shared_checksum/000001_s0123456789ABCDEFGHIJ_4096.sst.bak",
        "shared_checksum/000002_1_2.sst/inside",
        "stonekeep/backups/05",
        "stonekeep/deleted/5",
        "stonekeep/hints",
    ];
    let aging = aging();
    unknown.iter().for_each(|path| aging.put(path));
    put_private(&aging.store, 5);
    aging.wait(1 << 30);
    let report = aging.engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
    let told = [
        ("private/7.tmp/CURRENT", "private/7.tmp"),
        (
            "shared_checksum/000002_1_2.sst/inside",
            "shared_checksum/000002_1_2.sst",
        ),
    ];
    let expected = unknown.map(|path| {
        told.iter()
            .find(|(is, _)| *is == path)
            .map_or(path, |told| told.1)
    });
    assert_eq!(report.unknown_files, expected);
    assert_eq!(report.deleted_files.len(), 3, "the files of private/5");
    let left = files(&aging.store);
    assert!(unknown.iter().all(|path| left.contains(*path)));
    assert_eq!(left.len(), unknown.len() + files_of(&[(1, &[1, 2])]).len());
}

#[test]
fn a_temporary_directory_that_would_cost_a_backup_is_warned_of() {
    let aging = aging();
    aging.put("private/1.tmp/CURRENT");
    let report = aging.collect();
    let warning = report.warnings.first().unwrap();
    assert_eq!(warning.about.as_deref(), Some("private/1.tmp"));
    assert!(aging.is_there("private/1.tmp/CURRENT") && aging.is_there("private/1/CURRENT"));
}

#[test]
fn what_is_no_regular_file_never_leads_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("000001.log"), "precious").unwrap();
    let store: Store = Store::from(LocalStore::new(directory.path()));
    put_our_backup(&store, 1, &[1, 2]);
    put_our_backup(&store, 2, &[2, 3]);
    let at = |path: &str| directory.path().join(path);
    let link = |to: &str, path: &str| std::os::unix::fs::symlink(outside.path().join(to), at(path)).unwrap();
    // A file of the backup that goes was replaced by a link, one by a directory.
    fs::remove_file(at("private/2/000006.log")).unwrap();
    link("000001.log", "private/2/000006.log");
    fs::remove_file(at(&table_path(3))).unwrap();
    fs::create_dir(at(&table_path(3))).unwrap();
    // Private directories of backups that are not there: one leads elsewhere, one is a file.
    link("", "private/8");
    fs::write(at("private/9"), "a file").unwrap();
    let report = engine(&store).delete_backup(id(2), &Quiet).unwrap();
    assert_eq!(
        report.unknown_files,
        ["private/8", "private/9", table_path(3).as_str()]
    );
    assert!(at("private/8").exists() && !at("private/2").exists());
    let left = fs::read_to_string(outside.path().join("000001.log")).unwrap();
    assert_eq!(left, "precious");
}

#[test]
fn ages_on_a_local_disk_are_those_of_the_last_change() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::new(SystemTime::now()));
    let store: Store = Store::from(LocalStore::new(directory.path()));
    let components = Components::default().with_clock(clock.clone());
    let engine = BackupEngine::open(BackupEngineOptions::default(), store.clone())
        .unwrap()
        .with_components(components);
    put_our_backup(&store, 1, &[1]);
    let at = |path: &str| directory.path().join(path);
    let set_age = |path: &str, seconds: u64| {
        let then = clock.now() - Duration::from_secs(seconds);
        File::open(at(path)).unwrap().set_modified(then).unwrap();
    };
    for number in [10, 11] {
        put_table(&store, number);
    }
    set_age(&table_path(10), 4000);
    let tomorrow = clock.now() + Duration::from_secs(86400);
    File::open(at(&table_path(11)))
        .unwrap()
        .set_modified(tomorrow)
        .unwrap();
    let report = engine.garbage_collect(DEFAULT_MIN_AGE, &Quiet).unwrap();
    assert_eq!(report.too_young, 1);
    assert!(!at(&table_path(10)).exists() && at(&table_path(11)).exists());
    // An empty directory of a foreign backup that has just begun.
    fs::create_dir(at("private/2")).unwrap();
    let report = engine.garbage_collect(DEFAULT_MIN_AGE, &Quiet).unwrap();
    assert_eq!(report.too_young, 2);
    set_age("private/2", 4000);
    set_age(&table_path(11), 4000);
    engine.garbage_collect(DEFAULT_MIN_AGE, &Quiet).unwrap();
    assert!(!at("private/2").exists());
    assert_eq!(files(&store), files_of(&[(1, &[1])]));
}
