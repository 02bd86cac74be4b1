//! Meta files that lack a line, and have the file count of what is left.

use std::fs;

use stonekeep::engine::info::{BackupState, InfoDetail, WhichBackup};
use stonekeep::engine::verify::{FindingKind, VerifyLevel, VerifyReport};
use stonekeep::engine::{
    BackupEngine, BackupEngineReadOnly, Components, CreateBackupOptions, MaybeExclude, MetaSchema,
    RestoreOptions,
};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{ErrorKind, Finding, Quiet};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::fixtures::{self, Fixture};

use crate::support::scene::{Scene, assert_valid, id, key, memory, options, put, reader, verify};

/// Takes the first line with this in it out of a meta file in schema 1, and sets the file count to what is left.
fn remove_line(store: &Store, backup: u32, with: &str) -> String {
    let path = format!("meta/{backup}");
    let text = String::from_utf8(store.read(&key(&path), 1 << 20).unwrap()).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains(with)).unwrap();
    let removed = lines.remove(at).split(' ').next().unwrap().to_owned();
    let count_at = lines.iter().position(|line| line.contains(" crc32 ")).unwrap() - 1;
    let count = (lines.len() - count_at - 1).to_string();
    lines[count_at] = &count;
    put(store, &path, (lines.join("\n") + "\n").as_bytes());
    removed
}

/// The name in the database of a file of a repository.
fn restored(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap();
    let (stem, extension) = name.rsplit_once('.').unwrap();
    format!("{}.{extension}", stem.split('_').next().unwrap())
}

fn assert_unlisted(report: &VerifyReport, backup: u32, name: &str) {
    let found = report
        .findings
        .iter()
        .find(|finding| finding.kind == FindingKind::Unlisted);
    let found = found.unwrap_or_else(|| panic!("{name}: {:?}", report.findings));
    assert_eq!(found.file, format!("meta/{backup}"));
    assert!(found.reason.contains(name), "{}", found.reason);
    assert_eq!(found.backups, [id(backup)]);
}

