//! What forbids an image: every finding at once, each with file and reason.

use std::fs;
use std::path::Path;

use stonekeep::{Error, ErrorKind};
use stonekeep_format::FileNumber;
use stonekeep_format::manifest::{BlobFileAddition, UnknownField, VersionEdit};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::image::capture::{append, cut, database, flip, image, refusal};

/// File name and reason of each finding.
fn findings(error: &Error) -> Vec<(String, String)> {
    let name = |path: &str| Path::new(path).file_name().unwrap().to_str().unwrap().to_owned();
    let all = error.findings().iter();
    all.map(|finding| (name(&finding.file), finding.reason.clone()))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(file, reason)| ((*file).into(), (*reason).into()))
        .collect()
}

fn usual() -> (tempfile::TempDir, FakeDatabase) {
    let (directory, mut database) = database(DatabaseBuilder::new());
    database.add_tables(4, 3_000);
    database.add_blob(500);
    (directory, database)
}

#[test]
fn all_missing_short_and_long_files_are_found_at_once() {
    let (_directory, database) = usual();
    let path = |name: &str| database.path().join(name);
    fs::remove_file(path("000004.sst")).unwrap();
    cut(&path("000005.sst"), 1);
    append(&path("000006.sst"), b"x");
    cut(&path("000008.blob"), 500);
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let expected = [
        ("000004.sst", "it is missing, though the MANIFEST names it"),
        ("000005.sst", "2999 bytes, where the MANIFEST says 3000"),
        ("000006.sst", "3001 bytes, where the MANIFEST says 3000"),
        ("000008.blob", "102 bytes, where the MANIFEST says 602"),
    ];
    assert_eq!(findings(&error), pairs(&expected));
    assert!(error.to_string().contains("4 findings"), "{error}");
    assert!(
        error.hint().unwrap().contains("db_paths"),
        "a file may be elsewhere"
    );
}

#[test]
fn the_hint_for_db_paths_needs_an_absent_file() {
    let (_directory, database) = usual();
    cut(&database.path().join("000005.sst"), 1);
    let error = refusal(database.path());
    assert_eq!(error.hint(), None);
    assert!(
        error
            .to_string()
            .ends_with("000005.sst: 2999 bytes, where the MANIFEST says 3000"),
        "{error}"
    );
}

#[test]
fn what_has_the_place_of_a_table_and_is_none_is_named() {
    let (directory, database) = usual();
    let path = |number: u32| database.path().join(format!("{number:06}.sst"));
    for number in 4..8 {
        fs::remove_file(path(number)).unwrap();
    }
    fs::create_dir(path(4)).unwrap();
    std::os::unix::fs::symlink(directory.path(), path(5)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path(6)).unwrap();
    std::os::unix::fs::symlink("nowhere", path(7)).unwrap();
    let expected = [
        ("000004.sst", "it is a directory, though the MANIFEST names it"),
        ("000005.sst", "it is a directory, though the MANIFEST names it"),
        (
            "000006.sst",
            "it is no regular file, though the MANIFEST names it",
        ),
        (
            "000007.sst",
            "it is a link to nothing, though the MANIFEST names it",
        ),
    ];
    let error = refusal(database.path());
    assert_eq!(findings(&error), pairs(&expected));
    assert_eq!(error.hint(), None, "something is there");
}

#[test]
fn a_symbolic_link_to_a_table_is_a_table_and_a_dangling_one_is_not() {
    let (directory, database) = usual();
    let table = database.path().join("000004.sst");
    let elsewhere = directory.path().join("elsewhere");
    fs::rename(&table, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &table).unwrap();
    assert!(image(database.path()).warnings.is_empty());
    fs::remove_file(elsewhere).unwrap();
    let expected = [(
        "000004.sst",
        "it is a link to nothing, though the MANIFEST names it",
    )];
    assert_eq!(findings(&refusal(database.path())), pairs(&expected));
}

#[test]
fn a_table_under_leveldbs_name_counts() {
    let (_directory, database) = usual();
    let path = |name: &str| database.path().join(name);
    fs::rename(path("000004.sst"), path("000004.ldb")).unwrap();
    let image = image(database.path());
    assert!(image.surplus.is_empty(), "{:?}", image.surplus);
    assert_eq!(image.files[0].name.to_string(), "000004.sst");
    fs::write(path("000004.sst"), b"RocksDB opens this one").unwrap();
    let expected = [("000004.sst", "22 bytes, where the MANIFEST says 3000")];
    assert_eq!(findings(&refusal(database.path())), pairs(&expected));
}

