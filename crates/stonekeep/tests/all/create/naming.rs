//! Names of stored files, by every option that decides them.

use std::collections::BTreeSet;
use std::fs;

use stonekeep::engine::BackupEngineOptions;
use stonekeep::engine::create::CreateReport;
use stonekeep::format::Crc32c;
use stonekeep::format::backup_name::{NamingScheme, ShareFilesNaming};
use stonekeep_testkit::database::DatabaseBuilder;

use crate::support::scene::{Scene, assert_valid, memory, named, options};

/// All ways to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    SessionAndSize,
    Session,
    Legacy,
    LegacyAndSize,
    Unchecked,
    Private,
}

const WAYS: [Way; 6] = [
    Way::SessionAndSize,
    Way::Session,
    Way::Legacy,
    Way::LegacyAndSize,
    Way::Unchecked,
    Way::Private,
];

impl Way {
    fn options(self) -> BackupEngineOptions {
        let naming = |scheme, include_file_size| {
            options().with_share_files_with_checksum_naming(ShareFilesNaming {
                scheme,
                include_file_size,
            })
        };
        match self {
            Way::SessionAndSize => options(),
            Way::Session => naming(NamingScheme::UseDbSessionId, false),
            Way::Legacy => naming(NamingScheme::LegacyCrc32cAndFileSize, false),
            Way::LegacyAndSize => naming(NamingScheme::LegacyCrc32cAndFileSize, true),
            Way::Unchecked => options().with_share_files_with_checksum(false),
            Way::Private => options().with_share_table_files(false),
        }
    }

    /// The path of a table or blob as RocksDB's engine would give it.
    fn path(self, scene: &Scene, backup: u32, name: &str) -> String {
        let bytes = fs::read(scene.database.path().join(name)).unwrap();
        let (number, extension) = name.split_once('.').unwrap();
        let (size, session) = (bytes.len(), scene.database.session_id());
        let Crc32c(crc) = stonekeep::format::checksum::crc32c(&bytes);
        match self {
            Way::Unchecked => format!("shared/{name}"),
            Way::Private => format!("private/{backup}/{name}"),
            Way::SessionAndSize if extension == "sst" => {
                format!("shared_checksum/{number}_s{session}_{size}.sst")
            }
            Way::Session if extension == "sst" => format!("shared_checksum/{number}_s{session}.sst"),
            _ => format!("shared_checksum/{number}_{crc}_{size}.{extension}"),
        }
    }

    /// Whether two ways give tables the same names.
    fn same_tables(self, other: Way) -> bool {
        let legacy = |way| matches!(way, Way::Legacy | Way::LegacyAndSize);
        self == other || legacy(self) && legacy(other)
    }
}

/// Tables and blobs of a database.
fn shareable(scene: &Scene) -> Vec<String> {
    let names = fs::read_dir(scene.database.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.ends_with(".sst") || name.ends_with(".blob"))
        .collect()
}

fn expected(scene: &Scene, way: Way, backup: u32) -> BTreeSet<String> {
    shareable(scene)
        .iter()
        .map(|name| way.path(scene, backup, name))
        .collect()
}

/// Paths that end as tables and blobs do.
fn tables_and_blobs(paths: BTreeSet<String>) -> BTreeSet<String> {
    let wanted = |path: &String| path.ends_with(".sst") || path.ends_with(".blob");
    paths.into_iter().filter(wanted).collect()
}

fn warnings(report: &CreateReport) -> String {
    let warnings: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
    warnings.join("\n")
}

#[test]
fn every_naming_gives_the_names_that_rocksdb_gives() {
    for way in WAYS {
        let scene = Scene::new();
        let store = memory();
        let report = scene.create_with(&store, way.options()).unwrap();
        assert_eq!(
            tables_and_blobs(named(&store, 1)),
            expected(&scene, way, 1),
            "{way:?}"
        );
        assert_eq!(
            way == Way::Unchecked,
            warnings(&report).contains("share_files_with_checksum is off")
        );
        assert_valid(&store, &[1], &format!("{way:?}"));
    }
}

#[test]
fn a_session_that_legacy_names_did_not_need_is_asked_for_later() {
    let mut scene = Scene::new();
    let store = memory();
    scene.create_with(&store, Way::Legacy.options()).unwrap();
    scene.change();
    scene.create_with(&store, Way::SessionAndSize.options()).unwrap();
    assert_eq!(
        tables_and_blobs(named(&store, 2)),
        expected(&scene, Way::SessionAndSize, 2)
    );
}

#[test]
fn every_naming_after_every_other_reports_what_it_stores_again() {
    for (first, second) in WAYS.iter().flat_map(|first| WAYS.map(|second| (*first, second))) {
        let when = format!("{first:?}, then {second:?}");
        for database in [DatabaseBuilder::new(), DatabaseBuilder::new().file_checksums()] {
            let scene = Scene::with(database);
            let store = memory();
            scene.create_with(&store, first.options()).unwrap();
            let report = scene.create_with(&store, second.options()).unwrap();
            assert_eq!(
                tables_and_blobs(named(&store, 2)),
                expected(&scene, second, 2),
                "{when}"
            );
            assert_valid(&store, &[1, 2], &when);
            let again = warnings(&report).contains("stored again");
            let private = second == Way::Private && first == Way::Private;
            assert_eq!(
                again,
                !first.same_tables(second) && !private,
                "{when}: {}",
                warnings(&report)
            );
            let reused = if first.same_tables(second) && second != Way::Private {
                5
            } else {
                0
            };
            // Blobs have one name in `shared_checksum/`, whatever tables have.
            let in_checksum = |way| !matches!(way, Way::Unchecked | Way::Private);
            let blobs = u64::from(in_checksum(first) && in_checksum(second));
            assert_eq!(report.files_reused, reused.max(blobs), "{when}");
        }
    }
}

#[test]
fn no_name_without_a_suffix_is_in_shared_checksum() {
    for way in WAYS {
        let scene = Scene::with(DatabaseBuilder::new().without_unique_ids());
        let store = memory();
        scene.create_with(&store, way.options()).unwrap();
        for name in crate::support::scene::names(&store, "shared_checksum") {
            assert!(name.contains('_'), "{way:?}: {name}");
        }
    }
}
