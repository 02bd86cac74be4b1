//! A backup that nobody can read holds back every shared file.

use std::fs;
use std::time::Duration;

use stonekeep::engine::collect::{DEFAULT_MIN_AGE, GarbageKind};
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::fault_store::FaultStore;

use crate::collect::scene::*;

const FIRST: (u32, &[u64]) = (1, &[1, 2, 3]);
const SECOND: (u32, &[u64]) = (2, &[2, 3, 4]);

/// Two backups, and the private files of a third one whose meta file is still to be made.
fn put_two(store: &Store) {
    put_our_backup(store, FIRST.0, FIRST.1);
    put_our_backup(store, SECOND.0, SECOND.1);
    put_private(store, 3);
    put_table(store, 9);
}

fn assert_clean(store: &Store) {
    let report = engine(store).verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet);
    assert_eq!(report.unwrap().findings, []);
}

#[test]
fn what_cannot_be_read_holds_back_every_shared_file() {
    let newer = String::from_utf8(meta_text(3, &[1])).unwrap();
    let unsupported = format!("schema_version 3\n{newer}");
    let unknown_field = "schema_version 2.1\n1\n2\nni::future yes\n0\n";
    for meta in [
        "",
        "garbage\n",
        &newer[..newer.len() - 1],
        &unsupported,
        unknown_field,
    ] {
        let (_, store) = memory();
        put_two(&store);
        put(&store, "meta/3", meta.as_bytes());
        for report in [
            engine(&store).delete_backup(id(1), &Quiet).unwrap(),
            engine(&store).purge_old_backups(1, &Quiet).unwrap(),
            engine(&store).garbage_collect(Duration::ZERO, &Quiet).unwrap(),
        ] {
            let held = report.retaining_backups.first().unwrap();
            assert_eq!((held.id, report.retaining_backups.len()), (id(3), 1));
            let text = held.to_string();
            assert!(text.starts_with("retained because of meta/3: "), "{text}");
            assert!(text.ends_with("; `delete 3` releases it"), "{text}");
            assert!(!held.reason.is_empty(), "{text}");
            // Tables 1, which the deleted backup alone named, and 9, which nobody ever did.
            assert_eq!(report.retained.files, 2, "{meta:?}");
            let shared = |path: &str| path.starts_with("shared");
            assert!(!report.deleted_files.iter().any(|file| shared(&file.path)));
        }
        assert_eq!(engine(&store).backup_ids().unwrap(), [id(2), id(3)]);
        let left = files(&store);
        assert!(!left.contains("private/1/CURRENT") && left.contains("private/3/CURRENT"));

        let report = engine(&store).delete_backup(id(3), &Quiet).unwrap();
        assert_eq!((report.retaining_backups, report.too_young), (vec![], 1));
        let mut expected = files_of(&[SECOND]);
        expected.insert(table_path(9));
        assert_eq!(files(&store), expected);
        assert_clean(&store);
    }
}

#[test]
fn a_damaged_backup_of_ours_is_known_by_its_facts() {
    let (_, store) = memory();
    put_two(&store);
    put_facts(&store, 3, &[3, 9]);
    put(&store, "meta/3", b"damaged");
    let planned = engine(&store).plan_delete_backup(id(3), &Quiet).unwrap();
    let report = engine(&store).delete_backup(id(3), &Quiet).unwrap();
    assert_eq!(planned.deleted_files, report.deleted_files);
    let table = report
        .deleted_files
        .iter()
        .find(|file| file.path == table_path(9));
    assert_eq!(table.unwrap().why, GarbageKind::Unreferenced);
    assert_eq!(files(&store), files_of(&[FIRST, SECOND]));
}

#[test]
fn one_damaged_backup_is_deleted_while_another_holds_back() {
    let (_, store) = memory();
    put_two(&store);
    put(&store, "meta/3", b"damaged");
    put_private(&store, 4);
    put(&store, "meta/4", b"damaged, too");
    let report = engine(&store).delete_backup(id(3), &Quiet).unwrap();
    assert_eq!(report.retaining_backups.first().unwrap().id, id(4));
    assert!(!files(&store).contains("private/3/CURRENT"));
    assert!(files(&store).contains(&table_path(9)));
    assert!(files(&store).contains("private/4/CURRENT"));
}

