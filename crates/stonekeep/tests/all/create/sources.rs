//! What the files of a database may be like when they are backed up.

use std::fs;

use stonekeep::engine::{BackupEngine, CreateBackupOptions};
use stonekeep::format::manifest::{NewFile, VersionEdit};
use stonekeep::image::DatabaseImage;
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::database::{DatabaseBuilder, added_again};

use crate::image::tweaked::{Tweaked, file};
use crate::support::scene::{Scene, assert_valid, ids, key, memory, named, options};

#[test]
fn a_table_whose_properties_cannot_be_read_is_not_backed_up() {
    // Without unique ids each table is asked for its session.
    let scene = Scene::with(DatabaseBuilder::new().without_unique_ids());
    let number = scene.database.state().live_tables().next().unwrap().file.number;
    let path = scene.database.table_path(number, 0);
    let mut bytes = fs::read(&path).unwrap();
    // The properties stand before the footer, which stays.
    let (half, footer) = (bytes.len() / 2, bytes.len() - 53);
    bytes[half..footer].fill(0);
    fs::write(&path, bytes).unwrap();
    let store = memory();
    let error = scene.create(&store).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.one_line());
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{}",
        error.one_line()
    );
    assert_eq!(ids(&store), Vec::<u32>::new());
}

#[test]
fn checksums_of_an_unknown_function_are_passed_over() {
    let mut scene = Scene::new();
    let table = scene.database.state().live_tables().next().unwrap().file.clone();
    let copies = [
        (&b"FileChecksumXxh64"[..], &b"12345678"[..]),
        // The right name with a value of another length.
        (b"FileChecksumCrc32c", b"12345678"),
        // A value that would be a CRC-32C, and not the file's.
        (b"FileChecksumOfOurs", b"1234"),
    ];
    for (function, value) in copies {
        let number = scene.database.take_number();
        let from = scene.database.table_path(table.number, 0);
        fs::copy(from, scene.database.table_path(number, 0)).unwrap();
        let copy = NewFile {
            number,
            file_checksum_func_name: Some(function.to_vec()),
            file_checksum: Some(value.to_vec()),
            ..added_again(&table)
        };
        scene.database.apply(VersionEdit {
            new_files: vec![copy],
            ..VersionEdit::default()
        });
    }
    let store = memory();
    scene.create(&store).unwrap();
    scene.create(&store).unwrap();
    assert_valid(&store, &[1, 2], "with checksums of other functions");
}

#[test]
fn what_the_database_damages_later_does_not_reach_the_repository() {
    let scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    let number = scene.database.state().live_tables().next().unwrap().file.number;
    let path = scene.database.table_path(number, 0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[10] ^= 1;
    fs::write(&path, bytes).unwrap();
    // It is not read again, so this is not noticed; both backups have the right bytes.
    let second = scene.create(&store).unwrap();
    assert_eq!((second.tables_opened, second.files_reused), (0, 5));
    assert_eq!(
        named(&store, 1)
            .iter()
            .filter(|path| path.ends_with(".sst"))
            .count(),
        4
    );
    assert_valid(&store, &[1, 2], "of a database with a damaged table");
}

#[test]
fn no_more_than_was_captured_is_copied() {
    let scene = Scene::new();
    let path = |name: &str| scene.database.path().join(name);
    let (wal, manifest) = ("000002.log", "MANIFEST-000001");
    let captured = |name: &str| fs::read(path(name)).unwrap();
    let before = [wal, manifest].map(captured);
    // As if both had grown since.
    let grown = Tweaked {
        inner: scene.source(),
        tweak: |image: &mut DatabaseImage| {
            for name in [wal, manifest] {
                file(image, name).size_bytes -= 5;
            }
        },
    };
    let store = memory();
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    engine
        .create_new_backup(&grown, &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    for (name, bytes) in [wal, manifest].iter().zip(before) {
        let stored = store.read(&key(&format!("private/1/{name}")), 1 << 20).unwrap();
        assert!(stored == bytes[..bytes.len() - 5], "{name}");
    }
    assert_valid(&store, &[1], "a part of each");
}

#[test]
fn a_blob_that_was_rewritten_in_its_place_is_another_file() {
    let scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    let path = scene.path("db/000007.blob");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let blob = fs::File::options().write(true).open(&path).unwrap();
    blob.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let second = scene.create(&store).unwrap();
    assert_eq!(second.files_reused, 4);
    let crc = stonekeep::format::checksum::crc32c(&bytes);
    let stored = format!("shared_checksum/000007_{crc}_{}.blob", bytes.len());
    assert!(named(&store, 2).contains(&stored), "{:?}", named(&store, 2));
    assert_valid(&store, &[1, 2], "with two blobs of one number");
}

#[test]
fn a_database_with_a_new_id_is_refused_with_what_may_have_happened() {
    // RocksDB's restore deletes IDENTITY, where databases from before 9.7 have their only id.
    let scene = Scene::with(DatabaseBuilder::new().id_in_identity_only());
    let store = memory();
    scene.create(&store).unwrap();
    fs::write(scene.path("db/IDENTITY"), "made anew").unwrap();
    let error = scene.create(&store).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("made anew"), "{error}");
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("restored has a new id") && hint.contains("--allow-other-database"),
        "{hint}"
    );
    assert_eq!(ids(&store), [1]);
}
