//! What a verification finds, and whom it concerns.

use std::num::NonZeroUsize;

use stonekeep::engine::info::BackupState;
use stonekeep::engine::verify::{FindingKind, VerifyLevel, VerifyReport, VerifyWhat};
use stonekeep::engine::{BackupEngineOptions, BackupEngineReadOnly};
use stonekeep::format::BackupId;
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{ErrorKind, Phase, Quiet, StopSwitch, WarningName};
use stonekeep_testkit::fixtures::{self, Fixture};
use stonekeep_testkit::record_store::RecordStore;

use crate::image::tweaked::Told;
use crate::support::scene::{Scene, id, key, memory, named, options, put, reader, verify};

/// Two backups, a file that both name, and one that only the second names.
pub(crate) fn two_backups(store: &Store) -> (String, String) {
    let mut scene = Scene::new();
    scene.create(store).unwrap();
    scene.change();
    scene.create(store).unwrap();
    let (first, second) = (named(store, 1), named(store, 2));
    let table = |path: &&String| path.ends_with(".sst");
    let shared = first.intersection(&second).find(table).unwrap();
    let own = second.difference(&first).find(table).unwrap();
    (shared.clone(), own.clone())
}

pub(crate) fn flip(store: &Store, path: &str) {
    let mut bytes = store.read(&key(path), 1 << 20).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    put(store, path, &bytes);
}

pub(crate) fn findings(report: &VerifyReport) -> Vec<(FindingKind, &str, Vec<u32>)> {
    let findings = report.findings.iter();
    findings
        .map(|finding| {
            let backups = finding.backups.iter().map(|backup| backup.get()).collect();
            (finding.kind, finding.file.as_str(), backups)
        })
        .collect()
}

fn at_level(store: &Store, level: VerifyLevel) -> VerifyReport {
    reader(store)
        .verify_backups(VerifyWhat::All, level, &Quiet)
        .unwrap()
}

#[test]
fn all_findings_are_reported_at_once_with_the_backups_they_affect() {
    let store = memory();
    let (shared, own) = two_backups(&store);
    flip(&store, &shared);
    store.delete_one(&key(&own)).unwrap();
    let options_file = named(&store, 1)
        .into_iter()
        .find(|path| path.contains("OPTIONS"))
        .unwrap();
    put(&store, &options_file, b"short");
    let sizes = at_level(&store, VerifyLevel::Size);
    let wrong_size = (FindingKind::WrongSize, &*options_file, vec![1]);
    let missing = (FindingKind::Missing, &*own, vec![2]);
    assert_eq!(findings(&sizes), [wrong_size.clone(), missing.clone()]);
    let checksums = at_level(&store, VerifyLevel::Checksum);
    let mut all = vec![
        wrong_size,
        missing,
        (FindingKind::WrongChecksum, &*shared, vec![1, 2]),
    ];
    all.sort_by_key(|(_, file, _)| file.to_string());
    assert_eq!(findings(&checksums), all);
    for backup in &checksums.backups {
        let BackupState::Corrupt(own) = &backup.state else {
            panic!("{backup:?}");
        };
        assert_eq!(own.len(), 2);
    }
    assert!(!checksums.is_clean());
}

#[test]
fn a_file_that_backups_share_is_read_once() {
    let inner = memory();
    let (shared, _) = two_backups(&inner);
    let record = RecordStore::new(inner.clone());
    let store: Store = record.clone().into();
    for workers in [1, 4] {
        let options =
            BackupEngineOptions::default().with_max_background_operations(NonZeroUsize::new(workers));
        let engine = BackupEngineReadOnly::open(options, store.clone()).unwrap();
        record.clear();
        let told = Told::default();
        let report = engine
            .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &told)
            .unwrap();
        let opened = record
            .lines()
            .iter()
            .filter(|line| **line == format!("open {shared}"))
            .count();
        assert_eq!((opened, report.findings.len()), (1, 0));
        let all = &named(&inner, 1) | &named(&inner, 2);
        let bytes = all
            .iter()
            .map(|path| inner.stat(&key(path)).unwrap().unwrap().size_bytes)
            .sum();
        assert_eq!(report.bytes_checked, bytes);
        let last = *told.of(Phase::Verifying).last().unwrap();
        assert_eq!((last.bytes_done, last.bytes_total), (bytes, bytes));
        assert_eq!(
            (last.files_done, last.files_total),
            (all.len() as u64, all.len() as u64)
        );
    }
}

