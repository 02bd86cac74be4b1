//! Databases of several directories (`db_paths`, `cf_paths`).

use std::fs;
use std::path::PathBuf;

use stonekeep::image::{Content, DatabaseImage, Directory, ImageSource, NoHost, SourceKind};
use stonekeep::{Error, ErrorKind, Quiet};
use stonekeep_format::manifest::ManifestReader;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::image::capture::{bytes, file, image, names, refusal, surplus, warnings, write_out};

/// A database with tables in its own directory, in `slow` and in `slower`.
fn three_directories() -> (tempfile::TempDir, FakeDatabase, Vec<PathBuf>) {
    let directory = tempfile::tempdir().unwrap();
    let paths: Vec<_> = ["slow", "slower"]
        .iter()
        .map(|name| directory.path().join(name))
        .collect();
    let builder = DatabaseBuilder::new()
        .further_path(&paths[0])
        .further_path(&paths[1]);
    let mut database = builder.create(&directory.path().join("db"));
    database.add_tables(1, 3_000);
    database.add_table_in_path(1, 4_000);
    database.add_table_in_path(2, 5_000);
    (directory, database, paths)
}

fn with_paths(database: &FakeDatabase, paths: &[PathBuf]) -> Result<DatabaseImage, Error> {
    let source = Directory::new(database.path(), SourceKind::Closed).with_db_paths(paths.to_vec());
    source
        .capture(&mut NoHost, &Quiet)
        .map(|capture| capture.image().clone())
}

#[test]
fn tables_are_found_by_number_and_the_image_is_flat() {
    let (directory, database, mut paths) = three_directories();
    paths.reverse(); // the order does not matter
    fs::write(paths[0].join("000900.sst"), b"").unwrap();
    let flat = with_paths(&database, &paths).unwrap();
    assert_eq!(names(&flat)[..3], ["000004.sst", "000005.sst", "000006.sst"]);
    for (name, place) in [("000005.sst", &paths[1]), ("000006.sst", &paths[0])] {
        let Content::Path(path) = &file(&flat, name).content else {
            panic!("{name} is no path");
        };
        assert_eq!(path, &place.join(name));
    }
    assert_eq!(surplus(&flat), ["000900.sst"]);
    assert_eq!(warnings(&flat, "db").len(), 1, "{:?}", flat.warnings);

    let manifest = file(&flat, "MANIFEST-000001");
    assert!(matches!(manifest.content, Content::Bytes(_)));
    let (state, _) = ManifestReader::read(&bytes(manifest)).unwrap();
    assert!(state.live_tables().all(|table| table.file.path_id == 0));
    assert_eq!(state.live_tables().count(), 3);

    let copy = directory.path().join("copy");
    write_out(&flat, &copy);
    let again = image(&copy);
    assert_eq!(names(&again), names(&flat));
    assert!(again.warnings.is_empty(), "{:?}", again.warnings);
}

#[test]
fn without_the_paths_the_tables_are_missing_and_the_hint_says_why() {
    let (_directory, database, paths) = three_directories();
    let error = refusal(database.path());
    assert_eq!((error.kind(), error.findings().len()), (ErrorKind::Corrupt, 2));
    assert!(error.hint().unwrap().contains("db_paths"));
    let error = with_paths(&database, &paths[..1]).unwrap_err();
    assert_eq!(error.findings().len(), 1);
    fs::remove_dir_all(&paths[1]).unwrap();
    let error = with_paths(&database, &paths).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_directory_that_is_given_twice_counts_once() {
    let (directory, database, paths) = three_directories();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&paths[0], &link).unwrap();
    let given = [
        paths[0].clone(),
        link,
        paths[1].clone(),
        database.path().to_owned(),
    ];
    let image = with_paths(&database, &given).unwrap();
    assert_eq!(names(&image)[..3], ["000004.sst", "000005.sst", "000006.sst"]);
    assert!(image.surplus.is_empty(), "{:?}", image.surplus);
}

#[test]
fn if_two_files_have_one_number_the_one_with_the_right_size_is_captured() {
    let (_directory, database, paths) = three_directories();
    fs::write(database.path().join("000005.sst"), b"an older state's").unwrap();
    let image = with_paths(&database, &paths).unwrap();
    assert_eq!(
        bytes(file(&image, "000005.sst")),
        fs::read(paths[0].join("000005.sst")).unwrap()
    );
    assert_eq!(surplus(&image), ["000005.sst"]);
    fs::copy(paths[0].join("000005.sst"), database.path().join("000005.sst")).unwrap();
    let error = with_paths(&database, &paths).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.findings()[0].reason.contains("which of them is right"),
        "{:?}",
        error.findings()
    );
}

#[test]
fn tables_that_were_gathered_in_one_directory_are_taken_from_there() {
    let (_directory, database, paths) = three_directories();
    for (path, name) in paths.iter().zip(["000005.sst", "000006.sst"]) {
        fs::rename(path.join(name), database.path().join(name)).unwrap();
    }
    let image = image(database.path());
    let (state, _) = ManifestReader::read(&bytes(file(&image, "MANIFEST-000001"))).unwrap();
    assert!(state.live_tables().all(|table| table.file.path_id == 0));
}