#[test]
fn an_unknown_tag_is_unsupported() {
    let (_directory, mut database) = usual();
    database.apply(VersionEdit {
        ignored: vec![UnknownField {
            tag: (1 << 13) + 500,
            value: b"may be ignored".to_vec(),
        }],
        ..VersionEdit::default()
    });
    image(database.path());
    database.apply(VersionEdit {
        ignored: vec![UnknownField {
            tag: 555,
            value: Vec::new(),
        }],
        ..VersionEdit::default()
    });
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(findings(&error)[0].0, "MANIFEST-000001");
    assert!(error.one_line().contains("tag 555"), "{}", error.one_line());
}

#[test]
fn a_damaged_manifest_is_corrupt() {
    let (_directory, database) = usual();
    flip(&database.manifest_path(), 50);
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.one_line().contains("wrong checksum"),
        "{}",
        error.one_line()
    );
}

#[test]
fn a_manifest_that_is_missing_or_empty_is_corrupt() {
    let (_directory, database) = usual();
    fs::write(database.manifest_path(), b"").unwrap();
    assert_eq!(refusal(database.path()).kind(), ErrorKind::Corrupt);
    fs::remove_file(database.manifest_path()).unwrap();
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let expected = [("MANIFEST-000001", "it is missing, though CURRENT names it")];
    assert_eq!(findings(&error), pairs(&expected));
}

#[test]
fn a_current_of_another_env_is_unsupported_and_a_damaged_one_corrupt() {
    let (_directory, database) = usual();
    let current = database.path().join("CURRENT");
    fs::write(&current, b"\x12\x34 an encrypted name").unwrap();
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.hint().unwrap().contains("custom Env"));
    for damaged in [&b""[..], b"MANIFEST-00000", b"MANIFEST-x\n"] {
        fs::write(&current, damaged).unwrap();
        let error = refusal(database.path());
        assert_eq!((error.kind(), error.hint()), (ErrorKind::Corrupt, None));
        assert_eq!(findings(&error)[0].0, "CURRENT");
    }
    fs::write(&current, vec![b'0'; 1 << 20]).unwrap();
    assert_eq!(refusal(database.path()).kind(), ErrorKind::Unsupported);
}

#[test]
fn a_database_without_current_is_corrupt() {
    let (_directory, database) = usual();
    fs::remove_file(database.path().join("CURRENT")).unwrap();
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(findings(&error)[0].0, "CURRENT");
}

#[test]
fn what_is_no_database_is_not_found_with_a_hint() {
    let (directory, database) = usual();
    let parent = refusal(directory.path());
    assert_eq!(parent.kind(), ErrorKind::NotFound);
    assert!(
        parent
            .hint()
            .unwrap()
            .contains(&database.path().display().to_string())
    );

    let repository = directory.path().join("repository");
    for name in ["meta", "private", "shared_checksum"] {
        fs::create_dir_all(repository.join(name)).unwrap();
    }
    assert!(refusal(&repository).hint().unwrap().contains("backup repository"));

    let file = directory.path().join("file");
    fs::write(&file, b"").unwrap();
    for (path, kind) in [
        (directory.path().join("absent"), ErrorKind::NotFound),
        (file, ErrorKind::InvalidArgument),
        (repository.join("meta"), ErrorKind::NotFound),
    ] {
        let error = refusal(&path);
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[test]
fn a_fifo_in_the_place_of_current_is_not_waited_for() {
    let (_directory, database) = usual();
    let current = database.path().join("CURRENT");
    fs::remove_file(&current).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(&current)
        .status()
        .unwrap();
    assert!(made.success());
    let error = refusal(database.path());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(findings(&error), pairs(&[("CURRENT", "it is no regular file")]));
}

#[test]
fn a_blob_file_that_nothing_points_to_is_not_wanted() {
    let (_directory, mut database) = usual();
    let dead = FileNumber(3);
    database.apply(VersionEdit {
        blob_additions: vec![BlobFileAddition {
            number: dead,
            total_count: 1,
            total_bytes: 100,
            ..BlobFileAddition::default()
        }],
        ..VersionEdit::default()
    });
    let image = image(database.path());
    assert!(
        image
            .files
            .iter()
            .all(|file| file.name.number() != Some(dead) || file.size_bytes != 162)
    );
}