#[test]
fn the_wrong_meta_file_is_named() {
    let store = memory();
    let (shared, _) = two_backups(&store);
    let text = String::from_utf8(store.read(&key("meta/2"), 1 << 20).unwrap()).unwrap();
    let line = text.lines().find(|line| line.starts_with(&shared)).unwrap();
    let lie = text.replace(line, &format!("{shared} crc32 4711"));
    put(&store, "meta/2", lie.as_bytes());
    let report = verify(&store);
    assert_eq!(findings(&report), [(FindingKind::LyingMeta, &*shared, vec![2])]);
    assert_eq!(report.backups[0].state, BackupState::Valid);
}

/// Nothing in a meta file protects its time, its sequence number and the application's words.
#[test]
fn a_meta_file_with_another_head_is_warned_of() {
    let store = memory();
    two_backups(&store);
    let text = String::from_utf8(store.read(&key("meta/2"), 1 << 20).unwrap()).unwrap();
    let (time, rest) = text.split_once('\n').unwrap();
    let other = format!("{}\n{rest}", time.parse::<u64>().unwrap() + 1);
    put(&store, "meta/2", other.as_bytes());
    for level in [VerifyLevel::Size, VerifyLevel::Checksum] {
        let report = at_level(&store, level);
        let warned: Vec<_> = report
            .warnings
            .iter()
            .map(|it| (it.name, it.about.as_deref()))
            .collect();
        assert_eq!(warned, [(WarningName::OtherMeta, Some("meta/2"))]);
        assert!(report.is_clean());
    }
    store.delete_one(&key("stonekeep/backups/2")).unwrap();
    assert_eq!(at_level(&store, VerifyLevel::Checksum).warnings, []);
}

#[test]
fn a_wrong_length_in_one_meta_file_is_a_finding_of_that_backup_alone() {
    let store = memory();
    let mut scene = Scene::new();
    scene.create(&store).unwrap();
    scene.change();
    let schema_two = options().with_schema_version(stonekeep::engine::MetaSchema::Two);
    scene.create_with(&store, schema_two).unwrap();
    let both = &named(&store, 1) & &named(&store, 2);
    let shared = both.iter().find(|path| path.ends_with(".sst")).unwrap();
    let text = String::from_utf8(store.read(&key("meta/2"), 1 << 20).unwrap()).unwrap();
    let line = text.lines().find(|line| line.starts_with(shared)).unwrap();
    put(
        &store,
        "meta/2",
        text.replace(line, &format!("{line} size 7")).as_bytes(),
    );
    for level in [VerifyLevel::Size, VerifyLevel::Checksum] {
        let report = at_level(&store, level);
        assert_eq!(
            findings(&report),
            [(FindingKind::WrongSize, shared.as_str(), vec![2])]
        );
        assert_eq!(report.backups[0].state, BackupState::Valid);
    }
    // A file that has the right length for none of them is not read.
    let size_bytes = store.stat(&key(shared)).unwrap().unwrap().size_bytes;
    let before = at_level(&store, VerifyLevel::Checksum).bytes_checked;
    put(&store, shared, b"short");
    let report = at_level(&store, VerifyLevel::Checksum);
    assert_eq!(report.bytes_checked, before - size_bytes);
    let reasons: Vec<_> = report
        .findings
        .iter()
        .map(|finding| (finding.kind, finding.backups.len()))
        .collect();
    assert_eq!(
        reasons,
        [(FindingKind::WrongSize, 1), (FindingKind::WrongSize, 1)]
    );
}

#[test]
fn a_current_that_names_no_manifest_of_the_backup_is_wrong() {
    let store = memory();
    two_backups(&store);
    store.delete_one(&key("stonekeep/backups/1")).unwrap();
    put(&store, "private/1/CURRENT", b"MANIFEST-009999\n");
    put(&store, "private/2/CURRENT", b"no name");
    let report = at_level(&store, VerifyLevel::Size);
    let expected = [(FindingKind::Inconsistent, "private/1/CURRENT", vec![1])];
    assert_eq!(findings(&report)[..1], expected);
    assert!(
        findings(&report)[1..]
            .iter()
            .all(|(_, file, ids)| *file == "private/2/CURRENT" && *ids == [2])
    );
}

#[test]
fn two_files_restored_under_one_name_are_a_finding() {
    let store = memory();
    let (shared, _) = two_backups(&store);
    let text = String::from_utf8(store.read(&key("meta/1"), 1 << 20).unwrap()).unwrap();
    let number = &shared["shared_checksum/".len()..][..6];
    let count = named(&store, 1).len();
    let twice = text.replace(&format!("\n{count}\n"), &format!("\n{}\n", count + 1));
    put(
        &store,
        "meta/1",
        format!("{twice}shared/{number}.sst crc32 1\n").as_bytes(),
    );
    assert_eq!(
        findings(&verify(&store)),
        [(FindingKind::UnreadableMeta, "meta/1", vec![1])]
    );
}

