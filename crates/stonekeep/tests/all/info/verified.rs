//! When backups were verified, and what was found wrong, as `list` and `show` tell it without reading a file.

use std::sync::Arc;
use std::time::Duration;

use stonekeep::engine::info::{BackupInfo, InfoDetail, RepositoryInfo};
use stonekeep::engine::verify::{Sample, VerifyLevel, VerifyOptions, VerifyWhat};
use stonekeep::engine::{BackupEngineReadOnly, Components};
use stonekeep::store::Store;
use stonekeep::{BackupState, Quiet, Warning, WarningName};
use stonekeep_testkit::fake_clock::FakeClock;
use stonekeep_testkit::record_store::RecordStore;

use crate::support::scene::{Scene, id, key, memory, named, names, options, put, reader};
use crate::verify::basics::flip;

const START: i64 = 1_800_000_000;

fn engine(store: &Store, clock: &Arc<FakeClock>) -> BackupEngineReadOnly {
    reader(store).with_components(Components::default().with_clock(Arc::clone(clock) as _))
}

fn all(store: &Store, clock: &Arc<FakeClock>) -> RepositoryInfo {
    engine(store, clock)
        .get_all_backup_info(InfoDetail::Sizes)
        .unwrap()
}

fn told(info: &BackupInfo) -> (Option<i64>, Option<u64>) {
    (info.oldest_verified_seconds, info.never_verified_bytes)
}

#[test]
fn the_oldest_unverified_byte_is_known_of_each_backup_and_of_all() {
    let (mut scene, store) = (Scene::new(), memory());
    let clock = Arc::new(FakeClock::at_unix_seconds(START.try_into().unwrap()));
    scene.include("notes", "one");
    scene.create(&store).unwrap();
    let info = all(&store, &clock);
    let size = info.backups[0].size_bytes;
    assert_eq!(told(&info.backups[0]), (None, size));
    assert_eq!(info.never_verified_bytes, info.total_bytes);
    let verify =
        |how: &VerifyOptions, what: VerifyWhat| engine(&store, &clock).verify(what, how, &Quiet).unwrap();
    verify(&VerifyOptions::default(), VerifyWhat::All);
    clock.advance(Duration::from_secs(1000));
    let info = all(&store, &clock);
    assert_eq!(told(&info.backups[0]), (Some(START), Some(0)));
    assert_eq!(
        (info.oldest_verified_seconds, info.never_verified_bytes),
        (Some(START), Some(0))
    );

    // Another backup has files of its own, and shares others.
    scene.change();
    scene.create(&store).unwrap();
    let info = all(&store, &clock);
    assert_eq!(told(&info.backups[0]), (Some(START), Some(0)));
    let (oldest, never) = told(&info.backups[1]);
    assert_eq!((oldest, never), (None, info.backups[1].unique_bytes));
    assert_eq!(
        (info.oldest_verified_seconds, info.never_verified_bytes),
        (None, never)
    );
    assert_eq!(
        engine(&store, &clock)
            .get_backup_info(id(2), InfoDetail::Files)
            .unwrap()
            .never_verified_bytes,
        never
    );
    verify(&VerifyOptions::default(), id(2).into());
    let info = all(&store, &clock);
    // Its own files of the first one are the oldest.
    assert_eq!(told(&info.backups[0]), (Some(START), Some(0)));
    assert_eq!(told(&info.backups[1]), (Some(START + 1000), Some(0)));
    assert_eq!(info.oldest_verified_seconds, Some(START));
    let one = verify(
        &VerifyOptions::default().with_sample(Sample::Bytes(1)),
        VerifyWhat::All,
    );
    assert!(one.oldest_verified_seconds <= all(&store, &clock).oldest_verified_seconds);
    let head = engine(&store, &clock)
        .get_backup_info(id(1), InfoDetail::Head)
        .unwrap();
    assert_eq!(told(&head), (None, None));
}