fn assert_told_everywhere(store: &Store, backup: u32, name: &str) {
    let engine = reader(store);
    for level in [VerifyLevel::Size, VerifyLevel::Checksum] {
        let report = engine.verify_backups(id(backup), level, &Quiet).unwrap();
        assert_unlisted(&report, backup, name);
    }
    let tells = |findings: &[Finding]| findings.iter().any(|finding| finding.reason.contains(name));
    let listed = engine.get_all_backup_info(InfoDetail::Sizes).unwrap();
    let shown =
        [InfoDetail::Sizes, InfoDetail::Files].map(|detail| engine.get_backup_info(id(backup), detail));
    let infos = shown.into_iter().map(Result::unwrap);
    for info in listed
        .backups
        .into_iter()
        .filter(|info| info.id == id(backup))
        .chain(infos)
    {
        match &info.state {
            BackupState::Corrupt(findings) => assert!(tells(findings), "{findings:?}"),
            state => panic!("{name}: {state:?}"),
        }
    }
    let target = tempfile::tempdir().unwrap();
    let restore = |which| {
        let options = RestoreOptions::default();
        engine.restore_db_from_backup(which, &target.path().join("db"), &options, &Quiet)
    };
    let error = restore(WhichBackup::Id(id(backup))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(tells(error.findings()), "{error}");
    assert!(!target.path().join("db/CURRENT").exists());
}

#[test]
fn a_missing_line_of_a_table_or_blob_is_damage() {
    for (with, schema) in [(".sst", 1), (".blob", 1), (".sst", 2)] {
        let scene = Scene::new();
        let store = memory();
        let options = match schema {
            1 => options(),
            _ => options().with_schema_version(MetaSchema::Two),
        };
        scene.create_with(&store, options).unwrap();
        let name = match schema {
            1 => restored(&remove_line(&store, 1, with)),
            _ => remove_line_of_schema_2(&store, with),
        };
        assert_told_everywhere(&store, 1, &name);
    }
}

/// Files are counted in a line of their own in schema 2, too; only the footer is after them.
fn remove_line_of_schema_2(store: &Store, with: &str) -> String {
    let text = String::from_utf8(store.read(&key("meta/1"), 1 << 20).unwrap()).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = lines.iter().position(|line| line.contains(with)).unwrap();
    let removed = lines.remove(at).split(' ').next().unwrap().to_owned();
    let count_at = lines
        .iter()
        .rposition(|line| line.parse::<u64>().is_ok())
        .unwrap();
    let count: u64 = lines[count_at].parse().unwrap();
    lines[count_at] = (count - 1).to_string();
    put(store, "meta/1", (lines.join("\n") + "\n").as_bytes());
    restored(&removed)
}

#[test]
fn latest_valid_passes_over_a_backup_with_a_missing_line() {
    let mut scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    scene.change();
    scene.create(&store).unwrap();
    remove_line(&store, 2, ".sst");
    let target = scene.path("restored");
    let options = RestoreOptions::default();
    let report = reader(&store)
        .restore_db_from_backup(WhichBackup::LatestValid, &target, &options, &Quiet)
        .unwrap();
    assert_eq!(report.backup_id, id(1));
    assert_eq!(report.passed_over[0].id, id(2));
    assert!(!report.passed_over[0].findings.is_empty());
}

/// Many missing lines are one finding, with the first and the last of them.
#[test]
fn many_missing_lines_are_one_finding() {
    let mut scene = Scene::empty(DatabaseBuilder::new());
    let numbers = scene.database.add_tables(30, 2_000);
    let store = memory();
    scene.create(&store).unwrap();
    for number in &numbers {
        remove_line(&store, 1, &format!("/{:06}_", number.0));
    }
    let report = verify(&store);
    let [finding] = report.findings.as_slice() else {
        panic!("{:?}", report.findings);
    };
    let (first, last) = (numbers[0].0, numbers[29].0);
    let names = format!("30 files ({first:06}.sst … {last:06}.sst)");
    assert!(finding.reason.contains(&names), "{}", finding.reason);
}

#[test]
fn a_missing_wal_is_damage_where_the_manifest_tracks_it() {
    for tracked in [true, false] {
        let builder = if tracked {
            DatabaseBuilder::new().track_wals()
        } else {
            DatabaseBuilder::new()
        };
        let mut scene = Scene::with(builder);
        let wal = scene.database.wal_number();
        scene.database.switch_wal();
        scene.database.write(3);
        let store = memory();
        scene.create(&store).unwrap();
        assert_valid(&store, &[1], "with all WALs");
        let name = format!("{:06}.log", wal.0);
        remove_line(&store, 1, &name);
        if tracked {
            assert_told_everywhere(&store, 1, &name);
        } else {
            // RocksDB's engine flushes first, and then lists no WAL either.
            assert_valid(&store, &[1], "without a WAL that may not be needed");
        }
    }
}

#[test]
fn a_backup_that_was_made_without_wals_is_right() {
    let mut scene = Scene::with(DatabaseBuilder::new().track_wals());
    scene.database.switch_wal();
    scene.database.write(3);
    let store = memory();
    scene
        .create_with(&store, options().with_backup_log_files(false))
        .unwrap();
    assert_valid(&store, &[1], "without WALs");
}

#[test]
fn excluded_files_are_listed() {
    let scene = Scene::new();
    let store = memory();
    let options = options().with_schema_version(MetaSchema::Two);
    let all = |offered: &[MaybeExclude]| Ok(vec![true; offered.len()]);
    let engine = BackupEngine::open(options, store.clone())
        .unwrap()
        .with_components(Components::default().with_exclude_files_callback(all));
    let report = engine
        .create_new_backup(&scene.source(), &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    assert!(report.files_excluded > 0);
    assert_valid(&store, &[1], "with excluded files");
}

/// Backups of all engines are right, and none of them has facts.
#[test]
fn every_line_that_an_engine_wrote_of_a_table_is_missed() {
    let mut missed = 0;
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let repository = fixture.repository();
        let store: Store = Store::from(LocalStore::new(&repository));
        let engine = BackupEngineReadOnly::open(options(), store.clone()).unwrap();
        assert!(verify(&store).is_clean(), "{name}");
        for info in engine.get_all_backup_info(InfoDetail::Sizes).unwrap().backups {
            assert_eq!(info.state, BackupState::Valid, "{name}");
            if info.schema != "1" {
                continue;
            }
            let path = repository.join(format!("meta/{}", info.id));
            let whole = fs::read(&path).unwrap();
            if !String::from_utf8_lossy(&whole).contains(".sst") {
                continue;
            }
            let line = remove_line(&store, info.id.get(), ".sst");
            assert_told_everywhere(&store, info.id.get(), &restored(&line));
            fs::write(&path, whole).unwrap();
            missed += 1;
        }
    }
    assert!(missed >= 20, "{missed}");
}
