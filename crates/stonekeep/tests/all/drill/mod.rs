//! Drills: what comes back is verified, and nothing stays.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stonekeep::engine::drill::{DrillPlace, DrillReport};
use stonekeep::engine::info::InfoDetail;
use stonekeep::engine::{BackupEngineReadOnly, Components, RestoreOptions};
use stonekeep::store::Store;
use stonekeep::{ErrorKind, Observer, Phase, Progress, Quiet, Result, StopSwitch, WarningName, WhichBackup};
use stonekeep_testkit::fake_clock::FakeClock;
use stonekeep_testkit::fault_store::FaultStore;
use stonekeep_testkit::fixtures::{self, Fixture};

use crate::support::scene::{Scene, directory, id, key, memory, named, put, reader};
use crate::verify::basics::flip;

fn scene() -> (Scene, Store, PathBuf) {
    let mut scene = Scene::new();
    scene.include("conf/notes", "one");
    let store = memory();
    scene.create(&store).unwrap();
    scene.change();
    scene.create(&store).unwrap();
    let scratch = scene.path("scratch");
    fs::create_dir(&scratch).unwrap();
    fs::write(scratch.join("mine"), "x").unwrap();
    (scene, store, scratch)
}

fn drill_with(
    engine: &BackupEngineReadOnly,
    which: WhichBackup,
    scratch: &Path,
    observer: &dyn Observer,
) -> Result<DrillReport> {
    let place = DrillPlace::Scratch(scratch.to_owned());
    engine.drill(which, &place, &RestoreOptions::default(), observer)
}

fn drill(store: &Store, which: WhichBackup, scratch: &Path) -> Result<DrillReport> {
    drill_with(&reader(store), which, scratch, &Quiet)
}

fn names_in(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Changes what was restored when it is about to be read again.
struct Meddler<F>(PathBuf, F);

impl<F: Fn(&Path) + Send + Sync> Observer for Meddler<F> {
    fn progressed(&self, progress: &Progress) {
        if progress.phase == Phase::Verifying && progress.files_done == 0 && progress.bytes_done == 0 {
            let name = names_in(&self.0)
                .into_iter()
                .find(|name| name.starts_with("stonekeep-drill-"));
            (self.1)(&self.0.join(name.unwrap()).join("database"));
        }
    }
}

#[test]
fn a_backup_comes_back_whole_and_nothing_stays() {
    let (scene, store, scratch) = scene();
    let clock = Arc::new(FakeClock::at_unix_seconds(1_800_000_000));
    let engine = reader(&store).with_components(Components::default().with_clock(Arc::clone(&clock) as _));
    for backup in [1, 2] {
        clock.advance(Duration::from_secs(10));
        let report = drill_with(&engine, WhichBackup::Id(id(backup)), &scratch, &Quiet).unwrap();
        assert_eq!(
            (report.findings.as_slice(), report.backup_id),
            (&[][..], id(backup))
        );
        let info = engine.get_backup_info(id(backup), InfoDetail::Sizes).unwrap();
        assert_eq!(
            (report.files, Some(report.bytes)),
            (info.number_files + 1, info.size_bytes)
        );
        assert_eq!(report.sequence_number, Some(info.sequence_number));
        assert!(report.restore_bytes_per_second > 0 && report.verify_bytes_per_second > 0);
        assert_eq!(
            info.last_drill_seconds,
            Some(1_800_000_000 + 10 * i64::from(backup))
        );
        assert_eq!(names_in(&scratch), ["mine"]);
    }
    let info = engine.get_all_backup_info(InfoDetail::Sizes).unwrap();
    assert_eq!(info.last_drill_seconds, Some(1_800_000_020));
    assert_eq!(info.backups[0].last_drill_seconds, None);
    assert_eq!(scene.database.sequence_number(), info.backups[1].sequence_number);
}

#[test]
fn real_backups_of_real_engines_come_back() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::from(stonekeep::LocalStore::new(fixture.repository()));
        let options = RestoreOptions::default().with_alternate_dirs(vec![fixture.alternate()]);
        let place = DrillPlace::Scratch(scratch.path().to_owned());
        for backup in reader(&store).backup_ids().unwrap() {
            match reader(&store).drill(WhichBackup::Id(backup), &place, &options, &Quiet) {
                Ok(report) => assert!(report.findings.is_empty(), "{name}: {:?}", report.findings),
                Err(error) => panic!("{name}, backup {backup}: {}", error.one_line()),
            }
            assert!(names_in(scratch.path()).is_empty());
        }
    }
}

