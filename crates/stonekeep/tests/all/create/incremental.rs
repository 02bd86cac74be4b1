//! Which files a second backup copies, reads or opens.

use std::fs;

use stonekeep::Result;
use stonekeep::engine::create::{CreateReport, FileAction};
use stonekeep::engine::{BackupEngine, CreateBackupOptions};
use stonekeep::format::sst::TableProperties;
use stonekeep::format::unique_id::UniqueId;
use stonekeep::format::{ColumnFamilyId, FileNumber, SequenceNumber};
use stonekeep::image::{DatabaseImage, Directory, SourceKind};
use stonekeep::store::Store;
use stonekeep::{ErrorKind, Quiet};
use stonekeep_format_testkit::table::encode_table_of_size;
use stonekeep_testkit::database::{DatabaseBuilder, added_again};

use crate::image::tweaked::{Told, Tweaked, file, poison, poison_tables, replace};
use crate::support::scene::{Scene, assert_valid, files, key, memory, named, options};

/// Backs up with an image that was changed, and tells what was read for its checksum alone.
fn backup(
    scene: &Scene,
    store: &Store,
    tweak: impl Fn(&mut DatabaseImage) + Send + Sync,
) -> Result<(CreateReport, u64)> {
    let engine = BackupEngine::open(options(), store.clone())?;
    let source = Tweaked {
        inner: scene.source(),
        tweak,
    };
    let told = Told::default();
    let report = engine.create_new_backup(&source, &CreateBackupOptions::default(), &told)?;
    Ok((report, told.bytes_only_read()))
}

/// What the repository looks like after an engine that knows nothing of our facts.
fn forget_facts(store: &Store) {
    for path in files(store) {
        if path.starts_with("stonekeep/") {
            store.delete_one(&key(&path)).unwrap();
        }
    }
}

fn actions(report: &CreateReport, start: &str, action: FileAction) -> usize {
    let files = report.files.iter();
    files
        .filter(|file| file.path.starts_with(start) && file.action == action)
        .count()
}

#[test]
fn with_facts_no_stored_file_is_opened() {
    let scene = Scene::new();
    let store = memory();
    let first = scene.create(&store).unwrap();
    assert_eq!((first.tables_opened, first.files_reused), (1, 0));
    let (second, read) = backup(&scene, &store, poison_tables).unwrap();
    assert_eq!((second.tables_opened, read), (0, 0));
    assert_eq!(actions(&second, "shared_checksum/", FileAction::Reuse), 5);
    assert_eq!(actions(&second, "shared_checksum/", FileAction::Copy), 0);
    assert_eq!(second.bytes_reused + second.bytes_copied, second.bytes_total);
    assert_eq!(second.bytes_total, first.bytes_total);
    assert_valid(&store, &[1, 2], "two backups");
}

#[test]
fn without_facts_tables_are_known_by_their_names_and_blobs_by_their_bytes() {
    let scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    forget_facts(&store);
    let (second, read) = backup(&scene, &store, poison_tables).unwrap();
    assert_eq!(second.tables_opened, 0);
    let blob = second
        .files
        .iter()
        .find(|file| file.path.ends_with(".blob"))
        .unwrap();
    assert_eq!((blob.action, read), (FileAction::Reuse, blob.size_bytes));
    assert_eq!(actions(&second, "shared_checksum/", FileAction::Copy), 0);
    assert_valid(&store, &[1, 2], "two backups");
}

#[test]
fn one_table_of_a_new_session_is_opened() {
    let mut scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    scene.database.add_tables(3, 2_000);
    let same_session = scene.create(&store).unwrap();
    assert_eq!((same_session.tables_opened, same_session.files_reused), (0, 5));
    scene.database.reopen();
    scene.database.add_tables(3, 2_000);
    let next_session = scene.create(&store).unwrap();
    assert_eq!((next_session.tables_opened, next_session.files_reused), (1, 8));
    assert_valid(&store, &[1, 2, 3], "three backups");
}

#[test]
fn what_was_compacted_is_copied_and_older_backups_keep_theirs() {
    let mut scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    scene.database.compact();
    let second = scene.create(&store).unwrap();
    assert_eq!(actions(&second, "shared_checksum/", FileAction::Copy), 1);
    assert_valid(&store, &[1, 2], "after a compaction");
}

#[test]
fn a_rewritten_sequence_number_is_another_file() {
    let scene = Scene::new();
    for bytes_differ in [true, false] {
        let store = memory();
        scene.create(&store).unwrap();
        let path = named(&store, 1)
            .into_iter()
            .find(|path| path.ends_with(".sst"))
            .unwrap();
        let number = &path["shared_checksum/".len()..][..6];
        let before = store.read(&key(&path), 1 << 20).unwrap();
        let rewritten = |image: &mut DatabaseImage| {
            let table = file(image, &format!("{number}.sst"));
            table.table.as_mut().unwrap().largest_seqno = SequenceNumber(999);
            if bytes_differ {
                let mut bytes = before.clone();
                bytes[0] ^= 1;
                replace(table, &bytes);
            }
        };
        let outcome = backup(&scene, &store, rewritten);
        assert_eq!(store.read(&key(&path), 1 << 20).unwrap(), before);
        match outcome {
            Ok((report, read)) => {
                assert!(!bytes_differ);
                assert_eq!((report.files_reused, read), (5, before.len() as u64));
            }
            Err(error) => {
                assert!(bytes_differ, "{error}");
                assert_eq!(error.kind(), ErrorKind::Corrupt);
                assert!(error.to_string().ends_with("it belongs to backup 1"), "{error}");
                assert_valid(&store, &[1], "after an error");
            }
        }
    }
}