#[test]
fn what_is_no_file_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("repository");
    let store: Store = Store::from(LocalStore::new(&root));
    let (shared, _) = two_backups(&store);
    let path = root.join(&shared);
    let original = std::fs::read(&path).unwrap();
    let elsewhere = directory.path().join("elsewhere");
    std::fs::write(&elsewhere, &original).unwrap();
    type Make<'a> = &'a dyn Fn();
    let fifo = || {
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    };
    let makes: [Make<'_>; 3] = [&fifo, &|| std::fs::create_dir(&path).unwrap(), &|| {
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap()
    }];
    for make in makes {
        std::fs::remove_file(&path)
            .or_else(|_| std::fs::remove_dir(&path))
            .unwrap();
        make();
        for level in [VerifyLevel::Size, VerifyLevel::Checksum] {
            let report = at_level(&store, level);
            assert_eq!(findings(&report), [(FindingKind::Missing, &*shared, vec![1, 2])]);
            assert_eq!(report.findings[0].reason, "is no regular file");
        }
    }
}

#[test]
fn a_file_without_a_checksum_is_unverifiable() {
    let store = memory();
    let scene = Scene::new();
    let options = options().with_schema_version(stonekeep::engine::MetaSchema::Two);
    scene.create_with(&store, options).unwrap();
    let path = named(&store, 1)
        .into_iter()
        .find(|path| path.ends_with(".sst"))
        .unwrap();
    let text = String::from_utf8(store.read(&key("meta/1"), 1 << 20).unwrap()).unwrap();
    let line = text.lines().find(|line| line.starts_with(&path)).unwrap();
    put(&store, "meta/1", text.replace(line, &path).as_bytes());
    let report = verify(&store);
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!(report.backups[0].unverifiable, [path]);
}

#[test]
fn a_backup_that_is_deleted_meanwhile_is_no_finding() {
    let inner = memory();
    let (_, own) = two_backups(&inner);
    // The verification reads the meta file, and then finds the backup's files gone.
    inner.delete_one(&key(&own)).unwrap();
    let deleting = DeleteOnStart(inner.clone());
    let report = reader(&inner)
        .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &deleting)
        .unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!(
        report.backups.iter().map(|backup| backup.id).collect::<Vec<_>>(),
        [id(1)]
    );
}

/// Deletes backup 2 when the files are about to be read.
struct DeleteOnStart(Store);

impl stonekeep::Observer for DeleteOnStart {
    fn progressed(&self, progress: &stonekeep::Progress) {
        if progress.phase == Phase::Verifying {
            self.0.delete_one(&key("meta/2")).unwrap();
        }
    }
}

#[test]
fn one_backup_alone_and_none_that_is_not_there() {
    let store = memory();
    let (_, own) = two_backups(&store);
    flip(&store, &own);
    let alone = |backup: u32| reader(&store).verify_backups(id(backup), VerifyLevel::Checksum, &Quiet);
    assert!(alone(1).unwrap().is_clean());
    assert_eq!(
        findings(&alone(2).unwrap()),
        [(FindingKind::WrongChecksum, &*own, vec![2])]
    );
    assert_eq!(alone(3).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn an_empty_list_of_backups_is_an_error() {
    let store = memory();
    two_backups(&store);
    let none = reader(&store).verify_backups(Vec::new(), VerifyLevel::Size, &Quiet);
    assert_eq!(none.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_stop_ends_it() {
    let store = memory();
    two_backups(&store);
    let switch = StopSwitch::new();
    switch.stop();
    let engine = reader(&store);
    for level in [VerifyLevel::Size, VerifyLevel::Checksum] {
        let error = engine
            .verify_backups(VerifyWhat::All, level, &switch)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stopped);
    }
    switch.reset();
    assert!(
        engine
            .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &switch)
            .unwrap()
            .is_clean()
    );
}

#[test]
fn what_every_engine_wrote_is_right() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let store: Store = Store::from(LocalStore::new(fixture.repository()));
        let report = verify(&store);
        assert!(report.is_clean(), "{name}: {:?}", report.findings);
        assert!(
            report.backups.iter().all(|backup| backup.unverifiable.is_empty()),
            "{name}"
        );
        assert_eq!(report.backups.len(), fixture.backups().unwrap().len());
        let ids: Vec<BackupId> = report.backups.iter().map(|backup| backup.id).collect();
        assert!(ids.is_sorted());
    }
}