#[test]
fn a_meta_file_that_the_disk_does_not_give_ends_the_run_before_it_began() {
    let (_, store) = memory();
    put_two(&store);
    put(&store, "meta/3", &meta_text(3, &[9]));
    let before = files(&store);
    let broken: Store = Store::from(FaultStore::unreadable(store.clone(), key("meta/3")));
    for error in [
        engine(&broken).delete_backup(id(1), &Quiet).unwrap_err(),
        engine(&broken).purge_old_backups(1, &Quiet).unwrap_err(),
        engine(&broken)
            .garbage_collect(DEFAULT_MIN_AGE, &Quiet)
            .unwrap_err(),
        engine(&broken)
            .plan_garbage_collect(DEFAULT_MIN_AGE, &Quiet)
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.one_line().contains("meta/3"), "{}", error.one_line());
    }
    assert_eq!(files(&store), before);

    // Deleting that very backup is the way out.
    engine(&broken).plan_delete_backup(id(3), &Quiet).unwrap();
    let report = engine(&broken).delete_backup(id(3), &Quiet).unwrap();
    assert_eq!(report.deleted_backups, [id(3)]);
    assert_eq!(engine(&store).backup_ids().unwrap(), [id(1), id(2)]);
    engine(&broken).garbage_collect(Duration::ZERO, &Quiet).unwrap();
    assert_eq!(files(&store), files_of(&[FIRST, SECOND]));
}

/// Whatever stands in the place of the meta file, and how to tell that it is gone.
fn deletes_what_stands_at_meta_3(make: impl Fn(&std::path::Path)) {
    let directory = tempfile::tempdir().unwrap();
    let store: Store = Store::from(LocalStore::new(directory.path()));
    put_two(&store);
    make(&directory.path().join("meta/3"));
    let report = engine(&store).delete_backup(id(1), &Quiet).unwrap();
    assert_eq!(report.retaining_backups.first().unwrap().id, id(3));
    assert!(directory.path().join(table_path(1)).exists());
    engine(&store).delete_backup(id(3), &Quiet).unwrap();
    assert!(!directory.path().join("private/3").exists());
    assert_eq!(engine(&store).backup_ids().unwrap(), [id(2)]);
    engine(&store).garbage_collect(Duration::ZERO, &Quiet).unwrap();
    assert_eq!(files(&store), files_of(&[SECOND]));
    assert_clean(&store);
}

#[test]
fn a_fifo_in_the_place_of_a_meta_file_is_deleted() {
    deletes_what_stands_at_meta_3(|path| {
        let mode = rustix::fs::Mode::from_raw_mode(0o644);
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
    });
}

#[test]
fn a_link_in_the_place_of_a_meta_file_is_deleted_not_followed() {
    let outside = tempfile::NamedTempFile::new().unwrap();
    deletes_what_stands_at_meta_3(|path| std::os::unix::fs::symlink(outside.path(), path).unwrap());
    assert!(outside.path().exists());
}

#[test]
fn an_empty_directory_in_the_place_of_a_meta_file_is_deleted_a_full_one_not() {
    deletes_what_stands_at_meta_3(|path| fs::create_dir(path).unwrap());

    let directory = tempfile::tempdir().unwrap();
    let store: Store = Store::from(LocalStore::new(directory.path()));
    put_two(&store);
    put(&store, "meta/3/photo", b"precious");
    let error = engine(&store).delete_backup(id(3), &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    engine(&store).garbage_collect(Duration::ZERO, &Quiet).unwrap();
    let left = files(&store);
    for path in ["meta/3/photo", "private/3/CURRENT", &table_path(9)] {
        assert!(left.contains(path), "{path}");
    }
}

#[test]
fn a_rename_that_left_both_names_is_finished() {
    let (_, store) = memory();
    put_two(&store);
    let meta = meta_text(1, FIRST.1);
    let record = format!("stonekeep/deleted/1-{:08x}", crc32c::crc32c(&meta));
    put(&store, &record, &meta);
    // Not deleted yet: the backup exists, and its record goes.
    engine(&store).garbage_collect(DEFAULT_MIN_AGE, &Quiet).unwrap();
    assert_clean(&store);
    assert!(!files(&store).contains(&record));
    put(&store, &record, &meta);
    engine(&store).delete_backup(id(1), &Quiet).unwrap();
    engine(&store).garbage_collect(Duration::ZERO, &Quiet).unwrap();
    assert_eq!(files(&store), files_of(&[SECOND]));
    assert_clean(&store);
}
