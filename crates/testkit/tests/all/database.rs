//! The files of fake databases follow their formats, and are the same in each run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use stonekeep_format::checksum::crc32c;
use stonekeep_format::log::LogScanner;
use stonekeep_format::manifest::{DatabaseState, VersionEdit, parse_current};
use stonekeep_format::sst::read_properties;
use stonekeep_format_testkit::log::scan;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

/// Name and content of every file.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect()
}

/// What the MANIFEST on disk adds up to.
fn state_on_disk(database: &FakeDatabase) -> DatabaseState {
    let current = fs::read(database.path().join("CURRENT")).unwrap();
    let number = parse_current(&current).unwrap();
    let manifest = fs::read(database.path().join(format!("MANIFEST-{:06}", number.0))).unwrap();
    let (records, end) = scan(LogScanner::manifest(), &manifest).unwrap();
    assert!(end.is_clean());
    let mut state = DatabaseState::default();
    for record in records {
        let edit = VersionEdit::decode(&record.payload, record.offset).unwrap();
        state.apply(edit, record.offset).unwrap();
    }
    state.check_complete(manifest.len() as u64).unwrap();
    state
}

fn busy_database(path: &Path) -> FakeDatabase {
    let mut database = DatabaseBuilder::new()
        .column_family("meta")
        .file_checksums()
        .track_wals()
        .create(path);
    let family = *database.state().column_families().keys().next_back().unwrap();
    database.add_tables(3, 5_000);
    database.add_table(family, 2_000);
    database.add_blob(1_000);
    database.write(10);
    database.switch_wal();
    database.write(5);
    database
}

#[test]
fn the_manifest_on_disk_is_the_state() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = busy_database(&directory.path().join("db"));
    assert_eq!(&state_on_disk(&database), database.state());
    assert_eq!(database.state().live_tables().count(), 5);
    database.compact();
    database.create_column_family("more");
    assert_eq!(&state_on_disk(&database), database.state());
    let session = database.session_id();
    database.reopen();
    assert_ne!(database.session_id(), session);
    let state = state_on_disk(&database);
    assert_eq!(state.column_families(), database.state().column_families());
    assert_eq!(state.live_blobs().count(), 1);
    assert_eq!(state.min_wal_to_keep(), database.wal_number());
    assert_eq!(state.db_id(), Some(database.database_id().as_bytes()));
}

#[test]
fn the_directory_holds_the_live_files_and_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = busy_database(&directory.path().join("db"));
    database.compact();
    database.reopen();
    database.reopen();
    let names: Vec<String> = files(database.path()).into_keys().collect();
    let count = |suffix: &str| names.iter().filter(|name| name.ends_with(suffix)).count();
    assert_eq!(count(".sst"), database.state().live_tables().count());
    assert_eq!(count(".blob"), 1);
    assert_eq!(count(".log"), 1);
    let starting = |prefix: &str| names.iter().filter(|name| name.starts_with(prefix)).count();
    assert_eq!(starting("MANIFEST-"), 1);
    assert_eq!(starting("OPTIONS-"), 2);
    assert_eq!(starting("LOG"), 3);
}

#[test]
fn tables_have_their_size_checksum_and_identity() {
    let directory = tempfile::tempdir().unwrap();
    let database = busy_database(&directory.path().join("db"));
    for table in database.state().live_tables() {
        let bytes = fs::read(database.table_path(table.file.number, 0)).unwrap();
        assert_eq!(bytes.len() as u64, table.file.size_bytes);
        let checksum = crc32c(&bytes).0.to_be_bytes();
        assert_eq!(table.file.checksum.as_ref().unwrap().value, checksum);
        let properties = read_properties(bytes.len() as u64, &mut |offset, length| {
            Ok(bytes[offset as usize..offset as usize + length].to_vec())
        });
        assert_eq!(properties.unwrap().unique_id(), table.file.unique_id);
    }
}

#[test]
fn wals_contain_complete_records() {
    let directory = tempfile::tempdir().unwrap();
    let mut database = busy_database(&directory.path().join("db"));
    let before = database.sequence_number();
    database.write(7);
    assert_eq!(database.sequence_number().0, before.0 + 7);
    let bytes = fs::read(database.wal_path(database.wal_number())).unwrap();
    let (records, end) = scan(LogScanner::wal(database.wal_number()), &bytes).unwrap();
    assert!(end.is_clean());
    assert_eq!(records.len(), 2);
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| directory.path().join(name));
    for path in [&one, &two] {
        busy_database(path).reopen();
    }
    assert_eq!(files(&one), files(&two));
}
