//! Every committed fixture is complete.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use stonekeep_testkit::fixtures::{self, Fixture};

fn names(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn each_committed_archive_is_listed() {
    let committed = names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"));
    let archives: BTreeSet<_> = committed
        .iter()
        .filter_map(|name| name.strip_suffix(".tar.zst"))
        .collect();
    assert_eq!(archives, BTreeSet::from(fixtures::ALL));
}

#[test]
fn each_fixture_has_a_database_and_three_backups() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let backups = fixture.backups().unwrap();
        assert_eq!(
            backups.iter().map(|backup| backup.id).collect::<Vec<_>>(),
            [1, 2, 3],
            "{name}"
        );
        assert_eq!(
            names(&fixture.repository().join("meta")),
            ["1", "2", "3"].map(str::to_owned).into(),
            "{name}"
        );
        assert!(fixture.database().join("CURRENT").is_file(), "{name}");
        for backup in &backups {
            assert!(
                backup.size > 0 && backup.number_files > 3 && backup.timestamp > 0,
                "{name}: {backup:?}"
            );
            assert!(
                fixture
                    .backup_contents(backup.id)
                    .unwrap()
                    .starts_with("cf default\n"),
                "{name}"
            );
        }
        assert!(
            fixture.database_contents().unwrap().contains("cf second\n"),
            "{name}"
        );
    }
}

#[test]
fn app_metadata_is_reported_byte_for_byte() {
    let backups = Fixture::unpack(fixtures::ROCKSDB_11_8)
        .unwrap()
        .backups()
        .unwrap();
    let metadata: Vec<_> = backups
        .iter()
        .map(|backup| backup.app_metadata.as_slice())
        .collect();
    assert_eq!(metadata, [b"first".as_slice(), b"\0binary\xff\n", b""]);
}

#[test]
fn excluded_files_are_only_in_the_alternate_repository() {
    let fixture = Fixture::unpack(fixtures::ROCKSDB_11_8_SCHEMA_2).unwrap();
    let meta = fs::read_to_string(fixture.repository().join("meta/2")).unwrap();
    let excluded = meta
        .lines()
        .find_map(|line| line.strip_suffix(" ni::excluded true"))
        .unwrap();
    assert!(!fixture.repository().join(excluded).exists());
    assert!(fixture.alternate().join(excluded).is_file());
}

#[test]
fn an_unknown_fixture_is_an_error() {
    assert_eq!(
        Fixture::unpack("rocksdb-0.1").unwrap_err().kind(),
        std::io::ErrorKind::NotFound
    );
}

#[test]
fn the_sample_has_both_states() {
    for state in [1, 2] {
        assert!(fixtures::sample_state(state).join("CURRENT").is_file());
    }
}
