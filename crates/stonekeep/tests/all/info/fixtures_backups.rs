//! Repositories that real RocksDB engines wrote: listed, verified and extended.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use stonekeep::Quiet;
use stonekeep::engine::create::CreateReport;
use stonekeep::engine::info::{BackupState, InfoDetail};
use stonekeep::engine::verify::{VerifyLevel, VerifyReport, VerifyWhat};
use stonekeep::engine::{
    BackupEngine, BackupEngineOptions, BackupEngineReadOnly, CreateBackupOptions, MetaSchema,
};
use stonekeep::format::BackupId;
use stonekeep::format::backup_name::{NamingScheme, ShareFilesNaming};
use stonekeep::image::{Directory, SourceKind};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep_testkit::fixtures::{self, Fixture};

/// The options with which the fixture's engine worked; what its names are made of decides for engines without session ids.
pub(crate) fn options(fixture: &str) -> BackupEngineOptions {
    let plain = BackupEngineOptions::default().with_sync(false);
    match fixture {
        fixtures::ROCKSDB_11_8_LEGACY_NAMING => {
            plain.with_share_files_with_checksum_naming(ShareFilesNaming {
                scheme: NamingScheme::LegacyCrc32cAndFileSize,
                include_file_size: false,
            })
        }
        fixtures::ROCKSDB_11_8_SCHEMA_2 => plain.with_schema_version(MetaSchema::Two),
        fixtures::ROCKSDB_11_8_NO_SHARING => plain.with_share_table_files(false),
        fixtures::ROCKSDB_11_8_UNCHECKED_SHARING | fixtures::ROCKSDB_5_18_UNCHECKED_SHARING => {
            plain.with_share_files_with_checksum(false)
        }
        _ => plain,
    }
}

pub(crate) fn engine(repository: &Path, options: BackupEngineOptions) -> BackupEngine {
    BackupEngine::open(options, Store::from(LocalStore::new(repository))).unwrap()
}

pub(crate) fn reader(repository: &Path) -> BackupEngineReadOnly {
    BackupEngineReadOnly::open(
        BackupEngineOptions::default(),
        Store::from(LocalStore::new(repository)),
    )
    .unwrap()
}

fn verify(repository: &Path) -> VerifyReport {
    reader(repository)
        .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
        .unwrap()
}

#[test]
fn every_backup_is_listed_as_by_its_engine() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let all = reader(&fixture.repository())
            .get_all_backup_info(InfoDetail::Files)
            .unwrap();
        assert!(
            all.unknown_files.is_empty() && all.warnings.is_empty(),
            "{name}: {all:?}"
        );
        let expected = fixture.backups().unwrap();
        assert_eq!(all.backups.len(), expected.len(), "{name}");
        for (backup, expected) in all.backups.iter().zip(expected) {
            assert_eq!(backup.state, BackupState::Valid, "{name}");
            assert_eq!(backup.id.get(), expected.id, "{name}");
            assert_eq!(backup.timestamp_seconds, expected.timestamp, "{name}");
            assert_eq!(backup.size_bytes, Some(expected.size), "{name}");
            assert_eq!(backup.number_files, u64::from(expected.number_files), "{name}");
            assert_eq!(backup.app_metadata, expected.app_metadata, "{name}");
            let families = backup.column_families.as_ref().unwrap();
            assert_eq!(families[0].name, "default", "{name}");
            let version = backup.rocksdb_version.as_ref().unwrap();
            assert!(
                name.contains(&format!("rocksdb-{}", short(version))),
                "{name}: {version}"
            );
        }
    }
}

/// "11.8.1" is "11.8".
fn short(version: &str) -> &str {
    version.rsplit_once('.').unwrap().0
}

#[test]
fn every_backup_passes_verification_and_nothing_is_written() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let before = tree(&fixture.repository());
        for level in [VerifyLevel::Size, VerifyLevel::Checksum] {
            let report = reader(&fixture.repository())
                .verify_backups(VerifyWhat::All, level, &Quiet)
                .unwrap();
            assert!(report.is_clean(), "{name}: {:?}", report.findings);
            assert_eq!(report.backups.len(), 3, "{name}");
            let unverifiable = report.backups.iter().map(|backup| backup.unverifiable.len());
            assert_eq!(unverifiable.sum::<usize>(), 0, "{name}");
        }
        assert_eq!(tree(&fixture.repository()), before, "{name}");
    }
}

