//! What is told of backups without restoring them.

use std::io::ErrorKind as IoKind;

use stonekeep::engine::info::{BackupState, InfoDetail};
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{BackupEngine, BackupEngineReadOnly, CreateBackupOptions};
use stonekeep::image::CaptureKind;
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::fixtures::{self, Fixture};
use stonekeep_testkit::record_store::RecordStore;

use crate::support::failing_reads::FailingReads;
use crate::support::scene::{Scene, files, id, key, memory, named, options, put, reader};

/// Two backups of a changing database, with everything that can be told of them.
fn two_backups() -> (Scene, Store) {
    let mut scene = Scene::with(DatabaseBuilder::new().column_family("users"));
    let store = memory();
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    let told = CreateBackupOptions::default()
        .with_app_metadata(b"\0binary\xff".to_vec())
        .with_tags(vec!["nightly".into()])
        .with_host(Some("here".into()));
    engine.create_new_backup(&scene.source(), &told, &Quiet).unwrap();
    scene.change();
    scene.create(&store).unwrap();
    (scene, store)
}

#[test]
fn head_reads_records_only() {
    let (scene, store) = two_backups();
    let record = RecordStore::new(store.clone());
    let recorded: Store = record.clone().into();
    let engine = reader(&recorded);
    record.clear();
    let info = engine.get_all_backup_info(InfoDetail::Head).unwrap();
    let lines = record.lines();
    let expected = [
        "list meta",
        "open meta/2",
        "open stonekeep/backups/2",
        "open meta/1",
        "open stonekeep/backups/1",
        "list private",
    ];
    assert_eq!(lines, expected);
    let first = &info.backups[0];
    assert_eq!((first.id, &first.state), (id(1), &BackupState::Unchecked));
    assert_eq!(first.app_metadata, b"\0binary\xff");
    assert_eq!(
        (first.tags.as_slice(), first.host.as_deref()),
        (&["nightly".to_owned()][..], Some("here"))
    );
    assert_eq!(first.database_id.as_deref(), Some(scene.database.database_id()));
    let families: Vec<_> = first
        .column_families
        .iter()
        .flatten()
        .map(|family| &*family.name)
        .collect();
    assert_eq!(families, ["default", "users"]);
    assert_eq!(first.rocksdb_version.as_deref(), Some("9.10.0"));
    assert_eq!(first.capture, Some(CaptureKind::Closed));
    assert_eq!(first.schema, "1");
    assert_eq!(info.backups[1].sequence_number, scene.database.sequence_number());
    assert_eq!(
        (first.size_bytes, first.files.is_none(), info.total_bytes),
        (None, true, None)
    );
}

#[test]
fn sizes_count_what_is_shared() {
    let (_, store) = two_backups();
    let info = reader(&store).get_all_backup_info(InfoDetail::Sizes).unwrap();
    let size = |path: &String| store.stat(&key(path)).unwrap().unwrap().size_bytes;
    for (backup, other) in [(1, 2), (2, 1)] {
        let (own, others) = (named(&store, backup), named(&store, other));
        let told = &info.backups[backup as usize - 1];
        assert_eq!(told.state, BackupState::Valid);
        assert_eq!(told.number_files, own.len() as u64);
        assert_eq!(told.size_bytes, Some(own.iter().map(size).sum()));
        assert_eq!(told.unique_bytes, Some(own.difference(&others).map(size).sum()));
        assert_eq!(told.shared_bytes, Some(own.intersection(&others).map(size).sum()));
        assert!(told.files.is_none());
    }
    let all = &named(&store, 1) | &named(&store, 2);
    assert_eq!(info.total_bytes, Some(all.iter().map(size).sum()));
    assert_eq!((info.unknown_files.len(), info.warnings.len()), (0, 0));
}

#[test]
fn each_file_of_a_backup_is_reported() {
    let (scene, store) = two_backups();
    let info = reader(&store).get_backup_info(id(1), InfoDetail::Files).unwrap();
    let told = info.files.unwrap();
    assert_eq!(
        told.iter()
            .map(|file| file.path.clone())
            .collect::<std::collections::BTreeSet<_>>(),
        named(&store, 1)
    );
    for file in &told {
        let bytes = store.read(&key(&file.path), 1 << 20).unwrap();
        assert_eq!(file.size_bytes, Some(bytes.len() as u64), "{}", file.path);
        let crc = stonekeep::format::checksum::crc32c(&bytes);
        assert_eq!(file.crc32c, Some(crc.0));
        let shared = file.path.starts_with("shared");
        assert_eq!(file.shared_with, if shared { vec![id(2)] } else { Vec::new() });
        if shared {
            assert!(scene.database.path().join(&file.restored_name).exists());
        }
    }
}

