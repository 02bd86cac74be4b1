//! `enable_blob_direct_write`: WALs point into blob files that the MANIFEST does not name before the next flush.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::{BackupEngine, CreateBackupOptions, RestoreOptions};
use stonekeep::image::{DatabaseImage, Directory, ImageSource, NoHost, SourceKind};
use stonekeep::{ErrorKind, Quiet, WarningName};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::image::capture::{file, image, names};
use crate::support::scene::{Scene, assert_valid, memory, named, options, reader};

/// What a database with this option is, after it was killed: a blob file without footer beside it.
struct Killed {
    scene: Scene,
    blob: PathBuf,
}

impl Killed {
    fn new() -> Self {
        let scene = Scene::new();
        turn_on(&scene.database, "default");
        let finished = fs::read(a_blob_file(&scene.database)).unwrap();
        let blob = scene.database.path().join("000777.blob");
        fs::write(&blob, &finished[..finished.len() - 32]).unwrap();
        Killed { scene, blob }
    }

    fn path(&self) -> &Path {
        self.scene.database.path()
    }
}

/// One that the MANIFEST names.
fn a_blob_file(database: &FakeDatabase) -> PathBuf {
    let named = database.state().live_blobs().next().unwrap();
    database.blob_path(named.file.addition.number)
}

/// Turns the option on for one column family.
fn turn_on(database: &FakeDatabase, family: &str) {
    for entry in fs::read_dir(database.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("OPTIONS") {
            let text = fs::read_to_string(&path).unwrap();
            let section = format!("[CFOptions \"{family}\"]\n");
            let with_flag = format!("{section}  enable_blob_direct_write=true\n");
            fs::write(&path, text.replace(&section, &with_flag)).unwrap();
        }
    }
}

fn hot(path: &Path, forced: bool) -> stonekeep::Result<DatabaseImage> {
    let source = Directory::new(path, SourceKind::Hot).forced(forced);
    let capture = source.capture(&mut NoHost, &Quiet)?;
    Ok(capture.image().clone())
}

#[test]
fn blob_files_that_wals_may_point_into_are_captured_at_rest() {
    let killed = Killed::new();
    let image = image(killed.path());
    let blob = file(&image, "000777.blob");
    assert_eq!(blob.size_bytes, fs::metadata(&killed.blob).unwrap().len());
    assert!(!blob.in_manifest);
    assert!(image.warnings.is_empty(), "{:?}", image.warnings);
    assert!(image.surplus.is_empty(), "{:?}", image.surplus);
    let named = image.files.iter().filter(|file| file.in_manifest).count();
    assert_eq!(named, 5, "four tables and a blob file");
}

#[test]
fn a_new_unnamed_blob_file_is_captured() {
    let killed = Killed::new();
    for length in [0, 7, 29, 30] {
        let blob = fs::read(&killed.blob).unwrap();
        fs::write(killed.path().join("000778.blob"), &blob[..length]).unwrap();
        let store = memory();
        killed.scene.create(&store).unwrap();
        assert_valid(&store, &[1], "a file that was begun only");
        assert!(
            named(&store, 1).iter().any(|path| path.contains("/000778_")),
            "{length}"
        );
    }
}

#[test]
fn without_data_in_wals_they_are_surplus() {
    let mut killed = Killed::new();
    killed.scene.database.flush(2_000);
    let image = image(killed.path());
    assert!(!names(&image).contains(&"000777.blob".to_owned()));
    assert_eq!(image.surplus, [killed.blob]);
}