/// Every file below a directory, with its bytes.
pub(crate) fn tree(root: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut found, mut directories) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path)
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_flipped_byte_is_found_with_the_backups_that_it_touches() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let repository = fixture.repository();
        for (path, bytes) in tree(&repository) {
            let mut flipped = bytes.clone();
            // CURRENT without its newline at the end is another kind of damage, so not the last byte.
            let Some(byte) = flipped.get_mut(bytes.len() / 2) else {
                continue;
            };
            *byte ^= 0x10;
            fs::write(repository.join(&path), &flipped).unwrap();
            let report = verify(&repository);
            assert!(!report.is_clean(), "{name}: {path}");
            if let Some(id) = path.strip_prefix("private/") {
                let id: u32 = id.split_once('/').unwrap().0.parse().unwrap();
                let touched: BTreeSet<u32> = report
                    .findings
                    .iter()
                    .flat_map(|finding| finding.backups.iter().map(|id| id.get()))
                    .collect();
                assert_eq!(touched, [id].into(), "{name}: {path}");
            }
            fs::write(repository.join(&path), &bytes).unwrap();
        }
        assert!(verify(&repository).is_clean(), "{name}");
    }
}

fn extend(fixture: &Fixture, options: BackupEngineOptions) -> CreateReport {
    engine(&fixture.repository(), options)
        .create_new_backup(
            &Directory::new(fixture.database(), SourceKind::Closed),
            &CreateBackupOptions::default(),
            &Quiet,
        )
        .unwrap()
}

#[test]
fn every_repository_is_extended_and_stores_nothing_twice() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let before = tree(&fixture.repository());
        let known = shared_files(&reader(&fixture.repository()), 3);
        let report = extend(&fixture, options(name));
        let wanted = shared_files(&reader(&fixture.repository()), 4);
        assert_eq!(
            report.files_reused,
            wanted.intersection(&known).count() as u64,
            "{name}"
        );
        assert!(
            report.tables_opened <= tables_to_open(name, &wanted, &known),
            "{name}: {report:?}"
        );
        assert_eq!(report.backup_id.get(), 4, "{name}");
        let after = tree(&fixture.repository());
        assert!(before.iter().all(|file| after.contains(file)), "{name}");
        let shared: Vec<String> = after
            .iter()
            .filter(|(path, _)| path.starts_with("shared"))
            .map(|(path, _)| restored_name(path))
            .collect();
        assert_eq!(
            shared.iter().collect::<BTreeSet<_>>().len(),
            shared.len(),
            "{name}: {shared:?}"
        );
        let again = extend(&fixture, options(name));
        assert_eq!(again.tables_opened, 0, "{name}");
        assert_eq!(again.files_reused, wanted.len() as u64, "{name}");
        let verified = verify(&fixture.repository());
        assert!(verified.is_clean(), "{name}: {:?}", verified.findings);
        assert_eq!(verified.backups.len(), 5, "{name}");
    }
}

/// The names in the database of tables and blobs that a backup shares with others.
fn shared_files(reader: &BackupEngineReadOnly, id: u32) -> BTreeSet<String> {
    let info = reader
        .get_backup_info(BackupId::new(id).unwrap(), InfoDetail::Files)
        .unwrap();
    let files = info.files.unwrap().into_iter();
    files
        .filter(|file| file.path.starts_with("shared") && !file.excluded)
        .map(|file| file.restored_name)
        .collect()
}

/// Engines before 7.3 write no unique ids into the MANIFEST, so each table tells its session itself, unless nobody asks;
/// since then that is needed once for each session that the repository does not know.
fn tables_to_open(fixture: &str, wanted: &BTreeSet<String>, known: &BTreeSet<String>) -> u64 {
    match fixture {
        fixtures::ROCKSDB_5_18 | fixtures::ROCKSDB_6_11 => wanted.len() as u64,
        fixtures::ROCKSDB_7_8 => wanted.difference(known).count() as u64,
        _ => 0,
    }
}

/// `shared_checksum/000012_s3ABC_1033.sst` is `000012.sst`.
pub(crate) fn restored_name(path: &str) -> String {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    match name.split_once('_') {
        Some((number, rest)) => format!("{number}.{}", rest.rsplit_once('.').unwrap().1),
        None => name.to_owned(),
    }
}