#[test]
fn without_facts_everything_comes_from_the_backups_own_files() {
    let (scene, store) = two_backups();
    for path in files(&store).iter().filter(|path| path.starts_with("stonekeep/")) {
        store.delete_one(&key(path)).unwrap();
    }
    let info = reader(&store).get_backup_info(id(2), InfoDetail::Files).unwrap();
    assert_eq!(info.state, BackupState::Valid);
    assert_eq!(info.database_id.as_deref(), Some(scene.database.database_id()));
    assert_eq!(info.column_families.unwrap().len(), 2);
    assert_eq!(info.rocksdb_version.as_deref(), Some("9.10.0"));
    assert_eq!(info.sequence_number, scene.database.sequence_number());
    assert_eq!((info.capture, info.created_by, info.host), (None, None, None));
}

#[test]
fn the_sequence_number_without_facts_is_exact_though_the_meta_file_is_not() {
    let (scene, store) = two_backups();
    let text = String::from_utf8(store.read(&key("meta/2"), 1 << 20).unwrap()).unwrap();
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines[1] = "3";
    put(&store, "meta/2", lines.join("\n").as_bytes());
    let told = |detail| {
        reader(&store)
            .get_backup_info(id(2), detail)
            .unwrap()
            .sequence_number
    };
    assert_eq!(told(InfoDetail::Head).0, 3);
    assert_eq!(told(InfoDetail::Files), scene.database.sequence_number());
}

#[test]
fn damage_is_a_state_with_its_reason() {
    let (_, store) = two_backups();
    let victim = named(&store, 2)
        .difference(&named(&store, 1))
        .next()
        .unwrap()
        .clone();
    store.delete_one(&key(&victim)).unwrap();
    put(&store, "meta/3", b"1\n2\n1\nprivate/3/CURRENT crc32 nonsense\n");
    put(&store, "meta/4", b"schema_version 7\n");
    put(&store, "meta/stranger", b"");
    let info = reader(&store).get_all_backup_info(InfoDetail::Sizes).unwrap();
    assert_eq!(info.unknown_files, ["stranger"]);
    let states: Vec<&BackupState> = info.backups.iter().map(|backup| &backup.state).collect();
    assert_eq!(states[0], &BackupState::Valid);
    let findings = |state: &BackupState| match state {
        BackupState::Corrupt(findings) => findings.clone(),
        other => panic!("{other:?}"),
    };
    let missing = findings(states[1]);
    assert_eq!(
        (missing[0].file.as_str(), missing[0].reason.as_str()),
        (&*victim, "is missing")
    );
    assert_eq!(findings(states[2])[0].file, "meta/3");
    assert!(matches!(states[3], BackupState::Unsupported(_)), "{states:?}");
    let latest = reader(&store).get_latest_backup_info().unwrap().unwrap();
    assert_eq!(latest.id, id(2));
}

#[test]
fn a_wrong_size_is_seen_wherever_the_size_is_recorded() {
    // By facts for private files; by names, or by the backup's MANIFEST, for shared ones.
    for checksum_names in [true, false] {
        for facts in [true, false] {
            let scene = Scene::new();
            let store = memory();
            let options = options().with_share_files_with_checksum(checksum_names);
            scene.create_with(&store, options).unwrap();
            for path in named(&store, 1) {
                let bytes = store.read(&key(&path), 1 << 20).unwrap();
                let facts_text = store.read(&key("stonekeep/backups/1"), 1 << 20).unwrap();
                if !facts {
                    store.delete_one(&key("stonekeep/backups/1")).unwrap();
                }
                put(&store, &path, &[&bytes[..], b"more"].concat());
                let info = reader(&store).get_backup_info(id(1), InfoDetail::Sizes).unwrap();
                let seen = matches!(info.state, BackupState::Corrupt(_));
                assert_eq!(seen, facts || path.starts_with("shared"), "{path}");
                put(&store, &path, &bytes);
                put(&store, "stonekeep/backups/1", &facts_text);
            }
        }
    }
}

#[test]
fn malformed_numbers_of_a_meta_file_are_reported() {
    let (_, store) = two_backups();
    let text = String::from_utf8(store.read(&key("meta/1"), 1 << 20).unwrap()).unwrap();
    let text = text.split_once('\n').unwrap().1;
    put(&store, "meta/1", format!("yesterday\n{text}").as_bytes());
    let info = reader(&store).get_all_backup_info(InfoDetail::Head).unwrap();
    let warnings: Vec<String> = info.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["meta/1: the timestamp is \"yesterday\", which RocksDB takes for 0"]
    );
    assert_eq!(info.backups[0].warnings, info.warnings);
}