#[test]
fn a_damaged_backup_is_an_error_and_nothing_stays() {
    let (_scene, store, scratch) = scene();
    let table = named(&store, 2)
        .difference(&named(&store, 1))
        .find(|path| path.ends_with(".sst"))
        .unwrap()
        .clone();
    flip(&store, &table);
    let error = drill(&store, WhichBackup::Latest, &scratch).unwrap_err();
    assert_eq!(
        (error.kind(), error.findings()[0].file.as_str()),
        (ErrorKind::Corrupt, table.as_str())
    );
    assert_eq!(names_in(&scratch), ["mine"]);
    let report = drill(&store, WhichBackup::LatestValid, &scratch).unwrap();
    assert_eq!((report.backup_id, report.passed_over[0].id), (id(1), id(2)));
    assert_eq!(names_in(&scratch), ["mine"]);
}

#[test]
fn what_is_wrong_on_the_disk_is_found() {
    let (_scene, store, scratch) = scene();
    let changed = |change: &(dyn Fn(&Path) + Send + Sync)| {
        let meddler = Meddler(scratch.clone(), change);
        let report = drill_with(&reader(&store), WhichBackup::Id(id(1)), &scratch, &meddler).unwrap();
        assert_eq!(names_in(&scratch), ["mine"]);
        report.findings
    };
    assert_eq!(changed(&|_| {}), []);
    let flipped = |name: &'static str| {
        move |database: &Path| {
            let name = names_in(database)
                .into_iter()
                .find(|found| found.ends_with(name))
                .unwrap();
            let file = fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open(database.join(name))
                .unwrap();
            let mut byte = [0];
            file.read_exact_at(&mut byte, 20).unwrap();
            file.write_all_at(&[byte[0] ^ 1], 20).unwrap();
            file.sync_all().unwrap();
        }
    };
    for name in [".sst", ".blob", ".log"] {
        let findings = changed(&flipped(name));
        // By the file's checksum, and inside of it.
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings.iter().all(|finding| finding.file.ends_with(name)));
        assert!(
            findings[0].reason.contains("its checksum on the disk is "),
            "{findings:?}"
        );
        let part = match name {
            ".sst" => "data block at byte 0: ",
            ".blob" => "blob file at byte 0: its blobs expire",
            _ => "record at byte 0: ",
        };
        assert!(findings[1].reason.starts_with(part), "{findings:?}");
    }
    let info = reader(&store).get_all_backup_info(InfoDetail::Sizes).unwrap();
    let after_a_good_one = info.last_drill_seconds;
    assert!(after_a_good_one.is_some());
    // One that found something is not remembered, and does not take back what the last one said.
    changed(&flipped(".sst"));
    assert_eq!(
        reader(&store)
            .get_all_backup_info(InfoDetail::Sizes)
            .unwrap()
            .last_drill_seconds,
        after_a_good_one
    );
}

/// Damages CURRENT as soon as the restore has ended.
struct DamagesCurrent(PathBuf, fn(&str) -> String);

impl Observer for DamagesCurrent {
    fn should_stop(&self) -> bool {
        let is_restored = self.0.join("CURRENT").exists() && !self.0.join(".stonekeep-restore").exists();
        if is_restored {
            let name = fs::read_to_string(self.0.join("CURRENT")).unwrap();
            fs::write(self.0.join("CURRENT"), (self.1)(&name)).unwrap();
        }
        false
    }
}

/// RocksDB refuses a CURRENT that does not end with a newline.
#[test]
fn a_damaged_current_is_found_however_it_is_damaged() {
    let (scene, store, _) = scene();
    let damages: [fn(&str) -> String; 2] =
        [|name| name.trim_end().to_owned(), |name| "\0".repeat(name.len())];
    for (at, damage) in damages.into_iter().enumerate() {
        let keep = scene.path(&format!("kept-{at}"));
        let drilled = reader(&store).drill(
            WhichBackup::Latest,
            &DrillPlace::Keep(keep.clone()),
            &RestoreOptions::default(),
            &DamagesCurrent(keep.clone(), damage),
        );
        let current = keep.join("CURRENT").display().to_string();
        let found = drilled.unwrap().findings;
        assert!(
            !found.is_empty() && found.iter().all(|it| it.file == current),
            "{found:?}"
        );
    }
}

