//! Tables and blobs of the database that cannot be what they are called: they are not stored as if they were good.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::engine::{BackupEngine, CreateBackupOptions};
use stonekeep::format::backup_name::{NamingScheme, ShareFilesNaming};
use stonekeep::image::{Directory, SourceKind};
use stonekeep::store::Store;
use stonekeep::{Error, ErrorKind, Quiet, WarningName};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::support::scene::{Scene, assert_valid, ids, memory, options, reader};

/// What becomes of a file.
type Damage = fn(&[u8]) -> Vec<u8>;

const DAMAGES: [(&str, Damage); 5] = [
    ("zeros", |file| vec![0; file.len()]),
    ("zeros at the end", |file| padded(file, file.len() - 8)),
    ("a page of zeros at the end", |file| {
        padded(file, file.len() / 4096 * 4096)
    }),
    ("cut in half and padded", |file| padded(file, file.len() / 2)),
    ("a magic number alone", |file| {
        let mut damaged = vec![0xff; file.len()];
        let magic_at = file.len() - 12;
        damaged[magic_at..].copy_from_slice(&file[magic_at..]);
        damaged
    }),
];

fn padded(file: &[u8], kept: usize) -> Vec<u8> {
    let mut damaged = file.get(..kept).unwrap().to_vec();
    damaged.resize(file.len(), 0);
    damaged
}

fn damage(path: &Path, by: Damage) -> Vec<u8> {
    let intact = fs::read(path).unwrap();
    fs::write(path, by(&intact)).unwrap();
    intact
}

/// The paths of all tables.
fn tables(database: &FakeDatabase) -> Vec<PathBuf> {
    let tables = database.state().live_tables();
    tables
        .map(|table| database.table_path(table.file.number, 0))
        .collect()
}

fn blob(database: &FakeDatabase) -> PathBuf {
    let number = database.state().live_blobs().next().unwrap().file.addition.number;
    database.blob_path(number)
}

fn assert_names(error: &Error, path: &Path, when: &str) {
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{when}: {error}");
    assert_eq!(error.findings()[0].file, path.display().to_string(), "{when}");
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{when}: {error}"
    );
}

#[test]
fn a_damaged_table_stops_the_backup_and_is_named() {
    for (what, by) in DAMAGES {
        let scene = Scene::with(DatabaseBuilder::new());
        for path in tables(&scene.database) {
            let intact = damage(&path, by);
            let store = memory();
            assert_names(&scene.create(&store).unwrap_err(), &path, what);
            assert_eq!(ids(&store), [0u32; 0], "{what}");
            fs::write(&path, intact).unwrap();
            scene.create(&store).unwrap();
            assert_valid(&store, &[1], what);
        }
    }
}

/// Its name has its checksum, so no table is opened for its session before it is copied.
#[test]
fn a_damaged_table_stops_a_later_backup_with_names_by_checksum() {
    let naming = ShareFilesNaming {
        scheme: NamingScheme::LegacyCrc32cAndFileSize,
        include_file_size: false,
    };
    let options = || options().with_share_files_with_checksum_naming(naming);
    for (what, by) in DAMAGES {
        let mut scene = Scene::empty(DatabaseBuilder::new().file_checksums());
        scene.database.add_tables(2, 5_000);
        let store = memory();
        scene.create_with(&store, options()).unwrap();
        let new = scene.database.add_tables(1, 5_000);
        let path = scene.database.table_path(new[0], 0);
        damage(&path, by);
        assert_names(&scene.create_with(&store, options()).unwrap_err(), &path, what);
        assert_valid(&store, &[1], what);
    }
}

/// All of them have the same size, and each is right in itself.
#[test]
fn the_bytes_of_another_table_stop_the_backup() {
    let mut scene = Scene::empty(DatabaseBuilder::new());
    scene.database.add_tables(4, 30_000);
    let paths = tables(&scene.database);
    for (at, path) in paths.iter().enumerate() {
        let intact = fs::read(path).unwrap();
        fs::copy(&paths[(at + 1) % paths.len()], path).unwrap();
        let store = memory();
        let error = scene.create(&store).unwrap_err();
        assert_names(&error, path, "another table");
        assert!(
            error
                .to_string()
                .contains("another table than the MANIFEST names")
        );
        fs::write(path, intact).unwrap();
        scene.create(&store).unwrap();
        assert_valid(&store, &[1], "its own bytes");
    }
}