#[test]
fn a_leftover_that_makes_rocksdb_delete_a_backup_is_warned_of() {
    let (_, store) = two_backups();
    put(&store, "private/2.tmp/CURRENT", b"");
    let info = reader(&store).get_all_backup_info(InfoDetail::Head).unwrap();
    assert_eq!(info.warnings.len(), 1);
    assert_eq!(info.warnings[0].about.as_deref(), Some("private/2.tmp"));
}

#[test]
fn facts_of_another_backup_under_the_same_id_are_ignored() {
    let (_, store) = two_backups();
    let facts = store.read(&key("stonekeep/backups/1"), 1 << 20).unwrap();
    put(&store, "stonekeep/backups/2", &facts);
    let info = reader(&store).get_backup_info(id(2), InfoDetail::Files).unwrap();
    assert_eq!(
        (info.state, info.tags.len(), info.host),
        (BackupState::Valid, 0, None)
    );
}

#[test]
fn a_failing_disk_is_no_corruption() {
    let (_, store) = two_backups();
    for path in ["meta/1", "stonekeep/backups/1"] {
        let failing: Store = Store::from(FailingReads::new(store.clone(), path, IoKind::TimedOut));
        for detail in [InfoDetail::Head, InfoDetail::Sizes, InfoDetail::Files] {
            let error = reader(&failing).get_all_backup_info(detail).unwrap_err();
            assert_eq!(
                (error.kind(), error.io_kind()),
                (ErrorKind::Io, Some(IoKind::TimedOut))
            );
        }
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let (_, store) = two_backups();
    let error = reader(&store)
        .get_backup_info(id(9), InfoDetail::Head)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn backups_of_every_engine_are_reported_as_by_that_engine() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let store: Store = Store::from(LocalStore::new(fixture.repository()));
        let info = reader(&store).get_all_backup_info(InfoDetail::Files).unwrap();
        let expected = fixture.backups().unwrap();
        assert_eq!(info.backups.len(), expected.len(), "{name}");
        for (told, expected) in info.backups.iter().zip(expected) {
            assert_eq!(told.state, BackupState::Valid, "{name}");
            assert_eq!(told.id.get(), expected.id);
            assert_eq!(told.timestamp_seconds, expected.timestamp, "{name}");
            assert_eq!(told.size_bytes, Some(expected.size), "{name} {}", told.id);
            assert_eq!(told.number_files, u64::from(expected.number_files), "{name}");
            assert_eq!(told.app_metadata, expected.app_metadata, "{name}");
            assert!(
                told.column_families.is_some() && told.rocksdb_version.is_some(),
                "{name}"
            );
        }
    }
}

#[test]
fn no_more_valid_backups_are_opened_than_wanted() {
    let scene = Scene::new();
    let store = memory();
    for _ in 0..3 {
        scene.create(&store).unwrap();
    }
    put(&store, "meta/4", b"nothing of use");
    for (wanted, ids) in [
        (0, vec![]),
        (1, vec![3, 4]),
        (2, vec![2, 3, 4]),
        (9, vec![1, 2, 3, 4]),
    ] {
        let options = options().with_max_valid_backups_to_open(Some(wanted));
        let reader = BackupEngineReadOnly::open(options, store.clone()).unwrap();
        let infos = reader.get_all_backup_info(InfoDetail::Sizes).unwrap();
        let listed: Vec<u32> = infos.backups.iter().map(|info| info.id.get()).collect();
        assert_eq!(listed, ids, "{wanted}");
        let report = reader
            .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
            .unwrap();
        let verified: Vec<u32> = report.backups.iter().map(|backup| backup.id.get()).collect();
        assert_eq!(verified, ids, "{wanted}");
    }
}

#[test]
fn opening_costs_one_listing_however_many_backups_there_are() {
    let scene = Scene::new();
    let store = memory();
    let opened = |store: &Store| {
        let record = RecordStore::new(store.clone());
        let recorded: Store = record.clone().into();
        let read_only = reader(&recorded).backup_ids().unwrap();
        let writing = BackupEngine::open(options(), recorded).unwrap();
        assert_eq!(writing.backup_ids().unwrap(), read_only);
        record.lines()
    };
    scene.create(&store).unwrap();
    let of_one = opened(&store);
    for _ in 0..3 {
        scene.create(&store).unwrap();
    }
    assert_eq!(opened(&store), of_one);
    assert!(!of_one.iter().any(|line| line.starts_with("open")), "{of_one:?}");
    assert_eq!(
        of_one.iter().filter(|line| **line == "list meta").count(),
        2,
        "one by each engine"
    );
}