/// RocksDB 11.8 leaves a table behind that points into such a file, and never names it.
#[test]
fn those_that_tables_point_into_are_captured_always() {
    for kind in [SourceKind::Closed, SourceKind::Hot] {
        let mut scene = Scene::new();
        scene.database.flush(2_000);
        let first = scene.database.take_number();
        let later = scene.database.take_number();
        scene.database.add_table_pointing_into(first);
        let finished = fs::read(a_blob_file(&scene.database)).unwrap();
        for number in [first, later] {
            fs::write(scene.database.blob_path(number), &finished).unwrap();
        }
        let older = scene.database.path().join("000001.blob");
        fs::write(&older, &finished).unwrap();
        let source = Directory::new(scene.database.path(), kind);
        let capture = source.capture(&mut NoHost, &Quiet).unwrap();
        let (image, names) = (capture.image(), names(capture.image()));
        for number in [first, later] {
            assert!(names.contains(&format!("{:06}.blob", number.0)), "{names:?}");
        }
        assert!(!names.contains(&"000001.blob".to_owned()));
        assert!(image.warnings.is_empty(), "{:?}", image.warnings);
        fs::remove_file(scene.database.blob_path(first)).unwrap();
        let capture = source.capture(&mut NoHost, &Quiet).unwrap();
        let [warning] = capture.image().warnings.as_slice() else {
            panic!("{:?}", capture.image().warnings);
        };
        assert_eq!(warning.name, WarningName::BlobsNotInManifest);
        assert!(warning.to_string().contains("tables point into it"), "{warning}");
    }
}

#[test]
fn without_the_option_they_are_surplus() {
    let scene = Scene::new();
    let blob = scene.database.path().join("000777.blob");
    fs::write(&blob, b"of nobody").unwrap();
    let image = image(scene.database.path());
    assert!(!names(&image).contains(&"000777.blob".to_owned()));
    assert_eq!(image.surplus, [blob]);
}

#[test]
fn unnamed_blob_files_are_backed_up_verified_and_restored() {
    let mut killed = Killed::new();
    let store = memory();
    killed.scene.create(&store).unwrap();
    // RocksDB's next process writes on in a file of another number.
    fs::write(killed.path().join("000779.blob"), fs::read(&killed.blob).unwrap()).unwrap();
    killed.scene.database.write(5);
    let second = killed.scene.create(&store).unwrap();
    assert_eq!(second.files_reused, 6, "the tables and both blob files");
    assert_valid(&store, &[1, 2], "with blob files that no MANIFEST names");
    let target = killed.scene.path("restored");
    let options = RestoreOptions::default();
    reader(&store)
        .restore_db_from_backup(WhichBackup::Latest, &target, &options, &Quiet)
        .unwrap();
    for name in ["000777.blob", "000779.blob"] {
        assert_eq!(
            fs::read(target.join(name)).unwrap(),
            fs::read(&killed.blob).unwrap()
        );
    }
    assert_eq!(names(&image(&target)), names(&image(killed.path())));
}

/// A machine that crashed leaves zeros; RocksDB could not read what the WALs point to.
#[test]
fn an_unnamed_blob_file_of_zeros_stops_the_backup() {
    let killed = Killed::new();
    fs::write(&killed.blob, [0; 1_000]).unwrap();
    let error = killed.scene.create(&memory()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("000777.blob"), "{error}");
}

#[test]
fn while_the_database_is_open_it_is_refused_with_what_helps() {
    let killed = Killed::new();
    let error = hot(killed.path(), false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("close it") && hint.contains("killing the process does not help"),
        "{hint}"
    );
}

#[test]
fn unnamed_blob_files_are_captured_by_force_with_a_warning() {
    let killed = Killed::new();
    let image = hot(killed.path(), true).unwrap();
    let blob = file(&image, "000777.blob");
    assert_eq!(blob.size_bytes, fs::metadata(&killed.blob).unwrap().len());
    let warned: Vec<WarningName> = image.warnings.iter().map(|warning| warning.name).collect();
    assert_eq!(warned, [WarningName::BlobsNotInManifest]);
    // What its process writes while the file is copied is not in the backup.
    let source = Directory::new(killed.path(), SourceKind::Hot).forced(true);
    let store = memory();
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    engine
        .create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    assert_valid(&store, &[1], "forced");
    assert!(named(&store, 1).iter().any(|path| path.contains("/000777_")));
}

#[test]
fn the_option_of_one_column_family_is_enough() {
    let mut scene = Scene::with(DatabaseBuilder::new().column_family("other"));
    turn_on(&scene.database, "other");
    scene.database.write(3);
    fs::write(scene.database.path().join("000777.blob"), b"").unwrap();
    assert!(names(&image(scene.database.path())).contains(&"000777.blob".to_owned()));
}