#[test]
fn a_damaged_table_stops_a_hot_backup() {
    let scene = Scene::with(DatabaseBuilder::new());
    let source = Directory::new(scene.database.path(), SourceKind::Hot);
    for path in tables(&scene.database) {
        let intact = damage(&path, |file| vec![0; file.len()]);
        let store = memory();
        let engine = BackupEngine::open(options(), store.clone()).unwrap();
        let create = || engine.create_new_backup(&source, &CreateBackupOptions::default(), &Quiet);
        assert_names(&create().unwrap_err(), &path, "hot");
        fs::write(&path, intact).unwrap();
        create().unwrap();
        assert_valid(&store, &[1], "hot");
    }
}

#[test]
fn a_table_of_another_size_than_the_manifest_says_stops_the_backup() {
    let scene = Scene::with(DatabaseBuilder::new());
    let path = &tables(&scene.database)[1];
    for by in [
        |file: &[u8]| file[..file.len() - 1].to_vec(),
        |file: &[u8]| [file, b"x"].concat(),
    ] {
        let intact = damage(path, by);
        let error = scene.create(&memory()).unwrap_err();
        assert_names(&error, path, "another size");
        assert!(error.to_string().contains("where the MANIFEST says"), "{error}");
        fs::write(path, intact).unwrap();
    }
}

#[test]
fn a_blob_file_without_its_header_or_footer_stops_the_backup() {
    let damages: [(&str, Damage); 3] = [
        ("zeros", |file| vec![0; file.len()]),
        ("zeros at the end", |file| padded(file, file.len() - 32)),
        ("zeros at the beginning", |file| {
            let mut damaged = file.to_vec();
            damaged[..30].fill(0);
            damaged
        }),
    ];
    for (what, by) in damages {
        let scene = Scene::with(DatabaseBuilder::new());
        let path = blob(&scene.database);
        let intact = damage(&path, by);
        let store = memory();
        assert_names(&scene.create(&store).unwrap_err(), &path, what);
        fs::write(&path, intact).unwrap();
        scene.create(&store).unwrap();
        assert_valid(&store, &[1], what);
    }
}

#[test]
fn the_bytes_of_another_kind_of_file_are_no_blob_file() {
    let scene = Scene::with(DatabaseBuilder::new());
    let table = fs::read(&tables(&scene.database)[0]).unwrap();
    let path = blob(&scene.database);
    let intact = fs::read(&path).unwrap();
    fs::write(&path, &table[..intact.len()]).unwrap();
    assert_names(
        &scene.create(&memory()).unwrap_err(),
        &path,
        "the bytes of a table",
    );
}

/// As of a custom table factory, or of a text that somebody put there: which of them it is cannot be known.
#[test]
fn tables_of_an_unknown_format_are_stored_with_a_warning() {
    let scene = Scene::with(DatabaseBuilder::new());
    let store = memory();
    let text = |file: &[u8]| {
        b"no table at all "
            .iter()
            .copied()
            .cycle()
            .take(file.len())
            .collect()
    };
    let changed = tables(&scene.database);
    for path in &changed {
        damage(path, text);
    }
    let report = scene.create(&store).unwrap();
    let named: Vec<_> = report
        .warnings
        .iter()
        .filter(|warning| warning.name == WarningName::UnknownTableFormat)
        .collect();
    // All files have the same length, but for the one beside the blob.
    let first = changed[0].file_name().unwrap().to_str().unwrap();
    let last = changed.last().unwrap().file_name().unwrap().to_str().unwrap();
    assert!(!named.is_empty() && named.len() <= 2, "{:?}", report.warnings);
    let told: String = named.iter().map(|warning| warning.to_string()).collect();
    assert!(told.contains("magic number"), "{told}");
    assert!(told.contains(first) && told.contains(last), "{told}");
    assert_valid(&store, &[1], "of an unknown format");
    let kept = kept_warnings(&store);
    assert!(kept.contains(&WarningName::UnknownTableFormat), "{kept:?}");
    let twice = scene.create(&store).unwrap();
    assert_eq!(
        twice.files_reused as usize,
        changed.len() + 1,
        "and the blob file"
    );
}

fn kept_warnings(store: &Store) -> Vec<WarningName> {
    let info = reader(store).get_latest_backup_info().unwrap().unwrap();
    info.capture_warnings.iter().map(|warning| warning.name).collect()
}