#[test]
fn damage_that_was_found_makes_a_backup_corrupt_until_it_is_healed() {
    let (mut scene, store) = (Scene::new(), memory());
    let clock = Arc::new(FakeClock::at_unix_seconds(START.try_into().unwrap()));
    scene.include("notes", "one");
    scene.create(&store).unwrap();
    scene.change();
    scene.create(&store).unwrap();
    let shared = named(&store, 1)
        .intersection(&named(&store, 2))
        .next()
        .unwrap()
        .clone();
    let private = named(&store, 2)
        .into_iter()
        .find(|path| path.contains("MANIFEST"))
        .unwrap();
    let notes = "stonekeep/files/1/notes".to_owned();
    let damaged = [&shared, &private, &notes];
    damaged.iter().for_each(|path| flip(&store, path));
    let found = |backup: usize| match all(&store, &clock).backups[backup].state.clone() {
        BackupState::Corrupt(findings) => findings,
        state => panic!("{state:?}"),
    };
    // Nobody has read them yet.
    assert!(
        all(&store, &clock)
            .backups
            .iter()
            .all(|info| info.state == BackupState::Valid)
    );
    let verify = || {
        engine(&store, &clock)
            .verify(VerifyWhat::All, &VerifyOptions::default(), &Quiet)
            .unwrap()
    };
    assert_eq!(verify().findings.len(), 3);
    let files = |backup| {
        found(backup)
            .into_iter()
            .map(|finding| finding.file)
            .collect::<Vec<_>>()
    };
    assert_eq!(files(0), [shared.clone(), notes.clone()]);
    assert_eq!(files(1), [shared.clone(), private.clone()]);
    assert!(
        found(0)[0].reason.ends_with(", as a verification found"),
        "{:?}",
        found(0)
    );
    damaged.iter().for_each(|path| flip(&store, path));
    assert_eq!(files(1).len(), 2, "nobody has read it since");
    assert!(verify().is_clean());
    assert!(
        all(&store, &clock)
            .backups
            .iter()
            .all(|info| info.state == BackupState::Valid)
    );
}

#[test]
fn it_costs_one_listing_and_one_read() {
    let (scene, store) = (Scene::new(), memory());
    scene.create(&store).unwrap();
    let record = RecordStore::new(store.clone());
    let recorded: Store = record.clone().into();
    let requests = || {
        record.clear();
        reader(&recorded).get_all_backup_info(InfoDetail::Sizes).unwrap();
        let lines = record.lines().into_iter();
        lines.filter(|line| line.contains("stonekeep/verified")).count()
    };
    assert_eq!(requests(), 1);
    for _ in 0..3 {
        let engine = BackupEngineReadOnly::open(options(), store.clone()).unwrap();
        engine
            .verify(VerifyWhat::All, &VerifyOptions::default(), &Quiet)
            .unwrap();
        assert_eq!(requests(), 2);
    }
}

/// A shared file that is not there is not several files.
#[test]
fn a_missing_file_counts_once_among_those_that_were_never_verified() {
    let (mut scene, store) = (Scene::new(), memory());
    let clock = Arc::new(FakeClock::at_unix_seconds(START.try_into().unwrap()));
    for _ in 0..3 {
        scene.create(&store).unwrap();
        scene.change();
    }
    let before = all(&store, &clock);
    let shared = named(&store, 1).into_iter();
    let mut shared = shared.filter(|path| path.ends_with(".sst") && named(&store, 3).contains(path));
    store.delete_one(&key(&shared.next().unwrap())).unwrap();
    let after = all(&store, &clock);
    assert!(after.backups.iter().all(|info| info.state != BackupState::Valid));
    assert_eq!(after.never_verified_bytes, before.never_verified_bytes);
}

/// Until a verification has removed them.
#[test]
fn damaged_records_of_verifications_are_named() {
    let (scene, store) = (Scene::new(), memory());
    let clock = Arc::new(FakeClock::at_unix_seconds(START.try_into().unwrap()));
    scene.create(&store).unwrap();
    let verify = |level: VerifyLevel| {
        let how = VerifyOptions::default().with_level(level);
        let verified = engine(&store, &clock).verify(VerifyWhat::All, &how, &Quiet);
        verified.unwrap().warnings
    };
    assert_eq!(verify(VerifyLevel::Checksum), []);
    assert_eq!(all(&store, &clock).warnings, []);
    let [stamps] = &names(&store, "stonekeep/verified")
        .into_iter()
        .collect::<Vec<_>>()[..]
    else {
        panic!("one file");
    };
    let (stamps, drill) = (format!("stonekeep/verified/{stamps}"), "stonekeep/verified/drill");
    flip(&store, &stamps);
    put(&store, drill, b"garbage");
    let is_of = |warnings: &[Warning], files: &[&str]| {
        let mut about: Vec<_> = warnings.iter().map(|warning| warning.about.as_deref()).collect();
        about.sort_unstable();
        let names = warnings.iter().map(|warning| warning.name);
        names.into_iter().all(|name| name == WarningName::NotRemembered)
            && about == files.iter().map(|file| Some(*file)).collect::<Vec<_>>()
    };
    let mut both = [drill, &stamps];
    both.sort_unstable();
    let told = all(&store, &clock).warnings;
    assert!(is_of(&told, &both), "{told:?}");
    for level in [VerifyLevel::Size, VerifyLevel::Checksum] {
        let told = verify(level);
        assert!(is_of(&told, &both), "{level:?}: {told:?}");
    }
    let told = all(&store, &clock).warnings;
    assert!(is_of(&told, &[drill]), "{told:?}");
}