#[test]
fn an_imported_file_with_another_files_unique_id_is_copied() {
    let mut scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    // As RocksDB imports a column family: the file's bytes and unique id, under a new number.
    let state = scene.database.state().clone();
    let table = state.live_tables().next().unwrap().file.clone();
    let number = scene.database.take_number();
    let from = scene.database.table_path(table.number, 0);
    fs::copy(from, scene.database.table_path(number, 0)).unwrap();
    let imported = stonekeep::format::manifest::NewFile {
        number,
        ..added_again(&table)
    };
    scene.database.apply(stonekeep::format::manifest::VersionEdit {
        new_files: vec![imported],
        ..Default::default()
    });
    let second = scene.create(&store).unwrap();
    assert_eq!(actions(&second, "shared_checksum/", FileAction::Copy), 1);
    assert_eq!(second.tables_opened, 1);
    let session = scene.database.session_id();
    let name = format!(
        "shared_checksum/{:06}_s{session}_{}.sst",
        number.0, table.size_bytes
    );
    assert!(
        named(&store, 2).contains(&name),
        "{name} of {:?}",
        named(&store, 2)
    );
    assert_valid(&store, &[1, 2], "with an import");
}

#[test]
fn an_ingested_file_of_a_known_session_is_not_opened() {
    let scene = Scene::new();
    let store = memory();
    let session = scene.database.session_id();
    let ingested = |image: &mut DatabaseImage| {
        let mut files = image.files.iter_mut();
        let file = files.find(|file| file.table.is_some()).unwrap();
        let properties = TableProperties {
            db_id: Some("SST Writer".to_owned()),
            db_session_id: Some(session.to_string()),
            orig_file_number: Some(FileNumber(1)),
            ..TableProperties::default()
        };
        let written = encode_table_of_size(&properties, file.size_bytes as usize).unwrap();
        let id = UniqueId::compute("SST Writer", &session, FileNumber(1)).unwrap();
        file.table.as_mut().unwrap().unique_id = Some(id);
        replace(file, &written);
    };
    backup(&scene, &store, ingested).unwrap();
    forget_facts(&store);
    let (second, _) = backup(&scene, &store, |image| {
        ingested(image);
        poison_tables(image);
    })
    .unwrap();
    assert_eq!(second.tables_opened, 0);
    assert_valid(&store, &[1, 2], "with an ingested file");
}

#[test]
fn files_without_unique_ids_are_known_by_where_they_are() {
    let scene = Scene::with(DatabaseBuilder::new().without_unique_ids());
    let store = memory();
    let first = scene.create(&store).unwrap();
    assert_eq!(first.tables_opened, 4);
    let second = scene.create(&store).unwrap();
    assert_eq!((second.tables_opened, second.files_reused), (0, 5));
    // A copy of the database has other inodes: its tables are opened, and known by their names.
    let copy = scene.path("copy");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(scene.database.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    let source = Directory::new(&copy, SourceKind::Closed);
    let third = engine
        .create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    assert_eq!((third.tables_opened, third.files_reused), (4, 5));
    assert_valid(&store, &[1, 2, 3], "without unique ids");
}

#[test]
fn a_table_of_another_size_is_another_file() {
    let scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    let name = scene.database.state().live_tables().next().unwrap().file.number;
    let name = format!("{:06}.sst", name.0);
    let (second, _) = backup(&scene, &store, |image| {
        let file = file(image, &name);
        let bytes = fs::read(scene.database.path().join(&name)).unwrap();
        replace(file, &[&bytes[..], &bytes[..]].concat());
    })
    .unwrap();
    assert_eq!(actions(&second, "shared_checksum/", FileAction::Copy), 1);
    assert_valid(&store, &[1, 2], "two sizes of one number");
}

#[test]
fn the_manifests_checksum_names_blobs_and_proves_them() {
    let scene = Scene::with(DatabaseBuilder::new().file_checksums());
    let store = memory();
    scene.create(&store).unwrap();
    forget_facts(&store);
    let (second, read) = backup(&scene, &store, |image| {
        image
            .files
            .iter_mut()
            .filter(|file| file.table.is_some())
            .for_each(poison);
    })
    .unwrap();
    assert_eq!((second.files_reused, second.tables_opened, read), (5, 0, 0));
}

#[test]
fn two_files_under_one_name_are_refused() {
    let scene = Scene::new();
    let store = memory();
    let twice = |image: &mut DatabaseImage| {
        let first = image.files[0].clone();
        image.files.push(first);
    };
    let error = backup(&scene, &store, twice).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().ends_with("twice"), "{error}");
}

#[test]
fn files_of_a_dropped_column_family_are_named_no_more() {
    let mut scene = Scene::new();
    let family: ColumnFamilyId = scene.database.create_column_family("more");
    scene.database.add_table(family, 4_000);
    let store = memory();
    let first = scene.create(&store).unwrap();
    scene.database.drop_column_family(family);
    let second = scene.create(&store).unwrap();
    assert_eq!(second.files_reused, 5);
    assert!(second.bytes_total < first.bytes_total);
    assert_valid(&store, &[1, 2], "after a drop");
}