#[test]
fn a_stop_leaves_nothing() {
    let (_scene, store, scratch) = scene();
    for stop_in in [Phase::Planning, Phase::Copying, Phase::Verifying] {
        let switch = StopSwitch::new();
        let stopper = switch.clone();
        let seen = Arc::new(Mutex::new(false));
        let noted = Arc::clone(&seen);
        let observer = switch.with_observer(move |progress: &Progress| {
            if progress.phase == stop_in {
                *noted.lock().unwrap() = true;
                stopper.stop();
            }
        });
        let ended = drill_with(&reader(&store), WhichBackup::Latest, &scratch, &observer);
        if *seen.lock().unwrap() {
            assert_eq!(ended.unwrap_err().kind(), ErrorKind::Stopped, "{stop_in:?}");
        }
        assert_eq!(names_in(&scratch), ["mine"], "{stop_in:?}");
    }
}

#[test]
fn a_kept_database_stays_and_a_repository_that_cannot_be_written_remembers_nothing() {
    let (scene, store, _) = scene();
    let keep = scene.path("kept");
    let place = DrillPlace::Keep(keep.clone());
    let report = reader(&store)
        .drill(WhichBackup::Latest, &place, &RestoreOptions::default(), &Quiet)
        .unwrap();
    assert_eq!(report.kept.as_deref(), Some(keep.as_path()));
    assert!(keep.join("CURRENT").is_file() && keep.join("conf/notes").is_file());
    // Dies at its first change, the pin; so it remembers nothing.
    let dead = FaultStore::kill_at(store.clone(), 1);
    let scratch = scene.path("scratch");
    match drill(&dead, WhichBackup::Latest, &scratch) {
        Ok(report) => {
            let names: Vec<WarningName> = report.warnings.iter().map(|warning| warning.name).collect();
            assert!(names.contains(&WarningName::NotRemembered), "{names:?}");
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Io),
    }
    assert_eq!(names_in(&scratch), ["mine"]);
}

#[test]
fn a_database_is_not_replaced() {
    let (scene, store, _) = scene();
    let keep = scene.path("kept");
    let place = DrillPlace::Keep(keep.clone());
    let drill = || reader(&store).drill(WhichBackup::Latest, &place, &RestoreOptions::default(), &Quiet);
    fs::create_dir(&keep).unwrap();
    drill().unwrap();
    let before = names_in(&keep);
    fs::write(keep.join("000999.log"), "newer").unwrap();
    let error = drill().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("is not empty"), "{error}");
    assert_eq!(fs::read_to_string(keep.join("000999.log")).unwrap(), "newer");
    assert_eq!(names_in(&keep).len(), before.len() + 1);
}

#[test]
fn a_scratch_directory_is_in_no_database_and_no_repository() {
    let mut scene = Scene::new();
    scene.change();
    let store = directory(&scene);
    scene.create(&store).unwrap();
    let refused = |scratch: &Path| drill(&store, WhichBackup::Latest, scratch).unwrap_err();
    let inside = scene.database.path().join("scratch");
    fs::create_dir(&inside).unwrap();
    let error = refused(&inside);
    assert!(
        error.kind() == ErrorKind::Refused && error.to_string().contains("lies in the database"),
        "{error}"
    );
    assert_eq!(refused(&scene.path("repository/meta")).kind(), ErrorKind::Refused);
    assert_eq!(refused(&scene.path("repository")).kind(), ErrorKind::Refused);
    assert_eq!(
        refused(&scene.path("nowhere")).io_kind(),
        Some(io::ErrorKind::NotFound)
    );
    let file = scene.path("file");
    fs::write(&file, "").unwrap();
    assert_eq!(refused(&file).kind(), ErrorKind::InvalidArgument);
    let kept = DrillPlace::Keep(scene.path("repository/kept"));
    let error = reader(&store).drill(WhichBackup::Latest, &kept, &RestoreOptions::default(), &Quiet);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Refused);
    assert!(!scene.path("repository/kept").exists());
}

#[test]
fn a_record_of_a_drill_that_is_damaged_means_that_there_was_none() {
    let (_scene, store, scratch) = scene();
    drill(&store, WhichBackup::Latest, &scratch).unwrap();
    let path = "stonekeep/verified/drill";
    let last = || {
        reader(&store)
            .get_all_backup_info(InfoDetail::Sizes)
            .unwrap()
            .last_drill_seconds
    };
    assert!(last().is_some());
    let text = store.read(&key(path), 10_000).unwrap();
    put(&store, path, &text[..text.len() - 5]);
    assert_eq!(last(), None);
    drill(&store, WhichBackup::Latest, &scratch).unwrap();
    assert!(last().is_some());
}
